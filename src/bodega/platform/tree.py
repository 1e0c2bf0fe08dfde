"""The processes of a running instance, and which part each of them belongs to."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import psutil

from bodega.platform.state import Report

SUPERVISOR = "supervisor"


def processes(report: Report) -> Iterator[tuple[str, psutil.Process]]:
    """Every process below the supervisor, itself included, with its part's name; a parent comes before its children.

    A part's descendants are the part's, unless they are parts of their own. A process that several parts share counts
    for the part that has started it.
    """
    shared = Counter(part.pid for part in report.parts.values() if part.pid)
    names = {part.pid: part.name for part in report.parts.values() if part.pid and shared[part.pid] == 1}
    with suppress(psutil.NoSuchProcess):
        supervisor = psutil.Process(report.supervisor)
        names[supervisor.pid] = SUPERVISOR
        for process in (supervisor, *supervisor.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                yield names.setdefault(process.pid, names.get(process.ppid(), SUPERVISOR)), process
