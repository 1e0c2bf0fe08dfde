"""What merchants see of an order's money, and how they give it back."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.testing import Answered, Caller, Credentials, Topics
from tests.payments.conftest import Bank, Checkout
from tests.payments.making import TOTAL, Buy, euro

pytestmark = pytest.mark.service


@pytest.fixture
def merchant(payments: Caller, credentials: Credentials) -> Caller:
    return payments.being(credentials.customer(new_id("cus"), "merchant"))


async def sold(checkout: Checkout, topics: Topics, buy: Buy) -> None:
    await checkout.pay(buy)
    await topics.publish(buy.paid())
    await checkout.becomes("captured", buy)


async def give_back(merchant: Caller, id: str, key: str | None = None, **wish: Any) -> Answered:
    headers = {"Idempotency-Key": key} if key else {}
    return await merchant.post(f"/admin/payments/{id}/refunds", {"reason": "Arrived broken", **wish}, headers=headers)


async def test_a_merchant_gives_back_a_part_then_the_rest_by_order_or_by_payment(
    merchant: Caller, checkout: Checkout, topics: Topics, bank: Bank, buy: Buy
) -> None:
    await sold(checkout, topics, buy)
    part = await give_back(merchant, buy.order_id, "part-0001", amount=euro(1000))
    assert (part.status, part.json["status"], part.json["amount"]) == (201, "done", euro(1000))
    assert part.headers["location"] == f"/admin/payments?order_id={buy.order_id}"
    more = await give_back(merchant, buy.number, "more-0001", amount=euro(TOTAL))
    assert (more.status, more.code, more.json["refundable"]) == (409, "payment_not_refundable", TOTAL - 1000)
    rest = await give_back(merchant, buy.payment_id(), "rest-0001")
    assert (rest.status, rest.json["amount"]) == (201, euro(TOTAL - 1000))
    assert (await bank.ledger(buy))["refunded"] == TOTAL
    told = await topics.of_subject("payments", buy.order_id, "PaymentRefunded")
    refunds = [one["data"] for one in told if one["type"] == "PaymentRefunded"]
    assert [(one["refunded_total"], one["reason"]) for one in refunds] == [
        (euro(1000), "Arrived broken"), (euro(TOTAL), "Arrived broken"),
    ]  # fmt: skip


async def test_support_sees_an_orders_money_and_gives_none_back(
    payments: Caller, credentials: Credentials, checkout: Checkout, topics: Topics, bank: Bank, buy: Buy
) -> None:
    await sold(checkout, topics, buy)
    support = payments.being(credentials.customer(new_id("cus"), "customer", "support"))
    (seen,) = (await support.get(f"/admin/payments?order_id={buy.number}")).json["payments"]
    assert (seen["status"], seen["refundable"]) == ("captured", euro(TOTAL))
    for id in (buy.number, buy.order_id, buy.payment_id()):
        assert (await give_back(support, id, "support-0001")).code == "forbidden"
    assert (await bank.ledger(buy))["refunded"] == 0


async def test_the_same_key_gives_back_once_and_no_key_nothing(
    merchant: Caller, checkout: Checkout, topics: Topics, bank: Bank, buy: Buy
) -> None:
    await sold(checkout, topics, buy)
    answers = await asyncio.gather(
        *(give_back(merchant, buy.order_id, "once-0001", amount=euro(700)) for _ in range(4))
    )
    assert {one.status for one in answers} == {201}
    assert len({one.json["refund_id"] for one in answers}) == 1
    assert [one.headers.get("idempotency-replayed") for one in answers].count("true") == 3
    other = await give_back(merchant, buy.order_id, "once-0001", amount=euro(701))
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    keyless = await give_back(merchant, buy.order_id)
    assert (keyless.status, keyless.code) == (422, "idempotency_key_required")
    assert (await bank.ledger(buy))["refunded"] == 700


async def test_an_orders_attempts_refunds_and_ledger_are_shown(
    merchant: Caller, checkout: Checkout, topics: Topics, buy: Buy
) -> None:
    await checkout.pay(buy, "pm_card_visa_chargeDeclinedInsufficientFunds")
    await checkout.pay(buy, attempt=2)
    await topics.publish(buy.paid(attempt=2))
    await checkout.becomes("captured", buy, 2)
    await give_back(merchant, buy.order_id, "part-0002", amount=euro(890))
    shown = (await merchant.get(f"/admin/payments?order_id={buy.order_id}")).json
    bare = buy.number.replace("-", "")
    for typed in (buy.number, buy.number.lower(), bare, f" {bare.lower()} ", buy.number.replace("-", "\u2013")):
        assert (await merchant.get(f"/admin/payments?order_id={quote(typed)}")).json == shown, typed
    declined, paid = shown["payments"]
    assert (declined["status"], declined["reason"], declined["refundable"]) == (
        "declined", "insufficient_funds", euro(0),
    )  # fmt: skip
    assert (paid["status"], paid["captured"], paid["refunded"]) == ("partly_refunded", euro(TOTAL), euro(890))
    assert paid["refundable"] == euro(TOTAL - 890)
    assert paid["reference"].startswith("pi_")
    assert [(one["amount"], one["status"], one["reason"]) for one in paid["refunds"]] == [
        (euro(890), "done", "Arrived broken")
    ]
    assert [(one["source"], one["target"], one["amount"]["amount"]) for one in shown["ledger"]] == [
        ("shopper", "held", TOTAL), ("held", "shop", TOTAL), ("shop", "shopper", 890),
    ]  # fmt: skip


async def test_what_was_not_taken_cannot_be_given_back(merchant: Caller, checkout: Checkout, buy: Buy) -> None:
    await checkout.pay(buy)
    answer = await give_back(merchant, buy.payment_id(), "early-001")
    assert (answer.status, answer.code) == (409, "payment_not_refundable")
    answer = await give_back(merchant, buy.order_id, "early-002")
    assert (answer.status, answer.code) == (404, "not_found")


async def test_a_refund_that_makes_no_sense_is_refused_cleanly(
    merchant: Caller, checkout: Checkout, topics: Topics, bank: Bank, buy: Buy
) -> None:
    await sold(checkout, topics, buy)
    for wrong in (
        {"amount": euro(-1)}, {"amount": 100}, {"amount": {"amount": 1.5, "currency": "EUR"}}, {"reason": ""},
        {"reason": "a\x07b"}, {"surprise": 1},
    ):  # fmt: skip
        assert (await give_back(merchant, buy.order_id, "wrong-001", **wrong)).status == 422
    for wrong in ({"amount": euro(0)}, {"amount": {"amount": 100, "currency": "USD"}}):
        answer = await give_back(merchant, buy.order_id, "wrong-002", **wrong)
        assert (answer.status, answer.code) == (409, "payment_not_refundable")
    for id in (new_id("pay"), new_id("ord")):
        assert (await give_back(merchant, id, "nobody-01")).status == 404
    for unknown in (new_id("ord"), "BDG-0000-0000", "cus_1"):
        assert (await merchant.get(f"/admin/payments?order_id={unknown}")).code == "not_found"
        assert (await give_back(merchant, unknown, "wrong-003")).code == "not_found"
    assert (await bank.ledger(buy))["refunded"] == 0


async def test_only_merchants_see_and_return_money(payments: Caller, credentials: Credentials, buy: Buy) -> None:
    customer = payments.being(credentials.customer(new_id("cus")))
    for nobody, status in ((payments, 401), (customer, 403)):
        assert (await nobody.get(f"/admin/payments?order_id={buy.order_id}")).status == status
        assert (await give_back(nobody, buy.order_id, "theft-001")).status == status
