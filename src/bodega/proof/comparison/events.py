"""What the running shop's topics have told since the point of a backup."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiokafka.structs import ConsumerRecord
from pydantic import ValidationError

from bodega.contracts.envelope import REGISTRY
from bodega.platform.backups import topics
from bodega.platform.backups.points import Points
from bodega.platform.system import Instance


@dataclass(frozen=True)
class Told:
    """An event: its type, its key, the version that its subject had after it, what it carries."""

    topic: str
    type: str
    key: str
    sequence: int
    data: Mapping[str, Any]


@dataclass
class Since:
    """All events since the point, of each key in their order."""

    events: list[Told] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Where it stands -> why this release cannot read it."""

    @property
    def keys(self) -> set[str]:
        """Of what they tell."""
        return {event.key for event in self.events}

    @property
    def counts(self) -> dict[str, int]:
        """How many of each type."""
        return dict(sorted(Counter(event.type for event in self.events).items()))


async def read(instance: Instance, points: Points | None, made_at: datetime) -> Since:
    """From the point to the topics' present ends. `made_at`: when the backup was made, if it has no points, because its
    shop stood still. Raises KafkaError."""
    since = Since()
    async with topics.log_of(instance) as log:
        published = [one.publishes for one in instance.system.services.values() if one.publishes]
        begin = points.ends if points is not None else await log.begins_at(made_at)
        async for record in log.records(begin, await log.ends(*published)):
            _take(record, since)
    return since


def _take(record: "ConsumerRecord[Any, Any]", since: Since) -> None:
    """As any reader would: what is of a type that this release does not know is passed over."""
    try:
        event = json.loads(record.value or b"")
        told = Told(record.topic, event["type"], event["subject"], int(event["sequence"]), event["data"])
        if told.type in REGISTRY:
            REGISTRY[told.type].model_validate(told.data)
    except (ValueError, KeyError, TypeError) as error:
        where = f"{record.topic}/{record.partition}/{record.offset}"
        since.unreadable[where] = _first_line(error)
        return
    since.events.append(told)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"


def numbered(events: Iterable[Told], topic: str) -> dict[str, list[Told]]:
    """By key, the events of a topic in the order of their numbers."""
    by_key: dict[str, list[Told]] = {}
    for event in events:
        if event.topic == topic:
            by_key.setdefault(event.key, []).append(event)
    return {key: sorted(of_key, key=lambda one: one.sequence) for key, of_key in by_key.items()}
