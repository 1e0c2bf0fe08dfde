"""The way to another service: over HTTP, or in memory where both run in one process.

Who calls cannot tell which. Only bytes and headers cross, in memory too; the other side is asked through its whole
front, token and deadline included; and it is as alone with its work: it ends what it has begun when its caller has
given up, and knows none of the caller's context.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextvars import Context
from typing import Any, Protocol
from urllib.parse import unquote

import aiohttp
from yarl import URL

MEMORY = "memory"
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_hatches: dict[str, "Hatch"] = {}
"""Of this process, by the service's name."""


class Transport(Protocol):
    async def open(self) -> None: ...
    async def close(self) -> None: ...

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> tuple[int, bytes]:
        """The answer's status and body.

        Raises: TimeoutError, if there is none after these seconds; OSError, if the other side cannot be reached or
        breaks off.
        """
        ...


def transport_to(base_url: str) -> Transport:
    """`memory://orders` is the service of that name in this process."""
    url = URL(base_url)
    return Memory(str(url.host)) if url.scheme == MEMORY else Http(base_url)


class Http:
    """All calls share a pool of connections."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100, keepalive_timeout=30))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> tuple[int, bytes]:
        if self._session is None:
            raise RuntimeError("open() was not awaited")
        try:
            async with self._session.request(
                method, self._base + path, data=body or None, headers=headers,
                timeout=aiohttp.ClientTimeout(total=seconds, connect=min(seconds, 1.0)), allow_redirects=False,
            ) as answer:  # fmt: skip
                return answer.status, await answer.read()
        except (TimeoutError, OSError):
            raise
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error


class Memory:
    """Asks a service of this process through its hatch."""

    def __init__(self, service: str) -> None:
        self._service = service

    async def open(self) -> None:
        """Nothing to open: the hatch is the other's."""

    async def close(self) -> None:
        """Nothing to close."""

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> tuple[int, bytes]:
        hatch = _hatches.get(self._service)
        if hatch is None:
            raise ConnectionRefusedError(f"{self._service} does not serve in this process")
        url = URL(f"http://{self._service}{path}")
        sent = {"host": self._service, **{name.lower(): value for name, value in headers.items()}}
        if body:
            sent["content-length"] = str(len(body))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": unquote(url.raw_path),
            "raw_path": url.raw_path.encode(),
            "query_string": url.raw_query_string.encode(),
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
            "client": None,
            "server": (self._service, None),
        }
        return await hatch.ask(scope, body, seconds)


class Hatch:
    """Where a service can be asked from within its process; open while it serves, as its port is."""

    def __init__(self, service: str, app: App, running: set["asyncio.Task[None]"]) -> None:
        """`running`: the server's set of what it has to finish before it ends."""
        self._service = service
        self._app = app
        self._running = running

    def open(self) -> None:
        _hatches[self._service] = self

    def close(self) -> None:
        _hatches.pop(self._service, None)

    async def ask(self, scope: Message, body: bytes, seconds: float) -> tuple[int, bytes]:
        exchange = _Exchange(body)
        task = asyncio.create_task(exchange.run(self._app, scope), context=Context())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            async with asyncio.timeout(seconds):
                return await exchange.answer
        finally:
            exchange.hang_up()


class _Exchange:
    """One request and its answer. When the caller hangs up, the request runs on and tells nobody."""

    def __init__(self, body: bytes) -> None:
        self.answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._body: bytes | None = body
        self._status = 0
        self._chunks: list[bytes] = []
        self._over = asyncio.Event()

    def hang_up(self) -> None:
        self._over.set()

    async def run(self, app: App, scope: Message) -> None:
        why: BaseException | None = None
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:  # its front has logged it; over HTTP the connection would break
            why = error
        finally:
            if not self.answer.done():
                broken = ConnectionAbortedError("it ended without an answer")
                broken.__cause__ = why
                self.answer.set_exception(broken)

    async def _receive(self) -> Message:
        if self._body is None:
            await self._over.wait()
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            return
        self._chunks.append(message.get("body", b""))
        if not message.get("more_body") and not self.answer.done():
            self.answer.set_result((self._status, b"".join(self._chunks)))
            self._over.set()
