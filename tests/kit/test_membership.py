"""A replica has a place of its own in its group: when it restarts, the others' partitions are not dealt anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from bodega.contracts.ids import new_id
from bodega.kit.bus import Broker, Consumer, Message
from bodega.kit.testing import Topics, eventually
from tests.kit.making import counted

pytestmark = pytest.mark.service


class Ear:
    """Notes whose messages came."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def receive(self, message: Message) -> None:
        self.keys.append(message.key)


@asynccontextmanager
async def replica(topics: Topics, group: str, ear: Ear) -> AsyncIterator[None]:
    consumer = Consumer(topics.bootstrap, group=group, topics=[topics.prefix + "orders"], door=ear, replica="1")
    task = asyncio.create_task(consumer.run())
    try:
        yield
    finally:
        consumer.stop()
        await asyncio.wait_for(task, 10)


async def test_a_replica_that_restarts_takes_its_old_place(topics: Topics) -> None:
    group, ear = topics.prefix + new_id("g"), Ear()
    admin = AIOKafkaAdminClient(**Broker.of(topics.bootstrap).options())
    await admin.start()

    async def members() -> int:
        (answer,) = await admin.describe_consumer_groups([group])
        ((_, _, state, _, _, found, *_),) = answer.groups
        assert state == "Stable"
        return len(found)

    async def comes(key: str) -> None:
        assert key in ear.keys

    try:
        for _ in range(2):
            subject = new_id("x")
            await topics.publish(counted(subject))
            async with replica(topics, group, ear):
                await eventually(lambda key=subject: comes(key))
                assert await members() == 1
            assert await members() == 1, "its place is kept while it is away"
    finally:
        await admin.close()
