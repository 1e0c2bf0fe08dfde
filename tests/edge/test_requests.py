"""What of a request reaches the key and the origin, what is refused before, and what every answer bears."""

import asyncio
import re
from functools import partial
from urllib.parse import urlsplit

import aiohttp
import pytest
from fastapi import Request, Response

from bodega.edge.render import known_parameters
from bodega.kit.testing import Answered, Caller
from tests.edge.stage import PAGES, Edge, Said

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="session")]

UNKNOWN = (
    "gad_source=1", "gad_campaignid=1", "srsltid=x", "_kx=x", "mkt_tok=x", "_hsenc=x", "li_fat_id=x", "epik=x",
    "ref=friend", "page=2", "v=3", "utm_source=mail", "x=%26q%3D1", "q[]=tea", "=", "&&", "a?b=c",
)  # fmt: skip
PAGES_WITHOUT = ("/", "/products/mug", "/no/such/page")


def _of(path: str) -> str:
    return path.replace("{product_ref}", "mug").replace("{sku}", "MUG-S").replace("{tracking}", "T1")


async def _asked_and_kept(edge: Edge, path: str, origin_path: str, query: str) -> list[str]:
    """What the origin is asked for by the address alone and then with the query; the answers must be one."""
    edge.origin.says(origin_path, "the answer")
    before = len(edge.origin.asked)
    states = [await edge.state(path), await edge.state(f"{path}?{query}")]
    assert states[1] == "HIT", (path, query, states)
    return [str(one.url.query) for one in edge.origin.asked[before:]]


@pytest.mark.parametrize("query", UNKNOWN)
async def test_a_parameter_that_an_address_does_not_know_makes_no_other_answer(edge: Edge, query: str) -> None:
    for page in PAGES_WITHOUT:
        assert set(await _asked_and_kept(edge, page, page, query)) <= {""}
    for path in map(_of, known_parameters()):
        assert set(await _asked_and_kept(edge, f"/api{path}", path, query)) <= {""}
    for page in ("/search", "/categories/kitchen"):
        assert set(await _asked_and_kept(edge, page, page, query)) <= {""}


async def test_a_name_that_is_written_otherwise_is_none_that_is_known(edge: Edge) -> None:
    edge.origin.says("/search/suggest")
    await _raw(edge, "/api/search/suggest?%71=tea&q=tea")
    assert edge.origin.asked_for("/search/suggest")[-1].url.query == "q=tea"


async def test_a_parameter_that_an_address_knows_reaches_the_origin_as_it_was_written(edge: Edge) -> None:
    for template, names in known_parameters().items():
        for name in names:
            path, query = _of(template), f"{name}=a%20b?c"
            edge.origin.says(path)
            await edge.get(f"/api{path}?utm_source=1&{query}&utm_medium=1")
            assert edge.origin.asked_for(path)[-1].url.query == query
    for page in ("/search", "/categories/kitchen"):
        edge.origin.says(page)
        await edge.get(f"{page}?sort=newest&q=tea?pot&utm_source=x&option.size_cm-43ba15dede=a%20b&color=x")
        assert edge.origin.asked_for(page)[-1].url.query == "option.size_cm-43ba15dede=a%20b&q=tea?pot&sort=newest"


async def test_one_shoppers_own_pages_get_what_they_are_asked_for(edge: Edge) -> None:
    edge.origin.says("/orders/BDG-1")
    await edge.get("/orders/BDG-1?token=t&x=1")
    assert edge.origin.asked_for("/orders/BDG-1")[-1].url.query == "token=t&x=1"


DOTS = ("..", "%2e%2e", "%2E.", ".%2e", ".", "%2e", "%252e%252e")


@pytest.mark.parametrize("dots", DOTS)
async def test_dot_segments_are_refused_before_anybody_looks_at_them(edge: Edge, dots: str) -> None:
    before = len(edge.origin.asked)
    for path in (
        f"/_next/static/{dots}/{dots}/account", f"/media/{dots}/labels/a.pdf", f"/{dots}", f"/api/products/{dots}/x",
        f"/_next/static/{dots}%2f{dots}%2faccount", f"/a/{dots}\\b", f"/a%5c{dots}%5cb", f"/a/{dots}?b=c",
        f"/a/{dots};x/b",
    ):  # fmt: skip
        answer = await _raw(edge, path)
        assert answer.startswith(b"HTTP/1.1 400 "), path
    assert len(edge.origin.asked) == before


async def test_dots_that_are_no_segment_are_let_through(edge: Edge) -> None:
    for path in ("/products/a..b", "/products/...", "/media/ab/c.webp", "/.well-known/x", "/products/mug?x=../y"):
        assert not (await _raw(edge, path)).startswith(b"HTTP/1.1 400 "), path


async def _raw(edge: Edge, target: str) -> bytes:
    """An answer to a target that is sent as it is written."""
    site = urlsplit(edge.url)
    reader, writer = await asyncio.open_connection(site.hostname, site.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n".encode())
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_nobody_has_pictures_resized(edge: Edge) -> None:
    for path in ("/_next/image", "/_next/image?url=%2Fmedia%2Fx.jpg&w=640&q=75"):
        assert (await edge.get(path)).status == 404
    assert not edge.origin.asked_for("/_next/image")


@pytest.mark.parametrize("path", ["/favicon.ico", "/icon.svg", "/icon.png", "/apple-icon.png", "/manifest.webmanifest"])
async def test_a_browser_keeps_the_shops_icons_for_a_day(edge: Edge, path: str) -> None:
    edge.origin.says(path, "icon", Content_Type="image/png", xkey="pages")
    assert (await edge.get(path)).headers["cache-control"] == "public, max-age=86400"
    assert await edge.state(f"{path}?hash") == "HIT"


@pytest.mark.parametrize("path", ["/robots.txt", "/sitemap.xml", "/sitemap/products/first.xml", "/feed/products.xml"])
async def test_what_crawlers_read_is_kept_until_a_product_changes(edge: Edge, path: str) -> None:
    edge.origin.says(path, "<a/>", Content_Type="application/xml; charset=utf-8", xkey="products pages")
    await edge.get(path)
    answer = await edge.site.get(f"{path}?utm_source=x", headers={"Accept-Encoding": "gzip"})
    assert (answer.headers["x-cache"], answer.headers["cache-control"]) == ("HIT", "private, no-cache")
    assert answer.headers["content-encoding"] == "gzip"
    await edge.cache.purge(["products"])
    assert await edge.state(path) == "MISS"


# --- limits -------------------------------------------------------------------------------------------------


async def test_one_client_has_so_many_pages_made_and_all_that_are_in_memory(edge: Edge) -> None:
    limit = PAGES
    edge.origin.says("/in-memory")
    await edge.get("/in-memory")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=("127.0.0.77", 0))) as session:
        client = Caller(edge.url, session)
        answers = [await client.get(f"/made/{number}") for number in range(4 * limit.burst)]
        assert (await client.get("/in-memory")).status == 200
        assert (await client.get("/api/products")).status != 429
        elsewhere = {"X-Forwarded-For": "203.0.113.77"}
        again = [await client.get(f"/made/{number}/again", headers=elsewhere) for number in range(limit.burst)]
        assert 429 in {answer.status for answer in again}, "who is next to us counts, whatever it says of itself"
    refused = [answer for answer in answers if answer.status == 429]
    assert limit.burst <= len(answers) - len(refused)
    assert refused
    assert refused[0].headers["retry-after"] == "5"
    assert b"Too many pages were asked for" in refused[0].body
    assert (await edge.get("/made/elsewhere")).status == 404


# --- what goes out -------------------------------------------------------------------------------------------


def _missing(answer: Answered) -> list[str]:
    wanted = {
        "x-content-type-options": r"nosniff",
        "x-frame-options": r"DENY",
        "content-security-policy": r".*frame-ancestors 'none'",
        "referrer-policy": r".+",
        "permissions-policy": r".*camera=\(\).*geolocation=\(\).*",
        "cross-origin-opener-policy": r"same-origin",
        "cross-origin-resource-policy": r"same-origin|cross-origin",
    }
    return [name for name, value in wanted.items() if not re.fullmatch(value, answer.headers.get(name, ""))]


async def test_every_kind_of_answer_bears_the_headers_that_protect_its_reader(edge: Edge) -> None:
    says = edge.origin.says
    says("/page", Content_Security_Policy="default-src 'none'; frame-ancestors 'none'")
    says("/moved", status=308, Location="/page")
    says("/media/ab/kind.webp", Content_Type="image/webp", Seaweed_X_Amz_Owner="me", X_Amz_Request_Id="1")
    for path in ("/cart", "/_next/static/a.js", "/icon.svg", "/livez", "/products"):
        says(path)
    edge.origin.answers["/broken"] = Said("", 500)
    for path in (
        "/page", "/page", "/moved", "/cart", "/missing", "/_next/static/a.js", "/_next/static/missing.js", "/icon.svg",
        "/media/ab/kind.webp", "/media/missing.webp", "/livez", "/api/products", "/api/missing", "/api/cart",
        "/broken", "/a.rsc", "/_next/image",
    ):  # fmt: skip
        answer = await edge.get(path)
        assert not _missing(answer), (path, answer.status, _missing(answer))
        assert not [name for name in answer.headers if name.startswith(("seaweed", "x-amz", "x-varnish"))], path
    assert (await edge.get("/page")).headers["content-security-policy"].startswith("default-src")
    picture = await edge.get("/media/ab/kind.webp")
    assert picture.headers["cross-origin-resource-policy"] == "cross-origin", "mails show it"


@pytest.mark.parametrize(
    "said",
    [
        "text/html", "text/plain", "text/css", "Text/Javascript", "text/csv; header=present", "application/xml",
        "application/rss+xml", "image/svg+xml",
    ],
)  # fmt: skip
async def test_a_text_says_its_charset_whoever_made_it_and_whatever_came_of_it(edge: Edge, said: str) -> None:
    for status in (200, 404, 403, 418):
        for path in (f"/page/{said}/{status}", f"/cart?{said}/{status}", f"/_next/static/{said}/{status}.js"):
            edge.origin.says(urlsplit(path).path, "text", status, Content_Type=said)
            answer = await edge.get(path)
            assert answer.status == status
            assert answer.headers["content-type"] == f"{said}; charset=utf-8"


async def test_a_charset_that_is_said_and_a_type_without_one_stay_as_they_are(edge: Edge) -> None:
    for number, said in enumerate(("text/html; charset=UTF-8", "text/html;charset=latin1", "image/webp", "font/woff2",
                                   "application/json", "application/octet-stream")):  # fmt: skip
        edge.origin.answers[f"/said/{number}"] = partial(_as_it_is, said)
        assert (await edge.get(f"/said/{number}")).headers["content-type"] == said


async def _as_it_is(said: str, _: Request) -> Response:
    return Response(b"text", headers={"Content-Type": said})


@pytest.mark.parametrize(("status", "shown"), [(404, 404), (403, 404), (400, 400), (416, 416), (405, 405)])
async def test_a_picture_that_cannot_be_had_is_a_page_of_ours_that_nobody_keeps(
    edge: Edge, status: int, shown: int
) -> None:
    path = f"/media/ab/{status}.webp"
    edge.origin.says(path, "<Error><BucketName>media</BucketName></Error>", status, Content_Type="application/xml")
    for _ in range(2):
        answer = await edge.get(path)
        assert (answer.status, answer.headers["content-type"]) == (shown, "text/html; charset=utf-8")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert b"<h1>" in answer.body
        assert b"BucketName" not in answer.body
    assert len(edge.origin.asked_for(path)) == 2
    edge.origin.says(path, "picture", Content_Type="image/webp")
    assert (await edge.get(path)).body == b"picture", "once it is there it is shown"
