"""Under TLS no other host can plant a cookie of ours: their names bear the browsers' prefixes."""

from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, Request, Response

from bodega.gateway import access
from bodega.kit import cookies
from bodega.kit.app import create_service
from bodega.kit.auth import ACCESS_COOKIE, CART_COOKIE, SESSION_COOKIE
from bodega.kit.settings import ServiceSettings
from bodega.kit.testing import Caller, serving
from tests.kit.making import ready

pytestmark = pytest.mark.unit


@pytest.fixture(params=["http://shop.example", "https://shop.example"])
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Caller, bool]]:
    router = APIRouter()

    @router.get("/cookies")
    async def read(request: Request) -> dict[str, str]:
        return request.cookies

    @router.post("/cookies")
    async def write(response: Response) -> None:
        for name, path in ((ACCESS_COOKIE, "/"), (SESSION_COOKIE, "/"), (CART_COOKIE, "/"), ("bodega_refresh", "/a")):
            response.set_cookie(name, "1", path=path, httponly=True, samesite="lax")
        response.set_cookie("theirs", "1")

    @router.delete("/cookies")
    async def forget(response: Response) -> None:
        response.delete_cookie(ACCESS_COOKIE, path="/")
        response.delete_cookie("bodega_refresh", path="/a")

    settings = ServiceSettings(site_url=request.param)
    app = create_service("counter", settings, [router], titles={}, description="", state={}, ready={"nothing": ready})
    async with serving(app) as caller:
        yield caller, request.param.startswith("https:")


async def _set_by(shop: Caller, method: str) -> dict[str, str]:
    async with shop.session.request(method, f"{shop.base}/cookies") as answer:
        lines = answer.headers.getall("Set-Cookie")
        return {line.partition("=")[0]: line for line in lines}


async def test_every_cookie_of_ours_has_its_prefix_where_there_is_tls(shop: tuple[Caller, bool]) -> None:
    caller, tls = shop
    found = await _set_by(caller, "POST")
    if not tls:
        assert set(found) == {ACCESS_COOKIE, SESSION_COOKIE, CART_COOKIE, "bodega_refresh", "theirs"}
        return
    whole = {f"__Host-{name}" for name in (ACCESS_COOKIE, SESSION_COOKIE, CART_COOKIE)}
    assert set(found) == {*whole, "__Secure-bodega_refresh", "theirs"}
    for name, line in found.items():
        if name != "theirs":
            assert "; secure" in line.lower()
            assert "domain" not in line.lower()


async def test_a_cookie_is_taken_away_under_the_name_that_it_was_given(shop: tuple[Caller, bool]) -> None:
    caller, tls = shop
    gone = await _set_by(caller, "DELETE")
    assert set(gone) == (
        {"__Host-bodega_access", "__Secure-bodega_refresh"} if tls else {ACCESS_COOKIE, "bodega_refresh"}
    )
    assert all("Max-Age=0" in line and (not tls or "Secure" in line) for line in gone.values())


@pytest.mark.parametrize("planted", ["bodega_access=evil", "a=b; bodega_access=evil; c=d", "bodega_access=evil;x=y"])
async def test_under_tls_what_a_sibling_host_has_planted_is_not_seen(shop: tuple[Caller, bool], planted: str) -> None:
    caller, tls = shop
    seen = (await caller.get("/cookies", headers={"Cookie": planted})).json
    assert ("bodega_access" in seen) is not tls
    both = (await caller.get("/cookies", headers={"Cookie": f"{planted}; __Host-bodega_access=mine"})).json
    assert both["bodega_access"] == ("mine" if tls else "evil")
    assert both.get("c", "d") == "d", "and the others' come through"


def test_the_gateway_reads_the_same_name_as_the_services() -> None:
    script = str(access.token_filters("http://auth", tls=True)[0])
    assert cookies.kept_as(ACCESS_COOKIE).replace("-", "%-") in script
    assert f"; *{ACCESS_COOKIE}=" not in script
    assert f"; *{ACCESS_COOKIE}=" in str(access.token_filters("http://auth")[0])
