"""The audit: stock, money, parcels, events, mails, views, answers and waiting times, over all rooms' stores at once.

It imports nothing of a service: queries, and readings of topics, documents, index, carts, pages and mailbox are its
own. Each store is read at a time of its own, so a shop in motion differs from itself between two of them for as long as
an event is under way. A finding therefore counts only if a second look, some seconds later, finds it again.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from bodega.platform import settings
from bodega.platform.secrets import Secrets
from bodega.platform.system import SANDBOX, Instance
from bodega.proof.audit import answers, events, mails, money, parcels, stock, time, views
from bodega.proof.audit.answers import Answer
from bodega.proof.audit.books import Books, read_rooms
from bodega.proof.audit.events import Hearers
from bodega.proof.audit.finding import Finding, Report
from bodega.proof.audit.mails import Mailbox
from bodega.proof.audit.time import Limits
from bodega.proof.audit.topics import Log, Topics
from bodega.proof.audit.views import INDEX_RULE, Engines, Views

__all__ = [
    "INDEX_RULE", "UNREADABLE", "Answer", "Books", "Finding", "Limits", "Look", "Places", "Report", "audit", "compare",
    "look", "read_rooms",
]  # fmt: skip

UNREADABLE = (
    OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, aiohttp.ClientError, KafkaError, PyMongoError,
    RedisError,
)  # fmt: skip
"""What is raised where a store cannot be read."""
RECHECK_SECONDS = 5.0
"""How long an event may be under way between two rooms before its lack is a finding."""
_MAILS_AT_ONCE = 500
_TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True)
class Places:
    """Where everything is that the audit reads, and what it must know of the shop to judge it."""

    databases: Mapping[str, str]
    """By room."""
    hearers: Hearers
    heard: Mapping[str, Mapping[str, frozenset[str]]]
    """By process, with or without SQL, and topic: the types of events that it hears."""
    limits: Limits = field(default_factory=Limits)
    captures: bool = True
    """Whether the money is taken when an order is accepted."""
    merchant: bool = False
    """Whether the shop names an address that withdrawals are reported to."""
    topics: Topics | None = None
    engines: Engines | None = None
    sandbox: str | None = None
    """Whose mailbox takes the mails."""
    processor: str | None = None
    """The sandbox, where it is the card processor."""

    @classmethod
    def of(cls, instance: Instance) -> "Places":
        """Of a running instance."""
        system, secrets = instance.system, Secrets.of(instance)
        rendered = settings.render(instance, secrets, os.environ)
        heard = {
            service.name: {topic: frozenset(types) for topic, types in service.hears.items()}
            for service in system.services.values()
            if service.hears
        }
        parked = [topic for topic in map(system.parked_topic_of, system.broker_users) if topic]
        is_ours = rendered["notifications"].get("BODEGA_NOTIFICATIONS_SMTP_HOST") == instance.host("sandbox")
        return cls(
            databases={
                one.name: settings.database_url(instance, secrets, one.name, owner=True)
                for one in system.services.values()
                if one.store == "postgres"
            },
            hearers=Hearers.of(system, instance.times["inbox_days"]),
            heard=heard,
            limits=Limits.of(instance),
            captures=system.shop.capture_on == "order",
            merchant=bool(system.merchant.email),
            topics=Topics(
                settings.kafka_admin_url(instance, secrets), "",
                [one.publishes for one in system.services.values() if one.publishes], heard, parked,
            ),
            engines=Engines(
                mongo=rendered["catalog"]["BODEGA_CATALOG_MONGO_URL"],
                search=rendered["search"]["BODEGA_SEARCH_OPENSEARCH_URL"],
                redis=settings.valkey_url(instance, secrets),
                edge=instance.edge_url,
            ),
            sandbox=instance.sandbox_url if is_ours else None,
            processor=instance.sandbox_url if settings.processor_of(instance) == SANDBOX else None,
        )  # fmt: skip


@dataclass
class Look:
    """All that was read at one look."""

    books: Books
    log: Log = field(default_factory=Log)
    views: Views | None = None
    mailbox: Mailbox | None = None


async def audit(
    places: Places,
    *,
    sample: int | None = None,
    told: Sequence[Answer] = (),
    recheck_seconds: float = RECHECK_SECONDS,
) -> Report:
    """Look; where something is found, look again. `sample`: of how many products the views are compared; `told`: what
    buyers were answered.

    Raises one of UNREADABLE.
    """
    seen = await look(places, sample)
    findings = set(compare(seen, places, told))
    if findings:
        await asyncio.sleep(recheck_seconds)
        seen = await look(places, sample)
        before = {finding.identity for finding in findings}
        findings = {finding for finding in compare(seen, places, told) if finding.identity in before}
    return Report(sorted(findings), _looked_at(seen, told), list(_unseen(seen, places)))


async def look(places: Places, sample: int | None = None) -> Look:
    """One look at everything. How far readers are is read first, and what is on the topics last: so what an inbox has
    must be on a topic, and what a reader has passed must be in its inbox."""
    log = await places.topics.begin() if places.topics is not None else Log()
    books, seen, processor, mailbox = await asyncio.gather(
        read_rooms(places.databases, log.since, time.QUERIES),
        _views(places.engines, sample),
        _processor(places.processor),
        _mailbox(places.sandbox),
    )
    books.processor = processor
    if places.topics is not None:
        await places.topics.read(log)
    return Look(books, log, seen, mailbox)


async def _views(engines: Engines | None, sample: int | None) -> Views | None:
    return await views.read(engines, sample) if engines is not None else None


async def _processor(sandbox: str | None) -> Mapping[str, Mapping[str, Any]] | None:
    if sandbox is None:
        return None
    async with aiohttp.ClientSession(timeout=_TIMEOUT, raise_for_status=True) as session:
        said: Mapping[str, Any] = await _json(session, f"{sandbox}/sandbox/ledger")
        books: Mapping[str, Mapping[str, Any]] = said["payments"]
        return books


async def _json(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as answer:
        return await answer.json(content_type=None)


async def _mailbox(sandbox: str | None) -> Mailbox | None:
    if sandbox is None:
        return None
    mails: list[dict[str, Any]] = []
    cursor = ""
    async with aiohttp.ClientSession(timeout=_TIMEOUT, raise_for_status=True) as session:
        while True:
            page = await _json(session, f"{sandbox}/sandbox/mails?envelope=1&limit={_MAILS_AT_ONCE}&cursor={cursor}")
            mails += page["items"]
            if (cursor := page["next_cursor"]) is None:
                return mails


def compare(seen: Look, places: Places, told: Sequence[Answer] = ()) -> Iterator[Finding]:
    """Everything in one look that is not as it should be."""
    books, log = seen.books, seen.log
    yield from stock.stock(books)
    yield from stock.movements(books)
    yield from stock.orders(books)
    yield from money.totals(books)
    yield from money.payments(books)
    yield from money.orders(books)
    yield from money.processor(books)
    yield from parcels.orders(books)
    yield from events.history(books)
    if places.topics is not None:
        if seen.views is not None:
            yield from events.told(books, log, events.of_catalog(seen.views, log))
            yield from events.marked(log, seen.views.marks)
        yield from events.told(books, log, books.facts)
        yield from events.in_order(books, log)
        yield from events.took_effect(books, log, places.hearers)
        yield from mails.written(books, log, merchant=places.merchant)
    yield from mails.arrived(books, seen.mailbox)
    if seen.views is not None:
        yield from views.compare(seen.views, books.stock)
    yield from answers.kept(books, told)
    yield from time.waits(books, log, places.limits, places.heard, captures=places.captures)
    yield from time.parked(books, log)


def _looked_at(seen: Look, told: Sequence[Answer]) -> dict[str, int]:
    books = seen.books
    counts = {name: len(getattr(books, name)) for name in ("stock", "reservations", "orders", "payments", "shipments")}
    counts["events on topics"] = len(seen.log.records)
    counts["events waiting in outboxes"] = sum(row["waiting"] for row in books.outboxes)
    counts["mails"] = len(books.notifications)
    if seen.views is not None:
        counts["products in index, carts and pages"] = len(seen.views.products)
    if told:
        counts["answers"] = len(told)
    return counts


def _unseen(seen: Look, places: Places) -> Iterator[str]:
    yield from events.unseen(seen.log, places.hearers.inbox_days)
    yield from mails.unseen(seen.books, seen.mailbox)
    if seen.views is not None and seen.views.left_out:
        of = len(seen.views.products) + seen.views.left_out
        yield f"Index, carts and pages were compared for {len(seen.views.products)} of {of} products (--sample)."
