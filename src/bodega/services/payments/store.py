"""Payments in PostgreSQL: the only file here that knows SQL.

Locks are taken in one order: the order's money, its payments, their refunds.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bodega.contracts.money import Price
from bodega.contracts.payments import AuthorizePayment
from bodega.kit.db import WITHOUT_FLUSH, Database, Row, Transaction
from bodega.kit.telemetry import trace_headers
from bodega.services.payments.domain import Booking, Change, Money, Payment, Refund, Standing
from bodega.services.payments.errors import PaymentNotFound


@dataclass(frozen=True, slots=True)
class Hand:
    """Who drives a payment. Whoever makes one due may take it in the same statement: then nobody need claim it."""

    owner: str
    lease_seconds: float
    database: Database


@dataclass(frozen=True, slots=True)
class Held:
    """A payment in the hands of a worker, and the verdict as it was then. `payment.version` is the fence: whatever
    moves a payment or its order's money raises it, so what is known of both is true for as long as it stands."""

    hand: Hand
    payment: Payment
    money: Money
    trace: Mapping[str, str]
    """The headers of the trace that it is driven in."""


# --- the order's money ------------------------------------------------------------------------------


async def lock_money(tx: Transaction, order_id: str) -> Money:
    """Made, if it is the first that we hear of the order. (Nothing changes by the update, which locks the row, and
    less than one of the key would: rows that refer to it may still be written.)"""
    row = await tx.fetchrow(
        """INSERT INTO order_money (order_id) VALUES ($1)
           ON CONFLICT (order_id) DO UPDATE SET sequence = order_money.sequence RETURNING *""",
        order_id,
    )
    assert row is not None
    return _money(row)


async def decide(tx: Transaction, money: Money, taker: Hand | None = None) -> tuple[list[Payment], Held | None]:
    """Writes what an order has decided about its money, which must be locked, and tells all its payments, which are
    returned. Those that the order does not live on are given up. The one that it does is in the hands of `taker` then,
    unless somebody works on it, who finds that there is news."""
    rows = await tx.fetch(
        """WITH money AS (UPDATE order_money SET verdict = $2, payment_id = $3, capture_due = $4
                           WHERE order_id = $1 RETURNING *)
           UPDATE payment SET version = version + 1, wake_at = now(), troubles = 0, updated_at = now(),
                  void_wanted = void_wanted OR money.verdict = 'cancelled'
                                OR (money.verdict = 'paid' AND id <> money.payment_id),
                  owner = CASE WHEN id = $5 AND (lease_until < now()) IS NOT FALSE THEN $6 ELSE owner END,
                  lease_until = CASE WHEN id = $5 AND (lease_until < now()) IS NOT FALSE
                                     THEN now() + make_interval(secs => $7) ELSE lease_until END
             FROM money WHERE payment.order_id = money.order_id
        RETURNING payment.*""",
        money.order_id, money.verdict, money.payment_id, money.capture_due,
        money.payment_id if taker is not None and money.verdict == "paid" else None,
        taker.owner if taker is not None else None, taker.lease_seconds if taker is not None else 0.0,
    )  # fmt: skip
    payments = [await _whole(tx, row) for row in rows]
    for row, payment in zip(rows, payments, strict=True):
        if taker is not None and row["owner"] == taker.owner:
            return payments, Held(taker, payment, money, row["trace"])
    return payments, None


async def next_sequence(tx: Transaction, order_id: str, many: int) -> int:
    """The first of so many numbers. The order's money must be locked: its facts are told in the order of these."""
    last: int = await tx.fetchval(
        "UPDATE order_money SET sequence = sequence + $2 WHERE order_id = $1 RETURNING sequence", order_id, many
    )
    return last - many + 1


# --- payments ---------------------------------------------------------------------------------------


_NEW_PAYMENT = """INSERT INTO payment (id, order_id, checkout_id, attempt, currency, amount, payment_method, email,
                         description, return_url, trace, order_number, state, wake_at, owner, lease_until)
                  SELECT $1, order_id, $3, $4::integer, $5, $6::bigint, $7, $8, $9, $10, $11::jsonb, $12, 'created',
                         now(), $13, now() + make_interval(secs => $14) FROM money"""


def _new(wanted: AuthorizePayment, taker: Hand) -> tuple[Any, ...]:
    return (
        wanted.payment_id, wanted.order_id, wanted.checkout_id, wanted.attempt, wanted.amount.currency,
        wanted.amount.amount, wanted.payment_method, wanted.email, wanted.description, wanted.return_url,
        json.dumps(trace_headers()), wanted.order_number, taker.owner, taker.lease_seconds,
    )  # fmt: skip


async def insert_first_payment(wanted: AuthorizePayment, taker: Hand) -> Held | None:
    """A payment that is the first that we hear of its order: its money and the payment, held by its maker, in one
    statement. None: it is not, and nothing has been made that stands in anyone's way."""
    row = await taker.database.fetchrow(
        f"""WITH money AS (INSERT INTO order_money (order_id) VALUES ($2) ON CONFLICT DO NOTHING RETURNING order_id)
            {_NEW_PAYMENT} ON CONFLICT (id) DO NOTHING RETURNING *""",  # noqa: S608 - a constant
        *_new(wanted, taker),
    )  # fmt: skip
    return Held(taker, _payment(row, None), Money(wanted.order_id), row["trace"]) if row is not None else None


async def insert_payment(tx: Transaction, wanted: AuthorizePayment, money: Money, taker: Hand) -> Held:
    """Held by its maker. The order's money must be locked."""
    row = await tx.fetchrow(
        f"WITH money AS (SELECT $2::text AS order_id) {_NEW_PAYMENT} RETURNING *", *_new(wanted, taker)
    )
    assert row is not None
    return Held(taker, _payment(row, None), money, row["trace"])


async def find_payment(tx: Transaction, payment_id: str) -> Payment | None:
    row = await tx.fetchrow("SELECT * FROM payment WHERE id = $1", payment_id)
    return await _whole(tx, row) if row is not None else None


async def get_payment(tx: Transaction, payment_id: str) -> Payment:
    """Raises PaymentNotFound."""
    payment = await find_payment(tx, payment_id)
    if payment is None:
        raise PaymentNotFound("no payment has this id")
    return payment


async def find_money(tx: Transaction, order_id: str) -> Money | None:
    """As it stands, unlocked."""
    row = await tx.fetchrow("SELECT * FROM order_money WHERE order_id = $1", order_id)
    return _money(row) if row is not None else None


async def find_order_id(tx: Transaction, reference: str) -> str | None:
    """Of an order that somebody has tried to pay for, by its id or number."""
    column = "order_id" if reference.startswith("ord_") else "order_number"
    order_id: str | None = await tx.fetchval(
        f"SELECT order_id FROM payment WHERE {column} = $1 LIMIT 1",  # noqa: S608 - two constants
        reference,
    )
    return order_id


async def list_payments(tx: Transaction, order_id: str) -> list[Payment]:
    """In the order of their attempts, unlocked."""
    rows = await tx.fetch("SELECT * FROM payment WHERE order_id = $1 ORDER BY attempt", order_id)
    return [_payment(row, None) for row in rows]


async def payments_of(tx: Transaction, order_id: str) -> list[Payment]:
    """In the order of their attempts, locked. The order's money must be locked before."""
    rows = await tx.fetch("SELECT * FROM payment WHERE order_id = $1 ORDER BY attempt FOR NO KEY UPDATE", order_id)
    return [await _whole(tx, row) for row in rows]


async def want_void(tx: Transaction, payment: Payment) -> None:
    """It is given up, for ever."""
    await wake(tx, payment.id, void=True)


async def hint(tx: Transaction, payment_id: str) -> None:
    """Something has moved at the processor: ask it."""
    await wake(tx, payment_id, hint=True)


async def wake(tx: Transaction, payment_id: str, *, void: bool = False, hint: bool = False) -> None:
    """There is news. Whoever is asking the processor about it now finds that the answer is out of date.

    Who has written it drives the payment or wakes the workers beside him, so nobody else need be notified. Should they
    all die, another replica finds it as soon as it looks for work, as it does all the time."""
    await tx.execute(
        """UPDATE payment SET version = version + 1, wake_at = now(), troubles = 0, updated_at = now(),
                  void_wanted = void_wanted OR $2, hint = hint OR $3 WHERE id = $1""",
        payment_id, void, hint,
    )  # fmt: skip


async def payment_of_intent(tx: Transaction, intent_id: str) -> tuple[Payment | None, bool]:
    """And whether a worker is asking the processor about it at this moment."""
    row = await tx.fetchrow(
        """SELECT *, coalesce(lease_until > clock_timestamp(), false) AS asked_about FROM payment
            WHERE intent_id = $1""",
        intent_id,
    )
    return (await _whole(tx, row), row["asked_about"]) if row is not None else (None, False)


async def enter_webhook(tx: Transaction, event_id: str) -> bool:
    """False: it was heard before. `event_id`: a UUID made of the processor's."""
    return bool(
        await tx.fetchval(
            """INSERT INTO inbox (consumer, event_id) VALUES ('payments/webhooks', $1::uuid)
               ON CONFLICT DO NOTHING RETURNING true""",
            event_id,
        )
    )


# --- the worker -------------------------------------------------------------------------------------


async def claim(taker: Hand, payment_id: str | None = None) -> Held | None:
    """A payment that something is to be done for: this one, or any. Raises its version, so that whoever held it
    before and wakes up late writes nothing. One's own may be claimed again at once: after news, for instance.

    The money is read after the payment is claimed: what it says is as new as the claim, or newer, and whatever has
    changed it since has raised the payment's version as well."""
    row = await taker.database.fetchrow(
        """UPDATE payment SET version = version + 1, owner = $1, lease_until = now() + make_interval(secs => $2)
            WHERE id = (SELECT id FROM payment
                         WHERE wake_at <= clock_timestamp() AND ($3::text IS NULL OR id = $3)
                           AND (lease_until IS NULL OR lease_until < now() OR owner = $1)
                         ORDER BY wake_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING *""",
        taker.owner, taker.lease_seconds, payment_id,
    )  # fmt: skip
    if row is None:
        return None
    async with taker.database.reading() as tx:
        money = await find_money(tx, row["order_id"])
        assert money is not None
        return Held(taker, await _whole(tx, row), money, row["trace"])


async def give_back(held: Held) -> None:
    """Whoever comes next need not wait for the end of the lease."""
    await held.hand.database.fetchrow(
        "UPDATE payment SET owner = NULL, lease_until = NULL WHERE id = $1 AND owner = $2 RETURNING id",
        held.payment.id, held.hand.owner,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Saved:
    """A payment as it was written, and the first number of the facts that are told of it."""

    payment: Payment
    sequence: int


async def save(
    tx: Transaction | Database,
    held: Held,
    change: Change,
    *,
    busy: bool,
    wait_seconds: float | None,
    flush: bool = True,
) -> Saved | None:
    """Writes what has become of a held payment, with its refund and its bookings, under its next version; None, and
    nothing is written, if anything has happened to it since. `busy`: its worker goes on. Else it is given back, to be
    claimed after `wait_seconds`; None: when something happens. With facts it needs a transaction, in which they are
    told. `flush`: whether its commit waits for the disk."""
    payment, refund = change.payment, change.refund
    row = await tx.fetchrow(
        f"""WITH money AS (SELECT order_id FROM order_money WHERE order_id = $2 FOR NO KEY UPDATE),
                saved AS (
                  UPDATE payment SET state = $4, intent_id = $5, client_secret = $6, action_url = $7, closed = $8,
                         hint = $9, list_first = $10, tries = $11, authorized = $12, captured = $13, released = $14,
                         refunding = $15, refunded = $16, reason = $17, message = $18, troubles = $19,
                         version = version + 1, owner = CASE WHEN $20 THEN owner END,
                         lease_until = CASE WHEN $20 THEN now() + make_interval(secs => $21) END,
                         wake_at = now() + make_interval(secs => $22), updated_at = now()
                    FROM money WHERE payment.id = $1 AND payment.order_id = money.order_id AND version = $3
                  RETURNING payment.*),
                returned AS (
                  INSERT INTO refund (id, payment_id, amount, state, reason, list_first, tries)
                  SELECT $23, saved.id, $24::bigint, $25, $26, $27::boolean, $28::integer FROM saved
                   WHERE $23::text IS NOT NULL
                  ON CONFLICT (id) DO UPDATE SET state = excluded.state, reason = excluded.reason,
                         list_first = excluded.list_first, tries = excluded.tries),
                booked AS (
                  INSERT INTO ledger (payment_id, entry, order_id, from_account, to_account, amount, currency)
                  SELECT saved.id, line.entry, saved.order_id, line.source, line.target, line.amount, saved.currency
                    FROM saved, unnest($29::text[], $30::text[], $31::text[], $32::bigint[])
                                AS line (entry, source, target, amount)),
                numbered AS (
                  UPDATE order_money SET sequence = sequence + $33 FROM saved
                   WHERE order_money.order_id = saved.order_id AND $33 > 0 RETURNING sequence)
           SELECT saved.*, coalesce((SELECT sequence FROM numbered), 0) - $33 + 1 AS first_number
                  {"" if flush else f", {WITHOUT_FLUSH}"} FROM saved""",  # noqa: S608 - a constant
        payment.id, payment.order_id, held.payment.version, payment.state, payment.intent_id, payment.client_secret,
        payment.action_url, payment.closed, payment.hint, payment.list_first, payment.tries, payment.authorized,
        payment.captured, payment.released, payment.refunding, payment.refunded, payment.reason, payment.message,
        payment.troubles, busy, held.hand.lease_seconds, 0.0 if busy else wait_seconds,
        *((None,) * 6 if refund is None else (
            refund.id, refund.amount, refund.state, refund.reason[:500], refund.list_first, refund.tries)),
        *_columns(change.bookings), len(change.facts),
    )  # fmt: skip
    return Saved(_payment(row, payment.refund), row["first_number"]) if row is not None else None


async def is_under_way(tx: Transaction, payment_id: str) -> bool:
    """Whether somebody works on it or could do so now."""
    return bool(
        await tx.fetchval(
            "SELECT wake_at <= clock_timestamp() OR lease_until > now() FROM payment WHERE id = $1", payment_id
        )
    )


async def is_at_rest(tx: Transaction, payment_id: str) -> bool:
    """Whether nothing is to be done for it until something happens."""
    return bool(await tx.fetchval("SELECT wake_at IS NULL FROM payment WHERE id = $1", payment_id))


# --- refunds and the ledger -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeptRefund:
    """A refund as it stands."""

    payment_id: str
    refund: Refund
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Booked:
    """A line of the ledger."""

    payment_id: str
    booking: Booking
    currency: str
    at: datetime


async def insert_refund(tx: Transaction, payment: Payment, refund: Refund) -> None:
    """A refund of a payment, which must be locked, is planned: somebody must do it."""
    await tx.execute(
        """WITH planned AS (UPDATE payment SET refunding = $3 WHERE id = $2)
           INSERT INTO refund (id, payment_id, amount, reason, state) VALUES ($1, $2, $4, $5, 'wanted')""",
        refund.id, payment.id, payment.refunding, refund.amount, refund.reason[:500],
    )  # fmt: skip
    await wake(tx, payment.id)


async def wanted_refund(tx: Transaction, payment_id: str, *, but: str | None = None) -> Refund | None:
    """The oldest that is not done, but for this one."""
    row = await tx.fetchrow(
        """SELECT * FROM refund WHERE payment_id = $1 AND state = 'wanted' AND id IS DISTINCT FROM $2
            ORDER BY created_at, id LIMIT 1""",
        payment_id, but,
    )  # fmt: skip
    return _refund(row) if row is not None else None


async def get_refund(tx: Transaction, refund_id: str) -> KeptRefund:
    row = await tx.fetchrow("SELECT * FROM refund WHERE id = $1", refund_id)
    assert row is not None
    return _kept_refund(row)


async def refunds_of(tx: Transaction, order_id: str) -> list[KeptRefund]:
    """Of all payments of an order, the oldest first."""
    rows = await tx.fetch(
        """SELECT r.* FROM refund r JOIN payment p ON p.id = r.payment_id
            WHERE p.order_id = $1 ORDER BY r.created_at, r.id""",
        order_id,
    )
    return [_kept_refund(row) for row in rows]


async def ledger_of(tx: Transaction, order_id: str) -> list[Booked]:
    """In the order in which it happened. What was booked together is told as money flows: promised, taken, returned."""
    rows = await tx.fetch(
        """SELECT * FROM ledger WHERE order_id = $1
            ORDER BY at, array_position(ARRAY['authorize', 'authorize_again', 'capture', 'release', 'release_again'],
                                        entry) NULLS LAST, entry""",
        order_id,
    )
    return [
        Booked(
            row["payment_id"],
            Booking(row["entry"], row["from_account"], row["to_account"], row["amount"]),
            row["currency"],
            row["at"],
        )
        for row in rows
    ]


async def ledger_differs(tx: Transaction, limit: int) -> list[str]:
    """Payments whose ledger says something else than they do: none, if all is well."""
    rows = await tx.fetch(
        """SELECT p.id FROM payment p
             LEFT JOIN (SELECT payment_id,
                               coalesce(sum(amount) FILTER (WHERE to_account = 'held'), 0)
                               - coalesce(sum(amount) FILTER (WHERE from_account = 'held'), 0) AS held,
                               coalesce(sum(amount) FILTER (WHERE to_account = 'shop'), 0)
                               - coalesce(sum(amount) FILTER (WHERE from_account = 'shop'), 0) AS shop
                          FROM ledger GROUP BY payment_id) AS l ON l.payment_id = p.id
            WHERE coalesce(l.held, 0) <> p.authorized - p.captured - p.released
               OR coalesce(l.shop, 0) <> p.captured - p.refunded
            ORDER BY p.id LIMIT $1""",
        limit,
    )
    return [row["id"] for row in rows]


# --- the sweep --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Money at the processor that no payment of ours explains."""

    intent_id: str
    payment_id: str | None
    status: str
    amount: Price
    first_seen: datetime


async def swept_until(tx: Transaction, provider: str) -> tuple[datetime | None, datetime]:
    """Up to when the processor's list was compared (None: never), and the time now."""
    row = await tx.fetchrow("SELECT (SELECT until FROM sweep WHERE provider = $1) AS until, now() AS now", provider)
    assert row is not None
    return row["until"], row["now"]


async def save_swept(tx: Transaction, provider: str, until: datetime) -> None:
    await tx.execute(
        """INSERT INTO sweep (provider, until) VALUES ($1, $2)
           ON CONFLICT (provider) DO UPDATE SET until = greatest(sweep.until, excluded.until)""",
        provider, until,
    )  # fmt: skip


async def save_unmatched(tx: Transaction, standing: Standing, amount: int) -> None:
    await tx.execute(
        """INSERT INTO unmatched (intent_id, payment_id, status, amount, currency) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (intent_id) DO UPDATE SET status = excluded.status, amount = excluded.amount""",
        standing.intent_id, standing.payment_id, standing.status, amount, standing.currency,
    )  # fmt: skip


async def differing(tx: Transaction, at_stake: Mapping[str, int]) -> set[str]:
    """Intents of which we hold another amount than this, or that are kept as unmatched. `at_stake`: minor units."""
    rows = await tx.fetch(
        """SELECT listed.intent_id
             FROM unnest($1::text[], $2::bigint[]) AS listed (intent_id, amount)
             LEFT JOIN payment ON payment.intent_id = listed.intent_id
             LEFT JOIN unmatched ON unmatched.intent_id = listed.intent_id
            WHERE unmatched.intent_id IS NOT NULL
               OR listed.amount <> coalesce(payment.authorized - payment.released - payment.refunded, 0)""",
        [*at_stake], [*at_stake.values()],
    )  # fmt: skip
    return {row["intent_id"] for row in rows}


async def delete_unmatched(tx: Transaction, intent_id: str) -> None:
    await tx.execute("DELETE FROM unmatched WHERE intent_id = $1", intent_id)


async def unmatched_ids(tx: Transaction, *, seen_before: datetime) -> list[str]:
    rows = await tx.fetch(
        "SELECT intent_id FROM unmatched WHERE first_seen < $1 ORDER BY first_seen LIMIT 100", seen_before
    )
    return [row["intent_id"] for row in rows]


async def list_unmatched(tx: Transaction, *, grace_seconds: float, limit: int) -> list[Unmatched]:
    """Those that have been so for longer than the grace."""
    rows = await tx.fetch(
        """SELECT * FROM unmatched WHERE first_seen <= now() - make_interval(secs => $1)
            ORDER BY first_seen LIMIT $2""",
        grace_seconds, limit,
    )  # fmt: skip
    return [
        Unmatched(
            intent_id=row["intent_id"],
            payment_id=row["payment_id"],
            status=row["status"],
            amount=Price(amount=row["amount"], currency=row["currency"]),
            first_seen=row["first_seen"],
        )
        for row in rows
    ]


# --- rows -------------------------------------------------------------------------------------------


# --- a person's data --------------------------------------------------------------------------------


async def export_orders(tx: Transaction, order_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The payments of these orders. What a client needs to act on one is left out: it is a secret, not a fact."""
    rows = await tx.fetch(
        """SELECT to_jsonb(p)
                    - ARRAY['client_secret', 'action_url', 'return_url', 'owner', 'lease_until', 'trace'] AS held
             FROM payment p WHERE order_id = ANY($1) ORDER BY id""",
        list(order_ids),
    )
    return [row["held"] for row in rows]


async def pseudonymise_payments(tx: Transaction, order_ids: Sequence[str], email: str) -> int:
    """The sums, the ledger and the processor's reference stay: they are the books. Whoever holds a payment has to look
    at it again: what he knows of it says who it was."""
    return await tx.execute(
        """UPDATE payment SET email = $2, client_secret = NULL, action_url = NULL, version = version + 1,
                  updated_at = now()
            WHERE order_id = ANY($1) AND email IS DISTINCT FROM $2""",
        list(order_ids), email,
    )  # fmt: skip


async def _whole(tx: Transaction, row: Row) -> Payment:
    """With the refund that is to be done next."""
    return _payment(row, await wanted_refund(tx, row["id"]) if row["refunding"] > row["refunded"] else None)


def _columns(bookings: Sequence[Booking]) -> tuple[list[str], list[str], list[str], list[int]]:
    return (
        [one.entry for one in bookings],
        [one.source for one in bookings],
        [one.target for one in bookings],
        [one.amount for one in bookings],
    )


def _money(row: Row) -> Money:
    return Money(
        order_id=row["order_id"],
        verdict=row["verdict"],
        payment_id=row["payment_id"],
        capture_due=row["capture_due"],
        sequence=row["sequence"],
    )


def _refund(row: Row) -> Refund:
    return Refund(row["id"], row["amount"], row["state"], row["reason"], row["list_first"], row["tries"])


def _kept_refund(row: Row) -> KeptRefund:
    return KeptRefund(row["payment_id"], _refund(row), row["created_at"])


_PLAIN = (
    "id", "order_id", "checkout_id", "attempt", "payment_method", "email", "description", "return_url", "created_at",
    "state", "intent_id", "client_secret", "action_url", "void_wanted", "closed", "hint", "list_first", "tries",
    "authorized", "captured", "released", "refunding", "refunded", "reason", "message", "version", "troubles",
)  # fmt: skip


def _payment(row: Row, refund: Refund | None) -> Payment:
    plain: dict[str, Any] = {name: row[name] for name in _PLAIN}
    return Payment(**plain, amount=Price(amount=row["amount"], currency=row["currency"]), refund=refund)
