"""What shipping is asked and answers."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.fields import Address, Contact, Timestamp
from bodega.contracts.ids import OrderId, OrderNumber, ShipmentId
from bodega.contracts.money import Price
from bodega.contracts.shipping import ParcelLine, RatesRequest
from bodega.services.shipping.domain import State, Status


class _Destination(Address):
    model_config = ConfigDict(extra="forbid")


class _Line(ParcelLine):
    model_config = ConfigDict(extra="forbid")


class _GoodsValue(Price):
    model_config = ConfigDict(extra="forbid")


class RatesQuestion(RatesRequest):
    """What would it cost to send these there?"""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "address": {
                        "name": "Ada Lovelace", "line1": "Torstrasse 1", "postal_code": "10119", "city": "Berlin",
                        "country": "DE",
                    },
                    "lines": [{"sku": "MUG-SAND", "quantity": 2, "weight_grams": 380}],
                    "items_total": {"amount": 2400, "currency": "EUR"},
                }
            ]
        },
    )  # fmt: skip

    address: _Destination
    lines: Annotated[list[_Line], Field(min_length=1, max_length=100)]  # type: ignore[assignment]
    items_total: _GoodsValue | None = Field(default=None, description="For options that are free above an amount")


class RelabelRequest(BaseModel):
    """Another label."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: _Destination | None = Field(default=None, description="If it was wrong. In the same country")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Scan(_Answer):
    """Where the parcel was seen."""

    status: Status = Field(examples=["in_transit"])
    at: datetime
    place: str = Field(description="Empty: not told", examples=["Hub Mitte"])


class Timeline(_Answer):
    """Where a parcel is and has been. Whose it is, is not said."""

    tracking_number: str = Field(examples=["BD123456785DE"])
    carrier: str = Field(examples=["Sandbox Parcel"])
    status: Status = Field(examples=["in_transit"])
    tracking_url: str = Field(description="The carrier's own page about it")
    promised_from: date
    promised_to: date
    delivered_at: datetime | None
    events: list[Scan] = Field(description="Oldest first")


class ShipmentSummary(_Answer):
    """A shipment in a list."""

    id: ShipmentId
    order_id: OrderId
    number: OrderNumber | None = Field(description="The order's; null, if it was cancelled before we heard of it")
    state: State = Field(description="How far the label is", examples=["labelled"])
    status: Status = Field(description="Where the parcel is", examples=["in_transit"])
    carrier: str | None = Field(examples=["Sandbox Parcel"])
    option: str | None = Field(description="The shipping option that was chosen", examples=["standard"])
    tracking_number: str | None = Field(examples=["BD123456785DE"])
    attention: str | None = Field(description="Why people must look at it")
    created_at: datetime


class ShipmentView(ShipmentSummary):
    """A shipment as the merchant sees it."""

    version: int
    address: Address | None
    contact: Contact | None
    weight_grams: int | None = Field(description="All parcels, packaging included", examples=[910])
    label_no: int = Field(description="1: its first label")
    label_id: str | None = Field(description="The carrier's id of the label")
    label_ready: bool = Field(description="Whether `GET /admin/shipments/{id}/label` has its print")
    tracking_url: str | None
    promised_from: date | None
    promised_to: date | None
    labelled_at: datetime | None
    delivered_at: datetime | None
    events: list[Scan]


class CarrierScan(BaseModel):
    """What the carrier tells by webhook. What we do not need is ignored."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=100)]
    status: str
    reference: str = Field(description="The shipment's id, as we gave it when buying the label")
    at: Timestamp
    place: Annotated[str, Field(max_length=200)] = ""
