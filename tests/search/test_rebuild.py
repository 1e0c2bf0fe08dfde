"""The index is filled, renewed and mended while shoppers use it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from opensearchpy import AsyncOpenSearch

from bodega.kit.testing import Caller, Credentials, eventually
from bodega.services.search import flows
from bodega.services.search.clients import Sources
from bodega.services.search.store import Store, definition
from tests.search.conftest import OpenStage, Stage
from tests.search.making import archived, product, updated, variant
from tests.search.sources import Shop
from tests.search.test_index import hear

pytestmark = pytest.mark.service


@pytest.fixture
async def renewed(open_stage: OpenStage, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A shop of 250 products: three pages of the sources."""
    shop = Shop()
    for number in range(250):
        one = product(f"Mug number{number}", variant(f"{request.node.name[:20]}-{number}"), version=5)
        shop.sells(one)
        shop.has(one.variants[0].sku, 1, number % 2 == 0)
    async with open_stage(request.node.name.replace("_", "-")[:40], shop) as stage:
        await total_is(stage, 250)
        yield stage


@pytest.fixture
async def sources(renewed: Stage) -> AsyncIterator[Sources]:
    sources = Sources(renewed.settings)
    for client in sources.clients:
        await client.open()
    yield sources
    for client in sources.clients:
        await client.close()


async def total_is(stage: Stage, wanted: int, query: str = "limit=1") -> None:
    async def once() -> None:
        assert (await stage.search.get(f"/search?{query}")).json["total"] == wanted

    await eventually(once)


def cli(stage: Stage, credentials: Credentials) -> Caller:
    return stage.search.being(credentials.service("cli", "search"))


async def served(backend: AsyncOpenSearch, stage: Stage) -> str:
    return str(next(iter(await backend.indices.get_alias(name=f"{stage.settings.index_prefix}products"))))


async def test_an_empty_index_is_filled_with_products_and_stock_at_start(renewed: Stage) -> None:
    await total_is(renewed, 125, "in_stock=true")


async def test_a_rebuild_loses_nothing_that_arrives_meanwhile_and_nobody_notices_it(
    renewed: Stage, credentials: Credentials, backend: AsyncOpenSearch
) -> None:
    before = await served(backend, renewed)
    searching = True
    totals: set[int] = set()

    async def shoppers() -> None:
        while searching:
            answer = await renewed.search.get("/search?limit=1")
            assert answer.status == 200
            totals.add(answer.json["total"])

    shopping = asyncio.create_task(shoppers())
    assert (await cli(renewed, credentials).post("/internal/rebuild")).status == 202
    news = [one.model_copy(update={"title": "Renamed bowl", "version": 6}) for one in renewed.shop.products.values()]
    for one in news:
        renewed.shop.sells(one)
        await renewed.topics.publish(updated(one))

    async def switched() -> None:
        assert await served(backend, renewed) != before

    await eventually(switched)
    await total_is(renewed, 250, "q=renamed&limit=1")
    searching = False
    await shopping
    assert totals == {250}
    assert await served(backend, renewed) == before.removesuffix("-1") + "-2"
    prefix = renewed.settings.index_prefix
    assert not await backend.indices.exists_alias(name=f"{prefix}products-next")


async def test_two_rebuilds_at_once_end_in_one_index(store: Store, sources: Sources, backend: AsyncOpenSearch) -> None:
    await asyncio.gather(flows.rebuild(store, sources), flows.rebuild(store, sources))
    aliases = await backend.indices.get_alias(index=f"{store._products}-*")
    assert sorted(len(one["aliases"]) for one in aliases.values()) == [0, 1]
    await flows.rebuild(store, sources)
    aliases = await backend.indices.get_alias(index=f"{store._products}-*")
    assert sorted(name.rpartition("-")[2] for name in aliases) == ["2", "3"], "the retired one of before is gone"


async def test_a_rebuild_keeps_the_tombstones(store: Store, sources: Sources, backend: AsyncOpenSearch) -> None:
    one = product("Mug", version=3)
    await hear(store, updated(one))
    await hear(store, archived(one, 5))
    await flows.rebuild(store, sources)
    await hear(store, updated(one.model_copy(update={"version": 4})))
    assert (await backend.get(index=store._products, id=one.id))["_source"]["deleted"]


async def test_another_definition_makes_another_index_while_the_old_one_serves(
    store: Store, sources: Sources, backend: AsyncOpenSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.mark_filled()
    old = next(iter(await backend.indices.get_alias(name=store._products)))
    properties = definition.PRODUCTS["mappings"]["properties"]
    monkeypatch.setitem(properties, "colour_of_the_lid", {"type": "keyword"})
    assert await store.prepare() == "outdated"
    await store.widen()
    mapping = await backend.indices.get_mapping(index=old)
    assert "colour_of_the_lid" in mapping[old]["mappings"]["properties"]
    assert await flows.rebuild(store, sources) == 250
    assert await store.prepare() == "complete"
    new = next(iter(await backend.indices.get_alias(name=store._products)))
    assert new.split("-")[-2] != old.split("-")[-2]


async def test_an_audit_names_what_differs_and_mends_it(renewed: Stage, credentials: Credentials) -> None:
    operator = cli(renewed, credentials)
    assert (await operator.get("/internal/audit")).json == {"agrees": True, "differences": []}
    shop = renewed.shop
    ids = sorted(shop.products)
    older, surplus, unknown, sold_out = (shop.products[ids[n]] for n in (3, 120, 130, 248))
    missing = product("Mug missing", variant("missing-1"))
    shop.sells(missing, older.model_copy(update={"title": "Mug newest", "version": 9}))
    shop.archives(surplus, 8)
    del shop.products[unknown.id]
    was = shop.stock[sold_out.variants[0].sku]
    shop.has(was.sku, 2, not was.in_stock)
    found = (await operator.get("/internal/audit")).json
    assert {(one["product_id"], one["what"]) for one in found["differences"]} == {
        (missing.id, "missing"), (older.id, "older"), (surplus.id, "surplus"), (unknown.id, "surplus"),
        (sold_out.id, "stock"),
    }  # fmt: skip
    assert (await operator.get("/internal/audit")).json == {"agrees": True, "differences": []}
    await total_is(renewed, 249)
    await total_is(renewed, 1, "q=newest")


async def test_only_operators_may_rebuild_and_audit(renewed: Stage, credentials: Credentials) -> None:
    assert (await renewed.search.post("/internal/rebuild")).code == "unauthenticated"
    cart = renewed.search.being(credentials.service("cart", "search"))
    assert (await cart.get("/internal/audit")).code == "forbidden"
