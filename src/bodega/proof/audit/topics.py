"""What stands on the topics, read with a stock client from beginning to end, and how far each group of readers is."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord, TopicPartition

from bodega.kit.bus import Broker

SLACK = timedelta(seconds=60)
"""By so much the clocks of stores and broker may differ, where one asks whether the other still tells of something."""
_KEPT = ("tracking_number", "in_stock", "was_paid", "email", "number", "withdrawal_id", "requested_at")
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Record:
    """An event where it stands on its topic. `data`: of what it carries, what the rules ask."""

    topic: str
    partition: int
    offset: int
    at: datetime
    key: str
    id: str
    type: str
    sequence: int
    data: Mapping[str, Any]


@dataclass
class Log:
    """All that the topics tell."""

    records: list[Record] = field(default_factory=list)
    """In the order of each partition; an event that was sent twice stands here twice."""
    since: dict[str, datetime] = field(default_factory=dict)
    """By topic: since when it tells of everything. In 1970, if nothing of it has been dropped yet."""
    read_to: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)
    """By group: up to which offset of each topic's partitions it has read."""
    parked: dict[str, int] = field(default_factory=dict)
    """By topic of parked messages: how many wait for people."""


@dataclass
class Topics:
    """Reads them. `hearers`: by group, the topics that it reads; `parked`: topics of parked messages, which are also
    the groups that replay them."""

    broker: str
    prefix: str
    names: Sequence[str]
    hearers: Mapping[str, Iterable[str]]
    parked: Sequence[str] = ()
    _partitions: dict[str, list[TopicPartition]] = field(default_factory=dict)

    async def begin(self) -> Log:
        """How far the readers are, and since when the topics tell: read before the stores are. Raises KafkaError."""
        log = Log()
        admin = AIOKafkaAdminClient(**Broker.of(self.broker).options())
        await admin.start()
        try:
            self._partitions = await self._described(admin)
            groups = [*self.hearers, *self.parked]
            committed = await asyncio.gather(
                *(admin.list_consumer_group_offsets(self.prefix + group) for group in groups)
            )
            for group, offsets in zip(groups, committed, strict=True):
                log.read_to[group] = {
                    (partition.topic.removeprefix(self.prefix), partition.partition): found.offset
                    for partition, found in offsets.items()
                    if found.offset >= 0
                }
        finally:
            await admin.close()
        async with _reader(self.broker) as consumer:
            everything = [one for partitions in self._partitions.values() for one in partitions]
            consumer.assign(everything)  # of each topic that is not, it learns only a tenth of a second later
            begins, ends = await consumer.beginning_offsets(everything), await consumer.end_offsets(everything)
            for name in self.parked:
                done = log.read_to[name]
                log.parked[name] = sum(
                    ends[one] - max(begins[one], done.get((name, one.partition), 0)) for one in self._partitions[name]
                )
            for name in self.names:
                dropped = [one for one in self._partitions[name] if begins[one] > 0]
                log.since[name] = max([_ALWAYS, *[await _oldest(consumer, one, ends[one]) for one in dropped]])
        return log

    async def read(self, log: Log) -> None:
        """Everything up to now: read after the stores are, and after `begin`. Raises KafkaError."""
        partitions = [one for name in self.names for one in self._partitions[name]]
        if not partitions:
            return
        async with _reader(self.broker) as consumer:
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            while any([await consumer.position(one) < ends[one] for one in partitions]):
                for records in (await consumer.getmany(timeout_ms=200, max_records=5000)).values():
                    for record in records:
                        event = _read(record, record.topic.removeprefix(self.prefix))
                        if event is not None:
                            log.records.append(event)

    async def _described(self, admin: AIOKafkaAdminClient) -> dict[str, list[TopicPartition]]:
        """By topic. What is not there, which a broker may have yet to make, has none."""
        there = set(await admin.list_topics())
        wanted = [self.prefix + name for name in [*self.names, *self.parked]]
        partitions: dict[str, list[TopicPartition]] = {name: [] for name in [*self.names, *self.parked]}
        for one in await admin.describe_topics([topic for topic in wanted if topic in there]):
            topic = one["topic"]
            partitions[topic.removeprefix(self.prefix)] = [
                TopicPartition(topic, part["partition"]) for part in one["partitions"]
            ]
        return partitions


async def _oldest(consumer: AIOKafkaConsumer, partition: TopicPartition, end: int) -> datetime:
    """Since when a partition, of which something has been dropped, still tells of everything."""
    if await consumer.position(partition) >= end:  # all of it has been dropped
        return datetime.now(UTC)
    oldest: ConsumerRecord[Any, Any] = await consumer.getone(partition)
    return _when(oldest) + SLACK


def _read(record: "ConsumerRecord[Any, Any]", topic: str) -> Record | None:
    """None: no event. Whoever hears it parks it, and that is a finding of its own."""
    try:
        event = json.loads(record.value)
        data = event["data"]
        return Record(
            topic, record.partition, record.offset, _when(record), (record.key or b"").decode(),
            str(event["id"]), str(event["type"]), int(event["sequence"]),
            {name: data[name] for name in _KEPT if name in data}
            | {"refunded_total": (data.get("refunded_total") or {}).get("amount")},
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _when(record: "ConsumerRecord[Any, Any]") -> datetime:
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)


class _reader:
    """A consumer of no group, for as long as it is asked."""

    def __init__(self, broker: str) -> None:
        self._broker = broker

    async def __aenter__(self) -> AIOKafkaConsumer:
        self._consumer = AIOKafkaConsumer(
            **Broker.of(self._broker).options(), enable_auto_commit=False, auto_offset_reset="earliest",
            client_id="bodega-audit", max_partition_fetch_bytes=8 * 1024 * 1024,
        )  # fmt: skip
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        return self._consumer

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
