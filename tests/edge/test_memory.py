"""What the edge keeps, for whom, and how it lets go of it."""

import asyncio
import gzip

import pytest
from fastapi import Request

from bodega.kit.testing import eventually
from tests.edge.stage import HEARTBEAT_SECONDS, Edge, Said


async def test_cookies_tracking_and_the_order_of_parameters_share_an_answer(edge: Edge) -> None:
    edge.origin.says("/categories/shared", "the page")
    assert await edge.state("/categories/shared?sort=newest&brand=x&utm_source=mail") == "MISS"
    assert await edge.state("/categories/shared?brand=x&fbclid=x&sort=newest", Cookie="bodega_cart=c") == "HIT"
    assert await edge.state("/categories/shared?gclid=y&sort=newest&_rsc=zz&brand=x", User_Agent="another") == "HIT"
    (asked,) = edge.origin.asked_for("/categories/shared")
    assert "cookie" not in asked.headers
    assert asked.url.query == "brand=x&sort=newest"


async def test_what_could_make_another_page_of_a_shared_address_does_not_reach_its_maker(edge: Edge) -> None:
    edge.origin.says("/common")
    steering = {
        "Next-Action": "00", "X-Middleware-Subrequest": "src/middleware", "Next-Router-State-Tree": "%5B%5D",
        "Next-Url": "/account", "X-Nextjs-Data": "1", "X-Prerender-Revalidate": "x", "X-Forwarded-Host": "elsewhere",
        "Forwarded": "host=elsewhere", "Accept-Language": "de", "Origin": "http://elsewhere", "Cart-Token": "crt",
    }  # fmt: skip
    await edge.get("/common", **steering)
    (asked,) = edge.origin.asked_for("/common")
    assert not {name.lower() for name in steering} & set(asked.headers)


async def test_a_browser_must_ask_each_time_and_learns_no_key(edge: Edge) -> None:
    edge.origin.says("/asks", xkey="categories", X_Data_Version="17", Surrogate_Control="max-age=9")
    for _ in range(2):
        answer = await edge.get("/asks")
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["x-data-version"] == "17"
        assert not {"xkey", "surrogate-control", "x-varnish", "via", "server"} & answer.headers.keys()


async def test_what_is_not_expressly_public_is_not_kept(edge: Edge) -> None:
    cases = {
        "/private": {"Cache-Control": "private, no-store"},
        "/silent": {"Cache-Control": ""},
        "/half-public": {"Cache-Control": "public, max-age=60"},
        "/with-cookie": {"Set-Cookie": "a=b"},
        "/by-cookie": {"Vary": "Cookie"},
    }
    for path, headers in cases.items():
        edge.origin.says(path)
        said = edge.origin.answers[path]
        assert isinstance(said, Said)
        said.headers.update(headers)
        assert [await edge.state(path), await edge.state(path)] == ["MISS", "MISS"], path


async def test_a_token_is_never_answered_from_memory(edge: Edge) -> None:
    edge.origin.says("/products/token", "everybody's")
    assert await edge.state("/api/products/token") == "MISS"
    assert await edge.state("/api/products/token", Authorization="Bearer x") == "PASS"
    assert await edge.state("/api/products/token", Cookie="bodega_access=x") == "HIT"


@pytest.mark.parametrize("lifetime", ["public, s-maxage=60", "private, no-store", "no-store"])
@pytest.mark.parametrize("path", ["/cart", "/account/orders", "/about"])
async def test_documents_are_compressed_whether_they_are_kept_or_not(edge: Edge, path: str, lifetime: str) -> None:
    text = "<p>A mug, a pan and a lamp.</p>" * 100
    edge.origin.says(path, text, Content_Type="text/html; charset=utf-8", Cache_Control=lifetime)
    for asked in ({}, {"RSC": "1"}):
        answer = await edge.get(path, Accept_Encoding="gzip", Cookie="bodega_cart=mine", **asked)
        assert answer.headers["content-encoding"] == "gzip", asked
        assert gzip.decompress(answer.body).decode() == text
    assert (await edge.get(path, Cookie="bodega_cart=mine")).body.decode() == text


async def test_what_is_one_shoppers_own_goes_through_with_the_cookie(edge: Edge) -> None:
    edge.origin.says("/cart")
    edge.origin.says("/orders/ord_1")
    for path in ("/cart", "/api/cart", "/api/orders/ord_1"):
        assert await edge.state(path, Cookie="bodega_cart=mine") == "PASS"
        assert edge.origin.asked[-1].headers["cookie"] == "bodega_cart=mine"


async def test_the_gateway_knows_the_edge_and_its_client(edge: Edge) -> None:
    edge.origin.says("/cart")
    await edge.get("/api/cart?x=1", X_Forwarded_For="6.6.6.6", X_Edge_Secret="guessed")
    asked = edge.origin.asked[-1]
    assert (asked.url.path, asked.url.query) == ("/cart", "x=1")
    assert asked.headers["x-edge-secret"] == "gateway-secret-of-the-tests"
    assert asked.headers["x-forwarded-for"].split(", ")[-1] == "127.0.0.1"


async def test_an_address_of_the_api_keeps_its_prefix(edge: Edge) -> None:
    edge.origin.answers["/cart"] = Said(status=201, headers={"Location": "/cart/items/1"})
    answer = await edge.site.post("/api/cart", {})
    assert answer.headers["location"] == "/api/cart/items/1"


async def test_files_are_kept_for_a_year_and_text_is_compressed(edge: Edge) -> None:
    edge.origin.says("/media/products/a.avif", Content_Type="image/avif", Cache_Control="")
    edge.origin.says("/_next/static/chunks/a.js", "let a = 1;" * 500, Content_Type="application/javascript")
    for path in ("/media/products/a.avif?x=1", "/_next/static/chunks/a.js"):
        answer = await edge.get(path, Accept_Encoding="gzip, br")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert await edge.state(path) == "HIT"
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < 500
    assert (await edge.site.post("/media/products/a.avif", {})).status == 405


async def test_many_who_miss_at_once_ask_once(edge: Edge) -> None:
    edge.origin.says("/crowd")
    come, may_go = edge.origin.hold("/crowd")
    waiting = [asyncio.create_task(edge.get("/crowd")) for _ in range(20)]
    await come.wait()
    may_go.set()
    await asyncio.gather(*waiting)
    assert len(edge.origin.asked_for("/crowd")) == 1


async def test_a_purge_takes_what_bears_the_key_and_nothing_else(edge: Edge) -> None:
    edge.origin.says("/one", xkey="product:prd_1AA category:c")
    edge.origin.says("/two", xkey="product:prd_2BB")
    for path in ("/one", "/two"):
        await edge.get(path)
    await edge.cache.purge(["product:prd_1AA"])
    assert await edge.state("/one") == "MISS"
    assert await edge.state("/two") == "HIT"


async def test_only_the_shops_own_may_purge(edge: Edge) -> None:
    edge.origin.says("/stays", xkey="product:prd_3CC")
    await edge.get("/stays")
    for method in ("PURGE", "HEARTBEAT"):
        refused = await edge.site.request(method, "/", headers={"X-Purge": "product:prd_3CC", "X-Purge-Secret": "no"})
        assert (refused.status, refused.code) == (403, "forbidden")
    assert await edge.state("/stays") == "HIT"
    assert (await edge.site.request("TRACE", "/stays")).status == 405


async def test_a_missing_page_is_kept_for_a_second_at_most(edge: Edge) -> None:
    edge.origin.says("/nothing", status=404)
    assert await edge.state("/nothing") == "MISS"
    edge.origin.says("/nothing", "now it is here")

    async def is_here() -> None:
        assert (await edge.get("/nothing")).status == 200

    await eventually(is_here, within_seconds=2)


async def test_an_old_slug_is_kept_until_its_product_changes(edge: Edge) -> None:
    edge.origin.says("/products/old", status=301, Location="new", xkey="product:prd_4DD")
    await edge.get("/api/products/old")
    assert await edge.state("/api/products/old") == "HIT"
    await edge.cache.purge(["product:prd_4DD"])
    assert await edge.state("/api/products/old") == "MISS"


async def _refill_overtaken_by_a_purge(
    edge: Edge, path: str, keys: str, purged: tuple[str, ...] = ("product:prd_5EE", "category:c", "listing")
) -> str:
    """A slow answer of before an edit arrives after the purge; what do readers get from then on?"""
    edge.origin.says(path, "old price", xkey=keys)
    come, may_go = edge.origin.hold(path)
    slow = asyncio.create_task(edge.get(path))
    await come.wait()
    edge.origin.says(path, "new price", xkey=keys)
    await edge.cache.purge(purged)
    may_go.set()
    await slow
    return (await edge.get(path)).body.decode()


async def test_a_late_refill_does_not_bring_back_what_was_purged(edge: Edge) -> None:
    assert await _refill_overtaken_by_a_purge(edge, "/late", "product:prd_5EE") == "new price"
    assert await _refill_overtaken_by_a_purge(edge, "/late-list", "listing product:prd_6FF") == "new price"
    assert await edge.state("/late-list") == "HIT"
    page = "categories product:prd_5EE pages"
    assert await _refill_overtaken_by_a_purge(edge, "/late-page", page) == "new price"
    for path, keys in (("/late-name", page), ("/late-frame", "categories pages")):
        assert await _refill_overtaken_by_a_purge(edge, path, keys, ("categories",)) == "new price"


@pytest.mark.parametrize("changed", ["product:prd_1AA", "product:prd_2BB", "product:prd_5EE"])
async def test_a_page_of_a_few_products_is_made_anew_when_any_of_them_changes_meanwhile(
    edge: Edge, changed: str
) -> None:
    keys = "categories product:prd_1AA product:prd_2BB product:prd_3CC product:prd_4DD product:prd_5EE pages"
    path = f"/products/late-{changed[-3:]}"
    assert await _refill_overtaken_by_a_purge(edge, path, keys, (changed, "category:c", "listing")) == "new price"


async def test_without_the_guard_it_would(bare_edge: Edge) -> None:
    assert await _refill_overtaken_by_a_purge(bare_edge, "/late", "product:prd_5EE") == "old price"


async def test_what_is_made_of_all_products_while_one_changes_is_given_once_and_not_kept(edge: Edge) -> None:
    """It takes seconds to make: who has asked does not wait for it a second time."""
    edge.origin.says("/feed/products.xml", "made before", xkey="products pages")
    come, may_go = edge.origin.hold("/feed/products.xml")
    slow = asyncio.create_task(edge.get("/feed/products.xml"))
    await come.wait()
    await edge.cache.purge(["product:prd_5EE", "products"])
    may_go.set()
    assert (await slow).body == b"made before"
    assert len(edge.origin.asked_for("/feed/products.xml")) == 1
    edge.origin.says("/feed/products.xml", "made after", xkey="products pages")
    assert (await edge.get("/feed/products.xml")).body == b"made after"


async def test_a_purge_does_not_keep_other_products_answers_out(edge: Edge) -> None:
    edge.origin.says("/other", xkey="categories product:prd_7GG product:prd_8HH pages")
    come, may_go = edge.origin.hold("/other")
    slow = asyncio.create_task(edge.get("/other"))
    await come.wait()
    await edge.cache.purge(["product:prd_5EE"])
    may_go.set()
    await slow
    assert len(edge.origin.asked_for("/other")) == 1
    assert await edge.state("/other") == "HIT"


async def test_pages_of_an_earlier_build_are_asked_for_anew(edge: Edge) -> None:
    edge.origin.says("/built", xkey="categories pages")
    edge.origin.says("/categories", xkey="categories")
    for path in ("/built", "/api/categories"):
        await edge.get(path)
    await edge.cache.expire("pages")
    assert await edge.state("/built") == "MISS"
    assert await edge.state("/api/categories") == "HIT"


async def _page_or_data(request: Request) -> Said:
    is_data = request.headers.get("rsc") == "1"
    return Said("data" if is_data else "page", headers={
        "Cache-Control": "public, s-maxage=600", "Content-Type": "text/x-component" if is_data else "text/html"
    })  # fmt: skip


async def test_a_pages_data_never_takes_the_pages_place(edge: Edge) -> None:
    edge.origin.answers["/mixed"] = _page_or_data
    assert (await edge.get("/mixed", RSC="1", Next_Router_State_Tree="x", Next_Url="/evil")).body == b"data"
    asked = edge.origin.asked[-1].headers
    assert not {"next-router-state-tree", "next-url"} & set(asked)
    assert (await edge.get("/mixed", RSC="0")).body == b"page"
    assert (await edge.get("/mixed?_rsc=1")).body == b"page"
    assert (await edge.get("/mixed", RSC="1")).body == b"data"
    assert (await edge.get("/mixed.rsc")).status == 404
    assert len(edge.origin.asked_for("/mixed")) == 2


async def test_without_that_rule_it_would(bare_edge: Edge) -> None:
    bare_edge.origin.answers["/mixed"] = _page_or_data
    await bare_edge.get("/mixed", RSC="1")
    assert (await bare_edge.get("/mixed")).body == b"data"


async def test_a_redirect_of_a_pages_data_is_not_kept(edge: Edge) -> None:
    edge.origin.says("/moved", status=308, Location="/there", xkey="product:prd_8HH")
    assert [await edge.state("/moved", RSC="1") for _ in range(2)] == ["MISS", "MISS"]


async def test_a_heartbeat_that_lay_about_speaks_for_its_own_hour_alone(edge: Edge) -> None:
    edge.origin.says("/late", xkey="product:prd_9JK")
    await edge.get("/late")
    hour = await edge.cache.hour()
    edge.beating.clear()

    async def has_lain_about() -> None:
        assert float(await edge.cache.hour()) - float(hour) > HEARTBEAT_SECONDS + 0.5

    await eventually(has_lain_about)
    assert await edge.state("/late") == "PASS"
    await edge.cache.heartbeat(hour)  # told by somebody who was stopped after he had looked
    assert await edge.state("/late") == "PASS"
    edge.beating.set()


async def test_without_a_heartbeat_no_price_comes_from_memory(edge: Edge) -> None:
    edge.origin.says("/priced", xkey="product:prd_9JJ")
    edge.origin.says("/named", xkey="categories pages")
    edge.origin.says("/unpriced", xkey="pages")
    for path in ("/priced", "/named", "/unpriced"):
        await edge.get(path)
        assert await edge.state(path) == "HIT"
    edge.beating.clear()

    async def is_passed() -> None:
        assert [await edge.state(path) for path in ("/priced", "/named")] == ["PASS", "PASS"]

    await eventually(is_passed)
    edge.origin.says("/new-priced", xkey="listing")
    assert [await edge.state("/new-priced") for _ in range(2)] == ["MISS", "MISS"]
    assert await edge.state("/unpriced") == "HIT"
    edge.beating.set()

    async def is_kept() -> None:
        assert await edge.state("/priced") == "HIT"

    await eventually(is_kept)
