"""The supervisor, over small programs: order, restarts, taken ports, and what is left when it is killed (nothing)."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bodega.kit.testing import PATIENCE_SECONDS
from bodega.platform import logs, processes, state
from bodega.platform.state import Part, State
from bodega.platform.system import ROOT, Instance, System
from tests.platform.stage import PORT

pytestmark = pytest.mark.service

SECONDS = PATIENCE_SECONDS


class Stage:
    """A supervisor in a process of its own."""

    def __init__(self, home: Path) -> None:
        self.instance: Instance = System.load().instance("test", home)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, plan: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.platform.stage", str(self.instance.home), plan],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def part(self, name: str) -> Part:
        report = state.running(self.instance)
        if report is None or name not in report.parts:
            return Part(name)
        return report.parts[name]

    def pid(self, name: str) -> int:
        pid = self.part(name).pid
        assert pid is not None
        return pid

    def share_a_process(self, *names: str, other_than: int | None = None) -> bool:
        parts = [self.part(name) for name in names]
        return {part.state for part in parts} == {State.READY} and len({part.pid for part in parts} - {other_than}) == 1

    def await_state(self, name: str, wanted: State) -> Part:
        await_true(lambda: self.part(name).state == wanted)
        return self.part(name)

    def tell(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def signal(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    if stage.process is not None and stage.process.poll() is None:
        stage.process.terminate()
        stage.process.wait(SECONDS)


def test_starts_what_is_needed_first(stage: Stage) -> None:
    stage.start("two")
    second = stage.await_state("second", State.READY)
    assert stage.part("first").since <= second.since


def test_stops_everything_and_keeps_nothing_running(stage: Stage) -> None:
    stage.start("two")
    stage.await_state("second", State.READY)
    pids = [stage.pid("first"), stage.pid("second")]
    assert stage.signal(signal.SIGTERM) == 0
    assert all(is_gone(pid) for pid in pids)
    report = state.read(stage.instance)
    assert report is not None
    assert {part.state for part in report.parts.values()} == {State.STOPPED}


def test_restarts_what_was_killed_and_says_so(stage: Stage) -> None:
    stage.start("two")
    stage.await_state("second", State.READY)
    before = stage.pid("first")
    os.kill(before, signal.SIGKILL)
    await_true(lambda: stage.part("first").state == State.READY and stage.part("first").pid != before)
    assert stage.part("first").restarts == 1


def test_pauses_longer_each_time(stage: Stage) -> None:
    stage.start("two")
    for _ in range(2):
        stage.await_state("first", State.READY)
        os.kill(stage.pid("first"), signal.SIGKILL)
        restarting = stage.await_state("first", State.RESTARTING)
    assert "ended by SIGKILL; started again in 1 s" in restarting.message


def test_runs_a_step_until_it_succeeds_and_then_what_needs_it(stage: Stage) -> None:
    stage.start("step")
    stage.await_state("first", State.READY)
    step = stage.part("step")
    assert (step.state, step.restarts) == (State.DONE, 1)


def test_names_the_holder_of_a_taken_port_and_starts_when_it_is_free(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", PORT)):
        stage.start("two")
        blocked = stage.await_state("first", State.BLOCKED)
        assert f"port {PORT} (test) is taken by" in blocked.message
        assert f"(pid {os.getpid()})" in blocked.message
        assert "platform.local.toml" in blocked.message
    stage.await_state("second", State.READY)


def test_winds_down_before_it_stops(stage: Stage) -> None:
    stage.start("winding")
    stage.await_state("first", State.READY)
    stage.signal(signal.SIGTERM)
    assert (stage.instance.home / "wound-down").read_text() == "still running"


def test_kills_what_does_not_hear(stage: Stage) -> None:
    stage.start("stubborn")
    stage.await_state("stubborn", State.READY)
    pid = stage.pid("stubborn")
    assert stage.signal(signal.SIGTERM) == 0
    assert is_gone(pid)


def test_nothing_outlives_a_killed_supervisor(stage: Stage) -> None:
    stage.start("family")
    for name in ("first", "free", "bound"):
        stage.await_state(name, State.READY)
    pids = [stage.pid(name) for name in ("first", "services", "free", "bound")]
    stage.signal(signal.SIGKILL)
    await_true(lambda: all(is_gone(pid) for pid in pids))


def test_the_next_one_takes_over_from_a_killed_one(stage: Stage) -> None:
    stage.start("stubborn")  # which does not hear the signal of its dying supervisor either
    stage.await_state("stubborn", State.READY)
    orphan = stage.pid("stubborn")
    stage.signal(signal.SIGKILL)
    assert not is_gone(orphan)
    stage.start("two")
    stage.await_state("second", State.READY)
    assert is_gone(orphan)


def test_there_is_only_one(stage: Stage) -> None:
    stage.start("two")
    stage.await_state("second", State.READY)
    rival = Stage(stage.instance.home)
    rival.start("two")
    assert rival.process is not None
    assert rival.process.wait(SECONDS) != 0
    assert stage.part("first").state == State.READY


def test_starts_the_rest_when_more_is_wanted(stage: Stage) -> None:
    stage.start("two")
    stage.await_state("second", State.READY)
    first = stage.pid("first")
    processes.write_extent(stage.instance, "shop")
    stage.tell(signal.SIGHUP)
    stage.await_state("third", State.READY)
    assert stage.pid("first") == first


def test_forks_children_when_their_needs_are_met_and_again_when_they_die(stage: Stage) -> None:
    stage.start("family")
    bound = stage.await_state("bound", State.READY)
    assert stage.part("first").since <= bound.since
    before = stage.pid("bound")
    others = stage.pid("free")
    os.kill(before, signal.SIGKILL)
    await_true(lambda: stage.part("bound").state == State.READY and stage.part("bound").pid != before)
    assert stage.pid("free") == others


def test_whoever_starts_it_keeps_the_rest_of_the_environment(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-caller")
    monkeypatch.setenv("TZ", "Europe/Lisbon")
    stage.start("family")
    for name in ("first", "free"):
        stage.await_state(name, State.READY)
    for name in ("first", "services", "free"):
        seen = psutil.Process(stage.pid(name)).environ()
        assert "of-the-caller" not in seen.values(), name
        assert (seen["TZ"], seen["HOME"]) == ("Europe/Lisbon", str(stage.instance.home)), name


def test_children_come_back_with_their_parent(stage: Stage) -> None:
    stage.start("family")
    stage.await_state("bound", State.READY)
    before = stage.pid("bound")
    os.kill(stage.pid("services"), signal.SIGKILL)
    await_true(lambda: is_gone(before))
    await_true(lambda: stage.part("bound").state == State.READY and stage.part("bound").pid != before)


def test_children_that_share_a_process_start_when_all_may_and_come_back_together(stage: Stage) -> None:
    processes.write_topology(stage.instance, "one")
    stage.start("family")
    for name in ("free", "bound"):
        stage.await_state(name, State.READY)
    assert stage.part("first").since <= stage.part("free").since
    before = stage.pid("free")
    assert stage.pid("bound") == before
    os.kill(before, signal.SIGKILL)
    await_true(lambda: is_gone(before))
    await_true(lambda: stage.share_a_process("free", "bound", other_than=before))


def test_another_topology_starts_the_children_anew_and_nothing_else(stage: Stage) -> None:
    stage.start("family")
    for name in ("free", "bound"):
        stage.await_state(name, State.READY)
    first, apart = stage.pid("first"), {stage.pid("free"), stage.pid("bound")}
    processes.write_topology(stage.instance, "one")
    stage.tell(signal.SIGHUP)
    await_true(lambda: all(is_gone(pid) for pid in apart))
    await_true(lambda: stage.share_a_process("free", "bound"))
    assert stage.pid("first") == first
    report = state.running(stage.instance)
    assert report is not None
    assert report.topology == "one"


def test_postgres_runs_below_a_closed_folder_and_survives_a_kill(stage: Stage) -> None:
    stage.instance.home.chmod(0o700)  # as root: nobody cannot get in here
    stage.start("rows")
    before = stage.await_state("postgres", State.READY).pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    await_true(lambda: stage.part("postgres").state == State.READY and stage.part("postgres").pid != before)
    after = stage.pid("postgres")
    stage.signal(signal.SIGKILL)
    await_true(lambda: is_gone(after))


def test_rotates_logs_and_forgets_the_oldest(tmp_path: Path) -> None:
    path = logs.path_of(tmp_path, "x")
    for number in range(5):
        descriptor = logs.open_for(tmp_path, "x")
        os.write(descriptor, f"{number}".encode() * 20)
        logs.rotate(tmp_path, most_bytes=10)
        os.write(descriptor, b"after")  # the writer need not know
        os.close(descriptor)
    assert path.read_bytes() == b"after"
    kept = sorted(p.name for p in tmp_path.iterdir())
    assert kept == ["x.log", "x.log.1", "x.log.2", "x.log.3"]
    assert path.with_name("x.log.1").read_bytes() == b"after" + b"4" * 20


def test_nobody_else_can_read_a_log_nor_one_that_was_put_aside_also_of_an_earlier_release(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    for _ in range(4):
        descriptor = logs.open_for(folder, "x")
        os.write(descriptor, b"198.51.100.7 " * 20)
        os.close(descriptor)
        for earlier in folder.glob("x.log.*"):
            earlier.chmod(0o644)
        folder.chmod(0o755)
        logs.rotate(folder, most_bytes=10)
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == dict.fromkeys(["x.log", "x.log.1", "x.log.2", "x.log.3"], 0o600)


def test_reads_the_last_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_text("".join(f"line {number}\n" for number in range(50_000)))
    assert logs.last_lines(path, 2) == ["line 49998", "line 49999"]
    assert logs.last_lines(tmp_path / "none.log", 2) == []
