"""What this machine does without the shop, measured on the engines of the bench's own instance.

    python -m bodega.proof.bench.floor DESCRIPTOR

is the bare application, on a socket that it inherits: no framework, no middleware, on the server and loop that the
services run on.
"""

import asyncio
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg
import psutil
import uvicorn
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from starlette.types import Receive, Scope, Send

from bodega.kit.bus import Broker
from bodega.platform.environment import inherited
from bodega.platform.secrets import Secrets
from bodega.platform.settings import admin_url, kafka_admin_url
from bodega.platform.system import LOOPBACK, Instance
from bodega.proof.bench.report import Floor, Machine, median_ms
from bodega.proof.bench.waiting import Progress, showing

SECONDS: Final = 5.0
"""For how long each is measured."""
CLIENTS: Final = 16
"""How many connections ask the bare application at the same time."""
_ROUND_TRIPS: Final = 300
_WARM_UP: Final = 30
_TOPIC: Final = "bench-floor"
_BODY: Final = b"x" * 500


async def measure(instance: Instance, progress: Progress) -> Floor:
    """The floor, while the shop itself has nothing to do."""
    async with showing(progress, "floor: commits", SECONDS):
        commits = await commits_per_second(instance)
    async with showing(progress, "floor: HTTP requests", SECONDS):
        requests, cpu_ms = await requests_per_second()
    progress("floor: Kafka round trips", 0, 1)
    round_trip = await kafka_round_trip_ms(instance)
    progress("floor: Kafka round trips", 1, 1)
    return Floor(
        commits_per_second=commits,
        requests_per_second=requests,
        request_cpu_ms=cpu_ms,
        kafka_round_trip_ms=round_trip,
    )


def machine() -> Machine:
    """This one."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_mb=round(psutil.virtual_memory().total / 1e6),
        kernel=platform.release(),
        python=platform.python_version(),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


async def commits_per_second(instance: Instance) -> float:
    """One connection that inserts a row, commits, and inserts the next."""
    connection = await asyncpg.connect(admin_url(instance, Secrets.of(instance)))
    try:
        await connection.execute("CREATE TABLE bench_floor (id bigint GENERATED ALWAYS AS IDENTITY, body bytea)")
        insert = await connection.prepare("INSERT INTO bench_floor (body) VALUES ($1)")
        count, began = 0, time.monotonic()
        while time.monotonic() - began < SECONDS:
            await insert.fetch(_BODY)
            count += 1
        return count / (time.monotonic() - began)
    finally:
        await connection.execute("DROP TABLE IF EXISTS bench_floor")
        await connection.close()


async def requests_per_second() -> tuple[float, float]:
    """Of the bare application: requests a second, and milliseconds of its CPU for one."""
    with _bare_application() as (url, process):
        async with aiohttp.ClientSession() as session:
            await _ask(session, url)  # waits in the socket's queue until the application is there
            before, count = _cpu_seconds(process), 0
            began = time.monotonic()

            async def client() -> int:
                asked = 0
                while time.monotonic() - began < SECONDS:
                    await _ask(session, url)
                    asked += 1
                return asked

            count = sum(await asyncio.gather(*(client() for _ in range(CLIENTS))))
            length = time.monotonic() - began
            return count / length, (_cpu_seconds(process) - before) * 1000 / count


async def _ask(session: aiohttp.ClientSession, url: str) -> None:
    async with session.get(url) as answer:
        await answer.read()


def _cpu_seconds(process: psutil.Process) -> float:
    cpu = process.cpu_times()
    return cpu.user + cpu.system


@contextmanager
def _bare_application() -> Iterator[tuple[str, psutil.Process]]:
    """Its address and its process, for as long as the block lasts."""
    with socket.create_server((LOOPBACK, 0), backlog=128) as listening:
        command = [sys.executable, "-m", __name__, str(listening.fileno())]
        with subprocess.Popen(command, pass_fds=[listening.fileno()], env=inherited()) as process:
            try:
                yield f"http://{LOOPBACK}:{listening.getsockname()[1]}/", psutil.Process(process.pid)
            finally:
                process.terminate()


async def kafka_round_trip_ms(instance: Instance) -> float:
    """From sending a message, acknowledged, to having it in a consumer's hands; the median of some hundred."""
    options = Broker.of(kafka_admin_url(instance, Secrets.of(instance))).options()
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(_TOPIC, num_partitions=1, replication_factor=1)])
        return median_ms((await _round_trips(options))[_WARM_UP:])
    finally:
        await admin.delete_topics([_TOPIC])
        await admin.close()


async def _round_trips(options: dict[str, object]) -> list[float]:
    """Seconds, one after the other."""
    consumer = AIOKafkaConsumer(_TOPIC, **options, auto_offset_reset="earliest", enable_auto_commit=False)
    producer = AIOKafkaProducer(**options, enable_idempotence=True, acks="all", linger_ms=0)
    await consumer.start()
    try:
        await producer.start()
        took = []
        for _ in range(_WARM_UP + _ROUND_TRIPS):
            began = time.perf_counter()
            await producer.send_and_wait(_TOPIC, _BODY)
            await consumer.getone()
            took.append(time.perf_counter() - began)
        return took
    finally:
        await producer.stop()
        await consumer.stop()


async def _bare(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def main() -> None:
    """Be the bare application."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(
        _bare, loop="uvloop", http="httptools", lifespan="off", access_log=False, log_config=None, server_header=False
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
