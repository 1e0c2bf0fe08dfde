"""The purger: from an event on the topic to an answer that is gone from the edge."""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from bodega.contracts.catalog import CategoryUpdated
from bodega.contracts.envelope import CloudEvent, event
from bodega.contracts.ids import new_id
from bodega.contracts.inventory import (
    SHOWN_UP_TO,
    InventoryAdjusted,
    InventoryCommitted,
    InventoryReleased,
    InventoryReserved,
    InventoryShort,
)
from bodega.edge.app import Settings, create_app
from bodega.edge.purger import StockChanged
from bodega.kit.testing import Caller, Topics, eventually, serving
from tests.edge.stage import Edge
from tests.search.making import archived, product, stock, updated


@asynccontextmanager
async def purging(edge: Edge, topics: Topics) -> AsyncIterator[Caller]:
    settings = Settings(
        kafka=topics.bootstrap, topic_prefix=topics.prefix, edge_url=edge.url, purge_secret_file=edge.secret_file,
        retry_first_seconds=0.1, retry_most_seconds=0.5,
    )  # fmt: skip
    async with serving(create_app(settings)) as purger:

        async def is_trusted() -> None:
            assert (await purger.get("/readyz")).json["parts"] == {"kafka": "ok", "edge": "ok"}

        await eventually(is_trusted)
        yield purger


@pytest_asyncio.fixture(loop_scope="session")
async def own(topics: Topics) -> AsyncIterator[Topics]:
    own = Topics(topics.bootstrap, f"{topics.prefix}{secrets.token_hex(3)}.")
    await own.make("catalog", "inventory", "purger.parked")
    await own.open()
    yield own
    await own.close()


async def _gone(edge: Edge, path: str) -> float:
    """Seconds until the edge asks for it again."""
    started = time.monotonic()

    async def is_asked_for() -> None:
        assert await edge.state(path) == "MISS"

    await eventually(is_asked_for, every_seconds=0.005)
    return time.monotonic() - started


async def test_what_changes_is_gone_within_a_second_and_the_rest_stays(edge: Edge, own: Topics) -> None:
    changed = product("Changed", categories=["lamps"])
    other = product("Other")
    edge.origin.says("/changed", xkey=f"product:{changed.id}")
    edge.origin.says("/other-product", xkey=f"product:{other.id}")
    edge.origin.says("/lamps", xkey="category:lamps")
    edge.origin.says("/unnamed", xkey="pages categories")
    edge.origin.says("/listing", xkey=f"listing product:{other.id}")
    edge.beating.clear()  # from here on the purger's own
    try:
        async with purging(edge, own):
            paths = ("/changed", "/other-product", "/lamps", "/listing")
            for path in paths:
                await edge.get(path)
            assert [await edge.state(path) for path in paths] == ["HIT"] * 4

            await own.publish(updated(changed))
            assert await _gone(edge, "/changed") < 1
            assert [await edge.state(path) for path in paths[1:]] == ["HIT", "MISS", "MISS"]

            not_seen = stock("S-1", 1, in_stock=True, product_id=other.id, flipped=False)
            await own.publish(not_seen)
            await own.publish_behind(not_seen, stock("S-2", 1, in_stock=False, product_id=changed.id))
            assert await _gone(edge, "/changed") < 1
            assert await edge.state("/other-product") == "HIT"

            await own.publish(archived(other, 2))
            assert await _gone(edge, "/other-product") < 1

            await edge.get("/unnamed")
            renamed = CategoryUpdated(slug="lamps", title="Lights", position=1, version=2)
            await own.publish(event(renamed, subject="lamps", sequence=2))
            assert await _gone(edge, "/unnamed") < 1
    finally:
        edge.beating.set()


def _stock(kind: type[StockChanged], available: int, **facts: Any) -> CloudEvent[StockChanged]:
    """Of a product of which some can still be had, as before."""
    common = {"sku": "S-1", "version": 1, "available": available, "in_stock": True, "in_stock_flipped": False}
    shown = available if available <= SHOWN_UP_TO else "many"
    fact = kind.model_validate({**common, "shown": shown, "reservation_id": new_id("res"), **facts})
    return event(fact, subject="S-1", sequence=1)


@pytest.mark.parametrize(
    ("change", "is_named"),
    [
        (partial(_stock, InventoryReserved, 5, quantity=2), True),
        (partial(_stock, InventoryReserved, 6, quantity=2), False),
        (partial(_stock, InventoryReleased, 7, quantity=2, cause="expired"), True),
        (partial(_stock, InventoryReleased, 8, quantity=2, cause="expired"), False),
        (partial(_stock, InventoryAdjusted, 4, delta=-30, reason="counted"), True),
        (partial(_stock, InventoryAdjusted, 30, delta=26, reason="counted"), True),
        (partial(_stock, InventoryAdjusted, 9, delta=-30, reason="counted"), False),
        (partial(_stock, InventoryCommitted, 3, quantity=2), False),  # whoever has them had them before
        (partial(_stock, InventoryShort, 3, wanted=4, left=3), False),
    ],
)
async def test_every_number_of_few_pieces_is_gone_with_the_next(
    edge: Edge, own: Topics, change: Callable[..., CloudEvent[StockChanged]], is_named: bool
) -> None:
    """Up to five, lists name how many are left; above, what has changed is not to be seen."""
    one, last = product("Scarce"), product("Last")
    edge.origin.says("/scarce", xkey=f"product:{one.id}")
    edge.origin.says("/last", xkey=f"product:{last.id}")
    edge.origin.says("/sitemap.xml", xkey="products pages")
    edge.beating.clear()
    try:
        async with purging(edge, own):
            for path in ("/scarce", "/last", "/sitemap.xml"):
                await edge.get(path)
            await own.publish(change(product_id=one.id))
            await own.publish(_stock(InventoryReserved, 1, quantity=1, product_id=last.id))
            assert await _gone(edge, "/last") < 1  # what was told before has been heard, too
            assert await edge.state("/scarce") == ("MISS" if is_named else "HIT")
            assert await edge.state("/sitemap.xml") == "HIT"
    finally:
        edge.beating.set()


async def test_what_tells_of_the_whole_catalog_goes_with_every_change_of_it(edge: Edge, own: Topics) -> None:
    """A new product is in no answer yet: no key of its own would reach the site map."""
    one = product("Listed")
    edge.origin.says("/sitemap.xml", xkey="products pages")
    events = (
        updated(one),
        stock("S-1", 1, in_stock=False, product_id=one.id),
        archived(one, 2),
        updated(product("New")),
    )
    edge.beating.clear()
    try:
        async with purging(edge, own):
            for change in events:
                await edge.get("/sitemap.xml")
                assert await edge.state("/sitemap.xml") == "HIT"
                await own.publish(change)
                assert await _gone(edge, "/sitemap.xml") < 1
    finally:
        edge.beating.set()


async def test_a_purge_is_through_within_a_tenth_of_a_second_of_hearing(edge: Edge, own: Topics) -> None:
    one = product("Often")
    edge.origin.says("/often", xkey=f"product:{one.id}")

    async def purges(purger: Caller, most: str) -> float:
        """How many took no longer than `most` seconds."""
        told = (await purger.get("/metrics")).body.decode()
        return float(told.partition(f'edge_purge_seconds_bucket{{le="{most}"}} ')[2].partition("\n")[0])

    async with purging(edge, own) as purger:
        quick, all_of_them = await purges(purger, "0.1"), await purges(purger, "+Inf")
        for version in range(2, 12):
            await edge.get("/often")
            await own.publish(updated(one.model_copy(update={"version": version})))
            await _gone(edge, "/often")
        assert await purges(purger, "+Inf") == all_of_them + 10
        assert await purges(purger, "0.1") >= quick + 9


async def test_what_changed_while_the_purger_was_away_is_asked_for_again(edge: Edge, own: Topics) -> None:
    one = product("Away")
    async with purging(edge, own):
        edge.origin.says("/away", "old", xkey=f"product:{one.id}")
        await edge.get("/away")
    edge.origin.says("/away", "new", xkey=f"product:{one.id}")
    await own.publish(updated(one))
    assert (await edge.get("/away")).body == b"old"
    async with purging(edge, own):
        assert (await edge.get("/away")).body == b"new"


async def test_an_event_that_nobody_can_read_is_parked_and_the_next_is_heard(edge: Edge, own: Topics) -> None:
    one = product("Behind")
    async with purging(edge, own):
        edge.origin.says("/behind", xkey=f"product:{one.id}")
        await edge.get("/behind")
        await own.publish_raw("catalog", one.id, b'{"type": "ProductUpdated", "id": "no"}')
        await own.publish(updated(one))
        await _gone(edge, "/behind")
        assert await own.read("purger.parked", bool)
