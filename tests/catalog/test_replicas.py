"""Several replicas of the catalog: one publishes at a time, and no topic ever goes back to an older state."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from random import Random
from typing import Any, Self

import pytest
from pymongo import AsyncMongoClient

from bodega.kit.bus import Producer
from bodega.kit.testing import Topics, eventually
from bodega.services.catalog import service
from bodega.services.catalog.domain import Product
from bodega.services.catalog.flows import Relay
from bodega.services.catalog.schemas import ProductWrite
from bodega.services.catalog.settings import Settings
from bodega.services.catalog.store import Store
from tests.catalog.conftest import in_database
from tests.catalog.making import mug
from tests.conftest import RUN

pytestmark = pytest.mark.service
LEASE = 0.5


class SleepyStore(Store):
    """A store whose relay can be stopped between reading products and sending them, as by SIGSTOP."""

    def __init__(self, url: str) -> None:
        super().__init__(url, timeout_seconds=5, pool_size=4)
        self.awake, self.asleep = asyncio.Event(), asyncio.Event()
        self.awake.set()

    async def products_by_id(self, ids: Sequence[str]) -> list[Product]:
        found = await super().products_by_id(ids)
        if found and not self.awake.is_set():
            self.asleep.set()
            await self.awake.wait()
            self.asleep.clear()
        return found

    async def is_awake(self) -> None:
        assert not self.asleep.is_set()


class Replica:
    """The relay of one replica, without the service around it."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.store = SleepyStore(settings.mongo_url)
        producer = Producer(settings.kafka, client_id=name, transactional_id=f"{settings.topic_prefix}catalog")
        self.relay = Relay(self.store, producer, settings.model_copy(update={"replica": name}))

    async def __aenter__(self) -> Self:
        await self.store.open()
        self._running = asyncio.create_task(self.relay.run())
        return self

    async def is_connected(self) -> None:
        assert self.relay.connected

    async def __aexit__(self, *_: object) -> None:
        self.store.awake.set()
        self.relay.stop()
        await asyncio.wait_for(self._running, 10)
        await self.store.close()


@pytest.fixture
async def shared(settings: Settings) -> AsyncIterator[Settings]:
    """A database of its own; leases of half a second."""
    url = in_database(settings.mongo_url, f"t_catalog_{RUN}_replicas")
    yield settings.model_copy(
        update={
            "mongo_url": url,
            "relay_poll_seconds": 3600,
            "relay_shared_poll_seconds": 0.05,
            "relay_lease_seconds": LEASE,
            "retry_first_seconds": 0.05,
        }
    )
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(url)
    await client.drop_database(client.get_default_database().name)
    await client.close()


@pytest.fixture
async def store(shared: Settings) -> AsyncIterator[Store]:
    """Where the writes are made: by none of the replicas that are watched, so that none is woken."""
    store = Store(shared.mongo_url, timeout_seconds=5, pool_size=4)
    await store.open()
    yield store
    await store.close()


async def created(store: Store, content: dict[str, Any]) -> Product:
    product, _ = await service.create(store, ProductWrite.model_validate(content), currency="EUR")
    return product


async def written(store: Store, product: Product, content: dict[str, Any]) -> Product:
    return await service.put(store, product.id, ProductWrite.model_validate(content), if_match="*", currency="EUR")


async def versions(topics: Topics, product: Product) -> list[int]:
    """Every version of the product in the topic, in order, once this one is there."""

    def enough(found: list[dict[str, Any]]) -> bool:
        return any(one["subject"] == product.id and int(one["sequence"]) >= product.version for one in found)

    found = await topics.read("catalog", enough)
    return [int(one["sequence"]) for one in found if one["subject"] == product.id]


async def published(store: Store) -> None:
    assert await store.pending_after(None, 1) == []


async def test_a_replica_that_slept_between_reading_and_sending_does_not_send_the_older_state(
    shared: Settings, store: Store, topics: Topics
) -> None:
    content = mug()
    async with Replica("a", shared) as first:
        first.store.awake.clear()
        product = await created(store, content)
        await asyncio.wait_for(first.store.asleep.wait(), 20)  # it has read the first state
        async with Replica("b", shared) as second:
            newer = await written(store, product, {**content, "title": "Newer"})
            assert (await versions(topics, newer))[-1] == newer.version, "the other one has taken over"
            first.store.awake.set()  # now it sends what it has read
            await eventually(first.store.is_awake)
            second.store.awake.clear()  # and takes the lead again, while the other one sleeps
            last = await written(store, newer, {**content, "title": "Last"})
            await asyncio.wait_for(second.store.asleep.wait(), 20)
            told = await versions(topics, last)
            assert told == sorted(told)
            assert told[-1] == last.version
            second.store.awake.set()
        await eventually(lambda: published(store))
        told = await versions(topics, last)
        assert told == sorted(told)


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_sleeps_and_stops_whenever_no_older_state_follows_a_newer_one(
    shared: Settings, store: Store, topics: Topics, seed: int
) -> None:
    """Three replicas, three products; at each write somebody sleeps, wakes, stops or starts."""
    chance = Random(seed)
    contents = [mug() for _ in range(3)]
    products = [await created(store, content) for content in contents]
    async with AsyncExitStack() as everybody:
        replicas = [await everybody.enter_async_context(Replica(name, shared)) for name in "abc"]
        for number in range(30):
            one = chance.choice(replicas)
            if chance.random() < 0.5 and sum(not other.store.awake.is_set() for other in replicas) < 2:
                one.store.awake.clear()
            else:
                one.store.awake.set()
            which = chance.randrange(3)
            products[which] = await written(store, products[which], {**contents[which], "title": f"Title {number}"})
            await asyncio.sleep(chance.random() * LEASE / 2)  # the schedule of this history, not a wait for a state
        for one in replicas:
            one.store.awake.set()
        await eventually(lambda: published(store))
        for product in products:
            told = await versions(topics, product)
            assert told == sorted(told)
            assert told[-1] == product.version


async def test_a_write_at_a_replica_that_does_not_publish_is_told_at_once(
    shared: Settings, store: Store, topics: Topics
) -> None:
    settings = shared.model_copy(update={"relay_lease_seconds": 30})
    async with Replica("a", settings) as first:
        await eventually(first.is_connected)
        async with Replica("b", settings) as second:
            # Whoever was alone looks every ten seconds: the new replica is not ready before it is known.
            await eventually(second.is_connected)
            for _ in range(3):
                started = time.monotonic()
                product = await created(store, mug())
                await eventually(lambda: published(store), within_seconds=5)
                assert time.monotonic() - started < 5, "it looks 20 times a second, not once in ten seconds"
                assert await versions(topics, product) == [product.version]


async def test_a_replica_that_stops_gives_its_place_up_at_once(shared: Settings, topics: Topics) -> None:
    settings = shared.model_copy(update={"relay_lease_seconds": 3600})
    for name in ("a", "b", "c"):
        async with Replica(name, settings) as replica:
            product = await created(replica.store, mug())
            assert await versions(topics, product) == [product.version]
