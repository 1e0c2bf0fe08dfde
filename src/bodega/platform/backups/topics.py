"""Kafka: the records of every topic up to an offset, and how far each group of readers was.

Records are written out, and published again in a broker of their own: so nothing of later than the point comes back,
which copied segment files would bring. Their offsets begin at 0 there; the groups' are counted anew.
"""

import asyncio
import json
from base64 import b64decode, b64encode
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition

from bodega.kit.bus import Broker
from bodega.platform.backups.archive import BackupError
from bodega.platform.backups.points import Offsets
from bodega.platform.secrets import Secrets
from bodega.platform.settings import kafka_admin_url
from bodega.platform.system import Instance

_AT_ONCE = 2000
_FETCH_BYTES = 8 * 1024 * 1024

Versions = Mapping[str, Mapping[str, int]]
"""By topic and key: the newest version that who publishes it knows of."""


class Log:
    """An instance's topics, as its administrator reads and writes them."""

    def __init__(
        self, instance: Instance, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient, found: list[TopicPartition]
    ) -> None:
        self._system = instance.system
        self._consumer = consumer
        self._admin = admin
        self._partitions = found
        consumer.assign(found)  # of a topic that is not, it learns only a tenth of a second after it was asked

    @property
    def _groups(self) -> list[str]:
        """Who reads: every process that subscribes to something, and who replays parked messages."""
        parked = [topic for topic in map(self._system.parked_topic_of, self._system.broker_users) if topic]
        return [*self._system.broker_users, *parked]

    async def committed(self) -> dict[str, Offsets]:
        """How far each group has read."""
        found = await asyncio.gather(*(self._admin.list_consumer_group_offsets(group) for group in self._groups))
        offsets: dict[str, Offsets] = {}
        for group, of_group in zip(self._groups, found, strict=True):
            for partition, told in of_group.items():
                if told.offset >= 0:
                    offsets.setdefault(group, {}).setdefault(partition.topic, {})[partition.partition] = told.offset
        return offsets

    async def ends(self, *topics: str) -> Offsets:
        """Where each partition of these topics ends now; of none: of all."""
        asked = [one for one in self._partitions if not topics or one.topic in topics]
        ends: Offsets = {}
        for partition, end in (await self._consumer.end_offsets(asked)).items():
            ends.setdefault(partition.topic, {})[partition.partition] = end
        return ends

    async def begins_at(self, moment: datetime) -> Offsets:
        """The first record of each partition that is of this moment or later."""
        at = int(moment.timestamp() * 1000)
        found = await self._consumer.offsets_for_times(dict.fromkeys(self._partitions, at))
        ends, begins = await self.ends(), dict[str, dict[int, int]]()
        for partition, first in found.items():
            end = ends[partition.topic][partition.partition]
            begins.setdefault(partition.topic, {})[partition.partition] = end if first is None else first.offset
        return begins

    async def records(self, begin: Offsets, ends: Offsets) -> AsyncIterator[ConsumerRecord[Any, Any]]:
        """Each partition's records from `begin` (what it does not name: from the oldest) to before its end, in their
        order."""
        upto = {TopicPartition(topic, number): end for topic, of in ends.items() for number, end in of.items()}
        self._consumer.assign(list(upto))
        first = await self._consumer.beginning_offsets(list(upto))
        open_ones = set[TopicPartition]()
        for partition, end in upto.items():
            start = max(begin.get(partition.topic, {}).get(partition.partition, 0), first[partition])
            self._consumer.seek(partition, start)
            if start < end:
                open_ones.add(partition)
        while open_ones:
            for batch in (await self._consumer.getmany(timeout_ms=200, max_records=_AT_ONCE)).values():
                for record in batch:
                    if record.offset < upto[TopicPartition(record.topic, record.partition)]:
                        yield record
            open_ones = {one for one in open_ones if await self._consumer.position(one) < upto[one]}


@asynccontextmanager
async def log_of(instance: Instance) -> AsyncIterator[Log]:
    """The topics of an instance whose broker runs. Raises KafkaError; BackupError, if one of them is not there."""
    broker = Broker.of(kafka_admin_url(instance, Secrets.of(instance)))
    consumer = AIOKafkaConsumer(
        **broker.options(), enable_auto_commit=False, auto_offset_reset="earliest", client_id="bodega-backup",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )  # fmt: skip
    admin = AIOKafkaAdminClient(**broker.options())
    try:
        await admin.start()
        await consumer.start()
        yield Log(instance, consumer, admin, await _partitions(instance, admin))
    finally:
        await consumer.stop()
        await admin.close()


async def _partitions(instance: Instance, admin: AIOKafkaAdminClient) -> list[TopicPartition]:
    found = [
        TopicPartition(described["topic"], one["partition"])
        for described in await admin.describe_topics(list(instance.system.topic_names))
        for one in described["partitions"]
    ]
    if missing := set(instance.system.topic_names) - {one.topic for one in found}:
        raise BackupError(f"the broker has no topic {', '.join(sorted(missing))}: has {instance.name} started?")
    return found


async def write(log: Log, ends: Offsets, file: Path) -> int:
    """All records up to these ends, one to a line of JSON. Gives their number."""
    count = 0
    with file.open("w") as lines:
        async for record in log.records({}, ends):
            lines.write(json.dumps(_as_line(record)) + "\n")
            count += 1
    return count


async def load(instance: Instance, file: Path, committed: Mapping[str, Offsets], versions: Versions) -> None:
    """Publish what `write` has written, each record to its partition, and tell each group's place anew. Whatever of a
    partition is there already is of an earlier try, and is passed over. Nobody else may write meanwhile.

    Of a topic that is in `versions`, what tells of a later version is left out. Raises KafkaError, OSError.
    """
    kept: dict[tuple[str, int], list[int]] = defaultdict(list)
    """By topic and partition: the former offsets of its records."""
    broker = Broker.of(kafka_admin_url(instance, Secrets.of(instance)))
    async with log_of(instance) as log:
        there = await log.ends()
    producer = AIOKafkaProducer(**broker.options(), enable_idempotence=True, acks="all", max_request_size=2_000_000)
    await producer.start()
    try:
        under_way: list[asyncio.Future[Any]] = []
        for line in _lines(file):
            topic, partition = line["topic"], line["partition"]
            if topic in versions and _is_later(line, versions[topic]):
                continue
            kept[topic, partition].append(line["offset"])
            if len(kept[topic, partition]) <= there.get(topic, {}).get(partition, 0):
                continue
            under_way.append(await producer.send(topic, **_as_record(line), partition=partition))
            if len(under_way) >= _AT_ONCE:
                await asyncio.gather(*under_way)
                under_way.clear()
        await asyncio.gather(*under_way)
    finally:
        await producer.stop()
    for group, offsets in committed.items():
        await _commit(broker, group, {
            TopicPartition(topic, partition): OffsetAndMetadata(bisect_left(kept[topic, partition], offset), "")
            for topic, of in offsets.items() for partition, offset in of.items()
        })  # fmt: skip


async def _commit(broker: Broker, group: str, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
    consumer = AIOKafkaConsumer(**broker.options(), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
    finally:
        await consumer.stop()


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open() as lines:
        for line in lines:
            yield json.loads(line)


def _as_line(record: "ConsumerRecord[Any, Any]") -> dict[str, Any]:
    return {
        "topic": record.topic, "partition": record.partition, "offset": record.offset, "at": record.timestamp,
        "key": _text(record.key), "value": _text(record.value),
        "headers": [[name, _text(value)] for name, value in record.headers],
    }  # fmt: skip


def _as_record(line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": _bytes(line["key"]), "value": _bytes(line["value"]), "timestamp_ms": line["at"],
        "headers": [(name, _bytes(value)) for name, value in line["headers"]],
    }  # fmt: skip


def _is_later(line: Mapping[str, Any], versions: Mapping[str, int]) -> bool:
    try:
        event = json.loads(_bytes(line["value"]) or b"")
        return int(event["sequence"]) > versions.get(event["subject"], -1)
    except (ValueError, KeyError, TypeError):
        return False  # no event of ours: whoever reads it says so


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else b64decode(value)
