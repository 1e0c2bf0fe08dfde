"""A loop that fails is started again; the process goes on."""

import asyncio
from collections.abc import Callable

import pytest

from bodega.kit.loops import Loop, Periodic, keep_running
from bodega.kit.testing import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.unit


class Fails:
    """A loop that fails as often as it is told, then runs until it is stopped."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.begun = 0
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        self.begun += 1
        if self.failures:
            raise self.failures.pop(0)
        await self.stopping.wait()

    def stop(self) -> None:
        self.stopping.set()


async def kept(loop: Loop, until: Callable[[], bool]) -> None:
    """Runs the loop as a service does, until that is true; then stops it, and sees it end."""
    stopping = asyncio.Event()
    task = asyncio.create_task(keep_running("counter", loop, stopping, retry_first_seconds=0.01, retry_most_seconds=1))

    async def is_true() -> None:
        assert until()

    await eventually(is_true)
    stopping.set()
    loop.stop()
    await asyncio.wait_for(task, PATIENCE_SECONDS)


async def test_a_loop_that_fails_is_started_again() -> None:
    loop = Fails(KeyError("a bug"), ExceptionGroup("of a task group", [OSError("away")]), OSError("away"))
    await kept(loop, lambda: loop.begun == 4)


async def test_a_loop_that_was_stopped_before_the_others_is_left_alone() -> None:
    """Streams end before the requests do, and their loop with them."""
    loop = Fails()
    loop.stop()
    running = keep_running("counter", loop, asyncio.Event(), retry_first_seconds=0.01, retry_most_seconds=1)
    await asyncio.wait_for(running, PATIENCE_SECONDS)
    assert loop.begun == 1


async def test_periodic_work_goes_on_at_once_while_there_is_more_and_else_waits() -> None:
    done: list[int] = []

    async def work() -> bool:
        done.append(len(done))
        return len(done) < 5

    loop = Periodic(work, every_seconds=600)
    await kept(loop, lambda: len(done) == 5)
    assert len(done) == 5, "the sixth would have been ten minutes later"


async def test_periodic_work_that_fails_is_done_again() -> None:
    done: list[int] = []

    async def work() -> bool:
        done.append(len(done))
        if len(done) < 3:
            raise RuntimeError("not yet")
        return False

    await kept(Periodic(work, every_seconds=600), lambda: len(done) == 3)
