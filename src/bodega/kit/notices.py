"""Notices: what has been committed is told to whoever waits for it, in this process and in the service's replicas.

NOTIFY inside of a transaction makes its commit hold a lock of the whole PostgreSQL cluster until it has reached the
disk, so that all such commits, of all databases, stand in one line. A notice is given after the commit instead: in this
process at once; to other replicas, if there are any, by a NOTIFY for all that has gathered, on a connection of its own
whose commits do not wait for the disk.

A notice may be lost: with a process that dies after its commit, or with a connection. Whoever waits for one also looks
by itself from time to time.
"""

import asyncio
import contextlib
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bodega.kit.telemetry import log

if TYPE_CHECKING:
    from bodega.kit.db import Connection, Database

_log = log()
_CHANNEL = "notices"
_WAITING_AT_MOST = 10_000
"""Notices that wait for a connection. What is more is not given to other replicas."""

Notice = tuple[str, str]
"""A channel, and what of it has changed (a key; empty where it does not matter)."""


class Notices:
    """Those of one database. A background loop, without which nothing is given to, or taken from, other processes."""

    def __init__(self, database: "Database", *, hello_seconds: float = 60.0, retry_seconds: float = 1.0) -> None:
        """`hello_seconds`: how often a replica says that it is there. It is forgotten after three times as long."""
        self._database = database
        self._hello = hello_seconds
        self._retry = retry_seconds
        self._name = secrets.token_hex(6)
        self._subscribers: dict[str, list[Callable[[str | None], None]]] = defaultdict(list)
        self._others: dict[str, float] = {}
        self._waiting: dict[Notice, None] = {}
        self._greet = False
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()

    @contextlib.contextmanager
    def subscribed(self, channel: str, call: Callable[[str | None], None]) -> Iterator[None]:
        """Calls `call` with the key of each notice of the channel; with None, when some may have been missed. It may
        not fail."""
        self._subscribers[channel].append(call)
        try:
            yield
        finally:
            self._subscribers[channel].remove(call)

    def give(self, notices: Sequence[Notice]) -> None:
        """What has just been committed."""
        for channel, key in notices:
            self._tell(channel, key)
        if self._others and len(self._waiting) < _WAITING_AT_MOST:
            self._waiting.update(dict.fromkeys(notices))
            self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Speaks with the other replicas until stopped, whatever becomes of the connection meanwhile."""
        while not self._stopping.is_set():
            connection: Connection | None = None
            try:
                connection = await self._database.connect(application_name="bodega notices", synchronous_commit="off")
                connection.add_termination_listener(lambda _: self._wake.set())
                await connection.add_listener(_CHANNEL, self._heard)
                for subscribers in self._subscribers.values():
                    for call in subscribers:
                        call(None)
                await self._speak(connection)
            except Exception as error:  # by default an error is ours
                _log.warning("notices reach no other replica", error=error, wait_seconds=self._retry)
                await _wait(self._stopping, self._retry)
            finally:
                if connection is not None:
                    connection.terminate()

    async def _speak(self, connection: "Connection") -> None:
        clock = asyncio.get_running_loop().time
        hello_at = clock()
        while not self._stopping.is_set() and not connection.is_closed():
            self._wake.clear()
            # What is given meanwhile waits for the next turn, also if it is the same again.
            given, self._waiting = self._waiting, {}
            said = [f"{self._name} {channel} {key}" for channel, key in given]
            if self._greet or clock() >= hello_at:
                self._greet = False
                hello_at = clock() + self._hello
                said.append(self._name)
            try:
                if said:
                    await connection.execute(
                        "SELECT pg_notify($1, said) FROM unnest($2::text[]) AS said", _CHANNEL, said
                    )
            except BaseException:
                self._waiting = given | self._waiting
                raise
            for name in [name for name, at in self._others.items() if clock() - at > 3 * self._hello]:
                del self._others[name]
            if not self._waiting:
                await _wait(self._wake, hello_at - clock())

    def _heard(self, _connection: Any, _pid: int, _channel: str, said: str) -> None:
        name, *notice = said.split(" ", 2)
        if name == self._name:
            return
        if name not in self._others:  # it does not know of us yet
            self._greet = True
            self._wake.set()
        self._others[name] = asyncio.get_running_loop().time()
        if notice:
            self._tell(*notice)

    def _tell(self, channel: str, key: str) -> None:
        for call in self._subscribers.get(channel, ()):
            call(key)


async def _wait(happening: asyncio.Event, most_seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(happening.wait(), max(most_seconds, 0))
