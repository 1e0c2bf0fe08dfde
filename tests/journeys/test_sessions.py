"""A session, as every part of the shop sees it."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bodega.kit.testing import Caller, eventually
from bodega.platform.system import System
from tests.conftest import engine
from tests.journeys.conftest import INSTANCE, PASSWORD
from tests.journeys.shop import ADDRESS, Merchant, Outside, unique
from tests.journeys.test_privacy import secret_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Here who one is does not matter: these give tokens, take them back, or go by the secret of a mailed link.
NOBODY_ASKED = (
    "/auth/register", "/auth/login", "/auth/refresh", "/auth/logout", "/auth/email/verify", "/auth/password/forgot",
    "/auth/password/reset", "/orders/{order_ref}/open",  # by the token in its body, whoever brings it
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
    assert {path.split("/")[1] for path in tried} == {"auth", "cart", "checkout", "notifications", "orders"}


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


# --- what has ended is refused -------------------------------------------------------------------------


def guarded(document: dict[str, Any], root: Path) -> list[tuple[str, str]]:
    """Every operation for staff, and every write that looks at who asks."""
    found = []
    for method, path, operation in operations(document):
        takes_a_token = "401" in operation["responses"] and path not in NOBODY_ASKED
        if takes_a_token and (path.startswith("/admin") or method != "GET"):
            found.append((method, path))
    assert len([path for _, path in found if path.startswith("/admin")]) > 30
    assert {path.split("/")[1] for _, path in found} >= {"admin", "auth", "cart", "checkout", "orders", "users"}
    return found


async def refused_everywhere(device: Caller, document: dict[str, Any], root: Path) -> None:
    for method, path in guarded(document, root):
        headers = {"Idempotency-Key": unique("key"), "If-Match": '"1"'}
        body = {} if method in ("POST", "PUT", "PATCH") else None
        answer = await device.request(method, address_of(path), body, headers=headers)
        # Imports are no JSON and read their roles first, as all do.
        assert (answer.status, answer.code) == (401, "session_ended"), (method, path, answer.body)


SHOPPERS = ("/cart", "/orders", "/users/me", "/auth/sessions", "/checkout/chk_none", "/notifications/preferences")
"""An address of each service that shoppers sign in to."""


def staffs(document: dict[str, Any]) -> tuple[str, ...]:
    """Addresses of all services that staff sign in to."""
    found = [path for method, path, _ in operations(document) if method == "GET" and path.startswith("/admin")]
    return tuple(path for path in found if "{" not in path)


async def within_a_second(device: Caller, *paths: str) -> None:
    """Until every service has asked auth anew (the kit's own test measures the second)."""

    async def refused() -> None:
        for path in paths:
            answer = await device.get(path)
            assert answer.status == 401, (path, answer.body)

    # Each service learns of it for itself; on a busy machine the questions take their time, too.
    await eventually(refused, within_seconds=3)


async def test_whose_rights_are_taken_away_may_do_nothing_more_within_a_second(
    api: Caller, document: dict[str, Any], root: Path
) -> None:
    email = f"{unique('staff')}@example.com"
    environment = {**os.environ, "BODEGA_PASSWORD": PASSWORD}

    def users(*words: str) -> None:
        subprocess.run(
            [root / "bodega", "users", *words, "--instance", INSTANCE], env=environment, capture_output=True, check=True
        )

    users("create-merchant", email)
    entered = await api.post("/auth/login", {"email": email, "password": PASSWORD})
    merchant = api.being({"Authorization": f"Bearer {entered.json['access_token']}"})
    assert (await merchant.get("/admin/orders")).status == 200
    users("revoke", email)
    await within_a_second(merchant, *SHOPPERS, *staffs(document))
    await refused_everywhere(merchant, document, root)


@pytest.mark.parametrize(
    "ending", ["signs out", "ends it elsewhere", "sets a new password", "a used token comes again"]
)
async def test_a_session_that_has_ended_may_write_nothing_more_within_a_second(
    api: Caller, outside: Outside, document: dict[str, Any], root: Path, ending: str
) -> None:
    email = f"{unique('ada')}@example.com"
    made = await api.post("/auth/register", {"email": email, "password": PASSWORD, "name": "Ada"})
    device = api.being({"Authorization": f"Bearer {made.json['access_token']}"})
    assert (await device.get("/users/me")).status == 200
    shown = {"refresh_token": made.json["refresh_token"]}
    match ending:
        case "signs out":
            await api.post("/auth/logout", shown)
        case "ends it elsewhere":
            other = await api.post("/auth/login", {"email": email, "password": PASSWORD})
            elsewhere = api.being({"Authorization": f"Bearer {other.json['access_token']}"})
            await elsewhere.delete(f"/auth/sessions/{made.json['session_id']}")
        case "sets a new password":
            await api.post("/auth/password/forgot", {"email": email})
            token = await secret_of(outside, email, "new password")
            await api.post("/auth/password/reset", {"token": token, "password": f"{PASSWORD} of mine"})
        case "a used token comes again":
            second = await api.post("/auth/refresh", shown)
            await api.post("/auth/refresh", {"refresh_token": second.json["refresh_token"]})
            assert (await api.post("/auth/refresh", shown)).code == "session_ended"
    await within_a_second(device, *SHOPPERS)
    if ending == "signs out":  # the others end the same way
        for method, path in guarded(document, root):
            if not path.startswith("/admin"):
                answer = await device.request(method, address_of(path), {}, headers={"Idempotency-Key": unique("key")})
                assert (answer.status, answer.code) == (401, "session_ended"), (method, path, answer.body)
    for path in ("/users/me", "/orders", "/cart", "/auth/sessions"):
        assert (await device.get(path)).code == "session_ended"
