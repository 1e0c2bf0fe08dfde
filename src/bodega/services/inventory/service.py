"""What inventory does. Each use case runs in the one transaction that its door has opened; `reserve` is one statement,
and a transaction of its own; an import is many short ones."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from pydantic import ValidationError

from bodega.contracts.inventory import ReservationLine, ReserveRequest, ShortLine
from bodega.kit.db import Database, Transaction
from bodega.kit.errors import Invalid, Problem, StaleVersion, in_words, sentence
from bodega.kit.sheets import Sheet, SheetFault, heading, whole_number
from bodega.kit.upload import blocks, numbered_lines
from bodega.services.inventory import domain, store
from bodega.services.inventory.domain import Change, Reservation, Stock
from bodega.services.inventory.errors import ImportRefused, OutOfStock, UnknownSku
from bodega.services.inventory.schemas import CountError, CountReport, CountRow

MOST_ON_HAND = 1_000_000
"""Units of one SKU. More is a mistake of typing."""


async def reserve(database: Database, wanted: ReserveRequest, *, actor: str) -> tuple[Reservation, bool]:
    """Sets all lines aside or none; the reservation, and whether it was made now.

    Raises: OutOfStock with the short lines; AlreadyEnded; DifferentReservation; Invalid, if a SKU is named twice.
    """
    lines = tuple(sorted(wanted.lines, key=lambda line: line.sku))
    if len({line.sku for line in lines}) < len(lines):
        raise Invalid.field("/lines", "Each SKU may be named only once.")
    if wanted.instead_of:
        async with database.transaction() as tx:
            return await _take_over(tx, wanted, lines, actor=actor)
    done = await store.reserve(database, wanted.reservation_id, lines, actor=actor)
    if done.short:
        raise _out_of_stock(done.short)
    if done.made:
        return Reservation(wanted.reservation_id, "reserved", lines), True
    async with database.reading() as tx:
        return domain.same_again(await store.get_reservation(tx, wanted.reservation_id), lines), False


async def _take_over(
    tx: Transaction, wanted: ReserveRequest, lines: tuple[ReservationLine, ...], *, actor: str
) -> tuple[Reservation, bool]:
    """Ends earlier reservations of the same shopper and makes this one: in one step, so that nobody else can take
    what they held. Reservations are locked before stock, as everywhere.

    Raises: OutOfStock, then nothing has changed; AlreadyEnded; DifferentReservation.
    """
    await store.insert_tombstones(tx, wanted.instead_of)  # a late reserve of them must find its end
    made = await store.insert_reservation(tx, wanted.reservation_id, lines)
    if made is None:  # the same request was first, or somebody has buried it
        return domain.same_again(await store.get_reservation(tx, wanted.reservation_id), lines), False
    earlier = await store.lock_reservations(tx, wanted.instead_of)
    skus = sorted({line.sku for held in (lines, *(one.lines for one in earlier)) for line in held})
    await store.lock_stock(tx, skus)
    for before in earlier:
        if not before.sets_aside:  # what was paid and then cancelled goes back to the warehouse first
            await _apply(tx, before, domain.cancel(before), reason=wanted.reservation_id, actor=actor)
    own = domain.set_aside(earlier)
    if short := domain.shortage(lines, await store.find_stock(tx, skus), own):
        raise _out_of_stock(short)
    await store.end_reservations(tx, [one.id for one in earlier if one.sets_aside])
    more = domain.set_aside([made])
    more.subtract(own)
    await store.move_stock(
        tx, "handed_over", [*more], [*more.values()], reservation_id=made.id,
        reason=", ".join(one.id for one in earlier if one.sets_aside), actor=actor,
    )  # fmt: skip
    return made, True


async def shortage(tx: Transaction, lines: Sequence[ReservationLine], own: Sequence[str]) -> tuple[ShortLine, ...]:
    """What could not be reserved now, for the shopper of the reservations `own`."""
    held = domain.set_aside(await store.find_reservations(tx, own))
    return domain.shortage(lines, await store.find_stock(tx, [line.sku for line in lines]), held)


def _out_of_stock(short: Sequence[ShortLine]) -> OutOfStock:
    return OutOfStock(", ".join(f"{line.sku}: {line.left} left" for line in short), lines=list(short))


async def release(tx: Transaction, reservation_id: str, *, order_cancelled: bool = False, actor: str) -> Reservation:
    """Ends it; an id that is not known is buried, so that a late reserve finds its end. `order_cancelled`: its order
    is, whether we have heard of it or not. Else there is none, and never will be.

    Raises: Committed.
    """
    if await store.insert_tombstone(tx, reservation_id):
        return Reservation(reservation_id, "released", ())
    before = await store.lock_reservation(tx, reservation_id)
    change = domain.cancel(before) if order_cancelled else domain.release(before)
    return await _apply(tx, before, change, reason="", actor=actor)


async def commit(tx: Transaction, reservation_id: str, *, cause: str) -> Reservation:
    """Raises: UnknownReservation, PaidWithoutStock: the event is parked."""
    committed = await store.commit(tx, reservation_id, reason=cause, actor="orders")
    if committed is not None:
        return committed
    before = await store.lock_reservation(tx, reservation_id)  # it is committed already, or has ended
    return await _apply(tx, before, domain.commit(before), reason=cause, actor="orders")


async def cancel(tx: Transaction, reservation_id: str, *, replaced: bool, cause: str) -> Reservation:
    """Releases or restocks; an id that is not known is buried. `replaced`: the shopper's next checkout decides about
    what is set aside."""
    if await store.insert_tombstone(tx, reservation_id):
        return Reservation(reservation_id, "released", ())
    before = await store.lock_reservation(tx, reservation_id)
    change = domain.let_go_for_the_next(before) if replaced else domain.cancel(before)
    return await _apply(tx, before, change, reason=cause, actor="orders")


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


# --- import -----------------------------------------------------------------------------------------

ROW_BYTES = 10_000
ROWS_AT_ONCE = 200
"""Of an import, in one transaction: few enough that no buyer notices the rows' locks."""
REPORTED = 1_000
"""How many rows an import's report names."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of an import: a count; or what is wrong with it, and the SKU that it speaks of, if that can be told."""

    line: int
    count: CountRow | None
    sku: str | None = None
    fault: str = ""


def rows_of(file: IO[bytes]) -> Iterator[Row]:
    """Of JSON lines; empty ones are passed over. A SKU's second line is at fault."""
    yield from _once_each(_json_rows(file))


def sheet_rows_of(file: IO[bytes]) -> Iterator[Row]:
    """Of a sheet with the columns sku, on_hand and perhaps version. A SKU's second line is at fault."""
    yield from _once_each(_sheet_rows(file))


def _json_rows(file: IO[bytes]) -> Iterator[Row]:
    for line, text in numbered_lines(file, most_bytes=ROW_BYTES):
        if text is None:
            yield Row(line, None, fault=f"The line is longer than {ROW_BYTES} bytes; what follows was not read.")
        else:
            yield _row(line, lambda text=text: CountRow.model_validate_json(text))  # type: ignore[misc]


def _sheet_rows(file: IO[bytes]) -> Iterator[Row]:
    try:
        sheet = Sheet(file, lambda text: heading(text) if heading(text) in CountRow.model_fields else None)
        if missing := [one for one in ("sku", "on_hand") if one not in sheet.columns]:
            yield Row(sheet.line, None, fault=f"The column {missing[0]} is missing.")
            return
        for row in sheet.rows():
            if row.fault is not None:
                yield Row(row.line, None, sku=row.cells["sku"] or None, fault=row.fault)
                continue
            cells: dict[str, Any] = {name: text for name, text in row.cells.items() if text}
            numbers = {name: whole_number(cells[name]) for name in ("on_hand", "version") if name in cells}
            cells |= {name: number for name, number in numbers.items() if number is not None}
            yield _row(row.line, lambda cells=cells: CountRow.model_validate(cells))  # type: ignore[misc]
    except SheetFault as fault:
        yield Row(fault.line, None, fault=str(fault))


def _row(line: int, read: Callable[[], CountRow]) -> Row:
    try:
        return Row(line, read())
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"/{part}" for part in first["loc"])
        return Row(line, None, fault=f"{where}: {in_words(first)}" if where else in_words(first))


def _once_each(rows: Iterable[Row]) -> Iterator[Row]:
    seen: set[str] = set()
    for row in rows:
        if row.count is not None and row.count.sku in seen:
            yield Row(row.line, None, sku=row.count.sku, fault="An earlier line already has this SKU.")
            continue
        if row.count is not None:
            seen.add(row.count.sku)
        yield row


async def import_counts(
    database: Database, read: Callable[[], Iterator[Row]], *, reason: str, partial: bool, actor: str
) -> CountReport:
    """Counts of many SKUs. The file is read twice: all rows are checked before the first is written. What others do
    in between may still make a row fail, and then the report says so.

    Raises: ImportRefused, if a row is at fault and not `partial`: then nothing was written.
    """
    if not partial:
        faults: list[CountError] = []
        for rows in blocks(read(), ROWS_AT_ONCE):
            async with database.reading() as tx:
                faults += _judged(rows, await store.find_stock(tx, _skus(rows)))[1]
        if faults:
            raise ImportRefused(
                f"{len(faults)} rows have errors; nothing was written",
                errors=[fault.model_dump() for fault in faults[:REPORTED]],
                failed=len(faults),
            )
    updated = unchanged = failed = 0
    errors: list[CountError] = []
    for rows in blocks(read(), ROWS_AT_ONCE):
        async with database.transaction() as tx:
            deltas, faults = _judged(rows, await store.lock_stock(tx, _skus(rows)))
            moved = {sku: delta for sku, delta in deltas.items() if delta}
            if moved:
                await store.move_stock(tx, "adjusted", [*moved], [*moved.values()], reason=reason, actor=actor)
        updated += len(moved)
        unchanged += len(deltas) - len(moved)
        failed += len(faults)
        errors += faults[: REPORTED - len(errors)]
    return CountReport(updated=updated, unchanged=unchanged, failed=failed, errors=errors)


def _skus(rows: Sequence[Row]) -> list[str]:
    return [row.count.sku for row in rows if row.count is not None]


def _judged(rows: Sequence[Row], known: dict[str, Stock]) -> tuple[dict[str, int], list[CountError]]:
    """By how much the good rows change their SKUs, and what is wrong with the others."""
    deltas: dict[str, int] = {}
    faults: list[CountError] = []
    for row in rows:
        try:
            sku, delta = _change(row, known)
        except Problem as problem:
            sku_read = row.count.sku if row.count is not None else row.sku
            faults.append(CountError(line=row.line, sku=sku_read, code=problem.code, message=sentence(problem.detail)))
        else:
            deltas[sku] = delta
    return deltas, faults


def _change(row: Row, known: dict[str, Stock]) -> tuple[str, int]:
    """Raises: Invalid, UnknownSku, StaleVersion, BelowReserved."""
    count = row.count
    if count is None:
        raise Invalid(row.fault)
    stock = known.get(count.sku)
    if stock is None:
        raise UnknownSku("no product has this SKU")
    if count.version not in (None, stock.version):
        raise StaleVersion(f"the stock is at version {stock.version}", current_version=stock.version)
    return count.sku, domain.counted(stock, count.on_hand)


async def _locked(tx: Transaction, sku: str) -> Stock:
    await store.get_stock(tx, sku)
    return (await store.lock_stock(tx, [sku]))[sku]


async def _count(tx: Transaction, stock: Stock, on_hand: int, reason: str, *, pointer: str, actor: str) -> Stock:
    if on_hand > MOST_ON_HAND:
        raise Invalid.field(pointer, f"More than {MOST_ON_HAND} would be on hand.")
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
