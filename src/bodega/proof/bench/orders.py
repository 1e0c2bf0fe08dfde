"""Orders: guests who buy one after the other, each cart a new guest's, in a closed loop."""

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from bodega.proof.bench.buyers import Buyer, all_of, visitor
from bodega.proof.bench.errors import BenchError, Refused
from bodega.proof.bench.ground import Ground
from bodega.proof.bench.meter import Meter
from bodega.proof.bench.report import Latency, OrdersAt
from bodega.proof.bench.waiting import showing

WARM_UP_GUESTS: Final = 16
WARM_UP_SECONDS: Final = 5.0
STEPS: Final = ("cart", "quote", "checkout")


@dataclass
class Tally:
    """What the guests of one load have met."""

    steps: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds, by step."""
    orders: list[float] = field(default_factory=list)
    """Seconds from the first step to the order."""
    in_time: int = 0
    """How many orders were there before the load's time was over."""
    refused: Counter[str] = field(default_factory=Counter)
    told_busy: Counter[str] = field(default_factory=Counter)

    def add(self, times: Sequence[float], until: float) -> None:
        """An order: when it began, and when each of its steps was done. `until`: when the load's time is over."""
        for step, began, ended in zip(STEPS, times, times[1:], strict=False):
            self.steps[step].append(ended - began)
        self.orders.append(times[-1] - times[0])
        self.in_time += times[-1] <= until


async def warm_up(ground: Ground) -> None:
    """So that what every process does once in its life is not counted."""
    await _load(ground, "warm-up", WARM_UP_GUESTS, WARM_UP_SECONDS)
    await ground.rests("warm-up")


async def measure(ground: Ground, guests: int, seconds: float) -> OrdersAt:
    """So many guests at once for so long, and all that follows from their orders. Raises BenchError, if the shop has
    sold nothing."""
    name = f"orders, {guests} at once"
    before, meter = await ground.rest.orders(), Meter(ground.instance)
    tally = await _load(ground, name, guests, seconds)
    if not tally.orders:
        raise BenchError(f"The shop has sold nothing: {dict(tally.refused)}.")
    await ground.rests(name)
    placed = await ground.rest.orders() - before
    latency = Latency.of(tally.orders)
    steps = {step: Latency.of(took) for step, took in tally.steps.items()}
    assert latency is not None
    return OrdersAt(
        guests=guests,
        seconds=seconds,
        elapsed_seconds=meter.seconds,
        placed=placed,
        per_second=tally.in_time / seconds,
        latency=latency,
        steps={step: found for step, found in steps.items() if found is not None},
        cost=meter.cost(placed),
        refused=dict(tally.refused),
        busy=tally.told_busy.total(),
    )


async def _load(ground: Ground, name: str, guests: int, seconds: float) -> Tally:
    tally, skus, end = Tally(), itertools.cycle(ground.skus), time.monotonic() + seconds

    async def guest(_: int) -> None:
        while time.monotonic() < end:
            try:
                tally.add(await _buy(ground, next(skus), tally.told_busy), end)
            except Refused as refusal:
                tally.refused[refusal.answer] += 1

    async with showing(ground.progress, name, seconds):
        await all_of(guests, guest)
    return tally


async def _buy(ground: Ground, sku: str, told_busy: Counter[str]) -> list[float]:
    """When it began, and when cart, quote and order were there."""
    async with visitor(ground.instance.api_url, ground.addresses.next(), told_busy) as somebody:
        buyer, times = Buyer(somebody), [time.monotonic()]
        for step in (partial(buyer.fill_cart, sku), buyer.quote, buyer.check_out):
            await step()
            times.append(time.monotonic())
        return times
