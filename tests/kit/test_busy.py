"""A service works on so many requests at once; whoever comes beyond that is told to come again, and has changed
nothing. A store that is slow or wanted by too many holds nobody longer than their deadline."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from yarl import URL

from bodega.kit.app import create_service
from bodega.kit.db import Database
from bodega.kit.deadline import set_deadline
from bodega.kit.errors import Busy, Unavailable
from bodega.kit.settings import ServiceSettings
from bodega.kit.testing import PATIENCE_SECONDS, Answered, Caller, eventually, serving
from tests.kit.making import ready

AT_ONCE = 2
LONG = 60.0


class Slow:
    """A service whose work takes as long as the test says."""

    def __init__(self) -> None:
        self.at_work = 0
        self.goes_on = asyncio.Event()
        router = APIRouter()

        @router.post("/work")
        @router.post("/internal/work")
        async def work(fails: bool = False) -> dict[str, str]:
            self.at_work += 1
            await self.goes_on.wait()
            if fails:
                raise KeyError("ours")
            return {}

        @router.get("/stream")
        async def stream() -> StreamingResponse:
            async def told() -> AsyncIterator[bytes]:
                yield b"data: begun\n\n"
                await self.goes_on.wait()

            return StreamingResponse(told(), media_type="text/event-stream")

        @router.get("/quick")
        async def quick() -> dict[str, str]:
            return {}

        self.app: FastAPI = create_service(
            "slow", ServiceSettings(requests_at_once=AT_ONCE), [router], titles={"busy": "Busy"}, description="",
            state={}, ready={"nothing": ready},
        )  # fmt: skip

    @asynccontextmanager
    async def full(self, caller: Caller, path: str = "/work") -> AsyncIterator[list["asyncio.Task[Answered]"]]:
        """As many are at work as may be, for as long as the block lasts."""
        tasks = [asyncio.create_task(caller.post(path)) for _ in range(AT_ONCE)]

        async def all_at_work() -> None:
            assert self.at_work == AT_ONCE

        await eventually(all_at_work)
        yield tasks
        self.goes_on.set()
        await asyncio.gather(*tasks)


@pytest.mark.unit
async def test_whoever_comes_beyond_what_is_worked_on_at_once_is_told_to_come_again() -> None:
    slow = Slow()
    async with serving(slow.app) as caller:
        async with slow.full(caller) as at_work:
            for _ in range(3):
                answer = await asyncio.wait_for(caller.post("/work", {"some": "body"}), PATIENCE_SECONDS)
                assert (answer.status, answer.code, answer.json["title"]) == (503, "busy", "Busy")
                assert answer.headers["content-type"] == "application/problem+json"
                assert 1 <= int(answer.headers["retry-after"]) <= 3
            assert slow.at_work == AT_ONCE
            assert (await caller.get("/livez")).status == 200
            assert (await caller.get("/readyz")).status == 200
            assert b"http_request_seconds" in (await caller.get("/metrics")).body
        assert [task.result().status for task in at_work] == [200, 200]
        assert (await caller.post("/work")).status == 200


@pytest.mark.unit
async def test_what_another_service_asks_is_done_however_many_ask_from_outside() -> None:
    slow = Slow()
    async with serving(slow.app) as caller, slow.full(caller):
        within = asyncio.create_task(caller.post("/internal/work"))

        async def is_let_in() -> None:
            assert slow.at_work == AT_ONCE + 1

        await eventually(is_let_in)
        slow.goes_on.set()
        assert (await within).status == 200


@pytest.mark.unit
async def test_what_fails_makes_room_and_a_stream_takes_none() -> None:
    slow = Slow()
    async with serving(slow.app) as caller:
        async with slow.full(caller, "/work?fails=true") as at_work:
            pass
        assert [task.result().status for task in at_work] == [500, 500]
        slow.goes_on.clear()
        streams = [await caller.session.get(f"{caller.base}/stream") for _ in range(AT_ONCE)]
        assert [await stream.content.readline() for stream in streams] == [b"data: begun\n"] * AT_ONCE
        assert (await caller.get("/quick")).status == 200
        slow.goes_on.set()
        for stream in streams:
            await stream.read()


@pytest.mark.service
async def test_who_gets_no_connection_before_their_deadline_is_told_that_it_is_busy(database: Database) -> None:
    one = Database(database.url, pool_size=1)
    await one.open()
    async with one.transaction():
        for door in (one.transaction, one.reading):
            began = time.monotonic()
            with pytest.raises(Busy):
                await asyncio.create_task(_passes(door(), within_seconds=0.2))
            assert time.monotonic() - began < 3, "five seconds is what somebody without a deadline waits"
    await asyncio.create_task(_passes(one.transaction(), within_seconds=0.2))
    await one.close()


@pytest.mark.service
async def test_a_request_that_gets_no_answer_in_time_because_many_ask_is_told_that_it_is_busy(
    database: Database,
) -> None:
    one = Database(database.url, pool_size=1)
    await one.open()

    async def asks() -> None:
        set_deadline(0.1)
        async with one.reading() as tx:
            await tx.fetchval("SELECT pg_sleep(4)")

    asking = asyncio.create_task(asks())
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(_passes(one.reading(), within_seconds=LONG)) for _ in range(2)]
    with pytest.raises(Busy):
        await asking
    await asyncio.gather(*waiting)
    await one.close()


@pytest.mark.service
async def test_all_that_is_said_after_the_deadline_is_said_within_half_a_second(database: Database) -> None:
    """Longer the gateway does not wait."""

    async def asks() -> None:
        set_deadline(0.0)
        for _ in range(4):
            with pytest.raises(Unavailable):
                async with database.reading() as tx:
                    await tx.fetchval("SELECT pg_sleep(4)")

    began = time.monotonic()
    await asyncio.create_task(asks())
    assert time.monotonic() - began < 1.5, "four times half a second would be two"


@pytest.mark.service
async def test_a_statement_takes_no_longer_than_the_request_has_left(database: Database) -> None:
    async def asks() -> None:
        set_deadline(0.2)
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO counter (id, value) VALUES ('a', 1)")
            await tx.fetchval("SELECT pg_sleep(4)")

    began = time.monotonic()
    with pytest.raises(Unavailable):
        await asyncio.create_task(asks())
    assert time.monotonic() - began < 3
    async with database.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM counter") == 0


class Wire:
    """The way to a database, until it is silent: then nothing comes through any more, and nothing is closed."""

    def __init__(self) -> None:
        self._speaks = asyncio.Event()
        self._speaks.set()

    def falls_silent(self) -> None:
        self._speaks.clear()

    @asynccontextmanager
    async def laid_to(self, url: str) -> AsyncIterator[str]:
        """The URL by which the database is reached through this wire."""
        end, ways = URL(url), set[asyncio.Task[None]]()

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while chunk := await reader.read(65_536):
                await self._speaks.wait()
                writer.write(chunk)
            writer.close()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._speaks.wait()
            there, back = await asyncio.open_connection(end.host, end.port)
            for way in (carry(reader, back), carry(there, writer)):
                ways.add(asyncio.create_task(way))

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        yield str(end.with_host("127.0.0.1").with_port(server.sockets[0].getsockname()[1]))
        server.close()
        self._speaks.set()
        await asyncio.gather(*ways, return_exceptions=True)


@pytest.mark.service
@pytest.mark.parametrize("begun", [False, True])
async def test_a_store_that_falls_silent_holds_nobody_longer_than_their_deadline(
    database: Database, begun: bool
) -> None:
    wire = Wire()

    async def asks(mute: Database) -> None:
        set_deadline(0.5)
        if not begun:
            wire.falls_silent()
        async with mute.transaction() as tx:
            wire.falls_silent()
            await tx.fetchval("SELECT 1")

    async with wire.laid_to(database.url) as url:
        mute = Database(url, pool_size=1)
        await mute.open()
        await _passes(mute.transaction(), within_seconds=LONG)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await asyncio.create_task(asks(mute))
        assert time.monotonic() - began < 2
        mute.pool.terminate()


@pytest.mark.service
async def test_after_the_deadline_it_can_still_be_said_how_far_things_have_come(database: Database) -> None:
    async def asks() -> int:
        set_deadline(0.0)
        async with database.reading() as tx:
            return int(await tx.fetchval("SELECT 1"))

    assert await asyncio.create_task(asks()) == 1


async def _passes(door: object, *, within_seconds: float) -> None:
    set_deadline(within_seconds)
    async with door:  # type: ignore[attr-defined]
        pass
