"""A parcel that the carrier takes just as the merchant asks for another label. Its guards: tests/races.toml."""

import asyncio
from datetime import UTC, datetime

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Topics
from bodega.services.shipping import service
from tests.locks import somebody_waits
from tests.shipping.conftest import World, becomes
from tests.shipping.making import paid

pytestmark = pytest.mark.service


async def test_a_parcel_that_is_handed_over_while_another_label_is_asked_for_keeps_its_own(
    merchant: Caller, world: World, topics: Topics, database: Database
) -> None:
    """The scan is not committed before the merchant's request waits for it, or has read the shipment without."""
    order = new_id("ord")
    await topics.publish(paid(order))
    shipment = await becomes(merchant, order, state="labelled", label_ready=True)
    async with database.transaction() as tx:
        await service.scan(tx, new_id("scn"), shipment["id"], "picked_up", datetime.now(UTC), "Berlin")
        asking = asyncio.create_task(merchant.post(f"/admin/shipments/{shipment['id']}/relabel"))
        await somebody_waits(database)
    answer = await asking
    seen = (await merchant.get(f"/admin/shipments/{shipment['id']}")).json
    kept = (seen["state"], seen["status"], seen["tracking_number"])
    assert kept == ("labelled", "picked_up", shipment["tracking_number"]), "a parcel on its way has lost its label"
    assert answer.status == 409, "the merchant's request was not refused as too late"
    assert answer.code == "already_handed_over"
    assert [label["status"] for label in await world.sold(order)] == ["label_created"]
