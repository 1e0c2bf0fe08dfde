"""Shipping: what it costs to send something, and where it is."""

from datetime import date
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.envelope import Event
from bodega.contracts.fields import Address, Contact, Quantity, Sku, Timestamp
from bodega.contracts.ids import OrderNumber, ShipmentId
from bodega.contracts.money import Price


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _ShipmentFact(Event):
    """The subject is the order."""

    topic: ClassVar[str] = "shipping"

    shipment_id: ShipmentId
    number: OrderNumber
    carrier: str
    tracking_number: str
    tracking_url: str
    contact: Contact


class ShipmentCreated(_ShipmentFact):
    """A label is bought and the parcel has a tracking number. Said again, if it gets another before it is sent."""

    promised_from: date
    promised_to: date
    replaces: str | None = Field(default=None, description="The tracking number of the label that was given back")


class ShipmentDelivered(_ShipmentFact):
    """The carrier has handed the parcel over."""

    delivered_at: Timestamp


class ParcelLine(_Message):
    sku: Sku
    quantity: Quantity
    weight_grams: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class RatesRequest(_Message):
    """`POST /internal/rates` and `POST /shipping/rates`"""

    address: Address
    lines: Annotated[list[ParcelLine], Field(min_length=1, max_length=100)]
    items_total: Price | None = Field(default=None, description="For options that are free above an amount")


class ShippingOption(_Message):
    id: str = Field(examples=["standard"])
    name: str = Field(examples=["Standard, 2 to 3 days"])
    carrier: str
    price: Price
    promised_from: date
    promised_to: date


class Rates(_Message):
    options: list[ShippingOption]
