"""CPU time and memory of an instance, by process; nothing else that runs on the machine is counted.

PostgreSQL's processes count for the service whose database they work in. A process that ends between two looks has left
its CPU time with its parent, as the kernel keeps it: nothing is lost, it only counts for the parent.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

import psutil

from bodega.platform import state, tree
from bodega.platform.settings import ADMIN_ROLE
from bodega.platform.system import Instance
from bodega.proof.bench.errors import BenchError
from bodega.proof.bench.report import Cost

MEASURING: Final = "measuring"
"""The processes of PostgreSQL that work for the bench itself. They are left out."""


class Usage(NamedTuple):
    """One process at one moment. CPU seconds: its `own`, and those of its children that have ended (`reaped`)."""

    name: str
    parent: str
    own: float
    reaped: float


Snapshot = Mapping[tuple[int, float], Usage]
"""By pid and begin: pids are used again."""


class Meter:
    """Counts from the moment it is made."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._before = snapshot(instance)
        self._client = time.process_time()
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has been counting."""
        return time.monotonic() - self._began

    def cpu_seconds(self) -> dict[str, float]:
        """Used so far, by process."""
        return used(self._before, snapshot(self._instance))

    def cost(self, things: int) -> Cost:
        """Used so far for one of so many things."""
        client = time.process_time() - self._client
        by_process = {name: seconds * 1000 / things for name, seconds in self.cpu_seconds().items()}
        return Cost(cpu_ms=by_process, client_ms=client * 1000 / things)


def snapshot(instance: Instance) -> Snapshot:
    """What every process has used since it began. Raises BenchError, if the instance does not run."""
    usages: dict[tuple[int, float], Usage] = {}
    names: dict[int, str] = {}
    for part, process in _processes(instance):
        with suppress(psutil.NoSuchProcess), process.oneshot():
            name = names[process.pid] = name_of(part, " ".join(process.cmdline()))
            cpu = process.cpu_times()
            parent = names.get(process.ppid(), name)
            usages[process.pid, process.create_time()] = Usage(
                name, parent, cpu.user + cpu.system, cpu.children_user + cpu.children_system
            )
    return usages


def used(before: Snapshot, after: Snapshot) -> dict[str, float]:
    """CPU seconds between two looks by process name, the largest first."""
    seconds: dict[str, float] = defaultdict(float)
    for process, now in after.items():
        then = before.get(process)
        seconds[now.name] += now.own + now.reaped - (then.own + then.reaped if then else 0.0)
    for process in before.keys() - after.keys():
        gone = before[process]  # all that it ever used is its parent's now; this much of it is older
        seconds[gone.parent] -= gone.own + gone.reaped
    spent = {name: value for name, value in seconds.items() if value > 0 and name != MEASURING}
    return dict(sorted(spent.items(), key=lambda one: -one[1]))


def memory_mb(instance: Instance) -> dict[str, float]:
    """Megabytes by process name, the largest first: PSS, so memory that processes share is counted once."""
    megabytes: dict[str, float] = defaultdict(float)
    for part, process in _processes(instance):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            megabytes[name_of(part, " ".join(process.cmdline()))] += process.memory_full_info().pss / 1e6
    megabytes.pop(MEASURING, None)
    return dict(sorted(megabytes.items(), key=lambda one: -one[1]))


def name_of(part: str, title: str) -> str:
    """What a process of this part and with this command line is called.

    PostgreSQL's write theirs as `postgres: role database address activity`.
    """
    if part != "postgres" or not title.startswith("postgres: "):
        return part
    role, _, database = title.removeprefix("postgres: ").partition(" ")
    if role == ADMIN_ROLE:
        return MEASURING
    service = database.partition(" ")[0].removeprefix("bodega_")
    return f"postgres {service}" if role.startswith("bodega_") else part


def _processes(instance: Instance) -> Iterator[tuple[str, psutil.Process]]:
    report = state.running(instance)
    if report is None:
        raise BenchError(f"{instance.name} does not run any more. `./bodega logs supervisor` may say why.")
    return tree.processes(report)
