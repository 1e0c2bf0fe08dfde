"""Makes what orders says to shipping."""

from typing import Any

from bodega.contracts.envelope import event
from bodega.contracts.ids import derived_id, new_id, new_order_number
from bodega.contracts.orders import OrderCancelled, OrderPaid

ADDRESS = {"name": "Ada Lovelace", "line1": "Torstrasse 1", "postal_code": "10119", "city": "Berlin", "country": "DE"}


def euro(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def question(country: str = "DE", grams: int = 400, value: int | None = None) -> dict[str, Any]:
    """What would two of these cost to send?"""
    return {
        "address": {**ADDRESS, "country": country},
        "lines": [{"sku": "MUG-1", "quantity": 2, "weight_grams": grams}],
        "items_total": euro(value) if value is not None else None,
    }


def _facts(order_id: str, **other: Any) -> dict[str, Any]:
    return {
        "number": new_order_number(),
        "checkout_id": derived_id("chk", order_id),
        "reservation_id": derived_id("res", order_id),
        "payment_id": new_id("pay"),
        "cart_id": new_id("crt"),
        "cart_revision": "r1",
        "lines": [
            {
                "sku": "MUG-1", "product_id": new_id("prd"), "title": "Mug", "quantity": 2, "unit_price": euro(1200),
                "total": euro(2400), "tax": euro(383), "tax_rate": "0.19", "weight_grams": 400,
            }
        ],
        "totals": {
            "items": euro(2400), "shipping": euro(490), "discount": euro(0), "tax": euro(461), "tax_included": True,
            "total": euro(2890),
        },
        "shipping_address": ADDRESS,
        "shipping_option": "standard",
        "contact": {"email": "ada@example.com", "phone": "+49 30 1234567"},
        **other,
    }  # fmt: skip


def paid(order_id: str, **other: Any) -> Any:
    return event(OrderPaid.model_validate(_facts(order_id, **other)), subject=order_id, sequence=2)


def cancelled(order_id: str, **other: Any) -> Any:
    facts = _facts(order_id, reason="customer_request", was_paid=True, **other)
    return event(OrderCancelled.model_validate(facts), subject=order_id, sequence=3)
