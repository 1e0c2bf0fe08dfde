"""A merchant who changes prices and stock while others buy."""

import asyncio
import itertools
from collections.abc import Sequence
from random import Random
from typing import Final

import aiohttp

from bodega.demo.api import SeedError, ShopApi
from bodega.proof.torture.drop import PIECES, Drop
from bodega.proof.torture.ledger import Ledger
from bodega.proof.torture.visitors import Prices

EVERY_SECONDS: Final = 1.0
DROP_EVERY: Final = 6
"""Of so many turns of the merchant one is a drop."""
MISTYPED: Final = 2 / 3
HOT_STOCK: Final = (0, 5, 20, 60)
"""To what a merchant counts the stock of a thing that runs out."""


class Shopkeeper:
    """Edits one thing after the other, until the run is over."""

    def __init__(
        self,
        api: ShopApi,
        currency: str,
        slugs: Sequence[str],
        hot: Sequence[str],
        drop: Drop,
        prices: Prices,
        ledger: Ledger,
        rng: Random,
    ) -> None:
        self._api = api
        self._currency = currency
        self._slugs = slugs
        self._hot = hot
        self._drop = drop
        self._prices = prices
        self._ledger = ledger
        self._rng = rng
        self.edits = 0

    async def run(self, over: asyncio.Event) -> None:
        for turn in itertools.count(1):
            if over.is_set():
                return
            try:
                if turn % DROP_EVERY == 0:
                    await self._api.set_stock(self._drop.sku, PIECES)
                    self._drop.happens()
                else:
                    await (self._restocks() if self._rng.random() < 0.5 else self._reprices())
                self.edits += 1
            except SeedError as refused:
                if refused.status >= 500:
                    self._ledger.trouble(f"{refused.status} (merchant)", str(refused))
                if refused.status == 500:
                    self._ledger.violation("answers", f"a merchant was answered {refused}")
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                self._ledger.trouble("no answer (merchant)", repr(error))
            await asyncio.sleep(EVERY_SECONDS)

    async def _restocks(self) -> None:
        await self._api.set_stock(self._rng.choice(self._hot), self._rng.choice(HOT_STOCK))

    async def _reprices(self) -> None:
        """Two times in three a price was mistyped and is corrected at once, while pages with it are being made."""
        slug = self._rng.choice(self._slugs)
        for _ in range(2 if self._rng.random() < MISTYPED else 1):
            stored = await self._api.find_product(slug)
            if stored is None:
                self._ledger.violation("answers", f"the product {slug} is gone")
                return
            amount = self._rng.randint(500, 5000)
            price = {"amount": amount, "currency": self._currency}
            change = self._prices.change(slug, amount)
            variants = [{"sku": slug.upper(), "options": {}, "price": price, "weight_grams": 500}]
            if await self._api.change_product(stored, {"variants": variants}):
                change.acknowledge()
