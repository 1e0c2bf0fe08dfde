"""Events: what was committed is on its topic, each key's in their order and without a gap, and took effect once at each
that hears it.

Of what a topic or an inbox has dropped by its age nothing is judged; `unseen` says so.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bodega.platform.system import System
from bodega.proof.audit.books import Books, Fact
from bodega.proof.audit.finding import Finding
from bodega.proof.audit.topics import SLACK, Log, Record
from bodega.proof.audit.views import Views

ON_ITS_TOPIC = "what was committed is on its topic"
IN_ORDER = "a key's events stand in their order, in one partition"
NO_GAP = "a key's events are numbered without a gap"
ONCE = "an event takes effect once at each that hears it"
HAS_ITS_EVENT = "what took effect is on its topic"
ONCE_IN_HISTORY = "it happens to an order once"

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
MARKS_LAST = timedelta(days=14)
"""So long a cart's store keeps the mark of an order."""

_OUT_OF_LINE = frozenset(("OrderLinkRequested", "InventoryShort"))
"""They change nothing, so nothing is locked for them: they may bear the number before the last."""


@dataclass(frozen=True)
class Hearers:
    """Who hears what, from platform.toml. `inbox`: with SQL; `marks`: others."""

    inbox: Mapping[str, Mapping[str, frozenset[str]]]
    """By room and topic: the types."""
    inbox_days: float

    @classmethod
    def of(cls, system: System, inbox_days: float) -> "Hearers":
        """All with an inbox. What a room passes over without a trace, as its specification says, it does not hear."""
        heard = {
            service.name: {topic: frozenset(types) for topic, types in service.hears.items()}
            for service in system.services.values()
            if service.hears and service.store == "postgres"
        }
        if system.shop.capture_on == "order":  # then payments has nothing to do with a parcel
            heard["payments"] = {**heard["payments"], "shipping": frozenset[str]()}
        return cls(heard, inbox_days)


def told(books: Books, log: Log, facts: Iterable[Fact]) -> Iterator[Finding]:
    """What the stores know to have happened is on the topics, or waits in an outbox."""
    on_topic: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in log.records:
        on_topic[record.topic, record.key, record.type].append(record)
    for fact in facts:
        if (fact.topic, fact.key) in books.untold_keys:
            continue
        there = on_topic[fact.topic, fact.key, fact.type]
        if not any(
            fact.sequence in (None, one.sequence) and fact.detail in (None, one.data.get("tracking_number"))
            for one in there
        ):
            yield Finding(fact.room, fact.key, ON_ITS_TOPIC, "nothing", str(fact))


def of_catalog(views: Views, log: Log) -> Iterator[Fact]:
    """What the catalog's documents know to have happened: the present state of each product and category is told."""
    since = log.since.get("catalog", _ALWAYS)
    for product in views.products:
        if product.was_sold and product.id not in views.pending and product.written_at >= since:
            kind = "ProductUpdated" if product.is_sold else "ProductArchived"
            yield Fact("catalog", "catalog", product.id, kind, product.version)
    for slug, version in views.category_versions.items():
        if version and slug not in views.untold and since == _ALWAYS:  # when it was written, it does not say
            yield Fact("catalog", "catalog", slug, "CategoryUpdated", version)


def in_order(books: Books, log: Log) -> Iterator[Finding]:
    """Each key's events stand in one partition in the order of their numbers; of money, none of which is missing."""
    seen: set[tuple[str, str]] = set()
    last: dict[tuple[str, str], Record] = {}
    numbers: dict[str, set[int]] = defaultdict(set)
    for record in log.records:
        key = record.topic, record.key
        if (record.topic, record.id) in seen or record.type in _OUT_OF_LINE:
            continue  # what is sent again is known already
        seen.add((record.topic, record.id))
        before = last.get(key)
        if before is not None and (record.sequence < before.sequence or record.partition != before.partition):
            found = f"{record.type} {record.sequence} behind {before.type} {before.sequence}"
            if record.partition != before.partition:
                found += f", in the partitions {before.partition} and {record.partition}"
            yield Finding(record.topic, record.key, IN_ORDER, found, "rising numbers in one partition")
        else:
            last[key] = record
        if record.topic == "payments":
            numbers[record.key].add(record.sequence)
    for row in books.numbered:
        order_id, there = row["order_id"], numbers[row["order_id"]]
        if ("payments", order_id) in books.untold_keys:
            continue
        first = 1
        if row["since"] < log.since.get("payments", row["since"]):  # the first ones may have been dropped
            first = min(there, default=row["sequence"] + 1)
        if missing := sorted(set(range(first, row["sequence"] + 1)) - there):
            found = f"{', '.join(map(str, missing))} of {row['sequence']} missing"
            yield Finding("payments", order_id, NO_GAP, found, f"{first} to {row['sequence']}")


def took_effect(books: Books, log: Log, hearers: Hearers) -> Iterator[Finding]:
    """Whatever a reader has passed has entered its inbox once, or is parked; and what entered is on a topic."""
    remembered = datetime.now(UTC) - timedelta(days=hearers.inbox_days)
    ids = {record.id for record in log.records}
    for room, topics in hearers.inbox.items():
        inbox, parked, passed = books.inbox.get(room, {}), books.set_aside.get(room, set()), log.read_to.get(room, {})
        for event_id, times in inbox.items():
            if times > 1:
                yield Finding(room, event_id, ONCE, f"{times} times", "once")
            if event_id not in ids and event_id not in books.untold and not _dropped(event_id, topics, log):
                yield Finding(room, event_id, HAS_ITS_EVENT, "no event", "one on " + ", ".join(sorted(topics)))
        for record in log.records:
            if not _hears(topics, room, record) or record.at < remembered:
                continue
            if record.offset >= passed.get((record.topic, record.partition), 0):
                continue  # it waits; for how long is another rule's
            if record.id not in inbox and record.id not in parked:
                found = f"never, though {record.topic} was read beyond it"
                yield Finding(room, f"{record.type} {record.id} of {record.key}", ONCE, found, "once")


def history(books: Books) -> Iterator[Finding]:
    """What can happen to an order once stands in its history once."""
    for row in books.changed_twice:
        yield Finding(
            "orders", row["order_id"], ONCE_IN_HISTORY, f"{row['note']} {row['times']} times", f"{row['note']} once"
        )


def marked(log: Log, marks: set[str] | None) -> Iterator[Finding]:
    """A cart gives up its lines for each order that is paid: it keeps a mark of each order, and has no inbox."""
    passed, remembered = log.read_to.get("cart", {}), datetime.now(UTC) - MARKS_LAST + SLACK
    for record in log.records:
        if marks is None or record.type != "OrderPaid" or record.key in marks or record.at < remembered:
            continue
        if record.offset < passed.get((record.topic, record.partition), 0):
            found = "never, though orders was read beyond it"
            yield Finding("cart", f"{record.type} {record.id} of {record.key}", ONCE, found, "once")


def waiting(log: Log, hearers: Mapping[str, Mapping[str, frozenset[str]]]) -> dict[str, tuple[int, float]]:
    """By who hears: how many events wait to be taken, and for how many seconds the oldest has."""
    now, waits = datetime.now(UTC), dict[str, tuple[int, float]]()
    for room, topics in hearers.items():
        passed = log.read_to.get(room, {})
        ages = [
            (now - record.at).total_seconds()
            for record in log.records
            if record.type in topics.get(record.topic, ())
            and record.offset >= passed.get((record.topic, record.partition), 0)
        ]
        if ages:
            waits[room] = len(ages), max(ages)
    return waits


def unseen(log: Log, inbox_days: float) -> Iterator[str]:
    """What is no longer there to be judged."""
    for topic, since in sorted(log.since.items()):
        if since.year > 1970:
            yield f"Events of {topic} from before {since:%Y-%m-%d %H:%M} UTC are no longer on their topic: not judged."
    remembered = datetime.now(UTC) - timedelta(days=inbox_days)
    if any(record.at < remembered for record in log.records):
        yield f"Which events from before {remembered:%Y-%m-%d} took effect, inboxes no longer say: not judged."


def _hears(topics: Mapping[str, frozenset[str]], room: str, record: Record) -> bool:
    if record.type not in topics.get(record.topic, ()):
        return False
    # Nobody can be told of goods that are there already: it asks only whether they are sold out.
    return not (room == "notifications" and record.type == "InventoryReserved" and record.data.get("in_stock", True))


def _dropped(event_id: str, topics: Mapping[str, frozenset[str]], log: Log) -> bool:
    """Whether it may be older than what its topic still tells. A UUID of version 7 begins with its time; others, as the
    catalog's, say nothing of it."""
    at = datetime(1970, 1, 1, tzinfo=UTC)
    if event_id[14:15] == "7":
        at += timedelta(milliseconds=int(event_id.replace("-", "")[:12], 16))
    return any(at < log.since[topic] for topic in topics if topic in log.since)
