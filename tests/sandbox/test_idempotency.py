"""Idempotency keys as Stripe means them, and the answers that get lost."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import stripe

from bodega.kit.testing import eventually

pytestmark = pytest.mark.unit

CARD: dict[str, Any] = {
    "amount": 700, "currency": "eur", "allowed_payment_method_types": ["card"], "capture_method": "manual",
    "confirm": True, "payment_method": "pm_card_visa",
}  # fmt: skip


async def test_same_key_same_answer(shop: Any) -> None:
    first = await shop.v1.payment_intents.create_async(CARD, {"idempotency_key": "same"})
    again = await shop.v1.payment_intents.create_async(CARD, {"idempotency_key": "same"})
    assert again.id == first.id
    assert again.last_response is not None
    headers = again.last_response.headers
    assert headers["Idempotent-Replayed"] == "true"
    assert headers["Original-Request"] == first.last_response.request_id != headers["Request-Id"]


async def test_a_replay_is_the_answer_of_then_not_of_now(shop: Any) -> None:
    first = await shop.v1.payment_intents.create_async(CARD, {"idempotency_key": "then"})
    await shop.v1.payment_intents.capture_async(first.id)
    again = await shop.v1.payment_intents.create_async(CARD, {"idempotency_key": "then"})
    assert again.status == "requires_capture"


async def test_same_key_other_parameters(shop: Any) -> None:
    first = await shop.v1.payment_intents.create_async(CARD, {"idempotency_key": "other"})
    with pytest.raises(stripe.IdempotencyError) as other:
        await shop.v1.payment_intents.create_async({**CARD, "amount": 800}, {"idempotency_key": "other"})
    assert other.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        await shop.v1.payment_intents.capture_async(first.id, {}, {"idempotency_key": "other"})


async def test_a_decline_is_kept(shop: Any) -> None:
    declined = {**CARD, "payment_method": "pm_card_visa_chargeDeclined"}
    seen = set()
    for _ in range(2):
        with pytest.raises(stripe.CardError) as error:
            await shop.v1.payment_intents.create_async(declined, {"idempotency_key": "declined"})
        assert error.value.error is not None
        assert error.value.error.payment_intent is not None
        seen.add(error.value.error.payment_intent.id)
    assert len(seen) == 1


async def test_a_mistake_is_not_kept(shop: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await shop.v1.payment_intents.create_async({**CARD, "amount": 0}, {"idempotency_key": "mistake"})
    right = await shop.v1.payment_intents.create_async(CARD, {"idempotency_key": "mistake"})
    assert right.status == "requires_capture"


async def test_a_key_in_use(shop: Any, ask: Any) -> None:
    await ask("POST", "/sandbox/faults", {"target": "create", "kind": "slow", "seconds": 3})
    slow = asyncio.create_task(shop.v1.payment_intents.create_async(CARD, {"idempotency_key": "in use"}))

    async def is_there() -> None:
        _, told = await ask("GET", "/sandbox/faults")
        (fault,) = told["items"]
        assert fault["remaining"] == 0

    await eventually(is_there)  # and is not answered yet
    with pytest.raises(stripe.APIError) as busy:
        await shop.v1.payment_intents.create_async(CARD, {"idempotency_key": "in use"})
    assert (busy.value.http_status, busy.value.code or busy.value.json_body["error"]["code"]) == (
        409, "idempotency_key_in_use"
    )  # fmt: skip
    assert (await shop.v1.payment_intents.create_async(CARD, {"idempotency_key": "another"})).id != (await slow).id


async def test_twenty_at_once_with_one_key_make_one(sandbox: Any) -> None:
    shop = sandbox.stripe(max_network_retries=5)
    made = await asyncio.gather(
        *(shop.v1.payment_intents.create_async(CARD, {"idempotency_key": "twenty"}) for _ in range(20))
    )
    assert len({it.id for it in made}) == 1


async def test_a_stored_500_is_replayed_though_nothing_happened(shop: Any, ask: Any) -> None:
    since = int(time.time())
    named = {**CARD, "metadata": {"payment_id": "pay_500"}}
    await ask("POST", "/sandbox/faults", {"target": "create", "kind": "error_500"})
    for _ in range(2):
        with pytest.raises(stripe.APIError) as broken:
            await shop.v1.payment_intents.create_async(named, {"idempotency_key": "500"})
        assert broken.value.http_status == 500
    found = await shop.v1.payment_intents.list_async({"created": {"gte": since}, "limit": 100})
    assert not [it for it in found.data if it.metadata.to_dict().get("payment_id") == "pay_500"]


async def test_a_500_after_the_effect_is_found_by_the_list(shop: Any, ask: Any) -> None:
    since = int(time.time())
    named = {**CARD, "metadata": {"payment_id": "pay_500_after"}}
    match = {"metadata": {"payment_id": "pay_500_after"}}
    await ask("POST", "/sandbox/faults", {"target": "create", "kind": "error_500_after", "match": match})
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await shop.v1.payment_intents.create_async(named, {"idempotency_key": "500 after"})
    found = await shop.v1.payment_intents.list_async({"created": {"gte": since}, "limit": 100})
    mine = [it for it in found.data if it.metadata.to_dict().get("payment_id") == "pay_500_after"]
    assert [it.status for it in mine] == ["requires_capture"]


@pytest.mark.parametrize("kind", ["timeout_after", "drop_after", "timeout_before", "drop_before"])
async def test_a_lost_answer(sandbox: Any, ask: Any, kind: str) -> None:
    shop = sandbox.stripe(timeout=2)
    name = f"pay_{kind}"
    created = await shop.v1.payment_intents.create_async(
        {**CARD, "confirm": False, "metadata": {"payment_id": name}}, {"idempotency_key": f"{name} create"}
    )
    fault = {"target": "confirm", "kind": kind, "seconds": 5, "match": {"payment_id": name}}
    assert (await ask("POST", "/sandbox/faults", fault))[0] == 201
    with pytest.raises(stripe.APIConnectionError):
        await shop.v1.payment_intents.confirm_async(created.id, {}, {"idempotency_key": f"{name} confirm"})
    happened = kind.endswith("after")
    seen = await shop.v1.payment_intents.retrieve_async(created.id)
    assert seen.status == ("requires_capture" if happened else "requires_confirmation")
    again = await shop.v1.payment_intents.confirm_async(created.id, {}, {"idempotency_key": f"{name} confirm"})
    assert again.status == "requires_capture"
    assert ("Idempotent-Replayed" in again.last_response.headers) == happened


async def test_a_capture_and_a_refund_whose_answers_are_lost_happen_once(sandbox: Any, ask: Any) -> None:
    shop = sandbox.stripe(timeout=2)
    held = await shop.v1.payment_intents.create_async({**CARD, "metadata": {"payment_id": "pay_once"}})
    for target in ("capture", "refund"):
        await ask("POST", "/sandbox/faults", {"target": target, "kind": "drop_after", "times": 2})
    for call, options in (
        (lambda o: shop.v1.payment_intents.capture_async(held.id, {}, o), {"idempotency_key": "once capture"}),
        (lambda o: shop.v1.refunds.create_async({"payment_intent": held.id, "amount": 300}, o),
         {"idempotency_key": "once refund"}),
    ):  # fmt: skip
        for _ in range(2):
            with pytest.raises(stripe.APIConnectionError):
                await call(options)
        await call(options)
    _, sums = await ask("GET", "/sandbox/ledger?payment_id=pay_once")
    assert (sums["payments"]["pay_once"]["captured"], sums["payments"]["pay_once"]["refunded"]) == (700, 300)


async def test_a_fault_meets_only_whom_it_is_meant_for(shop: Any, ask: Any) -> None:
    fault = {"target": "create", "kind": "refuse", "times": None, "match": {"payment_id": "pay_unlucky"}}
    await ask("POST", "/sandbox/faults", fault)
    await shop.v1.payment_intents.create_async({**CARD, "metadata": {"payment_id": "pay_lucky"}})
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError):
            await shop.v1.payment_intents.create_async({**CARD, "metadata": {"payment_id": "pay_unlucky"}})
    _, known = await ask("GET", "/sandbox/faults")
    assert [(it["remaining"], it["taken"]) for it in known["items"]] == [(None, 2)]
    status, wrong = await ask("POST", "/sandbox/faults", {"target": "create", "kind": "explode"})
    assert (status, wrong["error"]["errors"][0]["pointer"]) == (422, "/kind")


async def test_a_bank_that_refuses_whatever_the_card(shop: Any, ask: Any) -> None:
    fault = {"target": "confirm", "kind": "refuse", "decline_code": "insufficient_funds", "message": "No money."}
    await ask("POST", "/sandbox/faults", fault)
    with pytest.raises(stripe.CardError, match="No money") as error:
        await shop.v1.payment_intents.create_async(CARD)
    assert error.value.error is not None
    assert error.value.error.decline_code == "insufficient_funds"
