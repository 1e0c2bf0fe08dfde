"""What orders hears, and what it says."""

import asyncio
from typing import Any

import pytest

from bodega.contracts.envelope import event
from bodega.contracts.fields import Contact
from bodega.contracts.ids import new_id
from bodega.contracts.money import Price
from bodega.contracts.orders import CreateOrder
from bodega.contracts.payments import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentFailed,
    PaymentRefunded,
)
from bodega.contracts.shipping import ShipmentCreated, ShipmentDelivered, ShipmentPickedUp
from bodega.contracts.users import CustomerVerified
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials, Topics, eventually, outbox_is_empty
from tests.orders.conftest import link, place
from tests.orders.making import euro, wanted

pytestmark = pytest.mark.service


def payment(kind: type[Any], order: CreateOrder, payment_id: str, sequence: int = 1, **other: Any) -> Any:
    amount = other.pop("amount", order.totals.total)
    data = kind(
        payment_id=payment_id, order_id=order.order_id, checkout_id=order.checkout_id, attempt=1, amount=amount, **other
    )
    return event(data, subject=order.order_id, sequence=sequence)


def shipment(kind: type[Any], order: CreateOrder, **other: Any) -> Any:
    data = kind(
        shipment_id=new_id("shp"), number="BDG-0000-0000", carrier="Sandbox Parcel", tracking_number="SP123",
        tracking_url="http://track/SP123", contact=Contact(email="ada@example.com"), **other,
    )  # fmt: skip
    return event(data, subject=order.order_id, sequence=1)


async def state_becomes(orders: Caller, order: CreateOrder, state: str) -> dict[str, Any]:
    async def check() -> dict[str, Any]:
        seen = (await orders.get(f"/orders/{order.order_id}{link(order.order_id)}")).json
        assert seen["state"] == state
        return dict(seen)

    return await eventually(check)


async def test_an_order_goes_all_the_way_and_says_so_in_order(
    orders: Caller, checkout: Caller, shipping: Caller, topics: Topics
) -> None:
    order, paid_by = wanted(), new_id("pay")
    await place(checkout, order)
    await topics.publish(payment(PaymentAuthorized, order, paid_by))
    await state_becomes(orders, order, "paid")
    await topics.publish(payment(PaymentCaptured, order, paid_by, 2))

    async def begin() -> None:
        answer = await shipping.post(
            f"/internal/orders/{order.order_id}/begin-fulfilment", {"shipment_id": new_id("shp")}
        )
        assert answer.status == 200, answer.code

    await eventually(begin)
    day = {"promised_from": "2026-12-01", "promised_to": "2026-12-02"}
    await topics.publish(shipment(ShipmentCreated, order, **day))

    async def labelled() -> None:
        seen = (await orders.get(f"/orders/{order.order_id}{link(order.order_id)}")).json
        assert (seen["tracking"] or {}).get("number") == "SP123"
        assert (seen["state"], seen["fulfilment_status"]) == ("fulfilling", "preparing"), "nobody has scanned it"

    await eventually(labelled)
    await topics.publish(shipment(ShipmentPickedUp, order, picked_up_at="2026-11-30T10:00:00Z", **day))
    seen = await state_becomes(orders, order, "shipped")
    assert (seen["promised_from"], seen["promised_to"]) == ("2026-12-01", "2026-12-02")
    await topics.publish(shipment(ShipmentDelivered, order, delivered_at="2026-12-02T10:00:00Z"))
    await state_becomes(orders, order, "delivered")

    told = await topics.of_subject("orders", order.order_id, "OrderCreated", "OrderDelivered")
    assert [one["type"] for one in told] == ["OrderCreated", "OrderPaid", "OrderShipped", "OrderDelivered"]
    sequences = [int(one["sequence"]) for one in told]
    assert sequences == sorted(set(sequences))
    assert told[1]["data"]["payment_id"] == paid_by


async def test_an_authorisation_that_arrives_three_times_pays_once(
    orders: Caller, checkout: Caller, topics: Topics
) -> None:
    order, paid_by = wanted(), new_id("pay")
    await place(checkout, order)
    fact = payment(PaymentAuthorized, order, paid_by)
    await topics.publish(fact, fact, payment(PaymentAuthorized, order, paid_by), fact)
    await topics.publish(payment(PaymentCaptured, order, paid_by, 2))

    async def all_is_heard() -> list[str]:
        seen = (await orders.get(f"/orders/{order.order_id}{link(order.order_id)}")).json
        notes = [entry["note"] for entry in seen["timeline"]]
        assert "payment_captured" in notes
        return notes

    assert await eventually(all_is_heard) == ["created", "payment_accepted", "payment_captured"]


async def test_a_payment_for_a_cancelled_order_makes_it_say_so_again(
    orders: Caller, checkout: Caller, topics: Topics
) -> None:
    order = wanted()
    await place(checkout, order)
    await checkout.post(f"/internal/orders/{order.order_id}/cancel", {"reason": "checkout_expired"})
    await topics.publish(payment(PaymentAuthorized, order, new_id("pay")))

    def both(found: list[dict[str, Any]]) -> bool:
        return len([one for one in found if one["subject"] == order.order_id]) >= 3

    told = [one for one in await topics.read("orders", both) if one["subject"] == order.order_id]
    assert [one["type"] for one in told] == ["OrderCreated", "OrderCancelled", "OrderCancelled"]
    await state_becomes(orders, order, "cancelled")


async def test_a_payment_and_a_cancellation_at_once_end_in_one_verdict(
    orders: Caller, checkout: Caller, topics: Topics, database: Database
) -> None:
    made = [wanted() for _ in range(8)]
    for order in made:
        await place(checkout, order)
    await asyncio.gather(
        topics.publish(*(payment(PaymentAuthorized, order, new_id("pay")) for order in made)),
        *(
            checkout.post(
                f"/internal/orders/{order.order_id}/cancel", {"reason": "checkout_expired", "only_unpaid": True}
            )
            for order in made
        ),
    )
    for order in made:

        async def decided(order: CreateOrder = order) -> str:
            seen = (await orders.get(f"/orders/{order.order_id}{link(order.order_id)}")).json
            notes = [entry["note"] for entry in seen["timeline"]]
            assert any(note.startswith("payment_a") for note in notes), notes
            return str(seen["state"])

        state = await eventually(decided)
        await outbox_is_empty(database)
        told = await topics.of_subject("orders", order.order_id, "OrderPaid" if state == "paid" else "OrderCancelled")
        kinds = {one["type"] for one in told}
        assert kinds == {"OrderCreated", "OrderPaid" if state == "paid" else "OrderCancelled"}


async def test_a_declined_attempt_leaves_the_order_waiting_for_another_card(
    orders: Caller, checkout: Caller, topics: Topics
) -> None:
    order = wanted()
    await place(checkout, order)
    await topics.publish(
        payment(PaymentFailed, order, new_id("pay"), reason="insufficient_funds"),
        payment(PaymentAuthorized, order, new_id("pay"), 2),
    )
    seen = await state_becomes(orders, order, "paid")
    assert seen["timeline"][1]["note"] == "payment_failed: insufficient_funds"


async def test_a_capture_refused_for_good_cancels_the_order(orders: Caller, checkout: Caller, topics: Topics) -> None:
    order, paid_by = wanted(), new_id("pay")
    await place(checkout, order)
    await topics.publish(payment(PaymentAuthorized, order, paid_by), payment(PaymentCaptureFailed, order, paid_by, 2))
    await state_becomes(orders, order, "cancelled")
    told = await topics.of_subject("orders", order.order_id, "OrderCancelled")
    assert told[-1]["data"]["was_paid"] is True


async def test_a_refund_is_shown_and_told_once(
    orders: Caller, checkout: Caller, topics: Topics, database: Database
) -> None:
    order, paid_by = wanted(), new_id("pay")
    await place(checkout, order)
    part, both = Price(amount=1000, currency="EUR"), Price(amount=1500, currency="EUR")
    refund = payment(PaymentRefunded, order, paid_by, 3, amount=part, refunded_total=part)
    again = payment(PaymentRefunded, order, paid_by, 3, amount=part, refunded_total=part)
    await topics.publish(payment(PaymentAuthorized, order, paid_by), refund, refund, again)
    seen = await state_becomes(orders, order, "partly_refunded")
    assert seen["refunded"] == euro(1000)
    rest = Price(amount=500, currency="EUR")
    await topics.publish(payment(PaymentRefunded, order, paid_by, 4, amount=rest, refunded_total=both))

    async def all_is_heard() -> None:
        seen = (await orders.get(f"/orders/{order.order_id}{link(order.order_id)}")).json
        assert seen["refunded"] == euro(1500)

    await eventually(all_is_heard)
    await outbox_is_empty(database)
    told = [one for one in await topics.of_subject("orders", order.order_id) if one["type"] == "OrderRefunded"]
    assert [one["data"]["refunded_total"] for one in told] == [euro(1000), euro(1500)]


async def test_an_event_that_cannot_be_is_parked_with_what_follows_it_and_replayed_in_order(
    orders: Caller, checkout: Caller, topics: Topics, credentials: Credentials
) -> None:
    order, paid_by = wanted(), new_id("pay")
    # Nobody has told orders of this order yet: its payment contradicts what it knows.
    await topics.publish(payment(PaymentAuthorized, order, paid_by), payment(PaymentCaptured, order, paid_by, 2))
    operator = orders.being(credentials.service("checkout", "orders"))

    async def both_parked() -> list[dict[str, Any]]:
        parked = [one for one in (await operator.get("/internal/parked")).json["items"] if one["key"] == order.order_id]
        assert len(parked) == 2
        return parked

    parked = await eventually(both_parked)
    assert "OrderNotFound" in parked[0]["reason"]
    assert parked[1]["reason"] == "behind an event of the same key"
    await place(checkout, order)
    replayed = await operator.post(f"/internal/parked/replay?key={order.order_id}")
    assert replayed.json == {"replayed": 2, "still_parked": 0}
    seen = await state_becomes(orders, order, "paid")
    assert [entry["note"] for entry in seen["timeline"]] == ["created", "payment_accepted", "payment_captured"]


async def test_a_message_that_is_no_event_is_parked_and_the_partition_moves_on(
    orders: Caller, checkout: Caller, topics: Topics, credentials: Credentials
) -> None:
    order = wanted()
    await place(checkout, order)
    await topics.publish_raw("payments", "broken", b"\xff not json")
    await topics.publish_raw("payments", "broken2", b'{"type": "PaymentAuthorized", "id": "1"}')
    await topics.publish(payment(PaymentAuthorized, order, new_id("pay")))
    await state_becomes(orders, order, "paid")
    operator = orders.being(credentials.service("checkout", "orders"))

    async def parked() -> None:
        keys = [one["key"] for one in (await operator.get("/internal/parked")).json["items"]]
        assert {"broken", "broken2"} <= set(keys)

    await eventually(parked)


async def test_guest_orders_belong_to_the_customer_who_proves_the_e_mail(
    orders: Caller, checkout: Caller, topics: Topics, credentials: Credentials
) -> None:
    email = f"{new_id('cus').lower()}@example.com"
    order = wanted(contact={"email": email.upper()})
    await place(checkout, order)
    customer = new_id("cus")
    await topics.publish(event(CustomerVerified(customer_id=customer, email=email), subject=customer, sequence=1))
    owner = orders.being(credentials.customer(customer))

    async def claimed() -> None:
        assert [item["id"] for item in (await owner.get("/orders")).json["items"]] == [order.order_id]

    await eventually(claimed)


async def test_what_is_paid_for_later_with_a_proven_mailbox_is_its_owners_until_they_are_forgotten(
    orders: Caller, checkout: Caller, topics: Topics, credentials: Credentials
) -> None:
    email, customer = f"{new_id('cus').lower()}@example.com", new_id("cus")
    owner = orders.being(credentials.customer(customer))
    first = wanted(contact={"email": email})
    await place(checkout, first)
    await topics.publish(event(CustomerVerified(customer_id=customer, email=email), subject=customer, sequence=1))

    async def owned(*ids: str) -> None:
        assert {item["id"] for item in (await owner.get("/orders")).json["items"]} == set(ids)

    await eventually(lambda: owned(first.order_id))
    unpaid, paid = wanted(contact={"email": email}), wanted(contact={"email": email.upper()})
    for one in (unpaid, paid):
        await place(checkout, one)
    await topics.publish(payment(PaymentAuthorized, paid, new_id("pay")))
    await state_becomes(orders, paid, "paid")
    await owned(first.order_id, paid.order_id)
    (told,) = [
        one for one in await topics.of_subject("orders", paid.order_id, "OrderPaid") if one["type"] == "OrderPaid"
    ]
    assert told["data"]["customer_id"] == customer, "so that who hears of it knows their wishes"

    for one in (first, unpaid, paid):
        await checkout.post(f"/internal/orders/{one.order_id}/cancel", {"reason": "customer_request"})
    users = orders.being(credentials.service("users", "orders"))
    assert (await users.post(f"/internal/customers/{customer}/erase", {})).status == 200
    last = wanted(contact={"email": email})
    await place(checkout, last)
    await topics.publish(payment(PaymentAuthorized, last, new_id("pay")))
    await state_becomes(orders, last, "paid")
    await owned(first.order_id, paid.order_id)
