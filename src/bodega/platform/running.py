"""Processes that a supervisor looks after: those that it has started, and those that it was handed."""

import asyncio
import hashlib
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from bodega.platform.engines.program import Process, Program
from bodega.platform.system import ROOT

_PACKAGE = ROOT / "src" / "bodega"


class Adopted:
    """A child of this process that the code before us has started."""

    def __init__(self, pid: int, stdin: int | None, stdout: int | None) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin: IO[bytes] | None = None if stdin is None else os.fdopen(stdin, "wb")
        self.stdout: IO[bytes] | None = None if stdout is None else os.fdopen(stdout, "rb")

    def send_signal(self, sig: int, /) -> None:
        if self.returncode is None:
            os.kill(self.pid, sig)  # not waited for yet, so the pid is still its own

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """Its exit status, as `subprocess.Popen` gives it."""
        if self.returncode is None:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


@dataclass
class Running:
    """A program's process. `made_of`: what its program said when it was started. Of one with children: which of them
    may start, and their pids. `beside`: it was started beside another one, at the same ports."""

    program: Program
    process: Process
    made_of: str
    beside: bool = False
    admitted: set[str] = field(default_factory=set)
    pids: dict[str, int] = field(default_factory=dict)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    looked_after: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as its keeper reports on it."""

    async def let_go(self) -> None:
        """Nothing listens to it any more."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def made_of(program: Program) -> str:
    """What a program would run with now. Of an engine: its command line and its environment."""
    if program.made_of is not None:
        return program.made_of()
    return digest(*program.command, *sorted_settings(program.environment))


def sorted_settings(environment: Mapping[str, str]) -> Iterable[str]:
    """Settings, `name=value`, in the order of their names."""
    return (f"{name}={value}" for name, value in sorted(environment.items()))


def code(*names: str) -> str:
    """A digest of packages (or files) of Bodega's, and of the packages that they stand on."""
    files = [ROOT / "locks" / "runtime.txt"]
    for name in names:
        place = _PACKAGE / name
        files += sorted(_sources(place)) if place.is_dir() else [place]
    return digest(*(part for file in files for part in (str(file), file.read_text(errors="replace"))))


def python_of(program_code: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a Python program of Bodega's own is made of: its packages and its settings."""
    return digest(code(*program_code), *sorted_settings(environment))


def _sources(folder: Path) -> Iterable[Path]:
    return (file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def digest(*parts: str) -> str:
    """Of texts, in their order."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part.encode() + b"\0")
    return found.hexdigest()
