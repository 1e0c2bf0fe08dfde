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
        assert await database.fetchrow("SELECT FROM pg_locks WHERE NOT granted") is not None

    async with database.transaction() as tx:
        await store.learn_product(tx, *news[0])
        waiting = asyncio.create_task(second())
        await eventually(somebody_waits)
    await waiting
    assert await owner_of(database, sku) == owner
