"""The lives of the shop: a process that is killed at crash points and begins again, as its supervisor would have it."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from bodega.kit.testing import PATIENCE_SECONDS

_log = logging.getLogger(__name__)


async def nothing() -> None:
    """Nothing happens."""


class Lives:
    """One after the other, each until it comes to a crash point that is wanted."""

    def __init__(self, environment: Mapping[str, str], folder: Path, root: Path) -> None:
        self.between: Callable[[], Awaitable[None]] = nothing
        """What happens after each death."""
        self._environment = environment
        self._log = folder / "services.log"
        self._root = root
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._pid = 0
        self._goes_on = False
        self._has_ended = asyncio.Event()
        self.ready = asyncio.Event()
        self.wanted: set[str] = set()
        self.passed: set[str] = set()
        """Crash points that it has come by."""
        self.killed: list[str] = []
        """Crash points at which it was killed, in their order."""
        self.defined: set[str] = set()
        self.trouble: str | None = None
        self.cpu_seconds = 0.0
        """Of all lives."""

    async def open(self) -> None:
        """Imports the services, once for all lives."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.crashes.life", cwd=self._root, env={**os.environ, **self._environment},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**20,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read())

    async def close(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        await self.end()
        self._process.stdin.close()
        await self._process.wait()
        if self._reading is not None:
            await self._reading

    async def begin(self, wanted: set[str], environment: Mapping[str, str]) -> None:
        """A life in which it is killed at the first of the wanted points, then another at the next, until `end`."""
        self.wanted, self._told = set(wanted), dict(environment)
        self.passed, self.killed, self.trouble = set(), [], None
        self._goes_on = True
        await self._fork()

    async def end(self) -> None:
        """Kills the present life, and begins none after it."""
        self._goes_on = False
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            await asyncio.wait_for(self._has_ended.wait(), PATIENCE_SECONDS)

    async def is_up(self) -> None:
        """Waits until a life serves, however many end before they do. Raises AssertionError, where none does."""
        while not self.ready.is_set():
            deaths = len(self.killed)
            try:
                await asyncio.wait_for(self.ready.wait(), 4 * PATIENCE_SECONDS)
            except TimeoutError as error:
                if len(self.killed) == deaths:
                    raise AssertionError(f"the services do not start: see {self._log}") from error
        assert self.trouble is None, self.trouble

    async def _fork(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._has_ended.clear()
        told = {"environment": self._told, "wanted": sorted(self.wanted), "log": str(self._log)}
        self._process.stdin.write(json.dumps(told).encode() + b"\n")
        await self._process.stdin.drain()

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            await self._hear(json.loads(line))

    async def _hear(self, said: dict[str, Any]) -> None:
        match said["event"]:
            case "began":
                self._pid = said["pid"]
            case "ready":
                self.defined |= set(said["defined"])
                self.ready.set()
            case "passed":
                self.passed |= set(said["points"])
            case "killed":
                _log.info("killed at %s", ", ".join(said["points"]))
                self.killed += said["points"]
                self.passed |= set(said["points"])
                self.wanted -= set(said["points"])
            case "ended":
                self._pid = 0
                self.cpu_seconds += said["cpu_seconds"]
                self.ready.clear()
                self._has_ended.set()
                if self._goes_on and said["code"] != -signal.SIGKILL:
                    self.trouble = f"the services ended with {said['code']}: see {self._log}"
                    self._goes_on = False
                    self.ready.set()
                if self._goes_on:
                    await self.between()
                    await self._fork()
