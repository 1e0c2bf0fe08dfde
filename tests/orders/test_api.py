"""Orders over HTTP."""

import asyncio
from datetime import datetime, timedelta
from http.cookies import SimpleCookie

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials
from tests.orders.conftest import key, link, place
from tests.orders.making import euro, wanted

pytestmark = pytest.mark.service


async def test_creating_the_same_order_twice_gives_the_same_order(checkout: Caller) -> None:
    order = wanted()
    first, second = await place(checkout, order), await place(checkout, order)
    assert (first.status, second.status) == (201, 201)
    assert first.json == second.json
    assert first.json["number"].startswith("BDG-")


async def test_ten_creates_at_once_make_one_order(checkout: Caller, database: Database) -> None:
    order = wanted()
    answers = await asyncio.gather(*(place(checkout, order) for _ in range(10)))
    assert {answer.json["number"] for answer in answers} == {answers[0].json["number"]}
    async with database.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM order_history WHERE order_id = $1", order.order_id) == 1


async def test_an_id_cannot_be_used_for_another_order(checkout: Caller) -> None:
    order = wanted()
    await place(checkout, order)
    changed = order.model_copy(update={"lines": [order.lines[0].model_copy(update={"title": "Cup"})]})
    answer = await place(checkout, changed)
    assert (answer.status, answer.code) == (409, "different_order")


async def test_a_total_that_does_not_add_up_is_refused(checkout: Caller) -> None:
    body = wanted().model_dump(mode="json")
    body["totals"]["total"] = euro(1)
    answer = await checkout.post("/internal/orders", body)
    assert answer.status == 422
    assert answer.json["errors"][0]["pointer"] == "/totals"


async def test_a_late_create_finds_the_tombstone_of_its_cancellation(checkout: Caller) -> None:
    order = wanted()
    cancelled = await checkout.post(f"/internal/orders/{order.order_id}/cancel", {"reason": "checkout_expired"})
    assert cancelled.json["state"] == "cancelled"
    late = await place(checkout, order)
    assert (late.status, late.code) == (409, "already_ended")


async def test_a_create_and_a_cancel_that_pass_each_other_never_leave_a_live_order(checkout: Caller) -> None:
    for _ in range(10):
        order = wanted()
        _, cancelled = await asyncio.gather(
            place(checkout, order),
            checkout.post(f"/internal/orders/{order.order_id}/cancel", {"reason": "checkout_expired"}),
        )
        assert cancelled.status == 200
        again = await place(checkout, order)
        assert (again.status, again.code) == (409, "already_ended")


async def test_cancelling_twice_is_harmless(checkout: Caller) -> None:
    order = wanted()
    await place(checkout, order)
    answers = [
        await checkout.post(f"/internal/orders/{order.order_id}/cancel", {"reason": "customer_request"})
        for _ in range(2)
    ]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json


async def test_fulfilment_of_an_order_that_is_not_paid_is_refused(checkout: Caller, shipping: Caller) -> None:
    order = wanted()
    await place(checkout, order)
    answer = await shipping.post(f"/internal/orders/{order.order_id}/begin-fulfilment", {"shipment_id": new_id("shp")})
    assert (answer.status, answer.code) == (409, "order_not_paid")


async def test_an_owner_reads_an_order_by_id_and_by_number(
    orders: Caller, checkout: Caller, credentials: Credentials
) -> None:
    customer = new_id("cus")
    made = await place(checkout, wanted(customer_id=customer))
    owner = orders.being(credentials.customer(customer))
    by_id = await owner.get(f"/orders/{made.json['order_id']}")
    by_number = await owner.get(f"/orders/{made.json['number']}")
    assert by_id.json == by_number.json
    assert by_id.json["state"] == "created"
    assert by_id.json["totals"]["total"] == euro(2890)
    assert [entry["note"] for entry in by_id.json["timeline"]] == ["created"]


async def test_what_is_somebody_elses_does_not_exist(
    orders: Caller, checkout: Caller, credentials: Credentials
) -> None:
    made = await place(checkout, wanted(customer_id=new_id("cus")))
    stranger = orders.being(credentials.customer(new_id("cus")))
    for path in (f"/orders/{made.json['order_id']}", f"/orders/{made.json['number']}"):
        assert (await stranger.get(path)).code == "not_found"
        assert (await orders.get(path)).code == "not_found"
    assert (await stranger.post(f"/orders/{made.json['order_id']}/cancel")).code == "not_found"


async def test_a_guest_reads_and_cancels_with_the_links_token_and_with_no_other(
    orders: Caller, checkout: Caller
) -> None:
    mine, other = wanted(), wanted()
    made = await place(checkout, mine)
    await place(checkout, other)
    assert made.json["view_token"] == key(mine.order_id)["Order-Token"]
    assert (await orders.get(f"/orders/{mine.order_id}", headers=key(mine.order_id))).status == 200
    assert (await orders.get(f"/orders/{other.order_id}", headers=key(mine.order_id))).status == 404
    refused = await orders.post(f"/orders/{mine.order_id}/cancel", headers=key(other.order_id))
    assert (refused.status, refused.code) == (404, "not_found")
    cancelled = await orders.post(f"/orders/{mine.order_id}/cancel", headers=key(mine.order_id))
    assert cancelled.json["state"] == "cancelled"
    assert cancelled.json["cancellable"] is False


async def test_a_program_that_still_sends_the_token_in_the_query_is_let_in(orders: Caller, checkout: Caller) -> None:
    order = wanted()
    await place(checkout, order)
    assert (await orders.get(f"/orders/{order.order_id}{link(order.order_id)}")).status == 200
    cancelled = await orders.post(f"/orders/{order.order_id}/cancel{link(order.order_id)}")
    assert cancelled.json["state"] == "cancelled"


async def test_a_browser_hands_the_links_token_over_once_and_keeps_it_where_no_script_can_read_it(
    orders: Caller, checkout: Caller
) -> None:
    order = wanted()
    number = (await place(checkout, order)).json["number"]
    token = key(order.order_id)["Order-Token"]
    for reference in (number, number.replace("-", "").lower(), order.order_id):
        opened = await orders.post(f"/orders/{reference}/open", {"token": token})
        assert (opened.status, opened.json["number"]) == (200, number)
        cookie = SimpleCookie(opened.headers["set-cookie"])["bodega_order"]
        assert (cookie.value, cookie["path"], cookie["samesite"]) == (token, f"/api/orders/{number}", "lax")
        assert cookie["httponly"]
        assert 0 < int(cookie["max-age"]) <= 31 * 86_400
        assert "domain" not in opened.headers["set-cookie"].lower()
    kept = {"Cookie": f"bodega_order={token}"}
    assert (await orders.get(f"/orders/{number}", headers=kept)).json["id"] == order.order_id
    cancelled = await orders.post(f"/orders/{number}/cancel", headers=kept)
    assert cancelled.json["state"] == "cancelled"
    assert b"event: order" in (await orders.get(f"/orders/{number}/events", headers=kept)).body


async def test_a_browser_that_has_no_link_of_the_order_keeps_nothing(
    orders: Caller, checkout: Caller, credentials: Credentials
) -> None:
    mine, other = wanted(), wanted(customer_id=new_id("cus"))
    for order in (mine, other):
        await place(checkout, order)
    mine_key = key(mine.order_id)["Order-Token"]
    for token in ("x", mine_key[:-1], mine_key + "A", mine_key.swapcase(), "ä", key(new_id("ord"))["Order-Token"]):
        for who in (orders, orders.being(credentials.customer(str(other.customer_id)))):
            answer = await who.post(f"/orders/{other.order_id}/open", {"token": token})
            assert (answer.status, answer.code) == (404, "not_found")
            assert "set-cookie" not in answer.headers
    for body in ({}, {"token": ""}, {"token": None}, {"token": "x" * 65}, {"token": mine_key, "more": 1}):
        assert (await orders.post(f"/orders/{mine.order_id}/open", body)).status == 422
    kept = {"Cookie": f"bodega_order={mine_key}"}
    assert (await orders.get(f"/orders/{other.order_id}", headers=kept)).status == 404


async def test_own_orders_come_newest_first_in_pages(
    orders: Caller, checkout: Caller, credentials: Credentials
) -> None:
    customer = new_id("cus")
    made = [(await place(checkout, wanted(customer_id=customer))).json["order_id"] for _ in range(5)]
    owner = orders.being(credentials.customer(customer))
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await owner.get(f"/orders?limit=2{cursor}")).json
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == sorted(made, reverse=True)


async def test_a_cursor_that_is_not_ours_is_refused(orders: Caller, credentials: Credentials) -> None:
    answer = await orders.being(credentials.customer(new_id("cus"))).get("/orders?cursor=bm9wZQ")
    assert (answer.status, answer.code) == (400, "malformed_request")


async def test_the_merchant_finds_an_order_by_the_beginning_of_its_number(
    orders: Caller, checkout: Caller, credentials: Credentials
) -> None:
    made = await place(checkout, wanted())
    merchant = orders.being(credentials.customer(new_id("cus"), "merchant"))
    found = await merchant.get(f"/admin/orders?q={made.json['number'][:9].lower()}")
    assert made.json["order_id"] in [item["id"] for item in found.json["items"]]
    whole = await merchant.get(f"/admin/orders/{made.json['number']}")
    assert whole.json["history"][0]["actor"] == "checkout"


async def test_the_merchant_narrows_the_list_and_turns_its_pages_in_any_order(
    orders: Caller, checkout: Caller, credentials: Credentials
) -> None:
    email = f"{new_id('x').lower()}@example.com"
    totals = (2890, 490, 2890, 1690)
    made = []
    for total in totals:
        parts = {"items": euro(total - 490), "shipping": euro(490), "discount": euro(0), "tax": euro(0),
                 "tax_included": True, "total": euro(total)}  # fmt: skip
        made.append((await place(checkout, wanted(totals=parts, contact={"email": email}))).json["order_id"])
    await checkout.post(f"/internal/orders/{made[3]}/cancel", {"reason": "customer_request"})
    merchant = orders.being(credentials.customer(new_id("cus"), "merchant"))

    async def found(query: str) -> list[int]:
        seen: list[int] = []
        cursor = ""
        while True:
            page = (await merchant.get(f"/admin/orders?q={email}&limit=2&{query}{cursor}")).json
            seen += [made.index(item["id"]) for item in page["items"]]
            if page["next_cursor"] is None:
                return seen
            cursor = f"&cursor={page['next_cursor']}"

    assert await found("") == await found("cursor=") == [3, 2, 1, 0]
    assert (await merchant.get(f"/admin/orders?cursor={'x' * 1001}")).status == 422
    assert await found("sort=oldest") == [0, 1, 2, 3]
    assert await found("sort=total") == [1, 3, 0, 2]
    assert await found("sort=-total") == [2, 0, 3, 1]
    assert await found("state=created&total_from=491&sort=oldest") == [0, 2]
    assert await found("state=cancelled") == [3]
    assert await found("total_to=490") == [1]
    times = (await merchant.get(f"/admin/orders?q={email}&sort=oldest")).json["items"]
    first, third = (times[n]["placed_at"].replace("+", "%2B") for n in (0, 2))
    assert await found(f"placed_from={first}&placed_before={third}&sort=oldest") == [0, 1]


async def test_a_merchant_finds_orders_by_day(orders: Caller, checkout: Caller, credentials: Credentials) -> None:
    merchant = orders.being(credentials.customer(new_id("cus"), "merchant"))
    number = (await place(checkout, wanted())).json["number"]
    placed_at = datetime.fromisoformat((await merchant.get(f"/admin/orders/{number}")).json["placed_at"])
    day, next_day = placed_at.date(), placed_at.date() + timedelta(days=1)

    async def is_among(query: str) -> bool:
        page = await merchant.get(f"/admin/orders?q={number}&{query}")
        assert page.status == 200, page.body
        return bool(page.json["items"])

    assert await is_among(f"placed_from={day}&placed_before={next_day}")
    assert await is_among(f"placed_from={day}T00:00:00Z&placed_before={next_day}T00:00:00%2B00:00")
    assert not await is_among(f"placed_from={next_day}")
    assert not await is_among(f"placed_before={day}")
    assert await is_among("placed_from=0001-01-01&placed_before=9999-12-31")


@pytest.mark.parametrize(
    "query",
    ["placed_from=0001-01-01T00:00:00%2B23:59", "placed_from=2026-01-01T10:00:00", "placed_from=2026-02-30",
     "placed_before=2026-13-01", "placed_before=yesterday", "total_from=-1", "total_to=1e99",
     "total_to=99999999999999999999", "sort=price", "state=lost", "cursor=WzFd"],
)  # fmt: skip
async def test_a_filter_that_makes_no_sense_is_refused(orders: Caller, credentials: Credentials, query: str) -> None:
    merchant = orders.being(credentials.customer(new_id("cus"), "merchant"))
    assert (await merchant.get(f"/admin/orders?{query}")).status in (400, 422)


async def test_a_percent_sign_in_the_search_is_no_wildcard(orders: Caller, credentials: Credentials) -> None:
    merchant = orders.being(credentials.customer(new_id("cus"), "merchant"))
    assert (await merchant.get("/admin/orders?q=%25%25")).json["items"] == []


async def test_who_may_call_what(orders: Caller, credentials: Credentials) -> None:
    customer = orders.being(credentials.customer(new_id("cus")))
    assert (await orders.get("/orders")).code == "unauthenticated"
    assert (await orders.get("/admin/orders")).code == "unauthenticated"
    assert (await customer.get("/admin/orders")).code == "forbidden"
    order = wanted()
    assert (await place(orders, order)).code == "unauthenticated"
    assert (await place(customer, order)).code == "unauthenticated"
    assert (await place(orders.being(credentials.service("cart", "orders")), order)).code == "forbidden"
    assert (await place(orders.being(credentials.service("checkout", "payments")), order)).code == "unauthenticated"


@pytest.mark.parametrize(
    ("raw", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_request"),
        (b'{"reason": NaN}', "application/json", 400, "malformed_request"),
        (b'{"reason": "\\ud800"}', "application/json", 400, "malformed_request"),
        (b'{"reason": "a\\u0000b"}', "application/json", 400, "malformed_request"),
        (b'{"reason": "a\\u0007b"}', "application/json", 422, "invalid_request"),
        (b"[" * 100_000, "application/json", 400, "malformed_request"),
        (b'{"reason": ' + b"9" * 5_000 + b"}", "application/json", 400, "malformed_request"),
        (b"reason=x", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b'{"reason": "' + b"x" * 1_000_001 + b'"}', "application/json", 413, "request_too_large"),
    ],
)
async def test_bad_input_is_refused_cleanly(checkout: Caller, raw: bytes, kind: str, status: int, code: str) -> None:
    order_id = new_id("ord")
    answer = await checkout.post(f"/internal/orders/{order_id}/cancel", raw=raw, headers={"Content-Type": kind})
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await place(checkout, wanted(checkout_id="chk" + order_id[3:]))).status == 201, "it left nothing behind"


@pytest.mark.parametrize("path", ["/orders/%00", "/orders?cursor=%00", "/orders/" + "x" * 3_000])
async def test_strange_addresses_are_refused_cleanly(orders: Caller, path: str) -> None:
    assert (await orders.get(path)).status in (400, 401, 404)


async def test_health_metrics_and_openapi_are_there(orders: Caller) -> None:
    ready = await orders.get("/readyz")
    assert ready.json["parts"]["postgres"] == "ok"
    assert b"http_request_seconds" in (await orders.get("/metrics")).body
    document = (await orders.get("/openapi.json")).json
    assert document["openapi"].startswith("3.1")
    assert not [path for path in document["paths"] if path.startswith("/internal")]
