"""Starting, growing and stopping an instance's supervisor from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from bodega.platform import logs, processes, state
from bodega.platform.environment import SUPERVISED, inherited
from bodega.platform.programs import Extent, programs
from bodega.platform.secrets import Secrets
from bodega.platform.state import Part, Report, State
from bodega.platform.system import Instance, Topology
from bodega.platform.upgrades import UpgradeFailed

POLL_SECONDS = 0.1
MOST_FAILURES = 5


class DidNotStart(Exception):
    """A part will not come up; `part` is which, the message why."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(message)
        self.part = part


def ensure_supervised(instance: Instance, extent: Extent, topology: Topology | None = None) -> None:
    """Make sure that a supervisor runs and wants at least `extent`. Never makes a running one want less.

    With a `topology`, its services run so from now on; without, as they did.

    Raises SecretError.
    """
    report = state.running(instance)
    another_topology = topology is not None and topology != instance.topology
    if topology is not None and another_topology:
        processes.write_topology(instance, topology)
    if report is None:
        instance.data.mkdir(parents=True, exist_ok=True)
        Secrets.of(instance)  # what is wrong with them is said here, not in the supervisor's log
        log = logs.open_for(instance.logs, "supervisor")
        state.state_file(instance).with_suffix(".new").unlink(missing_ok=True)
        subprocess.Popen(
            [sys.executable, "-m", "bodega.platform.processes", instance.name, extent],
            cwd=instance.data,
            env=inherited(*SUPERVISED),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        os.close(log)
    elif another_topology or (extent == "shop" and processes.read_extent(instance) != "shop"):
        if extent == "shop":
            processes.write_extent(instance, extent)
        os.kill(report.supervisor, signal.SIGHUP)


def watch(instance: Instance, extent: Extent, seconds: float = 600) -> Iterator[dict[str, Part]]:
    """Yield the parts' states until all are up. Raises DidNotStart."""
    began, deadline = time.time(), time.monotonic() + seconds
    parts: dict[str, Part] = {}
    failed_before: dict[str, int] = {}
    while time.monotonic() < deadline:
        report = state.running(instance)
        if report is not None and (extent == "engines" or _is_wanted(instance, report)):
            parts = report.parts
            yield parts
            if parts and all(is_up(part) for part in parts.values()) and _is_whole(parts, extent):
                return
            for part in parts.values():
                # A part that was blocked before we looked is tried again in a moment: what held it up may be gone.
                if part.state == State.BLOCKED and part.since >= began:
                    raise DidNotStart(part.name, part.message)
                failures = part.restarts - failed_before.setdefault(part.name, part.restarts)
                if part.state == State.RESTARTING and failures >= MOST_FAILURES:
                    raise DidNotStart(part.name, f"{part.name} {part.message}\n{last_words(instance, part.name)}")
        time.sleep(POLL_SECONDS)
    late = [part for part in parts.values() if not is_up(part)]
    if not late:
        raise DidNotStart("supervisor", f"The supervisor does not report.\n{last_words(instance, 'supervisor')}")
    first = next((part for part in late if part.state != State.WAITING), late[0])
    said = first.message or f"it is {first.state}"
    raise DidNotStart(first.name, f"not ready after {seconds:.0f} s: {said}\n{last_words(instance, first.name)}")


def is_up(part: Part) -> bool:
    """Whether a part is where `up` wants it."""
    return part.state in (State.READY, State.DONE)


def stop(instance: Instance, seconds: float = 60) -> bool:
    """Stop the supervisor and all it runs; False if none runs. Raises TimeoutError."""
    report = state.running(instance)
    if report is None:
        return False
    os.kill(report.supervisor, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while report.is_alive():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the supervisor (pid {report.supervisor}) is still stopping after {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
    return True


def replace(instance: Instance, say: Callable[[str], None], seconds: float = 1800) -> None:
    """Let the supervisor become the code on disk and replace what has changed, shop open. `say`: each thing that it
    does. Raises UpgradeFailed."""
    report = _able(instance)
    before = report.upgrade.began if report.upgrade is not None else None
    programs(instance, "shop")  # what is wrong with this release's description is said here, where nothing has ended
    os.kill(report.supervisor, signal.SIGUSR1)
    deadline, said = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        now = state.running(instance)
        if now is None:
            raise UpgradeFailed(f"the supervisor has ended\n{last_words(instance, 'supervisor')}")
        if (upgrade := now.upgrade) is not None and upgrade.began != before:
            if upgrade.message not in (said, ""):
                said = upgrade.message
                say(said)
            if upgrade.state == "done":
                return
            if upgrade.state == "failed":
                raise UpgradeFailed(upgrade.message)
        time.sleep(POLL_SECONDS)
    raise UpgradeFailed(f"not all is replaced after {seconds:.0f} s: {said}")


def _able(instance: Instance) -> Report:
    """What a supervisor reports of which all parts are up. Raises UpgradeFailed."""
    report = state.running(instance)
    late = [part.name for part in report.parts.values() if not is_up(part)] if report is not None else ["supervisor"]
    if report is None or late:
        raise UpgradeFailed(f"not all is up, so nothing has been replaced: {', '.join(late)}")
    return report


def last_words(instance: Instance, name: str, lines: int = 12) -> str:
    """The end of a part's log."""
    return "\n".join(logs.last_lines(instance.log_of(name), lines))


def _is_wanted(instance: Instance, report: Report) -> bool:
    return report.extent == "shop" and report.topology == instance.topology


def _is_whole(parts: dict[str, Part], extent: Extent) -> bool:
    return extent == "engines" or "envoy" in parts


__all__ = ["DidNotStart", "Report", "ensure_supervised", "is_up", "last_words", "replace", "stop", "watch"]
