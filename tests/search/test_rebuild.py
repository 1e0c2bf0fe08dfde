"""The index is filled, renewed and mended while shoppers use it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from opensearchpy import AsyncOpenSearch
from typer.testing import CliRunner

from bodega.cli import search as commands
from bodega.kit.testing import Caller, Credentials, eventually
from bodega.services.search import flows
from bodega.services.search.clients import Sources
from bodega.services.search.store import Store, definition
from tests.search.conftest import PATIENCE_SECONDS, OpenStage, Stage
from tests.search.making import archived, category, product, renamed, updated, variant
from tests.search.sources import Shop
from tests.search.test_index import hear

pytestmark = pytest.mark.service
AGREES = "The index agrees with catalog and inventory.\n"


@pytest.fixture
async def renewed(open_stage: OpenStage, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A shop of 250 products: three pages of the sources."""
    shop = Shop()
    shop.names(category("mugs", "Mugs and Cups", version=5), category("bowls", "Bowls", version=5))
    for number in range(250):
        one = product(
            f"Mug number{number}", variant(f"{request.node.name[:20]}-{number}"), version=5, categories=["mugs"]
        )
        shop.sells(one)
        shop.has(one.variants[0].sku, 1, number % 2 == 0)
    async with open_stage(request.function.__name__.replace("_", "-")[:40], shop) as stage:
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

    await eventually(once, within_seconds=PATIENCE_SECONDS)


async def suggested_are(stage: Stage, words: str, *wanted: tuple[str, int]) -> None:
    """Categories: name and number of products."""

    async def once() -> None:
        answer = await stage.search.get(f"/search/suggest?q={words}")
        assert [(one["name"], one["count"]) for one in answer.json["categories"]] == list(wanted)

    await eventually(once)


def cli(stage: Stage, credentials: Credentials) -> Caller:
    return stage.search.being(credentials.service("cli", "search"))


Operator = Callable[..., Coroutine[Any, Any, str]]


@pytest.fixture
async def operator(renewed: Stage, credentials: Credentials, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """`await operator("rebuild")`: what `bodega search rebuild` says, when it asks this stage."""
    loop = asyncio.get_running_loop()

    def ask(_instance: object, _service: str, method: str, path: str, **_: object) -> Any:
        asked = cli(renewed, credentials).request(method, path)
        answer = asyncio.run_coroutine_threadsafe(asked, loop).result(60)
        assert answer.status < 300, answer.body
        return answer.json

    monkeypatch.setattr(commands, "ask", ask)
    monkeypatch.setattr(commands, "LOOK_SECONDS", 0.02)

    async def said(*arguments: str, exit_code: int = 0) -> str:
        outcome = await asyncio.to_thread(CliRunner().invoke, commands.app, list(arguments))
        assert outcome.exit_code == exit_code, outcome.output
        # The stage's log goes the same way.
        return "".join(line for line in outcome.stdout.splitlines(keepends=True) if not line.startswith("{"))

    return said


async def served(backend: AsyncOpenSearch, stage: Stage) -> str:
    return str(next(iter(await backend.indices.get_alias(name=f"{stage.settings.index_prefix}products"))))


async def test_an_empty_index_is_filled_with_products_and_stock_at_start(renewed: Stage) -> None:
    await total_is(renewed, 125, "in_stock=true")
    await suggested_are(renewed, "cup", ("Mugs and Cups", 250))


async def test_a_rebuild_loses_nothing_that_arrives_meanwhile_and_nobody_notices_it(
    renewed: Stage, operator: Operator, backend: AsyncOpenSearch
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
    command = asyncio.create_task(operator("rebuild"))
    news = [one.model_copy(update={"title": "Renamed bowl", "version": 6}) for one in renewed.shop.products.values()]
    for one in news:
        renewed.shop.sells(one)
        await renewed.topics.publish(updated(one))

    called = category("mugs", "Beakers", version=7)
    renewed.shop.names(called)
    await renewed.topics.publish(renamed(called))

    now = before.removesuffix("-1") + "-2"
    assert await command == f"Searches now use {now}.\n"
    await total_is(renewed, 250, "q=renamed&limit=1")
    await suggested_are(renewed, "beak", ("Beakers", 250))
    searching = False
    await shopping
    assert totals == {250}
    assert await served(backend, renewed) == now
    prefix = renewed.settings.index_prefix
    assert not await backend.indices.exists_alias(name=f"{prefix}products-next")


async def test_two_rebuilds_at_once_end_in_one_index(store: Store, sources: Sources, backend: AsyncOpenSearch) -> None:
    await asyncio.gather(flows.rebuild(store, sources), flows.rebuild(store, sources))
    aliases = await backend.indices.get_alias(index=f"{store._products}-*")
    assert sorted(len(one["aliases"]) for one in aliases.values()) == [0, 1]
    await flows.rebuild(store, sources)
    aliases = await backend.indices.get_alias(index=f"{store._products}-*")
    assert sorted(name.rpartition("-")[2] for name in aliases) == ["2", "3"], "the retired one of before is gone"


async def test_a_rebuild_that_was_killed_is_ended_by_whoever_starts_next(
    renewed: Stage, store: Store, sources: Sources, backend: AsyncOpenSearch
) -> None:
    await store.mark_filled()
    before, _ = await store.state()
    await store.begin_rebuild()
    assert await store.prepare() == "half-renewed"
    curator = flows.Curator(store, sources, flows.Herald(store, None, renewed.settings), renewed.settings)
    curating = asyncio.create_task(curator.run())

    async def ended() -> None:
        now, rebuilding = await store.state()
        assert (now != before, rebuilding) == (True, False)

    await eventually(ended, within_seconds=PATIENCE_SECONDS)
    curator.stop()
    await curating
    assert await store.prepare() == "complete"


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


async def test_an_index_of_an_earlier_release_serves_until_the_new_one_is_whole_although_it_takes_nothing_of_ours(
    store: Store, sources: Sources, backend: AsyncOpenSearch
) -> None:
    ours = definition.PRODUCTS["mappings"]
    fields = {name: field for name, field in ours["properties"].items() if name not in {"slug", "name"}}
    earlier = f"{store._products}-earlier-1"
    mappings = {**ours, "properties": {**fields, "title": {"type": "keyword"}}}  # no engine makes the one of the other
    await backend.indices.create(
        index=earlier, body={"settings": definition.PRODUCTS["settings"], "mappings": mappings}
    )
    served, _ = await store.state()
    moved = [
        {"remove": {"index": served, "alias": store._products}},
        {"add": {"index": earlier, "alias": store._products}},
    ]
    await backend.indices.update_aliases(body={"actions": moved})

    assert await store.prepare() == "outdated"
    await store.widen()
    await hear(store, updated(product("Mug", version=4)))  # not refused: the rebuild brings what it says
    assert await store.state() == (earlier, False)
    assert await flows.rebuild(store, sources) == 250
    assert await store.prepare() == "complete"


async def test_an_audit_names_what_differs_and_mends_it(renewed: Stage, operator: Operator) -> None:
    assert await operator("audit") == AGREES
    shop = renewed.shop
    ids = sorted(shop.products)
    older, surplus, unknown, sold_out = (shop.products[ids[n]] for n in (3, 120, 130, 248))
    missing = product("Mug missing", variant("missing-1"))  # in no category
    shop.sells(missing, older.model_copy(update={"title": "Mug newest", "version": 9}))
    shop.archives(surplus, 8)
    del shop.products[unknown.id]
    was = shop.stock[sold_out.variants[0].sku]
    shop.has(was.sku, 2, not was.in_stock)
    shop.names(category("plates", "Plates"), category("mugs", "Beakers", version=6))
    del shop.categories["bowls"]
    differing = {
        (missing.id, "missing"), (older.id, "older"), (surplus.id, "surplus"), (unknown.id, "surplus"),
        (sold_out.id, "stock"), ("plates", "missing"), ("mugs", "older"), ("bowls", "surplus"),
    }  # fmt: skip
    for arguments, code, word, tells in (
        (["audit"], 1, "is", "8 differ. `./bodega search audit --mend` mends them."),
        (["audit", "--mend"], 0, "was", "8 differed and have been mended."),  # looking alone has mended nothing
    ):
        heading, *found, end = (await operator(*arguments, exit_code=code)).splitlines()
        assert heading.split() == ["product", "or", "category", word]
        assert {tuple(line.split()) for line in found} == differing
        assert end == tells
    assert await operator("audit") == AGREES
    await total_is(renewed, 249)
    await total_is(renewed, 1, "q=newest")
    await suggested_are(renewed, "beak", ("Beakers", 248))
    await suggested_are(renewed, "cup")


async def test_only_operators_may_rebuild_and_audit(renewed: Stage, credentials: Credentials) -> None:
    assert (await renewed.search.post("/internal/rebuild")).code == "unauthenticated"
    cart = renewed.search.being(credentials.service("cart", "search"))
    assert (await cart.get("/internal/audit")).code == "forbidden"
    assert (await cart.post("/internal/audit")).code == "forbidden"
