"""Orders in PostgreSQL: the only file here that knows SQL."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bodega.contracts.fields import Address, Contact
from bodega.contracts.ids import new_order_number, order_number
from bodega.contracts.orders import OrderLine, Totals
from bodega.contracts.privacy import ERASED, ERASED_ADDRESS, POSTAL_PREFIX, erased_email
from bodega.kit.db import Database, Row, Transaction
from bodega.kit.retention import DAY, Prune, older_than
from bodega.services.orders.domain import Change, Order, Withdrawal
from bodega.services.orders.errors import OrderNotFound, WithdrawalNotFound

CHANGES = "order_changed"
"""The channel on which the id of an order is said when it has changed."""
NOTE_CHARACTERS = 500
"""Of a line of history, at most."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    at: datetime
    from_state: str | None
    to_state: str
    note: str
    cause: str
    actor: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept beside an order's row, oldest first."""

    history: list[HistoryEntry]
    withdrawals: list[Withdrawal]


async def insert_order(tx: Transaction, order: Order, note: str, *, cause: str, actor: str) -> Order | None:
    """The order with its number, and its first line of history; None, if its id is taken or buried, or its checkout or
    reservation has another order. The id must be locked.

    Numbers are random; in the rare clash another one is drawn.
    """
    while True:
        numbered = replace(order, number=new_order_number())
        inserted = await tx.fetchval(
            """WITH made AS (
                 INSERT INTO orders (id, number, state, version, checkout_id, customer_id, email, cart_id,
                        cart_revision, reservation_id, currency, total, lines, totals, shipping_address,
                        billing_address, shipping_option, contact, placed_at, promised_from, promised_to)
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::jsonb, $14::jsonb, $15::jsonb,
                        $16::jsonb, $17, $18::jsonb, $19, $20, $21
                  WHERE NOT EXISTS (SELECT FROM order_tombstone WHERE order_id = $1)
                 ON CONFLICT DO NOTHING RETURNING id, version, state),
               noted AS (
                 INSERT INTO order_history (order_id, version, to_state, note, cause, actor)
                 SELECT id, version, state, $22, $23, $24 FROM made)
               SELECT EXISTS (SELECT FROM made)""",
            numbered.id, numbered.number, numbered.state, numbered.version, numbered.checkout_id,
            numbered.customer_id, numbered.contact.email.lower(), numbered.cart_id, numbered.cart_revision,
            numbered.reservation_id, numbered.totals.total.currency, numbered.totals.total.amount,
            json.dumps([line.model_dump(mode="json") for line in numbered.lines]),
            numbered.totals.model_dump_json(), numbered.shipping_address.model_dump_json(),
            numbered.billing_address.model_dump_json() if numbered.billing_address else None,
            numbered.shipping_option, numbered.contact.model_dump_json(), numbered.placed_at,
            numbered.promised_from, numbered.promised_to, note[:NOTE_CHARACTERS], cause, actor,
        )  # fmt: skip
        if inserted:
            return numbered
        if not await tx.fetchval("SELECT EXISTS (SELECT FROM orders WHERE number = $1)", numbered.number):
            return None


async def insert_tombstone(tx: Transaction, order_id: str, reason: str) -> None:
    await tx.execute(
        "INSERT INTO order_tombstone (order_id, reason) VALUES ($1, $2) ON CONFLICT DO NOTHING", order_id, reason
    )


async def lock_id(tx: Transaction, order_id: str) -> None:
    """Until the end of the transaction nobody else makes or buries this id. A row that is not there yet
    cannot be locked: without this, a create and a cancel that pass each other would both succeed."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", order_id)


async def is_buried(tx: Transaction, order_id: str) -> bool:
    return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM order_tombstone WHERE order_id = $1)", order_id))


async def find_order(tx: Transaction, reference: str) -> Order | None:
    """By id, or by number in any case, with or without its hyphens."""
    column = "id" if reference.startswith("ord_") else "number"
    if column == "number":
        reference = order_number(reference)
    row = await tx.fetchrow(f"SELECT * FROM orders WHERE {column} = $1", reference)  # noqa: S608 - two constants
    return _order(row) if row is not None else None


async def get_order(tx: Transaction, reference: str) -> Order:
    """Raises OrderNotFound."""
    order = await find_order(tx, reference)
    if order is None:
        raise OrderNotFound("no order has this id or number")
    return order


async def find_locked(tx: Transaction, order_id: str) -> Order | None:
    row = await tx.fetchrow("SELECT * FROM orders WHERE id = $1 FOR UPDATE", order_id)
    return _order(row) if row is not None else None


async def lock_order(tx: Transaction, order_id: str) -> Order:
    """Raises OrderNotFound."""
    order = await find_locked(tx, order_id)
    if order is None:
        raise OrderNotFound("no order has this id")
    return order


_SAVE = """
    WITH changed AS (
      UPDATE orders SET state = $3, version = version + 1, payment_id = $4, captured = $5, refunded = $6, carrier = $7,
             tracking_number = $8, tracking_url = $9, attention = $10, paid_at = $11, updated_at = now(),
             customer_id = CASE WHEN customer_id IS NULL AND paid_at IS NULL AND $11::timestamptz IS NOT NULL
                                THEN (SELECT m.customer_id FROM proven_mailbox AS m WHERE m.email = orders.email)
                                ELSE customer_id END
       WHERE id = $1 AND version = $2
      RETURNING id, state, version, customer_id),
    noted AS (
      INSERT INTO order_history (order_id, version, from_state, to_state, note, cause, actor)
      SELECT id, version, $12, state, $13, $14, $15 FROM changed)
    SELECT customer_id FROM changed"""


async def save_change(tx: Transaction, before: Order, change: Change, *, cause: str, actor: str) -> Order:
    """The order with its next version and its line of history: one statement, since an order goes through many. The
    row must be locked.

    When it is paid, a guest's order becomes that of whoever has proven the mailbox, if somebody has. Not before:
    whoever types somebody else's address could fill their account with nothing.
    """
    row = await tx.fetchrow(_SAVE, *_changed(before, change, cause, actor))
    if row is None:
        raise RuntimeError(f"{before.id} was changed though it should be locked")
    tx.notify(CHANGES, before.id)
    return _next(before, change, row)


async def save_if_unchanged(
    database: Database, before: Order, change: Change, *, cause: str, actor: str
) -> Order | None:
    """The same in a transaction of its own, for a change that tells no fact. None, if the order is not as it was read
    any more: then nothing is written."""
    row = await database.fetchrow(_SAVE, *_changed(before, change, cause, actor))
    if row is None:
        return None
    database.notify(CHANGES, before.id)
    return _next(before, change, row)


def _changed(before: Order, change: Change, cause: str, actor: str) -> tuple[Any, ...]:
    after = change.order
    return (
        after.id, before.version, after.state, after.payment_id, after.captured, after.refunded, after.carrier,
        after.tracking_number, after.tracking_url, after.attention, after.paid_at, before.state,
        (change.note or "")[:NOTE_CHARACTERS], cause, actor,
    )  # fmt: skip


def _next(before: Order, change: Change, row: Row) -> Order:
    return replace(change.order, version=before.version + 1, customer_id=row["customer_id"])


async def claim_guest_orders(tx: Transaction, email: str, customer_id: str) -> int:
    """Those that there are, and from now on those that are paid for."""
    await tx.execute(
        """INSERT INTO proven_mailbox (email, customer_id) VALUES ($1, $2)
           ON CONFLICT (email) DO UPDATE SET customer_id = $2""",
        email.lower(), customer_id,
    )  # fmt: skip
    return await tx.execute(
        "UPDATE orders SET customer_id = $2, updated_at = now() WHERE email = $1 AND customer_id IS NULL",
        email.lower(), customer_id,
    )  # fmt: skip


async def history_of(tx: Transaction, order_id: str) -> list[HistoryEntry]:
    rows = await tx.fetch("SELECT * FROM order_history WHERE order_id = $1 ORDER BY version", order_id)
    return [
        HistoryEntry(
            at=row["at"],
            from_state=row["from_state"],
            to_state=row["to_state"],
            note=row["note"],
            cause=row["cause"],
            actor=row["actor"],
        )
        for row in rows
    ]


async def record_of(tx: Transaction, order_id: str) -> Record:
    return Record(await history_of(tx, order_id), await withdrawals_of(tx, order_id))


async def orders_of_customer(tx: Transaction, customer_id: str, *, before: str | None, limit: int) -> list[Order]:
    """Newest first: ids sort by time of birth."""
    rows = await tx.fetch(
        """SELECT * FROM orders WHERE customer_id = $1 AND ($2::text IS NULL OR id < $2)
            ORDER BY id DESC LIMIT $3""",
        customer_id, before, limit,
    )  # fmt: skip
    return _orders(rows)


SORTS = {"newest": "id DESC", "oldest": "id", "-total": "total DESC, id DESC", "total": "total, id"}
# $8 is named in each, so that the server knows its type.
_AFTER = {
    "newest": "($8::bigint IS NOT NULL AND id < $9)",
    "oldest": "($8::bigint IS NOT NULL AND id > $9)",
    "-total": "(total, id) < ($8::bigint, $9)",
    "total": "(total, id) > ($8::bigint, $9)",
}
# As `Order.shown_state` says it.
SHOWN_STATE = """CASE WHEN state = 'cancelled' OR refunded = 0 THEN state
                      WHEN refunded >= total THEN 'refunded' ELSE 'partly_refunded' END"""


async def search_orders(
    tx: Transaction,
    *,
    state: str | None,
    query: str | None,
    attention: bool | None,
    placed_from: datetime | None,
    placed_before: datetime | None,
    total_from: int | None,
    total_to: int | None,
    order: str,
    after: tuple[int, str] | None,
    limit: int,
) -> list[Order]:
    """For the merchant. `query`: the beginning of a number or of an e-mail, or a tracking number. `order`: a key of
    SORTS; `after`: total and id of the last order of the page before."""
    rows = await tx.fetch(
        f"""SELECT * FROM orders
            WHERE ($1::text IS NULL OR {SHOWN_STATE} = $1)
              AND ($2::text IS NULL OR starts_with(number, upper($2)) OR starts_with(email, lower($2))
                   OR tracking_number = $2)
              AND ($3::boolean IS NULL OR (attention IS NOT NULL) = $3)
              AND ($4::timestamptz IS NULL OR placed_at >= $4) AND ($5::timestamptz IS NULL OR placed_at < $5)
              AND ($6::bigint IS NULL OR total >= $6) AND ($7::bigint IS NULL OR total <= $7)
              AND ($9::text IS NULL OR {_AFTER[order]})
            ORDER BY {SORTS[order]} LIMIT $10""",  # noqa: S608 - constants
        state, query and order_number(query), attention, placed_from, placed_before, total_from, total_to,
        *(after or (None, None)), limit,
    )  # fmt: skip
    return _orders(rows)


# --- withdrawals ------------------------------------------------------------------------------------


async def save_withdrawal(tx: Transaction, made: Withdrawal) -> None:
    """A new statement, or the order that one has been assigned to: what was typed is never written again."""
    await tx.execute(
        """INSERT INTO withdrawal (id, received_at, typed_number, name, email, goods, order_id, late)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (id) DO UPDATE SET order_id = $7, late = $8 WHERE withdrawal.order_id IS NULL""",
        made.id, made.received_at, made.typed_number, made.name, made.email, made.goods, made.order_id, made.late,
    )  # fmt: skip


async def get_withdrawal(tx: Transaction, withdrawal_id: str, *, lock: bool = False) -> Withdrawal:
    """Raises WithdrawalNotFound."""
    row = await tx.fetchrow(
        f"SELECT * FROM withdrawal WHERE id = $1 {'FOR UPDATE' if lock else ''}",  # noqa: S608 - two constants
        withdrawal_id,
    )
    if row is None:
        raise WithdrawalNotFound("no statement of withdrawal has this id")
    return _withdrawal(row)


async def withdrawals_of(tx: Transaction, order_id: str) -> list[Withdrawal]:
    """Oldest first."""
    return [
        _withdrawal(row) for row in await tx.fetch("SELECT * FROM withdrawal WHERE order_id = $1 ORDER BY id", order_id)
    ]


async def unmatched_since(tx: Transaction, email: str, since: datetime) -> int:
    """How many statements with this address have matched no order since then."""
    count: int = await tx.fetchval(
        "SELECT count(*) FROM withdrawal WHERE order_id IS NULL AND lower(email) = lower($1) AND received_at > $2",
        email, since,
    )  # fmt: skip
    return count


async def search_withdrawals(
    tx: Transaction, *, matched: bool | None, before: str | None, limit: int
) -> list[tuple[Withdrawal, str | None]]:
    """Newest first, each with the number of its order."""
    rows = await tx.fetch(
        """SELECT w.*, o.number FROM withdrawal w LEFT JOIN orders o ON o.id = w.order_id
            WHERE ($1::boolean IS NULL OR (w.order_id IS NOT NULL) = $1) AND ($2::text IS NULL OR w.id < $2)
            ORDER BY w.id DESC LIMIT $3""",
        matched, before, limit,
    )  # fmt: skip
    return [(_withdrawal(row), row["number"]) for row in rows]


async def find_delivery(tx: Transaction, order_id: str) -> datetime | None:
    """When the parcel arrived; None: it has not."""
    at: datetime | None = await tx.fetchval(
        "SELECT at FROM order_history WHERE order_id = $1 AND note = 'delivered' ORDER BY version LIMIT 1", order_id
    )
    return at


def unmatched_for(days: int) -> Prune:
    """Statements that nobody could find an order for, after so long. The others stay as long as their orders."""
    return older_than(days * DAY, "withdrawal", "received_at", only="order_id IS NULL")


# --- a person's data --------------------------------------------------------------------------------


async def order_ids_of(tx: Transaction, customer_id: str) -> list[str]:
    rows = await tx.fetch("SELECT id FROM orders WHERE customer_id = $1 ORDER BY id", customer_id)
    return [row["id"] for row in rows]


async def export_customer(tx: Transaction, customer_id: str) -> list[dict[str, Any]]:
    """The customer's orders as they are stored, with their history."""
    rows = await tx.fetch(
        """SELECT to_jsonb(o) || jsonb_build_object('history', (SELECT jsonb_agg(to_jsonb(h) - 'order_id' ORDER BY
                  h.version) FROM order_history h WHERE h.order_id = o.id)) AS held
             FROM orders o WHERE customer_id = $1 ORDER BY id""",
        customer_id,
    )
    return [row["held"] for row in rows]


async def export_withdrawals(tx: Transaction, customer_id: str, email: str | None) -> list[dict[str, Any]]:
    """Those of the customer's orders, and those of no order with their address."""
    rows = await tx.fetch(
        """SELECT to_jsonb(w) AS held FROM withdrawal w LEFT JOIN orders o ON o.id = w.order_id
            WHERE o.customer_id = $1 OR (w.order_id IS NULL AND lower(w.email) = lower($2::text)) ORDER BY w.id""",
        customer_id, email,
    )  # fmt: skip
    return [row["held"] for row in rows]


async def pseudonymise_withdrawals(tx: Transaction, customer_id: str, email: str | None) -> int:
    """That they withdrew, from which order and when, stays with the order; a statement about no order is deleted."""
    await tx.execute("DELETE FROM withdrawal WHERE order_id IS NULL AND lower(email) = lower($1::text)", email)
    return await tx.execute(
        """UPDATE withdrawal SET name = $3, email = $2, goods = CASE WHEN goods IS NOT NULL THEN $3 END
             FROM orders o WHERE o.id = withdrawal.order_id AND o.customer_id = $1 AND withdrawal.email <> $2""",
        customer_id, erased_email(customer_id), ERASED,
    )  # fmt: skip


async def lock_open_numbers(tx: Transaction, customer_id: str) -> list[str]:
    """The numbers of the orders that still move: goods or money are under way. All the customer's are locked."""
    rows = await tx.fetch(
        """SELECT number, state NOT IN ('delivered', 'cancelled') AND NOT (refunded = total AND total > 0) AS open
             FROM orders WHERE customer_id = $1 ORDER BY id FOR UPDATE""",
        customer_id,
    )
    return [row["number"] for row in rows if row["open"]]


async def forget_mailbox(tx: Transaction, customer_id: str) -> None:
    await tx.execute("DELETE FROM proven_mailbox WHERE customer_id = $1", customer_id)


async def pseudonymise_orders(tx: Transaction, customer_id: str) -> int:
    """No version is made of it: nothing of the order itself has changed."""
    return await tx.execute(
        """UPDATE orders SET email = $2, contact = contact || jsonb_build_object('email', $2::text, 'phone', NULL),
                  shipping_address = shipping_address || $3::jsonb
                    || jsonb_build_object('postal_code', coalesce(left(shipping_address->>'postal_code', $4), '')),
                  billing_address = billing_address || $3::jsonb
                    || jsonb_build_object('postal_code', coalesce(left(billing_address->>'postal_code', $4), ''))
            WHERE customer_id = $1 AND email <> $2""",
        customer_id, erased_email(customer_id), json.dumps(ERASED_ADDRESS), POSTAL_PREFIX,
    )  # fmt: skip


def _withdrawal(row: Row) -> Withdrawal:
    return Withdrawal(
        id=row["id"],
        received_at=row["received_at"],
        typed_number=row["typed_number"],
        name=row["name"],
        email=row["email"],
        goods=row["goods"],
        order_id=row["order_id"],
        late=row["late"],
    )


def _orders(rows: Sequence[Row]) -> list[Order]:
    return [_order(row) for row in rows]


def _order(row: Row) -> Order:
    return Order(
        id=row["id"],
        number=row["number"],
        state=row["state"],
        version=row["version"],
        checkout_id=row["checkout_id"],
        customer_id=row["customer_id"],
        cart_id=row["cart_id"],
        cart_revision=row["cart_revision"],
        reservation_id=row["reservation_id"],
        payment_id=row["payment_id"],
        paid_at=row["paid_at"],
        captured=row["captured"],
        refunded=row["refunded"],
        lines=tuple(OrderLine.model_validate(line) for line in row["lines"]),
        totals=Totals.model_validate(row["totals"]),
        shipping_address=Address.model_validate(row["shipping_address"]),
        billing_address=Address.model_validate(row["billing_address"]) if row["billing_address"] else None,
        shipping_option=row["shipping_option"],
        contact=Contact.model_validate(row["contact"]),
        carrier=row["carrier"],
        tracking_number=row["tracking_number"],
        tracking_url=row["tracking_url"],
        attention=row["attention"],
        placed_at=row["placed_at"],
        promised_from=row["promised_from"],
        promised_to=row["promised_to"],
    )
