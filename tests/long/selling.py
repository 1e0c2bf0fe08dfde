"""Buyers, a visitor and a merchant at work in a shop while something is done to it; then rest and judgement."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from random import Random

from bodega.cli import data
from bodega.demo.api import ShopApi
from bodega.platform.system import Instance
from bodega.proof import audit
from bodega.proof.bench.buyers import Addresses
from bodega.proof.torture.buyers import Buyer
from bodega.proof.torture.ledger import Ledger
from bodega.proof.torture.merchant import Shopkeeper
from bodega.proof.torture.run import HOT, all_up, judged, rested, stock_up
from bodega.proof.torture.visitors import Prices, Visitor

_BUYERS = 4
_BUYERS_FROM = IPv4Network("127.3.0.0/16")
_SETTLED_ORDERS = 20


@dataclass
class Sold:
    """What came of it."""

    ledger: Ledger
    judged: audit.Report
    orders_meanwhile: int
    """Orders that came while it was done."""

    @property
    def troubles(self) -> list[str]:
        """What nobody may be answered: 5xx but `busy`, and no answer at all."""
        return [f"{one.at:.1f} s: {one.kind}: {one.what}" for one in self.ledger.troubles]


async def sold_while(instance: Instance, folder: Path, act: Callable[[], Awaitable[None]]) -> Sold:
    """Load, then `act` under load, then load for a while, then rest."""
    ledger, over = Ledger(), asyncio.Event()
    async with ShopApi(instance.api_url, *await data.make_merchant(instance)) as api:
        assert await api.log_in()
        prices, currency = Prices(), instance.system.shop.currency
        skus = await stock_up(instance, api, prices, print)
        addresses, slugs = Addresses(_BUYERS_FROM), [sku.lower() for sku in skus]
        buyers = [
            Buyer(instance.api_url, addresses.next(), instance.sandbox_url, skus, ledger, Random(number), over)
            for number in range(_BUYERS)
        ]
        visitor = Visitor(instance.site_url, addresses.next(), currency, slugs, prices, ledger, Random("visitor"))
        keeper = Shopkeeper(api, currency, slugs, skus[:HOT], prices, ledger, Random("merchant"))
        async with asyncio.TaskGroup() as group:
            for buyer in buyers:
                group.create_task(buyer.run())
            group.create_task(keeper.run(over))
            group.create_task(visitor.run(over))
            try:
                await _more_orders(ledger, _SETTLED_ORDERS)
                before = len(ledger.orders)
                await act()
                meanwhile = len(ledger.orders) - before
                await _more_orders(ledger, _SETTLED_ORDERS)
            finally:
                over.set()
    await all_up(instance)
    await rested(instance, ledger)
    told = folder / "answers.jsonl"
    ledger.write_answers(told)
    return Sold(ledger, await judged(instance, told), meanwhile)


async def _more_orders(ledger: Ledger, count: int) -> None:
    """Until so many more have come. Raises TimeoutError."""
    wanted = len(ledger.orders) + count
    async with asyncio.timeout(300):
        while len(ledger.orders) < wanted:
            await asyncio.sleep(0.2)
