"""Makes what others say to notifications."""

from typing import Any

from bodega.contracts.envelope import event
from bodega.contracts.fields import Contact
from bodega.contracts.ids import derived_id, new_id
from bodega.contracts.inventory import InventoryAdjusted
from bodega.contracts.money import Price
from bodega.contracts.orders import OrderCancelled, OrderLinkRequested, OrderPaid, OrderRefunded, WithdrawalReceived
from bodega.contracts.payments import PaymentFailed
from bodega.contracts.shipping import ShipmentDelivered, ShipmentPickedUp
from bodega.contracts.users import CustomerRegistered, PasswordChanged, PasswordResetRequested

NUMBER = "BDG-7K3M-9Q2X"


def euro(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def somebody() -> str:
    """An address of this test alone."""
    return f"{new_id('x').lower()}@example.com"


def order_facts(order_id: str, email: str, **other: Any) -> dict[str, Any]:
    return {
        "number": NUMBER,
        "checkout_id": derived_id("chk", order_id),
        "reservation_id": derived_id("res", order_id),
        "payment_id": new_id("pay"),
        "cart_id": new_id("crt"),
        "cart_revision": "r1",
        "lines": [
            {
                "sku": "MUG-1", "product_id": new_id("prd"), "title": "Mug <Sand & Sea>", "options": {"Colour": "Sand"},
                "quantity": 2, "unit_price": euro(1200), "total": euro(2400), "tax": euro(383), "tax_rate": "0.19",
            },
            {
                "sku": "POT-1", "product_id": new_id("prd"), "title": "Teapot, 0.9 l", "quantity": 1,
                "unit_price": euro(5900), "total": euro(5900), "tax": euro(942), "tax_rate": "0.19",
            },
        ],
        "totals": {
            "items": euro(8300), "shipping": euro(490), "discount": euro(0), "tax": euro(1403), "tax_included": True,
            "total": euro(8790),
        },
        "shipping_address": {
            "name": "Zoë Łukasz", "line1": "Torstraße 9", "postal_code": "10119", "city": "Berlin", "country": "DE",
        },
        "shipping_option": "standard",
        "contact": {"email": email},
        **other,
    }  # fmt: skip


def paid(order_id: str, email: str, **other: Any) -> Any:
    return event(OrderPaid.model_validate(order_facts(order_id, email, **other)), subject=order_id, sequence=2)


def cancelled(order_id: str, email: str, *, was_paid: bool, reason: str = "customer_request") -> Any:
    facts = order_facts(order_id, email, was_paid=was_paid, reason=reason)
    return event(OrderCancelled.model_validate(facts), subject=order_id, sequence=3)


def refunded(order_id: str, email: str, amount: int, in_all: int) -> Any:
    facts = order_facts(order_id, email, refunded=euro(amount), refunded_total=euro(in_all))
    return event(OrderRefunded.model_validate(facts), subject=order_id, sequence=4)


def _parcel(order_id: str, email: str, **other: Any) -> dict[str, Any]:
    return {
        "shipment_id": derived_id("shp", order_id), "number": NUMBER, "carrier": "Sandbox Parcel",
        "tracking_number": "BD123456785DE", "tracking_url": "http://127.0.0.1:7080/parcels/BD123456785DE",
        "contact": Contact(email=email), **other,
    }  # fmt: skip


def sent(order_id: str, email: str, **other: Any) -> Any:
    facts = {
        **_parcel(order_id, email, **other), "promised_from": "2026-12-01", "promised_to": "2026-12-02",
        "picked_up_at": "2026-11-30T10:00:00Z",
    }  # fmt: skip
    return event(ShipmentPickedUp.model_validate(facts), subject=order_id, sequence=2)


def delivered(order_id: str, email: str, **other: Any) -> Any:
    facts = {**_parcel(order_id, email, **other), "delivered_at": "2026-12-02T10:00:00Z"}
    return event(ShipmentDelivered.model_validate(facts), subject=order_id, sequence=3)


def declined(order_id: str, email: str | None) -> Any:
    fact = PaymentFailed(
        payment_id=new_id("pay"), order_id=order_id, checkout_id=derived_id("chk", order_id), attempt=1,
        amount=Price(amount=8790, currency="EUR"), reason="insufficient_funds",
        message="Your card has insufficient funds.", email=email,
    )  # fmt: skip
    return event(fact, subject=order_id, sequence=1)


def registered(email: str) -> Any:
    customer = new_id("cus")
    return event(CustomerRegistered(customer_id=customer, email=email, name="Ada Typed"), subject=customer, sequence=1)


def reset_wanted(email: str) -> Any:
    customer = new_id("cus")
    return event(PasswordResetRequested(customer_id=customer, email=email), subject=customer, sequence=2)


def password_set(email: str) -> Any:
    customer = new_id("cus")
    return event(PasswordChanged(customer_id=customer, email=email), subject=customer, sequence=3)


def link_wanted(order_id: str, email: str, at: str = "2026-11-24T10:00:00Z") -> Any:
    facts = order_facts(order_id, email)
    fact = OrderLinkRequested.model_validate(
        {"number": facts["number"], "contact": facts["contact"], "requested_at": at}
    )
    return event(fact, subject=order_id, sequence=2)


def withdrawn(order_id: str, email: str, **other: Any) -> Any:
    """A statement of withdrawal; `number=None`: it matches no order."""
    fact = WithdrawalReceived.model_validate(
        {
            "withdrawal_id": new_id("wdr"), "received_at": "2026-11-28T08:48:32Z", "number": NUMBER,
            "name": "Ada <Lovelace>", "typed_number": "bdg 7k3m 9q2x", "goods": None, "late": False, "stopped": False,
            "contact": {"email": email}, **other,
        }
    )  # fmt: skip
    subject = fact.withdrawal_id if fact.number is None else order_id
    return event(fact, subject=subject, sequence=4)


def stock_is(sku: str, product_id: str, available: int, version: int, *, before: int = 0, **other: Any) -> Any:
    """A merchant has counted: so many can be had now."""
    fact = InventoryAdjusted.model_validate(
        {
            "sku": sku, "product_id": product_id, "version": version, "shown": available if available <= 10 else "many",
            "available": available, "in_stock": available > 0, "in_stock_flipped": (available > 0) != (before > 0),
            "delta": available - before, "reason": "Delivery", **other,
        }
    )  # fmt: skip
    return event(fact, subject=sku, sequence=version)
