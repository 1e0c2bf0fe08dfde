"""Security events that every service writes of itself: what staff change, and what is refused."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, HTTPException, Response

from bodega.kit.app import create_service
from bodega.kit.auth import Caller as CallerOfRoute
from bodega.kit.auth import Customer, Merchant, Staff
from bodega.kit.errors import Conflict
from bodega.kit.settings import ServiceSettings
from bodega.kit.testing import Caller, Credentials, serving
from tests.kit.making import ready

pytestmark = pytest.mark.unit


@pytest.fixture
async def keys(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path, ["counter", "cli"])


@pytest.fixture
async def shop(keys: Credentials) -> AsyncIterator[Caller]:
    router = APIRouter()

    @router.api_route("/admin/things/{thing}", methods=["GET", "PUT", "PATCH", "POST", "DELETE"])
    async def change(thing: str, _: Merchant) -> dict[str, str]:
        if thing == "taken":
            raise Conflict("it is taken")
        if thing == "broken":
            raise RuntimeError("a fault of ours")
        if thing == "missing":
            raise HTTPException(404)
        return {"thing": thing}

    @router.post("/admin/orders/{order}/cancel")
    async def cancel(order: str, _: Staff) -> Response:
        return Response(status_code=204)

    @router.post("/mine")
    async def mine(_: Customer) -> dict[str, str]:
        return {}

    @router.get("/internal/things")
    async def things(_: CallerOfRoute) -> dict[str, str]:
        return {}

    settings = ServiceSettings(internal_jwks_file=keys.jwks_file, allowed_callers=[])
    app = create_service("counter", settings, [router], titles={}, description="", state={}, ready={"nothing": ready})
    app.state.access_tokens = keys.access_tokens()
    async with serving(app) as caller:
        yield caller


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "security"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST", "DELETE"])
@pytest.mark.parametrize(("thing", "status"), [("one", 200), ("taken", 409), ("missing", 404), ("broken", 500)])
async def test_whatever_staff_change_or_try_to_is_logged_with_who_and_what(
    shop: Caller, keys: Credentials, capsys: pytest.CaptureFixture[str], method: str, thing: str, status: int
) -> None:
    merchant = shop.being(keys.customer("cus_1", "merchant", sid="ses_1"))
    assert (await merchant.request(method, f"/admin/things/{thing}")).status == status
    (found,) = events(capsys)
    kept = {key: found[key] for key in ("security", "outcome", "actor", "session", "action", "thing", "status")}
    assert kept == {
        "security": "authz_admin", "outcome": "success" if status < 400 else "failure", "actor": "cus_1",
        "session": "ses_1", "action": f"{method} /admin/things/{{thing}}", "thing": thing, "status": status,
    }  # fmt: skip
    assert found["source_ip"] == "127.0.0.1"
    assert found["service"] == "counter"


async def test_support_is_staff_and_reading_is_no_change(
    shop: Caller, keys: Credentials, capsys: pytest.CaptureFixture[str]
) -> None:
    support = shop.being(keys.customer("cus_2", "support"))
    assert (await support.post("/admin/orders/ord_1/cancel")).status == 204
    merchant = shop.being(keys.customer("cus_1", "merchant"))
    for method in ("GET", "HEAD"):
        assert (await merchant.request(method, "/admin/things/one")).status == 200
    (found,) = events(capsys)
    assert (found["actor"], found["order"]) == ("cus_2", "ord_1")


async def test_a_customers_own_doing_is_no_security_event(
    shop: Caller, keys: Credentials, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (await shop.being(keys.customer("cus_3")).post("/mine")).status == 200
    assert events(capsys) == []


async def test_what_somebody_may_not_is_logged_with_who_asked_for_it(
    shop: Caller, keys: Credentials, capsys: pytest.CaptureFixture[str]
) -> None:
    customer = shop.being(keys.customer("cus_3"))
    assert (await customer.put("/admin/things/one")).status == 403
    (found,) = events(capsys)
    assert (found["security"], found["subject"], found["action"]) == (
        "authz_fail", "cus_3", "PUT /admin/things/{thing}",
    )  # fmt: skip


async def test_a_service_that_may_not_call_and_tokens_that_are_not_good_are_logged(
    shop: Caller, keys: Credentials, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (await shop.being(keys.service("cli", "counter")).get("/internal/things")).status == 403
    forged = shop.being({"Authorization": "Bearer of.nothing.good"})
    assert (await forged.get("/internal/things")).status == 401
    assert (await forged.post("/mine")).status == 401
    assert (await shop.post("/mine")).status == 401  # who shows no token has claimed nothing
    assert [one["security"] for one in events(capsys)] == ["authz_fail", "authn_token_invalid", "authn_token_invalid"]
