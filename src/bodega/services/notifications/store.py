"""Notifications in PostgreSQL: the only file here that knows SQL."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bodega.contracts.privacy import ERASED_DOMAIN
from bodega.kit.db import Row, Transaction
from bodega.kit.retention import Prune
from bodega.services.notifications.domain import Channel, Kind, Notice, Notification, State, StockWish, TextWish
from bodega.services.notifications.errors import NotificationNotFound


async def insert(tx: Transaction, notification_id: str, notice: Notice, message_id: str) -> bool:
    """False: this recipient is told of this fact already."""
    return bool(
        await tx.fetchval(
            """INSERT INTO notification (id, fact, channel, recipient, kind, state, message_id, event_id, subject_id,
                      number, customer_id, data, resend_of)
               VALUES ($1, $2, $12, $3, $4, 'waiting', $5, $6, $7, $8, $9, $10::jsonb, $11)
               ON CONFLICT DO NOTHING RETURNING true""",
            notification_id, notice.fact, notice.recipient, notice.kind, message_id, notice.event_id,
            notice.subject_id, notice.number, notice.customer_id, json.dumps(dict(notice.data)), notice.resend_of,
            notice.channel,
        )
    )  # fmt: skip


async def get(tx: Transaction, notification_id: str) -> Notification:
    """Raises NotificationNotFound."""
    return _found(await tx.fetchrow("SELECT * FROM notification WHERE id = $1", notification_id))


async def lock(tx: Transaction, notification_id: str) -> Notification:
    """Raises NotificationNotFound."""
    return _found(await tx.fetchrow("SELECT * FROM notification WHERE id = $1 FOR UPDATE", notification_id))


async def note_attempt(
    tx: Transaction, notification_id: str, *, becomes: State, tried: bool, error: str | None = None
) -> None:
    """What became of it. `tried`: the mail server was asked. `error`: why it did not take it, if it did not."""
    await tx.execute(
        """UPDATE notification SET state = $2, attempts = attempts + $3::integer, last_error = $4,
                  sent_at = CASE WHEN $2 = 'sent' THEN now() END
            WHERE id = $1 AND state = 'waiting'""",
        notification_id, becomes, int(tried), error,
    )  # fmt: skip


async def replace_parked(tx: Transaction, notification_id: str) -> None:
    """It is sent anew under another Message-ID: nobody need look at it any more."""
    await tx.execute("UPDATE notification SET state = 'dropped' WHERE id = $1 AND state = 'parked'", notification_id)


async def find_waiting(tx: Transaction, subject_id: str, kind: Kind) -> list[str]:
    """The ids of those that are yet to be sent."""
    rows = await tx.fetch(
        "SELECT id FROM notification WHERE subject_id = $1 AND kind = $2 AND state = 'waiting'", subject_id, kind
    )
    return [row["id"] for row in rows]


async def drop(tx: Transaction, notification_id: str) -> bool:
    """False: it has been sent, or dropped, meanwhile."""
    touched = await tx.execute(
        "UPDATE notification SET state = 'dropped' WHERE id = $1 AND state = 'waiting'", notification_id
    )
    return touched > 0


async def is_told(tx: Transaction, subject_id: str, kind: Kind) -> bool:
    """Whether somebody is, or will be, told so about this order."""
    return bool(
        await tx.fetchval(
            "SELECT EXISTS (SELECT FROM notification WHERE subject_id = $1 AND kind = $2)", subject_id, kind
        )
    )


async def search(
    tx: Transaction,
    *,
    state: State | None,
    kind: Kind | None,
    channel: Channel | None,
    query: str | None,
    before: str | None,
    limit: int,
) -> list[Notification]:
    """For the merchant, newest first. `query`: an order's number or id, or how an address or telephone number
    begins."""
    rows = await tx.fetch(
        """SELECT * FROM notification
            WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2)
              AND ($3::text IS NULL OR number = upper($3) OR subject_id = $3
                   OR starts_with(lower(recipient), lower($3)))
              AND ($4::text IS NULL OR id < $4) AND ($5::text IS NULL OR channel = $5)
            ORDER BY id DESC LIMIT $6""",
        state, kind, query, before, channel, limit,
    )  # fmt: skip
    return [_notification(row) for row in rows]


def bodies_for(days: int) -> Prune:
    """Forgets after so long, of what was sent or dropped, what it said and to whom. That it was, when, about what and
    under which Message-ID stays, so that the same fact is not told again. Parked messages keep theirs for the people
    who must look, and the address stays where the mail's link, which ends such mails, needs it."""

    async def prune(tx: Transaction, limit: int) -> int:
        return await tx.execute(
            """UPDATE notification SET data = '{}', last_error = NULL,
                      recipient = CASE WHEN kind = 'back_in_stock'
                                         OR kind = 'parcel_delivered' AND channel = 'mail' AND customer_id IS NULL
                                       THEN recipient ELSE lower(id) || '@' || $3::text END
                WHERE id = ANY (ARRAY (
                  SELECT id FROM notification
                   WHERE data <> '{}' AND created_at < now() - make_interval(days => $1)
                     AND state IN ('sent', 'dropped')
                   LIMIT $2 FOR UPDATE SKIP LOCKED))""",
            days, limit, ERASED_DOMAIN,
        )  # fmt: skip

    return prune


# --- a person's data --------------------------------------------------------------------------------

_ABOUT = "(customer_id = $1 OR subject_id = $1 OR subject_id = ANY($2) OR lower(recipient) = lower($3::text))"


async def export_customer(
    tx: Transaction, customer_id: str, order_ids: Sequence[str], email: str | None
) -> dict[str, list[dict[str, Any]]]:
    """What was mailed about the customer and their orders, or to their address; what they wish to be told."""
    mails = await tx.fetch(
        f"SELECT to_jsonb(n) AS held FROM notification n WHERE {_ABOUT} ORDER BY id",  # noqa: S608 - a constant
        customer_id, list(order_ids), email,
    )  # fmt: skip
    wishes = await tx.fetch("SELECT to_jsonb(p) AS held FROM preferences p WHERE customer_id = $1", customer_id)
    refusals = await tx.fetch("SELECT to_jsonb(u) AS held FROM unsubscribed u WHERE recipient = lower($1::text)", email)
    stock = await tx.fetch(
        "SELECT to_jsonb(w) AS held FROM stock_wish w WHERE customer_id = $1 OR email = lower($2::text) ORDER BY id",
        customer_id, email,
    )  # fmt: skip
    found = {
        "stock_wishes": [row["held"] for row in stock],
        "mails": [row["held"] for row in mails],
        "preferences": [row["held"] for row in wishes],
        "unsubscribed": [row["held"] for row in refusals],
    }
    return {kind: held for kind, held in found.items() if held}


async def pseudonymise(tx: Transaction, customer_id: str, order_ids: Sequence[str], email: str | None) -> int:
    """That there were mails, when, and of what kind, stays; what they said, and to whom, does not. What waits is not
    sent any more: its flow finds it dropped."""
    return await tx.execute(
        f"""UPDATE notification SET recipient = lower(id) || '@' || $4::text, data = '{{}}', last_error = NULL,
                   state = CASE WHEN state = 'sent' THEN state ELSE 'dropped' END
             WHERE {_ABOUT} AND NOT recipient LIKE '%@' || $4::text""",  # noqa: S608 - a constant
        customer_id, list(order_ids), email, ERASED_DOMAIN,
    )  # fmt: skip


async def delete_preferences(tx: Transaction, customer_id: str, email: str | None) -> int:
    await tx.execute("DELETE FROM unsubscribed WHERE recipient = lower($1::text)", email)
    return await tx.execute("DELETE FROM preferences WHERE customer_id = $1", customer_id)


# --- preferences ------------------------------------------------------------------------------------


async def wants_delivery_mails(tx: Transaction, customer_id: str | None, recipient: str | None = None) -> bool:
    """A customer by their preferences, a guest by whether they have unsubscribed."""
    if customer_id is None:
        return not await tx.fetchval(
            "SELECT EXISTS (SELECT FROM unsubscribed WHERE recipient = lower($1))", recipient or ""
        )
    wish = await tx.fetchval("SELECT delivery_mails FROM preferences WHERE customer_id = $1", customer_id)
    return True if wish is None else bool(wish)


async def unsubscribe(tx: Transaction, recipient: str) -> None:
    await tx.execute("INSERT INTO unsubscribed (recipient) VALUES (lower($1)) ON CONFLICT DO NOTHING", recipient)


async def find_text_wish(tx: Transaction, customer_id: str | None) -> TextWish | None:
    """A guest (None) has none."""
    if customer_id is None:
        return None
    row = await tx.fetchrow("SELECT * FROM preferences WHERE customer_id = $1 AND phone IS NOT NULL", customer_id)
    return TextWish(row["phone"], row["text_shipped"], row["text_delivered"]) if row is not None else None


async def save_text_wish(tx: Transaction, customer_id: str, wish: TextWish | None) -> None:
    """The preferences must be there. When somebody agreed is kept as long as nothing else is agreed to."""
    await tx.execute(
        """UPDATE preferences SET phone = $2, text_shipped = $3, text_delivered = $4,
                  texts_agreed_at = CASE WHEN NOT ($3 OR $4) THEN NULL
                    WHEN phone = $2 AND text_shipped >= $3 AND text_delivered >= $4 THEN texts_agreed_at
                    ELSE now() END
            WHERE customer_id = $1""",
        customer_id, *((wish.phone, wish.shipped, wish.delivered) if wish is not None else (None, False, False)),
    )  # fmt: skip


async def save_preferences(tx: Transaction, customer_id: str, *, delivery_mails: bool) -> None:
    await tx.execute(
        """INSERT INTO preferences (customer_id, delivery_mails) VALUES ($1, $2)
           ON CONFLICT (customer_id) DO UPDATE SET delivery_mails = $2, updated_at = now()""",
        customer_id, delivery_mails,
    )  # fmt: skip


# --- back in stock ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StockSeen:
    """The newest that was heard of a SKU's stock."""

    version: int
    available: int
    told: int
    """Mails since it was last sold out."""


async def note_stock(tx: Transaction, sku: str, version: int, available: int) -> StockSeen:
    """Takes note of it, if it is newer than what is known; what is known then. The SKU's row is locked."""
    row = await tx.fetchrow(
        """INSERT INTO stock_seen AS seen (sku, version, available) VALUES ($1, $2, $3)
           ON CONFLICT (sku) DO UPDATE SET
             version = greatest(seen.version, $2),
             available = CASE WHEN seen.version < $2 THEN $3 ELSE seen.available END,
             told = CASE WHEN seen.version < $2 AND $3 = 0 THEN 0 ELSE seen.told END
           RETURNING version, available, told""",
        sku, version, available,
    )  # fmt: skip
    assert row is not None
    return StockSeen(row["version"], row["available"], row["told"])


async def note_told(tx: Transaction, sku: str, count: int) -> None:
    await tx.execute("UPDATE stock_seen SET told = told + $2 WHERE sku = $1", sku, count)


async def lock_address(tx: Transaction, email: str) -> None:
    """Until the end of the transaction nobody else counts this address's wishes."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('stock_wish:' || lower($1), 0))", email)


async def is_wished_for(tx: Transaction, sku: str, product_id: str) -> bool:
    """By anybody."""
    return bool(
        await tx.fetchval("SELECT EXISTS (SELECT FROM stock_wish WHERE sku = $1 AND product_id = $2)", sku, product_id)
    )


async def is_wished(tx: Transaction, sku: str, product_id: str, email: str) -> bool:
    return bool(
        await tx.fetchval(
            "SELECT EXISTS (SELECT FROM stock_wish WHERE sku = $1 AND product_id = $2 AND email = lower($3))",
            sku, product_id, email,
        )
    )  # fmt: skip


async def count_stock_wishes(tx: Transaction, email: str) -> int:
    count: int = await tx.fetchval("SELECT count(*) FROM stock_wish WHERE email = lower($1)", email)
    return count


async def insert_stock_wish(tx: Transaction, sku: str, product_id: str, email: str, customer_id: str | None) -> None:
    await tx.execute(
        """INSERT INTO stock_wish (sku, product_id, email, customer_id) VALUES ($1, $2, lower($3), $4)
           ON CONFLICT DO NOTHING""",
        sku, product_id, email, customer_id,
    )  # fmt: skip


async def take_stock_wishes(tx: Transaction, sku: str, product_id: str, limit: int) -> list[StockWish]:
    """The oldest, which end by it."""
    rows = await tx.fetch(
        """DELETE FROM stock_wish WHERE id IN (
             SELECT id FROM stock_wish WHERE sku = $1 AND product_id = $2 ORDER BY id LIMIT $3)
           RETURNING *""",
        sku, product_id, limit,
    )  # fmt: skip
    wishes = [StockWish(row["id"], row["sku"], row["product_id"], row["email"], row["customer_id"]) for row in rows]
    return sorted(wishes, key=lambda wish: wish.id)


async def wants_no_stock_mails(tx: Transaction, recipient: str) -> bool:
    return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM no_stock_mail WHERE recipient = lower($1))", recipient))


async def stop_stock_mails(tx: Transaction, recipient: str) -> None:
    """All wishes of the address end, and no new one is taken."""
    await tx.execute("INSERT INTO no_stock_mail (recipient) VALUES (lower($1)) ON CONFLICT DO NOTHING", recipient)
    await tx.execute("DELETE FROM stock_wish WHERE email = lower($1)", recipient)


async def delete_stock_wishes(tx: Transaction, customer_id: str, email: str | None) -> int:
    await tx.execute("DELETE FROM no_stock_mail WHERE recipient = lower($1::text)", email)
    return await tx.execute(
        "DELETE FROM stock_wish WHERE customer_id = $1 OR email = lower($2::text)", customer_id, email
    )


def _found(row: Row | None) -> Notification:
    if row is None:
        raise NotificationNotFound("no notification has this id")
    return _notification(row)


def _notification(row: Row) -> Notification:
    return Notification(
        id=row["id"],
        notice=Notice(
            kind=row["kind"],
            fact=row["fact"],
            recipient=row["recipient"],
            event_id=row["event_id"],
            subject_id=row["subject_id"],
            data=row["data"],
            number=row["number"],
            customer_id=row["customer_id"],
            resend_of=row["resend_of"],
            channel=row["channel"],
        ),
        state=row["state"],
        message_id=row["message_id"],
        attempts=row["attempts"],
        last_error=row["last_error"],
        created_at=row["created_at"],
        sent_at=row["sent_at"],
    )
