"""What several partitions bring at the same time is taken in one go."""

import asyncio
from typing import Any

import pytest

from bodega.kit.errors import Broken
from bodega.services.search.consumers import Gathered

pytestmark = pytest.mark.unit


class Taking:
    """Takes whatever is not refused, when it may."""

    def __init__(self, refused: str = "") -> None:
        self.goes: list[list[str]] = []
        self.taken: list[str] = []
        self.refused = refused
        self.may = asyncio.Event()
        self.may.set()
        self.gathered = Gathered(self.take)

    async def take(self, events: Any) -> None:
        self.goes.append(list(events))
        await self.may.wait()
        if self.refused in events:
            raise Broken(f"{self.refused} cannot be taken")
        self.taken += events

    async def bring(self, *events: str) -> None:
        await self.gathered(list(events))  # type: ignore[arg-type]
        assert set(events) <= set(self.taken), "whoever brought it goes on once it is written"


async def test_what_comes_at_the_same_time_is_taken_in_one_go_and_what_comes_meanwhile_in_the_next() -> None:
    taking = Taking()
    taking.may.clear()
    first = [asyncio.create_task(taking.bring(*some)) for some in ("ab", "c")]
    while not taking.goes:
        await asyncio.sleep(0)
    later = [asyncio.create_task(taking.bring(*some)) for some in ("d", "ef", "g")]
    await asyncio.sleep(0)
    taking.may.set()
    await asyncio.gather(*first, *later)
    assert taking.goes == [[*"abc"], [*"defg"]]
    await taking.bring("h")
    assert taking.goes[2:] == [["h"]]


async def test_what_cannot_be_taken_fails_those_who_brought_it_and_nobody_else() -> None:
    taking = Taking(refused="x")
    done = await asyncio.gather(taking.bring("a"), taking.bring("x", "b"), taking.bring("c"), return_exceptions=True)
    assert [type(one) for one in done] == [type(None), Broken, type(None)]
    assert taking.taken == ["a", "c"]
    await taking.bring("d")


async def test_who_gives_up_takes_nothing_from_the_others() -> None:
    taking = Taking()
    taking.may.clear()
    leaving, staying = (asyncio.create_task(taking.bring(one)) for one in "ab")
    while not taking.goes:
        await asyncio.sleep(0)
    leaving.cancel()
    taking.may.set()
    await staying
    assert taking.taken == ["a", "b"]
    await taking.bring("c")
