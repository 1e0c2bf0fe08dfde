"""A small shop for the audit, in stores of the tests' own: two orders that are over, one that is being paid, and all
that was told, mailed and shown of them. A copy differs from it by a `Plan`.

Databases are made by the rooms' own migrations, and copied by PostgreSQL for whoever changes one; events stand on
topics of the test run. Pages, mailbox and the processor's books are answered by a server of the tests' own.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import asyncpg
from aiohttp import web
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from bodega.kit.bus import Broker, Message, Producer
from bodega.kit.testing import Topics
from bodega.platform.system import System
from bodega.proof.audit import Finding, Places, Report, audit, compare, look
from bodega.proof.audit import topics as logs
from bodega.proof.audit.answers import Answer
from bodega.proof.audit.events import Hearers
from bodega.proof.audit.views import Engines
from tests.conftest import RUN, MakeDatabase, engine

NAMES = ("orders", "payments", "inventory", "shipping", "catalog", "users")
PARKED = ("cart.parked", "search.parked")
SYSTEM = System.load(local=False)
HEARD = {
    name: {topic: frozenset(types) for topic, types in service.hears.items()}
    for name, service in SYSTEM.services.items()
    if service.hears
}


def price(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


LINES = json.dumps([{"sku": "MUG", "quantity": 2, "total": price(1000)}])
AMOUNTS = {"items": 1000, "shipping": 490, "discount": 0, "tax": 238, "total": 1490}
TOTALS = json.dumps({**{name: price(amount) for name, amount in AMOUNTS.items()}, "tax_included": True})


def event_id(number: int) -> str:
    """A UUID of version 7, of this year."""
    return f"019a2ecb-45a5-7f4a-b83e-{number:012x}"


@dataclass(frozen=True)
class Told:
    """An event, as it stands on its topic."""

    number: int
    topic: str
    key: str
    type: str
    sequence: int
    data: Mapping[str, Any] = field(default_factory=dict)
    partition: int | None = None

    @property
    def id(self) -> str:
        return event_id(self.number)

    @property
    def body(self) -> bytes:
        said = {
            "id": self.id,
            "type": self.type,
            "sequence": str(self.sequence),
            "subject": self.key,
            "data": self.data,
        }
        return json.dumps(said).encode()


TOLD = (
    Told(1, "catalog", "prd_1", "ProductUpdated", 7),
    Told(4, "catalog", "mugs", "CategoryUpdated", 3),
    Told(2, "users", "cus_1", "CustomerRegistered", 1),
    Told(3, "users", "cus_1", "CustomerVerified", 2),
    Told(11, "orders", "ord_1", "OrderCreated", 1),
    Told(12, "payments", "ord_1", "PaymentAuthorized", 1),
    Told(13, "orders", "ord_1", "OrderPaid", 2),
    Told(14, "payments", "ord_1", "PaymentCaptured", 2),
    Told(15, "shipping", "ord_1", "ShipmentCreated", 2, {"tracking_number": "T1"}),
    Told(16, "shipping", "ord_1", "ShipmentPickedUp", 3, {"tracking_number": "T1"}),
    Told(17, "orders", "ord_1", "OrderShipped", 6),
    Told(18, "payments", "ord_1", "PaymentRefunded", 3),
    Told(19, "orders", "ord_1", "OrderRefunded", 7, {"refunded_total": price(490)}),
    Told(21, "orders", "ord_2", "OrderCreated", 1),
    Told(22, "payments", "ord_2", "PaymentAuthorized", 1),
    Told(23, "orders", "ord_2", "OrderPaid", 2),
    Told(24, "orders", "ord_2", "OrderCancelled", 3, {"was_paid": True}),
    Told(25, "payments", "ord_2", "PaymentVoided", 2),
    Told(31, "orders", "ord_3", "OrderCreated", 1),
)
"""Inventory's stand in its outbox, written by its own functions."""

_ORDER = """
    INSERT INTO orders (id, number, state, version, checkout_id, email, cart_id, cart_revision, reservation_id,
                        payment_id, captured, currency, total, refunded, lines, totals, shipping_address,
                        shipping_option, contact, tracking_number, placed_at, paid_at)
    VALUES ('ord_{n}', 'BDG-{n}', '{state}', {version}, 'chk_{n}', 'ada@example.com', 'crt_{n}', '1', 'res_{n}', {paid},
            {captured}, 'EUR', 1490, {refunded}, '{lines}', '{totals}', '{{}}', 'standard', '{{}}', {tracking}, now(),
            {paid_at});"""
_HISTORY = """
    INSERT INTO order_history (order_id, version, to_state, note, cause, actor)
    VALUES ('ord_{n}', {v}, '-', '{note}', '', '');"""
_PAYMENT = """
    INSERT INTO order_money (order_id, verdict, payment_id, sequence)
    VALUES ('ord_{n}', '{verdict}', {paid}, {sequence});
    INSERT INTO payment (id, order_id, checkout_id, attempt, currency, amount, payment_method, description, return_url,
                         state, intent_id, authorized, captured, released, refunding, refunded)
    VALUES ('pay_{n}', 'ord_{n}', 'chk_{n}', 1, 'EUR', 1490, 'pm_card_visa', '', '', '{state}', 'pi_{n}', {amounts});"""
_BOOKED = """
    INSERT INTO ledger (payment_id, entry, order_id, from_account, to_account, amount, currency)
    VALUES ('pay_{n}', '{entry}', 'ord_{n}', '{of}', '{to}', {amount}, 'EUR');"""
_CHECKOUT = """
    INSERT INTO checkout (id, state, cart_id, cart_revision, cart_lines, contact, shipping_address, shipping_option,
                          currency, expected_total, payment_method, order_id, reservation_id, due_at, replaced_by)
    VALUES ('{id}', '{state}', 'crt', '{id}', '[]', '{{}}', '{{}}', 'standard', 'EUR', 1490, 'pm_card_visa',
            'ord_{id}', '{reservation}', now() + interval '1 hour', {by});"""
_MAIL = """
    INSERT INTO notification (id, fact, channel, recipient, kind, state, message_id, event_id, subject_id, data,
                              sent_at)
    VALUES ('ntf_{e}', '{kind} {subject}', 'mail', 'ada@example.com', '{kind}', 'sent', '<{e}@shop>', '{id}',
            '{subject}', '{{}}', now());"""

_UNPAID = {"captured": "false", "refunded": 0, "lines": LINES, "totals": TOTALS, "tracking": "NULL"}
_MAILED = (
    (13, "order_confirmation", "ord_1"),
    (16, "parcel_sent", "ord_1"),
    (19, "order_refunded", "ord_1"),
    (23, "order_confirmation", "ord_2"),
    (24, "order_cancelled", "ord_2"),
    (2, "verify_email", "cus_1"),
)
"""Events, and the mails about them."""

ROWS: dict[str, str] = {
    "inventory": """
        INSERT INTO stock (sku, product_id) VALUES ('MUG', 'prd_1');
        SELECT move_stock('adjusted', NULL, '{MUG}', '{10}', 'delivery', 'test', '{}');
        SELECT reserve('res_1', '{MUG}', '{2}', 'test', '{}'), reserve('res_2', '{MUG}', '{2}', 'test', '{}');
        SELECT move_stock('committed', 'res_1', '{MUG}', '{2}', '', 'test', '{}');
        SELECT move_stock('committed', 'res_2', '{MUG}', '{2}', '', 'test', '{}');
        SELECT move_stock('restocked', 'res_2', '{MUG}', '{2}', '', 'test', '{}');
        UPDATE reservation SET state = 'committed' WHERE id = 'res_1';
        UPDATE reservation SET state = 'restocked' WHERE id = 'res_2';
        SELECT reserve('res_3', '{MUG}', '{2}', 'test', '{}'), reserve('res_4', '{MUG}', '{1}', 'test', '{}');""",
    "checkout": _CHECKOUT.format(id="chk_3", state="paying", reservation="res_3", by="NULL")
    + _CHECKOUT.format(id="chk_4", state="cancelled", reservation="res_4", by="'chk_5'")
    + _CHECKOUT.format(id="chk_5", state="started", reservation="res_5", by="NULL"),
    "payments": _PAYMENT.format(
        n=1, verdict="paid", paid="'pay_1'", sequence=3, state="captured", amounts="1490, 1490, 0, 490, 490"
    )
    + _PAYMENT.format(
        n=2, verdict="cancelled", paid="'pay_2'", sequence=2, state="voided", amounts="1490, 0, 1490, 0, 0"
    )
    + _PAYMENT.format(n=3, verdict="open", paid="NULL", sequence=0, state="action_required", amounts="0, 0, 0, 0, 0")
    + "".join(
        _BOOKED.format(n=n, entry=entry, of=of, to=to, amount=amount)
        for n, entry, of, to, amount in (
            (1, "authorized", "shopper", "held", 1490),
            (1, "captured", "held", "shop", 1490),
            (1, "refunded", "shop", "shopper", 490),
            (2, "authorized", "shopper", "held", 1490),
            (2, "released", "held", "shopper", 1490),
        )
    ),
    "orders": _ORDER.format(
        n=1,
        state="shipped",
        version=7,
        paid="'pay_1'",
        paid_at="now()",
        **{**_UNPAID, "captured": "true", "refunded": 490, "tracking": "'T1'"},
    )
    + _ORDER.format(n=2, state="cancelled", version=3, paid="'pay_2'", paid_at="now()", **_UNPAID)
    + _ORDER.format(n=3, state="created", version=1, paid="NULL", paid_at="NULL", **_UNPAID)
    + "".join(
        _HISTORY.format(n=n, v=version, note=note)
        for n, notes in (
            (
                1,
                (
                    "created",
                    "payment_accepted",
                    "payment_captured",
                    "fulfilment_begun",
                    "labelled",
                    "shipped",
                    "refunded",
                ),
            ),
            (2, ("created", "payment_accepted", "cancelled: customer")),
            (3, ("created",)),
        )
        for version, note in enumerate(notes, 1)
    ),
    "shipping": """
        INSERT INTO shipment (id, order_id, state, status, number, address, contact, weight_grams, service, promised_to,
                              label_id, tracking_number, labelled_at)
        VALUES ('shp_1', 'ord_1', 'labelled', 'in_transit', 'BDG-1', '{}', '{}', 500, 'ground', current_date, 'lbl_1',
                'T1', now());
        INSERT INTO shipment (id, order_id, state) VALUES ('shp_2', 'ord_2', 'dropped');""",
    "auth": """
        INSERT INTO account (id, email, email_key, password_hash, roles, locale, verified_at, version)
        VALUES ('cus_1', 'ada@example.com', 'ada@example.com', '$argon2id$', '{customer}', 'en', now(), 2);""",
    "users": "",
    "notifications": "".join(
        _MAIL.format(e=number, id=event_id(number), kind=kind, subject=subject) for number, kind, subject in _MAILED
    ),
}

PROCESSOR = {
    "pay_1": {"held": 0, "captured": 1490, "refunded": 490},
    "pay_2": {"held": 0, "captured": 0, "refunded": 0},
}
MAILBOX = [
    {"message_id": f"<{number}@shop>", "to": ["ada@example.com"], "received_at": 1.0} for number, _, _ in _MAILED
]
PRODUCT = {
    "_id": "prd_1", "slugs": ["mug"], "version": 7, "status": "published", "ever_published": True,
    "variants": [{"sku": "MUG", "price": price(500)}],
}  # fmt: skip
CATEGORY = {"id": "mugs", "name": "Mugs", "version": 3}
DOCUMENT = {
    "id": "prd_1", "version": 7, "deleted": False, "slug": "mug", "price": 500, "price_to": 500, "currency": "EUR",
    "in_stock": True, "variants": [{"sku": "MUG", "price": 500, "in_stock": True}],
}  # fmt: skip
WORDS = {
    "product:MUG": {"version": 7, "told": {"sku": "MUG", "sold": True, "product_id": "prd_1", "price": price(500)}},
    "stock:MUG": {"version": 9, "told": {"sku": "MUG", "shown": 5, "in_stock": True}},
    "paid:ord_1": {}, "paid:ord_2": {},
}  # fmt: skip
PAGE = {
    "@context": "https://schema.org", "@type": "Product", "name": "Mug", "sku": "MUG",
    "offers": {"@type": "Offer", "price": "5.00", "priceCurrency": "EUR", "availability": "https://schema.org/InStock"},
}  # fmt: skip


@dataclass
class Plan:
    """What a copy differs in."""

    rows: Mapping[str, str] = field(default_factory=dict)
    """By room: statements."""
    told: Callable[[list[Told]], list[Told]] | None = None
    raw: Mapping[str, Sequence[bytes]] = field(default_factory=dict)
    """By topic: what else is put there."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """By group: a topic of which it has read nothing."""
    processor: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    mailbox: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda mails: mails
    documents: Sequence[Mapping[str, Any]] | None = None
    product: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    page: Mapping[str, Any] | int | None = None
    answers: Sequence[Answer] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    inbox_days: float = 14
    dropped: bool = False
    """Whether the topics have dropped everything, by its age."""


class Shop:
    """The stores as they are when nothing is wrong."""

    def __init__(self, make_database: MakeDatabase) -> None:
        self._make = make_database
        self.urls: dict[str, str] = {}
        self.told: list[Told] = list(TOLD)
        self.stock_told: list[tuple[str, bytes]] = []
        self._copies = 0
        self._stack = AsyncExitStack()
        self._topics = Topics(engine("BODEGA_TEST_KAFKA"), f"t{RUN}.audit0.")
        self._search = engine("BODEGA_SEARCH_OPENSEARCH_URL")

    async def open(self) -> None:
        """Fills them. What nobody changes is filled once."""
        for room, rows in ROWS.items():
            self.urls[room] = await self._make(room)
            heard = [one for one in TOLD if _enters(room, one)]
            inbox = "".join(f"INSERT INTO inbox VALUES ('{room}', '{one.id}');" for one in heard)
            await does(self.urls[room], rows + inbox)
        connection = await asyncpg.connect(self.urls["inventory"])
        waiting = await connection.fetch("DELETE FROM outbox RETURNING position, key, body, event_id")
        await connection.close()
        self.stock_told = [(row["key"], row["body"]) for row in sorted(waiting, key=lambda row: row["position"])]
        of_notifications = [
            row["event_id"] for row in waiting
            if json.loads(row["body"])["type"] in ("InventoryAdjusted", "InventoryReleased")
        ]  # fmt: skip
        inbox = "".join(f"INSERT INTO inbox VALUES ('notifications', '{one}');" for one in of_notifications)
        await does(self.urls["notifications"], inbox)
        await self._put_on_topics(self._topics.prefix, self.told, {}, {})
        self._unchanged_mongo = await self._stack.enter_async_context(_catalog({}, 0))
        self._unchanged_index = await self._stack.enter_async_context(self._index([DOCUMENT, CATEGORY]))
        self._unchanged_words = await self._stack.enter_async_context(_words({}, 0))

    async def close(self) -> None:
        await self._stack.aclose()

    async def _put_on_topics(
        self, prefix: str, told: Sequence[Told], raw: Mapping[str, Sequence[bytes]], unread: Mapping[str, str]
    ) -> None:
        """Everything, and how far each group has read: to the end."""
        topics = Topics(engine("BODEGA_TEST_KAFKA"), prefix)
        await topics.make(*NAMES, *PARKED)
        producer = Producer(topics.bootstrap, client_id="tests")
        await producer.open()
        await producer.send([Message(prefix + one.topic, one.key, one.body) for one in told if one.partition is None])
        await producer.send([Message(prefix + "inventory", key, body) for key, body in self.stock_told])
        await producer.send([Message(prefix + topic, "x", body) for topic, bodies in raw.items() for body in bodies])
        for one in told:
            if one.partition is not None:
                assert producer._producer is not None
                await producer._producer.send_and_wait(
                    prefix + one.topic, one.body, key=one.key.encode(), partition=one.partition
                )
        await producer.close()
        await asyncio.gather(*(_reads(prefix, group, unread.get(group)) for group in HEARD))

    @asynccontextmanager
    async def copy(self, plan: Plan) -> AsyncIterator[Places]:
        """The shop with that in it."""
        self._copies += 1
        prefix, urls = self._topics.prefix, dict(self.urls)
        async with AsyncExitStack() as stack:
            for room, statements in plan.rows.items():
                urls[room] = await stack.enter_async_context(_copied(urls[room], self._copies))
                await does(urls[room], statements)
            if plan.told or plan.raw or plan.unread or plan.dropped:
                prefix = f"t{RUN}.audit{self._copies}."
                told = plan.told(list(self.told)) if plan.told else self.told
                await self._put_on_topics(prefix, told, plan.raw, plan.unread)
            if plan.dropped:
                await _drop_all(prefix)
            site = await stack.enter_async_context(_site(plan))
            mongo = self._unchanged_mongo
            if plan.product:
                mongo = await stack.enter_async_context(_catalog(plan.product, self._copies))
            index, words = self._unchanged_index, self._unchanged_words
            if plan.documents is not None:
                index = await stack.enter_async_context(self._index(plan.documents))
            if plan.words:
                words = await stack.enter_async_context(_words(plan.words, self._copies))
            places = Places(
                databases=urls,
                hearers=Hearers.of(SYSTEM, plan.inbox_days),
                heard=HEARD,
                topics=logs.Topics(engine("BODEGA_TEST_KAFKA"), prefix, NAMES, HEARD, PARKED),
                engines=Engines(mongo, self._search, index, engine("BODEGA_TEST_REDIS_ADMIN_URL"), words, site),
                sandbox=site,
                processor=site,
            )
            yield replace(places, limits=replace(places.limits, **plan.limits))

    async def findings(self, plan: Plan) -> list[Finding]:
        """What one look finds wrong in such a copy."""
        async with self.copy(plan) as places:
            return list(compare(await look(places), places, plan.answers))

    async def report(self, plan: Plan) -> Report:
        """What the audit says of it, looking twice where something is wrong."""
        async with self.copy(plan) as places:
            return await audit(places, told=plan.answers, recheck_seconds=0)

    @asynccontextmanager
    async def _index(self, documents: Sequence[Mapping[str, Any]]) -> AsyncIterator[str]:
        """An index with these documents. Gives the prefix of its name."""
        prefix = f"t{RUN}-audit{self._copies}-"
        kept = {name: {"type": "keyword"} for name in ("id", "slug", "name")}
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            url = f"{self._search}/{prefix}products"
            settings = {"number_of_shards": 1, "number_of_replicas": 0, "analysis": _THAI}
            await session.put(url, json={"settings": settings, "mappings": {"properties": kept}})
            for one in documents:
                await session.put(f"{url}/_doc/{one['id']}", json=one)
            try:
                yield prefix
            finally:
                await session.delete(url)


_THAI = {"tokenizer": {"thai": {"type": "standard"}}, "analyzer": {"thai": {"type": "standard"}}}
"""As in the shop's own index: some runtimes of Java have none."""


def _enters(room: str, one: Told) -> bool:
    """Whether the room's inbox has it."""
    is_passed_over = room == "payments" and one.topic == "shipping"
    return room in ROWS and not is_passed_over and one.type in HEARD.get(room, {}).get(one.topic, ())


async def does(url: str, statements: str) -> None:
    """Runs them in one transaction."""
    if not statements:
        return
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def _reads(prefix: str, group: str, unread: str | None) -> None:
    """The group has read its topics to their ends, but for one."""
    consumer = AIOKafkaConsumer(
        **Broker.of(engine("BODEGA_TEST_KAFKA")).options(), group_id=prefix + group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        read = [TopicPartition(prefix + name, n) for name in HEARD[group] if name != unread for n in (0, 1)]
        consumer.assign(read)
        ends = await consumer.end_offsets(read)
        if ends:
            await consumer.commit({one: OffsetAndMetadata(end, "") for one, end in ends.items()})
    finally:
        await consumer.stop()


async def _drop_all(prefix: str) -> None:
    """As the broker does with what is older than its retention."""
    admin = AIOKafkaAdminClient(**Broker.of(engine("BODEGA_TEST_KAFKA")).options())
    await admin.start()
    try:
        everything = {
            TopicPartition(prefix + name, n): RecordsToDelete(before_offset=-1) for name in NAMES for n in (0, 1)
        }
        await admin.delete_records(everything)
    finally:
        await admin.close()


@asynccontextmanager
async def _catalog(product: Mapping[str, Any], number: int) -> AsyncIterator[str]:
    """A database with the product and its category."""
    name = f"t_audit_{RUN}_{number}"
    url = urlsplit(engine("BODEGA_CATALOG_MONGO_URL"))._replace(path=f"/{name}").geturl()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(url)
    try:
        database = client.get_default_database()
        await database["product"].insert_one({**PRODUCT, "updated_at": datetime.now(UTC), **product})
        await database["category"].insert_one({"_id": "mugs", "version": 3})
        yield url
    finally:
        await client.drop_database(name)
        await client.close()


@asynccontextmanager
async def _copied(url: str, number: int) -> AsyncIterator[str]:
    """A copy of a database, whose owner may change everything in it."""
    of = urlsplit(url).path.removeprefix("/")
    name = f"{of}_{number}"
    admin = await asyncpg.connect(engine("BODEGA_TEST_ADMIN_URL"))
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{of}"')
        try:
            yield urlsplit(engine("BODEGA_TEST_ADMIN_URL"))._replace(path=f"/{name}").geturl()
        finally:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@asynccontextmanager
async def _site(plan: Plan) -> AsyncIterator[str]:
    """A server that answers as the edge, the mailbox and the processor."""
    mails = plan.mailbox(deepcopy(MAILBOX))

    async def page(request: web.Request) -> web.Response:
        if isinstance(plan.page, int):
            return web.Response(status=plan.page)
        said = json.dumps(PAGE if plan.page is None else plan.page)
        text = f'<html><script type="application/ld+json">{said}</script></html>'
        return web.Response(text=text, content_type="text/html")

    async def ledger(_: web.Request) -> web.Response:
        return web.json_response({"payments": {**PROCESSOR, **plan.processor}})

    async def mailbox(_: web.Request) -> web.Response:
        return web.json_response({"items": mails, "next_cursor": None})

    app = web.Application()
    app.add_routes(
        [
            web.get("/products/mug", page),
            web.get("/sandbox/ledger", ledger),
            web.get("/sandbox/mails", mailbox),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _words(words: Mapping[str, Mapping[str, Any] | None], number: int) -> AsyncIterator[str]:
    """The cart's snapshots and marks. Gives the prefix of their keys."""
    prefix = f"t{RUN}:audit{number}:"
    redis: Any = Redis.from_url(engine("BODEGA_TEST_REDIS_ADMIN_URL"))
    try:
        for key, word in {**WORDS, **words}.items():
            if word is not None:
                await redis.set(prefix + key, json.dumps(word))
        yield prefix
    finally:
        keys = [key async for key in redis.scan_iter(f"{prefix}*")]
        if keys:
            await redis.delete(*keys)
        await redis.aclose()
