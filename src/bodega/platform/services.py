"""The warm parent: imports all services once, then forks a process for each group of them, and again when one dies.

    python -m bodega.platform.services LOGS SETTINGS GROUP...

A group is one service, or several with commas between them, which then share a process: what each of them is and does
stays the same. `orders-2` is a second replica of `orders`. Each reads its settings from SETTINGS/<name>.json after it
has been forked: the parent has none of them, so no process holds the secrets of a service that it is not. Forked
children share the imported code's memory and start in a tenth of a second. The parent has no thread, loop or connection
that a fork could copy half way. On standard input it is told which service may start, a name a line; a group starts
when all of it may. On standard output it tells what became of each service, a JSON object a line. Standard input
closing, or SIGTERM, ends everything: each service then finishes what runs.
"""

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from bodega.platform import logs

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
STOP_SECONDS = 20.0  # a service has 4 until nobody calls it any more, and 10 to finish what runs

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class _Forked:
    """Services that may run: their process, or when it is started again."""

    names: tuple[str, ...]
    pid: int | None = None
    pidfd: int | None = None
    began: float = 0.0
    due: float | None = None
    pause: float = FIRST_PAUSE_SECONDS


class WarmParent:
    """Forks and re-forks services until it is told to stop."""

    def __init__(self, folder: Path, told: Path, groups: list[tuple[str, ...]]) -> None:
        self._logs = folder
        self._told = told
        self._groups = groups
        self._modules = {name: _imported(name) for names in groups for name in names}
        self._allowed: set[str] = set()
        self._forked: list[_Forked] = []
        self._heard = b""
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Until SIGTERM, SIGINT, or the end of standard input."""
        gc.collect()
        gc.freeze()  # the collector would otherwise write into every shared page
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, lambda *_: os.write(self._wake_writer, b"x"))
        while self._wait():
            self._restart_what_is_due()
        self._stop()

    def _wait(self) -> bool:
        """Wait for a name, a death, a due restart; False when it is time to stop."""
        dues = [forked.due for forked in self._forked if forked.due is not None]
        timeout = max(0.0, min(dues) - time.monotonic()) if dues else None
        watched: list[int] = [0, self._wake_reader]
        watched += [forked.pidfd for forked in self._forked if forked.pidfd is not None]
        readable, _, _ = select.select(watched, [], [], timeout)
        if self._wake_reader in readable:
            return False
        if 0 in readable:
            told = os.read(0, 4096)
            if not told:
                return False
            *whole, self._heard = (self._heard + told).split(b"\n")
            for told_name in whole:
                self._allow(told_name.decode())
        for forked in self._forked:
            if forked.pidfd in readable:
                self._bury(forked)
        return True

    def _allow(self, name: str) -> None:
        self._allowed.add(name)
        for names in self._groups:
            if name in names and self._allowed.issuperset(names):
                self._forked.append(_Forked(names))
                self._fork(self._forked[-1])

    def _restart_what_is_due(self) -> None:
        for forked in self._forked:
            if forked.due is not None and forked.due <= time.monotonic():
                self._fork(forked)

    def _fork(self, forked: _Forked) -> None:
        forked.due = None
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(forked.names, parent)
        forked.pid, forked.pidfd, forked.began = pid, os.pidfd_open(pid), time.monotonic()
        for name in forked.names:
            self._tell(name=name, event="started", pid=pid)

    def _bury(self, forked: _Forked) -> None:
        assert forked.pid is not None
        assert forked.pidfd is not None
        _, status = os.waitpid(forked.pid, 0)
        os.close(forked.pidfd)
        forked.pid = forked.pidfd = None
        code = os.waitstatus_to_exitcode(status)
        if time.monotonic() - forked.began > STEADY_SECONDS:
            forked.pause = FIRST_PAUSE_SECONDS
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        for name in forked.names:
            self._tell(name=name, event="died", message=f"{how}; started again in {forked.pause:g} s")
        forked.due = time.monotonic() + forked.pause
        forked.pause = min(forked.pause * 2, LONGEST_PAUSE_SECONDS)

    def _become(self, names: tuple[str, ...], parent: int) -> NoReturn:
        """In the child: be the services, and nothing else of the parent's."""
        code = 1
        try:
            _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
            if os.getppid() != parent:
                os._exit(1)
            _libc.prctl(_PR_SET_NAME, f"bodega {log_of(names)}"[:15].encode())
            for ending in (signal.SIGTERM, signal.SIGINT):
                signal.signal(ending, signal.SIG_DFL)
            for other in self._forked:
                if other.pidfd is not None:
                    os.close(other.pidfd)
            os.setpgid(0, 0)
            log = logs.open_for(self._logs, log_of(names))
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            for name in names:
                take_settings(self._told / f"{name}.json")
            serve_here({name: self._modules[name] for name in names})
            code = 0
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else 1
        except BaseException:  # whatever it is, it must not unwind into the parent's code
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _stop(self) -> None:
        running = {f.pid: f.pidfd for f in self._forked if f.pid is not None and f.pidfd is not None}
        for pid in running:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while running and (left := deadline - time.monotonic()) > 0:
            ended, _, _ = select.select(list(running.values()), [], [], left)
            for pid in [pid for pid, pidfd in running.items() if pidfd in ended]:
                os.waitpid(pid, 0)
                del running[pid]
        for pid in running:
            os.kill(pid, signal.SIGKILL)

    def _tell(self, **what: object) -> None:
        os.write(1, json.dumps(what).encode() + b"\n")


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(f"bodega.services.{service_of(name)}.app")
    except Exception:
        # Its own process will say it again, in its own log, each time it is tried; the others can run.
        traceback.print_exc()
        return None


def take_settings(file: Path) -> None:
    """Into the environment, for the settings' classes to read; a variable that is there already stays."""
    for key, value in json.loads(file.read_text()).items():
        os.environ.setdefault(key, value)


def log_of(names: tuple[str, ...]) -> str:
    """The log that services of one process write: its own, or all of them the parent's."""
    return names[0] if len(names) == 1 else "".join(("services", *names[0].partition("-")[1:]))


def service_of(name: str) -> str:
    """Of a process, which may be a replica, the service that it is."""
    return name.partition("-")[0]


def serve_here(modules: dict[str, Any]) -> None:
    """Be these services, by the environment's settings, until SIGTERM. `modules`: by name; None: not imported yet."""
    from bodega.kit.app import serve

    serve(*(_room(name, module) for name, module in modules.items()))


def _room(name: str, module: Any) -> tuple[Any, str, int]:
    service = service_of(name)
    if module is None:
        module = importlib.import_module(f"bodega.services.{service}.app")
    prefix = f"BODEGA_{service.upper()}_"
    return module.create_app(), os.environ[f"{prefix}HOST"], int(os.environ[f"{prefix}PORT"])


def main() -> None:
    """Be the warm parent of the groups named on the command line."""
    folder, told, *groups = sys.argv[1:]
    importlib.import_module("bodega.kit.app")
    WarmParent(Path(folder), Path(told), [tuple(group.split(",")) for group in groups]).run()


if __name__ == "__main__":
    main()
