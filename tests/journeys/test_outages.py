"""What shoppers see while parts of the shop are away: what the edge remembers, never a price that is no longer true."""

import asyncio
import os
import signal
import time

import aiohttp
import pytest

from bodega.kit.testing import Answered, Caller, eventually
from tests.conftest import engine
from tests.journeys.parts import SYSTEM, parts, standing_still
from tests.journeys.shop import Merchant, Shopper, unique
from tests.journeys.test_freshness import all_show, views_of, watching
from tests.journeys.test_kills import insists, is_back

pytestmark = [pytest.mark.journey, pytest.mark.alone, pytest.mark.timeout(300)]

BEHIND = [*SYSTEM.services, "docs", "envoy", "storefront", "seaweedfs", "purger"]
"""All that the edge asks, and who tells it of changes."""


def unseen() -> str:
    """A page that nobody has visited yet, and that nobody else waits for."""
    return f"/products/{unique('unseen')}"


@pytest.fixture
def site(session: aiohttp.ClientSession, api: Caller) -> Caller:
    """The shop as its shoppers reach it."""
    return Caller(engine("BODEGA_ORDERS_SITE_URL"), session)


def kill(name: str) -> int:
    pid = parts()[name].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


async def kept(site: Caller, *paths: str) -> dict[str, bytes]:
    """Each path's answer, once it has come from the edge's memory for a second: so long may a change before it be
    purged and swept."""

    async def read(path: str) -> bytes:
        since = time.monotonic()
        while True:
            answer = await site.get(path)
            assert answer.status == 200, answer.status
            assert answer.headers["x-cache"] == "HIT", path
            if time.monotonic() - since > 1:
                return answer.body
            await asyncio.sleep(0.05)

    bodies = await asyncio.gather(*(eventually(lambda path=path: read(path), within_seconds=20) for path in paths))  # type: ignore[misc]
    return dict(zip(paths, bodies, strict=True))


async def is_sick(site: Caller, below: str = "") -> Answered:
    """Once the edge has given up on the pages, or on the API (`below` "/api"). It looks at each of them apart."""

    async def is_refused() -> Answered:
        try:
            answer = await asyncio.wait_for(site.get(below + unseen()), 1)
        except TimeoutError as error:  # asked before the edge knew, and waits for its answer
            raise AssertionError("the edge still hopes") from error
        assert answer.status == 503
        return answer

    return await eventually(is_refused)


async def test_pages_are_served_while_everything_behind_them_stands_still_and_are_fresh_afterwards(
    site: Caller, merchant: Merchant
) -> None:
    product = await merchant.makes(price=30_00)
    pictured = await merchant.pictures(product)
    picture = pictured["media"][0]["renditions"]["w640.webp"]
    product["etag"] = (await merchant.api.get(f"/admin/products/{product['id']}")).headers["etag"]
    paths = ("/", f"/products/{product['slug']}", f"/api/products/{product['slug']}", f"/media/{picture}")
    before = await kept(site, *paths)

    with standing_still(BEHIND):
        refused = await is_sick(site)
        assert refused.headers["retry-after"] == "5"
        assert b"Back in a moment" in refused.body
        problem = await is_sick(site, "/api")
        assert problem.code == "unavailable"
        for path, body in before.items():
            started = time.monotonic()
            answer = await site.get(path)
            assert answer.status == 200, path
            assert answer.headers["x-cache"] in ("HIT", "STALE")
            assert answer.body == body
            assert time.monotonic() - started < 5, "nobody waits the ten seconds that an answer may take"

    async def is_well() -> None:
        assert (await site.get(unseen())).status == 404
        assert (await site.get("/api/cart")).status == 200

    await eventually(is_well)
    views = views_of(site, product)
    async with watching(*views):
        await all_show(views, 30_00)
        await merchant.reprices(product, 31_00)
        changed = time.monotonic()
        await all_show(views, 31_00)
        slowest = {view.name: view.seconds_until(31_00, changed) for view in views}
    assert max(slowest.values()) < 1, slowest


async def shows_once_changed(site: Caller, path: str, price: int) -> None:
    """From now on and without exception."""
    for _ in range(10):
        answer = await insists(lambda: site.get(path))
        assert answer.json["variants"][0]["price"]["amount"] == price, answer.headers["x-cache"]


async def test_while_nobody_tells_of_changes_prices_come_from_the_catalog_itself(
    site: Caller, merchant: Merchant
) -> None:
    product = await merchant.makes(price=40_00)
    path = f"/api/products/{product['slug']}"
    await kept(site, path)
    with standing_still(["purger"]):

        async def is_passed() -> None:
            assert (await site.get(path)).headers["x-cache"] == "PASS"

        await eventually(is_passed)
        await merchant.reprices(product, 41_00)
        await shows_once_changed(site, path, 41_00)
    # Awake again, it may speak only after it has heard what it has missed.
    await shows_once_changed(site, path, 41_00)
    await kept(site, path)
    await shows_once_changed(site, path, 41_00)


async def test_a_change_that_a_killed_purger_has_not_told_is_seen_before_the_edge_trusts_it_again(
    site: Caller, merchant: Merchant
) -> None:
    product = await merchant.makes(price=50_00)
    path = f"/api/products/{product['slug']}"
    await kept(site, path)
    killed = kill("purger")
    await merchant.reprices(product, 51_00)
    changed = time.monotonic()

    async def is_new() -> None:
        assert (await site.get(path)).json["variants"][0]["price"]["amount"] == 51_00

    await eventually(is_new)
    assert time.monotonic() - changed < 20, (
        "the edge believes a dead purger for five seconds, and not for a page's minute"
    )
    await shows_once_changed(site, path, 51_00)
    await is_back("purger", killed)
    await kept(site, path)
    await shows_once_changed(site, path, 51_00)


async def test_a_killed_edge_comes_back_and_remembers_nothing(site: Caller, merchant: Merchant) -> None:
    product = await merchant.makes(price=60_00)
    path = f"/api/products/{product['slug']}"
    await kept(site, path)
    killed = kill("varnish")
    await merchant.reprices(product, 61_00)
    await shows_once_changed(site, path, 61_00)
    await is_back("varnish", killed)
    await kept(site, path)


async def test_pages_are_served_while_the_storefront_is_started_again(site: Caller, merchant: Merchant) -> None:
    product = await merchant.makes(price=70_00)
    path = f"/products/{product['slug']}"
    await kept(site, path)
    killed = kill("storefront")
    back = asyncio.create_task(is_back("storefront", killed))
    sources = set()
    while not back.done():
        answer = await site.get(path)
        assert answer.status == 200
        assert "€70.00".encode() in answer.body
        sources.add(answer.headers["x-cache"])
        await asyncio.sleep(0.02)
    await back
    assert sources & {"HIT", "STALE"}
    await kept(site, path)


async def test_an_order_tells_of_itself_through_the_edge_while_it_is_looked_at(
    site: Caller, merchant: Merchant
) -> None:
    product = await merchant.makes()
    order = await Shopper(Caller(f"{site.base}/api", site.session)).buys(product["sku"])
    states: list[str] = []
    async with (
        asyncio.timeout(30),
        site.session.get(f"{site.base}/api/orders/{order.id}/events", headers={"Order-Token": order.token}) as stream,
    ):
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert "X-Cache" not in stream.headers, "a stream is led through, not fetched and delivered by the edge"
        async for line in stream.content:
            if line.startswith(b"data:"):
                states.append(Answered(200, {}, line.removeprefix(b"data:")).json["state"])
                if states[-1] == "fulfilling":
                    break
    assert states[-1] == "fulfilling"
    assert len(states) > 1, "every state came at once: something on the way has gathered them"
