"""Stock and reservations in PostgreSQL: the only file here that knows SQL.

Stock is moved by functions of the database alone (migrations: `move_stock`, `reserve`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bodega.contracts.inventory import ReservationLine, ShortLine
from bodega.kit.db import OUTBOX, Database, Row, Transaction
from bodega.kit.telemetry import trace_headers
from bodega.services.inventory.domain import Change, Movement, Reservation, State, Stock
from bodega.services.inventory.errors import UnknownReservation, UnknownSku


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Why one version of a SKU's stock differs from the one before."""

    version: int
    at: datetime
    movement: Movement
    on_hand_delta: int
    reserved_delta: int
    reservation_id: str | None
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A SKU whose stock is not what the ledger and the reservations say. There must be none."""

    sku: str
    on_hand: int
    on_hand_by_ledger: int
    reserved: int
    reserved_by_ledger: int
    reserved_by_reservations: int


# --- stock ------------------------------------------------------------------------------------------


async def find_stock(tx: Transaction, skus: Sequence[str]) -> dict[str, Stock]:
    """By SKU; those that are not known are missing."""
    rows = await tx.fetch("SELECT * FROM stock WHERE sku = ANY ($1)", skus)
    return {row["sku"]: _stock(row) for row in rows}


async def get_stock(tx: Transaction, sku: str) -> Stock:
    """Raises UnknownSku."""
    return _known(await tx.fetchrow("SELECT * FROM stock WHERE sku = $1", sku))


ORDERS = {"sku": "sku", "available": "on_hand - reserved, sku"}
# $5 is named in both, so that the server knows its type.
_AFTER = {"sku": "($5::bigint IS NOT NULL AND sku > $4)", "available": "(on_hand - reserved, sku) > ($5::bigint, $4)"}


async def search_stock(
    tx: Transaction,
    *,
    query: str | None,
    product_id: str | None,
    available_at_most: int | None,
    order: str,
    after: tuple[int, str] | None,
    limit: int,
) -> list[Stock]:
    """For the merchant. `query`: how a SKU begins, in any case. `order`: a key of ORDERS; `after`: what was available
    of the last SKU of the page before, and the SKU."""
    available, sku = after or (None, None)
    rows = await tx.fetch(
        f"""SELECT * FROM stock
            WHERE ($1::text IS NULL OR starts_with(lower(sku), lower($1)))
              AND ($2::text IS NULL OR product_id = $2)
              AND ($3::integer IS NULL OR on_hand - reserved <= $3)
              AND ($4::text IS NULL OR {_AFTER[order]})
            ORDER BY {ORDERS[order]} LIMIT $6""",  # noqa: S608 - constants
        query, product_id, available_at_most, sku, available, limit,
    )  # fmt: skip
    return [_stock(row) for row in rows]


async def lock_stock(tx: Transaction, skus: Sequence[str]) -> dict[str, Stock]:
    """Locks the rows in SKU order, as everybody does: so nobody waits in a circle."""
    rows = await tx.fetch("SELECT * FROM stock WHERE sku = ANY ($1) ORDER BY sku FOR UPDATE", skus)
    return {row["sku"]: _stock(row) for row in rows}


async def move_stock(
    tx: Transaction,
    movement: Movement,
    skus: Sequence[str],
    quantities: Sequence[int],
    *,
    reservation_id: str | None = None,
    reason: str = "",
    actor: str,
) -> None:
    """The rows, their ledger and their events in one go."""
    await tx.execute(
        "SELECT move_stock($1, $2, $3, $4, $5, $6, $7::jsonb)",
        movement, reservation_id, skus, quantities, reason, actor, json.dumps(trace_headers()),
    )  # fmt: skip
    tx.notify(OUTBOX)


async def learn_product(tx: Transaction, product_id: str, skus: Sequence[str], version: int) -> None:
    """Which SKUs a product has as of a version; nothing, if that is no newer than what is known of it. New SKUs get a
    row at 0. A SKU is the product's that says so last; of one that it gives up, the product's that says so still."""
    wanted = sorted(set(skus))
    # A product that is new: most of a large import are, and of those that is all.
    is_new = await tx.fetchval(
        """INSERT INTO product_skus (product_id, version, skus) VALUES ($1, $2, $3) ON CONFLICT (product_id) DO NOTHING
           RETURNING true""",
        product_id, version, wanted,
    )  # fmt: skip
    before: Sequence[str] = ()
    if not is_new:
        # Its row is locked: two versions of it would not see each other.
        before = await tx.fetchval("SELECT skus FROM product_skus WHERE product_id = $1 FOR UPDATE", product_id)
        learnt = await tx.fetchval(
            """UPDATE product_skus SET version = $2, skus = $3 WHERE product_id = $1 AND version < $2
               RETURNING true""",
            product_id, version, wanted,
        )  # fmt: skip
        if not learnt:
            return
    made = await tx.fetchval(
        """WITH made AS (INSERT INTO stock (sku, product_id)
                         SELECT sku, $2 FROM unnest($1::text[]) AS s (sku) ORDER BY sku
                         ON CONFLICT (sku) DO NOTHING RETURNING sku)
           SELECT count(*) FROM made""",
        wanted, product_id,
    )  # fmt: skip
    if is_new and made == len(wanted):
        return
    # Another product's event may be under way: whoever locks a row second sees what the first has said. What is given
    # up is locked whoever has it now, since the other may be passing it to this product. Rows that stay the product's
    # are left alone, so that nobody who buys waits.
    given_up = sorted(set(before) - set(skus))
    if tx.shared:
        is_moving = given_up or await tx.fetchval(
            "SELECT EXISTS (SELECT FROM stock WHERE sku = ANY ($1) AND product_id IS DISTINCT FROM $2)",
            wanted, product_id,
        )  # fmt: skip
        if not is_moving:
            return
        tx.keep_to_itself()
    await tx.execute(
        """SELECT FROM stock
            WHERE sku = ANY ($1) AND product_id IS DISTINCT FROM $2 OR sku = ANY ($3)
            ORDER BY sku FOR UPDATE""",
        skus, product_id, given_up,
    )  # fmt: skip
    await tx.execute(
        "UPDATE stock SET product_id = $2 WHERE sku = ANY ($1) AND product_id IS DISTINCT FROM $2", skus, product_id
    )
    await tx.execute(
        """UPDATE stock SET product_id = (
             SELECT other.product_id FROM product_skus AS other WHERE other.skus @> ARRAY[stock.sku]
              ORDER BY other.product_id LIMIT 1)
            WHERE sku = ANY ($1) AND product_id = $2""",
        given_up, product_id,
    )  # fmt: skip


async def ledger_of(tx: Transaction, sku: str, *, before: int | None, limit: int) -> list[LedgerEntry]:
    """Newest first."""
    rows = await tx.fetch(
        """SELECT * FROM stock_ledger WHERE sku = $1 AND ($2::bigint IS NULL OR version < $2)
            ORDER BY version DESC LIMIT $3""",
        sku, before, limit,
    )  # fmt: skip
    return [
        LedgerEntry(
            version=row["version"],
            at=row["at"],
            movement=row["movement"],
            on_hand_delta=row["on_hand_delta"],
            reserved_delta=row["reserved_delta"],
            reservation_id=row["reservation_id"],
            reason=row["reason"],
            actor=row["actor"],
        )
        for row in rows
    ]


async def differences(tx: Transaction, limit: int = 100) -> list[Difference]:
    """The audit, of one instant: the ledger's sums and the living reservations against the stock."""
    rows = await tx.fetch(
        """WITH ledger AS (
             SELECT sku, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved FROM stock_ledger GROUP BY sku),
           living AS (
             SELECT sku, sum(quantity) AS reserved
               FROM reservation, unnest(skus, quantities) AS l (sku, quantity)
              WHERE state IN ('reserved', 'held') GROUP BY sku),
           compared AS (
             SELECT stock.sku, stock.on_hand, stock.reserved,
                    coalesce(ledger.on_hand, 0)  AS on_hand_by_ledger,
                    coalesce(ledger.reserved, 0) AS reserved_by_ledger,
                    coalesce(living.reserved, 0) AS reserved_by_reservations
               FROM stock LEFT JOIN ledger USING (sku) LEFT JOIN living USING (sku))
           SELECT * FROM compared
            WHERE on_hand <> on_hand_by_ledger OR reserved <> reserved_by_ledger OR reserved <> reserved_by_reservations
            ORDER BY sku LIMIT $1""",
        limit,
    )  # fmt: skip
    return [
        Difference(
            sku=row["sku"],
            on_hand=row["on_hand"],
            on_hand_by_ledger=int(row["on_hand_by_ledger"]),
            reserved=row["reserved"],
            reserved_by_ledger=int(row["reserved_by_ledger"]),
            reserved_by_reservations=int(row["reserved_by_reservations"]),
        )
        for row in rows
    ]


# --- reservations -----------------------------------------------------------------------------------


_MEANS: Mapping[str, State] = {"held": "reserved", "expired": "released"}
"""What the former release, which may run beside this one, calls otherwise (migrations, `no_clock`)."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What became of a reserve. Neither made nor short: the id is known already."""

    made: bool
    short: tuple[ShortLine, ...]


async def reserve(database: Database, reservation_id: str, lines: Sequence[ReservationLine], *, actor: str) -> Reserved:
    """All lines or none, in one statement in autocommit. `lines` ascending by SKU."""
    row = await database.fetchrow(
        "SELECT * FROM reserve($1, $2, $3, $4, $5::jsonb)",
        reservation_id, [line.sku for line in lines], [line.quantity for line in lines], actor,
        json.dumps(trace_headers()),
    )  # fmt: skip
    assert row is not None
    database.notify(OUTBOX)
    return Reserved(row["made"], tuple(ShortLine.model_validate(line) for line in row["short"] or ()))


async def get_reservation(tx: Transaction, reservation_id: str) -> Reservation:
    """Raises UnknownReservation."""
    return _found(await tx.fetchrow("SELECT * FROM reservation WHERE id = $1", reservation_id))


async def find_reservations(tx: Transaction, ids: Sequence[str]) -> list[Reservation]:
    """Those that are not known are missing."""
    return [_reservation(row) for row in await tx.fetch("SELECT * FROM reservation WHERE id = ANY ($1)", ids)]


async def lock_reservations(tx: Transaction, ids: Sequence[str]) -> list[Reservation]:
    """Locks the rows by id, ascending. Those that are not known are missing."""
    rows = await tx.fetch("SELECT * FROM reservation WHERE id = ANY ($1) ORDER BY id FOR UPDATE", ids)
    return [_reservation(row) for row in rows]


async def insert_reservation(
    tx: Transaction, reservation_id: str, lines: Sequence[ReservationLine]
) -> Reservation | None:
    """The row alone: its units are moved by the caller. None, if the id is known; waits for whoever is just making or
    burying it."""
    row = await tx.fetchrow(
        """INSERT INTO reservation (id, state, skus, quantities) VALUES ($1, 'reserved', $2, $3)
           ON CONFLICT DO NOTHING RETURNING *""",
        reservation_id, [line.sku for line in lines], [line.quantity for line in lines],
    )  # fmt: skip
    return _reservation(row) if row is not None else None


async def end_reservations(tx: Transaction, ids: Sequence[str]) -> None:
    """Of cancelled orders. The rows alone: their units are moved by the caller."""
    await tx.execute(
        "UPDATE reservation SET state = 'released', order_cancelled = true, updated_at = now() WHERE id = ANY ($1)", ids
    )


async def lock_reservation(tx: Transaction, reservation_id: str) -> Reservation:
    """Raises UnknownReservation."""
    return _found(await tx.fetchrow("SELECT * FROM reservation WHERE id = $1 FOR UPDATE", reservation_id))


async def commit(tx: Transaction, reservation_id: str, *, reason: str, actor: str) -> Reservation | None:
    """What is set aside leaves the stock, in one statement; None, if it is in another state or not known."""
    row = await tx.fetchrow(
        """WITH committed AS (
             UPDATE reservation SET state = 'committed', updated_at = now()
              WHERE id = $1 AND state IN ('reserved', 'held') RETURNING *)
           SELECT *, move_stock('committed', id, skus, quantities, $2, $3, $4::jsonb) FROM committed""",
        reservation_id, reason, actor, json.dumps(trace_headers()),
    )  # fmt: skip
    tx.notify(OUTBOX)
    return _reservation(row) if row is not None else None


async def insert_tombstone(tx: Transaction, reservation_id: str) -> bool:
    """Buries an id that is not known; False, if it is. Waits for whoever is just making it."""
    return bool(
        await tx.execute(
            """INSERT INTO reservation (id, state, skus, quantities) VALUES ($1, 'released', '{}', '{}')
               ON CONFLICT DO NOTHING""",
            reservation_id,
        )
    )


async def insert_tombstones(tx: Transaction, ids: Sequence[str]) -> None:
    """Buries those that are not known, by id, ascending."""
    await tx.execute(
        """INSERT INTO reservation (id, state, skus, quantities)
           SELECT id, 'released', '{}', '{}' FROM unnest($1::text[]) AS i (id) ORDER BY id ON CONFLICT DO NOTHING""",
        ids,
    )


async def save_change(tx: Transaction, change: Change, *, reason: str, actor: str) -> None:
    """The reservation as it is now, and its units where they are now. Its row must be locked."""
    after = change.reservation
    await tx.execute(
        "UPDATE reservation SET state = $2, order_cancelled = $3, updated_at = now() WHERE id = $1",
        after.id, after.state, after.order_cancelled,
    )  # fmt: skip
    if change.movement is not None:
        await move_stock(
            tx,
            change.movement,
            [line.sku for line in after.lines],
            [line.quantity for line in after.lines],
            reservation_id=after.id,
            reason=reason,
            actor=actor,
        )


def _known(row: Row | None) -> Stock:
    if row is None:
        raise UnknownSku("no product has this SKU")
    return _stock(row)


def _stock(row: Row) -> Stock:
    return Stock(
        sku=row["sku"],
        product_id=row["product_id"],
        on_hand=row["on_hand"],
        reserved=row["reserved"],
        version=row["version"],
    )


def _found(row: Row | None) -> Reservation:
    if row is None:
        raise UnknownReservation("no reservation has this id")
    return _reservation(row)


def _reservation(row: Row) -> Reservation:
    return Reservation(
        id=row["id"],
        state=_MEANS.get(row["state"], row["state"]),
        lines=tuple(
            ReservationLine(sku=sku, quantity=quantity)
            for sku, quantity in zip(row["skus"], row["quantities"], strict=True)
        ),
        order_cancelled=row["order_cancelled"],
    )
