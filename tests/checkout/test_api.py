"""Checkout over HTTP."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials, eventually
from tests.checkout.making import ADDRESS, becomes, buy, id_of, key, states, wish
from tests.checkout.world import EURO, SENDING, UNIT, Basket, Fault, World, euro

pytestmark = pytest.mark.service
TOTAL = 2 * UNIT + SENDING


async def pay(shop: Caller, basket: Basket, checkout_id: str, card: str, **headers: str) -> Any:
    path = f"/checkout/{checkout_id}/payments"
    return await shop.being(basket.headers).post(path, {"payment_method": card}, headers=headers)


# --- the quote ----------------------------------------------------------------------------------------


async def test_a_quote_tells_lines_options_tax_and_total_and_reserves_nothing(shop: Caller, world: World) -> None:
    basket = world.basket()
    answer = await shop.being(basket.headers).post("/checkout/quote", {"shipping_address": ADDRESS})
    assert answer.status == 200
    quote = answer.json
    assert quote["lines"] == [
        {"sku": basket.sku, "title": "Mug", "options": {"Colour": "Sand"}, "quantity": 2,
         "unit_price": euro(UNIT).model_dump(), "total": euro(2 * UNIT).model_dump()}
    ]  # fmt: skip
    assert [option["id"] for option in quote["shipping_options"]] == ["standard", "express"]
    assert quote["shipping_option"] == "standard"
    assert quote["totals"]["total"] == euro(TOTAL).model_dump()
    assert quote["totals"]["tax"] == euro(383 + 78).model_dump()
    assert world.left(basket) == 10


async def test_a_quote_is_totalled_with_the_option_that_is_named(shop: Caller, world: World) -> None:
    basket = world.basket()
    body = {"shipping_address": ADDRESS, "shipping_option": "express", "cart_token": basket.token}
    answer = await shop.post("/checkout/quote", body)
    assert answer.json["totals"]["shipping"] == euro(990).model_dump()
    body["shipping_option"] = "pigeon"
    refused = await shop.post("/checkout/quote", body)
    assert (refused.status, refused.code) == (409, "shipping_option_unknown")
    assert refused.json["options"] == ["standard", "express"]


async def test_a_quote_for_where_nothing_is_sent_says_so(shop: Caller, world: World) -> None:
    body = {"shipping_address": {**ADDRESS, "country": "AQ"}}
    answer = await shop.being(world.basket().headers).post("/checkout/quote", body)
    assert (answer.status, answer.code) == (409, "shipping_unavailable")


@pytest.mark.parametrize(
    ("address", "pointers"),
    [
        ({"postal_code": "1011"}, ["postal_code"]),
        ({"country": "US", "city": "Springfield", "postal_code": "12"}, ["postal_code", "region"]),
        ({"country": "XX"}, ["country"]),
    ],
)
async def test_an_address_that_cannot_be_delivered_to_is_refused_part_by_part(
    shop: Caller, world: World, address: dict[str, str], pointers: list[str]
) -> None:
    basket = world.basket()
    wrong = {**ADDRESS, **address}
    for part, answer in [
        ("shipping_address", await shop.being(basket.headers).post("/checkout/quote", {"shipping_address": wrong})),
        ("shipping_address", await buy(shop, basket, shipping_address=wrong)),
        ("billing_address", await buy(shop, basket, billing_address=wrong)),
    ]:
        assert (answer.status, answer.code) == (422, "invalid_address")
        assert sorted(error["pointer"] for error in answer.json["errors"]) == [f"/{part}/{one}" for one in pointers]
    assert basket.sku not in {sku for _, sku in world.calls}, "nobody was asked"


async def test_the_token_of_a_customers_cart_shows_a_signed_out_device_nothing(
    shop: Caller, world: World, credentials: Credentials
) -> None:
    customer = new_id("cus")
    basket = world.basket(customer=customer)
    stranger = {**basket.headers, **credentials.customer(new_id("cus"))}
    named = {"shipping_address": ADDRESS, "cart_token": basket.token}
    for who, refusal in ((basket.headers, (401, "access_expired")), (stranger, (422, "invalid_request"))):
        answer = await shop.being(who).post("/checkout/quote", named)
        assert (answer.status, answer.code) == refusal
        assert basket.sku not in str(answer.json)
        bought = await shop.being(who).post("/checkout", wish(cart_token=basket.token), headers=key())
        assert (bought.status, bought.code) == refusal
    assert world.orders_of(basket) == []
    owner = shop.being({**basket.headers, **credentials.customer(customer)})
    assert (await owner.post("/checkout/quote", named)).status == 200


# --- buying -------------------------------------------------------------------------------------------


async def test_a_good_card_completes_at_once_with_the_orders_number_and_token(shop: Caller, world: World) -> None:
    basket = world.basket()
    answer = await buy(shop, basket)
    assert answer.status == 201
    view = answer.json
    (order,) = world.orders_of(basket)
    assert view["order"] == {
        "id": order.wanted.order_id, "number": order.number, "token": f"link-{order.number}",
    }  # fmt: skip
    assert answer.headers["location"] == f"/checkout/{view['checkout_id']}"
    assert view["totals"]["total"] == euro(TOTAL).model_dump()
    assert states(view) == ["started", "priced", "reserved", "ordered", "paying", "completed"]
    assert world.reservations[order.wanted.reservation_id].status == "reserved"
    assert order.wanted.contact.email == "ada@example.com"
    assert order.wanted.cart_revision == basket.revision


async def test_a_customer_buys_their_own_cart_and_the_order_is_theirs(
    shop: Caller, world: World, credentials: Credentials
) -> None:
    customer = new_id("cus")
    basket, leftover = world.basket(customer=customer), world.basket()
    signed_in = shop.being(credentials.customer(customer))
    answer = await signed_in.being(leftover.headers).post("/checkout", wish(), headers=key())
    assert answer.status == 201
    assert world.orders_of(basket)[0].wanted.customer_id == customer
    assert world.orders_of(leftover) == [], "the device's cart is not the customer's"


async def test_another_total_than_the_one_shown_is_told_with_both(shop: Caller, world: World) -> None:
    basket = world.basket()
    answer = await buy(shop, basket, total=TOTAL - 1)
    assert (answer.status, answer.code) == (409, "total_changed")
    assert answer.json["expected_total"] == euro(TOTAL - 1).model_dump()
    assert answer.json["total"] == euro(TOTAL).model_dump()
    assert world.left(basket) == 10
    again = await buy(shop, basket, total=TOTAL)
    assert again.status == 201, "the same cart can be bought at the new total"


async def test_a_total_in_another_currency_is_another_total(shop: Caller, world: World) -> None:
    answer = await buy(shop, world.basket(), expected_total={"amount": TOTAL, "currency": "USD"})
    assert (answer.status, answer.code) == (409, "total_changed")


async def test_short_stock_names_the_lines_and_what_is_left(shop: Caller, world: World) -> None:
    basket = world.basket(quantity=3, left=2)
    answer = await buy(shop, basket, quantity=3)
    assert (answer.status, answer.code) == (409, "out_of_stock")
    assert answer.json["lines"] == [
        {"sku": basket.sku, "title": "Mug", "options": {"Colour": "Sand"}, "requested": 3, "available": 2}
    ]
    assert answer.json["detail"] == (
        "Only 2 of “Mug” (Sand) are left; you asked for 3. Take fewer, or remove it from your cart, to go on."
    )
    assert world.orders_of(basket) == []
    assert world.left(basket) == 2


async def test_what_is_no_longer_sold_is_named(shop: Caller, world: World) -> None:
    basket = world.basket(sold=False)
    answer = await buy(shop, basket)
    assert (answer.status, answer.code) == (409, "no_longer_sold")
    assert answer.json["lines"] == [{"sku": basket.sku, "title": "Mug"}]


async def test_a_shipping_option_that_is_not_offered_is_refused(shop: Caller, world: World) -> None:
    answer = await buy(shop, world.basket(), shipping_option="pigeon")
    assert (answer.status, answer.code) == (409, "shipping_option_unknown")
    nowhere = await buy(shop, world.basket(), shipping_address={**ADDRESS, "country": "AQ"})
    assert (nowhere.status, nowhere.code) == (409, "shipping_unavailable")


async def test_an_empty_cart_cannot_be_bought_and_an_unknown_one_is_not_there(shop: Caller, world: World) -> None:
    answer = await buy(shop, world.basket(quantity=0))
    assert (answer.status, answer.code) == (409, "cart_empty")
    unknown = await shop.being({"Cart-Token": f"{new_id('crt')}.forged"}).post("/checkout", wish(), headers=key())
    assert (unknown.status, unknown.code) == (422, "invalid_request")
    none = await shop.post("/checkout", wish(), headers=key())
    assert (none.status, none.code) == (422, "invalid_request")


@pytest.mark.parametrize("prefix", ["crt", "cus"])
async def test_the_bare_id_of_a_cart_or_a_customer_opens_nothing(shop: Caller, world: World, prefix: str) -> None:
    """Cart would take it from a service: a shopper who has seen an id must not get a cart by it."""
    stolen = new_id(prefix)
    world.carts[stolen] = world.basket()
    for request in (
        shop.being({"Cart-Token": stolen}).post("/checkout/quote", {"shipping_address": ADDRESS}),
        shop.post("/checkout/quote", {"shipping_address": ADDRESS, "cart_token": stolen}),
        shop.being({"Cookie": f"bodega_cart={stolen}"}).post("/checkout", wish(), headers=key()),
    ):
        assert (await request).status == 422


# --- cards ----------------------------------------------------------------------------------------------


async def test_a_declined_card_is_told_in_words_and_another_card_works_at_once(shop: Caller, world: World) -> None:
    basket = world.basket()
    answer = await buy(shop, basket, "pm_declined")
    checkout_id = id_of(answer)
    assert (answer.status, answer.code) == (402, "card_declined")
    assert answer.json["detail"] == "Your card has insufficient funds."
    assert answer.json["reason"] == "insufficient_funds"
    assert answer.json["next_action"] == "retry_payment"
    assert answer.json["checkout_id"] == checkout_id
    assert world.left(basket) == 8, "stock stays reserved"
    waiting = await becomes(shop, basket, checkout_id, "declined")
    assert waiting["next_action"] == {"type": "retry_payment", "url": None}
    again = await pay(shop, basket, checkout_id, "pm_good")
    assert again.status == 201
    assert again.json["problem"] is None
    assert [one.status for one in world.attempts_of(checkout_id)] == ["voided", "authorized"]
    assert len(world.orders_of(basket)) == 1


async def test_only_so_many_cards_can_be_tried(shop: Caller, world: World) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_declined"))
    assert [(await pay(shop, basket, checkout_id, "pm_declined")).status for _ in range(2)] == [402, 402]
    answer = await pay(shop, basket, checkout_id, "pm_good")
    assert (answer.status, answer.code) == (409, "too_many_attempts")
    assert (await becomes(shop, basket, checkout_id, "declined"))["problem"]["code"] == "card_declined"


async def test_the_same_key_tries_the_same_card_once(shop: Caller, world: World) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_declined"))
    same = key()
    first, second = [await pay(shop, basket, checkout_id, "pm_declined", **same) for _ in range(2)]
    assert (first.status, second.status) == (402, 402)
    assert second.headers["idempotency-replayed"] == "true"
    assert len(world.attempts_of(checkout_id)) == 2
    other = await pay(shop, basket, checkout_id, "pm_good", **same)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_no_second_card_while_the_bank_is_being_asked_and_none_after_the_end(shop: Caller, world: World) -> None:
    basket = world.basket()
    done = await buy(shop, basket)
    late = await pay(shop, basket, id_of(done), "pm_good")
    assert (late.status, late.code) == (409, "checkout_ended")
    busy = world.basket()
    world.plan("pay", busy, "slow", "slow")
    buying = asyncio.create_task(buy(shop, busy))
    checkout_id = await asked(world, busy)
    answer = await pay(shop, busy, checkout_id, "pm_good")
    assert (answer.status, answer.code) == (409, "payment_in_progress")
    assert (await buying).status == 201
    assert len(world.attempts_of(checkout_id)) == 1


async def asked(world: World, basket: Basket, call: str = "pay") -> str:
    """The id of the checkout that has got as far as this call."""

    async def check() -> str:
        assert world.count(call, basket)
        return world.orders_of(basket)[0].wanted.checkout_id

    return await eventually(check)


async def test_a_challenge_is_answered_202_and_confirmed_after_the_bank(shop: Caller, world: World) -> None:
    basket = world.basket()
    answer = await buy(shop, basket, "pm_challenge")
    assert answer.status == 202
    checkout_id = answer.json["checkout_id"]
    assert answer.json["status"] == "action_required"
    assert answer.json["next_action"]["type"] == "redirect"
    assert answer.json["next_action"]["url"].startswith("http://bank/")
    confirm = f"/checkout/{checkout_id}/confirm"
    early = await shop.being(basket.headers).post(confirm)
    assert (early.status, early.json["status"]) == (202, "action_required")
    world.decide(checkout_id, "authorized")
    confirmed = await shop.being(basket.headers).post(confirm)
    assert (confirmed.status, confirmed.json["status"]) == (201, "completed")
    assert confirmed.json["next_action"] is None
    again = await shop.being(basket.headers).post(confirm)
    assert again.status == 201


async def test_a_failed_challenge_is_a_declined_card_and_another_card_ends_a_challenge(
    shop: Caller, world: World
) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_challenge"))
    world.decide(checkout_id, "declined")
    failed = await shop.being(basket.headers).post(f"/checkout/{checkout_id}/confirm")
    assert (failed.status, failed.code) == (402, "card_declined")
    other = world.basket()
    challenged = id_of(await buy(shop, other, "pm_challenge"))
    assert (await pay(shop, other, challenged, "pm_good")).status == 201


async def test_there_is_nothing_to_confirm_before_a_bank_was_asked(shop: Caller, world: World) -> None:
    basket = world.basket()
    world.plan("order", basket, "slow", "slow")
    buying = asyncio.create_task(buy(shop, basket))
    checkout_id = await asked(world, basket, "order")
    answer = await shop.being(basket.headers).post(f"/checkout/{checkout_id}/confirm")
    assert (answer.status, answer.code) == (409, "no_action_pending")
    assert (await buying).status == 201


# --- the end ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("card", ["pm_declined", "pm_challenge"])
async def test_a_checkout_that_its_shopper_has_left_expires_with_its_order(
    hasty: Caller, world: World, card: str
) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(hasty, basket, card))
    ended = await becomes(hasty, basket, checkout_id, "expired")
    assert ended["problem"]["code"] == "checkout_ended"
    assert ended["next_action"] is None
    assert world.state_of_order(checkout_id) == "cancelled"
    assert world.left(basket) == 10
    late = await pay(hasty, basket, checkout_id, "pm_good")
    assert (late.status, late.code) == (409, "checkout_ended")
    assert (await hasty.being(basket.headers).post(f"/checkout/{checkout_id}/confirm")).code == "checkout_ended"


async def test_an_order_that_was_paid_meanwhile_is_not_taken_by_the_clock(hasty: Caller, world: World) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(hasty, basket, "pm_declined"))
    await asked(world, basket)
    world.pay_order(checkout_id)
    await becomes(hasty, basket, checkout_id, "completed")
    assert world.state_of_order(checkout_id) == "paid"


@pytest.mark.parametrize("card", ["pm_declined", "pm_challenge", "pm_unknown"])
async def test_a_shopper_may_give_up_while_the_money_is_open(shop: Caller, world: World, card: str) -> None:
    basket = world.basket()
    buying = asyncio.create_task(buy(shop, basket, card))
    checkout_id = await asked(world, basket)
    answer = await shop.being(basket.headers).post(f"/checkout/{checkout_id}/cancel")
    assert (answer.status, answer.json["status"]) == (200, "cancelled")
    assert answer.json["problem"]["code"] == "checkout_ended"
    assert world.state_of_order(checkout_id) == "cancelled"
    assert world.left(basket) == 10
    again = await shop.being(basket.headers).post(f"/checkout/{checkout_id}/cancel")
    assert again.json["status"] == "cancelled"
    assert (await buying).status in (202, 402, 409)
    assert (await buy(shop, basket)).status == 201, "the cart can be bought again"


@pytest.mark.parametrize(
    ("call", "fault"),
    [("prices", "slow"), ("reserve", "slow"), ("order", "slow"), ("order", "before")],
)
async def test_a_shopper_may_give_up_before_the_money_is_asked_for(
    shop: Caller, world: World, database: Database, call: str, fault: Fault
) -> None:
    basket = world.basket()
    world.plan(call, basket, *[fault] * 6)
    buying = asyncio.create_task(buy(shop, basket))
    checkout_id = await started(database, basket)

    async def there() -> None:
        assert world.count(call, basket)

    await eventually(there)
    answer = await shop.being(basket.headers).post(f"/checkout/{checkout_id}/cancel")
    assert answer.json["status"] == "cancelled"
    refused = await buying
    assert (refused.status, refused.code) == (409, "checkout_ended")
    assert world.left(basket) == 10
    assert world.attempts_of(checkout_id) == []
    assert world.state_of_order(checkout_id) in (None, "cancelled")


async def started(database: Database, basket: Basket) -> str:
    """The id of the basket's checkout, as soon as it is written."""

    async def check() -> str:
        async with database.transaction() as tx:
            found = await tx.fetchval("SELECT id FROM checkout WHERE cart_id = $1", basket.id)
        assert found is not None
        return str(found)

    return await eventually(check)


async def test_what_has_become_an_order_is_not_cancelled_here(shop: Caller, world: World) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket))
    answer = await shop.being(basket.headers).post(f"/checkout/{checkout_id}/cancel")
    assert (answer.status, answer.code) == (409, "checkout_ended")
    assert answer.json["order_id"] == world.orders_of(basket)[0].wanted.order_id
    assert (await becomes(shop, basket, checkout_id, "completed"))["order"] is not None


# --- twice ------------------------------------------------------------------------------------------------


async def test_the_same_key_and_body_again_are_answered_again(shop: Caller, world: World) -> None:
    basket = world.basket()
    same, guest = key(), shop.being(basket.headers)
    first = await guest.post("/checkout", wish(), headers=same)
    second = await guest.post("/checkout", wish(), headers=same)
    assert (first.status, second.status) == (201, 201)
    assert first.json == second.json
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    other = await guest.post("/checkout", wish("pm_declined"), headers=same)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert len(world.orders_of(basket)) == 1


async def test_a_refusal_is_answered_again_too_and_a_202_by_how_it_stands_now(shop: Caller, world: World) -> None:
    short, same = world.basket(left=1), key()
    answers = [await shop.being(short.headers).post("/checkout", wish(), headers=same) for _ in range(2)]
    assert [(one.status, one.code) for one in answers] == [(409, "out_of_stock")] * 2
    assert answers[1].headers["idempotency-replayed"] == "true"
    basket = world.basket()
    first = await shop.being(basket.headers).post("/checkout", wish("pm_challenge"), headers=same)
    assert first.status == 202
    world.decide(id_of(first), "authorized")
    await shop.being(basket.headers).post(f"/checkout/{id_of(first)}/confirm")
    again = await shop.being(basket.headers).post("/checkout", wish("pm_challenge"), headers=same)
    assert (again.status, again.json["status"]) == (201, "completed")


async def test_twenty_at_once_with_one_key_make_one_order(shop: Caller, world: World) -> None:
    basket, same = world.basket(), key()
    guest = shop.being(basket.headers)
    answers = await asyncio.gather(*(guest.post("/checkout", wish(), headers=same) for _ in range(20)))
    assert {one.status for one in answers} == {201}
    assert len({one.json["order"]["number"] for one in answers}) == 1
    assert len(world.orders_of(basket)) == 1
    assert world.left(basket) == 8


async def test_two_tabs_with_two_keys_end_in_the_same_order(shop: Caller, world: World) -> None:
    basket = world.basket()
    answers = await asyncio.gather(buy(shop, basket), buy(shop, basket), buy(shop, basket))
    assert {one.status for one in answers} == {201}
    assert len({one.json["order"]["number"] for one in answers}) == 1
    assert len(world.orders_of(basket)) == 1
    assert len(world.attempts_of(id_of(answers[0]))) == 1


async def test_a_cart_that_has_changed_is_another_purchase(shop: Caller, world: World) -> None:
    basket = world.basket()
    await buy(shop, basket)
    basket.revision = new_id("r")
    assert (await buy(shop, basket)).status == 201
    assert len(world.orders_of(basket)) == 2


async def test_nothing_is_bought_without_a_key(shop: Caller, world: World) -> None:
    basket = world.basket()
    answer = await shop.being(basket.headers).post("/checkout", wish())
    assert (answer.status, answer.code) == (422, "idempotency_key_required")
    assert world.orders_of(basket) == []


# --- who may see it -----------------------------------------------------------------------------------------


async def test_only_the_carts_token_or_its_customer_opens_a_checkout(
    shop: Caller, world: World, credentials: Credentials
) -> None:
    customer = new_id("cus")
    world.basket(customer=customer)
    stranger = world.basket()
    owner = shop.being(credentials.customer(customer))
    checkout_id = id_of(await owner.post("/checkout", wish("pm_declined"), headers=key()))
    guests = world.basket()
    guests_id = id_of(await buy(shop, guests, "pm_declined"))
    assert (await owner.get(f"/checkout/{checkout_id}")).status == 200
    assert (await shop.being(guests.headers).get(f"/checkout/{guests_id}")).status == 200
    cookie = {"Cookie": f"bodega_cart={guests.token}"}
    assert (await shop.being(cookie).get(f"/checkout/{guests_id}")).status == 200
    other = credentials.customer(new_id("cus"))
    for id, who in [
        (checkout_id, other), (checkout_id, {}), (checkout_id, stranger.headers),
        (guests_id, other), (guests_id, {}), (guests_id, stranger.headers),
    ]:  # fmt: skip
        someone = shop.being(who)
        answers = [
            await someone.get(f"/checkout/{id}"),
            await someone.get(f"/checkout/{id}/events"),
            await someone.post(f"/checkout/{id}/payments", {"payment_method": "pm_good"}),
            await someone.post(f"/checkout/{id}/confirm"),
            await someone.post(f"/checkout/{id}/cancel"),
        ]
        assert [(one.status, one.code) for one in answers] == [(404, "not_found")] * 5
    assert (await owner.get(f"/checkout/{new_id('chk')}")).code == "not_found"


async def test_the_token_of_a_customers_cart_alone_asks_for_the_session_to_be_renewed(
    shop: Caller, world: World, credentials: Credentials
) -> None:
    customer = new_id("cus")
    basket = world.basket(customer=customer)
    body = wish("pm_declined")
    checkout_id = id_of(await shop.being(credentials.customer(customer)).post("/checkout", body, headers=key()))
    device = shop.being(basket.headers)
    for answer in (
        await device.post("/checkout/quote", {"shipping_address": ADDRESS}),
        await device.post("/checkout", body, headers=key()),
        await device.get(f"/checkout/{checkout_id}"),
        await device.get(f"/checkout/{checkout_id}/events"),
        await device.post(f"/checkout/{checkout_id}/payments", {"payment_method": "pm_good"}),
        await device.post(f"/checkout/{checkout_id}/confirm"),
        await device.post(f"/checkout/{checkout_id}/cancel"),
    ):
        assert (answer.status, answer.code) == (401, "access_expired")


# --- following ------------------------------------------------------------------------------------------------


async def test_the_stream_tells_each_change_and_ends_with_the_checkout(shop: Caller, world: World) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_challenge"))
    seen: list[str] = []
    last = ""
    path = f"/checkout/{checkout_id}/events"
    async with shop.session.get(
        shop.base + path, headers=basket.headers, timeout=aiohttp.ClientTimeout(total=10)
    ) as stream:
        assert stream.content_type == "text/event-stream"
        async for line in stream.content:
            if line.startswith(b"id: "):
                last = line[4:].decode().strip()
            if not line.startswith(b"data: "):
                continue
            seen.append(json.loads(line[6:])["status"])
            if len(seen) == 1:
                world.decide(checkout_id, "authorized")
                await shop.being(basket.headers).post(f"/checkout/{checkout_id}/confirm")
    assert seen == ["action_required", "completed"]
    again = await shop.being(basket.headers).get(path, headers={"Last-Event-ID": last})
    assert again.status == 204, "a browser that comes again is told to stop"


# --- bad input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"email": None}, "/email"),
        ({"colour": "red"}, "/colour"),
        ({"locale": "english"}, "/locale"),
        ({"phone": "ring me"}, "/phone"),
        ({"payment_method": "4242424242424242"}, "/payment_method"),
        ({"payment_method": "pm"}, "/payment_method"),
        ({"shipping_option": "a" * 65}, "/shipping_option"),
        ({"shipping_option": "stan\x01dard"}, "/shipping_option"),
        ({"cart_token": "../../internal"}, "/cart_token"),
        ({"expected_total": 2890}, "/expected_total"),
        ({"expected_total": {"amount": -1, "currency": EURO}}, "/expected_total/amount"),
        ({"expected_total": {"amount": 28.9, "currency": EURO}}, "/expected_total/amount"),
        ({"expected_total": {"amount": 10**30, "currency": EURO}}, "/expected_total/amount"),
        ({"shipping_address": {**ADDRESS, "country": "Germany"}}, "/shipping_address/country"),
        ({"shipping_address": {**ADDRESS, "name": ""}}, "/shipping_address/name"),
        ({"shipping_address": {**ADDRESS, "city": "Ber\nlin"}}, "/shipping_address/city"),
        ({"shipping_address": {**ADDRESS, "planet": "Mars"}}, "/shipping_address/planet"),
        ({"billing_address": {"name": "Ada"}}, "/billing_address/line1"),
    ],
)
async def test_bad_input_is_named_and_nothing_is_begun(
    shop: Caller, world: World, database: Database, change: dict[str, Any], pointer: str
) -> None:
    basket = world.basket()
    answer = await shop.being(basket.headers).post("/checkout", {**wish(), **change}, headers=key())
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.json["errors"][0]["pointer"] == pointer
    async with database.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM checkout WHERE cart_id = $1", basket.id) == 0


async def test_what_is_no_json_or_no_id_is_refused_cleanly(shop: Caller, world: World) -> None:
    guest = shop.being(world.basket().headers)
    assert (await guest.post("/checkout", raw=b"{", headers=key())).status == 400
    nul = json.dumps(wish(email="a\x00@example.com")).encode()
    assert (await guest.post("/checkout", raw=nul, headers=key())).status == 400
    assert (await guest.get("/checkout/chk_nonsense")).status in (404, 422)
    assert (await guest.post("/checkout", wish(), headers={"Idempotency-Key": "short"})).status == 422
    assert (await shop.being({"Authorization": "Bearer forged"}).post("/checkout", wish(), headers=key())).status == 401


async def test_a_cart_that_does_not_answer_is_trouble_and_not_a_missing_cart(shop: Caller, world: World) -> None:
    basket = world.basket()
    world.plan("cart", basket, "before", "before", "before")
    answer = await buy(shop, basket)
    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.headers["retry-after"]
    assert (await buy(shop, basket)).status == 201


async def test_an_answer_keeps_to_the_callers_budget_and_the_checkout_goes_on_without_it(
    shop: Caller, world: World
) -> None:
    basket = world.basket()
    world.plan("order", basket, "slow")
    clock = asyncio.get_running_loop().time
    asked_at = clock()
    hurried = {"Bodega-Deadline-Ms": "300", **key()}
    answer = await shop.being(basket.headers).post("/checkout", wish(), headers=hurried)
    assert answer.status == 202
    assert clock() - asked_at < 2, "not the eight seconds that a shopper would wait"
    await becomes(shop, basket, id_of(answer), "completed")
