"""Freshness: for how long after a merchant's change somebody is still shown what was before."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from bodega.proof.bench.buyers import Answer, Buyer, Visitor, one_error, visitor
from bodega.proof.bench.errors import Refused
from bodega.proof.bench.ground import Ground, Merchant
from bodega.proof.bench.report import Freshness, median_ms
from bodega.proof.bench.waiting import until

_SLUG: Final = "bench-freshness"
_FIRST_PRICE: Final = 10_000
_PAUSE_SECONDS: Final = 0.02
_PATIENCE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05


@dataclass
class View:
    """One way to see a price, asked for over and over by somebody who watches. `kept`: the edge keeps such answers."""

    name: str
    ask: Callable[[], Awaitable[Answer]]
    prices: Callable[[Answer], set[int]]
    kept: bool = True
    seen: list[tuple[float, float, set[int]]] = field(default_factory=list)
    """When it was asked for, when it was answered, and with which prices; by the monotonic clock."""
    is_settled: bool = False
    """Whether the last answer was as it stays: from memory, where memory keeps it."""

    async def watch(self) -> None:
        """For ever."""
        while True:
            asked = time.monotonic()
            try:
                answer = await self.ask()
            except Refused:  # it may be asked before it has heard of the product
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            self.seen.append((asked, time.monotonic(), self.prices(answer)))
            self.is_settled = answer.kept or not self.kept
            await asyncio.sleep(_PAUSE_SECONDS)

    def shows(self, price: int) -> bool:
        """Whether the last answer has this price alone."""
        return bool(self.seen) and self.is_settled and self.seen[-1][2] == {price}

    def seconds_of_old(self, price: int, since: float) -> float:
        """From `since` to the last answer with another price than this, of those asked for after `since`; 0: none."""
        old = [answered for asked, answered, prices in self.seen if asked > since and prices != {price}]
        return max(old, default=since) - since


async def measure(ground: Ground, changes: int) -> list[Freshness]:
    """One product whose price is changed so often, each time when all views show the last change."""
    sku = await ground.merchant.makes(_SLUG, price=_FIRST_PRICE, stock=1000)
    edge, api = ground.instance.edge_url, f"{ground.instance.edge_url}/api"
    async with visitor(edge, ground.addresses.next()) as pages, visitor(api, ground.addresses.next()) as programs:
        buyer = Buyer(programs)
        await until(lambda: _for_sale(buyer, sku), what="the product to be for sale", within_seconds=_PATIENCE_SECONDS,
                    every_seconds=_LOOK_SECONDS)  # fmt: skip
        return await _change(ground, views(pages, programs, buyer), sku, changes)


def views(pages: Visitor, programs: Visitor, buyer: Buyer) -> list[View]:
    """Where shoppers see the price."""
    search = f"/search?q={_SLUG}"
    return [
        View("page", lambda: pages.ask("GET", f"/products/{_SLUG}"), in_page),
        View("search", lambda: programs.ask("GET", search), in_search),
        View("API", lambda: programs.ask("GET", f"/products/{_SLUG}"), in_product),
        View("cart", buyer.look_at_cart, in_cart, kept=False),
    ]


async def _change(ground: Ground, watched: Sequence[View], sku: str, changes: int) -> list[Freshness]:
    taken: dict[str, list[float]] = {view.name: [] for view in watched}
    with one_error():
        async with watching(watched):
            await _all_show(watched, _FIRST_PRICE)
            for number in range(1, changes + 1):
                for name, seconds in (await _one_change(ground.merchant, watched, sku, _FIRST_PRICE + number)).items():
                    taken[name].append(seconds)
                ground.progress("freshness", number, changes)
    return [
        Freshness(view=name, changes=changes, median_ms=median_ms(seconds), most_ms=max(seconds) * 1000)
        for name, seconds in taken.items()
    ]


@asynccontextmanager
async def watching(watched: Sequence[View]) -> AsyncIterator[None]:
    """Somebody watches each of the views, for as long as the block lasts."""
    async with asyncio.TaskGroup() as group:
        watchers = [group.create_task(view.watch()) for view in watched]
        yield
        for watcher in watchers:
            watcher.cancel()


async def _one_change(merchant: Merchant, watched: Sequence[View], sku: str, price: int) -> dict[str, float]:
    """By view: for how many seconds after the change it still showed the old price."""
    await merchant.reprices(_SLUG, sku, price)
    changed = time.monotonic()
    await _all_show(watched, price)
    return {view.name: view.seconds_of_old(price, changed) for view in watched}


async def _all_show(watched: Sequence[View], price: int) -> None:
    async def do() -> bool | None:
        return True if all(view.shows(price) for view in watched) else None

    late = "every view to show the new price"
    await until(do, what=late, within_seconds=_PATIENCE_SECONDS, every_seconds=_LOOK_SECONDS)


async def _for_sale(buyer: Buyer, sku: str) -> bool | None:
    try:
        await buyer.fill_cart(sku)
    except Refused:
        return None
    return True


def in_page(answer: Answer) -> set[int]:
    """Every amount of money in the data of a page, in minor units."""
    return {int(found) for found in re.findall(r'\\?"amount\\?":(\d+)', answer.body.decode())}


def in_search(answer: Answer) -> set[int]:
    """The price of the product among all that was found; empty, if it was not."""
    return {int(item["price"]["amount"]) for item in answer.json["items"] if item["slug"] == _SLUG}


def in_product(answer: Answer) -> set[int]:
    """The prices of its variants."""
    return {int(variant["price"]["amount"]) for variant in answer.json["variants"]}


def in_cart(answer: Answer) -> set[int]:
    """The prices of its lines."""
    return {int(line["unit_price"]["amount"]) for line in answer.json["lines"]}
