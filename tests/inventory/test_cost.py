"""What an ordinary order costs here, counted; and that what is done in one statement is still done once, and only to
what may have it done."""

import asyncio

import pytest

from bodega.contracts.catalog import ProductUpdated
from bodega.contracts.envelope import event
from bodega.contracts.ids import new_id
from bodega.contracts.inventory import ReserveRequest
from bodega.kit.bus import Message
from bodega.kit.db import Database
from bodega.kit.inbox import Inbox
from bodega.services.inventory import service, store
from bodega.services.inventory.consumers import HEARS
from bodega.services.inventory.errors import PaidWithoutStock
from tests.counting import COUNTED, cost_of
from tests.inventory.making import request, standing, stocked
from tests.inventory.test_events import product
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


def told(product_id: str, skus: list[str], version: int) -> Message:
    fact = event(ProductUpdated(product=product(skus[0], version, product_id)), subject=product_id, sequence=version)
    variant = fact.data.product.variants[0]
    fact.data.product.variants[:] = [variant.model_copy(update={"sku": sku}) for sku in skus]
    return Message("catalog", fact.key, fact.to_bytes(), {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})


async def owners(database: Database, skus: list[str]) -> list[str | None]:
    async with database.reading() as tx:
        known = await store.find_stock(tx, skus)
    return [known[sku].product_id for sku in skus]


async def test_products_that_are_new_are_learnt_together_each_with_two_statements(database: Database) -> None:
    inbox = Inbox(database, COUNTED, {one.name: one for one in HEARS})
    ids = [new_id("prd") for _ in range(5)]
    skus = [[f"{one}-{place}" for place in range(3)] for one in ids]
    news = [told(one, of_it, 1) for one, of_it in zip(ids, skus, strict=True)]
    cost = await cost_of(lambda: inbox.receive_some(news))
    assert (cost["commit"], cost["sql"]) == (1, 3 + 2 * 5)  # BEGIN, COMMIT and what lets them in
    for one, of_it in zip(ids, skus, strict=True):
        assert await owners(database, of_it) == [one] * 3
    again = [told(one, [*of_it, f"{one}-more"], 2) for one, of_it in zip(ids, skus, strict=True)]
    assert (await cost_of(lambda: inbox.receive_some(again)))["commit"] == 1
    assert await owners(database, [f"{one}-more" for one in ids]) == ids


@pytest.mark.parametrize("first", ["gives", "takes"])
async def test_a_sku_that_moves_is_learnt_of_alone_since_buyers_may_wait_for_it(database: Database, first: str) -> None:
    inbox = Inbox(database, COUNTED, {one.name: one for one in HEARS})
    giver, taker, other = (new_id("prd") for _ in range(3))
    stays, moves = f"{giver}-stays", f"{giver}-moves"
    assert await inbox.receive_some([told(giver, [stays, moves], 1)]) == 1
    gives, takes = told(giver, [stays], 2), told(taker, [moves], 1)
    news = [gives, takes] if first == "gives" else [takes, gives]
    cost = await cost_of(lambda: inbox.receive_some([told(other, [other], 1), *news]))
    assert cost["commit"] == 3
    assert await owners(database, [stays, moves, other]) == [giver, taker, other]
