"""The life of a reservation: pure rules, no I/O.

    reserved ──> committed ──> restocked
       │             (the order was cancelled after all)
       └──> released

No clock ends a reservation. The checkout that asks for it is written down before it asks, and taken over until it ends:
it places the order, which is paid or cancelled then, or it releases. It releases only once orders has said that there
is no order and never will be, or before it has asked for one; so a late release takes nothing from anybody. A late
reserve finds what has ended, or the tombstone of what was released before it was made. (docs/adr/0002, 3.)

Each command takes a reservation and answers with a `Change`: the reservation after it, and how its units
move. A command that changes nothing answers with the same reservation, so everything may be said twice.
How a reservation comes to be is not here: that is one statement in the store, under the rows' locks.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from bodega.contracts.inventory import SHOWN_UP_TO, ReservationLine, ShortLine, Shown
from bodega.kit.errors import AlreadyEnded
from bodega.services.inventory.errors import BelowReserved, Committed, DifferentReservation, PaidWithoutStock

State = Literal["reserved", "committed", "released", "restocked"]
Movement = Literal[
    "reserved", "handed_over", "released", "expired", "order_cancelled", "committed", "restocked", "adjusted"
]
"""Why units move. What each does to `on_hand` and `reserved`: migrations, `move_stock`. `expired` is in old ledgers."""

ENDED: Final[frozenset[State]] = frozenset({"released", "restocked"})


@dataclass(frozen=True, slots=True)
class Stock:
    """The units of one SKU: `reserved` of those `on_hand` are promised to somebody."""

    sku: str
    product_id: str | None
    on_hand: int
    reserved: int
    version: int

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved

    @property
    def shown(self) -> Shown:
        """As shoppers see it."""
        return self.available if self.available <= SHOWN_UP_TO else "many"


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units set aside for one checkout. A tombstone is one that was released before it was made: no lines."""

    id: str
    state: State
    lines: tuple[ReservationLine, ...]
    order_cancelled: bool = False
    """It has ended since its order is cancelled, as orders has said to somebody: that the order was paid before may be
    heard after it."""

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def sets_aside(self) -> bool:
        """Whether its units are still in the warehouse and nobody else can have them."""
        return self.state == "reserved"


@dataclass(frozen=True, slots=True)
class Change:
    """What a command did. `movement`: how the units of its lines move; None: they stay where they are."""

    reservation: Reservation
    movement: Movement | None = None


def same_again(existing: Reservation, lines: tuple[ReservationLine, ...]) -> Reservation:
    """A reserve for an id that is known.

    Raises: AlreadyEnded, DifferentReservation.
    """
    if existing.ended:
        raise AlreadyEnded("this reservation has ended", state=existing.state)
    if existing.lines != lines:
        raise DifferentReservation("this id stands for a reservation with other lines")
    return existing


def release(reservation: Reservation) -> Change:
    """The undo of reserving, for a checkout that has no order and never will.

    Raises: Committed, if its order is paid after all.
    """
    if reservation.state == "committed":
        raise Committed("its order is paid, and only that order can end it")
    return Change(reservation) if reservation.ended else _to(reservation, "released", "released")


def commit(reservation: Reservation) -> Change:
    """The order is paid: the units leave the stock. Unless it is cancelled by now, and only that has been heard.

    Raises: PaidWithoutStock, if it has ended otherwise. Other stock is never taken silently.
    """
    if reservation.ended and reservation.order_cancelled:
        return Change(reservation)
    if reservation.ended:
        raise PaidWithoutStock(f"an order was paid whose reservation is {reservation.state}")
    return Change(reservation) if reservation.state == "committed" else _to(reservation, "committed", "committed")


def cancel(reservation: Reservation) -> Change:
    """The order is cancelled: the units go back on sale, wherever they are."""
    match reservation.state:
        case "reserved":
            return _to(replace(reservation, order_cancelled=True), "released", "order_cancelled")
        case "committed":
            return _to(replace(reservation, order_cancelled=True), "restocked", "restocked")
        case _:
            return Change(reservation)


def let_go_for_the_next(reservation: Reservation) -> Change:
    """The order is cancelled since its shopper has asked for something else. What is set aside stays so, until that
    checkout takes it over or gives it back."""
    return Change(reservation) if reservation.sets_aside else cancel(reservation)


def set_aside(reservations: Iterable[Reservation]) -> Counter[str]:
    """Units by SKU that these keep from others."""
    units: Counter[str] = Counter()
    for reservation in reservations:
        for line in reservation.lines if reservation.sets_aside else ():
            units[line.sku] += line.quantity
    return units


def shortage(
    lines: Sequence[ReservationLine], stock: Mapping[str, Stock], own: Mapping[str, int]
) -> tuple[ShortLine, ...]:
    """The lines of which there is too little, for somebody who holds `own` of them already."""
    left = {line.sku: own.get(line.sku, 0) for line in lines}
    for sku in left.keys() & stock.keys():
        left[sku] += stock[sku].available
    return tuple(
        ShortLine(sku=line.sku, wanted=line.quantity, left=left[line.sku])
        for line in lines
        if left[line.sku] < line.quantity
    )


def counted(stock: Stock, on_hand: int) -> int:
    """By how much a count of `on_hand` units changes the stock.

    Raises: BelowReserved.
    """
    if on_hand < stock.reserved:
        raise BelowReserved(
            f"{stock.reserved} of the {stock.on_hand} on hand are reserved for buyers: at most "
            f"{stock.on_hand - stock.reserved} can be taken out",
            reserved=stock.reserved,
        )
    return on_hand - stock.on_hand


def _to(reservation: Reservation, state: State, movement: Movement) -> Change:
    return Change(replace(reservation, state=state), movement)
