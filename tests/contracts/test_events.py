"""The words between services stay readable: schemas are committed, old readers can read what we say now."""

import json
from typing import Any

import jsonschema
import pytest

from bodega.contracts.envelope import CloudEvent, event
from bodega.contracts.export import FOLDER, all_events, file_of, schema_of
from bodega.contracts.ids import new_id
from bodega.contracts.money import Price
from bodega.contracts.payments import PaymentAuthorized
from tests.contracts.compatibility import breaks
from tests.contracts.making import golden

pytestmark = pytest.mark.unit

EVENTS = all_events()
TABLE = {  # spec 0b
    "catalog": {"ProductUpdated", "ProductArchived", "CategoryUpdated"},
    "inventory": {
        "InventoryReserved", "InventoryReleased", "InventoryCommitted", "InventoryAdjusted", "InventoryShort",
    },
    "orders": {"OrderCreated", "OrderPaid", "OrderCancelled", "OrderShipped", "OrderDelivered", "OrderRefunded",
               "OrderLinkRequested", "WithdrawalReceived"},
    "payments": {
        "PaymentAuthorized", "PaymentFailed", "PaymentCaptured", "PaymentCaptureFailed", "PaymentRefunded",
        "PaymentVoided",
    },
    "shipping": {"ShipmentCreated", "ShipmentPickedUp", "ShipmentDelivered"},
    "users": {"CustomerRegistered", "CustomerVerified", "PasswordResetRequested", "PasswordChanged"},
}  # fmt: skip


def authorized() -> CloudEvent[PaymentAuthorized]:
    order = new_id("ord")
    data = PaymentAuthorized(
        payment_id=new_id("pay"), order_id=order, checkout_id=new_id("chk"), attempt=1,
        amount=Price(amount=2890, currency="EUR"),
    )  # fmt: skip
    return event(data, subject=order, sequence=1)


@pytest.mark.parametrize("topic", TABLE)
def test_every_topic_bears_the_events_of_the_specification(topic: str) -> None:
    assert {name for name, model in EVENTS.items() if model.topic == topic} == TABLE[topic]


@pytest.mark.parametrize("name", EVENTS)
def test_the_committed_schema_is_the_codes(name: str) -> None:
    assert json.loads(file_of(EVENTS[name]).read_text()) == schema_of(EVENTS[name]), (
        "run python -m bodega.contracts.export"
    )


def test_no_schema_is_left_of_an_event_that_is_gone() -> None:
    current = {file_of(model) for model in EVENTS.values()}
    older = {file for file in FOLDER.glob("*.json") if file not in current}
    assert not older


def test_an_event_validates_against_its_schema() -> None:
    message = json.loads(authorized().to_bytes())
    jsonschema.validate(message, schema_of(PaymentAuthorized), cls=jsonschema.Draft202012Validator)
    message["data"]["amount"]["amount"] = 28.9
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(message, schema_of(PaymentAuthorized), cls=jsonschema.Draft202012Validator)


def test_an_envelope_is_a_cloud_event_keyed_by_its_subject() -> None:
    one = authorized()
    message = json.loads(one.to_bytes())
    assert message["specversion"] == "1.0"
    assert message["source"] == "/bodega/payments"
    assert message["type"] == "PaymentAuthorized"
    assert message["dataschema"].endswith("/PaymentAuthorized/1")
    assert (one.topic, one.key) == ("payments", message["subject"])


@pytest.mark.parametrize("name", golden())
def test_a_message_of_an_earlier_release_can_still_be_read(name: str) -> None:
    message = golden()[name]
    model = EVENTS[message["type"]]
    read = CloudEvent[model].model_validate(message)  # type: ignore[valid-type]
    again = json.loads(read.to_bytes())
    missing = [key for key in message["data"] if key not in again["data"] and message["data"][key] is not None]
    assert not missing, "a field of an earlier release was dropped"


def test_there_is_a_golden_message_of_every_event() -> None:
    assert {message["type"] for message in golden().values()} == set(EVENTS)


OLD: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"enum": ["x", "y"]}, "c": {"type": "integer"}},
    "required": ["a"],
}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"properties": {**OLD["properties"], "d": {"type": "string"}}}, None),
        ({"properties": {"b": {"enum": ["x", "y"]}, "c": {"type": "integer"}}, "required": []}, "no longer sent"),
        ({"properties": {**OLD["properties"], "b": {"enum": ["x", "y", "z"]}}}, "new value"),
        ({"properties": {**OLD["properties"], "c": {"type": "string"}}}, "another type"),
        ({"required": []}, "no longer always sent"),
    ],
)
def test_only_additions_pass_for_compatible(change: dict[str, Any], complaint: str | None) -> None:
    found = breaks(OLD, {**OLD, **change})
    assert (found == []) == (complaint is None)
    if complaint is not None:
        assert complaint in found[0]
