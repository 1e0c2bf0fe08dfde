"""One trace leads from a shopper's click through every service and event to the last that hears of it."""

import json
import secrets

import pytest
from aiokafka import AIOKafkaConsumer

from bodega.kit.bus import Broker
from tests.conftest import engine
from tests.journeys.shop import Merchant, Shopper, unique

pytestmark = pytest.mark.journey

FACTS = {
    "InventoryReserved", "OrderCreated", "PaymentAuthorized", "OrderPaid", "PaymentCaptured", "InventoryCommitted",
    "ShipmentCreated",
}  # fmt: skip


async def test_an_order_is_one_trace_from_the_click_to_the_last_consumer(guest: Shopper, merchant: Merchant) -> None:
    product = await merchant.makes(stock=3)
    await guest.add(product["sku"])
    trace = secrets.token_hex(16)
    headers = {"Idempotency-Key": unique("key"), "traceparent": f"00-{trace}-{secrets.token_hex(8)}-00"}
    consumer = AIOKafkaConsumer(
        "orders", "payments", "inventory", "shipping", **Broker.of(engine("BODEGA_TEST_KAFKA")).options(),
        auto_offset_reset="latest", enable_auto_commit=False,
    )  # fmt: skip
    await consumer.start()
    try:
        await consumer.seek_to_end()
        bought = await guest.api.post("/checkout", await guest.wish(), headers=headers)
        assert bought.status == 201, bought.body
        subjects = {bought.json["order"]["id"], product["sku"]}
        seen: dict[str, set[str]] = {}
        while not seen.keys() >= FACTS:
            batches = await consumer.getmany(timeout_ms=15_000)
            assert batches, f"never told: {FACTS - seen.keys()}"
            for record in (record for records in batches.values() for record in records):
                told = json.loads(record.value)
                if told["subject"] in subjects:
                    header = dict(record.headers)["traceparent"].decode()
                    assert told["traceparent"] == header
                    seen.setdefault(told["type"], set()).add(header.split("-")[1])
    finally:
        await consumer.stop()
    assert {fact: seen[fact] for fact in FACTS} == {fact: {trace} for fact in FACTS}
