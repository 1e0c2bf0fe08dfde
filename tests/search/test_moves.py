"""A SKU's stock is shown with the product that has it now, whatever order the news comes in."""

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from opensearchpy import AsyncOpenSearch

from bodega.contracts.catalog import ProductArchived, ProductUpdated
from bodega.contracts.envelope import event
from bodega.services.search import domain, service
from bodega.services.search.store import Store
from tests.catalog.moving import PRODUCTS, SHARED, Step, Told, World, steps
from tests.search.making import product, stock, variant
from tests.search.test_index import hear, kept

pytestmark = pytest.mark.service

_STOCK: st.SearchStrategy[Step] = st.tuples(
    st.just("stock"),
    st.integers(0, SHARED - 1),
    st.integers(0, PRODUCTS),  # the last: inventory knows of no product
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes on a real engine
)
# Inventory has yet to hear that the SKU is another's; and then: the index as well.
@example(
    history=[("move", 0, 0), ("deliver", 0, 4), ("move", 0, 1), ("deliver", 0, 4), ("deliver", 1, 4), ("stock", 0, 0)]
)
@example(history=[("move", 0, 0), ("deliver", 0, 2), ("move", 0, 1), ("deliver", 1, 4), ("stock", 0, 0)])
@given(history=steps(_STOCK))
async def test_in_the_end_the_stock_of_every_sku_is_shown_where_it_is_sold(
    store: Store, backend: AsyncOpenSearch, history: list[Step]
) -> None:
    async def receive(told: Told) -> None:
        if isinstance(told, ProductArchived):
            await hear(store, event(told, subject=told.product_id, sequence=told.version))
        else:
            await hear(store, event(ProductUpdated(product=told), subject=told.id, sequence=told.version))

    world = World(receive)
    versions = dict.fromkeys(world.shared, 0)
    for step in history:
        match step:
            case "stock", number, product:
                sku = world.shared[number]
                versions[sku] += 1
                owner = world.ids[product] if product < PRODUCTS else None
                await hear(store, stock(sku, versions[sku], versions[sku] % 2 == 1, product_id=owner))
            case _:
                await world.step(step)
    await world.end()
    for sku in world.shared:
        priced = world.priced(sku)
        if priced.product_id is not None:
            document = await kept(store, backend, priced.product_id)
            shown = {one["sku"]: one["in_stock"] for one in document["variants"]}
            assert shown[sku] == (versions[sku] % 2 == 1)


async def test_two_products_that_name_a_sku_in_one_batch_both_show_its_stock(
    store: Store, backend: AsyncOpenSearch
) -> None:
    """One of them has yet to say that it has given it up."""
    one, two = product("Mug", variant("SAME"), variant("OTHER")), product("Cup", variant("SAME"))
    await hear(store, stock("SAME", 1, True, product_id=None))
    await service.take_products(store, [domain.document(one), domain.document(two)])
    for document in (one, two):
        shown = (await kept(store, backend, document.id))["variants"]
        assert {variant["sku"]: variant["in_stock"] for variant in shown}["SAME"] is True
