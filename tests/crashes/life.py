"""A process that has imported all services, and forks one that is all of them, one life after another.

    python -m tests.crashes.life

A line on standard input, `{"environment": {...}, "wanted": [...], "log": ...}`, begins a life, which ends at the first
of the wanted crash points. On standard output stands, a JSON object a line, what each life says (tests.crashes.seams),
that it is ready, and that it has ended. The parent has neither a thread nor a loop that a fork could copy half way.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

import bodega.kit.app
from bodega.platform.system import System
from tests.crashes import seams
from tests.crashes.seams import POINTS

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    names = [*System.load(local=False).services]
    modules = {name: importlib.import_module(f"bodega.services.{name}.app") for name in names}
    seams.install()
    POINTS.says = os.dup(1)
    gc.collect()
    gc.freeze()
    parent = os.getpid()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _live(modules, json.loads(line), parent)
        POINTS.say(event="began", pid=pid)
        _, status, used = os.wait4(pid, 0)
        seconds = used.ru_utime + used.ru_stime
        POINTS.say(event="ended", pid=pid, code=os.waitstatus_to_exitcode(status), cpu_seconds=seconds)


def _live(modules: dict[str, Any], told: dict[str, Any], parent: int) -> NoReturn:
    code = 1
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:
            os._exit(1)
        log = os.open(told["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.update(told["environment"])
        POINTS.wanted = set(told["wanted"])
        rooms = [
            (module.create_app(), "127.0.0.1", int(os.environ[f"BODEGA_{name.upper()}_PORT"]))
            for name, module in modules.items()
        ]
        _say_when_all_serve(len(rooms))
        bodega.kit.app.serve(*rooms)
        code = 0
    except BaseException:  # whatever it is, it must not unwind into the parent's code
        traceback.print_exc()
    finally:
        os._exit(code)


def _say_when_all_serve(count: int) -> None:
    startup, left = bodega.kit.app.Server.startup, count

    async def started(self: bodega.kit.app.Server, sockets: Any = None) -> None:
        nonlocal left
        await startup(self, sockets)
        left -= 1
        if not left:
            POINTS.say(event="ready", defined=sorted(POINTS.defined))

    bodega.kit.app.Server.startup = started  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
