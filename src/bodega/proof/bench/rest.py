"""When a shop is at rest: every order delivered or cancelled, every process at its end, every event sent and read."""

import asyncio
import json
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition

from bodega.kit.bus import Broker
from bodega.platform.secrets import Secrets
from bodega.platform.settings import admin_url, database_name, kafka_admin_url
from bodega.platform.system import Instance, System
from bodega.proof.bench.errors import BenchError
from bodega.proof.bench.waiting import Progress, until

_PATIENCE_SECONDS: Final = 600.0
_LOOK_SECONDS: Final = 0.5
_EVER_SECONDS: Final = 10.0 * 365 * 86400
_EVENTS: Final = "(SELECT count(*) FROM outbox)"
_FLOWS: Final = "(SELECT count(*) FROM flow WHERE state <> 'ended' AND wake_at <= now() + make_interval(secs => $1))"
_ORDERS: Final = "(SELECT count(*) FROM orders WHERE state NOT IN ('delivered', 'cancelled'))"


class Rest:
    """Looks from outside, as PostgreSQL's and Kafka's administrator; use as a context."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._stack = AsyncExitStack()
        self.databases: dict[str, asyncpg.Connection[asyncpg.Record]] = {}
        """By service, of those that have one in PostgreSQL."""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            secrets = Secrets.of(self._instance)
            for service in self._instance.system.services.values():
                if service.store == "postgres":
                    url = admin_url(self._instance, secrets, database_name(service.name))
                    self.databases[service.name] = await asyncpg.connect(url)
                    stack.push_async_callback(self.databases[service.name].close)
            options = Broker.of(kafka_admin_url(self._instance, secrets)).options()
            self._admin = AIOKafkaAdminClient(**options)
            await self._admin.start()
            stack.push_async_callback(self._admin.close)
            self._reader = AIOKafkaConsumer(**options)
            await self._reader.start()
            stack.push_async_callback(self._reader.stop)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def reached(self, progress: Progress, stage: str) -> None:
        """Returns when nothing is under way. Raises BenchError after ten minutes."""
        most = 1

        async def nothing() -> bool | None:
            nonlocal most
            left = await self.left()
            most = max(most, left)
            progress(stage, most - left, most)
            return True if left == 0 else None

        await until(
            nothing, what="the shop to be at rest", within_seconds=_PATIENCE_SECONDS, every_seconds=_LOOK_SECONDS
        )

    async def left(self, within_seconds: float | None = None) -> int:
        """How many things are under way: orders, processes, events that are not sent or not read. `within_seconds`:
        only what goes on in that time, without the orders that wait for longer."""
        in_databases = await asyncio.gather(*(self._in_database(name, within_seconds) for name in self.databases))
        # Asked for afterwards: what has just left an outbox is unread by now.
        return sum(in_databases) + await self._unread()

    async def orders(self, sku: str | None = None) -> int:
        """How many orders there are that were not cancelled: all, or those of a SKU."""
        wanted = json.dumps([{"sku": sku}] if sku is not None else [])
        query = "SELECT count(*) FROM orders WHERE state <> 'cancelled' AND lines @> $1::jsonb"
        return int(await self.databases["orders"].fetchval(query, wanted))

    async def stock(self, sku: str) -> tuple[int, int]:
        """Of a SKU: pieces on hand, pieces reserved. Raises BenchError, if inventory does not know it."""
        row = await self.databases["inventory"].fetchrow("SELECT on_hand, reserved FROM stock WHERE sku = $1", sku)
        if row is None:
            raise BenchError(f"Inventory does not know {sku}.")
        return row["on_hand"], row["reserved"]

    async def _in_database(self, service: str, within_seconds: float | None) -> int:
        things = f"{_EVENTS} + {_FLOWS}" + (f" + {_ORDERS}" if service == "orders" and within_seconds is None else "")
        found = await self.databases[service].fetchval(
            f"SELECT {things}", _EVER_SECONDS if within_seconds is None else within_seconds
        )
        return int(found)

    async def _unread(self) -> int:
        heard = readers(self._instance.system)
        partitions = {
            TopicPartition(topic, number)
            for topics in heard.values()
            for topic in topics
            for number in range(self._instance.system.topics.partitions)
        }
        ends = await self._reader.end_offsets(list(partitions))
        unread = 0
        for group, topics in heard.items():
            read = await self._admin.list_consumer_group_offsets(group)
            for partition, end in ends.items():
                if partition.topic in topics:
                    unread += end - max(0, read[partition].offset if partition in read else 0)
        return unread


def readers(system: System) -> dict[str, set[str]]:
    """Who reads what: group -> topics.

    Left out are the topics of whoever publishes in transactions: there, the end of the last transaction is itself an
    entry that nobody reads. Orders lead to none of these.
    """
    publishers = [service for service in system.services.values() if service.store != "mongo"]
    plain = {service.publishes for service in publishers if service.publishes}
    hears = {name: service.hears for name, service in system.services.items()}
    hears |= {name: engine.hears for name, engine in system.engines.items()}
    return {name: plain & topics.keys() for name, topics in hears.items() if plain & topics.keys()}
