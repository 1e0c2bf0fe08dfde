"""A supervisor becomes the code on disk without losing a process: it calls exec, which keeps its pid, its children and
its open files. What the next code must know of them stands in a file meanwhile.

The kernel would stop its children if it ended; it does not. (man 2 execve; man 2 prctl, PR_SET_PDEATHSIG)
"""

import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from bodega.platform.environment import SUPERVISED, inherited
from bodega.platform.running import Adopted, Running
from bodega.platform.state import Part, part_of
from bodega.platform.system import Instance

_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


@dataclass(frozen=True)
class Process:
    """A program's process, as the code before us has left it."""

    process: Adopted
    made_of: str
    side: int
    admitted: set[str]
    pids: dict[str, int]


@dataclass(frozen=True)
class Handed:
    """All that the code before us has left. `lock`: the open file that holds the instance."""

    lock: int
    parts: dict[str, Part]
    processes: dict[str, Process]


def become_the_code_on_disk(
    instance: Instance, lock: int, parts: Mapping[str, Part], running: Mapping[str, Running]
) -> NoReturn:
    """Go on as the code on disk, started as this was. Raises OSError: then we are still who we were."""
    left = {name: one for name, one in running.items() if one.process.returncode is None}
    handed = {
        "pid": os.getpid(),
        "lock": lock,
        "parts": {name: asdict(part) for name, part in parts.items()},
        "processes": {
            name: {
                "pid": one.process.pid,
                "pipes": [None if pipe is None else pipe.fileno() for pipe in (one.process.stdin, one.process.stdout)],
                "made_of": one.made_of,
                "side": one.program.side,
                "admitted": sorted(one.admitted),
                "pids": one.pids,
            }
            for name, one in left.items()
        },
    }
    _file(instance).write_text(json.dumps(handed))
    kept = [lock, *(fd for one in left.values() for fd in _pipes(one))]
    # A signal that comes while nothing handles it would end us, and all that we run.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    _keep(kept, across=True)
    try:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], env=inherited(*SUPERVISED))  # noqa: S606
    except OSError:
        _keep(kept, across=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        raise


def taken(instance: Instance) -> Handed | None:
    """What the code before us in this very process has left, once. None: there was none."""
    if not is_ours(instance):
        return None
    left: dict[str, Any] = json.loads(_file(instance).read_text())
    _file(instance).unlink()
    processes = {
        name: Process(
            Adopted(one["pid"], *one["pipes"]), one["made_of"], one["side"], set(one["admitted"]), one["pids"]
        )
        for name, one in left["processes"].items()
    }
    handed = Handed(left["lock"], {name: part_of(part) for name, part in left["parts"].items()}, processes)
    _keep([handed.lock, *(fd for one in processes.values() for fd in _pipes(one))], across=False)
    return handed


def is_ours(instance: Instance) -> bool:
    """Whether the code before us in this very process has left something, which is not taken yet."""
    try:
        return bool(json.loads(_file(instance).read_text())["pid"] == os.getpid())
    except FileNotFoundError:
        return False


def handle_signals() -> None:
    """From now on signals are handled, those that came meanwhile too."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)


def _file(instance: Instance) -> Path:
    return instance.data / "handover.json"


def _pipes(one: Running | Process) -> list[int]:
    return [pipe.fileno() for pipe in (one.process.stdin, one.process.stdout) if pipe is not None]


def _keep(files: Iterable[int], *, across: bool) -> None:
    for file in files:
        os.set_inheritable(file, across)
