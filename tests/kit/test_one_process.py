"""Several services may share a process: each has its port and its name, and all end together, in order."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import aiohttp
import pytest

from bodega.kit.testing import Caller, eventually
from bodega.platform.system import ROOT
from tests.kit.collector import collecting

pytestmark = pytest.mark.unit

_TWO = """
import asyncio, sys
from fastapi import APIRouter
from bodega.kit.app import create_service, serve
from bodega.kit.settings import ServiceSettings
from bodega.kit.http import Client
from bodega.kit.telemetry import log

class Store:
    is_open = False
    async def open(self): self.is_open = True
    async def close(self): self.is_open = False

def room(name, router, *opens):
    return create_service(name, ServiceSettings(), [router], titles={}, description="", state={}, opens=opens, ready={})

front, back, store = APIRouter(), APIRouter(), Store()
client = Client("front", "back", "memory://back", attempts=1)

@front.get("/ask")
async def ask(): return (await client.send("GET", "/work")).decode()

@back.get("/work")
async def work():
    log().info("works")
    await asyncio.sleep(0.5)
    return {"store is open": store.is_open}

ports = map(int, sys.argv[1:])
serve((room("front", front, client), "127.0.0.1", next(ports)), (room("back", back, store), "127.0.0.1", next(ports)))
"""

_SPANS = """
from bodega.kit import telemetry

for name in ("left", "right"):
    telemetry.setup(name, sample_ratio=1)
for name in ("left", "right"):
    with telemetry.span("one of its own", {}, service=name):
        pass
"""


@pytest.fixture
def two_ports() -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def two_in_one(ports: list[int]) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", _TWO, *map(str, ports)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_they_end_together_and_each_finishes_what_another_has_asked_of_it(two_ports: list[int]) -> None:
    async with aiohttp.ClientSession() as session:
        front, back = (Caller(f"http://127.0.0.1:{port}", session) for port in two_ports)
        with two_in_one(two_ports) as process:

            async def both_are_up() -> None:
                for room in (front, back):
                    try:
                        assert (await room.get("/readyz")).status == 200
                    except aiohttp.ClientError as error:
                        raise AssertionError("not yet") from error

            await eventually(both_are_up, within_seconds=60)
            asking = asyncio.create_task(front.get("/ask"))
            assert process.stdout is not None
            said = [await asyncio.to_thread(process.stdout.readline)]
            while "works" not in said[-1]:
                said.append(await asyncio.to_thread(process.stdout.readline))
                assert said[-1], "it has ended"
            process.send_signal(signal.SIGTERM)
            assert json.loads((await asking).json) == {"store is open": True}
            said += await asyncio.to_thread(process.stdout.readlines)
            assert await asyncio.to_thread(process.wait) == 0
    (line,) = [json.loads(line) for line in said if "works" in line]
    assert line["service"] == "back", "a line says whose it is"


async def test_a_taken_port_of_one_ends_all(two_ports: list[int]) -> None:
    with socket.create_server(("127.0.0.1", two_ports[1])), two_in_one(two_ports) as process:
        assert await asyncio.to_thread(process.wait, 60) != 0


async def test_each_tells_its_spans_under_its_own_name() -> None:
    async with collecting() as collector:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _SPANS, cwd=ROOT, env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        )
        assert await process.wait() == 0
    left, right = (collector.traces[name] for name in ("bodega-left", "bodega-right"))
    assert (len(left), len(right)) == (1, 1)
    assert left != right
