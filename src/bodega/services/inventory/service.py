"""What inventory does. Each use case runs in the one transaction that its door has opened; `reserve` is one
statement, and a transaction of its own."""

from bodega.contracts.inventory import SHOWN_UP_TO, ReserveRequest
from bodega.kit.db import Database, Transaction
from bodega.kit.errors import Invalid, StaleVersion
from bodega.services.inventory import domain, store
from bodega.services.inventory.domain import Change, Reservation, Stock
from bodega.services.inventory.errors import OutOfStock

MOST_ON_HAND = 1_000_000
"""Units of one SKU. More is a mistake of typing."""


async def reserve(database: Database, wanted: ReserveRequest, *, actor: str) -> tuple[Reservation, bool]:
    """Sets all lines aside or none; the reservation, and whether it was made now.

    Raises: OutOfStock with the short lines; AlreadyEnded; DifferentReservation; Invalid, if a SKU is named twice.
    """
    lines = tuple(sorted(wanted.lines, key=lambda line: line.sku))
    if len({line.sku for line in lines}) < len(lines):
        raise Invalid.field("/lines", "names a SKU twice")
    done = await store.reserve(
        database, wanted.reservation_id, lines, expires_in=wanted.expires_in, actor=actor
    )  # fmt: skip
    if done.short:
        told = [line.model_copy(update={"left": min(line.left, SHOWN_UP_TO)}) for line in done.short]
        raise OutOfStock(", ".join(f"{line.sku}: {line.left} left" for line in told), lines=told)
    if done.made:
        return Reservation(wanted.reservation_id, "reserved", lines, done.expires_at), True
    async with database.transaction() as tx:
        return domain.same_again(await store.get_reservation(tx, wanted.reservation_id), lines), False


async def hold(tx: Transaction, reservation_id: str, *, actor: str) -> Reservation:
    """Raises: UnknownReservation, AlreadyEnded."""
    before = await store.lock_reservation(tx, reservation_id)
    return await _apply(tx, before, domain.hold(before), reason="", actor=actor)


async def release(tx: Transaction, reservation_id: str, *, actor: str) -> Reservation:
    """Ends it; an id that is not known is buried, so that a late reserve finds its end.

    Raises: Held.
    """
    if await store.insert_tombstone(tx, reservation_id):
        return Reservation(reservation_id, "released", ())
    before = await store.lock_reservation(tx, reservation_id)
    return await _apply(tx, before, domain.release(before), reason="", actor=actor)


async def commit(tx: Transaction, reservation_id: str, *, cause: str) -> Reservation:
    """Raises: UnknownReservation, PaidWithoutStock: the event is parked."""
    before = await store.lock_reservation(tx, reservation_id)
    return await _apply(tx, before, domain.commit(before), reason=cause, actor="orders")


async def cancel(tx: Transaction, reservation_id: str, *, cause: str) -> Reservation:
    """Releases or restocks; an id that is not known is buried."""
    if await store.insert_tombstone(tx, reservation_id):
        return Reservation(reservation_id, "released", ())
    before = await store.lock_reservation(tx, reservation_id)
    return await _apply(tx, before, domain.cancel(before), reason=cause, actor="orders")


async def expire(tx: Transaction, limit: int) -> int:
    """Ends reservations that nobody took hold of in time, at most `limit`; how many."""
    lapsed = await store.lock_expired(tx, limit)
    # Several reservations in one transaction: all their rows first, in SKU order.
    await store.lock_stock(tx, [line.sku for reservation in lapsed for line in reservation.lines])
    for before in lapsed:
        await _apply(tx, before, domain.expire(before), reason="", actor="clock")
    return len(lapsed)


async def adjust(tx: Transaction, sku: str, delta: int, reason: str, *, actor: str) -> Stock:
    """Goods came or went.

    Raises: UnknownSku, BelowReserved; Invalid, if it would be more than anybody has.
    """
    stock = await _locked(tx, sku)
    return await _count(tx, stock, stock.on_hand + delta, reason, pointer="/delta", actor=actor)


async def count(
    tx: Transaction, sku: str, on_hand: int, reason: str, *, expected_version: int | None, actor: str
) -> Stock:
    """The merchant has counted.

    Raises: UnknownSku, BelowReserved; StaleVersion, if it is not at `expected_version` (None: whatever it is).
    """
    stock = await _locked(tx, sku)
    if expected_version not in (None, stock.version):
        raise StaleVersion("the stock was changed in the meantime", current_version=stock.version)
    return await _count(tx, stock, on_hand, reason, pointer="/on_hand", actor=actor)


async def _locked(tx: Transaction, sku: str) -> Stock:
    await store.get_stock(tx, sku)
    return (await store.lock_stock(tx, [sku]))[sku]


async def _count(tx: Transaction, stock: Stock, on_hand: int, reason: str, *, pointer: str, actor: str) -> Stock:
    if on_hand > MOST_ON_HAND:
        raise Invalid.field(pointer, f"more than {MOST_ON_HAND} would be on hand")
    delta = domain.counted(stock, on_hand)
    if delta == 0:
        return stock
    await store.move_stock(tx, "adjusted", [stock.sku], [delta], reason=reason, actor=actor)
    return await store.get_stock(tx, stock.sku)


async def _apply(tx: Transaction, before: Reservation, change: Change, *, reason: str, actor: str) -> Reservation:
    """Writes a change; nothing, if nothing happened."""
    if change.reservation != before:
        await store.save_change(tx, change, reason=reason, actor=actor)
    return change.reservation
