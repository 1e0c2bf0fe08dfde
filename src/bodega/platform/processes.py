"""The supervisor: one small process per instance that starts everything, keeps it running, and reports.

    python -m bodega.platform.processes INSTANCE engines|shop

- Programs start side by side, each as soon as those it needs are ready; readiness is probed, never waited out.
- What dies is started again after a pause that doubles (half a second to thirty); its log and the report say so.
- Nothing outlives the supervisor: the kernel sends each child its stop signal when the supervisor dies. Should some
  still be on their way out, the next supervisor waits for them, then ends them.
- SIGTERM stops everything in order; SIGHUP with a changed `extent` file makes an engines-only supervisor start the
  rest too, with a changed `topology` file the services start anew.
- SIGUSR1 makes it the code on disk (`handover`), which then replaces what has changed while the shop is open
  (`replacing`).
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from bodega import __version__
from bodega.platform import family, handover, holding, logs, replacing, state
from bodega.platform.board import Board, demand, say
from bodega.platform.engines.accounts import popen_options
from bodega.platform.engines.program import CannotStart, Process, Program, ended
from bodega.platform.handover import Handed
from bodega.platform.holding import AlreadyRunning
from bodega.platform.programs import Extent, environment_of, programs, stopping_order
from bodega.platform.running import Running, made_of
from bodega.platform.state import Report, State, Upgrade
from bodega.platform.system import Instance, System, Topology

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0  # who ran that long starts over with the shortest pause
ROTATION_SECONDS = 30.0
ORPHAN_SECONDS = 15.0


class Supervisor:
    """Keeps an instance's programs running until told to stop."""

    def __init__(self, instance: Instance, plan: Callable[[Instance, Extent], list[Program]] = programs) -> None:
        self._instance = instance
        self._plan = plan
        self._programs: dict[str, Program] = {}
        self._board = Board()
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self.running: dict[str, Running] = {}
        self._at_hand: dict[str, Running] = {}
        """Runs already, and is looked after next: handed over, or started beside the one that ends."""
        self._stopping = asyncio.Event()
        self._upgrade: Upgrade | None = None
        self._topology: Topology = instance.topology
        self._pid, self._began = state.itself()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises AlreadyRunning."""
        self._instance.data.mkdir(parents=True, exist_ok=True)
        handed = handover.taken(self._instance)
        with holding.Lock(self._instance.data / "supervisor.lock", handed.lock if handed else None) as lock:
            if handed is None:
                await self._await_orphans()
            loop = asyncio.get_running_loop()
            for ending in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(ending, self._stopping.set)
            loop.add_signal_handler(signal.SIGHUP, self._start_what_is_wanted)
            loop.add_signal_handler(signal.SIGUSR1, self._become_the_code_on_disk, lock)
            handover.handle_signals()
            self._start_what_is_wanted(handed)
            helpers = [asyncio.create_task(self._report_changes()), asyncio.create_task(self._rotate_logs())]
            if handed is not None:
                helpers.append(asyncio.create_task(self._replace_what_has_changed(handed)))
            await self._stopping.wait()
            say("stopping")
            self._board.closing = True
            for helper in helpers[1:]:
                helper.cancel()
            await self._stop_everything()
            helpers[0].cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            self._report().write(state.state_file(self._instance))
            say("stopped")

    def _start_what_is_wanted(self, handed: Handed | None = None) -> None:
        self._topology = self._instance.topology
        for program in self._plan(self._instance, read_extent(self._instance)):
            before = self._programs.get(program.name)
            if before is None:
                self._programs[program.name] = program
                self._board.add(program)
                if handed is not None:
                    self._adopt(program, handed)
            elif before.command != (program := program.on(before.side)).command:
                self._renew(program)
        for name in self._programs:
            if name not in self._keepers:
                self._keepers[name] = asyncio.create_task(self._keep(name))
        self._board.changed.set()

    def _adopt(self, program: Program, handed: Handed) -> None:
        for name in (program.name, *(child.name for child in program.children)):
            self._board.parts[name] = handed.parts.get(name, self._board.parts[name])
        if left := handed.processes.get(program.name):
            program = self._programs[program.name] = program.on(left.side)
            running = Running(program, left.process, left.made_of, beside=True, admitted=left.admitted, pids=left.pids)
            self._at_hand[program.name] = running
            if program.children:
                family.lead(running, self._board, self._is_shown)

    def _renew(self, program: Program) -> None:
        """It runs in another way from now on: its keeper starts it anew."""
        self._programs[program.name] = program
        for name in (program.name, *(child.name for child in program.children)):
            self._board.ready[name].clear()
            self._board.set(name, State.STARTING, "restarts in a different way")
        running = self.running.get(program.name)
        if running is not None and running.process.returncode is None:
            running.process.send_signal(program.stop)

    # --- another release -----------------------------------------------------------------------------------------

    def _become_the_code_on_disk(self, lock: holding.Lock) -> None:
        say("becoming the code on disk")
        try:
            handover.become_the_code_on_disk(self._instance, lock.fileno(), self._board.parts, self.running)
        except OSError as error:
            self._upgrade = Upgrade(time.time(), "failed", f"the supervisor could not start the code on disk: {error}")
            self._board.changed.set()

    async def _replace_what_has_changed(self, handed: Handed) -> None:
        upgrade = self._upgrade = Upgrade(time.time(), "running")

        def note(text: str) -> None:
            say(text)
            upgrade.message = text
            self._board.changed.set()

        try:
            await asyncio.gather(*(self._end_forgotten(name, handed) for name in handed.processes))
            ours, engines = replacing.changed(self._programs, {**self.running, **self._at_hand})
            upgrade.left = tuple(engines)
            async with asyncio.timeout(replacing.SET_SECONDS):
                await self._board.has(*ours)
            await replacing.replace(self._programs, self, ours, note)
            note("all that runs is the code on disk")
            upgrade.state = "done"
        except Exception as error:  # whatever it is, the report says it, and what runs goes on
            note(str(error) or repr(error))
            upgrade.state = "failed"
        self._board.changed.set()

    async def _end_forgotten(self, name: str, handed: Handed) -> None:
        """What this release does not have any more."""
        if name not in self._programs:
            await _end(handed.processes[name].process, signal.SIGTERM, Program.grace_seconds)

    async def begin_beside(self, program: Program) -> Running:
        """Started, and not looked after yet. Raises CannotStart."""
        return await self._begin(program, beside=True)

    async def succeed(self, name: str, successor: Running) -> None:
        """The one that was looked after ends; the successor is looked after."""
        before = self.running[name]
        self._programs[name] = successor.program
        self._at_hand[name] = successor
        if before.program.wind_down is not None:
            await before.program.wind_down()
        await _end(before.process, before.program.stop, before.program.grace_seconds)
        await successor.looked_after.wait()

    async def give_up(self, attempt: Running) -> None:
        """It ends, and the one that is looked after goes on."""
        await _end(attempt.process, attempt.program.stop, attempt.program.grace_seconds)
        await attempt.let_go()

    async def restart(self, name: str) -> None:
        """It ends, and its keeper starts it anew."""
        running = self.running[name]
        self._board.ready[name].clear()
        if running.program.wind_down is not None:
            await running.program.wind_down()
        await _end(running.process, running.program.stop, running.program.grace_seconds)

    def is_ready(self, name: str) -> bool:
        return self._board.ready[name].is_set()

    # --- one program ---------------------------------------------------------------------------------------------

    async def _keep(self, name: str) -> None:
        """Start a program, again and again when it ends, until everything stops."""
        pause = FIRST_PAUSE_SECONDS
        if self._programs[name].once and self._board.parts[name].state == State.DONE:  # as the code before us has said
            self._board.ready[name].set()
            return
        while not self._stopping.is_set():
            program, running = self._programs[name], self._at_hand.pop(name, None)
            began = time.monotonic()
            try:
                if running is None:
                    self._board.set(program.name, State.WAITING)
                    await self._board.has(*program.needs)
                    began = time.monotonic()
                    for purpose, port in program.ports.items():
                        demand(port, purpose)
                    self._board.set(program.name, State.STARTING)
                    running = await self._begin(program)
                ending = await self._look_after(running)
            except CannotStart as reason:
                self._board.set(program.name, State.BLOCKED, str(reason))
                await self._pause(family.BLOCKED_PAUSE_SECONDS)
                continue
            if self._stopping.is_set():
                return
            if name in self._at_hand:
                continue
            if program.once and ending == 0:
                self._board.set(program.name, State.DONE)
                self._board.ready[program.name].set()
                return
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._board.fell(program.name, f"{_ending_in_words(ending)}; started again in {pause:g} s")
            await self._pause(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _begin(self, program: Program, *, beside: bool = False) -> Running:
        """Start a program. Raises CannotStart."""
        of_what = made_of(program)
        if program.prepare is not None:
            await program.prepare()
        running = Running(program, self._spawn(program), of_what, beside=beside)
        if program.children:
            family.lead(running, self._board, self._is_shown)
        return running

    async def _look_after(self, running: Running) -> int:
        """Report on a program to its end, and give its exit status."""
        program = running.program
        self.running[program.name] = running
        serves = self._board.begun(program.name, running.process.pid)
        if not (program.once or serves):
            probing = self._board.await_ready(program.name, program.ready, program.patience_seconds)
            running.tasks.append(asyncio.create_task(probing))
        family.show(running, self._board)
        running.looked_after.set()
        try:
            return await ended(running.process)
        finally:
            await running.let_go()
            if program.name not in self._at_hand:
                self._board.ready[program.name].clear()
                for child in program.children:
                    self._board.fell(child.name, "its parent process ended")

    def _is_shown(self, running: Running) -> bool:
        return self.running.get(running.program.name) is running

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
                preexec_fn=partial(holding.die_with, self._pid, program.stop, program.account.namespaced),  # noqa: PLW1509
                **popen_options(program.account),
            )
        except OSError as error:
            raise CannotStart(f"{program.command[0]} cannot be started: {error}") from error
        finally:
            os.close(log)

    # --- stopping ------------------------------------------------------------------------------------------------

    async def _stop_everything(self) -> None:
        for wave in stopping_order(list(self._programs.values())):
            await asyncio.gather(*(self._stop(self._programs[name]) for name in wave))

    async def _stop(self, program: Program) -> None:
        keeper = self._keepers[program.name]
        running = self.running.get(program.name)
        process = running.process if running is not None else None
        if process is not None and process.returncode is None:
            if program.wind_down is not None:
                await program.wind_down()
            process.send_signal(program.stop)
            try:
                await asyncio.wait_for(asyncio.shield(keeper), program.grace_seconds)
            except TimeoutError:
                say(f"{program.name} did not end within {program.grace_seconds:g} s and was killed")
                process.kill()
                await keeper
        else:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        for name in (program.name, *(child.name for child in program.children)):
            self._board.set(name, State.STOPPED)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # --- telling -------------------------------------------------------------------------------------------------

    def _report(self) -> Report:
        return Report(
            self._pid,
            self._began,
            read_extent(self._instance),
            self._board.parts,
            self._topology,
            __version__,
            self._upgrade,
        )

    async def _report_changes(self) -> None:
        while True:
            await self._board.changed.wait()
            self._board.changed.clear()
            self._report().write(state.state_file(self._instance))
            await asyncio.sleep(0.05)  # changes come in bursts: one file for all of a burst

    async def _rotate_logs(self) -> None:
        while True:
            try:
                logs.rotate(self._instance.logs)
            except OSError as error:  # a disk that is full, a log taken away just now: the next round may do better
                say(f"the logs could not be rotated: {error}")
            await asyncio.sleep(ROTATION_SECONDS)

    async def _await_orphans(self) -> None:
        """Wait for what a killed supervisor left behind; end what does not go by itself."""
        if not (left := holding.left_over(self._instance)):
            return
        say(f"the supervisor before us was killed; waiting for {len(left)} of its processes to end")
        for process in await holding.end_after(left, ORPHAN_SECONDS):
            say(f"ended process {process.pid}, left over")


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


async def _end(process: Process, stop: signal.Signals, grace_seconds: float) -> None:
    """Ask it to end; past its grace, end it."""
    if process.returncode is None:
        process.send_signal(stop)
        try:
            await asyncio.wait_for(ended(process), grace_seconds)
        except TimeoutError:
            process.kill()
            await ended(process)


def _ending_in_words(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


def main() -> None:
    """Supervise the instance named on the command line."""
    name, extent = sys.argv[1:]
    instance = System.load().instance(name)
    if not handover.is_ours(instance):  # since then more may be wanted
        write_extent(instance, "shop" if extent == "shop" else "engines")
    os.umask(0o022 if Path(instance.home).stat().st_mode & 0o005 else 0o077)
    try:
        asyncio.run(Supervisor(instance).run())
    except AlreadyRunning:
        sys.exit(3)


if __name__ == "__main__":
    main()
