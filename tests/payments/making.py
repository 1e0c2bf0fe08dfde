"""Makes payments, and the events that payments hears."""

from dataclasses import dataclass, field
from typing import Any

from bodega.contracts.envelope import CloudEvent, event
from bodega.contracts.fields import Contact
from bodega.contracts.ids import derived_id, new_id
from bodega.contracts.orders import OrderCancelled, OrderPaid
from bodega.contracts.shipping import ShipmentCreated

ADDRESS = {"name": "Ada Lovelace", "line1": "Torstrasse 1", "postal_code": "10119", "city": "Berlin", "country": "DE"}
TOTAL = 2890


def euro(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


@dataclass
class Buy:
    """One checkout of 28.90, and what is said about its order."""

    checkout_id: str = field(default_factory=lambda: new_id("chk"))

    @property
    def order_id(self) -> str:
        return derived_id("ord", self.checkout_id)

    @property
    def number(self) -> str:
        return f"BDG-{self.checkout_id[-8:-4]}-{self.checkout_id[-4:]}"

    def payment_id(self, attempt: int = 1) -> str:
        return derived_id("pay", self.checkout_id, attempt)

    def wanted(self, card: str = "pm_card_visa", attempt: int = 1, **other: Any) -> dict[str, Any]:
        return {
            "payment_id": self.payment_id(attempt), "checkout_id": self.checkout_id, "order_id": self.order_id,
            "order_number": self.number, "attempt": attempt, "amount": euro(TOTAL), "payment_method": card,
            "email": "ada@example.com", "description": "BDG-0000-0000", "return_url": "http://shop.test/back", **other,
        }  # fmt: skip

    def paid(self, attempt: int = 1) -> CloudEvent[Any]:
        return event(OrderPaid.model_validate(self._carried(attempt)), subject=self.order_id, sequence=2)

    def cancelled(self) -> CloudEvent[Any]:
        data = {**self._carried(1), "reason": "customer_request", "was_paid": False}
        return event(OrderCancelled.model_validate(data), subject=self.order_id, sequence=3)

    def shipped(self) -> CloudEvent[Any]:
        data = ShipmentCreated.model_validate(
            {
                "shipment_id": new_id("shp"), "number": "BDG-0000-0000", "carrier": "c", "tracking_number": "t",
                "tracking_url": "u", "contact": Contact(email="ada@example.com"), "promised_from": "2026-12-01",
                "promised_to": "2026-12-02",
            }
        )  # fmt: skip
        return event(data, subject=self.order_id, sequence=1)

    def _carried(self, attempt: int) -> dict[str, Any]:
        return {
            "number": "BDG-0000-0000", "checkout_id": self.checkout_id, "customer_id": None,
            "reservation_id": derived_id("res", self.checkout_id), "payment_id": self.payment_id(attempt),
            "cart_id": new_id("crt"), "cart_revision": "r1", "lines": [],
            "totals": {
                "items": euro(TOTAL), "shipping": euro(0), "discount": euro(0), "tax": euro(461),
                "tax_included": True, "total": euro(TOTAL),
            },
            "shipping_address": ADDRESS, "shipping_option": "standard", "contact": {"email": "ada@example.com"},
        }  # fmt: skip
