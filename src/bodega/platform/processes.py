"""The supervisor: one small process per instance that starts everything, keeps it running, and reports.

    python -m bodega.platform.processes INSTANCE engines|shop

- Programs start side by side, each as soon as those it needs are ready; readiness is probed, never waited out.
- What dies is started again after a pause that doubles (half a second to thirty); its log and the report say so.
- Nothing outlives the supervisor: the kernel sends each child its stop signal when the supervisor dies. Should some
  still be on their way out, the next supervisor waits for them, then ends them.
- SIGTERM stops everything in order; SIGHUP with a changed `extent` file makes an engines-only supervisor start the
  rest too, with a changed `topology` file the services start anew.
"""

import asyncio
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil

from bodega.platform import logs, ports, state
from bodega.platform.engines.accounts import enter_namespace, popen_options
from bodega.platform.engines.program import CannotStart, Child, NotReady, Probe, Program, ended
from bodega.platform.programs import Extent, environment_of, programs, stopping_order
from bodega.platform.state import Part, Report, State
from bodega.platform.system import Instance, System, Topology

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0  # who ran that long starts over with the shortest pause
PROBE_SECONDS = 0.1
BLOCKED_PAUSE_SECONDS = 2.0
ROTATION_SECONDS = 30.0
ORPHAN_SECONDS = 15.0

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class AlreadyRunning(Exception):
    """Another supervisor looks after this instance."""


class Supervisor:
    """Keeps an instance's programs running until told to stop."""

    def __init__(self, instance: Instance, plan: Callable[[Instance, Extent], list[Program]] = programs) -> None:
        self._instance = instance
        self._plan = plan
        self._programs: dict[str, Program] = {}
        self._parts: dict[str, Part] = {}
        self._ready: dict[str, asyncio.Event] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._topology: Topology = instance.topology
        self._pid, self._began = state.itself()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises AlreadyRunning."""
        self._instance.data.mkdir(parents=True, exist_ok=True)
        with _lock(self._instance):
            await self._await_orphans()
            loop = asyncio.get_running_loop()
            for ending in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(ending, self._stopping.set)
            loop.add_signal_handler(signal.SIGHUP, self._start_what_is_wanted)
            self._start_what_is_wanted()
            reporter = asyncio.create_task(self._report_changes())
            rotation = asyncio.create_task(self._rotate_logs())
            await self._stopping.wait()
            self._say("stopping")
            rotation.cancel()
            await self._stop_everything()
            reporter.cancel()
            self._report().write(state.state_file(self._instance))
            self._say("stopped")

    def _start_what_is_wanted(self) -> None:
        self._topology = self._instance.topology
        for program in self._plan(self._instance, read_extent(self._instance)):
            before = self._programs.get(program.name)
            if before is None:
                self._programs[program.name] = program
                self._add(program.name, next(iter(program.ports.values()), None), program.needs)
                for child in program.children:
                    self._add(child.name, child.port, child.needs)
            elif before.command != program.command:
                self._renew(program)
        for name in self._programs:
            if name not in self._keepers:
                self._keepers[name] = asyncio.create_task(self._keep(name))
        self._changed.set()

    def _add(self, name: str, port: int | None, needs: tuple[str, ...]) -> None:
        self._parts[name] = Part(name, port=port, needs=needs)
        self._ready[name] = asyncio.Event()

    def _renew(self, program: Program) -> None:
        """It runs in another way from now on: its keeper starts it anew."""
        self._programs[program.name] = program
        for name in (program.name, *(child.name for child in program.children)):
            self._ready[name].clear()
            self._set(name, State.STARTING, "restarts in a different way")
        process = self._processes.get(program.name)
        if process is not None and process.returncode is None:
            process.send_signal(program.stop)

    # --- one program ---------------------------------------------------------------------------------------------

    async def _keep(self, name: str) -> None:
        """Start a program, again and again when it ends, until everything stops."""
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            program = self._programs[name]
            self._set(program.name, State.WAITING)
            for need in program.needs:
                await self._ready[need].wait()
            began = time.monotonic()
            try:
                for purpose, port in program.ports.items():
                    self._demand(port, purpose)
                ending = await self._run_once(program)
            except CannotStart as reason:
                self._set(program.name, State.BLOCKED, str(reason))
                await self._pause(BLOCKED_PAUSE_SECONDS)
                continue
            if self._stopping.is_set():
                return
            if program.once and ending == 0:
                self._set(program.name, State.DONE)
                self._ready[program.name].set()
                return
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._fell(program.name, f"{_ending_in_words(ending)}; started again in {pause:g} s")
            await self._pause(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _run_once(self, program: Program) -> int:
        """Run a program to its end and give its exit status."""
        self._set(program.name, State.STARTING)
        if program.prepare is not None:
            await program.prepare()
        process = self._spawn(program)
        self._processes[program.name] = process
        self._set(program.name, State.STARTING, pid=process.pid)
        helpers = [asyncio.create_task(self._await_ready(program.name, program.ready, program.patience_seconds))]
        if program.once:
            helpers.pop().cancel()
        if program.children:
            helpers += self._lead(program, process)
        try:
            return await ended(process)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            self._ready[program.name].clear()
            for child in program.children:
                self._fell(child.name, "its parent process ended")

    def _spawn(self, program: Program) -> "subprocess.Popen[bytes]":
        log = logs.open_for(self._instance.logs, program.name)
        leads = bool(program.children)
        try:
            return subprocess.Popen(
                program.command,
                cwd=program.folder,
                env=environment_of(program),
                stdin=subprocess.PIPE if leads else subprocess.DEVNULL,
                stdout=subprocess.PIPE if leads else log,
                stderr=log,
                start_new_session=True,
                # Safe here: this process has no other thread (see `ended`).
                preexec_fn=partial(_bind, self._pid, program.stop, program.account.namespaced),  # noqa: PLW1509
                **popen_options(program.account),
            )
        except OSError as error:
            raise CannotStart(f"{program.command[0]} cannot be started: {error}") from error
        finally:
            os.close(log)

    async def _await_ready(self, name: str, ready: Probe, patience_seconds: float) -> None:
        """Probe until ready; past its patience a program is not ended, only said to be slow."""
        began = time.monotonic()
        while True:
            try:
                await ready()
            except NotReady as lack:
                if time.monotonic() - began > patience_seconds:
                    self._set(name, State.STARTING, f"not ready after {time.monotonic() - began:.0f} s: {lack}")
                await asyncio.sleep(PROBE_SECONDS)
            else:
                self._set(name, State.READY)
                self._ready[name].set()
                return

    # --- a program's children ------------------------------------------------------------------------------------

    def _lead(self, program: Program, process: "subprocess.Popen[bytes]") -> list["asyncio.Task[None]"]:
        children = {child.name: child for child in program.children}
        return [
            asyncio.create_task(self._hear_of_children(children, process)),
            *(asyncio.create_task(self._admit(child, process)) for child in program.children),
        ]

    async def _admit(self, child: Child, process: "subprocess.Popen[bytes]") -> None:
        self._set(child.name, State.WAITING)
        for need in child.needs:
            await self._ready[need].wait()
        while not child.shares_port:
            try:
                self._demand(child.port, "http")
                break
            except CannotStart as reason:
                self._set(child.name, State.BLOCKED, str(reason))
                await asyncio.sleep(BLOCKED_PAUSE_SECONDS)
        self._set(child.name, State.STARTING)
        assert process.stdin is not None
        process.stdin.write(f"{child.name}\n".encode())
        process.stdin.flush()

    async def _hear_of_children(self, children: dict[str, Child], process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
        probes: dict[str, asyncio.Task[None]] = {}
        try:
            async for line in reader:
                told = json.loads(line)
                child = children[told["name"]]
                if probe := probes.pop(child.name, None):
                    probe.cancel()
                if told["event"] == "started":
                    self._set(child.name, State.STARTING, pid=told["pid"])
                    probes[child.name] = asyncio.create_task(self._await_ready(child.name, child.ready, 60))
                else:
                    self._fell(child.name, told["message"])
        finally:
            for probe in probes.values():
                probe.cancel()

    # --- stopping ------------------------------------------------------------------------------------------------

    async def _stop_everything(self) -> None:
        for wave in stopping_order(list(self._programs.values())):
            await asyncio.gather(*(self._stop(self._programs[name]) for name in wave))

    async def _stop(self, program: Program) -> None:
        keeper = self._keepers[program.name]
        process = self._processes.get(program.name)
        if process is not None and process.returncode is None:
            if program.wind_down is not None:
                await program.wind_down()
            process.send_signal(program.stop)
            try:
                await asyncio.wait_for(asyncio.shield(keeper), program.grace_seconds)
            except TimeoutError:
                self._say(f"{program.name} did not end within {program.grace_seconds:g} s and was killed")
                process.kill()
                await keeper
        else:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        for name in (program.name, *(child.name for child in program.children)):
            self._set(name, State.STOPPED)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # --- telling -------------------------------------------------------------------------------------------------

    def _demand(self, port: int, purpose: str) -> None:
        """Raise CannotStart, naming who holds the port, if we cannot listen on it."""
        if ports.is_free(port):
            return
        raise CannotStart(
            f"port {port} ({purpose}) is taken by {ports.holder(port)}. End that process, or give the part another "
            "port in platform.local.toml."
        )

    def _fell(self, name: str, message: str) -> None:
        self._ready[name].clear()
        if not self._stopping.is_set():
            self._parts[name].restarts += 1
            self._set(name, State.RESTARTING, message)

    def _set(self, name: str, to: State, message: str = "", pid: int | None = None) -> None:
        part = self._parts[name]
        if to in (State.STARTING, State.READY):
            pid = pid or part.pid
        if (part.state, part.message, part.pid) == (to, message, pid):
            return
        if part.state != to:
            part.since = time.time()
        if part.state != to or message:
            self._say(f"{name}: {to}" + (f" ({message})" if message else ""))
        part.state, part.message, part.pid = to, message, pid
        self._changed.set()

    def _report(self) -> Report:
        return Report(self._pid, self._began, read_extent(self._instance), self._parts, self._topology)

    async def _report_changes(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._report().write(state.state_file(self._instance))
            await asyncio.sleep(0.05)  # changes come in bursts: one file for all of a burst

    async def _rotate_logs(self) -> None:
        while True:
            try:
                logs.rotate(self._instance.logs)
            except OSError as error:  # a disk that is full, a log taken away just now: the next round may do better
                self._say(f"the logs could not be rotated: {error}")
            await asyncio.sleep(ROTATION_SECONDS)

    def _say(self, text: str) -> None:
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", flush=True)  # noqa: T201 - standard output is our log

    async def _await_orphans(self) -> None:
        """Wait for what a killed supervisor left behind; end what does not go by itself."""
        report = state.read(self._instance)
        if report is None or report.is_alive():
            return
        left = [p for part in report.parts.values() if part.pid and (p := _started_by_bodega(part.pid, report))]
        if not left:
            return
        self._say(f"the supervisor before us was killed; waiting for {len(left)} of its processes to end")
        deadline = time.monotonic() + ORPHAN_SECONDS
        while time.monotonic() < deadline and any(_lives(p) for p in left):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        for process in left:
            if _lives(process):
                self._say(f"ending process {process.pid}, left over")
                process.kill()


def read_extent(instance: Instance) -> Extent:
    """How much of the instance is wanted."""
    path = instance.data / "extent"
    return "shop" if path.exists() and path.read_text() == "shop" else "engines"


def write_extent(instance: Instance, extent: Extent) -> None:
    """Say how much is wanted; a running supervisor looks at SIGHUP."""
    instance.data.mkdir(parents=True, exist_ok=True)
    (instance.data / "extent").write_text(extent)


def write_topology(instance: Instance, topology: Topology) -> None:
    """Say how the services are to run; a running supervisor looks at SIGHUP."""
    instance.data.mkdir(parents=True, exist_ok=True)
    (instance.data / "topology").write_text(topology)


class _lock:
    """Hold the instance: the kernel gives the lock back when we end, however we end."""

    def __init__(self, instance: Instance) -> None:
        self._path = instance.data / "supervisor.lock"

    def __enter__(self) -> None:
        self._file = self._path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise AlreadyRunning from error

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _bind(parent: int, stop: signal.Signals, namespaced: bool) -> None:
    """In the forked child, before exec: die with the supervisor."""
    if namespaced:
        enter_namespace()
    _libc.prctl(_PR_SET_PDEATHSIG, int(stop))
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


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


def _ending_in_words(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


def main() -> None:
    """Supervise the instance named on the command line."""
    name, extent = sys.argv[1:]
    instance = System.load().instance(name)
    write_extent(instance, "shop" if extent == "shop" else "engines")
    os.umask(0o022 if Path(instance.home).stat().st_mode & 0o005 else 0o077)
    try:
        asyncio.run(Supervisor(instance).run())
    except AlreadyRunning:
        sys.exit(3)


if __name__ == "__main__":
    main()
