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
