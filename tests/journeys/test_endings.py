"""Each way in which a checkout may end other than well."""

import asyncio

import pytest

from bodega.kit.testing import PATIENCE_SECONDS, Caller, eventually
from tests.journeys.shop import Merchant, Order, Outside, Shopper, unique

pytestmark = pytest.mark.journey


async def stock_is(
    merchant: Merchant, sku: str, on_hand: int, reserved: int, within_seconds: float = PATIENCE_SECONDS
) -> None:
    async def check() -> None:
        stock = await merchant.stock(sku)
        assert (stock["on_hand"], stock["reserved"]) == (on_hand, reserved)

    await eventually(check, within_seconds=within_seconds)


async def test_a_declined_card_keeps_the_stock_and_another_card_pays(guest: Shopper, merchant: Merchant) -> None:
    product = await merchant.makes(stock=3)
    await guest.add(product["sku"])
    declined = await guest.check_out("pm_card_visa_chargeDeclinedInsufficientFunds")
    assert (declined.status, declined.code) == (402, "card_declined")
    assert declined.json["next_action"] == "retry_payment"
    assert declined.json["reason"] == "insufficient_funds"
    checkout_id = declined.json["checkout_id"]
    await stock_is(merchant, product["sku"], 3, 1)
    paid = await guest.api.post(f"/checkout/{checkout_id}/payments", {"payment_method": "pm_card_visa"})
    assert paid.status == 201, paid.body
    order = Order(guest.api, paid.json["order"]["id"], paid.json["order"]["token"], paid.json)
    await order.is_packed()


async def test_a_declined_checkout_that_nobody_goes_on_with_ends_by_itself(guest: Shopper, merchant: Merchant) -> None:
    product = await merchant.makes(stock=3)
    await guest.add(product["sku"])
    declined = await guest.check_out("pm_card_visa_chargeDeclined")
    await stock_is(merchant, product["sku"], 3, 0, within_seconds=40)
    seen = await guest.api.get(f"/checkout/{declined.json['checkout_id']}")
    assert seen.json["status"] == "expired"


async def test_a_3d_secure_card_is_confirmed_at_the_bank(guest: Shopper, merchant: Merchant, outside: Outside) -> None:
    product = await merchant.makes()
    await guest.add(product["sku"])
    waiting = await guest.check_out("pm_card_authenticationRequired")
    assert waiting.status == 202, waiting.body
    assert waiting.json["status"] == "action_required"
    challenge = waiting.json["next_action"]["url"].rstrip("/").rpartition("/")[2].partition("?")[0]
    answered = await outside.sandbox.post(f"/sandbox/challenges/{challenge}", {"outcome": "succeed"})
    assert answered.status < 300, answered.body
    confirmed = await guest.api.post(f"/checkout/{waiting.json['checkout_id']}/confirm")
    assert confirmed.status == 201, confirmed.body
    order = Order(guest.api, confirmed.json["order"]["id"], confirmed.json["order"]["token"], confirmed.json)
    await order.is_packed()


async def test_a_3d_secure_card_that_fails_its_challenge_is_declined(
    guest: Shopper, merchant: Merchant, outside: Outside
) -> None:
    product = await merchant.makes()
    await guest.add(product["sku"])
    waiting = await guest.check_out("pm_card_authenticationRequired")
    challenge = waiting.json["next_action"]["url"].rstrip("/").rpartition("/")[2].partition("?")[0]
    await outside.sandbox.post(f"/sandbox/challenges/{challenge}", {"outcome": "fail"})
    confirmed = await guest.api.post(f"/checkout/{waiting.json['checkout_id']}/confirm")
    assert (confirmed.status, confirmed.code) == (402, "card_declined")


async def test_an_abandoned_3d_secure_challenge_ends_and_leaves_nothing(
    guest: Shopper, merchant: Merchant, outside: Outside
) -> None:
    product = await merchant.makes(stock=2)
    await guest.add(product["sku"])
    waiting = await guest.check_out("pm_card_authenticationRequired")
    await stock_is(merchant, product["sku"], 2, 1)
    await stock_is(merchant, product["sku"], 2, 0, within_seconds=40)
    ended = await guest.api.get(f"/checkout/{waiting.json['checkout_id']}")
    assert ended.json["status"] == "expired"
    order = Order(guest.api, ended.json["order"]["id"], ended.json["order"]["token"], ended.json)
    assert (await order.read())["state"] == "cancelled"


async def test_a_price_that_changed_meanwhile_is_said_with_both_totals(guest: Shopper, merchant: Merchant) -> None:
    product = await merchant.makes(price=1000)
    await guest.add(product["sku"])
    wish = await guest.wish()
    await merchant.reprices(product, 1100)
    answer = await guest.check_out(body=wish)
    assert (answer.status, answer.code) == (409, "total_changed")
    assert answer.json["total"]["amount"] - answer.json["expected_total"]["amount"] == 100


async def test_short_stock_names_the_lines_and_what_is_left(guest: Shopper, merchant: Merchant) -> None:
    plenty, short = await merchant.makes(stock=9), await merchant.makes(stock=2)
    await guest.add(plenty["sku"])
    await guest.add(short["sku"], 2)
    wish = await guest.wish()
    await merchant.stocks(short["sku"], 1)
    answer = await guest.check_out(body=wish)
    assert (answer.status, answer.code) == (409, "out_of_stock")
    (line,) = answer.json["lines"]
    assert (line["sku"], line["requested"], line["available"]) == (short["sku"], 2, 1)
    await stock_is(merchant, plenty["sku"], 9, 0)


async def test_a_double_post_with_one_key_is_one_order(guest: Shopper, merchant: Merchant, outside: Outside) -> None:
    product = await merchant.makes(stock=5)
    await guest.add(product["sku"])
    wish, key = await guest.wish(), unique("key")
    first, second = await asyncio.gather(*(guest.check_out(key=key, body=wish) for _ in range(2)))
    third = await guest.check_out(key=key, body=wish)
    assert {first.status, second.status, third.status} == {201}
    assert first.json["order"] == second.json["order"] == third.json["order"]
    assert third.headers["idempotency-replayed"] == "true"
    await stock_is(merchant, product["sku"], 4, 0)
    other = await guest.check_out(key=key, body={**wish, "email": "other@example.com"})
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_two_tabs_on_one_cart_end_in_the_same_order(guest: Shopper, merchant: Merchant) -> None:
    product = await merchant.makes(stock=5)
    await guest.add(product["sku"])
    wish = await guest.wish()
    first, second = await asyncio.gather(*(guest.check_out(body=wish) for _ in range(2)))
    assert (first.status, second.status) == (201, 201)
    assert first.json["order"] == second.json["order"]
    await stock_is(merchant, product["sku"], 4, 0)


@pytest.mark.alone  # it is the next payment, whoever's it is, that goes wrong
async def test_a_processor_that_times_out_after_charging_ends_in_one_charge(
    guest: Shopper, merchant: Merchant, outside: Outside
) -> None:
    product = await merchant.makes(stock=5)
    await guest.add(product["sku"])
    wish = await guest.wish()
    await outside.breaks("confirm", "drop_after", times=1)
    answer = await guest.check_out(body=wish)
    assert answer.status in (201, 202), answer.body
    checkout_id = answer.json["checkout_id"]

    async def completed() -> dict[str, object]:
        seen = (await guest.api.get(f"/checkout/{checkout_id}")).json
        assert seen["status"] == "completed", seen["status"]
        return dict(seen)

    seen = await eventually(completed)
    order = Order(guest.api, seen["order"]["id"], seen["order"]["token"], seen)  # type: ignore[index]
    shipped = await order.is_packed()
    money = await outside.money_of((await merchant.order(order.id))["payment_id"])
    assert money["captured"] == shipped["totals"]["total"]["amount"]
    assert len(money["intents"]) == 1


async def test_the_status_is_pushed_until_the_checkout_ends(guest: Shopper, merchant: Merchant) -> None:
    product = await merchant.makes()
    await guest.add(product["sku"])
    answer = await guest.check_out()
    stream = await guest.api.get(f"/checkout/{answer.json['checkout_id']}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert b'"status":"completed"' in stream.body


async def test_what_is_refused_leaves_nothing_half_written(api: Caller, guest: Shopper, merchant: Merchant) -> None:
    product = await merchant.makes(stock=5)
    await guest.add(product["sku"])
    wish = await guest.wish()
    missing = await guest.api.post("/checkout", wish)
    assert (missing.status, missing.code) == (422, "idempotency_key_required")
    unknown = await guest.check_out(body={**wish, "colour": "red"})
    assert unknown.status == 422
    assert unknown.json["errors"][0]["pointer"] == "/colour"
    nowhere = await guest.check_out(body={**wish, "shipping_option": "by-pigeon"})
    assert nowhere.code == "shipping_option_unknown"
    stranger = await Shopper(api).check_out(body=wish)
    assert stranger.status in (409, 422)
    await stock_is(merchant, product["sku"], 5, 0)
