"""Makes orders for the tests of the orders room."""

from typing import Any

from bodega.contracts.ids import derived_id, new_id
from bodega.contracts.orders import CreateOrder

ADDRESS = {"name": "Ada Lovelace", "line1": "Torstrasse 1", "postal_code": "10119", "city": "Berlin", "country": "DE"}


def euro(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def wanted(**other: Any) -> CreateOrder:
    """An order of two mugs, 24.00 and 4.90 for shipping."""
    checkout_id = other.pop("checkout_id", new_id("chk"))
    return CreateOrder.model_validate(
        {
            "order_id": derived_id("ord", checkout_id),
            "checkout_id": checkout_id,
            "cart_id": new_id("crt"),
            "cart_revision": "r1",
            "reservation_id": derived_id("res", checkout_id),
            "lines": [
                {
                    "sku": "MUG-1", "product_id": new_id("prd"), "title": "Mug", "options": {"Colour": "Sand"},
                    "quantity": 2, "unit_price": euro(1200), "total": euro(2400), "tax": euro(383), "tax_rate": "0.19",
                }
            ],
            "totals": {
                "items": euro(2400), "shipping": euro(490), "discount": euro(0), "tax": euro(461),
                "tax_included": True, "total": euro(2890),
            },
            "shipping_address": ADDRESS,
            "shipping_option": "standard", "promised_from": "2026-12-01", "promised_to": "2026-12-02",
            "contact": {"email": "ada@example.com"},
            **other,
        }
    )  # fmt: skip
