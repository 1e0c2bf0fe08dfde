"""A supervisor becomes the code on disk, and what it runs is replaced beside what serves."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bodega.platform import state
from bodega.platform.state import Part, State, Upgrade
from tests.platform.stage import PORT
from tests.platform.test_supervisor import Stage, await_true, is_gone, stage

pytestmark = pytest.mark.service
__all__ = ["stage"]

CHILDREN = ("free", "bound")


def open_at(stage: Stage, release: str) -> None:
    (stage.instance.home / "release").write_text(release)
    stage.start("releases")
    for name in CHILDREN:
        stage.await_state(name, State.READY)


def upgraded(stage: Stage, release: str) -> Upgrade:
    """What the supervisor says of it in the end."""
    before = state.running(stage.instance)
    assert before is not None
    (stage.instance.home / "release").write_text(release)
    stage.tell(signal.SIGUSR1)
    found: list[Upgrade] = []

    def is_over() -> bool:
        report = state.running(stage.instance)
        if report is None or report.upgrade is None or report.upgrade.state == "running":
            return False
        if before.upgrade is not None and report.upgrade.began == before.upgrade.began:
            return False
        found.append(report.upgrade)
        return True

    await_true(is_over)
    return found[0]


def pids(stage: Stage, *names: str) -> list[int]:
    return [stage.pid(name) for name in names]


def has_another_process(part: Part, than: int) -> bool:
    return part.state == State.READY and part.pid != than


@contextmanager
def knocking(port: int) -> Iterator[list[OSError]]:
    """Who knocks at a port again and again; the times that nobody opened."""
    refused: list[OSError] = []
    over = threading.Event()

    def knock() -> None:
        while not over.wait(0.005):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            except ConnectionRefusedError as error:
                refused.append(error)

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        yield refused
    finally:
        over.set()
        thread.join()


def test_a_new_set_serves_before_the_old_one_ends_and_nothing_else_is_touched(stage: Stage) -> None:
    open_at(stage, "1")
    assert stage.process is not None
    engine, old = stage.pid("first"), pids(stage, "services", *CHILDREN)
    with knocking(PORT + 5) as refused:
        assert upgraded(stage, "2").state == "done"
    assert refused == []
    report = state.running(stage.instance)
    assert report is not None
    assert (report.supervisor, stage.pid("first")) == (stage.process.pid, engine)
    assert not set(old) & set(pids(stage, "services", *CHILDREN))
    assert all(is_gone(pid) for pid in old)
    assert {stage.part(name).state for name in CHILDREN} == {State.READY}


def test_what_has_not_changed_goes_on_in_its_process(stage: Stage) -> None:
    open_at(stage, "1")
    before = pids(stage, "first", "services", *CHILDREN)
    assert upgraded(stage, "1").state == "done"
    assert pids(stage, "first", "services", *CHILDREN) == before


def test_a_set_that_does_not_come_up_leaves_the_old_one_serving(stage: Stage) -> None:
    open_at(stage, "1")
    before = pids(stage, "first", "services", *CHILDREN)
    with knocking(PORT + 5) as refused:
        failed = upgraded(stage, "broken")
    assert (failed.state, "ended with status 1" in failed.message) == ("failed", True)
    assert refused == []
    assert pids(stage, "first", "services", *CHILDREN) == before
    assert upgraded(stage, "2").state == "done", "it can be tried again"


def test_what_was_handed_over_is_started_again_and_stopped_as_before(stage: Stage) -> None:
    open_at(stage, "1")
    upgraded(stage, "1")
    before = pids(stage, "first", *CHILDREN)
    for name in ("first", "free"):
        os.kill(stage.pid(name), signal.SIGKILL)
    for name, pid in (("first", before[0]), ("free", before[1])):
        await_true(lambda name=name, pid=pid: has_another_process(stage.part(name), pid))
    after = pids(stage, "first", "services", *CHILDREN)
    assert stage.signal(signal.SIGTERM) == 0
    assert all(is_gone(pid) for pid in after)
