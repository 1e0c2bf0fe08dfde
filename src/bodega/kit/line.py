"""Standing in line: only so much is worked on at once, the next wait in order, and nobody waits for nothing.

Whoever would not be served before their deadline is told so (503 `busy`), with when to come again, and has changed
nothing. Who comes again with the same ticket goes before those who came later: their place is kept, in this process.
"""

import asyncio
import random
from bisect import insort
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from typing import Any, Final

from bodega.kit.deadline import remaining_seconds
from bodega.kit.errors import Busy

_WEIGHT: Final = 0.1
"""How much the latest work counts in the averages."""
_DEVIATIONS: Final = 4
"""Hardly any work takes longer than the average by more than so many mean deviations (as in RFC 6298)."""
_LONG: Final = 0.5
"""What takes more than this share of the patience takes long."""
_NARROWER: Final = 1.0
_WIDER: Final = 0.25
"""By how many places the line is narrowed for each work that takes long, and widened for each that does not."""
_LEAST_OPEN: Final = 0.25
"""The share of the places that are always open."""
_LOOK_SECONDS: Final = 0.5
"""How often who waits looks whether there is still hope."""
_LONGEST_RETRY_SECONDS: Final = 30
_TICKET_SECONDS: Final = 90.0
"""How long a place is kept for somebody who was sent away."""
_TICKETS_AT_MOST: Final = 10_000


class Place:
    """One of the places of a line. It is given back once, by whoever has it last."""

    def __init__(self, line: "Line") -> None:
        self._line = line
        self.is_passed_on = False
        """Whether a task has it now."""

    def until(self, task: "asyncio.Future[Any]") -> None:
        """It is given back when this task has ended, also if nobody waits for that any more."""
        self.is_passed_on = True
        task.add_done_callback(lambda _: self._line.leave(self))


class _Waiter:
    def __init__(self, since: float, deadline: float) -> None:
        self.since = since
        self.deadline = deadline
        self.turn: asyncio.Future[Place | None] = asyncio.get_running_loop().create_future()
        """The place, or None: it has come too late."""

    def __lt__(self, other: "_Waiter") -> bool:
        return self.since < other.since


class Line:
    """`places`: how many are served at once, at most. How long a wait will be is estimated from how long places are
    held.

    Where work takes long, fewer places are open: if it is the machine that has too much to do, each is served sooner.
    If it is not (a slow bank), a quarter of them stays open.

    Only who can be expected to wait *and* be served in time is let into the line, with a margin for work that takes
    longer than usual: to be sent away at once is better than after a long wait, or than to be served too late.

    `patience_seconds`: how long waiting and work may take together, where the caller gives no shorter deadline.
    """

    def __init__(self, places: int, *, patience_seconds: float) -> None:
        self._places = places
        self._open = float(places)
        self._patience = patience_seconds
        self._taken: dict[Place, float] = {}
        """With when each was taken."""
        self._waiting: list[_Waiter] = []
        """In the order in which they first came."""
        self._average = 0.0
        self._deviation = 0.0
        self._tickets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Of those who were sent away: when they first came, and when they were sent away last."""

    @property
    def is_full(self) -> bool:
        """Whether who comes now has to wait."""
        return len(self._taken) >= int(self._open)

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._waiting)

    @asynccontextmanager
    async def place(self, ticket: str | None = None) -> AsyncIterator[Place]:
        """A place, given back at the end of the block, or by the task that has taken it over (`Place.until`).

        `ticket`: the same each time that the same thing is tried. Raises Busy, before the block begins.
        """
        place = await self._enter(ticket)
        try:
            yield place
        finally:
            if not place.is_passed_on:
                self.leave(place)

    def leave(self, place: Place) -> None:
        """Gives it to who waits for it longest. Nothing, if it was given back before."""
        now = asyncio.get_running_loop().time()
        taken = self._taken.pop(place, None)
        if taken is None:
            return
        self._learn(now - taken)
        while self._waiting and not self.is_full:
            waiter = self._waiting.pop(0)
            is_late = now + self._work(now) > waiter.deadline
            waiter.turn.set_result(None if is_late else self._take(now))

    def _learn(self, seconds: float) -> None:
        if seconds > self._patience * _LONG:
            self._open = max(1.0, self._places * _LEAST_OPEN, self._open - _NARROWER)
        else:
            self._open = min(self._places, self._open + _WIDER)
        if not self._average:
            self._average, self._deviation = seconds, seconds / 2
            return
        self._deviation += (abs(seconds - self._average) - self._deviation) * _WEIGHT
        self._average += (seconds - self._average) * _WEIGHT

    def _take(self, now: float) -> Place:
        place = Place(self)
        self._taken[place] = now
        return place

    async def _enter(self, ticket: str | None) -> Place:
        now = asyncio.get_running_loop().time()
        since = self._came_first(ticket, now)
        if not self.is_full:
            return self._take(now)
        waiter = _Waiter(since, now + remaining_seconds(self._patience))
        insort(self._waiting, waiter)
        margin = _DEVIATIONS * self._deviation
        try:
            while not waiter.turn.done():
                if self._is_without_hope(waiter, margin):
                    raise self._sent_away(ticket, since)
                margin = 0.0
                await asyncio.wait({waiter.turn}, timeout=_LOOK_SECONDS)
        except asyncio.CancelledError:
            if waiter.turn.done() and (place := waiter.turn.result()) is not None:
                self.leave(place)
            raise
        finally:
            if not waiter.turn.done():
                self._waiting.remove(waiter)
        place = waiter.turn.result()
        if place is None:
            raise self._sent_away(ticket, since)
        return place

    def _is_without_hope(self, waiter: _Waiter, margin: float) -> bool:
        now = asyncio.get_running_loop().time()
        work = self._work(now)
        return now + self._wait(self._waiting.index(waiter) + 1, work) + work + margin > waiter.deadline

    def _work(self, now: float) -> float:
        """Seconds that a place is held: as lately, or longer where those at work have been at it longer already."""
        ages = sum(now - taken for taken in self._taken.values()) / max(1, len(self._taken))
        return max(self._average, ages)

    def _wait(self, position: int, work: float) -> float:
        return position * work / int(self._open)

    def _came_first(self, ticket: str | None, now: float) -> float:
        since, _ = self._tickets.pop(ticket, (now, now)) if ticket is not None else (now, now)
        return since

    def _sent_away(self, ticket: str | None, since: float) -> Busy:
        """Those who were sent away come again one after the other, as fast as they can be served."""
        now = asyncio.get_running_loop().time()
        while self._tickets and next(iter(self._tickets.values()))[1] < now - _TICKET_SECONDS:
            self._tickets.popitem(last=False)
        if ticket is not None and len(self._tickets) < _TICKETS_AT_MOST:
            self._tickets[ticket] = since, now
        all_served = self._wait(len(self._waiting) + len(self._tickets), self._work(now))
        seconds = random.uniform(1.0, max(2.0, min(all_served, _LONGEST_RETRY_SECONDS)))  # noqa: S311 - jitter
        return Busy(retry_after_seconds=ceil(seconds))
