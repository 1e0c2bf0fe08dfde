"""What has come of a story: everywhere, in words that are the same for each telling of it (no ids, no times)."""

import asyncio
import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from pymongo import AsyncMongoClient

from bodega.kit.bus import Broker
from tests.crashes.world import SYSTEM, World

_WORKING = """SELECT (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM parked) AS parked,
                     (SELECT count(*) FROM flow WHERE state <> 'ended' AND
                       (lease_until > now() OR wake_at < now() + interval '60 seconds')) AS flows"""
_PAYMENTS = "SELECT count(*) AS due FROM payment WHERE wake_at < now() + interval '60 seconds'"
_SAID_AGAIN = frozenset(
    ("OrderLinkRequested", "PasswordResetRequested", "ProductUpdated", "ProductArchived", "CategoryUpdated")
)
"""Events that say what somebody has asked for (who gets no answer asks again, and the mail is the same), or how
something stands now, which may be more than one change since the last."""
_NAMES = re.compile(r"BDG-[0-9A-Z]{4}-[0-9A-Z]{4}|Zirkel-[0-9a-f]+")
_MAILED_AGAIN = "Set a new password"
"""Each mail has a link of its own, and who gets no answer asks again."""

# Of what a story is about, which row says what. $1: e-mails, $2: SKUs, $3: orders, $4: customers.
_ROWS: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "orders": """SELECT state, version, totals->'total'->>'amount' AS total, captured, refunded, attention,
                            tracking_number IS NOT NULL AS has_tracking, customer_id IS NOT NULL AS has_owner,
                            (SELECT jsonb_agg(jsonb_build_array(to_state, note) ORDER BY version)
                               FROM order_history h WHERE h.order_id = o.id) AS history,
                            (SELECT count(*) FROM withdrawal w WHERE w.order_id = o.id) AS withdrawals
                       FROM orders o WHERE id = ANY($3) ORDER BY placed_at""",
    },
    "checkout": {
        "checkouts": """SELECT state, attempt FROM checkout WHERE order_id = ANY($3) ORDER BY created_at""",
    },
    "payments": {
        "payments": """SELECT attempt, state, amount, authorized, captured, released, refunding, refunded, closed,
                               reason FROM payment WHERE order_id = ANY($3) ORDER BY created_at""",
        "refunds": """SELECT r.amount, r.state FROM refund r JOIN payment p ON p.id = r.payment_id
                       WHERE order_id = ANY($3) ORDER BY r.created_at""",
        "ledger": """SELECT from_account, to_account, amount FROM ledger WHERE order_id = ANY($3)
                      ORDER BY from_account, to_account, amount""",
    },
    "shipping": {
        "shipments": """SELECT state, status, (SELECT count(*) FROM voided_label v WHERE v.shipment_id = s.id) AS voided
                          FROM shipment s WHERE order_id = ANY($3) ORDER BY created_at""",
    },
    "inventory": {
        "stock": "SELECT on_hand, reserved FROM stock WHERE sku = ANY($2) ORDER BY on_hand, reserved",
        "movements": """SELECT movement, on_hand_delta, reserved_delta, count(*) FROM stock_ledger WHERE sku = ANY($2)
                         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
        "reservations": "SELECT state, quantities FROM reservation WHERE skus && $2 ORDER BY created_at",
    },
    "notifications": {
        "messages": """SELECT channel, kind, state, count(*) FILTER (WHERE kind <> 'reset_password') FROM notification
                        WHERE recipient = ANY($1) OR subject_id = ANY($3) OR customer_id = ANY($4)
                        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
        "wishes": "SELECT count(*) FROM stock_wish WHERE sku = ANY($2)",
    },
    "auth": {
        "accounts": """SELECT roles, verified_at IS NOT NULL AS verified FROM account WHERE id = ANY($4)
                        ORDER BY created_at""",
    },
    "users": {
        "profiles": """SELECT email IS NOT NULL AS has_email, email_verified, name,
                              (SELECT count(*) FROM address a WHERE a.customer_id = p.customer_id) AS addresses
                         FROM profile p WHERE customer_id = ANY($4) ORDER BY created_at""",
        "requests": """SELECT kind, state, (SELECT count(*) FROM privacy_part x WHERE x.request_id = r.id) AS parts
                         FROM privacy_request r WHERE customer_id = ANY($4) ORDER BY asked_at""",
    },
}


@dataclass
class Subjects:
    """What a story is about."""

    emails: list[str] = field(default_factory=list)
    skus: list[str] = field(default_factory=list)
    customers: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)


class Reader:
    """Reads the stores and the topics of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kafka = Broker.of(world.topics.bootstrap).options()
        self._events: dict[str, dict[str, str]] = defaultdict(dict)
        """By key: the types of events by their ids."""
        self._ends: dict[str, int] = {}
        """By topic: where its last event ends. What ends a transaction stands behind it, and no reader counts it."""
        self._mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(world.mongo)

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        self._admin = AIOKafkaAdminClient(**self._kafka)
        self._consumer = AIOKafkaConsumer(**self._kafka, enable_auto_commit=False, auto_offset_reset="earliest")
        await self._admin.start()
        await self._consumer.start()
        self._partitions = [TopicPartition(self._world.prefix + name, 0) for name in SYSTEM.topic_names]
        self._consumer.assign(self._partitions)

    async def close(self) -> None:
        await self._consumer.stop()
        await self._admin.close()
        await self._session.close()
        await self._mongo.close()

    # --- whether anything is still under way -------------------------------------------------------------

    async def must_be_at_rest(self) -> None:
        """Raises AssertionError, as long as anything is under way that no shopper and no clock has to begin.

        The topics are looked at before and after the stores: what was under way between two stores has been told
        meanwhile.
        """
        await self._must_be_read()
        ends = dict(self._ends)
        rows = await asyncio.gather(*(self._world.run(service, _WORKING) for service in self._world.databases))
        for service, (row,) in zip(self._world.databases, rows, strict=True):
            assert (row["outbox"], row["flows"], row["parked"]) == (0, 0, 0), f"{service} is at work: {dict(row)}"
        (payments,) = await self._world.run("payments", _PAYMENTS)
        assert payments["due"] == 0, "a payment is under way"
        assert self._undelivered() == 0, "a webhook is under way"
        database = self._mongo.get_default_database()
        assert await database["pending"].count_documents({}) == 0, "a product is yet to be told"
        assert await database["category"].count_documents({"untold": True}) == 0, "a category is yet to be told"
        await self._must_be_read()
        assert self._ends == ends, "something has been told just now"

    def _undelivered(self) -> int:
        with closing(sqlite3.connect(self._world.sandbox.data / "sandbox.sqlite3")) as books:
            return int(books.execute("SELECT count(*) FROM deliveries WHERE next_at IS NOT NULL").fetchone()[0])

    async def _must_be_read(self) -> None:
        await self._read_on()
        readers = [one for one in SYSTEM.services.values() if one.hears]
        prefix = self._world.prefix
        read = await asyncio.gather(*(self._admin.list_consumer_group_offsets(prefix + one.name) for one in readers))
        for reader, offsets in zip(readers, read, strict=True):
            for topic in reader.hears:
                partition = TopicPartition(prefix + topic, 0)
                done = offsets[partition].offset if partition in offsets else 0
                assert done >= self._ends.get(partition.topic, 0), f"{reader.name} has not read all of {topic}"
        parked = [topic for topic in self._ends if topic.endswith(".parked")]
        assert not parked, f"something is parked: {parked}"

    # --- what has come of it -----------------------------------------------------------------------------

    async def end_state(self, subjects: Subjects) -> dict[str, Any]:
        """All of it, once it is at rest."""
        found = await self._world.run(
            "orders", "SELECT id FROM orders WHERE email = ANY($1) OR customer_id = ANY($2)", subjects.emails,
            subjects.customers,
        )  # fmt: skip
        orders = [row["id"] for row in found]
        given = (subjects.emails, subjects.skus, orders, subjects.customers)
        state: dict[str, Any] = {}
        for service, queries in _ROWS.items():
            for name, query in queries.items():
                state[name] = await self._rows(service, query, given)
        state["money"] = await self._money(orders)
        state["parcels"] = await self._parcels(orders)
        state["mails"] = await self._mails(subjects.emails)
        state["products"] = await self._products(subjects.products)
        keys = [*orders, *subjects.skus, *subjects.customers, *subjects.products, *subjects.categories]
        state["events"] = await self._told_of(keys)
        return state

    async def _rows(self, service: str, query: str, given: tuple[list[str], ...]) -> list[Any]:
        used = sorted({int(n) for n in re.findall(r"\$(\d)", query)})
        for place, n in enumerate(used, 1):
            query = query.replace(f"${n}", f"${place}")
        rows = await self._world.run(service, query, *(given[n - 1] for n in used))
        return [{name: _plain(value) for name, value in row.items()} for row in rows]

    async def _json(self, path: str) -> Any:
        async with self._session.get(self._world.sandbox.url + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def _money(self, orders: list[str]) -> list[Any]:
        """What the processor's own books say of each payment."""
        query = "SELECT id FROM payment WHERE order_id = ANY($1) ORDER BY created_at"
        books = []
        for row in await self._world.run("payments", query, orders):
            ledger = await self._json(f"/sandbox/ledger?payment_id={row['id']}")
            payment = ledger["payments"].get(row["id"], {})
            said = {name: payment.get(name) for name in ("captured", "refunded", "held")}
            books.append({**said, "intents": len(payment.get("intents", ())), "balanced": ledger["balanced"]})
        return books

    async def _parcels(self, orders: list[str]) -> list[str]:
        """What the carrier knows of them: the states of all labels that were ever bought."""
        shipments = await self._world.run("shipping", "SELECT id FROM shipment WHERE order_id = ANY($1)", orders)
        ours = {row["id"] for row in shipments}
        parcels = await self._json("/sandbox/parcels")
        return sorted(one["status"] for one in parcels["items"] if one["reference"].partition("/")[0] in ours)

    async def _mails(self, emails: list[str]) -> list[Any]:
        """What each mailbox holds, by its subjects; a mail that came twice under one Message-ID is one mail."""
        mails: dict[str, str] = {}
        for email in emails:
            for mail in (await self._json(f"/sandbox/mails?to={email}&limit=500"))["items"]:
                mails[mail["message_id"]] = _NAMES.sub("…", mail["subject"])
        subjects = sorted(mails.values())
        return [one for n, one in enumerate(subjects) if one != _MAILED_AGAIN or one not in subjects[:n]]

    async def _products(self, ids: list[str]) -> list[Any]:
        products = await self._mongo.get_default_database()["product"].find({"_id": {"$in": ids}}).to_list()
        return sorted(f"{one['status']} {len(one.get('media', ()))} pictures" for one in products)

    async def _told_of(self, keys: list[str]) -> list[str]:
        """The types of all events that tell of them; one that was sent twice is one."""
        await self._read_on()
        told = [(key, kind) for key in keys for kind in self._events[key].values()]
        once = {(key, kind) for key, kind in told if kind in _SAID_AGAIN}
        return sorted(kind for key, kind in [*once, *(one for one in told if one not in once)])

    async def _read_on(self) -> None:
        ends = await self._consumer.end_offsets(self._partitions)
        while any([await self._consumer.position(one) < ends[one] for one in self._partitions]):
            for records in (await self._consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    event = json.loads(record.value)
                    self._events[(record.key or b"").decode()][event["id"]] = event["type"]
                    self._ends[record.topic] = record.offset + 1


def _plain(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value.startswith(("[", "{")) else value
