"""What the supervisor needs to know of a program, and the ways to ask one whether it is ready."""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from bodega.platform.environment import inherited
from bodega.platform.system import LOOPBACK

Probe = Callable[[], Awaitable[None]]


class NotReady(Exception):
    """The program runs, or is on its way, but does not answer yet; the message says what it lacks."""


class CannotStart(Exception):
    """The program will not start however often it is tried; the message says what to do."""


@dataclass(frozen=True)
class Account:
    """The user a program is run as when the caller is root and the program refuses root.

    `uid` None means the present user. `namespaced` means a user namespace in which the caller is `nobody`:
    files stay the caller's, and closed parent folders do not matter.
    """

    uid: int | None = None
    namespaced: bool = False


class Process(Protocol):
    """What is needed of a `subprocess.Popen`. `stdin`, `stdout`: of one that has children, the pipes to it."""

    pid: int
    returncode: int | None
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None

    def send_signal(self, sig: int, /) -> None: ...
    def kill(self) -> None: ...
    def wait(self) -> int: ...


@dataclass(frozen=True)
class Child:
    """A process that a program forks when it is told the child's name on its standard input. `shares_port`: with its
    replicas, so that it may be taken when this one starts."""

    name: str
    port: int
    ready: Probe
    needs: tuple[str, ...] = ()
    shares_port: bool = False


@dataclass(frozen=True)
class Program:
    """One process to keep running (or, with `once`, to run to its end) after those it `needs` are ready.

    With `children`, it is told on its standard input which of them may start, a name a line, and tells on its
    standard output what became of them, a JSON object a line.

    `made_of`: a digest of the code and the configuration that it would run with if it were started now; None: of an
    engine, which an upgrade leaves alone. `other`: the same with another place in its groups and files, to be started
    beside it; which of the two it is, is its `side`.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    ready: Probe
    ports: Mapping[str, int] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    inherits: tuple[str, ...] = ()  # what it sees of the caller's environment beside what is harmless
    prepare: Callable[[], Awaitable[None]] | None = None
    wind_down: Callable[[], Awaitable[None]] | None = None  # before the stop signal: let what runs be finished
    stop: signal.Signals = signal.SIGTERM
    grace_seconds: float = 15
    patience_seconds: float = 60
    account: Account = Account()
    once: bool = False
    children: tuple[Child, ...] = ()
    made_of: Callable[[], str] | None = None
    side: int = 0
    other: Callable[[], "Program"] | None = None

    def on(self, side: int) -> "Program":
        """Itself or the other, whichever is of this side."""
        return self if self.side == side or self.other is None else self.other()


def accepts(port: int) -> Probe:
    """Ready when the port takes a connection."""

    async def probe() -> None:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(LOOPBACK, port), 2)
        except (OSError, TimeoutError) as error:
            raise NotReady(f"port {port} does not answer") from error
        writer.close()

    return probe


def answers(url: str, seconds: float = 2, headers: Mapping[str, str] | None = None) -> Probe:
    """Ready when a GET is answered with less than 400."""

    async def probe() -> None:
        import aiohttp

        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session,
                session.get(url, headers=headers) as response,
            ):
                if response.status < 400:
                    return
                said = (await response.text())[:300]
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NotReady(f"{url} does not answer") from error
        raise NotReady(f"{url} answers {response.status}: {said}")

    return probe


async def ended(process: Process) -> int:
    """Wait for a process without a thread (a thread would be copied, half way, into what is forked meanwhile)."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    watched = os.pidfd_open(process.pid)
    loop.add_reader(watched, _settle, over)
    try:
        await over
    finally:
        loop.remove_reader(watched)
        os.close(watched)
    return process.wait()


def _settle(over: "asyncio.Future[None]") -> None:
    if not over.done():
        over.set_result(None)


async def run(command: list[str], environment: Mapping[str, str] | None = None, **options: Any) -> None:
    """Run a preparing command to its end; raises CannotStart with what it said if it fails."""
    seen = inherited() if environment is None else environment
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: ASYNC220 - forking is quick; its end is awaited below
            command, env=seen, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
            **options,
        )  # fmt: skip
        try:
            code = await ended(process)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
        if code:
            said.seek(0)
            raise CannotStart(
                f"{Path(command[0]).name} failed ({code}): {said.read()[-2000:].decode(errors='replace').strip()}"
            )
