"""Where every part of an instance stands, as a supervisor knows it: what others wait for, and what is reported."""

import asyncio
import time

from bodega.platform import ports
from bodega.platform.engines.program import CannotStart, NotReady, Probe, Program
from bodega.platform.state import Part, State

PROBE_SECONDS = 0.1


class Board:
    """The parts by name. `changed` is set at every change, `ready[name]` while a part is."""

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self.ready: dict[str, asyncio.Event] = {}
        self.changed = asyncio.Event()
        self.closing = False
        """What ends from now on was asked to, and has not failed."""

    def add(self, program: Program) -> None:
        """A program, and its children."""
        self._add(program.name, next(iter(program.ports.values()), None), program.needs)
        for child in program.children:
            self._add(child.name, child.port, child.needs)

    def _add(self, name: str, port: int | None, needs: tuple[str, ...]) -> None:
        self.parts[name] = Part(name, port=port, needs=needs)
        self.ready[name] = asyncio.Event()

    def set(self, name: str, to: State, message: str = "", pid: int | None = None) -> None:
        """A part comes into a state. Without a `pid` it keeps its own, if it is in one of those that have one."""
        part = self.parts[name]
        if to in (State.STARTING, State.READY):
            pid = pid or part.pid
        if (part.state, part.message, part.pid) == (to, message, pid):
            return
        if part.state != to:
            part.since = time.time()
        if part.state != to or message:
            say(f"{name}: {to}" + (f" ({message})" if message else ""))
        part.state, part.message, part.pid = to, message, pid
        self.changed.set()

    def begun(self, name: str, pid: int) -> bool:
        """A part has this process now; gives whether it serves already, because it succeeds one that did."""
        serves = self.ready[name].is_set()
        self.set(name, State.READY if serves else State.STARTING, pid=pid)
        return serves

    def fell(self, name: str, message: str) -> None:
        """A part has ended, and is started again."""
        self.ready[name].clear()
        if not self.closing:
            self.parts[name].restarts += 1
            self.set(name, State.RESTARTING, message)

    async def has(self, *names: str) -> None:
        """Once all of them are ready."""
        for name in names:
            await self.ready[name].wait()

    async def await_ready(self, name: str, ready: Probe, patience_seconds: float) -> None:
        """Probe until ready; past its patience a program is not ended, only said to be slow."""
        began = time.monotonic()
        while True:
            try:
                await ready()
            except NotReady as lack:
                if time.monotonic() - began > patience_seconds:
                    self.set(name, State.STARTING, f"not ready after {time.monotonic() - began:.0f} s: {lack}")
                await asyncio.sleep(PROBE_SECONDS)
            else:
                self.set(name, State.READY)
                self.ready[name].set()
                return


def demand(port: int, purpose: str) -> None:
    """Raise CannotStart, naming who holds the port, if we cannot listen on it."""
    if ports.is_free(port):
        return
    raise CannotStart(
        f"port {port} ({purpose}) is taken by {ports.holder(port)}. End that process, or give the part another "
        "port in platform.local.toml."
    )


def say(text: str) -> None:
    """A line of the supervisor's log, which is its standard output."""
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", flush=True)  # noqa: T201
