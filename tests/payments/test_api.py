"""Payments over HTTP: authorise, look up, capture, void, refund."""

import asyncio

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials, Topics
from tests.payments.conftest import Bank, Checkout, accounts
from tests.payments.making import TOTAL, Buy, euro

pytestmark = pytest.mark.service


async def test_a_good_card_is_authorised_within_the_request(
    checkout: Checkout, bank: Bank, buy: Buy, database: Database, topics: Topics
) -> None:
    answer = await checkout.pay(buy)
    assert (answer.status, answer.json["status"]) == (201, "authorized")
    assert answer.json["captured"] == euro(0)
    assert (await bank.ledger(buy))["held"] == TOTAL
    assert await accounts(database, buy) == {"shopper": -TOTAL, "held": TOTAL}
    told = await topics.of_subject("payments", buy.order_id, "PaymentAuthorized")
    assert [(one["type"], one["data"]["amount"]) for one in told] == [("PaymentAuthorized", euro(TOTAL))]


async def test_the_same_id_again_answers_the_present_state_and_asks_for_no_more(
    checkout: Checkout, bank: Bank, buy: Buy
) -> None:
    first, *others = await asyncio.gather(*(checkout.pay(buy) for _ in range(5)))
    assert sorted(one.status for one in (first, *others)) == [200, 200, 200, 200, 201]
    assert {one.json["status"] for one in (first, *others)} == {"authorized"}
    assert (await bank.ledger(buy))["authorised"] == TOTAL


async def test_the_same_id_for_another_amount_is_refused(checkout: Checkout, buy: Buy) -> None:
    await checkout.pay(buy)
    answer = await checkout.pay(buy, amount=euro(1))
    assert (answer.status, answer.code) == (409, "different_payment")


async def test_a_declined_card_says_why_in_words(checkout: Checkout, buy: Buy, topics: Topics) -> None:
    answer = await checkout.pay(buy, "pm_card_visa_chargeDeclinedInsufficientFunds")
    assert (answer.json["status"], answer.json["reason"]) == ("declined", "insufficient_funds")
    assert answer.json["message"] == "Your card has insufficient funds."
    told = await topics.of_subject("payments", buy.order_id, "PaymentFailed")
    assert told[0]["data"]["reason"] == "insufficient_funds"
    assert told[0]["data"]["email"] == "ada@example.com", "who is written to"


async def test_a_card_that_does_not_exist_is_declined(checkout: Checkout, buy: Buy) -> None:
    answer = await checkout.pay(buy, "pm_nobody")
    assert (answer.status, answer.json["status"], answer.json["reason"]) == (201, "declined", "resource_missing")


async def test_another_card_after_a_declined_one_closes_the_first(checkout: Checkout, bank: Bank, buy: Buy) -> None:
    await checkout.pay(buy, "pm_card_visa_chargeDeclined")
    answer = await checkout.pay(buy, attempt=2)
    assert (answer.status, answer.json["status"]) == (201, "authorized")
    assert list((await bank.ledger(buy))["intents"].values()) == ["canceled"]


async def test_another_attempt_beside_an_authorised_one_names_it(checkout: Checkout, bank: Bank, buy: Buy) -> None:
    await checkout.pay(buy)
    answer = await checkout.pay(buy, attempt=2)
    assert (answer.status, answer.code) == (409, "payment_in_progress")
    assert (answer.json["payment_id"], answer.json["payment_status"]) == (buy.payment_id(), "authorized")
    assert (await bank.ledger(buy, 2))["intents"] == {}


async def test_two_attempts_at_once_charge_one_card(checkout: Checkout, bank: Bank, buy: Buy) -> None:
    answers = await asyncio.gather(*(checkout.pay(buy, attempt=n) for n in range(1, 6)))
    assert sorted(one.status for one in answers) == [201, 409, 409, 409, 409]
    held = [(await bank.ledger(buy, n))["held"] for n in range(1, 6)]
    assert sorted(held) == [0, 0, 0, 0, TOTAL]


async def test_a_challenge_passed_is_authorised(checkout: Checkout, bank: Bank, buy: Buy) -> None:
    answer = await checkout.pay(buy, "pm_card_threeDSecure2Required")
    assert answer.json["status"] == "action_required"
    assert answer.json["next_action"]["type"] == "redirect"
    assert f"{bank.url}/sandbox/challenges/" in answer.json["next_action"]["url"]
    assert answer.json["client_secret"].startswith("pi_")
    await bank.challenge(buy, "succeed")
    answer = await checkout.http.post(f"/internal/payments/{buy.payment_id()}/confirm-result")
    assert (answer.status, answer.json["status"]) == (200, "authorized")
    assert (answer.json["next_action"], answer.json["client_secret"]) == (None, None)


async def test_a_challenge_failed_is_declined(checkout: Checkout, bank: Bank, buy: Buy) -> None:
    await checkout.pay(buy, "pm_card_threeDSecure2Required")
    await bank.challenge(buy, "fail")
    answer = await checkout.http.get(f"/internal/payments/{buy.payment_id()}?refresh=true")
    assert answer.json["status"] == "declined"
    assert answer.json["message"].startswith("We are unable to authenticate")


async def test_an_abandoned_challenge_makes_room_for_another_card(checkout: Checkout, bank: Bank, buy: Buy) -> None:
    await checkout.pay(buy, "pm_card_threeDSecure2Required")
    answer = await checkout.pay(buy, attempt=2)
    assert (answer.status, answer.json["status"]) == (201, "authorized")
    assert await checkout.status(buy) == "voided"
    assert list((await bank.ledger(buy))["intents"].values()) == ["canceled"]


async def test_a_payment_can_be_given_up(checkout: Checkout, bank: Bank, buy: Buy, database: Database) -> None:
    await checkout.pay(buy)
    answer = await checkout.http.post(f"/internal/payments/{buy.payment_id()}/void")
    assert (answer.status, answer.json["status"]) == (202, "voided")
    assert (await bank.ledger(buy))["held"] == 0
    assert await accounts(database, buy) == {}


async def test_nothing_is_taken_that_no_order_has_accepted(checkout: Checkout, bank: Bank, buy: Buy) -> None:
    await checkout.pay(buy)
    answer = await checkout.http.post(f"/internal/payments/{buy.payment_id()}/capture")
    assert (answer.status, answer.code) == (409, "payment_not_capturable")
    assert (await bank.ledger(buy))["captured"] == 0


async def captured(checkout: Checkout, topics: Topics, buy: Buy) -> None:
    await checkout.pay(buy)
    await topics.publish(buy.paid())
    await checkout.becomes("captured", buy)


async def give_back(checkout: Checkout, buy: Buy, key: str, amount: int | None = None) -> tuple[int, str]:
    answer = await checkout.http.post(
        f"/internal/payments/{buy.payment_id()}/refund",
        {"amount": euro(amount)} if amount is not None else {},
        headers={"Idempotency-Key": key},
    )
    return answer.status, answer.json.get("status") if answer.status == 200 else answer.code


async def test_refunds_in_parts_and_the_rest_and_never_more(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, database: Database
) -> None:
    await captured(checkout, topics, buy)
    assert await give_back(checkout, buy, "first part", 1000) == (422, "invalid_request")
    assert await give_back(checkout, buy, "first-part", 1000) == (200, "partly_refunded")
    assert await give_back(checkout, buy, "too-much-1", TOTAL) == (409, "payment_not_refundable")
    assert await give_back(checkout, buy, "the-rest-1") == (200, "refunded")
    assert await give_back(checkout, buy, "once-more-1") == (409, "payment_not_refundable")
    assert (await bank.ledger(buy))["refunded"] == TOTAL
    assert await accounts(database, buy) == {}
    told = await topics.of_subject("payments", buy.order_id, "PaymentRefunded")
    refunds = [one["data"] for one in told if one["type"] == "PaymentRefunded"]
    assert [(one["amount"], one["refunded_total"]) for one in refunds] == [
        (euro(1000), euro(1000)), (euro(1890), euro(TOTAL)),
    ]  # fmt: skip


async def test_the_same_key_gives_back_once(checkout: Checkout, bank: Bank, buy: Buy, topics: Topics) -> None:
    await captured(checkout, topics, buy)
    answers = await asyncio.gather(*(give_back(checkout, buy, "one-refund", 1000) for _ in range(4)))
    assert {status for status, _ in answers} == {200}
    assert (await bank.ledger(buy))["refunded"] == 1000
    assert await give_back(checkout, buy, "one-refund", 999) == (422, "idempotency_key_reused")


async def test_refunds_at_once_never_give_back_more_than_was_taken(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics
) -> None:
    await captured(checkout, topics, buy)
    answers = await asyncio.gather(*(give_back(checkout, buy, f"refund-{n}", 1000) for n in range(5)))
    assert sorted(status for status, _ in answers) == [200, 200, 409, 409, 409]
    assert (await bank.ledger(buy))["refunded"] == 2000


async def test_a_refund_needs_a_key(checkout: Checkout, buy: Buy, topics: Topics) -> None:
    await captured(checkout, topics, buy)
    answer = await checkout.http.post(f"/internal/payments/{buy.payment_id()}/refund", {})
    assert (answer.status, answer.code) == (422, "idempotency_key_required")


async def test_a_refund_that_the_processor_refuses_leaves_the_money_where_it_is(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics
) -> None:
    await captured(checkout, topics, buy)
    await bank.fault("refund", "refuse", buy)
    assert await give_back(checkout, buy, "refused-1", 1000) == (409, "payment_not_refundable")
    assert await checkout.status(buy) == "captured"
    assert await give_back(checkout, buy, "again-12", TOTAL) == (200, "refunded")


async def test_unknown_payments_are_not_found(checkout: Checkout) -> None:
    for method, path in (("GET", ""), ("POST", "/capture"), ("POST", "/void"), ("POST", "/confirm-result")):
        answer = await checkout.http.request(method, f"/internal/payments/{new_id('pay')}{path}")
        assert (answer.status, answer.code) == (404, "not_found")


async def test_only_services_that_may_are_let_in(payments: Caller, credentials: Credentials, buy: Buy) -> None:
    assert (await payments.post("/internal/payments", buy.wanted())).status == 401
    cart = payments.being(credentials.service("cart", "payments"))
    assert (await cart.post("/internal/payments", buy.wanted())).status == 403


async def test_the_storefront_learns_where_cards_are_typed_and_nothing_secret(payments: Caller, bank: Bank) -> None:
    answer = await payments.get("/payments/config")
    assert answer.json == {
        "provider": "sandbox", "publishable_key": "pk_test_bodega_sandbox", "methods": ["card"],
        "card_form_url": f"{bank.url}/elements/card",
    }  # fmt: skip


async def test_what_makes_no_sense_is_refused_cleanly(checkout: Checkout, buy: Buy) -> None:
    for wrong in (
        {"payment_method": "4242 4242 4242 4242"}, {"amount": euro(-1)}, {"attempt": 0}, {"order_id": "ord_x"},
        {"amount": {"amount": 10, "currency": "euro"}},
    ):  # fmt: skip
        answer = await checkout.pay(buy, **wrong)
        assert (answer.status, answer.code) == (422, "invalid_request")
