"""No event is lost between the commit and the topic, and two relays do not publish side by side."""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import OutOfOrderSequenceNumber, RequestTimedOutError

from bodega.contracts.ids import new_id
from bodega.kit.bus import Message, Producer, Trouble
from bodega.kit.db import Database
from bodega.kit.outbox import DELETING, Relay
from bodega.kit.testing import Topics, eventually, outbox_is_empty
from tests.kit.making import counted

pytestmark = pytest.mark.service


def relay_of(database: Database, producer: Any, topics: Topics) -> Relay:
    return Relay(database, producer, service="counter", topic_prefix=topics.prefix, poll_seconds=0.1,
                 retry_first_seconds=0.05)  # fmt: skip


@asynccontextmanager
async def running(*relays: Relay) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        yield
    finally:
        for relay in relays:
            relay.stop()
        await asyncio.wait_for(asyncio.gather(*tasks), 10)


async def emit(database: Database, subject: str, count: int = 1) -> None:
    async with database.transaction() as tx:
        for sequence in range(1, count + 1):
            tx.emit(counted(subject, sequence))


async def test_what_was_committed_while_no_relay_ran_is_published_when_one_starts(
    database: Database, topics: Topics
) -> None:
    subject = new_id("x")
    await emit(database, subject, 3)
    async with running(relay_of(database, Producer(topics.bootstrap, client_id="t"), topics)):
        told = await topics.of_subject("orders", subject, "Counted")
        assert [one["sequence"] for one in told] == ["1", "2", "3"]
        await outbox_is_empty(database)


class LosesItsAcknowledgement(Producer):
    """Sends, and is told nothing: as when the process dies before it can delete the rows."""

    lost = 0

    async def send(self, messages: Sequence[Message]) -> None:
        await super().send(messages)
        if self.lost == 0:
            self.lost += 1
            raise Trouble("the connection broke after the broker had written")


async def test_a_crash_between_the_broker_and_the_delete_sends_again_and_loses_nothing(
    database: Database, topics: Topics
) -> None:
    subject = new_id("x")
    await emit(database, subject, 2)
    async with running(relay_of(database, LosesItsAcknowledgement(topics.bootstrap, client_id="t"), topics)):
        await outbox_is_empty(database)

    def four(found: list[dict[str, Any]]) -> bool:
        return len([one for one in found if one["subject"] == subject]) >= 4

    told = [one for one in await topics.read("orders", four) if one["subject"] == subject]
    assert [one["sequence"] for one in told] == ["1", "2", "1", "2"]
    assert len({one["id"] for one in told}) == 2, "the inboxes know them by their ids"


async def test_an_event_is_on_its_topic_within_a_moment_of_the_commit(database: Database, topics: Topics) -> None:
    """Woken by a notice: with a poll of ten seconds alone it could not be."""
    relay = Relay(database, Producer(topics.bootstrap, client_id="t"), service="counter", topic_prefix=topics.prefix,
                  poll_seconds=10)  # fmt: skip

    async def leads() -> None:
        assert relay.leading

    async with running(relay):
        await eventually(leads)
        await emit(database, new_id("x"))
        await outbox_is_empty(database, within_seconds=5)


class Counts(Producer):
    """Notes who sends."""

    def __init__(self, *args: Any, sends: list[object], **options: Any) -> None:
        super().__init__(*args, **options)
        self._sends = sends

    async def send(self, messages: Sequence[Message]) -> None:
        self._sends.append(self)
        await super().send(messages)


async def test_of_two_relays_one_publishes_and_the_other_takes_over_when_it_is_gone(
    database: Database, topics: Topics
) -> None:
    sends: list[object] = []
    relays = [relay_of(database, Counts(topics.bootstrap, client_id=f"t{n}", sends=sends), topics) for n in range(2)]
    subject = new_id("x")
    async with running(*relays):
        for _ in range(10):
            await emit(database, subject)
        await outbox_is_empty(database)
        assert len(set(sends)) == 1, "only the one with the lock"
        leader = next(relay for relay in relays if relay.leading)
        leader.stop()
        await emit(database, subject)
        await outbox_is_empty(database)
        assert len(set(sends)) == 2, "the other one took over"


async def test_a_relay_whose_connection_the_server_ended_comes_back(database: Database, topics: Topics) -> None:
    relay = relay_of(database, Producer(topics.bootstrap, client_id="t"), topics)

    async def leads() -> None:
        assert relay.leading

    async with running(relay):
        await eventually(leads)
        async with database.transaction() as tx:
            ended = await tx.fetchval(
                """SELECT count(pg_terminate_backend(l.pid)) FROM pg_locks l
                    WHERE l.locktype = 'advisory' AND l.database =
                          (SELECT oid FROM pg_database WHERE datname = current_database())"""
            )
        assert ended == 1
        await emit(database, new_id("x"))
        await outbox_is_empty(database)


class FailsEveryOther(Producer):
    """As a broker whose leader moves again and again."""

    sends = 0

    async def send(self, messages: Sequence[Message]) -> None:
        type(self).sends += 1
        if self.sends % 2:
            raise Trouble("not now")
        await super().send(messages)


async def test_failures_with_successes_between_them_do_not_add_up(database: Database, topics: Topics) -> None:
    """Without a reset the twelfth failure would wait for minutes."""
    relay = Relay(database, FailsEveryOther(topics.bootstrap, client_id="t"), service="counter",
                  topic_prefix=topics.prefix, poll_seconds=0.1, retry_first_seconds=0.05,
                  retry_most_seconds=600)  # fmt: skip
    async with running(relay):
        for _ in range(12):
            await emit(database, new_id("x"))
            await outbox_is_empty(database)
    assert FailsEveryOther.sends >= 24


FAILING_SECONDS = 8.0


class FailsEveryTenth:
    """As a broker that loses every tenth of what it is sent, until it is well. What a producer sends after that of the
    same key, it refuses: it knows that something is missing (the sequence numbers of an idempotent producer)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_well = False
        self.lost = 0
        sends, holes = itertools.count(1), set[tuple[AIOKafkaProducer, bytes]]()
        whole, broker = AIOKafkaProducer.send, self

        async def send(
            self: AIOKafkaProducer, topic: str, value: bytes, *, key: bytes, **more: Any
        ) -> "asyncio.Future[Any]":
            is_lost = next(sends) % 10 == 0 and not broker.is_well
            if not is_lost and (self, key) not in holes:
                return await whole(self, topic, value, key=key, **more)  # type: ignore[no-any-return]
            broker.lost += is_lost
            holes.add((self, key))
            answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            answer.set_exception(RequestTimedOutError() if is_lost else OutOfOrderSequenceNumber())
            return answer

        monkeypatch.setattr(AIOKafkaProducer, "send", send)


async def waiting(database: Database) -> tuple[int, float]:
    """How many events wait to be published, and for how many seconds the oldest has."""
    async with database.reading() as tx:
        row = await tx.fetchrow(
            """SELECT count(*) AS many, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
                      AS seconds FROM outbox"""
        )
    assert row is not None
    return row["many"], row["seconds"]


async def test_a_broker_that_loses_every_tenth_message_delays_a_few_and_is_caught_up_with_as_soon_as_it_is_well(
    database: Database, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the waiting times of a shop that sells, while it goes on selling."""
    broker, emitted, closed = FailsEveryTenth(monkeypatch), Counter[str](), asyncio.Event()
    subjects = [new_id("x") for _ in range(20)]
    relay = Relay(database, Producer(topics.bootstrap, client_id="t"), service="counter", topic_prefix=topics.prefix,
                  poll_seconds=1, retry_first_seconds=1, retry_most_seconds=60)  # fmt: skip

    async def sells() -> None:
        for subject in itertools.cycle(subjects):
            async with database.transaction() as tx:
                for _ in range(2):
                    emitted[subject] += 1
                    tx.emit(counted(subject, emitted[subject]))
            if closed.is_set():
                return
            await asyncio.sleep(0.02)

    async def has_caught_up() -> None:
        assert (await waiting(database))[1] < 2

    async with running(relay):
        selling = asyncio.create_task(sells())
        await asyncio.sleep(FAILING_SECONDS)
        many, _ = await waiting(database)
        assert broker.lost > 1
        assert many < emitted.total() / 2, "it is not the whole backlog that waits for one message"
        broker.is_well = True
        await eventually(has_caught_up, within_seconds=5)
        closed.set()
        await selling
        await outbox_is_empty(database)

    def all_of_it(found: list[dict[str, Any]]) -> bool:
        return len({one["id"] for one in found}) >= emitted.total()

    told: defaultdict[str, list[int]] = defaultdict(list)
    for one in await topics.read("orders", all_of_it):
        if int(one["sequence"]) not in told[one["subject"]]:
            told[one["subject"]].append(int(one["sequence"]))
    for subject in subjects:
        assert told[subject] == list(range(1, emitted[subject] + 1)), "in order, without a hole"


async def test_a_broker_that_is_away_loses_nothing(database: Database, topics: Topics) -> None:
    subject = new_id("x")
    async with running(relay_of(database, Producer("127.0.0.1:1", client_id="t"), topics)):
        await emit(database, subject)
        async with database.transaction() as tx:
            assert await tx.fetchval("SELECT count(*) FROM outbox") == 1
    async with running(relay_of(database, Producer(topics.bootstrap, client_id="t"), topics)):
        assert len(await topics.of_subject("orders", subject, "Counted")) == 1


async def test_nothing_leaves_an_outbox_while_a_backup_takes_its_points(
    database: Database, topics: Topics, kit_url: str
) -> None:
    subject = new_id("x")
    backup = await asyncpg.connect(kit_url)
    try:
        async with running(relay_of(database, Producer(topics.bootstrap, client_id="t"), topics)):
            await backup.execute("SELECT pg_advisory_lock($1)", DELETING)
            await emit(database, subject)
            await topics.of_subject("orders", subject, "Counted")  # it is published all the same
            await emit(database, subject)  # and nobody who writes waits
            async with database.reading() as tx:
                assert await tx.fetchval("SELECT count(*) FROM outbox") == 2
            await backup.execute("SELECT pg_advisory_unlock($1)", DELETING)
            await outbox_is_empty(database)
    finally:
        await backup.close()
