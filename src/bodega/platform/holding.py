"""An instance is one supervisor's; and what a killed one has left behind is waited for, then ended."""

import asyncio
import ctypes
import fcntl
import os
import signal
import time
from pathlib import Path
from typing import IO

import psutil

from bodega.platform import state
from bodega.platform.engines.accounts import enter_namespace
from bodega.platform.state import Report
from bodega.platform.system import Instance

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class AlreadyRunning(Exception):
    """Another supervisor looks after this instance."""


class Lock:
    """Hold the instance: the kernel gives the lock back when we end, however we end."""

    def __init__(self, path: Path, held: int | None = None) -> None:
        """`held`: the open file of the code before us in this process, which held it."""
        self._path = path
        self._held = held
        self._file: IO[str]

    def __enter__(self) -> "Lock":
        if self._held is not None:
            self._file = os.fdopen(self._held, "w")
            return self
        self._file = self._path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise AlreadyRunning from error
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fileno(self) -> int:
        """The open file that holds it."""
        return self._file.fileno()


def die_with(parent: int, stop: signal.Signals, namespaced: bool) -> None:
    """In the forked child, before exec: die with the supervisor."""
    if namespaced:
        enter_namespace()
    _libc.prctl(_PR_SET_PDEATHSIG, int(stop))
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def left_over(instance: Instance) -> list[psutil.Process]:
    """The processes that a supervisor which was killed has left behind."""
    report = state.read(instance)
    if report is None or report.is_alive():
        return []
    return [p for part in report.parts.values() if part.pid and (p := _started_by_bodega(part.pid, report))]


async def end_after(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for them to end by themselves, then end them; gives those that had to be."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(_lives(p) for p in processes):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    ended = [process for process in processes if _lives(process)]
    for process in ended:
        process.kill()
    return ended


def _started_by_bodega(pid: int, report: Report) -> psutil.Process | None:
    """The process of a report if it is still the same one: begun after the supervisor, before the report's end."""
    try:
        process = psutil.Process(pid)
        return process if process.create_time() >= report.supervisor_started - 1 and _lives(process) else None
    except psutil.NoSuchProcess:
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
