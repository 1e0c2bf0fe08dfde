"""Replicas on one machine may listen at the same port."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from fastapi import APIRouter

from bodega.kit.app import Server, create_service
from bodega.kit.settings import ServiceSettings
from bodega.kit.testing import eventually
from tests.kit.making import Number, ready

pytestmark = pytest.mark.service


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def replica(number: int, port: int) -> AsyncIterator[None]:
    router = APIRouter()

    @router.get("/which")
    async def which() -> Number:
        return Number(value=number)

    settings = ServiceSettings(replica=str(number), reuse_port=True)
    app = create_service(
        "counter", settings, [router], titles={}, description="", state={"database": None}, ready={"nothing": ready}
    )
    server = Server(app, "127.0.0.1", port)
    task = asyncio.create_task(server.serve())

    async def has_started() -> None:
        assert server.started

    try:
        await eventually(has_started)
        yield
    finally:
        server.should_exit = True
        await task


async def answering(port: int, times: int) -> set[int]:
    """Who answers, each time on a connection of its own."""
    found = set()
    for _ in range(times):
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/which") as answer:
            found.add((await answer.json())["value"])
    return found


async def test_two_share_a_port_and_one_goes_on_when_the_other_has_ended() -> None:
    port = free_port()
    async with replica(1, port):
        async with replica(2, port):
            assert await answering(port, 60) == {1, 2}
        assert await answering(port, 10) == {1}
