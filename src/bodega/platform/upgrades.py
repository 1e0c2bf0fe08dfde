"""Bringing a shop that is open to the code on disk: what must hold before, and the way that its supervisor allows.

A supervisor of this release or a later one does it itself (`processes`, SIGUSR1). One of 0.1 cannot: of what it runs,
only what it starts anew runs the new code. So its sets of services are ended one after the other, each only while
another one serves, and it starts them again from the code on disk. (docs/adr/0015-two-releases-side-by-side.md)
"""

import os
import signal
import time
from collections.abc import Callable, Iterator

from bodega.platform import jars, packages, ports, state
from bodega.platform.state import Report, State
from bodega.platform.system import Instance

Say = Callable[[str], None]

SET_SECONDS = 180.0
"""How long a set of services may take to be there."""
_LOOK_SECONDS = 0.2
_FROM_CODE = ("docs", "purger")
"""What a supervisor of 0.1 starts from the code on disk, beside the services. The gateway's and the edge's
configuration it renders by its own."""
_SERVICES = "services"


class CannotUpgrade(Exception):
    """Nothing has been changed: this shop has to be closed for this release. The message says why."""


class UpgradeFailed(Exception):
    """It has stopped half way: what serves, serves on. The message says what did not come up."""


def check(instance: Instance, report: Report) -> None:
    """Whether this release can replace the one that runs while the shop is open. Raises CannotUpgrade."""
    if report.extent != "shop":
        raise CannotUpgrade("Its engines run, but no services: there is nothing to replace.")
    if report.release is None and len(_sets(report)) < 2:
        raise CannotUpgrade(
            "It was started by Bodega 0.1, whose services give their ports to nobody else, and there is one process of "
            "each: its place would be empty until the next is there."
        )
    if not packages.are_installed("engines") or jars.missing(instance.home, jars.ENGINES):
        raise CannotUpgrade(
            "This release brings other engines than those that run (locks/engines.txt, or their jars), and an engine "
            "is not replaced while it works."
        )


def replace_sets(instance: Instance, say: Say, *, pages_too: bool) -> None:
    """Of a supervisor of 0.1: one set of services after the other, then what else it starts from the code on disk, and
    the pages, if they have been built anew.

    Raises UpgradeFailed.
    """
    report = _running(instance)
    for name in _sets(report):
        say(f"{name}: ends what runs, and comes back with the new code")
        _replace_set(instance, name)
    for name in (*_FROM_CODE, *(["storefront"] if pages_too else [])):
        if name in report.parts:
            say(f"{name}: starts again with the new code")
            _restart(instance, name)


def _replace_set(instance: Instance, name: str) -> None:
    report = _running(instance)
    members = dict(_members(instance, report, name))
    before = {member: report.parts[member].pid for member in (name, *members)}
    _end(report, name)

    def lacking() -> list[str]:
        parts = _running(instance).parts
        return [
            member
            for member, port in members.items()
            if (pid := parts[member].pid) is None or pid == before[member] or not ports.listens(pid, port)
        ]

    _await(lacking, f"the set {name} did not come back with the new code")


def _restart(instance: Instance, name: str) -> None:
    report = _running(instance)
    before = report.parts[name].pid
    _end(report, name)

    def lacking() -> list[str]:
        part = _running(instance).parts[name]
        return [] if part.state == State.READY and part.pid != before else [name]

    _await(lacking, f"{name} did not come back")


def _end(report: Report, name: str) -> None:
    pid = report.parts[name].pid
    if pid is not None:
        os.kill(pid, signal.SIGTERM)


def _await(lacking: Callable[[], list[str]], what: str) -> None:
    until = time.monotonic() + SET_SECONDS
    while left := lacking():
        if time.monotonic() > until:
            raise UpgradeFailed(f"{what} within {SET_SECONDS:.0f} s: {', '.join(left)}")
        time.sleep(_LOOK_SECONDS)


def _running(instance: Instance) -> Report:
    report = state.running(instance)
    if report is None:
        raise UpgradeFailed("the supervisor has ended")
    return report


def _sets(report: Report) -> list[str]:
    """The warm parents, each of which runs every service once: `services`, `services-2`."""
    return [name for name in report.parts if name.partition("-")[0] == _SERVICES]


def _members(instance: Instance, report: Report, name: str) -> Iterator[tuple[str, int]]:
    """The processes of a set, by their parts' names, with their ports."""
    suffix = name.removeprefix(_SERVICES)
    for service in instance.system.services:
        if f"{service}{suffix}" in report.parts:
            yield f"{service}{suffix}", instance.service_port(service)
