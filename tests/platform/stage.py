"""A supervisor over small programs of our own, in a process that a test can kill.

    python -m tests.platform.stage HOME PLAN

PLAN is the name of one of the functions below.
"""

import asyncio
import signal
import socket
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from bodega.platform import processes, replacing
from bodega.platform.engines import postgres
from bodega.platform.engines.program import Child, NotReady, Program, accepts
from bodega.platform.processes import Supervisor
from bodega.platform.programs import Extent
from bodega.platform.secrets import Secrets
from bodega.platform.system import Instance, System

_LISTEN = """
import signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True: s.accept()[0].close()
"""
_CHILDREN = """
import select, socket, sys
from pathlib import Path
from unittest.mock import patch
from bodega.platform import services

PORTS = {"free": int(sys.argv[2]), "bound": int(sys.argv[3])}

def listens(modules):
    servers = [socket.create_server(("127.0.0.1", PORTS[name])) for name in modules]
    while True:
        for server in select.select(servers, [], [])[0]:
            server.accept()[0].close()

# patch: a name that is no longer there is an error.
patch.object(services, "_imported", lambda name: None).start()
patch.object(services, "take_settings", lambda file: None).start()
patch.object(services, "serve_here", listens).start()
services.WarmParent(Path(sys.argv[1]), Path(sys.argv[1]), [tuple(group.split(",")) for group in sys.argv[4:]]).run()
"""

PORT = 18990  # of nobody else: the instances' ports end elsewhere


def listener(home: Path, name: str, port: int, **options: object) -> Program:
    return Program(
        name=name,
        command=(sys.executable, "-c", _LISTEN, str(port)),
        folder=home,
        ready=accepts(port),
        ports={"test": port},
        **options,  # type: ignore[arg-type]
    )


def two(instance: Instance, extent: Extent) -> list[Program]:
    """One that needs the other; with the extent `shop`, a third."""
    home = instance.home
    programs = [listener(home, "second", PORT + 1, needs=("first",)), listener(home, "first", PORT)]
    return [*programs, listener(home, "third", PORT + 2)] if extent == "shop" else programs


def step(instance: Instance, _: Extent) -> list[Program]:
    """One that needs a step, which fails the first time."""
    marker = instance.home / "tried"
    command = f"test -e {marker} || {{ touch {marker}; exit 1; }}"
    return [
        Program("step", ("/bin/sh", "-c", command), instance.home, ready=_never, once=True),
        listener(instance.home, "first", PORT, needs=("step",)),
    ]


def winding(instance: Instance, _: Extent) -> list[Program]:
    """One that is wound down before it is stopped."""

    async def wind_down() -> None:
        (instance.home / "wound-down").write_text("still running" if _listens() else "stopped already")

    return [listener(instance.home, "first", PORT, wind_down=wind_down)]


def _listens() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", PORT)) == 0


def stubborn(instance: Instance, _: Extent) -> list[Program]:
    """One that does not hear SIGTERM."""
    command = ("/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    return [Program("stubborn", command, instance.home, ready=_at_once, grace_seconds=0.5)]


def family(instance: Instance, _: Extent) -> list[Program]:
    """A warm parent with two children, one of which needs another program; with the topology `one`, one for both."""
    groups = ("free,bound",) if instance.topology == "one" else ("free", "bound")
    free, bound = PORT + 5, PORT + 6
    return [
        listener(instance.home, "first", PORT),
        Program(
            name="services",
            command=(sys.executable, "-c", _CHILDREN, str(instance.logs), str(free), str(bound), *groups),
            folder=instance.home,
            ready=_at_once,
            children=(
                Child("free", free, accepts(free)),
                Child("bound", bound, accepts(bound), needs=("first",)),
            ),
        ),
    ]


_TWINS = _CHILDREN.replace(
    'socket.create_server(("127.0.0.1", PORTS[name]))',
    'socket.create_server(("127.0.0.1", PORTS[name]), reuse_port=True)',
)


def releases(instance: Instance, _: Extent, side: int = 0) -> list[Program]:
    """A warm parent that gives its ports to others, as the file `release` has it, beside one that stays. The release
    `broken` does not come up."""
    release = instance.home / "release"
    free, bound = PORT + 5, PORT + 6
    code = "raise SystemExit(1)" if release.read_text() == "broken" and side else _TWINS
    services = Program(
        name="services",
        command=(sys.executable, "-c", code, str(instance.logs), str(free), str(bound), "free", "bound"),
        folder=instance.home,
        ready=_at_once,
        children=(Child("free", free, accepts(free)), Child("bound", bound, accepts(bound), needs=("first",))),
        made_of=release.read_text,
        side=side,
        other=lambda: releases(instance, _, 1 - side)[1],
    )
    return [listener(instance.home, "first", PORT), services]


def rows(instance: Instance, _: Extent) -> list[Program]:
    """PostgreSQL alone, on a port of its own."""
    spec = instance.spec.model_copy(update={"offset": PORT - 7432 - 10})
    return [postgres.program(replace(instance, spec=spec), Secrets.of(instance))]


async def _at_once() -> None:
    return


async def _never() -> None:
    raise NotReady("never")


def main() -> None:
    home, plan = sys.argv[1:]
    instance = System.load().instance("test", Path(home))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the supervisor hears it
    processes.ORPHAN_SECONDS = 0.5
    replacing.SET_SECONDS = 20.0
    asyncio.run(Supervisor(instance, partial(globals()[plan])).run())


if __name__ == "__main__":
    main()
