"""A SKU belongs to the product that has it now, whatever order the news comes in."""

import asyncio

import pytest
from hypothesis import HealthCheck, example, given, settings

from bodega.contracts.catalog import Product
from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.testing import eventually
from bodega.services.inventory import store
from tests.catalog.moving import Step, Told, World, steps
from tests.locks import locks_awaited

pytestmark = pytest.mark.service


async def owner_of(database: Database, sku: str) -> str | None:
    async with database.transaction() as tx:
        return (await store.find_stock(tx, [sku]))[sku].product_id


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(history=[("move", 0, 0), ("move", 0, 1), ("edit", 0, 0)])
@given(history=steps())
async def test_in_the_end_every_sku_is_the_products_that_the_catalog_says(
    database: Database, history: list[Step]
) -> None:
    heard: set[str] = set()

    async def receive(told: Told) -> None:
        product_id, skus = (
            (told.id, [variant.sku for variant in told.variants])
            if isinstance(told, Product)
            else (told.product_id, told.skus)
        )
        heard.update(skus)
        async with database.transaction() as tx:
            await store.learn_product(tx, product_id, skus, told.version)

    world = World(receive)
    for step in history:
        await world.step(step)
    await world.end()
    assert {sku: await owner_of(database, sku) for sku in heard} == {sku: world.known_owner(sku) for sku in heard}


@pytest.mark.parametrize("first", ["gives up", "claims"])
async def test_two_products_that_are_heard_of_at_once_agree(database: Database, first: str) -> None:
    """Each in its own transaction, the second begun before the first has ended."""
    sku, other, former, owner = f"S-{new_id('prd')}", f"O-{new_id('prd')}", new_id("prd"), new_id("prd")
    async with database.transaction() as tx:
        await store.learn_product(tx, former, [sku, other], 90)
    news = [(former, [other], 91), (owner, [sku], 2)]
    if first == "claims":
        news.reverse()

    async def second() -> None:
        async with database.transaction() as tx:
            await store.learn_product(tx, *news[1])

    async def somebody_waits() -> None:
        assert await locks_awaited(database)

    async with database.transaction() as tx:
        await store.learn_product(tx, *news[0])
        waiting = asyncio.create_task(second())
        await eventually(somebody_waits)
    await waiting
    assert await owner_of(database, sku) == owner


@pytest.mark.parametrize("first", ["its holder", "the other"])
async def test_a_sku_that_two_products_give_up_at_once_stays_with_neither(database: Database, first: str) -> None:
    """Each must see that the other has given it up too, or one passes it to the other."""
    sku, other, holder = f"S-{new_id('prd')}", new_id("prd"), new_id("prd")
    for product in (other, holder):
        async with database.transaction() as tx:
            await store.learn_product(tx, product, [sku], 1)
    assert await owner_of(database, sku) == holder
    order = [holder, other] if first == "its holder" else [other, holder]

    async def second() -> None:
        async with database.transaction() as tx:
            await store.learn_product(tx, order[1], [], 2)

    async def waits_or_has_ended() -> None:
        assert giving_up.done() or await locks_awaited(database)

    async with database.transaction() as tx:
        await store.learn_product(tx, order[0], [], 2)
        giving_up = asyncio.create_task(second())
        await eventually(waits_or_has_ended)
    await giving_up
    assert await owner_of(database, sku) is None


@pytest.mark.parametrize("is_known", [True, False])
async def test_two_versions_of_a_product_that_are_heard_of_at_once_agree(database: Database, is_known: bool) -> None:
    """The second must give up what the first has brought, also if nothing was known of the product before."""
    product, skus = new_id("prd"), [f"S-{n}-{new_id('prd')}" for n in range(3)]
    if is_known:
        async with database.transaction() as tx:
            await store.learn_product(tx, product, skus[:1], 1)

    async def second() -> None:
        async with database.transaction() as tx:
            await store.learn_product(tx, product, skus[2:], 3)

    async def somebody_waits() -> None:
        assert await locks_awaited(database)

    async with database.transaction() as tx:
        await store.learn_product(tx, product, skus[1:2], 2)
        waiting = asyncio.create_task(second())
        await eventually(somebody_waits)
    await waiting
    assert [await owner_of(database, sku) for sku in skus[1:]] == [None, product]
    assert not is_known or await owner_of(database, skus[0]) is None
