"""A backup beside the shop: is it good, and what would be lost by going back to it?

Both sides are read: the copy, restored and standing still as of its point; then the shop, which goes on; then what the
shop's topics have told since the point (`things`, `events`). Then it is judged (`compare`):

- what the copy holds is in the shop still, and what never changes is the same;
- where they differ, something has happened since: the shop's row is of later than the point, or an event tells of it;
- what only the shop holds was made since;
- the events since, laid over the copy, give the shop (`replay`), and this release can read every one of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bodega.platform.backups.points import Points
from bodega.platform.system import Instance
from bodega.proof.comparison import events, replay, things
from bodega.proof.comparison.events import Since
from bodega.proof.comparison.things import KINDS, Side, Thing

__all__ = ["Comparison", "Counts", "Difference", "Side", "Since", "Thing", "compare", "look", "read_copy"]

SLACK = timedelta(seconds=60)
"""A row bears the time at which its transaction began, which may have ended after the point."""
STAYS = "what was there at the point is there still"
FIXED = "what never changes has not changed"
EXPLAINED = "what differs has changed since the point"
HELD = "what was there before the point is in the backup"
REPLAYED = "the events since, laid over the backup, give the shop"
READABLE = "this release can read every event since the point"


@dataclass(frozen=True, order=True)
class Difference:
    """Something that should not differ."""

    kind: str
    thing: str
    rule: str
    backup: str
    shop: str


@dataclass
class Counts:
    """Of one kind. `gone`: customers who have been erased since."""

    at_the_point: int = 0
    unchanged: int = 0
    moved_on: int = 0
    gone: int = 0
    new_since: int = 0


@dataclass
class Comparison:
    """What was found. `sold_since`: of the orders that only the shop has, the sum by currency, in minor units."""

    counts: dict[str, Counts] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    sold_since: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)


async def read_copy(copy: Instance) -> Side:
    """The copy, before its services start: they would go on from the point by themselves."""
    return await things.read(copy)


async def look(copy: Side, shop: Instance, points: Points | None, made_at: datetime) -> Comparison:
    """Read the shop, then its topics, and compare. Raises OSError, asyncpg's errors, PyMongoError, KafkaError."""
    now = await things.read(shop)
    since = await events.read(shop, points, made_at)
    return compare(copy, now, since, points.postgres_at if points is not None else made_at)


def compare(copy: Side, shop: Side, since: Since, point: datetime) -> Comparison:
    """What has come since, and what should not differ."""
    found = Comparison({kind: Counts() for kind in KINDS}, since.counts)
    told, after = since.keys, point - SLACK
    for kind in KINDS:
        found.differences += _of_kind(kind, copy, shop, told, after, found)
    for kind, id_, is_now, expected in replay.differing(copy, shop, since):
        found.differences.append(Difference(kind, id_, REPLAYED, _words(expected), _words(is_now)))
    for where, why in since.unreadable.items():
        found.differences.append(Difference("events", where, READABLE, "", why))
    found.differences.sort()
    return found


def _of_kind(
    kind: str, copy: Side, shop: Side, told: set[str], after: datetime, found: Comparison
) -> Iterator[Difference]:
    before, now, counts = copy.things[kind], shop.things[kind], found.counts[kind]
    counts.at_the_point = len(before)
    for id_, then in before.items():
        is_now = now.get(id_)
        if is_now is None:
            counts.gone += 1
            if kind != "customers":  # who wishes so is erased
                yield Difference(kind, id_, STAYS, "there", "nothing")
        elif is_now.fixed != then.fixed:
            yield Difference(kind, id_, FIXED, _words(then.fixed), _words(is_now.fixed))
        elif is_now.state == then.state:
            counts.unchanged += 1
        else:
            counts.moved_on += 1
            if not _is_later(is_now.changed_at, after) and not is_now.keys & told:
                yield Difference(kind, id_, EXPLAINED, _words(then.state), _words(is_now.state))
    for id_ in now.keys() - before.keys():
        new = now[id_]
        counts.new_since += 1
        if kind == "orders":
            currency = new.fixed["currency"]
            found.sold_since[currency] = found.sold_since.get(currency, 0) + new.fixed["total"]
        if not _is_later(new.made_at, after) and not new.keys & told:
            yield Difference(kind, id_, HELD, "nothing", f"there, made {new.made_at}")


def _is_later(at: datetime | None, after: datetime) -> bool:
    return at is not None and at >= after


def _words(state: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in state.items())
