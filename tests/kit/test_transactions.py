"""One request is one transaction, committed before the answer; its events with it or not at all."""

import asyncio

import asyncpg
import pytest
from fastapi import APIRouter

from bodega.kit.app import Db
from bodega.kit.db import Database
from bodega.kit.errors import Conflict, Unavailable
from bodega.kit.telemetry import in_background, span
from bodega.kit.testing import eventually, serving
from tests.kit.making import Number, counted, service

pytestmark = pytest.mark.service


async def rows(database: Database, table: str) -> int:
    async with database.transaction() as tx:
        return int(await tx.fetchval(f"SELECT count(*) FROM {table}"))


async def test_a_commit_that_fails_is_never_answered_with_success(database: Database) -> None:
    """The foreign key is checked at the commit: if that came after the answer, the client would read 201."""
    router = APIRouter()

    @router.post("/count", status_code=201)
    async def count(db: Db) -> Number:
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO counter (id, value, parent) VALUES ('a', 1, 'nobody')")
        return Number(value=1)

    async with serving(service(database, router)) as caller:
        answer = await caller.post("/count")
    assert (answer.status, answer.code) == (500, "internal")
    assert b"Traceback" not in answer.body
    assert await rows(database, "counter") == 0


async def test_a_commit_that_need_not_wait_for_the_disk_is_the_only_one_of_its_connection(kit_url: str) -> None:
    database = Database(kit_url, pool_size=1)
    await database.open()
    setting = "SELECT current_setting('synchronous_commit')"
    try:
        async with database.transaction() as tx:
            await tx.commit_without_flush()
            within = await tx.fetchval(setting)
        async with database.transaction() as tx:
            after = await tx.fetchval(setting)
    finally:
        await database.close()
    assert (within, after) == ("off", "on")


async def test_no_event_is_committed_without_waiting_for_the_disk(database: Database) -> None:
    """The relay might publish it before a crash of the server loses it."""
    with pytest.raises(RuntimeError, match="before its transaction is on the disk"):
        async with database.transaction() as tx:
            tx.emit(counted("a"))
            await tx.commit_without_flush()
    assert await rows(database, "outbox") == 0


async def test_a_refusal_leaves_neither_the_change_nor_its_event(database: Database) -> None:
    with pytest.raises(Conflict):
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO counter (id, value) VALUES ('a', 1)")
            tx.emit(counted("a"))
            raise Conflict("no")
    assert await rows(database, "counter") == 0
    assert await rows(database, "outbox") == 0


async def test_a_change_and_its_event_are_committed_together(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO counter (id, value) VALUES ('a', 1)")
        tx.emit(counted("a"))
        assert await rows(database, "outbox") == 0, "nobody sees it before the commit"
    assert await rows(database, "counter") == 1
    assert await rows(database, "outbox") == 1


async def test_events_of_one_aggregate_are_ordered_as_its_changes_were(database: Database) -> None:
    """Fifty transactions at once on one row: the outbox must have its versions in order, whoever began first."""
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO counter (id, value) VALUES ('a', 0)")

    async def change() -> None:
        async with database.transaction() as tx:
            value = await tx.fetchval("UPDATE counter SET value = value + 1 WHERE id = 'a' RETURNING value")
            tx.emit(counted("a", sequence=value))

    await asyncio.gather(*(change() for _ in range(50)))
    async with database.transaction() as tx:
        found = await tx.fetch("SELECT body FROM outbox ORDER BY position")
    sequences = [int(row["body"].decode().split('"sequence":"')[1].split('"')[0]) for row in found]
    assert sequences == list(range(1, 51))


async def test_a_store_that_is_away_is_unavailable_and_not_an_error_of_ours() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    await away.open()
    router = APIRouter()

    @router.get("/count")
    async def count(db: Db) -> Number:
        async with db.transaction() as tx:
            return Number(value=await tx.fetchval("SELECT 1"))

    with pytest.raises(Unavailable):
        await away.ping()
    async with serving(service(away, router)) as caller:
        answer = await caller.get("/count")
    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    await away.close()


async def test_a_connection_that_breaks_in_the_midst_is_the_stores_trouble(database: Database) -> None:
    """What the driver says, when the server is killed while a query runs and the pool takes its connection back."""
    with pytest.raises(Unavailable):
        async with database.transaction():
            raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")


async def test_where_one_only_reads_nothing_can_be_written_locked_or_told(database: Database) -> None:
    for statement in (
        "INSERT INTO counter (id, value) VALUES ('a', 1)",
        "WITH made AS (INSERT INTO counter (id, value) VALUES ('a', 1) RETURNING id) SELECT id FROM made",
        "SELECT id FROM counter FOR UPDATE",
        "SELECT id FROM counter FOR NO KEY UPDATE",
        "SELECT id FROM counter FOR KEY SHARE",
        "SELECT pg_notify('outbox', '')",
        "SELECT pg_advisory_xact_lock(1)",
        "DELETE FROM counter",
    ):
        with pytest.raises(RuntimeError):
            async with database.reading() as tx:
                await tx.fetch(statement)
    with pytest.raises(RuntimeError):
        async with database.reading() as tx:
            tx.emit(counted("a"))
    assert await rows(database, "counter") == 0


async def test_what_is_to_follow_a_reading_follows_it_unless_it_failed(database: Database) -> None:
    done: list[str] = []
    async with database.reading() as tx:
        tx.after_commit(lambda: done.append("read"))
        assert await tx.fetchval("SELECT count(*) FROM counter") == 0
        assert done == []
    with pytest.raises(Conflict):
        async with database.reading() as tx:
            tx.after_commit(lambda: done.append("never"))
            raise Conflict("no")
    assert done == ["read"]


async def test_a_connection_that_goes_back_holds_nothing_of_what_was_done_with_it(database: Database) -> None:
    """A transaction that was cut off in its midst is rolled back before the next one gets its connection."""
    one = Database(database.url, pool_size=1)
    await one.open()
    written = asyncio.Event()

    async def cut_off() -> None:
        async with one.transaction() as tx:
            await tx.execute("INSERT INTO counter (id, value) VALUES ('a', 1)")
            written.set()
            await tx.fetchval("SELECT pg_sleep(60)")

    task = asyncio.create_task(cut_off())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with one.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM counter") == 0
    assert await rows(database, "counter") == 0
    await one.close()


async def test_events_and_background_work_leave_connections_to_requests(database: Database) -> None:
    one = Database(database.url, pool_size=5)
    await one.open()
    at_work: list[int] = []
    over = asyncio.Event()

    async def works(number: int) -> None:
        with in_background():
            async with one.transaction():
                at_work.append(number)
                await over.wait()

    tasks = [asyncio.create_task(works(number)) for number in range(8)]

    async def two_are_at_it() -> None:
        assert len(at_work) == 2

    await eventually(two_are_at_it)
    with span("a request", {}, cause="request"):
        async with one.transaction() as first, one.transaction() as second, one.reading() as third:
            assert [await tx.fetchval("SELECT 1") for tx in (first, second, third)] == [1, 1, 1]
            assert len(at_work) == 2
    over.set()
    await asyncio.gather(*tasks)
    assert sorted(at_work) == list(range(8))
    await one.close()
