"""What an ordinary order costs here, counted; and that what is done in one statement is still done once, and only to
what may have it done."""

import asyncio

import pytest

from bodega.contracts.inventory import ReserveRequest
from bodega.kit.db import Database
from bodega.services.inventory import service, store
from bodega.services.inventory.errors import PaidWithoutStock
from tests.counting import cost_of
from tests.inventory.making import request, standing, stocked
from tests.locks import somebody_waits

pytestmark = pytest.mark.service


async def reserved(database: Database, sku: str) -> str:
    """A reservation of two."""
    wanted = ReserveRequest.model_validate(request((sku, 2)))
    await service.reserve(database, wanted, actor="checkout")
    return wanted.reservation_id


async def commit(database: Database, reservation_id: str) -> None:
    async with database.transaction() as tx:
        await service.commit(tx, reservation_id, cause="paid")


async def test_an_ordinary_order_costs_four_round_trips_and_two_transactions_that_write(database: Database) -> None:
    """The statement by which the inbox lets an event in, and those of the relay, are the kit's and come on top."""
    wanted = ReserveRequest.model_validate(request((await stocked(database, 5), 2), (await stocked(database, 5), 1)))
    id = wanted.reservation_id
    costs = [
        await cost_of(lambda: service.reserve(database, wanted, actor="checkout")),
        await cost_of(lambda: commit(database, id)),
    ]
    assert [(cost["sql"], cost["commit"]) for cost in costs[1:]] == [(3, 1)]
    assert costs[0]["sql"] == 1
    assert [await standing(database, line.sku) for line in wanted.lines] == [(3, 0), (4, 0)]
    async with database.reading() as tx:
        assert [entry.movement for entry in await store.ledger_of(tx, wanted.lines[0].sku, before=None, limit=2)] == [
            "committed", "reserved",
        ]  # fmt: skip


async def test_an_order_that_is_paid_twice_at_once_takes_its_units_once(database: Database) -> None:
    sku = await stocked(database, 5)
    id = await reserved(database, sku)
    async with database.transaction() as tx:
        await service.commit(tx, id, cause="paid")
        again = asyncio.create_task(commit(database, id))
        await somebody_waits(database)
    await again
    assert await standing(database, sku) == (3, 0)


async def test_what_ends_while_its_order_is_paid_takes_no_other_stock(database: Database) -> None:
    sku = await stocked(database, 5)
    id = await reserved(database, sku)
    async with database.transaction() as tx:
        await service.release(tx, id, actor="checkout")
        late = asyncio.create_task(commit(database, id))
        await somebody_waits(database)
    with pytest.raises(PaidWithoutStock):
        await late
    assert await standing(database, sku) == (5, 0)
