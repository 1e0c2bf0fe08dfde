"""What the rooms with SQL say, read by queries of the audit's own: each in one snapshot."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from bodega.proof.audit.finding import Row


@dataclass(frozen=True)
class Fact:
    """Something that a store knows to have happened, and of which an event must tell."""

    room: str
    topic: str
    key: str
    type: str
    sequence: int | None
    """None: its store has not kept under which number it was told."""
    detail: str | None = None
    """What tells it from others of its type and key, where its number is not kept."""
    at: datetime | None = None

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.type, self.sequence, self.detail) if part is not None)


@dataclass
class Books:
    """The rows that the audit compares."""

    stock: Sequence[Row] = ()
    ledger: Sequence[Row] = ()
    """Of each SKU: the sums of its movements."""
    movements: Sequence[Row] = ()
    """Of each reservation and SKU: what it has changed of what is on hand."""
    reservations: Sequence[Row] = ()
    answered_for: Sequence[Row] = ()
    """The reservations of checkouts that are not over, with those that they take over."""
    orders: Sequence[Row] = ()
    payments: Sequence[Row] = ()
    accounts: Sequence[Row] = ()
    """Of each payment: what the double-entry ledger says is held, and is the shop's."""
    unmatched: Sequence[Row] = ()
    shipments: Sequence[Row] = ()
    outboxes: Sequence[Row] = ()
    parked: Sequence[Row] = ()
    processor: Mapping[str, Mapping[str, Any]] | None = None
    """The sandbox's books by payment; None: another processor, whose sweep speaks through `unmatched`."""
    changed_twice: Sequence[Row] = ()
    """Of orders: what stands in their history more than once, though it can happen only once."""
    facts: list[Fact] = field(default_factory=list)
    numbered: Sequence[Row] = ()
    """Of each order: how many events have told of its money, and since when."""
    untold: set[str] = field(default_factory=set)
    """The ids of events that wait in an outbox."""
    untold_keys: set[tuple[str, str]] = field(default_factory=set)
    """Their topics and keys."""
    inbox: dict[str, dict[str, int]] = field(default_factory=dict)
    """By consumer and event: how often it has taken effect."""
    set_aside: dict[str, set[str]] = field(default_factory=dict)
    """By consumer: events that are parked."""
    notifications: Sequence[Row] = ()
    late: Sequence[Row] = ()
    """What waits, for how long, and in which room."""


_QUERIES: dict[str, dict[str, str]] = {
    "orders": {
        "orders": """SELECT id, number, state, reservation_id, payment_id, captured, total, refunded, attention,
                            lines::text AS lines, totals::text AS totals, tracking_number,
                            extract(epoch FROM now() - placed_at)::float8 AS placed_ago FROM orders""",
        "changed_twice": """SELECT order_id, note, count(*) AS times FROM order_history
                             WHERE note IN ('created', 'payment_accepted', 'payment_captured', 'fulfilment_begun',
                                            'shipped', 'delivered') OR note LIKE 'cancelled: %'
                             GROUP BY order_id, note HAVING count(*) > 1""",
    },
    "payments": {
        "payments": """SELECT id, order_id, state, amount, authorized, captured, released, refunding, refunded
                         FROM payment""",
        "accounts": """SELECT payment_id,
                              coalesce(sum(amount) FILTER (WHERE to_account = 'held'), 0)::bigint
                              - coalesce(sum(amount) FILTER (WHERE from_account = 'held'), 0)::bigint AS held,
                              coalesce(sum(amount) FILTER (WHERE to_account = 'shop'), 0)::bigint
                              - coalesce(sum(amount) FILTER (WHERE from_account = 'shop'), 0)::bigint AS shop
                         FROM ledger GROUP BY payment_id""",
        "unmatched": "SELECT intent_id, payment_id, status, amount FROM unmatched",
        "numbered": """SELECT order_id, sequence, min(created_at) AS since
                         FROM order_money JOIN payment USING (order_id) GROUP BY order_id""",
    },
    "inventory": {
        "stock": "SELECT sku, on_hand, reserved FROM stock",
        "ledger": """SELECT sku, sum(on_hand_delta)::bigint AS on_hand, sum(reserved_delta)::bigint AS reserved
                       FROM stock_ledger GROUP BY sku""",
        "movements": """SELECT reservation_id, sku, sum(on_hand_delta)::bigint AS on_hand FROM stock_ledger
                         WHERE reservation_id IS NOT NULL GROUP BY reservation_id, sku""",
        "reservations": "SELECT id, state, skus, quantities FROM reservation",
    },
    "checkout": {
        "answered_for": """WITH open AS (
                             SELECT id, reservation_id FROM checkout
                              WHERE state NOT IN ('completed', 'failed', 'cancelled', 'expired'))
                           SELECT reservation_id FROM open
                            UNION SELECT reservation_id FROM checkout WHERE replaced_by IN (SELECT id FROM open)""",
    },
    "shipping": {"shipments": "SELECT id, order_id, state, status, tracking_number FROM shipment"},
    "notifications": {
        "notifications": """SELECT id, kind, channel, subject_id, event_id, state, message_id, fact, resend_of, sent_at
                              FROM notification""",
    },
}

# What each store knows to have happened since then ($1), as (topic, key, type, sequence, detail, at).
_FACTS: dict[str, str] = {
    "orders": """SELECT 'orders' AS topic, order_id AS key, version AS sequence, NULL AS detail, at,
                        CASE WHEN note = 'created' THEN 'OrderCreated'
                             WHEN note = 'payment_accepted' THEN 'OrderPaid'
                             WHEN note = 'shipped' THEN 'OrderShipped'
                             WHEN note = 'delivered' THEN 'OrderDelivered'
                             WHEN note = 'refunded' THEN 'OrderRefunded'
                             ELSE 'OrderCancelled' END AS type
                   FROM order_history
                  WHERE at >= $1 AND (note IN ('created', 'payment_accepted', 'shipped', 'delivered', 'refunded',
                                               'payment_after_cancellation')
                                      OR note LIKE 'cancelled: %')""",
    "inventory": """SELECT 'inventory' AS topic, sku AS key, version AS sequence, NULL AS detail, at,
                           CASE movement WHEN 'adjusted' THEN 'InventoryAdjusted'
                                         WHEN 'committed' THEN 'InventoryCommitted'
                                         WHEN 'reserved' THEN 'InventoryReserved'
                                         WHEN 'handed_over' THEN CASE WHEN reserved_delta > 0 THEN 'InventoryReserved'
                                                                      ELSE 'InventoryReleased' END
                                         ELSE 'InventoryReleased' END AS type
                      FROM stock_ledger
                     WHERE at >= $1 AND NOT (movement = 'handed_over' AND reserved_delta = 0)""",
    "shipping": """SELECT 'shipping' AS topic, order_id AS key, NULL::bigint AS sequence, tracking_number AS detail,
                          labelled_at AS at, 'ShipmentCreated' AS type
                     FROM shipment WHERE labelled_at >= $1 AND state = 'labelled'
                    UNION ALL
                   SELECT 'shipping', order_id, NULL, v.tracking_number, created_at, 'ShipmentCreated'
                     FROM voided_label v JOIN shipment s ON s.id = v.shipment_id WHERE created_at >= $1
                    UNION ALL
                   SELECT 'shipping', order_id, NULL, NULL, delivered_at, 'ShipmentDelivered'
                     FROM shipment WHERE delivered_at >= $1
                    UNION ALL
                   SELECT 'shipping', order_id, NULL, NULL, created_at, 'ShipmentPickedUp' FROM shipment
                    WHERE created_at >= $1 AND status IN ('picked_up', 'in_transit', 'out_for_delivery')""",
    "auth": """SELECT 'users' AS topic, id AS key, NULL::bigint AS sequence, NULL AS detail, created_at AS at,
                      'CustomerRegistered' AS type FROM account WHERE created_at >= $1
                UNION ALL
               SELECT 'users', id, NULL, NULL, verified_at, 'CustomerVerified' FROM account WHERE verified_at >= $1""",
}  # fmt: skip

_OUTBOX = "SELECT count(*) AS waiting, extract(epoch FROM now() - min(created_at))::float8 AS seconds FROM outbox"
_UNTOLD = "SELECT event_id::text AS id, topic, key FROM outbox"
_PARKED = "SELECT consumer, count(*) AS parked FROM parked GROUP BY consumer"
_SET_ASIDE = "SELECT consumer, event_id FROM parked"
_INBOX = """SELECT consumer, event_id::text AS id, count(*) AS times FROM inbox
             WHERE received_at >= $1 GROUP BY consumer, event_id"""

Since = Mapping[str, datetime]
"""By topic: since when it tells of everything."""


async def read_rooms(
    urls: Mapping[str, str], since: Since | None = None, waits: Mapping[str, str] | None = None
) -> Books:
    """What the rooms with SQL say, by the URLs of their databases; of events only where a topic is in `since`.

    Orders are read first: what the others hold for an order, they hold after it. `waits`: by room, a query of what
    waits there (`bodega.proof.audit.time`).
    """
    books = Books(outboxes=[], parked=[], late=[])

    async def read(room: str) -> None:
        connection = await asyncpg.connect(
            urls[room], server_settings={"default_transaction_read_only": "on", "application_name": "bodega audit"}
        )
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await _read_room(connection, room, books, since or {})
                if waits is not None:
                    late = await connection.fetch(waits[room])
                    books.late = [*books.late, *({"room": room, **row} for row in late)]
        finally:
            await connection.close()

    if "orders" in urls:
        await read("orders")
    await asyncio.gather(*(read(room) for room in urls if room != "orders"))
    return books


async def _read_room(connection: "asyncpg.Connection[asyncpg.Record]", room: str, books: Books, since: Since) -> None:
    for name, query in _QUERIES.get(room, {}).items():
        setattr(books, name, await connection.fetch(query))
    outbox, parked = await connection.fetchrow(_OUTBOX), await connection.fetch(_PARKED)
    books.outboxes = [*books.outboxes, {"room": room, **(outbox or {})}]
    books.parked = [*books.parked, *({"room": room, **row} for row in parked)]
    for row in await connection.fetch(_UNTOLD):
        books.untold.add(row["id"])
        books.untold_keys.add((row["topic"], row["key"]))
    for row in await connection.fetch(_SET_ASIDE):
        books.set_aside.setdefault(row["consumer"], set()).add(row["event_id"])
    if not since:
        return
    for row in await connection.fetch(_INBOX, min(since.values())):
        books.inbox.setdefault(row["consumer"], {})[row["id"]] = row["times"]
    if room in _FACTS:
        topic = _TOPICS[room]
        books.facts += [Fact(room=room, **row) for row in await connection.fetch(_FACTS[room], since[topic])]


_TOPICS = {"orders": "orders", "inventory": "inventory", "shipping": "shipping", "auth": "users"}
