"""Events whose effects share a transaction end as they would one by one."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bodega.contracts.envelope import Event, event
from bodega.kit import inbox as inbox_module
from bodega.kit.bus import Message, Trouble
from bodega.kit.db import Database, Transaction
from bodega.kit.errors import Broken, Unavailable
from bodega.kit.inbox import Hears, Inbox, Received
from bodega.kit.telemetry import CONSUMED
from bodega.kit.testing import eventually
from tests.counting import COUNTED, cost_of
from tests.kit.making import Counted, counted

pytestmark = pytest.mark.service


class Solo(Event):
    """Something that shares its transaction with nothing."""

    topic: ClassVar[str] = "orders"
    by: int


Kind = Literal["good", "again", "unreadable", "foreign", "solo", "refused", "down"]
KINDS: tuple[Kind, ...] = ("good", "good", "good", "again", "unreadable", "foreign", "solo", "refused", "down")


@dataclass
class Room:
    """What hears the messages: its inbox, and what it did."""

    database: Database
    name: str
    refused: frozenset[str]
    """Ids of events that break an invariant."""
    down: frozenset[str]
    """Ids of events at which the store fails once."""
    done: list[tuple[str, int]] = field(default_factory=list)
    """After the commit."""
    failed: set[str] = field(default_factory=set)

    @property
    def inbox(self) -> Inbox:
        hears = (Hears("Counted", Counted, self.hear, shares=True), Hears("Solo", Solo, self.hear))
        return Inbox(self.database, self.name, {one.name: one for one in hears})

    async def hear(self, tx: Transaction, event: Received[Any]) -> None:
        """Its effect depends on the order."""
        await tx.execute(
            """INSERT INTO counter (id, value) VALUES ($1, $2)
               ON CONFLICT (id) DO UPDATE SET value = (counter.value * 3 + excluded.value) % 1000003""",
            f"{self.name}/{event.subject}", event.data.by,
        )  # fmt: skip
        tx.emit(counted(f"{self.name}/{event.subject}", event.sequence, event.data.by))
        tx.after_commit(lambda: self.done.append((event.subject, event.sequence)))
        if event.id in self.refused:
            raise Broken("less than nothing")
        if event.id in self.down and event.id not in self.failed:
            self.failed.add(event.id)
            raise Unavailable("the store was away")

    async def work(self, polls: Sequence[Sequence[Message]], *, together: bool) -> None:
        """As a consumer does."""
        for poll in polls:
            done = 0
            while done < len(poll):
                try:
                    if together:
                        done += await self.inbox.receive_some(poll[done:])
                    else:
                        await self.inbox.receive(poll[done])
                        done += 1
                except Trouble:
                    continue

    async def end_state(self) -> dict[str, Any]:
        """All that is left of it, by key: keys have no order among each other."""
        async with self.database.reading() as tx:
            counters = await tx.fetch("SELECT id, value FROM counter WHERE id LIKE $1 || '/%'", self.name)
            parked = await tx.fetch(
                "SELECT key, event_id, reason FROM parked WHERE consumer = $1 ORDER BY position", self.name
            )
            told = await tx.fetch("SELECT key, body FROM outbox WHERE key LIKE $1 || '/%' ORDER BY position", self.name)
            entered = await tx.fetch("SELECT event_id FROM inbox WHERE consumer = $1", self.name)
        return {
            "counters": {row["id"].rpartition("/")[2]: row["value"] for row in counters},
            "parked": _by_key((row["key"], (row["event_id"], row["reason"])) for row in parked),
            "told": _by_key((row["key"].rpartition("/")[2], json.loads(row["body"])["sequence"]) for row in told),
            "entered": {row["event_id"] for row in entered},
            "done": _by_key(self.done),
            "outcomes": _outcomes(self.name),
        }


def _by_key(pairs: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def _outcomes(consumer: str) -> Counter[tuple[str, str]]:
    return Counter({
        (sample.labels["type"], sample.labels["outcome"]): int(sample.value)
        for family in CONSUMED.collect() for sample in family.samples
        if sample.name == "events_consumed_total" and sample.labels["service"] == consumer
    })  # fmt: skip


def message(fact: Any, **headers: str) -> Message:
    return Message("orders", fact.key, fact.to_bytes(), headers, partition=0)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from("abc")), min_size=1, max_size=24),
    cuts=st.lists(st.integers(1, 12), min_size=1),
)
@example(steps=[("good", "a"), ("refused", "b"), ("good", "b"), ("good", "a"), ("again", "a")], cuts=[5])
@example(steps=[("good", "b"), ("down", "a"), ("good", "a"), ("unreadable", "b"), ("good", "b")], cuts=[5])
@example(steps=[("refused", "b"), ("good", "a"), ("good", "b"), ("good", "b")], cuts=[1, 5])
@example(steps=[("good", "b"), ("again", "b"), ("foreign", "a"), ("solo", "a"), ("good", "a")], cuts=[5])
async def test_whatever_comes_together_ends_as_it_would_one_by_one(
    database: Database, steps: list[tuple[Kind, str]], cuts: list[int]
) -> None:
    messages: list[Message] = []
    refused, down = set[str](), set[str]()
    for sequence, (kind, key) in enumerate(steps, 1):
        fact = (event(Solo(by=sequence), subject=key, sequence=sequence) if kind == "solo"
                else counted(key, sequence, by=sequence))  # fmt: skip
        (refused if kind == "refused" else down if kind == "down" else set()).add(fact.id)
        sent = message(fact)
        if kind == "unreadable":
            sent = Message("orders", key, b"{", partition=0, offset=sequence)
        elif kind == "foreign":
            sent = Message("orders", key, fact.to_bytes().replace(b'"Counted"', b'"Unheard"'), partition=0)
        elif kind == "again" and messages:
            sent = messages[sequence % len(messages)]
        messages.append(sent)
    polls: list[Sequence[Message]] = []
    begin = 0
    while begin < len(messages):
        size = cuts[len(polls) % len(cuts)]
        polls.append(messages[begin : begin + size])
        begin += size
    run = secrets.token_hex(6)
    rooms = [Room(database, f"{run}-{how}", frozenset(refused), frozenset(down)) for how in ("together", "single")]
    await rooms[0].work(polls, together=True)
    await rooms[1].work(polls, together=False)
    assert await rooms[0].end_state() == await rooms[1].end_state()


async def test_five_events_in_one_transaction_cost_one_commit(database: Database) -> None:
    room = Room(database, COUNTED, frozenset(), frozenset())
    one = message(counted("a"))
    traced = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
    several = [message(counted(key), **traced) for key in "abcde"]
    alone = await cost_of(lambda: room.inbox.receive(Message("orders", "a", one.body, traced)))
    together = await cost_of(lambda: room.inbox.receive_some(several))
    assert (alone["sql"], alone["commit"], alone["delivery"]) == (5, 1, 1)
    assert (together["sql"], together["commit"], together["delivery"]) == (3 + 5 * 2, 1, 5)


async def test_events_that_have_changed_nothing_wait_for_no_disk_together_either(database: Database) -> None:
    async def hear(tx: Transaction, event: Received[Counted]) -> None:
        if event.data.by:
            await tx.execute("INSERT INTO counter (id, value) VALUES ($1, 1)", event.subject)

    inbox = Inbox(database, COUNTED, {"Counted": Hears("Counted", Counted, hear, shares=True)})
    traced = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
    idle = [message(counted(key, by=0), **traced) for key in "abc"]
    mixed = [message(counted(key, by=by), **traced) for key, by in (("a", 0), ("b", 1), ("c", 0))]
    assert (await cost_of(lambda: inbox.receive_some(idle)))["commit"] == 0
    assert (await cost_of(lambda: inbox.receive_some(mixed)))["commit"] == 1


async def test_each_event_in_a_shared_transaction_keeps_its_own_trace(database: Database) -> None:
    room = Room(database, "traced", frozenset(), frozenset())
    traces = {key: f"{number}" * 32 for number, key in enumerate("abc", 1)}
    several = [
        message(counted(key), traceparent=f"00-{traces[key]}-{'7' * 16}-01") for key in ("c", "a", "b")
    ]  # fmt: skip
    assert await room.inbox.receive_some(several) == 3
    async with database.reading() as tx:
        told = await tx.fetch("SELECT key, headers FROM outbox")
    assert {row["key"]: row["headers"]["traceparent"].split("-")[1] for row in told} == {
        f"traced/{key}": trace for key, trace in traces.items()
    }


async def test_what_shares_nothing_is_committed_alone_and_a_batch_has_an_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(database, "alone", frozenset(), frozenset())
    solo = [message(event(Solo(by=1), subject=key, sequence=1)) for key in "ab"]
    shared = [message(counted(f"k{number}")) for number in range(60)]
    assert await room.inbox.receive_some(solo) == 1
    assert await room.inbox.receive_some([shared[0], *solo]) == 1
    assert await room.inbox.receive_some([shared[1], shared[2], *solo]) == 2
    assert await room.inbox.receive_some(shared[3:]) == inbox_module.TOGETHER
    monkeypatch.setattr(inbox_module, "TOGETHER_BYTES", 3 * len(shared[-1].body))
    assert await room.inbox.receive_some(shared[-4:]) == 3


async def test_what_must_be_alone_now_and_then_says_so_and_gets_a_transaction_of_its_own(database: Database) -> None:
    room = Room(database, COUNTED, frozenset(), frozenset())
    shared = list[tuple[str, bool]]()

    async def hear(tx: Transaction, event: Received[Counted]) -> None:
        shared.append((event.subject, tx.shared))
        if event.subject == "b":
            tx.keep_to_itself()
        await room.hear(tx, event)

    inbox = Inbox(database, room.name, {"Counted": Hears("Counted", Counted, hear, shares=True)})
    traced = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
    several = [message(counted(key), **traced) for key in "abc"]
    cost = await cost_of(lambda: inbox.receive_some(several))
    assert shared == [("a", True), ("b", True), ("a", False), ("b", False), ("c", False)]
    assert cost["commit"] == 3
    assert room.done == [("a", 1), ("b", 1), ("c", 1)]
    assert await inbox.parked() == []


async def test_an_event_that_keeps_failing_holds_only_what_is_behind_it(database: Database) -> None:
    """Those that came with it before are done, and stay so."""
    room = Room(database, "held", frozenset(), frozenset())
    good, bad, later = counted("a"), counted("b"), counted("c")
    inbox = room.inbox
    broken = True

    async def hear(tx: Transaction, event: Received[Counted]) -> None:
        if event.id == bad.id and broken:
            raise KeyError("a bug")
        await room.hear(tx, event)

    inbox.hears = {"Counted": Hears("Counted", Counted, hear, shares=True)}
    rest = [message(one) for one in (good, bad, later)]
    assert await inbox.receive_some(rest) == 1
    for _ in range(2):
        with pytest.raises(Trouble):
            await inbox.receive_some(rest[1:])
    assert room.done == [("a", 1)]
    broken = False
    assert await inbox.receive_some(rest[1:]) == 2
    assert room.done == [("a", 1), ("b", 1), ("c", 1)]
    assert await inbox.parked() == []


async def test_two_that_hear_of_the_same_things_in_another_order_do_not_wait_for_each_other(
    database: Database, kit_url: str
) -> None:
    """As of an order and its payment, in two topics. Each is stopped once it has locked its first row, until the other
    has locked its own or waits for a lock."""
    calls = list[str]()
    locked = {"one": asyncio.Event(), "two": asyncio.Event()}
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO counter (id, value) VALUES ('a', 0), ('b', 0)")
    watch = await asyncpg.connect(kit_url)

    def inbox(name: str, other: str) -> Inbox:
        async def hear(tx: Transaction, event: Received[Counted]) -> None:
            calls.append(f"{name} {event.subject}")
            await tx.execute("UPDATE counter SET value = value + 1 WHERE id = $1", event.subject)
            locked[name].set()

            async def met() -> None:
                waiting = await watch.fetchval(
                    """SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND wait_event_type = 'Lock'"""
                )
                assert locked[other].is_set() or waiting

            await eventually(met)

        return Inbox(database, name, {"Counted": Hears("Counted", Counted, hear, shares=True)})

    one, two = inbox("one", "two"), inbox("two", "one")
    forwards = [message(counted(key)) for key in "ab"]
    done = await asyncio.gather(one.receive_some(forwards), two.receive_some(forwards[::-1]))
    assert list(done) == [2, 2]
    assert sorted(calls) == ["one a", "one b", "two a", "two b"], "nobody had to begin again"
    await watch.close()
