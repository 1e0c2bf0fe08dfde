"""The rules of shipping: pure, no I/O.

What it costs: a zone, parcels, and the cheapest band that each fits. When it comes: working days.
What becomes of a shipment:

    wanted ──> cleared ──> labelled: label_created ──> picked_up ──> in_transit ──> out_for_delivery ──> delivered
       │        │  ^  └──> label_unknown ──┘  └──> voiding ──> cleared (another label)
       │        v  │
       │     label_failed (people must look)
       └──> dropped (for ever)

An order that is cancelled before the carrier's first scan drops its shipment in any state; its label is given back.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, Literal

from bodega.contracts.fields import Address, Contact
from bodega.contracts.shipping import ParcelLine
from bodega.services.shipping.errors import AlreadyHandedOver, NotLabelled

State = Literal["wanted", "cleared", "label_unknown", "label_failed", "labelled", "voiding", "dropped"]
Status = Literal["preparing", "label_created", "picked_up", "in_transit", "out_for_delivery", "delivered"]

PACKAGING_GRAMS: Final = 150
USUAL_GRAMS: Final = 1_000
"""What most orders weigh: for a price before anybody knows what is in the parcel."""
PARCEL_MOST_GRAMS: Final = 30_000
PARCELS_MOST: Final = 20
"""The heaviest order that is sent: 600 kg. What is more needs a lorry, and a talk."""

_RANK: Final[dict[Status, int]] = {
    "preparing": 0, "label_created": 1, "picked_up": 2, "in_transit": 3, "out_for_delivery": 4, "delivered": 5,
}  # fmt: skip
STATUS_OF: Final[dict[str, Status]] = {status: status for status in _RANK}
"""The carrier's words are ours. Those that are not here mean nothing to us."""


@dataclass(frozen=True, slots=True)
class Option:
    """A way to send something to a zone, with the days that it takes and what it costs."""

    id: str
    name: str
    carrier: str
    service: str
    first_day: int
    last_day: int
    live: bool
    """Priced by the carrier, where it answers in time."""
    bands: tuple["Band", ...]


@dataclass(frozen=True, slots=True)
class Band:
    """The price of a parcel up to this weight, in an order whose goods are worth this much or more."""

    up_to_grams: int
    from_value: int
    price: int


@dataclass(frozen=True, slots=True)
class Tables:
    """What the merchant's tables say of a country. No options: nothing is sent there."""

    options: tuple[Option, ...]
    closed: frozenset[date]
    """Days on which nothing is handed over or delivered."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is sent for an order. Its contents are missing in a tombstone."""

    id: str
    order_id: str
    state: State
    status: Status
    version: int
    number: str | None
    option_id: str | None
    address: Address | None
    contact: Contact | None
    weight_grams: int | None
    carrier: str | None
    service: str | None
    promised_from: date | None
    promised_to: date | None
    customer_id: str | None
    label_no: int
    label_id: str | None
    tracking_number: str | None
    tracking_url: str | None
    filed: bool
    attention: str | None
    created_at: datetime
    labelled_at: datetime | None
    delivered_at: datetime | None

    @property
    def label_name(self) -> str:
        """Of its first, second, ... label: the key under which the carrier sells it, and we keep its print."""
        return _label_name(self.id, self.label_no)

    @property
    def label_before(self) -> str:
        """The name of the label that it had before this one."""
        return _label_name(self.id, self.label_no - 1)


def _label_name(shipment_id: str, number: int) -> str:
    return shipment_id if number == 1 else f"{shipment_id}-{number}"


@dataclass(frozen=True, slots=True)
class Label:
    """What the carrier has sold."""

    id: str
    tracking_number: str


# --- what it costs ----------------------------------------------------------------------------------


def weight_of(lines: Iterable[ParcelLine]) -> int:
    """Grams, with something around it."""
    return PACKAGING_GRAMS + sum(line.weight_grams * line.quantity for line in lines)


def parcels_of(weight_grams: int) -> list[int] | None:
    """The weights of the parcels that it takes; None, if it is too much to be sent."""
    count = -(-weight_grams // PARCEL_MOST_GRAMS)
    if count > PARCELS_MOST:
        return None
    share, rest = divmod(weight_grams, count)
    return [share + (place < rest) for place in range(count)]


def price_of(parcels: Sequence[int], goods_value: int, bands: Iterable[Band]) -> int | None:
    """Minor units for all parcels together; None, if one of them fits no band.

    A parcel takes the lightest band that it fits, and of those the one for the goods' value.
    """
    fitting = [band for band in bands if band.from_value <= goods_value]
    total = 0
    for grams in parcels:
        bearing = [band for band in fitting if grams <= band.up_to_grams]
        if not bearing:
            return None
        total += min(bearing, key=lambda band: (band.up_to_grams, -band.from_value)).price
    return total


def free_from(parcels: Sequence[int], bands: Iterable[Band]) -> int | None:
    """From which value of the goods on these parcels cost nothing; None: they always cost something."""
    bands = list(bands)
    values = sorted({band.from_value for band in bands})
    return next((value for value in values if price_of(parcels, value, bands) == 0), None)


def asked_for(option: Option, parcels: Sequence[int], goods_value: int, live: Mapping[str, int]) -> int | None:
    """Minor units that the shopper pays. `live`: what the carrier wants, by its services. None: not offered."""
    price = price_of(parcels, goods_value, option.bands)
    return live.get(option.service, price) if price and option.live else price


# --- when it comes ----------------------------------------------------------------------------------


def leaves_on(now: datetime, cutoff_hour: int, closed: AbstractSet[date]) -> date:
    """The day on which what is ordered now is handed to the carrier."""
    day = now.date()
    if now.hour >= cutoff_hour:
        day += timedelta(days=1)
    while not _works(day, closed):
        day += timedelta(days=1)
    return day


def order_before(now: datetime, leaves: date, cutoff_hour: int) -> datetime:
    """Until when what is ordered still leaves on that day."""
    return datetime(leaves.year, leaves.month, leaves.day, cutoff_hour, tzinfo=now.tzinfo)


def promised(leaves: date, first_day: int, last_day: int, closed: AbstractSet[date]) -> tuple[date, date]:
    """The first and the last day on which the parcel may come: so many working days after it has left."""
    return _working_days_after(leaves, first_day, closed), _working_days_after(leaves, last_day, closed)


def _working_days_after(day: date, count: int, closed: AbstractSet[date]) -> date:
    while count:
        day += timedelta(days=1)
        count -= _works(day, closed)
    return day


def _works(day: date, closed: AbstractSet[date]) -> bool:
    return day.weekday() < 5 and day not in closed


# --- what becomes of it -----------------------------------------------------------------------------


def doubt(shipment: Shipment) -> Shipment:
    """Whether the label was bought is not known."""
    return replace(shipment, state="label_unknown") if shipment.state == "cleared" else shipment


def fail(shipment: Shipment, why: str) -> Shipment:
    """The carrier will not sell this label, ever."""
    return replace(shipment, state="label_failed", attention=why[:500])


def relabel(shipment: Shipment, address: Address | None) -> Shipment:
    """Another label is wanted; to a corrected address, if one is given.

    Raises: AlreadyHandedOver; NotLabelled, while the one before is still being bought.
    """
    if shipment.state == "label_failed":
        after = replace(shipment, state="cleared", attention=None)
    elif shipment.state != "labelled":
        raise NotLabelled("no label has been bought for it yet")
    elif shipment.status != "label_created":
        raise AlreadyHandedOver(f"the parcel is on its way: {shipment.status}")
    elif not shipment.filed:
        raise NotLabelled("the label has only just been bought; try again in a moment")
    else:
        after = replace(shipment, state="voiding")
    return replace(after, label_no=shipment.label_no + 1, address=address or shipment.address)


def void(shipment: Shipment) -> Shipment:
    """The carrier has taken the label back."""
    return replace(
        shipment,
        state="cleared",
        status="preparing",
        label_id=None,
        tracking_number=None,
        tracking_url=None,
        labelled_at=None,
        filed=False,
    )


def drop(shipment: Shipment) -> Shipment:
    """Nothing is sent: the order is cancelled. What the carrier has sold for it is given back."""
    return replace(void(shipment), state="dropped", attention=None)


def keep_label(shipment: Shipment, why: str) -> Shipment:
    """The carrier does not take the label back: it stays."""
    return replace(shipment, state="labelled", label_no=shipment.label_no - 1, attention=why[:500])


def label(shipment: Shipment, bought: Label, tracking_url: str, now: datetime) -> Shipment:
    """The label is bought."""
    return replace(
        shipment,
        state="labelled",
        status="label_created",
        label_id=bought.id,
        tracking_number=bought.tracking_number,
        tracking_url=tracking_url,
        labelled_at=now,
        attention=None,
    )


def move(shipment: Shipment, status: Status, at: datetime) -> Shipment:
    """A scan. They come in any order: a parcel never goes back."""
    if _RANK[status] <= _RANK[shipment.status]:
        return shipment
    return replace(shipment, status=status, delivered_at=at if status == "delivered" else None)


# --- whom to believe --------------------------------------------------------------------------------


def signed(body: bytes, header: str, key: bytes, *, now: float, tolerance_seconds: int) -> bool:
    """Whether the carrier has signed these bytes, just now: `t=<seconds>,v1=<hex>`, HMAC-SHA-256 of `t.body`."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    at = parts.get("t", "")
    if not (at.isascii() and at.isdigit() and len(at) < 12) or abs(now - int(at)) > tolerance_seconds:
        return False
    expected = hmac.new(key, at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), parts.get("v1", "").encode())
