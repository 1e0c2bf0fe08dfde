"""A restored broker holds what the backup holds and nothing of later, also if taking it in was interrupted."""

import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from bodega.kit.bus import Broker
from bodega.platform.backups import postgres, topics
from bodega.platform.system import Instance, System
from tests.conftest import MakeDatabase, engine

pytestmark = pytest.mark.service


class Kept:
    """A topic of the test's own with one partition, as the only one of the test instance."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.instance: Instance = System.load(local=False).instance("test")
        self.old, self.new, self.group = (f"t{secrets.token_hex(4)}.{word}" for word in ("old", "new", "group"))
        self._broker = Broker.of(engine("BODEGA_TEST_KAFKA"))
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(topics, "kafka_admin_url", lambda *_: engine("BODEGA_TEST_KAFKA"))
        monkeypatch.setattr(System, "broker_users", property(lambda _: (self.group,)))
        monkeypatch.setattr(System, "parked_topic_of", lambda *_: None)

    async def make(self, name: str) -> None:
        self._monkeypatch.setattr(System, "topic_names", property(lambda _: (name,)))
        admin = AIOKafkaAdminClient(**self._broker.options())
        await admin.start()
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
        await admin.close()

    async def tell(self, *events: tuple[str, int]) -> None:
        """Keys and versions."""
        producer = AIOKafkaProducer(**self._broker.options())
        await producer.start()
        for key, version in events:
            body = json.dumps({"subject": key, "sequence": str(version)}).encode()
            await producer.send_and_wait(self.old, body, key=key.encode(), headers=[("traceparent", b"00")])
        await producer.stop()

    @asynccontextmanager
    async def reader(self, name: str) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(**self._broker.options(), group_id=self.group, enable_auto_commit=False)
        await consumer.start()
        consumer.assign([TopicPartition(name, 0)])
        yield consumer
        await consumer.stop()

    async def read(self, name: str, count: int) -> list[Any]:
        """So many records from the oldest on, and that there are no more."""
        at = TopicPartition(name, 0)
        async with self.reader(name) as consumer:
            assert (await consumer.end_offsets([at]))[at] == count
            await consumer.seek_to_beginning(at)
            return [await consumer.getone() for _ in range(count)]


def seen(records: Sequence[Any]) -> list[tuple[Any, ...]]:
    return [(one.key, one.value, tuple(one.headers), one.timestamp) for one in records]


async def test_a_new_broker_is_told_what_the_old_one_was_up_to_the_point_and_each_reader_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, file = Kept(monkeypatch), tmp_path / "records.jsonl"
    await kept.make(kept.old)
    await kept.tell(("a", 1), ("b", 8), ("a", 2), ("b", 1), ("a", 3))
    async with kept.reader(kept.old) as consumer:
        await consumer.commit({TopicPartition(kept.old, 0): OffsetAndMetadata(3, "")})
    async with topics.log_of(kept.instance) as log:
        committed, ends = await log.committed(), await log.ends()
        await kept.tell(("a", 4))  # later than the point
        assert await topics.write(log, ends, file) == 5

    await kept.make(kept.new)
    file.write_text(file.read_text().replace(kept.old, kept.new))
    of_group = {kept.group: {kept.new: committed[kept.group][kept.old]}}
    whole = file.read_text()
    file.write_text("".join(whole.splitlines(keepends=True)[:3]))  # interrupted after the third
    await topics.load(kept.instance, file, of_group, {kept.new: {"a": 9, "b": 1}})
    file.write_text(whole)
    await topics.load(kept.instance, file, of_group, {kept.new: {"a": 9, "b": 1}})

    told = await kept.read(kept.new, 4)
    old = await kept.read(kept.old, 6)
    assert seen(told) == seen([old[0], *old[2:5]]), "all but what tells of a version that nobody knows"
    async with kept.reader(kept.new) as consumer:
        assert await consumer.committed(TopicPartition(kept.new, 0)) == 2


async def test_what_was_taken_shortly_before_the_point_is_known_even_if_the_backup_is_old(
    make_database: MakeDatabase,
) -> None:
    url = await make_database("users")
    point = datetime.now(UTC) - timedelta(days=30)
    connection = await asyncpg.connect(url)
    for minutes in (-120, -1):
        await connection.execute(
            "INSERT INTO inbox (consumer, event_id, received_at) VALUES ('users', gen_random_uuid(), $1)",
            point + timedelta(minutes=minutes),
        )
    await postgres.remember(url, point - timedelta(hours=1))
    young = await connection.fetchval("SELECT count(*) FROM inbox WHERE received_at > now() - interval '1 hour'")
    await connection.close()
    assert young == 1
