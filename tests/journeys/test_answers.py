"""Every answer with a body says what it is, whichever part of the shop gives it (ASVS 4.1.1, RFC 9110 section 8.3)."""

import re

import aiohttp
import pytest

from tests.conftest import engine

pytestmark = pytest.mark.asyncio(loop_scope="session")

SITE, API = "BODEGA_ORDERS_SITE_URL", "BODEGA_ORDERS_API_URL"
# Where, method, path, headers, body, and the least that must come of it: who answers differs from line to line.
ASKED = [
    (SITE, "GET", "/", {}, None, 200),
    (SITE, "GET", "/no/such/page", {}, None, 404),
    (SITE, "GET", "/products/no-such-product", {}, None, 404),
    (SITE, "GET", "/categories/no-such-category", {}, None, 404),
    (SITE, "GET", "/_next/static/no-such-file.js", {}, None, 404),
    (SITE, "GET", "/media/no/such/picture.jpg", {}, None, 404),
    (SITE, "GET", "/media/", {}, None, 404),
    (SITE, "GET", "/api/docs", {}, None, 200),
    (SITE, "GET", "/docs", {}, None, 404),
    (SITE, "GET", "/robots.txt", {}, None, 200),
    (SITE, "GET", "/sitemap.xml", {}, None, 200),
    (SITE, "GET", "/feed/products.xml", {}, None, 200),
    (SITE, "GET", "/manifest.webmanifest", {}, None, 200),
    (SITE, "GET", "/%2e%2e/x", {}, None, 400),
    (SITE, "TRACE", "/", {}, None, 405),
    (SITE, "GET", "/api/products", {}, None, 200),
    (SITE, "GET", "/api/no/such/route", {}, None, 404),
    (SITE, "POST", "/api/cart", {"Content-Type": "application/json"}, "{", 400),
    (SITE, "POST", "/api/cart", {"Content-Type": "text/plain"}, "x", 415),
    (SITE, "GET", "/api/orders", {}, None, 401),
    (API, "GET", "/products", {}, None, 200),
    (API, "GET", "/no/such/route", {}, None, 404),
    (API, "DELETE", "/products", {}, None, 405),
    (API, "POST", "/cart", {"Content-Type": "application/json"}, "{}", 422),
    (API, "GET", "/admin/orders", {"Authorization": "Bearer x.y.z"}, None, 401),
    (API, "GET", "/" + "x" * 20_000, {}, None, 400),
]  # fmt: skip


@pytest.mark.parametrize(("where", "method", "path", "headers", "body", "least"), ASKED)
async def test_an_answer_says_its_type_and_a_text_its_charset(
    session: aiohttp.ClientSession,
    where: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: str | None,
    least: int,
) -> None:
    async with session.request(
        method, engine(where) + path, headers=headers, data=body, allow_redirects=False
    ) as answer:
        content = await answer.read()
        said = answer.headers.get("Content-Type", "")
    assert answer.status // 100 == least // 100, (answer.status, content[:200])
    if content:
        assert re.match(r"[a-z]+/[a-z0-9.+-]+", said), f"{answer.status} says no type: {content[:80]!r}"
        if re.match(r"text/|[a-z]+/([a-z0-9.+-]*\+)?xml", said):
            assert "charset=utf-8" in said.lower().replace('"', ""), said
        assert answer.headers.get("X-Content-Type-Options") == "nosniff"
