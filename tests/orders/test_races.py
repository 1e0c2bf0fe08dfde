"""An order whose buyer cancels, or whose time runs out, just as its payment arrives. Their guards: tests/races.toml."""

import asyncio

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.services.orders import service, store
from bodega.services.orders.domain import Order
from bodega.services.orders.errors import AlreadyPaid
from tests.locks import somebody_waits
from tests.orders.making import wanted

pytestmark = pytest.mark.service


async def placed(database: Database) -> Order:
    """An order that waits for its payment."""
    async with database.transaction() as tx:
        return await service.create(tx, wanted(), actor="checkout")


async def pay(database: Database, order: Order) -> Order:
    """What the event of its payment does."""
    async with database.transaction() as tx:
        return await service.accept_payment(tx, order.id, new_id("pay"), order.totals.total, cause="authorized")


async def expire(database: Database, order: Order) -> Order | None:
    """What checkout asks for when the time to pay is over."""
    async with database.transaction() as tx:
        return await service.cancel(
            tx, order.id, "checkout_expired", only_unpaid=True, cause="request", actor="checkout"
        )  # fmt: skip


async def kept(database: Database, order: Order) -> tuple[str, list[str]]:
    """Its state and its history."""
    async with database.reading() as tx:
        notes = [entry.note for entry in await store.history_of(tx, order.id)]
        return (await store.get_order(tx, order.id)).state, notes


async def test_a_payment_that_arrives_while_its_order_is_being_cancelled_does_not_revive_it(database: Database) -> None:
    """The cancellation is not committed before the payment's event waits for it, or has read the order without."""
    order = await placed(database)
    async with database.transaction() as tx:
        await service.cancel(tx, order.id, "customer_request", only_unpaid=False, cause="request", actor="guest")
        paying = asyncio.create_task(pay(database, order))
        await somebody_waits(database)
    (outcome,) = await asyncio.gather(paying, return_exceptions=True)
    state, notes = await kept(database, order)
    assert state == "cancelled", "an order that was cancelled is paid after all"
    assert isinstance(outcome, Order), "the payment failed instead of being given up"
    assert notes == ["created", "cancelled: customer_request", "payment_after_cancellation"]


async def test_a_clock_that_runs_out_while_a_payment_is_being_accepted_ends_nothing(database: Database) -> None:
    """The payment is not committed before the clock's request waits for it, or has read the order without."""
    order = await placed(database)
    async with database.transaction() as tx:
        await service.accept_payment(tx, order.id, new_id("pay"), order.totals.total, cause="authorized")
        expiring = asyncio.create_task(expire(database, order))
        await somebody_waits(database)
    (outcome,) = await asyncio.gather(expiring, return_exceptions=True)
    state, notes = await kept(database, order)
    assert state == "paid", "the clock has cancelled an order that was paid"
    assert isinstance(outcome, AlreadyPaid), "the clock's request was not refused as already paid"
    assert notes == ["created", "payment_accepted"]
