"""A rush: more buyers than there are units, so many of them under way at once."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from bodega.demo.api import waits
from bodega.proof.bench.buyers import Buyer, all_of, visitor
from bodega.proof.bench.errors import Refused
from bodega.proof.bench.ground import Ground
from bodega.proof.bench.meter import Meter
from bodega.proof.bench.report import Latency, Rush

SOLD: Final = "sold"
_PRICE: Final = 49_00
_AT_THE_SAME_TIME: Final = 16
"""How many get their cart ready at once, beforehand."""


@dataclass
class _Tally:
    """What was answered besides a buyer's last answer, by all buyers together."""

    busy: Counter[str] = field(default_factory=Counter)
    undecided: Counter[str] = field(default_factory=Counter)


async def measure(ground: Ground, buyers: int, units: int, at_once: int, *, slug: str = "bench-rush") -> Rush:
    """Everybody has a full cart and knows the price. Then so many check out at once, and whenever one of them has the
    last answer, the next one comes. `slug`: of the product that all want; there must be none yet."""
    sku = await ground.merchant.makes(slug, price=_PRICE, stock=units)
    waiting = await _ready(ground, buyers, sku)
    await ground.rests("carts")
    tally, meter, began = _Tally(), Meter(ground.instance), time.monotonic()
    answers = await _all_check_out(ground, waiting, at_once, tally)
    seconds = time.monotonic() - began
    await ground.rests("rush")
    on_hand, reserved = await ground.rest.stock(sku)
    return Rush(
        buyers=buyers,
        units=units,
        at_once=at_once,
        sold=await ground.rest.orders(sku),
        told=sum(outcome == SOLD for outcome, _ in answers),
        seconds=seconds,
        sold_latency=Latency.of([took for outcome, took in answers if outcome == SOLD]),
        refused_latency=Latency.of([took for outcome, took in answers if outcome != SOLD]),
        refused=dict(Counter(outcome for outcome, _ in answers if outcome != SOLD)),
        undecided=dict(tally.undecided),
        busy=tally.busy.total(),
        on_hand=on_hand,
        reserved=reserved,
        cost=meter.cost(buyers),
    )


async def _ready(ground: Ground, buyers: int, sku: str) -> list[Buyer]:
    """So many buyers before their last step. A cart is a token, not a connection: they hang up until it is their turn,
    or there could be no more of them than a process may have sockets."""
    turns, ready = asyncio.Semaphore(_AT_THE_SAME_TIME), 0

    async def prepare(_: int) -> Buyer:
        nonlocal ready
        async with turns, visitor(ground.instance.api_url, ground.addresses.next()) as somebody:
            buyer = Buyer(somebody)
            await buyer.fill_cart(sku)
            await buyer.quote()
        ready += 1
        ground.progress("rush: carts", ready, buyers)
        return buyer

    return await all_of(buyers, prepare)


async def _all_check_out(ground: Ground, waiting: list[Buyer], at_once: int, tally: _Tally) -> list[tuple[str, float]]:
    """What became of each, and after how many seconds from its turn on."""
    turns, done = asyncio.Semaphore(at_once), 0

    async def take_turn(number: int) -> tuple[str, float]:
        nonlocal done
        buyer = waiting[number]
        async with (
            turns,
            visitor(ground.instance.api_url, buyer.visitor.address, tally.busy, tally.undecided) as somebody,
        ):
            buyer.visitor = somebody
            answer = await _check_out(buyer)
        done += 1
        ground.progress("rush", done, len(waiting))
        return answer

    return await all_of(len(waiting), take_turn)


async def _check_out(buyer: Buyer) -> tuple[str, float]:
    """What became of it, and after how many seconds that was known."""
    began = time.monotonic()
    try:
        await buyer.check_out(waits())
    except Refused as refusal:
        return refusal.answer, time.monotonic() - began
    return SOLD, time.monotonic() - began
