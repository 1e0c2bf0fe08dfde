"""What is committed is told to whoever waits for it, in its process and in the service's other replicas."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.notices import Notices
from bodega.kit.testing import eventually
from tests.kit.making import counted

pytestmark = pytest.mark.service


class Replica:
    """A process of a service: its own pool, and what it hears of one channel."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.database.notices = Notices(self.database, hello_seconds=0.2, retry_seconds=0.05)
        self.heard: list[str | None] = []

    async def says(self, *keys: str) -> None:
        async with self.database.transaction() as tx:
            for key in keys:
                tx.notify("things", key)

    async def hears(self, *keys: str | None) -> None:
        async def check() -> None:
            assert set(keys) <= set(self.heard)

        await eventually(check)

    async def knows(self, others: int) -> None:
        async def check() -> None:
            assert len(self.database.notices._others) == others

        await eventually(check)


@asynccontextmanager
async def running(replica: Replica) -> AsyncIterator[Replica]:
    await replica.database.open()
    with replica.database.notices.subscribed("things", replica.heard.append):
        task = asyncio.create_task(replica.database.notices.run())
        try:
            yield replica
        finally:
            replica.database.notices.stop()
            await task
            await replica.database.close()


async def test_a_commit_is_told_in_its_own_process_at_once_and_once_for_each_key(database: Database) -> None:
    async with running(Replica(database.url)) as alone:
        await alone.hears(None)
        alone.heard.clear()
        await alone.says("a", "b", "a")
        assert alone.heard == ["a", "b"]


async def test_what_is_rolled_back_is_told_to_nobody(database: Database) -> None:
    async with running(Replica(database.url)) as alone:
        with pytest.raises(ZeroDivisionError):
            async with alone.database.transaction() as tx:
                tx.notify("things", "never")
                _ = 1 / 0
        assert "never" not in alone.heard


async def test_replicas_hear_of_each_others_commits_however_late_one_joins(database: Database) -> None:
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(running(Replica(database.url))) for _ in range(2)]
        await first.knows(1)
        await second.knows(1)
        third = await stack.enter_async_context(running(Replica(database.url)))
        for one in (first, second, third):
            await one.knows(2)
        await second.says("key with spaces", "")
        for one in (first, second, third):
            await one.hears("key with spaces", "")


async def test_a_replica_that_has_gone_is_told_no_more(database: Database) -> None:
    async with running(Replica(database.url)) as stays:
        async with running(Replica(database.url)):
            await stays.knows(1)
        await stays.knows(0)
        await stays.says("a")
        assert not stays.database.notices._waiting


async def test_who_was_cut_off_is_told_that_it_may_have_missed_something_and_what_waits_for_it_is_given(
    database: Database,
) -> None:
    async with running(Replica(database.url)) as one, running(Replica(database.url)) as other:
        await one.knows(1)
        await other.knows(1)
        other.heard.clear()
        async with database.transaction() as tx:
            cut = await tx.fetchval(
                """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'bodega notices'"""
            )
        assert cut == 2
        await one.says("a")

        async def missed_or_heard() -> None:
            assert None in other.heard or "a" in other.heard

        await eventually(missed_or_heard)
        await one.says("b")
        await other.hears("b")


async def test_a_transaction_that_tells_something_has_no_notify_in_its_commit(database: Database) -> None:
    """NOTIFY would make it wait for every other such commit of the cluster."""
    async with running(Replica(database.url)) as one, running(Replica(database.url)):
        await one.knows(1)
        async with one.database.transaction() as tx:
            tx.emit(counted(new_id("x"), 1))
            tx.notify("things", "a")
            await tx.flush()
            held = await tx.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND database = 0 AND pid = pg_backend_pid()"
            )
        assert held == 0


class Slow:
    """A connection whose statements take until they are let go."""

    def __init__(self) -> None:
        self.said: list[list[str]] = []
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()

    def is_closed(self) -> bool:
        return False

    async def execute(self, _sql: str, _channel: str, said: list[str]) -> None:
        self.said.append([one.partition(" ")[2] for one in said if " " in one])
        self.asked.set()
        await self.let_go.wait()


async def test_what_is_committed_again_while_it_is_being_told_is_told_again(database: Database) -> None:
    """Who has read it between the two would else not look again."""
    notices = Notices(database)
    notices._others["another"] = asyncio.get_running_loop().time()
    slow = Slow()
    notices.give([("things", "a")])
    speaking = asyncio.create_task(notices._speak(slow))
    await slow.asked.wait()
    notices.give([("things", "a")])
    slow.let_go.set()

    async def told_twice() -> None:
        assert [said for said in slow.said if said] == [["things a"], ["things a"]]

    await eventually(told_twice)
    notices.stop()
    await speaking


async def test_while_the_store_is_away_it_is_asked_again_after_a_while_and_not_without_pause() -> None:
    """Also with something to tell: what is given must not shorten the wait."""
    tries: list[float] = []

    class Away(Database):
        async def connect(self, **_: str) -> None:
            tries.append(asyncio.get_running_loop().time())
            raise ConnectionRefusedError

    notices = Notices(Away("postgresql://nobody"), retry_seconds=60)
    notices._others["another"] = asyncio.get_running_loop().time()
    notices.give([("things", "a")])
    running = asyncio.create_task(notices.run())

    async def has_tried() -> None:
        assert tries

    await eventually(has_tried)
    notices.give([("things", "b")])
    for _ in range(100):  # whoever does not wait would try at each turn of the loop
        await asyncio.sleep(0)
    assert len(tries) == 1
    notices.stop()
    await running
