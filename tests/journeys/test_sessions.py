"""A session, as every part of the shop sees it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bodega.kit.testing import Caller
from bodega.platform.system import System
from tests.conftest import engine
from tests.journeys.conftest import PASSWORD
from tests.journeys.shop import ADDRESS, Merchant, unique

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Here who one is does not matter: these give tokens, take them back, or go by the secret of a mailed link.
NOBODY_ASKED = (
    "/auth/register", "/auth/login", "/auth/refresh", "/auth/logout", "/auth/email/verify", "/auth/password/forgot",
    "/auth/password/reset",
)  # fmt: skip


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation of the description: method, path and what is said of it."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put", "patch", "delete"):
                yield method.upper(), path, operation


def address_of(path: str) -> str:
    """The path with something in its holes."""
    return "/".join("MUG" if part.startswith("{") else part for part in path.split("/"))


@pytest.fixture(scope="module")
def document(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((root / "docs/openapi.json").read_text())
    return content


async def test_no_optional_route_takes_a_browser_with_a_session_for_a_guest(
    api: Caller, document: dict[str, Any], root: Path
) -> None:
    """Ten minutes after the last renewal a browser has dropped the access token, and its session goes on."""
    system = System.load(root / "platform.toml", local=False)
    routes = [route for service in system.services.values() for route in service.routes]

    def access_of(path: str) -> str:
        matching = [route for route in routes if f"{path}/".startswith(f"{route.path}/")]
        return max(matching, key=lambda route: len(route.path)).access

    browser = api.being({"Cookie": "bodega_session=1", "Origin": engine("BODEGA_ORDERS_SITE_URL")})
    tried = []
    for method, path, _ in operations(document):
        if access_of(path) != "optional" or path in NOBODY_ASKED:
            continue
        headers = {"Idempotency-Key": unique("key")}
        answer = await browser.request(
            method, address_of(path), {} if method not in ("GET", "DELETE") else None, headers=headers
        )
        assert (answer.status, answer.code) == (401, "access_expired"), (method, path, answer.body)
        tried.append(path)
    assert {path.split("/")[1] for path in tried} == {"auth", "cart", "checkout", "orders"}


async def test_a_cart_is_still_there_after_the_access_token_has_run_out(api: Caller, merchant: Merchant) -> None:
    sku = (await merchant.makes())["sku"]
    site = engine("BODEGA_ORDERS_SITE_URL")
    wish = {"email": f"{unique('kim')}@example.com", "password": PASSWORD, "name": "Kim", "cookies": True}
    async with api.session.post(f"{site}/api/auth/register", json=wish, headers={"Origin": site}) as made:
        cookies = {name: cookie.value for name, cookie in made.cookies.items()}
    browser = Caller(f"{site}/api", api.session, {"Origin": site})

    def with_cookies(*names: str) -> Caller:
        return browser.being({"Cookie": "; ".join(f"{name}={cookies[name]}" for name in names)})

    added = await with_cookies("bodega_access").post("/cart", {"sku": sku})
    cookies["bodega_cart"] = added.headers["cart-token"]
    later = with_cookies("bodega_session", "bodega_cart")
    for answer in (
        await later.get("/cart"),
        await later.post("/cart", {"sku": sku}),
        await later.post("/checkout/quote", {"shipping_address": ADDRESS}),
    ):
        assert (answer.status, answer.code) == (401, "access_expired")
    async with api.session.post(
        f"{site}/api/auth/refresh",
        headers={"Origin": site, "Cookie": f"bodega_session=1; bodega_refresh={cookies['bodega_refresh']}"},
    ) as renewed:
        cookies |= {name: cookie.value for name, cookie in renewed.cookies.items()}
    back = with_cookies("bodega_access", "bodega_session", "bodega_cart")
    assert [line["sku"] for line in (await back.get("/cart")).json["lines"]] == [sku]
