"""What tests of a service need: tokens, a real server on a free port, topics of their own, patience.

Tests run on the real engines. Rooms share the engines and are kept apart by names: a database, a topic
prefix, an index prefix of the test run's own.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import aiohttp
import uvicorn
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from bodega.kit.auth import ALGORITHM, AccessTokens
from bodega.kit.bus import Broker, Message, Producer
from bodega.kit.db import Database

Result = TypeVar("Result")


_TOKEN_SECONDS = 6 * 3600
"""How long a test's token lives: longer than any run. No test may pass by being fast."""


class Credentials:
    """Keys of a test run: customers' tokens as auth would sign them, and services' own."""

    def __init__(self, folder: Path, services: Sequence[str]) -> None:
        self._customers = ECKey.generate_key("P-256", {"kid": "test", "use": "sig"})
        self._services = {name: ECKey.generate_key("P-256", {"kid": name}) for name in services}
        self.jwks_file = folder / "internal-jwks.json"
        self.jwks_file.write_text(json.dumps(KeySet(list(self._services.values())).as_dict(private=False)))
        self._folder = folder

    def key_file(self, service: str) -> Path:
        file = self._folder / f"{service}.pem"
        file.write_bytes(self._services[service].as_pem(private=True))
        return file

    def access_tokens(self) -> AccessTokens:
        """Put it into `app.state.access_tokens`: trusts this run's customers."""
        return AccessTokens("", issuer="bodega", audience="bodega", keys=KeySet([self._customers]))

    def customer(self, subject: str, *roles: str, **claims: Any) -> dict[str, str]:
        """The headers of a signed-in person."""
        now = int(time.time())
        content = {"iss": "bodega", "aud": "bodega", "sub": subject, "roles": list(roles or ("customer",)), "sid": "s",
                   "iat": now, "exp": now + _TOKEN_SECONDS, **claims}  # fmt: skip
        token = jwt.encode({"alg": ALGORITHM, "kid": "test"}, content, self._customers, algorithms=[ALGORITHM])
        return {"Authorization": f"Bearer {token}"}

    def service(self, caller: str, callee: str) -> dict[str, str]:
        """The headers of a service that calls another."""
        now = int(time.time())
        claims = {"iss": caller, "aud": callee, "iat": now, "exp": now + _TOKEN_SECONDS}
        header = {"alg": ALGORITHM, "kid": caller}
        return {"Authorization": f"Bearer {jwt.encode(header, claims, self._services[caller], algorithms=[ALGORITHM])}"}


@dataclass
class Answered:
    """An HTTP answer, read."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's stable code."""
        return str(self.json["code"])


@dataclass
class Caller:
    """An HTTP client for tests, over a real socket."""

    base: str
    session: aiohttp.ClientSession
    headers: dict[str, str] = field(default_factory=dict)

    def being(self, headers: dict[str, str]) -> Self:
        """The same, with these headers on every request."""
        return type(self)(self.base, self.session, {**self.headers, **headers})

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answered:
        sent = {**self.headers, **(headers or {})}
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self.session.request(
            method, self.base + path, data=raw, headers=sent, allow_redirects=False
        ) as answer:
            return Answered(
                answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.read()
            )

    async def get(self, path: str, **options: Any) -> Answered:
        return await self.request("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Answered:
        return await self.request("POST", path, body, **options)

    async def put(self, path: str, body: Any = None, **options: Any) -> Answered:
        return await self.request("PUT", path, body, **options)

    async def patch(self, path: str, body: Any = None, **options: Any) -> Answered:
        return await self.request("PATCH", path, body, **options)

    async def delete(self, path: str, **options: Any) -> Answered:
        return await self.request("DELETE", path, **options)


@asynccontextmanager
async def serving(app: FastAPI, *, port: int = 0) -> AsyncIterator[Caller]:
    """The application with its lifespan, on a free port of the loopback."""
    # Named as TCP, or asyncio would leave Nagle's algorithm on: 40 ms for each answer of two packets.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(
        app, access_log=False, log_config=None, lifespan="on", timeout_graceful_shutdown=3, timeout_keep_alive=75
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError("the server ended before it had started")
            await asyncio.sleep(0.005)  # uvicorn tells of its start by a flag alone
        async with aiohttp.ClientSession() as session:
            yield Caller(f"http://127.0.0.1:{listener.getsockname()[1]}", session)
    finally:
        server.should_exit = True
        await task
        listener.close()


PATIENCE_SECONDS: Final = 30.0
"""How long a state is waited for: on a machine that is shared it comes late, and comes. Less only where the time itself
is what is promised."""


async def eventually(
    check: Callable[[], Awaitable[Result]], *, within_seconds: float = PATIENCE_SECONDS, every_seconds: float = 0.03
) -> Result:
    """The result of `check` as soon as it no longer fails an assertion; its last failure, if it never does."""
    deadline = time.monotonic() + within_seconds
    while True:
        try:
            return await check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(every_seconds)


class Topics:
    """Topics of one test run: made, written to, and read with a stock client."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self._producer = Producer(bootstrap, client_id="tests")

    async def open(self) -> None:
        await self._producer.open()

    async def close(self) -> None:
        await self._producer.close()

    async def make(self, *names: str, partitions: int = 2) -> None:
        admin = AIOKafkaAdminClient(**Broker.of(self.bootstrap).options())
        await admin.start()
        try:
            with suppress(TopicAlreadyExistsError):
                await admin.create_topics([NewTopic(self.prefix + name, partitions, 1) for name in names])
        finally:
            await admin.close()

    async def publish(self, *events: Any, traceparent: str | None = None) -> None:
        """Events in their envelopes, to their topics. `traceparent`: of the trace in which they came about."""
        headers = {"traceparent": traceparent} if traceparent is not None else {}
        await self._producer.send(
            [Message(self.prefix + one.topic, one.key, one.to_bytes(**headers), headers) for one in events]
        )

    async def publish_behind(self, earlier: Any, later: Any) -> None:
        """An event behind an earlier one in its partition, whatever it is about: once it has been handled, that one has
        been, too."""
        await self._producer.send([Message(self.prefix + earlier.topic, earlier.key, later.to_bytes())])

    async def publish_raw(self, topic: str, key: str, body: bytes) -> None:
        await self._producer.send([Message(topic=self.prefix + topic, key=key, body=body)])

    async def read(
        self, topic: str, enough: Callable[[list[dict[str, Any]]], bool], *, within_seconds: float = PATIENCE_SECONDS
    ) -> list[dict[str, Any]]:
        """All messages of a topic from its beginning to its end, as it was once `enough` of them had come.

        Raises: AssertionError, if they do not come in time.
        """
        consumer = AIOKafkaConsumer(
            self.prefix + topic,
            **Broker.of(self.bootstrap).options(),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + within_seconds

        async def read_on() -> None:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found.extend(json.loads(record.value) for record in records)

        try:
            while not enough(found):
                assert time.monotonic() < deadline, f"not enough of {topic} within {within_seconds} s: {found[-9:]}"
                await read_on()
            ends = await consumer.end_offsets(list(consumer.assignment()))
            while any([await consumer.position(partition) < end for partition, end in ends.items()]):
                await read_on()
        finally:
            await consumer.stop()
        return found

    async def of_subject(
        self, topic: str, subject: str, *types: str, within_seconds: float = PATIENCE_SECONDS
    ) -> list[dict[str, Any]]:
        """The events about one subject that the topic holds once all of `types` are among them, in their order.

        What is told later is not seen. To show that something is told once, first await that all that could tell it
        again has been handled, and `outbox_is_empty`.
        """

        def enough(found: list[dict[str, Any]]) -> bool:
            return {one["type"] for one in found if one["subject"] == subject} >= set(types)

        found = await self.read(topic, enough, within_seconds=within_seconds)
        return [one for one in found if one["subject"] == subject]


async def outbox_is_empty(database: Database, *, within_seconds: float = PATIENCE_SECONDS) -> None:
    """Returns once the relay has published all that was committed before, and perhaps what came meanwhile."""

    async def check() -> None:
        async with database.transaction() as tx:
            assert await tx.fetchval("SELECT count(*) FROM outbox") == 0

    await eventually(check, within_seconds=within_seconds)
