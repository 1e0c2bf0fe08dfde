"""Live answers: server-sent events (WHATWG HTML, 9.2) about what changes in PostgreSQL, woken by notices.

A notice that is lost (`kit.notices`) costs a heartbeat at most: then every stream looks for itself.
"""

import asyncio
import contextlib
import ipaddress
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bodega.kit.db import Database
from bodega.kit.errors import TooMany, Unavailable

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

STREAMS_PER_HOLDER = 6
"""Open streams of one customer, or of one order's or cart's token: a few tabs on a few devices."""
STREAMS_PER_ADDRESS = 32
"""Open streams of one client address (of one /64 of IPv6): an office or a household behind one address."""
_RETRY_SECONDS = 10

LastEventId = Annotated[
    str | None,
    Header(
        max_length=20, description="The `id` of the event seen last; browsers that come again send it", examples=["5"]
    ),
]


@dataclass(frozen=True, slots=True)
class State:
    """What a stream tells: a JSON document, its version, and whether nothing follows it."""

    version: int
    document: bytes
    final: bool


class _Stream(StreamingResponse):
    """A stream that is counted for exactly as long as it is open, however it ends."""

    def __init__(self, events: AsyncIterator[bytes], opened: contextlib.AbstractContextManager[None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers=_HEADERS)
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._opened:
            await super().__call__(scope, receive, send)


class Live:
    """Follows rows of one kind for those who look at them. A background loop of its service."""

    def __init__(
        self,
        database: Database,
        channel: str,
        *,
        event: str,
        streams_at_most: int = 1000,
        per_holder: int = STREAMS_PER_HOLDER,
        per_address: int = STREAMS_PER_ADDRESS,
        heartbeat_seconds: float = 15,
        longest_seconds: float = 600,
    ) -> None:
        """`heartbeat_seconds`: shorter than what proxies on the way call idle. `longest_seconds`: then the stream
        ends and the browser comes again by itself, with a token that is still good."""
        self._database = database
        self._channel = channel
        self._event = event.encode()
        self._most = streams_at_most
        self._per_holder = per_holder
        self._per_address = per_address
        self._heartbeat = heartbeat_seconds
        self._longest = longest_seconds
        self._watchers: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._open: Counter[str] = Counter()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Wakes streams by notices until stopped."""
        with self._database.notices.subscribed(self._channel, self._changed):
            await self._stopping.wait()

    def stop(self) -> None:
        self._stopping.set()
        self._changed(None)

    def answer(
        self,
        key: str,
        standing: State,
        read: Callable[[], Awaitable[State]],
        *,
        request: Request,
        holder: str,
        last_event_id: str | None,
    ) -> Response:
        """The stream: what `read` finds at once, then each new state, until a final one.

        A browser comes again when a stream ends. If what it has seen (`Last-Event-ID`) is final and still `standing`,
        the answer is 204, which tells it to stop. `holder` is the customer or the token by which the stream is opened.
        One holder, one client address and one process have so many streams open at most: beyond that the answer is
        429 (TooMany), or 503 (Unavailable) if the process has as many as it may.
        """
        if standing.final and last_event_id == str(standing.version):
            return Response(status_code=204, headers=_HEADERS)
        address = client_network(request.client.host if request.client is not None else "")
        return _Stream(self._told(key, read), self._counted(f"holder {holder}", f"address {address}"))

    @contextlib.contextmanager
    def _counted(self, holder: str, address: str) -> Iterator[None]:
        if self._open[""] >= self._most:
            raise Unavailable("too many pages are open at the moment; try again in a little while")
        if self._open[holder] >= self._per_holder:
            raise TooMany(
                f"This is already open in {self._per_holder} windows. Close one, then try again.",
                retry_after_seconds=_RETRY_SECONDS,
            )
        if self._open[address] >= self._per_address:
            raise TooMany("Too many windows are open from your address.", retry_after_seconds=_RETRY_SECONDS)
        names = ("", holder, address)
        self._open.update(names)
        try:
            yield
        finally:
            self._open.subtract(names)
            for name in names:
                if not self._open[name]:
                    del self._open[name]

    @contextlib.contextmanager
    def watching(self, key: str) -> Iterator[asyncio.Event]:
        """Set whenever the key has changed, or may have. The watcher clears it before it looks."""
        changed = asyncio.Event()
        self._watchers[key].add(changed)
        try:
            yield changed
        finally:
            self._watchers[key].discard(changed)
            if not self._watchers[key]:
                del self._watchers[key]

    async def _told(self, key: str, read: Callable[[], Awaitable[State]]) -> AsyncIterator[bytes]:
        told: bytes | None = None
        ends_at = asyncio.get_running_loop().time() + self._longest
        with self.watching(key) as changed:
            while not self._stopping.is_set() and asyncio.get_running_loop().time() < ends_at:
                changed.clear()
                try:
                    state = await read()
                except Unavailable:
                    yield b": the store is away\n\n"  # a browser gives up for good on an answer that is not 200
                else:
                    if state.document != told:
                        yield b"event: %b\nid: %d\ndata: %b\n\n" % (self._event, state.version, state.document)
                        told = state.document
                    else:
                        yield b": still there\n\n"
                    if state.final:
                        return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), self._heartbeat)

    def _changed(self, key: str | None) -> None:
        """None: any of them."""
        for watchers in self._watchers.values() if key is None else [self._watchers.get(key, ())]:
            for watcher in watchers:
                watcher.set()


def client_network(address: str) -> str:
    """By what a client is counted: its address, or the /64 that a household has of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address  # a socket file has none
    if parsed.version == 4:
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed), 64), strict=False))
