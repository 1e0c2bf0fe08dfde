"""A rush: more buyers than there are units, who all send their order at the same moment."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
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


async def measure(ground: Ground, buyers: int, units: int) -> Rush:
    """Everybody has a full cart and knows the price; then all check out."""
    sku = await ground.merchant.makes(f"bench-rush-{buyers}-{units}", price=_PRICE, stock=units)
    told_busy: Counter[str] = Counter()
    async with _ready(ground, buyers, sku, told_busy) as waiting:
        await ground.rests("carts")
        told_busy.clear()
        meter, began = Meter(ground.instance), time.monotonic()
        ground.progress("rush", 0, 1)
        answers = await all_of(buyers, lambda number: _check_out(waiting[number]))
        seconds = time.monotonic() - began
        ground.progress("rush", 1, 1)
    await ground.rests("rush")
    on_hand, reserved = await ground.rest.stock(sku)
    return Rush(
        buyers=buyers,
        units=units,
        sold=await ground.rest.orders(sku),
        told=sum(outcome == SOLD for outcome, _ in answers),
        seconds=seconds,
        sold_latency=Latency.of([took for outcome, took in answers if outcome == SOLD]),
        refused_latency=Latency.of([took for outcome, took in answers if outcome != SOLD]),
        refused=dict(Counter(outcome for outcome, _ in answers if outcome != SOLD)),
        busy=told_busy.total(),
        on_hand=on_hand,
        reserved=reserved,
        cost=meter.cost(buyers),
    )


@asynccontextmanager
async def _ready(ground: Ground, buyers: int, sku: str, told_busy: Counter[str]) -> AsyncIterator[list[Buyer]]:
    """So many buyers before their last step, each with an open connection."""
    turns, ready = asyncio.Semaphore(_AT_THE_SAME_TIME), 0

    async def prepare(_: int) -> Buyer:
        nonlocal ready
        async with turns:
            address = ground.addresses.next()
            buyer = Buyer(await stack.enter_async_context(visitor(ground.instance.api_url, address, told_busy)))
            await buyer.fill_cart(sku)
            await buyer.quote()
        ready += 1
        ground.progress("rush: carts", ready, buyers)
        return buyer

    async with AsyncExitStack() as stack:
        yield await all_of(buyers, prepare)


async def _check_out(buyer: Buyer) -> tuple[str, float]:
    """What became of it, and after how many seconds that was known."""
    began = time.monotonic()
    try:
        await buyer.check_out(waits())
    except Refused as refusal:
        return refusal.answer, time.monotonic() - began
    return SOLD, time.monotonic() - began
