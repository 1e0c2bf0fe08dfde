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
from bodega.kit.db import Row, Transaction
from bodega.kit.telemetry import trace_headers
from bodega.services.payments.domain import Booking, Money, Payment, Refund, Standing
from bodega.services.payments.errors import PaymentNotFound

WORK = "payment_work"
"""The channel on which workers hear that there is something to do."""


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


async def save_money(tx: Transaction, money: Money) -> None:
    await tx.execute(
        "UPDATE order_money SET verdict = $2, payment_id = $3, capture_due = $4 WHERE order_id = $1",
        money.order_id, money.verdict, money.payment_id, money.capture_due,
    )  # fmt: skip


async def next_sequence(tx: Transaction, order_id: str) -> int:
    """The order's money must be locked: its facts are told in the order of these numbers."""
    number: int = await tx.fetchval(
        "UPDATE order_money SET sequence = sequence + 1 WHERE order_id = $1 RETURNING sequence", order_id
    )
    return number


# --- payments ---------------------------------------------------------------------------------------


async def insert_payment(tx: Transaction, wanted: AuthorizePayment) -> Payment:
    row = await tx.fetchrow(
        """INSERT INTO payment (id, order_id, checkout_id, attempt, currency, amount, payment_method, email,
                  description, return_url, state, wake_at, trace, order_number)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'created', now(), $11::jsonb, $12) RETURNING *""",
        wanted.payment_id, wanted.order_id, wanted.checkout_id, wanted.attempt, wanted.amount.currency,
        wanted.amount.amount, wanted.payment_method, wanted.email, wanted.description, wanted.return_url,
        json.dumps(trace_headers()), wanted.order_number,
    )  # fmt: skip
    assert row is not None
    return _payment(row, None)


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
    await wake(tx, payment.id, void=True)


async def hint(tx: Transaction, payment_id: str) -> None:
    """Something has moved at the processor: ask it."""
    await wake(tx, payment_id, hint=True)


async def wake(tx: Transaction, payment_id: str, *, void: bool = False, hint: bool = False) -> None:
    """There is news. Whoever is asking the processor about it now finds that the answer is out of date."""
    await tx.execute(
        f"""WITH woken AS (UPDATE payment SET version = version + 1, wake_at = now(), troubles = 0, updated_at = now(),
                                  void_wanted = void_wanted OR $2, hint = hint OR $3
                            WHERE id = $1 RETURNING 1)
           SELECT pg_notify('{WORK}', '') FROM woken""",  # noqa: S608 - a constant
        payment_id, void, hint,
    )  # fmt: skip


async def payment_of_intent(tx: Transaction, intent_id: str) -> Payment | None:
    row = await tx.fetchrow("SELECT * FROM payment WHERE intent_id = $1", intent_id)
    return await _whole(tx, row) if row is not None else None


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


@dataclass(frozen=True, slots=True)
class Held:
    """A payment in the hands of a worker, and the verdict as it was then. `payment.version` is the fence."""

    payment: Payment
    money: Money
    trace: Mapping[str, str]
    """The headers of the trace that it is driven in."""


async def claim(tx: Transaction, owner: str, lease_seconds: float, payment_id: str | None = None) -> Held | None:
    """A payment that something is to be done for: this one, or any. Raises its version, so that whoever held it
    before and wakes up late writes nothing. One's own may be claimed again at once: after news, for instance. By the
    clock of this moment: news that came after the transaction had begun are no news from the future."""
    row = await tx.fetchrow(
        """UPDATE payment SET version = version + 1, owner = $1, lease_until = now() + make_interval(secs => $2)
            WHERE id = (SELECT id FROM payment
                         WHERE wake_at <= clock_timestamp() AND ($3::text IS NULL OR id = $3)
                           AND (lease_until IS NULL OR lease_until < now() OR owner = $1)
                         ORDER BY wake_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING *""",
        owner, lease_seconds, payment_id,
    )  # fmt: skip
    if row is None:
        return None
    money = await tx.fetchrow("SELECT * FROM order_money WHERE order_id = $1", row["order_id"])
    assert money is not None
    return Held(await _whole(tx, row), _money(money), row["trace"])


async def lock_held(tx: Transaction, held: Held) -> Held | None:
    """The same, locked; None, if anything has happened to it since it was claimed."""
    money = await lock_money(tx, held.payment.order_id)
    row = await tx.fetchrow(
        "SELECT * FROM payment WHERE id = $1 AND version = $2 FOR NO KEY UPDATE", held.payment.id, held.payment.version
    )
    return Held(await _whole(tx, row), money, held.trace) if row is not None else None


async def give_back(tx: Transaction, owner: str, payment_id: str) -> None:
    """Whoever comes next need not wait for the end of the lease."""
    await tx.execute(
        "UPDATE payment SET owner = NULL, lease_until = NULL WHERE id = $1 AND owner = $2", payment_id, owner
    )


async def save_payment(
    tx: Transaction, payment: Payment, *, busy: bool, lease_seconds: float, wait_seconds: float | None
) -> Payment:
    """The payment with its next version. `busy`: its worker goes on. Else it is given back, to be claimed after
    `wait_seconds`; None: when something happens."""
    row = await tx.fetchrow(
        """UPDATE payment SET state = $2, intent_id = $3, client_secret = $4, action_url = $5, closed = $6, hint = $7,
                  list_first = $8, tries = $9, authorized = $10, captured = $11, released = $12, refunding = $13,
                  refunded = $14, reason = $15, message = $16, troubles = $17, version = version + 1,
                  owner = CASE WHEN $18 THEN owner END,
                  lease_until = CASE WHEN $18 THEN now() + make_interval(secs => $19) END,
                  wake_at = now() + make_interval(secs => $20), updated_at = now()
            WHERE id = $1 RETURNING *""",
        payment.id, payment.state, payment.intent_id, payment.client_secret, payment.action_url, payment.closed,
        payment.hint, payment.list_first, payment.tries, payment.authorized, payment.captured, payment.released,
        payment.refunding, payment.refunded, payment.reason, payment.message, payment.troubles, busy, lease_seconds,
        0.0 if busy else wait_seconds,
    )  # fmt: skip
    assert row is not None
    return await _whole(tx, row)


async def is_asked_about(tx: Transaction, intent_id: str) -> bool:
    """Whether a worker is asking the processor about the payment of this intent at this moment."""
    return bool(
        await tx.fetchval("SELECT lease_until > clock_timestamp() FROM payment WHERE intent_id = $1", intent_id)
    )


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


async def save_refund(tx: Transaction, payment: Payment, refund: Refund) -> None:
    await tx.execute(
        """INSERT INTO refund (id, payment_id, amount, state, reason, list_first, tries)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (id) DO UPDATE SET state = excluded.state, reason = excluded.reason,
                  list_first = excluded.list_first, tries = excluded.tries""",
        refund.id, payment.id, refund.amount, refund.state, refund.reason[:500], refund.list_first, refund.tries,
    )  # fmt: skip


async def save_refunding(tx: Transaction, payment: Payment) -> None:
    """A refund is planned: somebody must do it."""
    await tx.execute("UPDATE payment SET refunding = $2 WHERE id = $1", payment.id, payment.refunding)
    await wake(tx, payment.id)


async def wanted_refund(tx: Transaction, payment_id: str) -> Refund | None:
    """The oldest that is not done."""
    row = await tx.fetchrow(
        "SELECT * FROM refund WHERE payment_id = $1 AND state = 'wanted' ORDER BY created_at, id LIMIT 1", payment_id
    )
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


async def book(tx: Transaction, payment: Payment, bookings: Sequence[Booking]) -> None:
    for one in bookings:
        await tx.execute(
            """INSERT INTO ledger (payment_id, entry, order_id, from_account, to_account, amount, currency)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            payment.id, one.entry, payment.order_id, one.source, one.target, one.amount, payment.amount.currency,
        )  # fmt: skip


async def ledger_of(tx: Transaction, order_id: str) -> list[Booked]:
    """In the order in which it happened. What was booked together is told as money flows: promised, taken, returned."""
    rows = await tx.fetch(
        """SELECT * FROM ledger WHERE order_id = $1
            ORDER BY at, array_position(ARRAY['authorize', 'capture', 'release'], entry) NULLS LAST, entry""",
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
    """The sums, the ledger and the processor's reference stay: they are the books."""
    return await tx.execute(
        """UPDATE payment SET email = $2, client_secret = NULL, action_url = NULL, updated_at = now()
            WHERE order_id = ANY($1) AND email IS DISTINCT FROM $2""",
        list(order_ids), email,
    )  # fmt: skip


async def _whole(tx: Transaction, row: Row) -> Payment:
    """With the refund that is to be done next."""
    return _payment(row, await wanted_refund(tx, row["id"]) if row["refunding"] > row["refunded"] else None)


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
