"""Each event takes effect once; its offset is committed after that; what cannot be handled is parked."""

import asyncio
import json
import secrets
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from bodega.contracts.envelope import CloudEvent
from bodega.contracts.ids import new_id
from bodega.kit.bus import Consumer, Door, Message, Producer, Trouble
from bodega.kit.db import Database, Transaction
from bodega.kit.errors import Broken, Conflict, Unavailable
from bodega.kit.inbox import Hears, Inbox, Received, StatelessDoor
from bodega.kit.testing import Topics, eventually
from tests.counting import COUNTED, cost_of
from tests.kit.making import Counted, counted

pytestmark = pytest.mark.service


async def add(tx: Transaction, event: Received[Counted]) -> None:
    await tx.execute(
        """INSERT INTO counter (id, value) VALUES ($1, $2)
           ON CONFLICT (id) DO UPDATE SET value = counter.value + excluded.value""",
        event.subject, event.data.by,
    )  # fmt: skip


def inbox_of(database: Database, handler: Any = add) -> Inbox:
    return Inbox(database, "counter", {"Counted": Hears("Counted", Counted, handler)})


def message(event: CloudEvent[Counted], offset: int = 0) -> Message:
    return Message(topic="orders", key=event.key, body=event.to_bytes(), partition=0, offset=offset)


async def value_of(database: Database, subject: str) -> int | None:
    async with database.transaction() as tx:
        value: int | None = await tx.fetchval("SELECT value FROM counter WHERE id = $1", subject)
        return value


@asynccontextmanager
async def consuming(topics: Topics, group: str, door: Door, topic: str = "orders") -> AsyncIterator[Consumer]:
    consumer = Consumer(
        topics.bootstrap, group=group, topics=[topics.prefix + topic], door=door, retry_first_seconds=0.05,
        retry_most_seconds=0.2,
    )  # fmt: skip
    task = asyncio.create_task(consumer.run())
    try:
        yield consumer
    finally:
        consumer.stop()
        await asyncio.wait_for(task, 10)


async def test_an_event_that_comes_twice_takes_effect_once(database: Database) -> None:
    inbox, event = inbox_of(database), counted("a")
    await inbox.receive(message(event))
    await inbox.receive(message(event, offset=1))
    assert await value_of(database, "a") == 1


async def test_an_event_in_which_there_is_nothing_to_do_costs_nothing(database: Database) -> None:
    inbox = Inbox(
        database, COUNTED,
        {"Counted": Hears("Counted", Counted, add, concerns=lambda event: event.subject == "a")},
    )  # fmt: skip
    traced = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}

    async def receive(subject: str) -> None:
        await inbox.receive(replace(message(counted(subject)), headers=traced))

    assert await cost_of(lambda: receive("b")) == {}
    await receive("a")
    assert (await value_of(database, "a"), await value_of(database, "b")) == (1, None)


async def wake(tx: Transaction, event: Received[Counted]) -> None:
    await tx.execute("UPDATE counter SET value = value + 1 WHERE id = $1", event.subject)


async def tell(tx: Transaction, event: Received[Counted]) -> None:
    tx.emit(counted("told"))


@pytest.mark.parametrize(
    ("handler", "known", "commits"), [(wake, False, 0), (wake, True, 1), (add, False, 1), (tell, False, 1)]
)
async def test_only_an_event_that_changes_something_waits_for_the_disk(
    database: Database, handler: Any, known: bool, commits: int
) -> None:
    if known:
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO counter (id, value) VALUES ('a', 1)")
    inbox = inbox_of(database, handler)
    inbox.consumer = COUNTED
    event = message(counted("a"))
    traced = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}
    cost = await cost_of(lambda: inbox.receive(replace(event, headers=traced)))
    assert cost["commit"] == commits
    async with database.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM inbox") == 1


async def test_an_event_that_comes_twice_at_once_takes_effect_once(database: Database) -> None:
    inbox, event = inbox_of(database), counted("a")
    await asyncio.gather(*(inbox.receive(message(event, offset=n)) for n in range(5)))
    assert await value_of(database, "a") == 1


async def test_an_effect_that_fails_is_not_remembered_as_done(database: Database) -> None:
    async def down(tx: Transaction, event: Received[Counted]) -> None:
        await add(tx, event)
        raise Unavailable("the store has just gone")

    event = counted("a")
    with pytest.raises(Trouble):
        await inbox_of(database, down).receive(message(event))
    assert await value_of(database, "a") is None
    await inbox_of(database).receive(message(event))
    assert await value_of(database, "a") == 1


async def test_what_breaks_an_invariant_is_parked_with_its_reason_and_what_follows_waits_behind_it(
    database: Database,
) -> None:
    healed = False

    async def picky(tx: Transaction, event: Received[Counted]) -> None:
        if event.data.by < 0 and not healed:
            raise Broken("less than nothing")
        await add(tx, event)

    inbox = inbox_of(database, picky)
    for offset, event in enumerate([counted("a", 1, by=-5), counted("a", 2, by=7), counted("b", 1, by=1)]):
        await inbox.receive(message(event, offset))
    parked = await inbox.parked()
    assert [(one["key"], one["reason"]) for one in parked] == [
        ("a", "Broken: less than nothing"),
        ("a", "behind an event of the same key"),
    ]
    assert await value_of(database, "a") is None
    assert await value_of(database, "b") == 1, "another key is not held up"
    assert await inbox.replay() == {"replayed": 0, "still_parked": 2}
    healed = True
    assert await inbox.replay() == {"replayed": 2, "still_parked": 0}
    assert await value_of(database, "a") == 2


OURS = {
    "a bug": "raise",
    "a cancelled query": "SELECT pg_cancel_backend(pg_backend_pid())",
    "a read-only failover": "SET LOCAL transaction_read_only = on; INSERT INTO counter (id, value) VALUES ('x', 1)",
    "a statement that took too long": "SET LOCAL statement_timeout = 20; SELECT pg_sleep(5)",
    "a lock that was not to be had": "DO $$ BEGIN RAISE lock_not_available; END $$",
    "a full disk": "DO $$ BEGIN RAISE disk_full; END $$",
    "a table of the next release": "SELECT * FROM not_yet",
    "a statement that would change a ledger": "DO $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
    "the server's end": "SELECT pg_terminate_backend(pg_backend_pid())",
}


@pytest.mark.parametrize("trouble", OURS)
async def test_whatever_does_not_speak_of_the_event_is_ours_and_it_waits(database: Database, trouble: str) -> None:
    broken = True

    async def works(tx: Transaction, event: Received[Counted]) -> None:
        if broken and OURS[trouble] == "raise":
            raise KeyError("a bug")
        for statement in OURS[trouble].split("; ") if broken and not OURS[trouble].startswith("DO") else []:
            await tx.execute(statement)
        if broken and OURS[trouble].startswith("DO"):
            await tx.execute(OURS[trouble])
        await add(tx, event)

    inbox, event = inbox_of(database, works), counted("a")
    for _ in range(2):
        with pytest.raises(Trouble):
            await inbox.receive(message(event))
    assert await inbox.parked() == []
    broken = False
    await inbox.receive(message(event))
    assert await value_of(database, "a") == 1


OF_THE_EVENT = {
    "a refusal of the domain": "raise",
    "a constraint": "INSERT INTO counter (id, value) VALUES ('a', NULL)",
    "an invariant that a trigger watches": "DO $$ BEGIN RAISE check_violation; END $$",
    "a number out of range": "INSERT INTO counter (id, value) VALUES ('a', 2147483648)",
    "what no index can hold": "INSERT INTO counter (id, value) VALUES (repeat(gen_random_uuid()::text, 10000), 1)",
}


@pytest.mark.parametrize("fault", OF_THE_EVENT)
async def test_what_speaks_of_the_event_is_parked(database: Database, fault: str) -> None:
    async def refuses(tx: Transaction, _: Received[Counted]) -> None:
        if OF_THE_EVENT[fault] == "raise":
            raise Conflict("Not twice.")
        await tx.execute(OF_THE_EVENT[fault])

    inbox = inbox_of(database, refuses)
    await inbox.receive(message(counted("a")))
    assert [one["key"] for one in await inbox.parked()] == ["a"]


LONG = "".join(new_id("k") for _ in range(400))
HOSTILE = {
    "a NUL in its key": Message("orders", "a\0b", b"{}", partition=0, offset=1),
    "a NUL in its key, and an event": Message("orders", "a\0b", counted("a\0b").to_bytes(), partition=0, offset=1),
    "a NUL in its headers": Message("orders", "a", b"{}", {"x": "\0"}, partition=0, offset=1),
    "half a character in its key": Message("orders", "a\ud800", b"{}", partition=0, offset=1),
    "an id that is none": Message("orders", "a", counted("a").to_bytes().replace(b'"id":"', b'"id":"x'), offset=1),
    "a NUL in its id": Message("orders", "a", b'{"id": "\\u0000", "type": "Counted"}', partition=0, offset=1),
    "an id as long as a book": Message("orders", "a", b'{"id": "' + b"x" * 100_000 + b'"}', partition=0, offset=1),
    "a key that no index can hold": Message("orders", LONG, b"{}", partition=0, offset=1),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_no_message_stops_those_behind_it(database: Database, tmp_path: Path, kind: str) -> None:
    inbox = Inbox(database, "counter", {"Counted": Hears("Counted", Counted, add)}, tmp_path / "skipped")
    for _ in range(2):
        await inbox.receive(HOSTILE[kind])
    await inbox.receive(message(counted("b")))
    assert await value_of(database, "b") == 1
    skipped = list(tmp_path.glob("skipped/*"))
    if kind == "a key that no index can hold":
        (file,) = skipped
        kept = json.loads(file.read_text())
        assert (kept["key"], b64decode(kept["body_base64"])) == (LONG, b"{}")
        assert file.stat().st_mode & 0o777 == 0o600
    else:
        assert skipped == []
        assert len(await inbox.parked()) == 1


async def test_a_message_with_a_nul_in_its_key_goes_by_and_the_next_of_its_partition_is_handled(
    database: Database, topics: Topics
) -> None:
    group, subject = topics.prefix + new_id("g"), new_id("x")
    await topics.make("hostile", partitions=1)
    await topics.publish_raw("hostile", "a\0b", b"{}")
    for n in range(1, 4):
        await topics.publish_raw("hostile", subject, counted(subject, n).to_bytes())

    async def is_counted() -> None:
        assert await value_of(database, subject) == 3

    async with consuming(topics, group, inbox_of(database), "hostile") as consumer:
        await eventually(is_counted)
        assert consumer.connections == 1


class Stumbles:
    """A door with a bug, for a while."""

    def __init__(self) -> None:
        self.tries = 0
        self.done = 0

    async def receive(self, message: Message) -> None:
        self.tries += 1
        if self.tries < 4:
            raise KeyError("a bug of the door's own")
        self.done += 1


async def test_a_door_with_a_bug_holds_its_partition_and_ends_nothing(topics: Topics) -> None:
    group, subject = topics.prefix + new_id("g"), new_id("x")
    door = Stumbles()
    await topics.publish(counted(subject))

    async def is_done() -> None:
        assert door.done

    async with consuming(topics, group, door) as consumer:
        await eventually(is_done)
        assert (door.tries >= 4, consumer.connections) == (True, 1)


async def test_what_the_broker_will_never_take_is_skipped_to_a_file(topics: Topics, tmp_path: Path) -> None:
    await topics.make("narrow.parked")

    async def refuse(event: Received[Counted]) -> None:
        raise Broken("never")

    door = StatelessDoor(
        Producer(topics.bootstrap, client_id="t"), topics.prefix + "narrow",
        {"Counted": Hears("Counted", Counted, refuse)}, tmp_path,
    )  # fmt: skip
    padded = counted("a").to_bytes()[:-1] + b', "padding": "' + b"x" * 2_100_000 + b'"}'
    await door.receive(Message("orders", "a", padded, partition=0, offset=3))
    (file,) = tmp_path.iterdir()
    assert b64decode(json.loads(file.read_text())["body_base64"]) == padded
    await door.close()


async def test_two_replays_at_once_do_it_once(database: Database) -> None:
    fails = True

    async def picky(tx: Transaction, event: Received[Counted]) -> None:
        if fails:
            raise Broken("not yet")
        await add(tx, event)

    inbox = inbox_of(database, picky)
    await inbox.receive(message(counted("a")))
    fails = False
    await asyncio.gather(*(inbox.replay() for _ in range(4)))
    assert await value_of(database, "a") == 1


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b'"text"', b"{}", b'{"type": "Counted"}', b'{"type":"Counted","id":"x","data":{}}']
)
async def test_what_is_no_event_is_parked(database: Database, body: bytes) -> None:
    inbox = inbox_of(database)
    await inbox.receive(Message(topic="orders", key="k", body=body, partition=0, offset=7))
    parked = await inbox.parked()
    assert [one["event_id"] for one in parked] == ["x" if b'"id"' in body else "orders/0/7"]


async def test_types_that_nobody_here_hears_and_new_fields_are_ignored(database: Database) -> None:
    inbox = inbox_of(database)
    other = counted("a").to_bytes().replace(b'"type":"Counted"', b'"type":"CountedAnew"')
    await inbox.receive(Message(topic="orders", key="a", body=other))
    newer = counted("a").to_bytes().replace(b'"by":1', b'"by":1,"colour":"red"')
    await inbox.receive(Message(topic="orders", key="a", body=newer))
    assert await value_of(database, "a") == 1
    assert await inbox.parked() == []


class DiesBetween:
    """Lets the effect commit, then fails as a process that is killed before it commits the offset."""

    def __init__(self, inbox: Inbox, key: str) -> None:
        self.inbox = inbox
        self.key = key
        self.came = 0

    async def receive(self, message: Message) -> None:
        await self.inbox.receive(message)
        if message.key == self.key:
            self.came += 1
            if self.came == 1:
                raise Trouble("killed")


async def test_an_offset_is_committed_after_the_effect_so_a_kill_between_brings_the_message_again(
    database: Database, topics: Topics
) -> None:
    subject, group = new_id("x"), topics.prefix + new_id("g")
    door = DiesBetween(inbox_of(database), subject)
    await topics.publish(counted(subject))

    async def twice() -> None:
        assert door.came == 2

    async with consuming(topics, group, door):
        await eventually(twice)
        assert await value_of(database, subject) == 1


class NotesWhen:
    """Notes when a message was handled."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.handled_at: float | None = None

    async def receive(self, message: Message) -> None:
        if message.key == self.key:
            self.handled_at = time.monotonic()


async def test_the_broker_is_told_of_nothing_that_a_crash_of_the_database_could_still_undo(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changed nothing is committed without waiting for the disk, which comes 0.6 s later at most."""
    subject, group = new_id("x"), topics.prefix + new_id("g")
    door, told, commit = NotesWhen(subject), list[float](), AIOKafkaConsumer.commit

    async def noting(self: AIOKafkaConsumer, offsets: Any = None) -> None:
        if door.handled_at is not None:
            told.append(time.monotonic())
        await commit(self, offsets)

    async def is_told() -> None:
        assert told

    monkeypatch.setattr(AIOKafkaConsumer, "commit", noting)
    async with consuming(topics, group, door):
        await topics.publish(counted(subject))
        await eventually(is_told)
    assert door.handled_at is not None
    assert told[0] - door.handled_at >= 0.6


class Remembers:
    """Notes what comes."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.trouble = False
        self.refused: list[str] = []

    async def receive(self, message: Message) -> None:
        if self.trouble:
            self.refused.append(message.key)
            raise Trouble("the store is down")
        self.keys.append(message.key)


async def test_a_consumer_that_was_stopped_begins_where_its_group_has_got_to(topics: Topics) -> None:
    group, first, second = topics.prefix + new_id("g"), new_id("x"), new_id("x")
    door = Remembers()

    async def came(key: str, door: Remembers = door) -> None:
        assert key in door.keys

    await topics.publish(counted(first))
    async with consuming(topics, group, door):
        await eventually(lambda: came(first))
    again = Remembers()
    await topics.publish(counted(second))
    async with consuming(topics, group, again):
        await eventually(lambda: came(second, again))
    assert first not in again.keys


async def test_trouble_of_our_own_holds_the_partition_and_skips_nothing(topics: Topics) -> None:
    group, keys = topics.prefix + new_id("g"), [f"k{n}" for n in range(5)]
    await topics.make("troubled", partitions=1)
    door = Remembers()
    door.trouble = True
    async with consuming(topics, group, door, "troubled"):
        for key in keys:
            await topics.publish_raw("troubled", key, b"{}")

        async def is_tried_again_and_again() -> None:
            assert len(door.refused) > len(keys)

        await eventually(is_tried_again_and_again)
        assert set(door.refused) == {keys[0]}
        door.trouble = False

        async def all_came() -> None:
            assert door.keys == keys

        await eventually(all_came)


async def test_a_room_without_sql_parks_to_a_topic(topics: Topics) -> None:
    group, subject = topics.prefix + "counter", new_id("x")
    await topics.make("counter.parked")

    async def refuse(event: Received[Counted]) -> None:
        raise Broken("never")

    producer = Producer(topics.bootstrap, client_id="t")
    await producer.open()
    door = StatelessDoor(producer, group, {"Counted": Hears("Counted", Counted, refuse)})
    await door.receive(message(counted(subject)))
    parked = await topics.of_subject("counter.parked", subject, "Counted")
    assert len(parked) == 1
    await producer.close()


async def test_what_a_room_without_sql_has_parked_is_shown_and_replayed_in_order(topics: Topics) -> None:
    group, subject = topics.prefix + "abacus", new_id("x")
    await topics.make("abacus.parked")
    seen: list[int] = []
    healed = False

    async def picky(event: Received[Counted]) -> None:
        if not healed:
            raise Broken("not yet")
        seen.append(event.sequence)

    door = StatelessDoor(
        Producer(topics.bootstrap, client_id="t"), group, {"Counted": Hears("Counted", Counted, picky)}
    )
    for sequence in (1, 2):
        await door.receive(message(counted(subject, sequence)))
    parked = await door.parked()
    assert [(one["key"], one["topic"], one["reason"]) for one in parked] == [(subject, "orders", "Broken: not yet")] * 2
    assert await door.replay() == {"replayed": 0, "still_parked": 2}
    healed = True
    assert await door.replay() == {"replayed": 2, "still_parked": 0}
    assert seen == [1, 2]
    assert await door.parked() == []
    await door.close()


class Bundles:
    """Hears "Counted" several at a time; remembers which came together. Subjects in `poison` break it."""

    def __init__(self, *poison: str) -> None:
        self.heard: list[list[str]] = []
        self.poison = set(poison)
        self.trouble = False
        self.refused = 0

    async def together(self, events: Sequence[Received[Counted]]) -> None:
        if self.trouble:
            self.refused += 1
            raise Unavailable("the store is down")
        if self.poison & {event.subject for event in events}:
            raise Broken("cannot be")
        self.heard.append([event.subject for event in events])

    def door(self, topics: Topics, group: str) -> StatelessDoor:
        async def alone(event: Received[Counted]) -> None:
            await self.together([event])

        hears = Hears("Counted", Counted, alone, together=self.together)
        return StatelessDoor(Producer(topics.bootstrap, client_id="t"), topics.prefix + group, {"Counted": hears})


async def test_a_flood_is_heard_together_up_to_what_nobody_can_read_or_wants(topics: Topics) -> None:
    bundles = Bundles()
    await topics.make("bundles.parked")
    door = bundles.door(topics, "bundles")
    strange = message(counted("x").model_copy(update={"type": "Unheard"}))
    flood = [message(counted("a")), message(counted("b")), strange, message(counted("c"))]
    assert await door.receive_some(flood) == 2
    assert await door.receive_some(flood[2:]) == 1
    assert await door.receive_some(flood[3:]) == 1
    broken = Message(topic="orders", key="k", body=b"{", partition=0, offset=7)
    assert await door.receive_some([message(counted("d")), broken]) == 1
    assert bundles.heard == [["a", "b"], ["c"], ["d"]]
    await door.close()


async def test_one_that_cannot_be_handled_is_parked_and_those_around_it_are_handled(topics: Topics) -> None:
    bundles = Bundles("b")
    await topics.make("poisoned.parked")
    door = bundles.door(topics, "poisoned")
    assert await door.receive_some([message(counted(subject)) for subject in "abc"]) == 3
    assert bundles.heard == [["a"], ["c"]]
    assert [(one["key"], one["reason"]) for one in await door.parked()] == [("b", "Broken: cannot be")]
    await door.close()


async def test_trouble_of_our_own_holds_all_that_came_together(topics: Topics) -> None:
    group, mark = topics.prefix + new_id("g"), new_id("x")
    bundles = Bundles()
    bundles.trouble = True
    async with consuming(topics, group, bundles.door(topics, "held")):
        await topics.publish(*(counted(f"{mark}-{n}") for n in range(20)))

        async def is_tried() -> None:
            assert bundles.refused > 1

        await eventually(is_tried)
        assert bundles.heard == []
        bundles.trouble = False

        async def all_came() -> None:
            heard = [subject for some in bundles.heard for subject in some if subject.startswith(mark)]
            assert sorted(heard) == sorted(f"{mark}-{n}" for n in range(20))

        await eventually(all_came)
