"""Who stands in line is served in order, or is told at once that it would take too long; no place is ever lost."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bodega.kit.deadline import set_deadline
from bodega.kit.errors import Busy
from bodega.kit.line import Line
from bodega.kit.testing import PATIENCE_SECONDS

pytestmark = pytest.mark.unit

LONG = 60.0


class Work:
    """Somebody who takes a place and keeps it until told to go."""

    def __init__(
        self,
        line: Line,
        served: list[str],
        name: str = "",
        *,
        ticket: str | None = None,
        within_seconds: float | None = None,
    ) -> None:
        self.ends = asyncio.Event()
        self.is_inside = False
        self._line, self._served, self._name, self._ticket = line, served, name, ticket
        self.task = asyncio.create_task(self._do(within_seconds))

    async def _do(self, within_seconds: float | None) -> None:
        set_deadline(within_seconds)
        async with self._line.place(self._ticket):
            self._served.append(self._name)
            self.is_inside = True
            try:
                await self.ends.wait()
            finally:
                self.is_inside = False

    async def end(self) -> None:
        self.ends.set()
        await self.task


async def settled() -> None:
    """Whatever can go on has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def hold(line: Line, count: int, seconds: float = 0.0) -> None:
    """Teaches the line how long a place is held."""

    async def one() -> None:
        async with line.place():
            await asyncio.sleep(seconds)

    await asyncio.gather(*(one() for _ in range(count)))


async def is_free(line: Line, places: int) -> None:
    """Raises AssertionError, if not all places can be had at once."""
    served: list[str] = []
    works = [Work(line, served) for _ in range(places + 1)]
    await settled()
    assert len(served) == places
    for work in works:
        await work.end()


async def test_so_many_work_at_once_and_the_next_are_served_in_the_order_in_which_they_came() -> None:
    line = Line(2, patience_seconds=LONG)
    served: list[str] = []
    works = []
    for name in "abcdef":
        works.append(Work(line, served, name))
        await settled()
    assert (served, line.is_full) == (["a", "b"], True)
    for number, work in enumerate(works[:4]):
        await work.end()
        await settled()
        assert served == list("abcdef"[: 3 + number])
    await works[4].end()
    await works[5].end()
    assert not line.is_full
    await is_free(line, 2)


class LeapingLoop(asyncio.SelectorEventLoop):
    """Its time can be put forward: so long has passed, at once."""

    _ahead = 0.0

    def time(self) -> float:
        return super().time() + self._ahead

    def leap(self, seconds: float) -> None:
        self._ahead += seconds


def in_leaping_time(test: Callable[[Callable[[float], None]], Awaitable[None]]) -> Callable[[], None]:
    """Runs a test in a loop of its own. It is given what puts its time forward."""

    async def run(loop: LeapingLoop) -> None:
        await test(loop.leap)

    def of_its_own() -> None:
        with asyncio.Runner(loop_factory=LeapingLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, LeapingLoop)
            runner.run(run(loop))

    return of_its_own


async def taught(line: Line, leap: Callable[[float], None], *seconds: float) -> None:
    """So long have places been held."""
    for one in seconds:
        async with line.place():
            leap(one)


@in_leaping_time
async def test_who_would_wait_longer_than_the_deadline_is_told_at_once(leap: Callable[[float], None]) -> None:
    line = Line(1, patience_seconds=5)
    served: list[str] = []
    await taught(line, leap, *[2.0] * 40)
    first = Work(line, served)
    second = Work(line, served)
    await settled()
    for _ in range(3):  # the second may be served in time: 2 s to wait, and 2 s to work
        with pytest.raises(Busy) as refused:
            async with line.place():
                pytest.fail("it was let in")
        assert (refused.value.status, refused.value.code) == (503, "busy")
        assert 1 <= (refused.value.retry_after_seconds or 0) <= 30
    assert len(served) == 1
    await first.end()
    await second.end()
    assert len(served) == 2
    await is_free(line, 1)


@in_leaping_time
async def test_where_work_often_takes_longer_than_usual_nobody_is_let_in_who_could_only_just_be_served(
    leap: Callable[[float], None],
) -> None:
    """On the average it takes 2 s here, too."""
    line = Line(1, patience_seconds=LONG)
    await taught(line, leap, *[1.0, 3.0] * 20)
    first = Work(line, [])
    await settled()
    hurried, patient = Work(line, [], within_seconds=5), Work(line, [])
    await settled()
    assert (hurried.task.done(), patient.task.done()) == (True, False)
    with pytest.raises(Busy):
        await hurried.task
    await first.end()
    await patient.end()


@in_leaping_time
async def test_where_work_takes_long_fewer_are_served_at_once_and_as_many_as_before_when_it_no_longer_does(
    leap: Callable[[float], None],
) -> None:
    async def open_after(*seconds: float) -> int:
        line = Line(8, patience_seconds=10)
        await taught(line, leap, *seconds)
        async with AsyncExitStack() as held:
            count = 0
            while not line.is_full:
                await held.enter_async_context(line.place())
                count += 1
            return count

    assert await open_after(*[4.0] * 20) == 8
    assert await open_after(*[6.0] * 3) == 5
    assert await open_after(*[6.0] * 20) == 2
    assert await open_after(*[6.0] * 20, *[1.0] * 24) == 8


@in_leaping_time
async def test_nothing_is_begun_that_would_end_too_late(leap: Callable[[float], None]) -> None:
    line = Line(1, patience_seconds=LONG)
    served: list[str] = []
    await taught(line, leap, *[2.0] * 40)
    first, second = Work(line, served, "first"), Work(line, served, "second", within_seconds=5)
    await settled()
    third = Work(line, served, "third", within_seconds=LONG)
    await settled()
    leap(4)
    await first.end()
    await settled()
    assert served == ["first", "third"]
    with pytest.raises(Busy):
        await second.task
    await third.end()
    await is_free(line, 1)


async def test_a_deadline_of_the_caller_counts_where_it_is_shorter() -> None:
    line = Line(1, patience_seconds=LONG)
    await hold(line, 1, 0.05)
    first = Work(line, [])
    await settled()
    with pytest.raises(Busy):
        await Work(line, [], within_seconds=0.01).task
    await first.end()


async def test_who_waits_is_sent_away_when_there_is_no_hope_left() -> None:
    """Those at work take longer than anybody before them: nothing that was known when the others came."""
    line = Line(1, patience_seconds=LONG)
    served: list[str] = []
    first = Work(line, served, "first")
    await settled()
    second = Work(line, served, "second", within_seconds=1)
    with pytest.raises(Busy):
        await asyncio.wait_for(second.task, PATIENCE_SECONDS)
    assert served == ["first"]
    await first.end()
    await is_free(line, 1)


async def test_who_comes_again_goes_before_those_who_came_later() -> None:
    line = Line(1, patience_seconds=LONG)
    served: list[str] = []
    await hold(line, 1, 0.05)
    first = Work(line, served, "first")
    await settled()
    with pytest.raises(Busy):
        await Work(line, served, "too early", ticket="ada", within_seconds=0.01).task
    later = Work(line, served, "later")
    await settled()
    again = Work(line, served, "ada", ticket="ada")
    await settled()
    await first.end()
    await settled()
    assert served == ["first", "ada"]
    await again.end()
    await later.end()
    assert served == ["first", "ada", "later"]


async def test_who_hangs_up_leaves_the_line_and_takes_no_place_along() -> None:
    line = Line(1, patience_seconds=LONG)
    served: list[str] = []
    first, second, third = Work(line, served, "1"), Work(line, served, "2"), Work(line, served, "3")
    await settled()
    second.task.cancel()
    await settled()
    await first.end()
    await settled()
    assert served == ["1", "3"]
    await third.end()
    await is_free(line, 1)


async def test_who_hangs_up_at_the_very_moment_of_being_served_passes_the_place_on() -> None:
    line = Line(1, patience_seconds=LONG)
    served: list[str] = []
    first, second, third = Work(line, served, "1"), Work(line, served, "2"), Work(line, served, "3")
    await settled()
    first.ends.set()
    first.task.add_done_callback(lambda _: second.task.cancel())  # it has the place, and does not know it yet
    await settled()
    assert second.task.cancelled()
    assert served == ["1", "3"]
    await third.end()
    await is_free(line, 1)


async def test_work_that_fails_gives_its_place_back() -> None:
    line = Line(1, patience_seconds=LONG)
    with pytest.raises(ValueError, match="ours"):
        async with line.place():
            raise ValueError("ours")
    await is_free(line, 1)


async def test_a_place_that_a_task_has_taken_over_is_held_until_the_task_has_ended() -> None:
    line, goes_on = Line(1, patience_seconds=LONG), asyncio.Event()
    async with line.place() as place:
        task = asyncio.create_task(goes_on.wait())
        place.until(task)
    assert line.is_full
    goes_on.set()
    await task
    await settled()
    await is_free(line, 1)


WHAT = ["come", "end", "cancel", "end, cancel", "cancel soon"]
Step = tuple[str, int]
"""What is done, and to whom."""


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    places=st.integers(1, 3),
    steps=st.lists(
        st.tuples(st.sampled_from(["come", "end", "cancel", "end, cancel", "cancel soon"]), st.integers(0, 9))
    ),
)
def test_whatever_becomes_of_them_no_place_is_lost_and_order_is_kept(places: int, steps: list[Step]) -> None:
    asyncio.run(_whatever_becomes_of_them(places, steps))


async def _whatever_becomes_of_them(places: int, steps: list[Step]) -> None:
    line = Line(places, patience_seconds=LONG)
    served: list[str] = []
    works: list[Work] = []
    for what, who in steps:
        if what == "come":
            works.append(Work(line, served, f"{len(works):03}"))
        elif works:
            work = works[who % len(works)]
            if "end" in what:
                work.ends.set()
            if what == "cancel soon":
                asyncio.get_running_loop().call_soon(work.task.cancel)
            elif "cancel" in what:
                work.task.cancel()
        await asyncio.sleep(0)
        assert sum(work.is_inside for work in works) <= places
    assert served == sorted(served)
    for work in works:
        work.ends.set()
    await asyncio.gather(*(work.task for work in works), return_exceptions=True)
    await settled()
    await is_free(line, places)
