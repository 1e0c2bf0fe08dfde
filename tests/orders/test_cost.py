"""What an ordinary order costs here, counted; and that what is merged into one statement still judges the order as it
stands when it is written."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from bodega.contracts.ids import new_id
from bodega.contracts.money import Price
from bodega.kit.db import Database, Transaction
from bodega.kit.testing import Caller
from bodega.services.orders import service, store
from bodega.services.orders.errors import OrderIsCancelled
from tests.counting import cost_of
from tests.locks import somebody_waits
from tests.orders.making import wanted

pytestmark = pytest.mark.service

TOTAL = Price(amount=2890, currency="EUR")

Work = Callable[[], Awaitable[object]]


def within(database: Database, use_case: Callable[[Transaction], Awaitable[object]]) -> Work:
    """As a door opens it."""

    async def taken() -> None:
        async with database.transaction() as tx:
            await use_case(tx)

    return taken


async def test_an_ordinary_order_costs_twenty_round_trips_and_five_commits(database: Database) -> None:
    """The statement by which the inbox lets an event in, and those of the relay, are the kit's and come on top."""
    order, payment, shipment = wanted(), new_id("pay"), new_id("shp")
    id = order.order_id
    costs = {
        "create": await cost_of(within(database, lambda tx: service.create(tx, order, actor="checkout"))),
        "pay": await cost_of(
            within(database, lambda tx: service.accept_payment(tx, id, payment, TOTAL, cause="authorized"))
        ),
        "capture": await cost_of(within(database, lambda tx: service.note_captured(tx, id, payment, cause="captured"))),
        "begin": await cost_of(
            lambda: service.begin_fulfilment(database, id, capture_first=True, cause=shipment, actor="shipping")
        ),
        "label": await cost_of(
            within(database, lambda tx: service.label(tx, id, "Parcel", "SP1", "http://track/SP1", cause="created"))
        ),
    }
    assert {step: (cost["sql"], cost["commit"], cost["event"]) for step, cost in costs.items()} == {
        "create": (5, 1, 1), "pay": (5, 1, 1), "capture": (4, 1, 0), "begin": (2, 1, 0), "label": (4, 1, 0),
    }  # fmt: skip
    in_all = sum(costs.values(), Counter[str]())
    assert (in_all["sql"], in_all["commit"]) == (20, 5)
    async with database.reading() as tx:
        notes = [entry.note for entry in await store.history_of(tx, id)]
    assert notes == ["created", "payment_accepted", "payment_captured", "fulfilment_begun", "labelled"]


async def test_shipping_that_asks_too_early_costs_one_read_and_no_lock(database: Database, checkout: Caller) -> None:
    order = wanted()
    await within(database, lambda tx: service.create(tx, order, actor="checkout"))()
    path = f"/internal/orders/{order.order_id}/begin-fulfilment"
    async with database.transaction() as tx:
        await store.lock_order(tx, order.order_id)
        answer = await checkout.post(path, {"shipment_id": new_id("shp")})
    assert (answer.status, answer.code) == (409, "order_not_paid")


async def test_an_order_that_is_cancelled_while_shipping_asks_is_not_sent(database: Database) -> None:
    order, payment = wanted(), new_id("pay")
    id = order.order_id
    await within(database, lambda tx: service.create(tx, order, actor="checkout"))()
    await within(database, lambda tx: service.accept_payment(tx, id, payment, TOTAL, cause="authorized"))()
    await within(database, lambda tx: service.note_captured(tx, id, payment, cause="captured"))()
    async with database.transaction() as tx:
        await service.cancel(tx, id, "customer_request", only_unpaid=False, cause="request", actor="guest")
        asked = asyncio.create_task(
            service.begin_fulfilment(database, id, capture_first=True, cause=new_id("shp"), actor="shipping")
        )
        await somebody_waits(database)  # it has read the order as it was, and judged that it may be sent
    with pytest.raises(OrderIsCancelled):
        await asked
    async with database.reading() as tx:
        assert (await store.get_order(tx, id)).state == "cancelled"
        assert [entry.note for entry in await store.history_of(tx, id)][-1] == "cancelled: customer_request"


async def test_ten_who_ask_at_once_whether_it_may_be_sent_are_told_yes_and_it_begins_once(database: Database) -> None:
    order, payment = wanted(), new_id("pay")
    id, shipment = order.order_id, new_id("shp")
    await within(database, lambda tx: service.create(tx, order, actor="checkout"))()
    await within(database, lambda tx: service.accept_payment(tx, id, payment, TOTAL, cause="authorized"))()
    begun = await asyncio.gather(
        *(
            service.begin_fulfilment(database, id, capture_first=False, cause=shipment, actor="shipping")
            for _ in range(10)
        )
    )
    assert {one.state for one in begun} == {"fulfilling"}
    async with database.reading() as tx:
        assert [entry.note for entry in await store.history_of(tx, id)].count("fulfilment_begun") == 1
