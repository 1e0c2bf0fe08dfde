"""Shipping over HTTP."""

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from bodega.contracts.ids import derived_id, new_id
from bodega.kit.testing import Answered, Caller, Credentials, eventually
from bodega.services.shipping.settings import Settings
from tests.sandbox.stand import CARRIER_KEY
from tests.shipping.conftest import World, run
from tests.shipping.making import question

pytestmark = pytest.mark.service


async def prices(shipping: Caller, asked: dict[str, Any]) -> dict[str, int]:
    answer = await shipping.post("/shipping/rates", asked)
    assert answer.status == 200, answer.body
    return {option["id"]: option["price"]["amount"] for option in answer.json["options"]}


async def test_what_it_costs_is_in_the_tables_by_zone_weight_and_value(shipping: Caller) -> None:
    assert await prices(shipping, question()) == {"standard": 490, "express": 990}
    assert await prices(shipping, question("FR")) == {"standard": 990, "express": 1990}
    assert (await prices(shipping, question("JP")))["standard"] == 1990
    assert await prices(shipping, question(grams=2000)) == {"standard": 690, "express": 1290}
    assert await prices(shipping, question(value=4999)) == {"standard": 490, "express": 990}
    assert await prices(shipping, question(value=5000)) == {"standard": 0, "express": 990}
    assert await prices(shipping, question(grams=1_000_000)) == {}


TABLE, LIVE = 3990, 2418  # express to the rest of the world: ours, and the carrier's for these weights


async def faulty(world: World, **fault: Any) -> None:
    await world._ask("POST", "/sandbox/faults", {"target": "carrier.rates", **fault})


async def test_the_carrier_is_asked_for_its_price_where_the_tables_say_so(shipping: Caller) -> None:
    assert await prices(shipping, question("JP")) == {"standard": 1990, "express": LIVE}


async def test_a_carrier_that_is_slow_or_ill_holds_nobody_up_and_the_table_decides(
    shipping: Caller, world: World
) -> None:
    for fault in ({"kind": "slow", "seconds": 12}, {"kind": "error_500"}, {"kind": "refuse"}):
        await faulty(world, **fault)
        began = time.monotonic()
        assert (await prices(shipping, question("JP")))["express"] == TABLE
        assert time.monotonic() - began < 8
    assert (await prices(shipping, question("JP")))["express"] == LIVE


async def test_a_carrier_that_fails_again_and_again_is_left_alone_for_a_while(
    settings: Settings, credentials: Credentials, world: World
) -> None:
    impatient = settings.model_copy(update={"carrier_patience_seconds": 0.05, "kafka": "127.0.0.1:1"})
    async with run(impatient, credentials) as one:
        await faulty(world, kind="slow", seconds=1, times=5)
        for _ in range(5):
            assert (await prices(one, question("JP")))["express"] == TABLE
        assert (await prices(one, question("JP")))["express"] == TABLE, "it would answer now, but is not asked"


async def test_checkout_gets_the_same_price_for_as_long_as_it_may_take(
    shipping: Caller, world: World, credentials: Credentials
) -> None:
    """The trap: quoted by the table while the carrier sleeps, and asked for the carrier's price when it is back."""
    checkout = shipping.being(credentials.service("checkout", "shipping"))

    async def express(grams: int) -> int:
        options = (await checkout.post("/internal/rates", question("JP", grams=grams))).json["options"]
        return int(next(one["price"]["amount"] for one in options if one["id"] == "express"))

    await faulty(world, kind="error_500")
    assert [await express(410) for _ in range(2)] == [TABLE, TABLE]
    assert await express(411) == LIVE
    await faulty(world, kind="error_500")
    assert await express(411) == LIVE
    await faulty_no_more(world)

    async def comes_back() -> None:
        assert await express(410) == LIVE

    await eventually(comes_back)


async def faulty_no_more(world: World) -> None:
    async with world.http.delete(f"{world.sandbox.url}/sandbox/faults") as answer:
        assert answer.status < 300


async def test_a_value_in_another_currency_makes_nothing_free(shipping: Caller) -> None:
    asked = {**question(), "items_total": {"amount": 900_000, "currency": "JPY"}}
    assert (await prices(shipping, asked))["standard"] == 490


async def test_the_promise_is_of_working_days(shipping: Caller) -> None:
    options = (await shipping.post("/shipping/rates", question())).json["options"]
    for option in options:
        first, last = (datetime.fromisoformat(option[name]) for name in ("promised_from", "promised_to"))
        assert datetime.now(UTC).date() < first.date() <= last.date()
        assert first.weekday() < 5
        assert last.weekday() < 5


async def test_a_page_learns_how_goods_are_sent_and_when_they_come(shipping: Caller) -> None:
    answer = await shipping.get("/shipping/options")
    assert answer.headers["cache-control"] == "public, max-age=0, s-maxage=10"
    standard, express = answer.json["options"]
    assert (standard["price"]["amount"], standard["free_from"]) == (490, {"amount": 5000, "currency": "EUR"})
    assert (express["price"]["amount"], express["free_from"]) == (990, None)
    assert (standard["first_day"], standard["last_day"]) == (1, 2)
    assert datetime.fromisoformat(answer.json["order_before"]) > datetime.now(UTC)
    asked = (await shipping.post("/shipping/rates", question(grams=800))).json["options"]
    for promised in ("promised_from", "promised_to", "price", "name", "carrier"):
        assert [one[promised] for one in answer.json["options"]] == [one[promised] for one in asked]
    assert (await shipping.get("/shipping/options?country=FR")).json["options"][0]["free_from"]["amount"] == 15000
    assert (await shipping.get("/shipping/options?country=JP")).json["options"][0]["free_from"] is None
    assert [one["price"]["amount"] for one in (await shipping.get("/shipping/options?grams=2000")).json["options"]] == [
        690,
        1290,
    ]
    assert (await shipping.get("/shipping/options?grams=1000000")).json["options"] == []
    for refused in ("country=france", "grams=-1", "grams=a"):
        assert (await shipping.get(f"/shipping/options?{refused}")).status == 422


async def test_checkout_gets_the_same_rates_and_nobody_else_may_ask_there(
    shipping: Caller, credentials: Credentials
) -> None:
    asked = question(value=2400)
    for_shoppers = (await shipping.post("/shipping/rates", asked)).json
    checkout = shipping.being(credentials.service("checkout", "shipping"))
    assert (await checkout.post("/internal/rates", asked)).json == for_shoppers
    assert (await shipping.post("/internal/rates", asked)).code == "unauthenticated"
    cart = shipping.being(credentials.service("cart", "shipping"))
    assert (await cart.post("/internal/rates", asked)).code == "forbidden"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"colour": "red"}, "/colour"),
        ({"lines": []}, "/lines"),
        ({"lines": [{"sku": "A", "quantity": 1}] * 101}, "/lines"),
        ({"lines": [{"sku": "A", "quantity": -1}]}, "/lines/0/quantity"),
        ({"lines": [{"sku": "A", "quantity": 10**30}]}, "/lines/0/quantity"),
        ({"lines": [{"sku": "A", "quantity": 1, "weight_grams": 1.5}]}, "/lines/0/weight_grams"),
        ({"lines": [{"sku": "A", "quantity": 1, "size": 1}]}, "/lines/0/size"),
        ({"address": {"country": "Germany"}}, "/address/name"),
        ({"items_total": {"amount": -1, "currency": "EUR"}}, "/items_total/amount"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_by_name(
    shipping: Caller, change: dict[str, Any], pointer: str
) -> None:
    answer = await shipping.post("/shipping/rates", {**question(), **change})
    assert answer.status == 422
    assert pointer in [error["pointer"] for error in answer.json["errors"]]


async def test_who_may_see_what(shipping: Caller, credentials: Credentials) -> None:
    customer = shipping.being(credentials.customer(new_id("cus")))
    assert (await shipping.get("/admin/shipments")).code == "unauthenticated"
    assert (await customer.get("/admin/shipments")).code == "forbidden"
    support = shipping.being(credentials.customer(new_id("cus"), "customer", "support"))
    assert (await support.get("/admin/shipments")).status == 200
    nobody = new_id("shp")
    for path in (f"/admin/shipments/{nobody}", f"/admin/shipments/{nobody}/label"):
        assert (await customer.get(path)).code == "forbidden"
        merchant = shipping.being(credentials.customer("cus_m", "merchant"))
        assert (await merchant.get(path)).code == (await support.get(path)).code == "not_found"
    for action in ("mark-delivered", "relabel"):
        for who in (customer, support):
            assert (await who.post(f"/admin/shipments/{nobody}/{action}")).code == "forbidden"
        assert (await merchant.post(f"/admin/shipments/{nobody}/{action}")).code == "not_found"
    assert (await shipping.get("/shipments/BD000000000DE")).code == "not_found"


@pytest.mark.parametrize("path", ["/shipments/%00", "/shipments/" + "x" * 3000, "/shipments/a b", "/shipments/%F0"])
async def test_strange_tracking_numbers_are_refused_cleanly(shipping: Caller, path: str) -> None:
    assert (await shipping.get(path)).status in (400, 404, 422)


async def told(shipping: Caller, body: bytes, *, key: str = CARRIER_KEY, at: float | None = None) -> Answered:
    seconds = int(at if at is not None else time.time())
    digest = hmac.new(key.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return await shipping.post(
        "/shipping/webhooks/carrier", raw=body, headers={"Carrier-Signature": f"t={seconds},v1={digest}"}
    )


async def test_the_carrier_is_believed_by_its_signature_alone(shipping: Caller) -> None:
    scan = {"id": "scan_x", "status": "delivered", "reference": derived_id("shp", new_id("ord")),
            "at": "2026-11-24T10:00:00Z", "place": "Front door"}  # fmt: skip
    body = json.dumps(scan).encode()
    assert (await told(shipping, body, key="guessed")).code == "bad_signature"
    assert (await told(shipping, body, at=time.time() - 3600)).code == "bad_signature"
    assert (await shipping.post("/shipping/webhooks/carrier", scan)).code == "bad_signature"
    assert (await told(shipping, body)).status == 204, "not ours, and not to be told again"
    assert (await told(shipping, b'{"id": 1}')).code == "malformed_request"
    naive = json.dumps({**scan, "at": "2026-11-24T10:00:00"}).encode()
    assert (await told(shipping, naive)).code == "malformed_request"
    assert (await told(shipping, json.dumps({**scan, "status": "lost at sea"}).encode())).status == 204


async def test_health_and_openapi_are_there(shipping: Caller) -> None:
    assert (await shipping.get("/readyz")).json["parts"]["postgres"] == "ok"
    document = (await shipping.get("/openapi.json")).json
    assert {"/shipping/rates", "/shipments/{tracking}", "/admin/shipments"} <= set(document["paths"])
    assert not [path for path in document["paths"] if path.startswith("/internal") or "webhooks" in path]
