"""The seed's eight events, read by a stock client that knows nothing of Bodega, against their JSON Schemas."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiokafka import AIOKafkaConsumer

from bodega.kit.bus import Broker
from tests.conftest import engine
from tests.journeys.shop import Merchant, Shopper

pytestmark = pytest.mark.journey

EIGHT = {
    "OrderCreated", "OrderPaid", "PaymentAuthorized", "PaymentFailed", "InventoryReserved", "InventoryReleased",
    "ShipmentCreated", "ProductUpdated",
}  # fmt: skip
TOPICS = ("orders", "payments", "inventory", "shipping", "catalog", "users")


async def test_every_message_on_every_topic_is_a_cloud_event_that_validates(
    guest: Shopper, merchant: Merchant, root: Path
) -> None:
    product = await merchant.makes(stock=4)
    await guest.add(product["sku"])
    declined = await guest.check_out("pm_card_visa_chargeDeclined")
    await guest.api.post(f"/checkout/{declined.json['checkout_id']}/cancel")
    order = await Shopper(guest.api).buys(product["sku"])
    await order.is_packed()

    readers = {
        file.name.partition(".")[0]: jsonschema.Draft202012Validator(json.loads(file.read_text()))
        for file in (root / "src/bodega/contracts/schemas").glob("*.json")
    }
    consumer = AIOKafkaConsumer(
        *TOPICS, **Broker.of(engine("BODEGA_TEST_KAFKA")).options(), auto_offset_reset="earliest",
        enable_auto_commit=False,
    )  # fmt: skip
    await consumer.start()
    seen: Counter[str] = Counter()
    try:
        # All that is there by now, and from then on until each type was met: the last ones are still on their way.
        ends = await consumer.end_offsets(consumer.assignment())
        while not seen.keys() >= EIGHT or any([await consumer.position(part) < end for part, end in ends.items()]):
            batches: dict[Any, Any] = await consumer.getmany(timeout_ms=1500)
            for record in (record for records in batches.values() for record in records):
                message = json.loads(record.value)
                readers[message["type"]].validate(message)
                assert record.key.decode() == message["subject"]
                assert message["source"] == f"/bodega/{record.topic}"
                seen[message["type"]] += 1
    finally:
        await consumer.stop()
    assert seen.keys() >= EIGHT
