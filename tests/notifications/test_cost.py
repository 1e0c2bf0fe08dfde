"""What an ordinary order costs here, counted."""

from collections import Counter
from typing import Any

import pytest

from bodega.contracts.envelope import event
from bodega.contracts.ids import new_id
from bodega.contracts.inventory import InventoryReserved
from bodega.kit.db import Database
from bodega.kit.flow import Flows
from bodega.kit.http import Client
from bodega.services.notifications.clients import Goods, Links, Mailer, Twilio
from bodega.services.notifications.consumers import heard_with
from bodega.services.notifications.flows import Mailing
from bodega.services.notifications.settings import Settings
from bodega.services.notifications.templates import Writer
from tests.counting import COUNTED, cost_of
from tests.events import received
from tests.notifications.conftest import LINK_SECRET, Mailbox
from tests.notifications.making import paid, somebody, stock_is

pytestmark = pytest.mark.service


async def test_an_ordinary_order_costs_nine_round_trips_and_one_commit(
    settings: Settings, database: Database, mailbox: Mailbox
) -> None:
    """Its payment and its mail. That goods are reserved is passed over. The statements by which the inbox lets events
    in, and the claim of the flow, are the kit's and come on top."""
    nobody = Client("notifications", "nobody", "")
    steps = Mailing(
        database, Links(nobody), Goods(nobody, nobody), Mailer(settings), Twilio(settings),
        Writer(settings, LINK_SECRET), settings,
    )  # fmt: skip
    # A kind of its own: nobody else drives it.
    mailing = Flows(
        database, "counted", {"send": steps.send}, service=COUNTED, owner="test", lease_seconds=60,
        step_deadline_seconds=50,
    )  # fmt: skip
    hears = {one.name: one for one in heard_with(mailing, settings)}
    ada, sku, product = somebody(), new_id("MUG"), new_id("prd")
    facts = stock_is(sku, product, 3, 4, before=5).data.model_dump()
    reserved = event(
        InventoryReserved.model_validate({**facts, "reservation_id": new_id("res"), "quantity": 2}),
        subject=sku, sequence=4,
    )  # fmt: skip
    assert not hears["InventoryReserved"].concerns(received(reserved))

    async def hear(fact: Any) -> None:
        async with database.transaction() as tx:
            await hears[fact.type].handler(tx, received(fact))

    costs = {"paid": await cost_of(lambda: hear(paid(new_id("ord"), ada)))}
    async with database.reading() as tx:
        held = await mailing.claim(await tx.fetchval("SELECT id FROM notification WHERE recipient = $1", ada))
    assert held is not None
    costs["mail"] = await cost_of(lambda: mailing.drive(held))
    await mailbox.gets(ada)
    assert {step: (cost["sql"], cost["commit"]) for step, cost in costs.items()} == {
        "paid": (4, 1), "mail": (5, 0),
    }  # fmt: skip
    in_all = sum(costs.values(), Counter[str]())
    assert (in_all["sql"], in_all["commit"]) == (9, 1)
