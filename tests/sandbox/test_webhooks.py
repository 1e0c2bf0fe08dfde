"""Webhooks: signed, sent until answered, through the sandbox's own death."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import stripe

from bodega.sandbox.deliveries import signature
from bodega.sandbox.processor import API_VERSION
from tests.sandbox.stand import CARRIER_KEY, PARCEL, WEBHOOK_SECRET, Ear, Sandbox

pytestmark = pytest.mark.unit

CARD: dict[str, Any] = {
    "amount": 900, "currency": "eur", "allowed_payment_method_types": ["card"], "capture_method": "manual",
    "confirm": True, "payment_method": "pm_card_visa",
}  # fmt: skip


def kinds(heard: list[tuple[dict[str, str], bytes]]) -> set[str]:
    return {json.loads(body)["type"] for _, body in heard}


async def test_each_step_is_told_and_signed(shop: Any, ear: Ear) -> None:
    held = await shop.v1.payment_intents.create_async(CARD)
    await shop.v1.payment_intents.capture_async(held.id)
    await shop.v1.refunds.create_async({"payment_intent": held.id})
    heard = await ear.wait_for(7, held.id)
    assert kinds(heard) == {
        "payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated", "charge.captured",
        "payment_intent.succeeded", "refund.created", "charge.refunded",
    }  # fmt: skip
    for headers, body in heard:
        event = shop.construct_event(body, headers["Stripe-Signature"], WEBHOOK_SECRET)
        assert event.data.object.id
        with pytest.raises(stripe.SignatureVerificationError):
            shop.construct_event(body + b" ", headers["Stripe-Signature"], WEBHOOK_SECRET)


async def test_other_ends_are_told(shop: Any, ear: Ear, ask: Any) -> None:
    waiting = await shop.v1.payment_intents.create_async({**CARD, "payment_method": "pm_card_threeDSecure2Required"})
    await ask("POST", f"/sandbox/challenges/{waiting.id}", {"outcome": "fail"})
    await shop.v1.payment_intents.cancel_async(waiting.id)
    assert kinds(await ear.wait_for(4, waiting.id)) == {
        "payment_intent.created", "payment_intent.requires_action", "payment_intent.payment_failed",
        "payment_intent.canceled",
    }  # fmt: skip


async def test_tried_again_until_answered(shop: Any, ear: Ear) -> None:
    ear.answers = [500, 302, 404]
    made = await shop.v1.payment_intents.create_async({**CARD, "confirm": False})
    heard = await ear.wait_for(4, made.id)
    assert len({json.loads(body)["id"] for _, body in heard}) == 1
    assert not ear.answers


async def test_duplicated_and_lost_on_demand(shop: Any, ear: Ear, ask: Any) -> None:
    for kind, event in (("duplicate", "payment_intent.created"), ("refuse", "charge.succeeded")):
        await ask("POST", "/sandbox/faults", {"target": "webhooks", "kind": kind, "match": {"type": event}})
    made = await shop.v1.payment_intents.create_async(CARD)
    heard = await ear.wait_for(3, made.id)
    types = [json.loads(body)["type"] for _, body in heard]
    assert sorted(types) == [
        "payment_intent.amount_capturable_updated", "payment_intent.created", "payment_intent.created"
    ]  # fmt: skip


async def test_events_can_be_asked_for(shop: Any, ear: Ear) -> None:
    made = await shop.v1.payment_intents.create_async({**CARD, "confirm": False})
    await ear.wait_for(1, made.id)
    listed = await shop.v1.events.list_async({"type": "payment_intent.created", "limit": 100})
    event = next(it for it in listed.data if it.data.object.id == made.id)
    assert (await shop.v1.events.retrieve_async(event.id)).api_version == API_VERSION


async def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path, ear: Ear) -> None:
    sandbox = Sandbox(tmp_path, environment={"BODEGA_SANDBOX_WEBHOOK_URL": f"{ear.url}/payments"})
    assert sandbox.start() < 3  # well under one second on an idle machine
    ear.answers = [500] * 3
    shop = sandbox.stripe()
    held = await shop.v1.payment_intents.create_async(CARD, {"idempotency_key": "before"})
    sandbox.stop(signal.SIGKILL)
    ear.answers.clear()
    sandbox.start()
    try:
        shop = sandbox.stripe()
        again = await shop.v1.payment_intents.create_async(CARD, {"idempotency_key": "before"})
        assert again.id == held.id
        seen: set[str] = set()
        for count in range(3, 40):
            seen = kinds(await ear.wait_for(count, held.id))
            if len(seen) == 3:
                break
        assert len(seen) == 3
    finally:
        await sandbox.hang_up()
        assert sandbox.stop() in (0, -signal.SIGTERM)


async def test_parcel_scans_are_told_and_signed(ear: Ear, ask: Any, sandbox: Sandbox) -> None:
    key = {"Authorization": f"Bearer {CARRIER_KEY}"}
    _, label = await ask("POST", "/carrier/labels", {**PARCEL, "reference": "shp_told"}, **key)
    await ask("POST", f"/sandbox/parcels/{label['tracking_number']}/advance", {"to": "delivered"})
    heard = await ear.wait_for(4, label["tracking_number"])
    assert kinds(heard) == {"parcel.picked_up", "parcel.in_transit", "parcel.out_for_delivery", "parcel.delivered"}
    for headers, body in heard:
        at = int(headers["Carrier-Signature"].split(",")[0][2:])
        assert headers["Carrier-Signature"] == signature(CARRIER_KEY, body.decode(), at)
