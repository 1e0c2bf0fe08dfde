"""The card processor through the official SDK: the money rules, and each way in which a payment can end."""

from __future__ import annotations

import time
from typing import Any

import pytest
import stripe
from stripe._api_version import _ApiVersion

from bodega.sandbox.processor import API_VERSION

pytestmark = pytest.mark.unit

CARD: dict[str, Any] = {"amount": 4200, "currency": "eur", "allowed_payment_method_types": ["card"]}


def test_speaks_the_version_that_the_sdk_asks_for() -> None:
    assert _ApiVersion.CURRENT == API_VERSION


async def authorise(shop: Any, **more: Any) -> Any:
    return await shop.v1.payment_intents.create_async(
        {**CARD, "capture_method": "manual", "confirm": True, "payment_method": "pm_card_visa", **more}
    )


async def test_authorised_then_captured(shop: Any) -> None:
    created = await shop.v1.payment_intents.create_async({**CARD, "capture_method": "manual", "metadata": {"a": "1"}})
    assert (created.status, created.amount_capturable, created.latest_charge) == ("requires_payment_method", 0, None)

    held = await shop.v1.payment_intents.confirm_async(created.id, {"payment_method": "pm_card_visa"})
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 4200, 0)
    assert str(held.latest_charge).startswith("ch_")
    assert str(held.payment_method).startswith("pm_")

    taken = await shop.v1.payment_intents.capture_async(created.id)
    assert (taken.status, taken.amount_capturable, taken.amount_received) == ("succeeded", 0, 4200)
    charge = await shop.v1.charges.retrieve_async(str(taken.latest_charge))
    assert (charge.captured, charge.amount_captured, charge.amount_refunded) == (True, 4200, 0)
    assert charge.metadata.to_dict() == {"a": "1"}

    with pytest.raises(stripe.InvalidRequestError, match="already been captured") as again:
        await shop.v1.payment_intents.capture_async(created.id)
    assert again.value.code == "payment_intent_unexpected_state"


async def test_captured_in_part_lets_the_rest_go(shop: Any) -> None:
    held = await authorise(shop)
    with pytest.raises(stripe.InvalidRequestError) as too_much:
        await shop.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 4201})
    assert too_much.value.code == "amount_too_large"
    taken = await shop.v1.payment_intents.capture_async(
        held.id, {"amount_to_capture": 4000, "expand": ["latest_charge"]}
    )
    assert (taken.amount_received, taken.amount_capturable) == (4000, 0)
    charge: Any = taken.latest_charge
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (4000, 200, False)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        await shop.v1.refunds.create_async({"payment_intent": held.id, "amount": 4001})
    await shop.v1.refunds.create_async({"payment_intent": held.id})
    assert (await shop.v1.charges.retrieve_async(charge.id)).refunded


async def test_captured_at_once_without_manual_capture(shop: Any) -> None:
    paid = await authorise(shop, capture_method="automatic")
    assert (paid.status, paid.amount_received) == ("succeeded", 4200)


async def test_cancelled_lets_the_hold_go(shop: Any) -> None:
    held = await authorise(shop)
    ended = await shop.v1.payment_intents.cancel_async(held.id, {"cancellation_reason": "requested_by_customer"})
    assert (ended.status, ended.amount_capturable) == ("canceled", 0)
    assert ended.cancellation_reason == "requested_by_customer"
    with pytest.raises(stripe.InvalidRequestError) as late:
        await shop.v1.payment_intents.capture_async(held.id)
    assert late.value.code == "payment_intent_unexpected_state"
    assert late.value.error is not None
    assert late.value.error.payment_intent is not None
    assert late.value.error.payment_intent.status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        await shop.v1.payment_intents.cancel_async(held.id)


async def test_refunded_never_beyond_what_was_captured(shop: Any) -> None:
    held = await authorise(shop)
    with pytest.raises(stripe.InvalidRequestError, match="Cancel the PaymentIntent instead"):
        await shop.v1.refunds.create_async({"payment_intent": held.id})
    await shop.v1.payment_intents.capture_async(held.id)
    first = await shop.v1.refunds.create_async(
        {"payment_intent": held.id, "amount": 1200, "reason": "requested_by_customer"}
    )
    assert (first.status, first.amount) == ("succeeded", 1200)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount") as too_much:
        await shop.v1.refunds.create_async({"payment_intent": held.id, "amount": 3001})
    assert too_much.value.param == "amount"
    await shop.v1.refunds.create_async({"charge": str(held.latest_charge)})
    with pytest.raises(stripe.InvalidRequestError) as again:
        await shop.v1.refunds.create_async({"payment_intent": held.id, "amount": 1})
    assert again.value.code == "charge_already_refunded"
    listed = await shop.v1.refunds.list_async({"payment_intent": held.id})
    assert [it.amount for it in listed.data] == [3000, 1200]


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_declined", "card_velocity_exceeded"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ],
)
async def test_declined(shop: Any, card: str, code: str, decline_code: str) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await authorise(shop, payment_method=card)
    error: Any = declined.value.error
    assert (declined.value.http_status, error.code, error.decline_code) == (402, code, decline_code)
    intent = await shop.v1.payment_intents.retrieve_async(error.payment_intent.id)
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.decline_code == decline_code
    assert (await shop.v1.charges.retrieve_async(str(intent.latest_charge))).status == "failed"

    retried = await shop.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_mastercard"})
    assert (retried.status, retried.last_payment_error) == ("requires_capture", None)


async def test_3d_secure_completed(shop: Any, ask: Any) -> None:
    waiting = await authorise(
        shop, payment_method="pm_card_threeDSecure2Required", return_url="http://shop.test/back?x=1"
    )
    assert waiting.status == "requires_action"
    action = waiting.next_action
    assert action.type == "redirect_to_url"
    path = action.redirect_to_url.url.split("/", 3)[3]
    status, page = await ask("GET", f"/{path}")
    assert status == 200
    assert b"Complete" in page
    assert (await ask("GET", f"/{path}x"))[0] == 404, "the page is for the holder of the client secret"
    with pytest.raises(stripe.InvalidRequestError):
        await shop.v1.payment_intents.capture_async(waiting.id)
    status, answered = await ask("POST", f"/sandbox/challenges/{waiting.id}", {"outcome": "succeed"})
    assert (status, answered["status"]) == (200, "requires_capture")
    assert (await ask("POST", f"/sandbox/challenges/{waiting.id}", {"outcome": "fail"}))[0] == 400


async def test_3d_secure_form_leads_back_to_the_shop(shop: Any, sandbox: Any, http: Any) -> None:
    waiting = await authorise(
        shop, payment_method="pm_card_authenticationRequired", return_url="http://shop.test/b?x=1"
    )
    async with http.post(
        f"{sandbox.url}/sandbox/challenges/{waiting.id}", data={"outcome": "succeed"}, allow_redirects=False
    ) as answer:
        assert answer.status == 303
        back = answer.headers["Location"]
    assert back.startswith("http://shop.test/b?x=1&payment_intent=pi_")
    assert "redirect_status=succeeded" in back


async def test_3d_secure_failed(shop: Any, ask: Any) -> None:
    waiting = await authorise(shop, payment_method="pm_card_authenticationRequired")
    assert waiting.next_action.type == "use_stripe_sdk", "as at Stripe, without a return_url"
    await ask("POST", f"/sandbox/challenges/{waiting.id}", {"outcome": "fail"})
    intent = await shop.v1.payment_intents.retrieve_async(waiting.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"


async def test_3d_secure_then_declined(shop: Any, ask: Any) -> None:
    waiting = await authorise(shop, payment_method="pm_card_threeDSecureRequiredChargeDeclined")
    _, intent = await ask("POST", f"/sandbox/challenges/{waiting.id}", {"outcome": "succeed"})
    assert (intent["status"], intent["last_payment_error"]["code"]) == ("requires_payment_method", "card_declined")


async def test_3d_secure_abandoned_can_be_cancelled(shop: Any, ask: Any) -> None:
    waiting = await authorise(shop, payment_method="pm_card_threeDSecure2Required")
    await shop.v1.payment_intents.cancel_async(waiting.id, {"cancellation_reason": "abandoned"})
    assert (await ask("POST", f"/sandbox/challenges/{waiting.id}", {"outcome": "succeed"}))[0] == 400


@pytest.mark.parametrize("by", ["card", "expiry", "fault"])
async def test_capture_refused_for_good(shop: Any, ask: Any, by: str) -> None:
    held = await authorise(shop, payment_method="pm_card_sandboxCaptureRefused" if by == "card" else "pm_card_visa")
    if by == "expiry":
        assert (await ask("POST", f"/sandbox/payment_intents/{held.id}/expire"))[0] == 200
    if by == "fault":
        await ask("POST", "/sandbox/faults", {"target": "capture", "kind": "refuse", "match": {"id": held.id}})
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError):
            await shop.v1.payment_intents.capture_async(held.id)
    intent = await shop.v1.payment_intents.retrieve_async(held.id)
    assert (intent.status, intent.cancellation_reason, intent.amount_capturable) == ("canceled", "expired", 0)


async def test_listed_by_time_in_pages(shop: Any) -> None:
    since = int(time.time())
    made = [(await shop.v1.payment_intents.create_async({**CARD, "metadata": {"n": str(n)}})).id for n in range(5)]
    page = await shop.v1.payment_intents.list_async({"created": {"gte": since}, "limit": 2})
    assert [it.id for it in page.data] == made[:-3:-1]
    assert page.has_more
    walked = [it.id async for it in page.auto_paging_iter()]
    assert walked[:5] == made[::-1]
    assert not (await shop.v1.payment_intents.list_async({"created": {"gte": since + 3600}})).data


async def test_updated(shop: Any) -> None:
    created = await shop.v1.payment_intents.create_async({**CARD, "metadata": {"a": "1", "b": "2"}})
    changed = await shop.v1.payment_intents.update_async(created.id, {"amount": 5000, "metadata": {"a": "", "c": "3"}})
    assert (changed.amount, changed.metadata.to_dict()) == (5000, {"b": "2", "c": "3"})
    await shop.v1.payment_intents.confirm_async(created.id, {"payment_method": "pm_card_visa"})
    with pytest.raises(stripe.InvalidRequestError) as late:
        await shop.v1.payment_intents.update_async(created.id, {"amount": 1})
    assert late.value.code in ("payment_intent_unexpected_state", "amount_too_small")


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"currency": "eur"}, "parameter_missing", "amount"),
        ({**CARD, "amount": 0}, "parameter_invalid_integer", "amount"),
        ({**CARD, "amount": "12.5"}, "parameter_invalid_integer", "amount"),
        ({**CARD, "amount": 49}, "amount_too_small", "amount"),
        ({**CARD, "amount": 100_000_000}, "amount_too_large", "amount"),
        ({**CARD, "colour": "red"}, "parameter_unknown", "colour"),
        ({**CARD, "shipping": {"name": "A"}}, "parameter_missing", "shipping[address]"),
        ({**CARD, "payment_method": "pm_nobody"}, "resource_missing", "payment_method"),
        ({**CARD, "currency": "xyz"}, None, "currency"),
        (
            {**CARD, "payment_method_types": ["card"]},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ({**CARD, "return_url": "http://x.test"}, None, "return_url"),
    ],
)
async def test_refuses_what_makes_no_sense(shop: Any, params: Any, code: str | None, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as wrong:
        await shop.v1.payment_intents.create_async(params)
    assert (wrong.value.code, wrong.value.param) == (code, param)


async def test_automatic_methods_want_a_return_url(shop: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        await shop.v1.payment_intents.create_async(
            {"amount": 500, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"}
        )
    never = {"enabled": True, "allow_redirects": "never"}
    created = await shop.v1.payment_intents.create_async(
        {"amount": 500, "currency": "eur", "automatic_payment_methods": never, "confirm": True,
         "payment_method": "pm_card_visa"}
    )  # fmt: skip
    assert created.status == "succeeded"


async def test_unknown_objects(shop: Any) -> None:
    for call in (
        shop.v1.payment_intents.retrieve_async("pi_none"), shop.v1.charges.retrieve_async("ch_none"),
        shop.v1.refunds.create_async({"payment_intent": "pi_none"}), shop.v1.events.retrieve_async("evt_none"),
    ):  # fmt: skip
        with pytest.raises(stripe.InvalidRequestError) as missing:
            await call
        assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")


async def test_keys(sandbox: Any) -> None:
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
        await sandbox.stripe(api_key="sk_test_of_somebody_else").v1.payment_intents.list_async()
    page = sandbox.stripe(api_key="pk_test_bodega_sandbox")
    with pytest.raises(stripe.PermissionError):
        await page.v1.payment_intents.list_async()
    card = {"number": "4000 0000 0000 9995", "exp_month": 1, "exp_year": 2040, "cvc": "123"}
    method = await page.v1.payment_methods.create_async({"type": "card", "card": card})
    assert method.card.last4 == "9995"
    with pytest.raises(stripe.CardError, match="insufficient funds"):
        await authorise(sandbox.stripe(), payment_method=method.id)
    for wrong, code in (
        ({**card, "number": "4242424242424241"}, "incorrect_number"),
        ({**card, "exp_month": 13}, "invalid_expiry_month"),
        ({**card, "exp_year": 2020}, "invalid_expiry_year"),
        ({**card, "cvc": "1"}, "invalid_cvc"),
    ):
        with pytest.raises(stripe.CardError) as refused:
            await page.v1.payment_methods.create_async({"type": "card", "card": wrong})
        assert refused.value.code == code


async def test_ledger_agrees_with_what_happened(shop: Any, ask: Any) -> None:
    named = {"metadata": {"payment_id": "pay_ledger"}}
    taken = await authorise(shop, **named)
    await shop.v1.payment_intents.capture_async(taken.id, {"amount_to_capture": 4000})
    await shop.v1.refunds.create_async({"payment_intent": taken.id, "amount": 1000})
    let_go = await authorise(shop, **named)
    await shop.v1.payment_intents.cancel_async(let_go.id)
    await authorise(shop, **named)
    _, sums = await ask("GET", "/sandbox/ledger?payment_id=pay_ledger")
    assert sums["balanced"]
    payment = sums["payments"]["pay_ledger"]
    assert len(payment.pop("intents")) == 3
    assert payment == {
        "currency": "eur", "authorised": 12600, "captured": 4000, "voided": 4400, "refunded": 1000, "held": 4200
    }  # fmt: skip
