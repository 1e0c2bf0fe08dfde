"""A program that forks others: it reads on its standard input which of them may start, and writes to its standard
output what became of them."""

import asyncio
import json
from collections.abc import Callable

from bodega.platform.board import PROBE_SECONDS, Board, demand
from bodega.platform.engines.program import CannotStart, Child
from bodega.platform.running import Running
from bodega.platform.state import State

BLOCKED_PAUSE_SECONDS = 2.0
_PATIENCE_SECONDS = 60.0


def lead(running: Running, board: Board, is_shown: Callable[[Running], bool]) -> None:
    """Let its children start as soon as what they need is ready, and follow them. `is_shown`: whether it is the one of
    its name that is reported on; one that starts beside it is not yet."""
    running.tasks.append(asyncio.create_task(_listen(running, board, is_shown)))
    running.tasks += [
        asyncio.create_task(_admit(child, running, board))
        for child in running.program.children
        if child.name not in running.admitted
    ]


def show(running: Running, board: Board) -> None:
    """From now on it is reported on."""
    for child in running.program.children:
        if pid := running.pids.get(child.name):
            _started(running, child, pid, board)


async def _admit(child: Child, running: Running, board: Board) -> None:
    if not running.beside:
        board.set(child.name, State.WAITING)
    await board.has(*child.needs)
    while not (child.shares_port or running.beside):
        try:
            demand(child.port, "http")
            break
        except CannotStart as reason:
            board.set(child.name, State.BLOCKED, str(reason))
            await asyncio.sleep(BLOCKED_PAUSE_SECONDS)
    if not running.beside:
        board.set(child.name, State.STARTING)
    stdin = running.process.stdin
    assert stdin is not None
    running.admitted.add(child.name)
    stdin.write(f"{child.name}\n".encode())
    stdin.flush()


async def _listen(running: Running, board: Board, is_shown: Callable[[Running], bool]) -> None:
    stdout = running.process.stdout
    assert stdout is not None
    children = {child.name: child for child in running.program.children}
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdout)
    async for line in reader:
        said = json.loads(line)
        child = children[said["name"]]
        if said["event"] == "started":
            running.pids[child.name] = said["pid"]
            if is_shown(running):
                _started(running, child, said["pid"], board)
        else:
            running.pids.pop(child.name, None)
            if is_shown(running):
                board.fell(child.name, said["message"])


def _started(running: Running, child: Child, pid: int, board: Board) -> None:
    if not board.begun(child.name, pid):
        running.tasks.append(asyncio.create_task(_ready(running, child, pid, board)))


async def _ready(running: Running, child: Child, pid: int, board: Board) -> None:
    """Probed for as long as it is this very process."""
    probing = asyncio.create_task(board.await_ready(child.name, child.ready, _PATIENCE_SECONDS))
    try:
        while running.pids.get(child.name) == pid and not probing.done():
            await asyncio.wait([probing], timeout=PROBE_SECONDS)
    finally:
        probing.cancel()
