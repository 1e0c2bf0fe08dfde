"""The cart over HTTP."""

import asyncio
import statistics
import time
from http.cookies import SimpleCookie

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.testing import Caller, Credentials, eventually, serving
from bodega.services.cart.app import create_app
from bodega.services.cart.settings import Settings
from tests.cart.conftest import FRESH_SECONDS, filled
from tests.cart.making import Shop, euro

pytestmark = pytest.mark.service


async def test_the_first_thing_makes_a_cart_and_its_token_leads_back_to_it(cart: Caller, shop: Shop) -> None:
    sku = shop.sells(1200)
    added = await cart.post("/cart", {"sku": sku, "quantity": 2})
    assert (added.status, added.headers["location"]) == (201, "/cart")
    assert (added.json["line_count"], added.json["pieces"], added.json["version"]) == (1, 2, 1)
    guest = cart.being({"Cart-Token": added.headers["cart-token"]})
    seen = (await guest.get("/cart")).json
    assert seen["id"] == added.json["cart_id"]
    assert seen["revision"] == added.json["revision"]
    (line,) = seen["lines"]
    assert line == added.json["line"] | {"as_of": line["as_of"]}
    assert (line["title"], line["image"], line["options"]) == ("Mug", "media/mug.jpg", {"Colour": "Sand"})
    assert (line["unit_price"], line["line_total"]) == (euro(1200), euro(2400))
    assert (line["in_stock"], line["available"], line["warnings"], line["stale"]) == (True, None, [], False)
    assert (seen["subtotal"], seen["pieces"], seen["stale"]) == (euro(2400), 2, False)


async def test_a_browser_has_the_token_as_a_cookie_that_no_script_reads(cart: Caller, shop: Shop) -> None:
    added = await cart.post("/cart", {"sku": shop.sells()})
    cookie = SimpleCookie(added.headers["set-cookie"])["bodega_cart"]
    assert cookie.value == added.headers["cart-token"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "lax", "/")
    assert int(cookie["max-age"]) == 30 * 86_400
    browser = cart.being({"Cookie": f"bodega_cart={cookie.value}"})
    seen = await browser.get("/cart")
    assert seen.json["id"] == added.json["cart_id"]
    assert "set-cookie" in seen.headers  # renewed by use


async def test_who_has_no_cart_has_an_empty_one_and_so_has_who_shows_a_forged_token(cart: Caller, shop: Shop) -> None:
    guest = await filled(cart, (shop.sells(), 1))
    token = guest.headers["Cart-Token"]
    other_id = token.replace(token[10:14], "0000")
    for headers in ({}, {"Cart-Token": "nonsense"}, {"Cart-Token": other_id}, {"Cart-Token": token[:-1] + "~"}):
        answer = await cart.get("/cart", headers=headers)
        assert (answer.status, answer.json["id"], answer.json["lines"]) == (200, None, [])
        assert "cart-token" not in answer.headers


async def test_every_change_has_a_new_version_and_a_new_revision(cart: Caller, shop: Shop) -> None:
    mug, cup = shop.sells(), shop.sells()
    guest = await filled(cart, (mug, 1), (cup, 1))
    seen = [(await guest.get("/cart")).json]
    seen.append((await guest.patch(f"/cart/lines/{mug}", {"quantity": 5})).json)
    seen.append((await guest.delete(f"/cart/lines/{cup}")).json)
    seen.append((await guest.delete("/cart")).json)
    assert [one["version"] for one in seen] == [2, 3, 4, 5]
    assert len({one["revision"] for one in seen}) == 4
    assert [one["pieces"] for one in seen] == [2, 6, 5, 0]
    assert seen[-1]["lines"] == []


async def test_the_same_again_adds_up_and_lines_stay_in_order(cart: Caller, shop: Shop) -> None:
    first, second, third = shop.sells(), shop.sells(), shop.sells()
    guest = await filled(cart, (first, 1), (second, 2), (third, 1), (first, 4))
    seen = (await guest.get("/cart")).json
    assert [(line["sku"], line["quantity"]) for line in seen["lines"]] == [(first, 5), (second, 2), (third, 1)]


async def test_a_hundred_adds_at_once_all_count(cart: Caller, shop: Shop) -> None:
    sku = shop.sells()
    guest = await filled(cart, (sku, 1))

    async def add() -> None:
        key = {"Idempotency-Key": new_id("key")}

        async def added() -> None:
            assert (await guest.post("/cart", {"sku": sku}, headers=key)).status == 201

        await eventually(added)  # a busy machine asks some to come again, which they do with the same key

    await asyncio.gather(*(add() for _ in range(100)))
    seen = (await guest.get("/cart")).json
    assert (seen["lines"][0]["quantity"], seen["pieces"], seen["version"]) == (101, 101, 101)


async def test_a_repeat_with_the_same_key_adds_nothing(cart: Caller, shop: Shop) -> None:
    sku, key = shop.sells(), {"Idempotency-Key": new_id("key")}
    guest = await filled(cart, (sku, 1))
    answers = await asyncio.gather(*(guest.post("/cart", {"sku": sku}, headers=key) for _ in range(8)))
    assert {answer.status for answer in answers} == {201}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 7
    assert (await guest.get("/cart")).json["pieces"] == 2
    other = await guest.post("/cart", {"sku": sku, "quantity": 2}, headers=key)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_a_cart_takes_a_hundred_lines_and_no_more(cart: Caller, shop: Shop) -> None:
    guest = await filled(cart, *((shop.sells(), 1) for _ in range(100)))
    refused = await guest.post("/cart", {"sku": shop.sells()})
    assert (refused.status, refused.code, refused.json["limit"]) == (409, "cart_full", 100)
    seen = (await guest.get("/cart")).json
    assert len(seen["lines"]) == 100
    assert (await guest.post("/cart", {"sku": seen["lines"][0]["sku"]})).status == 201


async def test_a_cart_takes_999_of_one_thing_and_no_more(cart: Caller, shop: Shop) -> None:
    sku = shop.sells()
    guest = await filled(cart, (sku, 999))
    refused = await guest.post("/cart", {"sku": sku})
    assert (refused.status, refused.code, refused.json["limit"]) == (409, "quantity_limit", 999)
    assert (await guest.get("/cart")).json["pieces"] == 999


@pytest.mark.parametrize(
    "body",
    [
        {}, {"sku": "a b"}, {"sku": "a" * 65}, {"sku": "A", "quantity": 0}, {"sku": "A", "quantity": -1},
        {"sku": "A", "quantity": 1000}, {"sku": "A", "quantity": 1.5}, {"sku": "A", "quantity": 10**40},
        {"sku": "A", "quantity": "1"}, {"sku": "A", "price": euro(1)}, {"sku": ["A"]}, [],
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(cart: Caller, shop: Shop, body: object) -> None:
    guest = await filled(cart, (shop.sells(), 1))
    answer = await guest.post("/cart", body)
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert (await guest.get("/cart")).json["version"] == 1


async def test_what_is_not_in_the_cart_cannot_be_changed(cart: Caller, shop: Shop) -> None:
    guest = await filled(cart, (shop.sells(), 1))
    for shopper in (guest, cart):
        assert (await shopper.patch("/cart/lines/NEVER-SEEN", {"quantity": 1})).status == 404
        assert (await shopper.delete("/cart/lines/NEVER-SEEN")).status == 404
    assert (await cart.delete("/cart")).json["lines"] == []


async def test_what_the_catalog_does_not_know_is_not_taken(cart: Caller) -> None:
    answer = await cart.post("/cart", {"sku": "NEVER-SEEN"})
    assert (answer.status, answer.code) == (404, "not_found")


# --- snapshots --------------------------------------------------------------------------------------


async def test_a_cart_of_many_lines_asks_the_catalog_and_inventory_once_each(cart: Caller, shop: Shop) -> None:
    guest = await filled(cart, *((shop.sells(), 1) for _ in range(20)))
    await asyncio.sleep(FRESH_SECONDS)
    shop.asked.clear()
    await guest.get("/cart")
    assert sorted((whom, len(skus)) for whom, skus in shop.asked) == [("catalog", 20), ("inventory", 20)]
    shop.asked.clear()
    await guest.get("/cart")
    assert shop.asked == []


async def test_a_catalog_and_inventory_that_are_down_do_not_take_the_cart_down(cart: Caller, shop: Shop) -> None:
    known, new = shop.sells(1200, shown=3), shop.sells(500)
    guest = await filled(cart, (known, 2))
    shop.down = True
    await asyncio.sleep(FRESH_SECONDS)
    seen = (await guest.get("/cart")).json
    (line,) = seen["lines"]
    assert (line["unit_price"], line["available"], line["stale"], seen["stale"]) == (euro(1200), 3, True, True)
    assert line["as_of"] is not None
    added = await guest.post("/cart", {"sku": new})
    assert added.status == 201
    assert (added.json["line"]["unit_price"], added.json["line"]["as_of"]) == (None, None)
    assert (await guest.get("/cart")).json["subtotal"] == euro(2400)

    shop.down = False
    again = (await guest.get("/cart")).json
    assert (again["stale"], again["subtotal"]) == (False, euro(2900))
    assert again["lines"][1]["warnings"] == []  # its price was not known, so it has not changed


async def test_a_changed_price_is_told_until_the_line_is_touched(cart: Caller, shop: Shop) -> None:
    sku = shop.sells(1500)
    guest = await filled(cart, (sku, 1))
    shop.reprice(sku, 1200)
    await asyncio.sleep(FRESH_SECONDS)
    (line,) = (await guest.get("/cart")).json["lines"]
    (warning,) = line["warnings"]
    assert (warning["code"], warning["was"], warning["now"]) == ("price_changed", euro(1500), euro(1200))
    touched = (await guest.patch(f"/cart/lines/{sku}", {"quantity": 2})).json["lines"][0]
    assert (touched["warnings"], touched["line_total"]) == ([], euro(2400))


async def test_scarce_and_sold_out_lines_say_so(cart: Caller, shop: Shop) -> None:
    guest = await filled(cart, (shop.sells(shown=2), 3), (shop.sells(shown=0), 1))
    scarce, gone = (await guest.get("/cart")).json["lines"]
    assert [(one["code"], one["left"]) for one in scarce["warnings"]] == [("only_left", 2)]
    assert [(one["code"], one["left"]) for one in gone["warnings"]] == [("sold_out", 0)]


@pytest.mark.alone
async def test_adding_takes_the_same_time_with_one_line_and_with_a_hundred(cart: Caller, shop: Shop) -> None:
    async def milliseconds(guest: Caller, sku: str) -> float:
        started = time.perf_counter()
        assert (await guest.post("/cart", {"sku": sku})).status == 201
        return (time.perf_counter() - started) * 1000

    sku = shop.sells()
    small = await filled(cart, (sku, 1))
    large = await filled(cart, (sku, 1), *((shop.sells(), 1) for _ in range(99)))
    # By turns: whatever else the machine does, it does to both.
    turns = [(await milliseconds(small, sku), await milliseconds(large, sku)) for _ in range(60)]
    with_one, with_hundred = (statistics.median(times) for times in zip(*turns, strict=True))
    print(f"\nadding: {with_one:.2f} ms with 1 line, {with_hundred:.2f} ms with 100")
    assert with_hundred < with_one * 2


# --- customers --------------------------------------------------------------------------------------


async def test_a_customers_cart_is_theirs_on_every_device_and_nobody_elses(
    cart: Caller, shop: Shop, credentials: Credentials
) -> None:
    person = credentials.customer(new_id("cus"))
    phone = cart.being(person)
    added = await phone.post("/cart", {"sku": shop.sells()})
    assert (await cart.being(person).get("/cart")).json["id"] == added.json["cart_id"]
    stranger = cart.being(credentials.customer(new_id("cus"))).being({"Cart-Token": added.headers["cart-token"]})
    assert (await stranger.get("/cart")).json["lines"] == []
    assert (await stranger.post("/cart/merge")).json["merged"] == []
    assert (await phone.get("/cart")).json["version"] == 1


@pytest.mark.parametrize("carried_by", ["header", "cookie"])
async def test_a_customers_cart_without_its_customer_asks_for_the_session_to_be_renewed(
    cart: Caller, shop: Shop, credentials: Credentials, carried_by: str
) -> None:
    """Browsers drop the access token after ten minutes. An empty cart would look like a lost one, and a second cart
    would be one as soon as the session is renewed."""
    phone = cart.being(credentials.customer(new_id("cus")))
    sku = shop.sells()
    token = (await phone.post("/cart", {"sku": sku})).headers["cart-token"]
    left = cart.being({"Cart-Token": token} if carried_by == "header" else {"Cookie": f"bodega_cart={token}"})
    for answer in (
        await left.get("/cart"),
        await left.post("/cart", {"sku": shop.sells()}),
        await left.patch(f"/cart/lines/{sku}", {"quantity": 2}),
        await left.delete(f"/cart/lines/{sku}"),
        await left.delete("/cart"),
    ):
        assert (answer.status, answer.code) == (401, "access_expired")
        assert "cart-token" not in answer.headers
    seen = (await phone.get("/cart")).json
    assert (seen["version"], [line["quantity"] for line in seen["lines"]]) == (1, [1])


async def test_two_devices_at_once_make_one_cart(cart: Caller, shop: Shop, credentials: Credentials) -> None:
    person = cart.being(credentials.customer(new_id("cus")))
    sku = shop.sells()
    answers = await asyncio.gather(*(person.post("/cart", {"sku": sku}) for _ in range(10)))
    assert len({answer.json["cart_id"] for answer in answers}) == 1
    assert (await person.get("/cart")).json["pieces"] == 10


async def test_signing_in_brings_the_guests_lines_along_once(
    cart: Caller, shop: Shop, credentials: Credentials
) -> None:
    person = cart.being(credentials.customer(new_id("cus")))
    both, mine, theirs = shop.sells(), shop.sells(), shop.sells()
    await person.post("/cart", {"sku": mine})
    await person.post("/cart", {"sku": both, "quantity": 600})
    guest = await filled(cart, (theirs, 2), (both, 500))
    signed_in = person.being(guest.headers)
    merged = await signed_in.post("/cart/merge")
    assert merged.json["merged"] == [
        {"sku": theirs, "quantity": 2, "total": 2, "capped": False},
        {"sku": both, "quantity": 500, "total": 999, "capped": True},
    ]
    lines = merged.json["cart"]["lines"]
    assert [(line["sku"], line["quantity"]) for line in lines] == [(mine, 1), (both, 999), (theirs, 2)]
    assert merged.json["cart"]["pieces"] == 1002
    assert merged.headers["cart-token"] != guest.headers["Cart-Token"]
    again = await signed_in.post("/cart/merge")
    assert (again.json["merged"], again.json["cart"]["version"]) == ([], merged.json["cart"]["version"])
    assert (await guest.get("/cart")).json["lines"] == []


async def test_what_does_not_fit_stays_in_the_guests_cart(cart: Caller, shop: Shop, credentials: Credentials) -> None:
    person = cart.being(credentials.customer(new_id("cus")))
    for _ in range(99):
        await person.post("/cart", {"sku": shop.sells()})
    fits, left = shop.sells(), shop.sells()
    guest = await filled(cart, (fits, 1), (left, 4))
    before = (await guest.get("/cart")).json["revision"]
    merged = (await person.being(guest.headers).post("/cart/merge")).json
    assert [(one["sku"], one["total"], one["capped"]) for one in merged["merged"]] == [
        (fits, 1, False),
        (left, 0, True),
    ]
    stays = (await guest.get("/cart")).json
    assert [(line["sku"], line["quantity"]) for line in stays["lines"]] == [(left, 4)]
    assert stays["pieces"] == 4
    assert stays["revision"] != before


async def test_merging_needs_a_customer(cart: Caller, credentials: Credentials) -> None:
    assert (await cart.post("/cart/merge")).status == 401
    nothing = await cart.being(credentials.customer(new_id("cus"))).post("/cart/merge")
    assert (nothing.status, nothing.json["merged"], nothing.json["cart"]["lines"]) == (200, [], [])


# --- other services ---------------------------------------------------------------------------------


async def test_checkout_reads_a_cart_by_token_by_id_and_by_customer(
    cart: Caller, checkout: Caller, shop: Shop, credentials: Credentials
) -> None:
    sku, customer = shop.sells(), new_id("cus")
    added = await cart.being(credentials.customer(customer)).post("/cart", {"sku": sku, "quantity": 3})
    expected = {
        "cart_id": added.json["cart_id"],
        "revision": added.json["revision"],
        "lines": [{"sku": sku, "quantity": 3}],
        "customer_id": customer,
    }
    for reference in (added.headers["cart-token"], added.json["cart_id"], customer):
        assert (await checkout.get(f"/internal/carts/{reference}")).json == expected
    for reference in (new_id("crt"), new_id("cus"), f"{added.json['cart_id']}.forged", "nonsense"):
        assert (await checkout.get(f"/internal/carts/{reference}")).code == "not_found"
    assert (await cart.get(f"/internal/carts/{added.json['cart_id']}")).status == 401


async def test_it_is_ready_and_describes_itself(cart: Caller) -> None:
    assert (await cart.get("/readyz")).json["parts"]["redis"] == "ok"
    assert sorted((await cart.get("/openapi.json")).json["paths"]) == ["/cart", "/cart/lines/{sku}", "/cart/merge"]


async def test_without_its_store_and_broker_it_starts_and_says_that_it_is_not_ready(
    cart_settings: Settings, shop: Shop
) -> None:
    nowhere = cart_settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0", "kafka": "127.0.0.1:1"})
    async with serving(create_app(nowhere)) as cart:
        answer = await cart.post("/cart", {"sku": shop.sells()})
        assert (answer.status, answer.code) == (503, "unavailable")
        assert "retry-after" in answer.headers
        assert (await cart.get("/readyz")).status == 503
        assert (await cart.get("/livez")).status == 200
