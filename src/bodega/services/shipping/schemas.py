"""What shipping is asked and answers."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.fields import Address, Contact, CountryCode, Timestamp
from bodega.contracts.ids import OrderId, OrderNumber, ShipmentId
from bodega.contracts.money import Price
from bodega.contracts.shipping import ParcelLine, RatesRequest
from bodega.contracts.shipping import PromisedFrom as Soonest
from bodega.contracts.shipping import PromisedTo as Latest
from bodega.services.shipping.domain import State, Status


class _Destination(Address):
    """Where a parcel goes."""

    model_config = ConfigDict(extra="forbid")


class _Line(ParcelLine):
    """What is to be sent."""

    model_config = ConfigDict(extra="forbid")


class _GoodsValue(Price):
    """What the goods cost together."""

    model_config = ConfigDict(extra="forbid")


class RatesQuestion(RatesRequest):
    """What would it cost to send these there?"""

    model_config = ConfigDict(extra="forbid")

    address: _Destination = Field(description="Its country and postal code decide")
    lines: Annotated[list[_Line], Field(min_length=1, max_length=100)] = Field(  # type: ignore[assignment]
        description="All that goes into the order; their weight decides"
    )
    items_total: _GoodsValue | None = Field(
        default=None,
        description="For options that are free above an amount",
        examples=[{"amount": 3800, "currency": "EUR"}],
    )


class DeliveryOption(BaseModel):
    """A way to send goods."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="The same as in `POST /shipping/rates`", examples=["standard"])
    name: str = Field(description="For people", examples=["Standard"])
    carrier: str = Field(description="Who brings it, as the shopper knows them", examples=["Sandbox Parcel"])
    price: Price = Field(description="For goods of this weight", examples=[{"amount": 490, "currency": "EUR"}])
    free_from: Price | None = Field(
        description="From which sum of the goods on it costs nothing; null: never",
        examples=[{"amount": 5000, "currency": "EUR"}],
    )
    first_day: int = Field(
        description="Working days from the carrier's collection to the first possible day", examples=[1]
    )
    last_day: int = Field(description="Working days to the last", examples=[2])
    promised_from: Soonest
    promised_to: Latest


class Delivery(BaseModel):
    """How goods are sent to a country, and when they come."""

    model_config = ConfigDict(frozen=True)

    country: CountryCode
    order_before: Timestamp = Field(
        description="What is ordered before comes as promised", examples=["2026-11-23T14:00:00Z"]
    )
    options: list[DeliveryOption] = Field(description="None: we do not ship there")


class RelabelRequest(BaseModel):
    """Another label."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: _Destination | None = Field(
        default=None, description="If it was wrong; in the same country. Left out: the address of the order"
    )


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


CarrierName = Annotated[str, Field(description="As the shopper knows it", examples=["Sandbox Parcel"])]
TrackingNumber = Annotated[
    str, Field(description="The carrier's, for `GET /shipments/{tracking}`", examples=["BD123456785DE"])
]
TrackingUrl = Annotated[
    str,
    Field(
        description="The carrier's own page about the parcel",
        examples=["http://127.0.0.1:7080/parcels/BD123456785DE"],
    ),
]
PromisedFrom = Annotated[
    date, Field(description="The first day on which it may arrive, as promised at checkout", examples=["2026-11-24"])
]
PromisedTo = Annotated[date, Field(description="The last day on which it should have arrived", examples=["2026-11-25"])]
ParcelStatus = Annotated[
    Status,
    Field(
        description="Where the parcel is: `preparing`, no label yet; `label_created`: still with us; then what the "
        "carrier has seen. It never goes back",
        examples=["in_transit"],
    ),
]
DeliveredAt = Annotated[
    datetime, Field(description="As the carrier tells it, or a merchant did", examples=["2026-11-24T10:12:00Z"])
]


class Scan(_Answer):
    """Where the parcel was seen."""

    status: Status = Field(description="What became of it there", examples=["in_transit"])
    at: datetime = Field(description="By the carrier's clock", examples=["2026-11-23T17:41:00Z"])
    place: str = Field(description="In the carrier's words; empty: not told", examples=["Hub Mitte"])


Scans = Annotated[
    list[Scan],
    Field(
        description="Oldest first; the first says when the label was made",
        examples=[
            [
                {"status": "label_created", "at": "2026-11-20T14:03:45Z", "place": ""},
                {"status": "picked_up", "at": "2026-11-23T09:12:00Z", "place": "Hamburg"},
                {"status": "in_transit", "at": "2026-11-23T17:41:00Z", "place": "Hub Mitte"},
            ]
        ],
    ),
]


class Timeline(_Answer):
    """Where a parcel is and has been. Whose it is, is not said."""

    tracking_number: TrackingNumber
    carrier: CarrierName
    status: ParcelStatus
    tracking_url: TrackingUrl
    promised_from: PromisedFrom
    promised_to: PromisedTo
    delivered_at: DeliveredAt | None = Field(description="null: not yet", examples=[None])
    events: Scans


class ShipmentSummary(_Answer):
    """A shipment in a list."""

    id: ShipmentId
    order_id: OrderId
    number: OrderNumber | None = Field(description="The order's; null, if it was cancelled before we heard of it")
    state: State = Field(
        description="How far the label is. `wanted`: orders has not let it go; `cleared`: may be bought; "
        "`label_unknown`: the carrier has not said whether it was bought; `label_failed`: see `attention`; `labelled`; "
        "`voiding`: is being given back for another; `dropped`: the order was cancelled",
        examples=["labelled"],
    )
    status: ParcelStatus
    carrier: CarrierName | None = Field(description="null, if it was cancelled before we heard of it")
    option: str | None = Field(
        description="The shipping option that was chosen at checkout; null as `carrier`", examples=["standard"]
    )
    tracking_number: TrackingNumber | None = Field(description="Of the present label; null: there is none")
    attention: str | None = Field(
        description="Why people must look at it, in the carrier's words; null: they need not",
        examples=[None, "the postal code is not one of DE"],
    )
    created_at: datetime = Field(description="When its order was paid", examples=["2026-11-20T14:03:13Z"])


class ShipmentView(ShipmentSummary):
    """A shipment as the merchant sees it."""

    version: int = Field(description="Grows with every change", examples=[4])
    address: Address | None = Field(description="Where the label sends it; null as `carrier`")
    contact: Contact | None = Field(description="Whom the carrier may ask; null as `carrier`")
    weight_grams: int | None = Field(description="All parcels, packaging included", examples=[930])
    label_no: int = Field(description="1: its first label", examples=[1])
    label_id: str | None = Field(
        description="The carrier's name for the label; null: none was bought", examples=["lbl_5d0c3b7e9a"]
    )
    label_ready: bool = Field(description="Whether `GET /admin/shipments/{id}/label` has its print", examples=[True])
    tracking_url: TrackingUrl | None = Field(description="null: there is no label")
    promised_from: PromisedFrom | None = Field(description="null as `carrier`")
    promised_to: PromisedTo | None = Field(description="null as `carrier`")
    labelled_at: datetime | None = Field(
        description="When the label was bought; null: there is none", examples=["2026-11-20T14:03:45Z"]
    )
    delivered_at: DeliveredAt | None = Field(description="null: not yet", examples=[None])
    events: Scans


class CarrierScan(BaseModel):
    """What the carrier tells by webhook. What we do not need is ignored."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=100)]
    status: str
    reference: str = Field(description="The shipment's id, as we gave it when buying the label")
    at: Timestamp
    place: Annotated[str, Field(max_length=200)] = ""
