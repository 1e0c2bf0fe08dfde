"""What a bench stands on: the instance, its goods, the merchant who makes them, the addresses that buyers come from."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_json

from bodega.demo.api import SeedError, ShopApi, waits
from bodega.demo.bulk.goods import Goods, categories, goods
from bodega.demo.bulk.seeding import seed_bulk
from bodega.platform.system import Instance
from bodega.proof.bench.buyers import Addresses
from bodega.proof.bench.errors import BenchError
from bodega.proof.bench.rest import Rest
from bodega.proof.bench.waiting import Progress

PRODUCTS: Final = 500
"""How large the catalogue is."""
SOLD: Final = 30
"""How many of its products guests buy."""
_STOCK: Final = 1_000_000


@dataclass
class Ground:
    """All that a measurement needs."""

    instance: Instance
    merchant: "Merchant"
    addresses: Addresses
    rest: Rest
    progress: Progress
    goods: list[Goods]
    """The whole catalogue; of the first `SOLD`, no run buys all that there is."""

    @property
    def skus(self) -> list[str]:
        """Of which there is always enough."""
        return [_first_sku(one) for one in self.goods[:SOLD]]

    @property
    def slugs(self) -> list[str]:
        return [str(one.row["slug"]) for one in self.goods]

    @property
    def words(self) -> list[str]:
        """What people look for: a word of each title, each word once."""
        return sorted({str(one.row["title"]).split()[-1] for one in self.goods})

    @property
    def categories(self) -> list[str]:
        return [category["slug"] for category in categories()]

    async def rests(self, after: str) -> None:
        """Returns when nothing is under way any more. Raises BenchError."""
        await self.rest.reached(self.progress, f"{after}: until all is at rest")


class Merchant:
    """Makes goods and changes their prices, by the API like any merchant."""

    def __init__(self, api: ShopApi, currency: str) -> None:
        self._api = api
        self._currency = currency

    async def makes(self, slug: str, *, price: int, stock: int) -> str:
        """A published product of one variant, with its stock. `price` in minor units. Its SKU."""
        sku = slug.upper()
        row = {
            "slug": slug, "title": slug.replace("-", " ").capitalize(), "brand": "Bench",
            "description": "Made by a measurement.", "categories": [], "options": [],
            "variants": self._variants(sku, price), "status": "published",
        }  # fmt: skip
        await self._api.import_products(to_json(row) + b"\n")
        await self.stocks(sku, stock)
        return sku

    async def stocks(self, sku: str, on_hand: int) -> None:
        """As soon as inventory has heard of it."""
        for wait in waits():
            if await self._api.stock_untouched(sku) is not None:
                await self._api.set_stock(sku, on_hand)
                return
            await asyncio.sleep(wait)
        raise BenchError(f"Inventory has not heard of {sku}.")

    async def reprices(self, slug: str, sku: str, price: int) -> None:
        """Returns when it is so in the catalog."""
        stored = await self._api.find_product(slug)
        if stored is None or not await self._api.change_product(stored, {"variants": self._variants(sku, price)}):
            raise BenchError(f"The price of {slug} could not be changed.")

    def _variants(self, sku: str, price: int) -> list[dict[str, Any]]:
        money = {"amount": price, "currency": self._currency}
        return [{"sku": sku, "options": {}, "price": money, "weight_grams": 500}]


@asynccontextmanager
async def prepared(instance: Instance, login: tuple[str, str], progress: Progress) -> AsyncIterator[Ground]:
    """A new instance with a catalogue and stock. `login`: the merchant's address and password. Raises BenchError, or
    what the shop's API raises."""
    if not instance.spec.unlimited:
        raise BenchError(f"The instance {instance.name} has no unlimited addresses in platform.toml.")
    currency = instance.system.shop.currency
    await seed_bulk(
        instance.api_url, merchant=login, products=PRODUCTS, currency=currency,
        progress=lambda stage, done, total: progress(f"catalogue: {stage}", done, total),
    )  # fmt: skip
    async with ShopApi(instance.api_url, *login) as api, Rest(instance) as rest:
        if not await api.log_in():
            raise SeedError("POST", "/auth/login", 401, "the merchant of the bench is not known")
        ground = Ground(
            instance, Merchant(api, currency), Addresses(instance.spec.unlimited[0]), rest, progress,
            [goods(number, currency) for number in range(PRODUCTS)],
        )  # fmt: skip
        for done, sku in enumerate(ground.skus, start=1):
            await ground.merchant.stocks(sku, _STOCK)
            progress("stock", done, SOLD)
        await ground.rests("catalogue")
        yield ground


def _first_sku(product: Goods) -> str:
    return str(product.row["variants"][0]["sku"])
