"""Shipping: what it costs to send something, and where it is."""

from datetime import date
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.envelope import Event
from bodega.contracts.fields import Address, Contact, Quantity, Sku, Timestamp
from bodega.contracts.ids import CustomerId, OrderNumber, ShipmentId
from bodega.contracts.money import Price

PromisedFrom = Annotated[date, Field(description="The first day on which it may arrive", examples=["2026-11-24"])]
PromisedTo = Annotated[date, Field(description="The last day on which it should have arrived", examples=["2026-11-25"])]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _ShipmentFact(Event):
    """The subject is the order."""

    topic: ClassVar[str] = "shipping"

    shipment_id: ShipmentId
    number: OrderNumber
    carrier: str = Field(description="As the shopper knows it", examples=["Sandbox Parcel"])
    tracking_number: str = Field(description="The carrier's", examples=["BD123456785DE"])
    tracking_url: str = Field(
        description="The carrier's own page about the parcel", examples=["http://127.0.0.1:7080/parcels/BD123456785DE"]
    )
    contact: Contact = Field(description="How the buyer is told")
    customer_id: CustomerId | None = Field(
        default=None, description="Whose order it is, whose wishes count; null: a guest's"
    )


class ShipmentCreated(_ShipmentFact):
    """A label is bought and the parcel has a tracking number. Said again, if it gets another before it is sent."""

    promised_from: PromisedFrom
    promised_to: PromisedTo
    replaces: str | None = Field(default=None, description="The tracking number of the label that was given back")


class ShipmentPickedUp(_ShipmentFact):
    """The carrier has scanned the parcel for the first time: from now on it is on its way. Not said of a parcel whose
    first scan is its delivery."""

    picked_up_at: Timestamp = Field(description="As the carrier scanned it", examples=["2026-11-21T09:12:00Z"])
    promised_from: PromisedFrom
    promised_to: PromisedTo


class ShipmentDelivered(_ShipmentFact):
    """The carrier has handed the parcel over."""

    delivered_at: Timestamp = Field(description="As the carrier scanned it", examples=["2026-11-23T10:41:00Z"])


class ParcelLine(_Message):
    """Something that is to be sent."""

    sku: Sku
    quantity: Quantity
    weight_grams: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=0, description="Of one piece with its packaging; 0: not known", examples=[390]
    )


class RatesRequest(_Message):
    """`POST /internal/rates` and `POST /shipping/rates`"""

    address: Address = Field(description="Where the parcel would go")
    lines: Annotated[list[ParcelLine], Field(min_length=1, max_length=100)] = Field(description="What would be in it")
    items_total: Price | None = Field(
        default=None,
        description="The sum of the goods, for options that are free above an amount; null: none is free",
        examples=[{"amount": 3800, "currency": "EUR"}],
    )


class ShippingOption(_Message):
    """One way of sending a parcel."""

    id: str = Field(description="Give it as `shipping_option` at checkout", examples=["standard"])
    name: str = Field(description="For people", examples=["Standard"])
    carrier: str = Field(description="Who brings it, as the shopper knows them", examples=["Sandbox Parcel"])
    price: Price = Field(
        description="For the whole parcel; with or without tax as `totals.tax_included` says",
        examples=[{"amount": 490, "currency": "EUR"}],
    )
    promised_from: PromisedFrom
    promised_to: PromisedTo


class Rates(_Message):
    """The ways of sending a parcel."""

    options: list[ShippingOption] = Field(
        description="In the order in which shoppers see them; empty: nothing is sent there"
    )
