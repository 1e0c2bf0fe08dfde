"""What the supervisor tells the command line: a small file, replaced whole at every change."""

import json
import os
import time
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import psutil

from bodega.platform.system import Instance, Topology


class State(StrEnum):
    """Where a part stands."""

    WAITING = "waiting"  # for those it needs
    STARTING = "starting"
    READY = "ready"
    DONE = "done"  # a step that ran to its end
    RESTARTING = "restarting"  # it died, and is tried again after a pause
    BLOCKED = "blocked"  # it cannot start until somebody does something; the message says what
    STOPPED = "stopped"


@dataclass
class Part:
    """One process: engine, service or step. `since` is when it came into its state (Unix time, seconds)."""

    name: str
    state: State = State.WAITING
    pid: int | None = None
    since: float = field(default_factory=time.time)
    restarts: int = 0
    message: str = ""
    port: int | None = None
    needs: tuple[str, ...] = ()


@dataclass
class Upgrade:
    """How far the last SIGUSR1 has come: `running`, `done` or `failed`; `message` says what it is about, or why it
    failed. `began`: Unix time, by which one differs from the next. `left`: engines that go on with the options of the
    release before, until the next `down` and `up`."""

    began: float
    state: Literal["running", "done", "failed"]
    message: str = ""
    left: tuple[str, ...] = ()


@dataclass
class Report:
    """The whole: the supervisor itself and its parts. `release`: of the supervisor's code; None: 0.1, which cannot
    become the code on disk."""

    supervisor: int
    supervisor_started: float
    extent: str
    parts: dict[str, Part]
    topology: Topology = "eleven"
    release: str | None = None
    upgrade: Upgrade | None = None

    def is_alive(self) -> bool:
        """Whether the supervisor that wrote this still runs."""
        return is_process(self.supervisor, self.supervisor_started)

    def write(self, path: Path) -> None:
        """Replace the file."""
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(path)


def state_file(instance: Instance) -> Path:
    """Where an instance's supervisor reports."""
    return instance.data / "state.json"


def read(instance: Instance) -> Report | None:
    """The last report, None if there never was one. Whether its writer lives is `is_alive`'s to say."""
    try:
        told = json.loads(state_file(instance).read_text())
    except FileNotFoundError:
        return None
    parts = {name: part_of(part) for name, part in told.pop("parts").items()}
    if upgrade := told.pop("upgrade", None):
        upgrade = Upgrade(**{**_known(Upgrade, upgrade), "left": tuple(upgrade["left"])})
    return Report(**_known(Report, told), parts=parts, upgrade=upgrade)


def part_of(written: dict[str, Any]) -> Part:
    """A part as it was written to JSON."""
    known = _known(Part, written)
    return Part(**{**known, "state": State(written["state"]), "needs": tuple(written["needs"])})


def _known(kind: type[Part | Report | Upgrade], written: dict[str, Any]) -> dict[str, Any]:
    """Without what a later release has added."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in written.items() if name in names}


def started(pid: int) -> float:
    """When a process began: with its pid, its identity, since pids are used again."""
    return psutil.Process(pid).create_time()


def is_process(pid: int, began: float) -> bool:
    """Whether this very process still runs."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - began) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def running(instance: Instance) -> Report | None:
    """The report of a supervisor that runs now."""
    report = read(instance)
    return report if report is not None and report.is_alive() else None


def itself() -> tuple[int, float]:
    """Our own pid and begin."""
    return os.getpid(), started(os.getpid())
