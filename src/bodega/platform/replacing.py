"""The order in which a supervisor brings its programs to the code on disk, once it has become that code itself.

Each set of services is started beside the one that serves, at the same ports; that one ends when every service of the
new one listens. Then each other program of Bodega's own, if what it runs has changed, is ended and started anew.
Engines are left alone.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from bodega.platform import ports
from bodega.platform.engines.program import Child, NotReady, Program, ended
from bodega.platform.running import Running, made_of

SET_SECONDS = 120.0
"""How long a set of services may take to be there, and any other program."""
_LOOK_SECONDS = 0.2


class NotReplaced(Exception):
    """The new one did not come up; the message says which and what it lacks. The old one serves on."""


class Hands(Protocol):
    """What the supervisor can do."""

    running: dict[str, Running]

    async def begin_beside(self, program: Program) -> Running: ...
    async def succeed(self, name: str, successor: Running) -> None: ...
    async def give_up(self, attempt: Running) -> None: ...
    async def restart(self, name: str) -> None: ...
    def is_ready(self, name: str) -> bool: ...


def changed(plan: Mapping[str, Program], running: Mapping[str, Running]) -> tuple[list[str], list[str]]:
    """The names of what runs otherwise than it would now: Bodega's own programs, sets of services first; engines."""
    names = [name for name, program in plan.items() if name in running and running[name].made_of != made_of(program)]
    own = [name for name in names if plan[name].made_of is not None]
    return sorted(own, key=lambda name: not plan[name].children), [name for name in names if name not in own]


async def replace(plan: Mapping[str, Program], hands: Hands, names: list[str], say: Callable[[str], None]) -> None:
    """One after the other. Raises NotReplaced: what comes after it is left as it is."""
    for name in names:
        program = hands.running[name].program
        if program.other is not None:
            say(f"{name}: the new one starts beside the old one")
            await _replace_beside(program.other(), hands)
        else:
            say(f"{name}: starts anew")
            await _replace_in_place(plan[name], hands)


async def _replace_beside(program: Program, hands: Hands) -> None:
    successor = await hands.begin_beside(program)
    ending = asyncio.create_task(ended(successor.process))
    try:
        await _within(lambda: _serves(program, successor, ending), program.name)
    except BaseException:
        await hands.give_up(successor)
        raise
    finally:
        ending.cancel()
    await hands.succeed(program.name, successor)


async def _replace_in_place(program: Program, hands: Hands) -> None:
    before = hands.running[program.name].process.pid
    await hands.restart(program.name)

    async def is_back() -> str:
        now = hands.running[program.name].process.pid
        return "" if now != before and hands.is_ready(program.name) else "it is not ready"

    await _within(is_back, program.name)


async def _serves(program: Program, successor: Running, ending: "asyncio.Task[int]") -> str:
    """What it lacks. That a port answers says nothing: the old one does. Raises NotReplaced, if it has ended."""
    if ending.done():
        raise NotReplaced(f"the new {program.name} ended with status {ending.result()}")
    try:
        await program.ready()
    except NotReady as lack:
        return str(lack)
    for child in program.children:
        if missing := await _lack(child, successor.pids.get(child.name)):
            return missing
    return ""


async def _lack(child: Child, pid: int | None) -> str:
    if pid is None or not ports.listens(pid, child.port):
        return f"{child.name} does not listen"
    try:
        await child.ready()
    except NotReady as lack:
        return f"{child.name}: {lack}"
    return ""


async def _within(lack: Callable[[], Awaitable[str]], name: str) -> None:
    until = time.monotonic() + SET_SECONDS
    while missing := await lack():
        if time.monotonic() > until:
            raise NotReplaced(f"the new {name} was not there within {SET_SECONDS:.0f} s: {missing}")
        await asyncio.sleep(_LOOK_SECONDS)
