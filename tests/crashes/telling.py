"""Telling stories, without a fault and with faults at their crash points."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bodega.kit.testing import Caller
from bodega.proof.audit.finding import Finding
from tests.crashes.stage import Patient, Stage, merchant_of
from tests.crashes.state import Reader
from tests.crashes.stories import Story
from tests.crashes.world import World
from tests.journeys.shop import Merchant, Outside

_log = logging.getLogger(__name__)
ROUNDS = 4
"""How often a story is told with faults, at most: a fault may lead it past a point that it came by without."""


@dataclass
class Told:
    """What came of a story."""

    story: Story
    points: set[str] = field(default_factory=set)
    """Crash points that it came by without a fault."""
    expected: dict[str, Any] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    """Where it was killed, in the order of that, over all rounds."""
    wrong: list[str] = field(default_factory=list)
    """How the story ended otherwise, and where it had been killed."""

    async def record(self, teller: "Teller") -> None:
        """Without a fault."""
        try:
            self.expected = await teller.tell(self.story, set())
        except Exception as error:  # of this story, not of the others
            self.wrong.append(f"Without a fault: {error!r}")
            return
        self.points = set(teller.world.lives.passed)
        _log.info("%s: %d points", self.story.name, len(self.points))

    async def kill(self, teller: "Teller", wanted: Set[str]) -> set[str]:
        """Until it has been killed at all of these points, or comes by no more of them; those that are left."""
        left = set(wanted)
        for _ in range(ROUNDS):
            if not left:
                break
            try:
                wrong = differences(self.expected, await teller.tell(self.story, left))
            except Exception as error:  # whatever it is, it is what the fault has led to
                wrong = [f"  it does not come to its end: {error!r}"]
            killed = teller.world.lives.killed
            _log.info("%s: killed at %d of %d; %s", self.story.name, len(killed), len(left), wrong or "all is well")
            self.killed += killed
            left -= set(killed)
            if wrong:
                self.wrong += ["Killed at:", *(f"  {point}" for point in killed), "it ends otherwise:", *wrong]
            if not killed:
                break
        return left


@dataclass
class Teller:
    """Tells stories in one world."""

    world: World
    reader: Reader
    session: aiohttp.ClientSession
    merchant: Merchant
    api: Patient

    async def tell(self, story: Story, wanted: set[str]) -> dict[str, Any]:
        await self.world.lives.begin(wanted, story.settings)
        try:
            await self.world.lives.is_up()
            outside = Outside(Caller(self.world.sandbox.url, self.session))
            stage = Stage(self.world, self.reader, self.api, self.merchant, outside)
            await story.tell(stage)
            await stage.rest()
            return await self.reader.end_state(stage.about)
        finally:
            await self.world.lives.end()


@asynccontextmanager
async def a_teller(world: World) -> AsyncIterator[Teller]:
    reader = Reader(world)
    await reader.open()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            api = Patient("", session, world=world)
            await world.lives.begin(set(), {})
            await world.lives.is_up()
            merchant = await merchant_of(world, session, api)
            await world.lives.end()
            yield Teller(world, reader, session, merchant, api)
    finally:
        await reader.close()


def differences(expected: Any, found: Any, at: str = "") -> list[str]:
    """Where two end states differ, a line each."""
    if isinstance(expected, dict) and isinstance(found, dict):
        names = sorted({*expected, *found})
        return [line for name in names for line in differences(expected.get(name), found.get(name), f"{at}/{name}")]
    if expected == found:
        return []
    if isinstance(expected, list) and isinstance(found, list):
        expected, found = _only_in(expected, found), _only_in(found, expected)
    return [f"  {at}: without a fault {expected}, with faults {found}"]


def _only_in(some: list[Any], others: list[Any]) -> list[Any]:
    """What the one has more of than the other."""
    more, left = [], list(others)
    for one in some:
        if one in left:
            left.remove(one)
        else:
            more.append(one)
    return more


@dataclass(frozen=True)
class Whole:
    """What came of all stories."""

    told: Mapping[str, Told]
    defined: set[str]
    """Who has crash points, by the services' definitions."""
    findings: Sequence[Finding]
    """Of the audit."""

    @property
    def points(self) -> set[str]:
        """All crash points that any story came by."""
        return {point for told in self.told.values() for point in told.points}

    @property
    def killed(self) -> set[str]:
        """Those at which one was killed."""
        return {point for told in self.told.values() for point in told.killed}


async def tell_all(tellers: Sequence[Teller], told: Sequence[Told], words: str) -> list[Told]:
    """Each without a fault; then with faults at the points at which no story before it was killed. `words`: of those,
    only points in whose names this regular expression finds something."""
    await _side_by_side(tellers, [one.record for one in told])
    tried: set[str] = set()

    def killing(one: Told) -> Callable[[Teller], Awaitable[None]]:
        async def kill(teller: Teller) -> None:
            wanted = {point for point in one.points - tried if re.search(words, point)}
            tried.update(wanted)
            tried.difference_update(await one.kill(teller, wanted))

        return kill

    await _side_by_side(tellers, [killing(one) for one in told])
    return list(told)


async def _side_by_side(tellers: Sequence[Teller], work: Sequence[Callable[[Teller], Awaitable[None]]]) -> None:
    """Each teller does the next piece of work, until there is none."""
    left = list(reversed(work))

    async def goes_on(teller: Teller) -> None:
        while left:
            await left.pop()(teller)

    await asyncio.gather(*(goes_on(teller) for teller in tellers))
