"""Webhooks: signed, sent until answered, through the sandbox's own death."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import stripe

from bodega.kit.testing import PATIENCE_SECONDS
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
    assert sandbox.start() < 15  # well under one second on an idle machine
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


async def test_a_connection_is_kept_and_one_that_the_shop_closes_meanwhile_costs_an_event_no_wait(
    tmp_path: Path,
) -> None:
    connections, heard = 0, list[tuple[int, str]]()
    news = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes two events on its first connection, and closes it on reading the third."""
        nonlocal connections
        connections += 1
        mine = connections
        with suppress(asyncio.IncompleteReadError):  # hung up
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                event = json.loads(await reader.readexactly(size))
                if mine == 1 and len(heard) == 2:
                    break
                heard.append((mine, event["data"]["object"]["id"]))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                news.set()
        writer.close()

    door = await asyncio.start_server(take, "127.0.0.1")
    sandbox = Sandbox(tmp_path, environment={
        "BODEGA_SANDBOX_WEBHOOK_URL": f"http://127.0.0.1:{door.sockets[0].getsockname()[1]}/",
        "BODEGA_SANDBOX_WEBHOOK_RETRY_FIRST_SECONDS": "600", "BODEGA_SANDBOX_WEBHOOK_RETRY_MOST_SECONDS": "600",
    })  # fmt: skip
    sandbox.start()
    shop: Any = sandbox.stripe()
    try:
        made = []
        for _ in range(4):
            news.clear()
            made.append(await shop.v1.payment_intents.create_async({**CARD, "confirm": False}))
            await asyncio.wait_for(news.wait(), PATIENCE_SECONDS)
        assert heard == [(1, made[0].id), (1, made[1].id), (2, made[2].id), (2, made[3].id)]
    finally:
        await sandbox.hang_up()
        sandbox.stop()
        door.close()


async def test_parcel_scans_are_told_and_signed(ear: Ear, ask: Any, sandbox: Sandbox) -> None:
    key = {"Authorization": f"Bearer {CARRIER_KEY}"}
    _, label = await ask("POST", "/carrier/labels", {**PARCEL, "reference": "shp_told"}, **key)
    await ask("POST", f"/sandbox/parcels/{label['tracking_number']}/advance", {"to": "delivered"})
    heard = await ear.wait_for(4, label["tracking_number"])
    assert kinds(heard) == {"parcel.picked_up", "parcel.in_transit", "parcel.out_for_delivery", "parcel.delivered"}
    for headers, body in heard:
        at = int(headers["Carrier-Signature"].split(",")[0][2:])
        assert headers["Carrier-Signature"] == signature(CARRIER_KEY, body.decode(), at)
