"""Brings a large catalogue into a shop, by the merchant's API.

The products go in by their numbers, some hundred to a request; their stock follows as soon as inventory has heard of
them; at the end search is asked whether it has them all. Safe to kill at any point and to run again, with the same
number or a larger one: the catalog is asked for where it was, and only the last requests are sent once more, which
changes nothing that they have done. Never more is held than a few requests' products, however many there are.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic_core import to_json

from bodega.demo.api import SeedError, ShopApi, waits
from bodega.demo.bulk.goods import Goods, categories, goods, slug_of
from bodega.demo.catalogue import CURRENCY

PRODUCTS_AT_ONCE: Final = 500
"""In one request, which takes the catalog a second or two."""
_ROWS_AT_ONCE: Final = 1_000
"""Counts in one request: an import's report names so many rows, and no more."""
_WAITING: Final = 2
"""Requests' products whose stock may wait while more products go in."""
_UNSURE: Final = _WAITING + 3
"""Of so many requests before the first product that is missing, one that was killed may not have done all: those whose
stock waited, the one whose stock was on its way, the one that waited for a place, and the one that was being sent."""
_PATIENCE_SECONDS: Final = 120.0
"""How long nothing may come in the index before we give up waiting for it."""
_LOOK_SECONDS: Final = 1.0

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class BulkReport:
    """What a run made."""

    products_made: int
    products_kept: int
    skus_stocked: int
    seconds: float


class BulkSeeder:
    """Brings one shop to `total` products. `progress` hears (stage, products done, of how many)."""

    def __init__(self, api: ShopApi, total: int, currency: str, progress: Progress | None = None) -> None:
        self._api = api
        self._total = total
        self._currency = currency
        self._progress: Progress = progress or (lambda stage, done, total: None)
        self._made = 0
        self._stocked = 0
        self._came_in_stock = 0

    async def run(self) -> BulkReport:
        started = time.monotonic()
        await self._make_categories()
        before = await self._in_search()
        await self._bring_in(await self._first_unsure())
        await self._wait_for_search(in_stock=before[1] + self._came_in_stock)
        return BulkReport(self._made, self._total - self._made, self._stocked, time.monotonic() - started)

    async def _make_categories(self) -> None:
        known = await self._api.categories()
        for body in categories():
            await self._api.ensure_category(known.get(body["slug"]), body)

    async def _first_unsure(self) -> int:
        """The number of the first product that is perhaps not in the shop, or not with its stock.

        Requests go in one after the other: what is missing is missing from some product on.
        """
        there, missing = -1, -(-self._total // PRODUCTS_AT_ONCE)
        while missing - there > 1:
            middle = (there + missing) // 2
            if await self._api.find_product(slug_of(middle * PRODUCTS_AT_ONCE)) is None:
                missing = middle
            else:
                there = middle
        return max(0, missing - _UNSURE) * PRODUCTS_AT_ONCE

    async def _bring_in(self, first: int) -> None:
        waiting: asyncio.Queue[Sequence[Goods] | None] = asyncio.Queue(_WAITING)

        async def products() -> None:
            for lot in self._lots(first):
                report = await self._api.import_products(_lines([one.row for one in lot]))
                self._made += report["created"]
                await waiting.put(lot)
            await waiting.put(None)

        async def stock() -> None:
            done = first
            while (lot := await waiting.get()) is not None:
                await self._stock(lot)
                done += len(lot)
                self._progress("products", done, self._total)

        self._progress("products", first, self._total)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(products())
                group.create_task(stock())
        except ExceptionGroup as several:
            raise several.exceptions[0] from several

    def _lots(self, first: int) -> Iterator[Sequence[Goods]]:
        for start in range(first, self._total, PRODUCTS_AT_ONCE):
            yield [goods(number, self._currency) for number in range(start, min(start + PRODUCTS_AT_ONCE, self._total))]

    async def _stock(self, lot: Sequence[Goods]) -> None:
        """Sets the stock that nobody has touched yet, as soon as inventory knows the SKUs."""
        wanted = [(sku, on_hand) for one in lot for sku, on_hand in one.stock.items() if on_hand]
        touched: set[str] = set()
        for start in range(0, len(wanted), _ROWS_AT_ONCE):
            touched |= await self._count(dict(wanted[start : start + _ROWS_AT_ONCE]))
        self._came_in_stock += sum(one.in_stock and touched.isdisjoint(one.stock) for one in lot)

    async def _count(self, left: dict[str, int]) -> set[str]:
        """Sets what is on hand of these SKUs. Those that somebody has changed before are left alone, and told."""
        touched: set[str] = set()
        for wait in waits():
            # Version 1: as it was when inventory heard of the SKU. What was sold since must not come back.
            rows = [{"sku": sku, "on_hand": on_hand, "version": 1} for sku, on_hand in left.items()]
            report = await self._api.import_stock(_lines(rows))
            self._stocked += report["updated"]
            said = {error["sku"]: error for error in report["errors"]}
            touched |= {sku for sku, error in said.items() if error["code"] == "stale_version"}
            left = {sku: left[sku] for sku, error in said.items() if error["code"] == "not_found"}
            if wrong := said.keys() - touched - left.keys():
                raise SeedError("POST", "/admin/inventory/import", 200, said[min(wrong)])
            if not left:
                return touched
            await asyncio.sleep(wait)
        raise SeedError("POST", "/admin/inventory/import", 200, f"inventory has not heard of {min(left)}")

    async def _wait_for_search(self, *, in_stock: int) -> None:
        """Until search finds every product, and so many in stock."""
        best, moved_at = (0, 0), time.monotonic()
        while True:
            found = await self._in_search()
            if found[0] >= self._total and found[1] >= in_stock:
                return
            if found > best:
                best, moved_at = found, time.monotonic()
            elif time.monotonic() - moved_at > _PATIENCE_SECONDS:
                raise SeedError(
                    "GET", "/search", 200,
                    f"{found[0]} of {self._total} products are found, {found[1]} in stock of at least {in_stock}, and "
                    f"for {_PATIENCE_SECONDS:.0f} s none has come",
                )  # fmt: skip
            self._progress("found by search", min(*found, self._total), self._total)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _in_search(self) -> tuple[int, int]:
        return await self._api.found(category["slug"] for category in categories())


def _lines(rows: Sequence[object]) -> bytes:
    return b"\n".join(map(to_json, rows)) + b"\n"


async def seed_bulk(
    api_url: str,
    *,
    merchant: tuple[str, str],
    products: int,
    currency: str = CURRENCY,
    progress: Progress | None = None,
) -> BulkReport:
    """Brings the shop behind `api_url` (the gateway) to `products` products of the large catalogue, and waits until
    search finds them.

    The merchant must exist; `currency` is the one that the shop sells in. `progress` is told (stage, done, total).
    Raises SeedError for an answer one cannot go on with, aiohttp.ClientError or TimeoutError if the shop is away for
    over a minute.
    """
    async with ShopApi(api_url, *merchant) as api:
        if not await api.log_in():
            raise SeedError("POST", "/auth/login", 401, f"there is no merchant {merchant[0]} with this password")
        return await BulkSeeder(api, products, currency, progress).run()
