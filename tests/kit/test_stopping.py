"""A room that is told to stop finishes what it has begun."""

import asyncio

import aiohttp
import pytest
from fastapi import APIRouter

from bodega.kit.app import Server
from bodega.kit.testing import PATIENCE_SECONDS, eventually
from tests.kit.making import Number, service

pytestmark = pytest.mark.service


async def test_a_request_that_runs_is_answered_and_no_other_is_taken() -> None:
    room = APIRouter()
    begun, go_on = asyncio.Event(), asyncio.Event()

    @room.post("/slow")
    async def slow() -> Number:
        begun.set()
        await go_on.wait()
        return Number(value=1)

    server = Server(service(None, room), "127.0.0.1", 0)
    task = asyncio.create_task(server.serve())

    async def port() -> int:
        assert server.started
        return int(server.servers[0].sockets[0].getsockname()[1])

    base = f"http://127.0.0.1:{await eventually(port)}"
    async with aiohttp.ClientSession() as session:
        running = asyncio.create_task(session.post(f"{base}/slow"))
        await begun.wait()
        server.should_exit = True

        async def refused() -> None:
            try:
                await session.get(f"{base}/livez")
            except aiohttp.ClientConnectionError:
                return
            raise AssertionError("it still takes requests")

        await eventually(refused)
        assert not task.done(), "it waits for what runs"
        go_on.set()
        async with await running as answer:
            assert (answer.status, await answer.json()) == (200, {"value": 1})
    await asyncio.wait_for(task, PATIENCE_SECONDS)


async def test_a_connection_that_is_kept_is_closed_by_its_owner_and_no_request_on_it_is_lost() -> None:
    """The trap: who closes an idle connection may close it in the very moment in which a request is sent."""
    room = APIRouter()

    @room.get("/number")
    async def number() -> Number:
        return Number(value=1)

    server = Server(service(None, room), "127.0.0.1", 0)
    task = asyncio.create_task(server.serve())

    async def port() -> int:
        assert server.started
        return int(server.servers[0].sockets[0].getsockname()[1])

    async with aiohttp.ClientSession(f"http://127.0.0.1:{await eventually(port)}") as session:
        async with session.get("/number") as answer:
            assert answer.headers.get("Connection") is None
            await answer.read()
        server.should_exit = True

        async def no_longer_listens() -> None:
            assert not server.servers[0].is_serving()

        await eventually(no_longer_listens)
        async with session.get("/number") as answer:
            assert (answer.status, answer.headers["Connection"]) == (200, "close")
            await answer.read()
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get("/number")
    await asyncio.wait_for(task, PATIENCE_SECONDS)
