"""The event door: what search does about what others say. One function per kind of news. A flood of it is taken many at
a time: a request to the engine costs as much for one product as for thirty."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from pydantic import BaseModel

from bodega.contracts.catalog import CategoryUpdated, ProductArchived, ProductUpdated
from bodega.contracts.inventory import (
    InventoryAdjusted,
    InventoryCommitted,
    InventoryReleased,
    InventoryReserved,
    InventoryShort,
)
from bodega.kit.inbox import Hears, Received
from bodega.kit.telemetry import log
from bodega.services.search import domain, service
from bodega.services.search.domain import Stock
from bodega.services.search.flows import Herald
from bodega.services.search.store import Store

_log = log()
StockChanged = InventoryReserved | InventoryReleased | InventoryCommitted | InventoryAdjusted | InventoryShort


async def products_changed(
    store: Store, herald: Herald, events: Sequence[Received[ProductUpdated | ProductArchived]]
) -> None:
    await service.take_products(
        store,
        [
            domain.document(event.data.product)
            if isinstance(event.data, ProductUpdated)
            else domain.tombstone(event.data.product_id, event.data.version)
            for event in events
        ],
    )
    herald.mark()


async def categories_changed(store: Store, herald: Herald, events: Sequence[Received[CategoryUpdated]]) -> None:
    await store.put([domain.category_document(event.data) for event in events])
    herald.mark()


async def stock_changed(store: Store, herald: Herald, events: Sequence[Received[StockChanged]]) -> None:
    """Only what changes the answer: the SKU sold out or came back, or nothing was known of it."""
    told = [event.data for event in events]
    untold = await store.untold(sorted({one.sku for one in told if not one.in_stock_flipped}))
    news = [one for one in told if one.in_stock_flipped or one.sku in untold]
    if news:
        await service.take_stock(store, [Stock(one.sku, one.product_id, one.in_stock, one.version) for one in news])
        herald.mark()


class Gathered:
    """Takes in one go what several partitions bring at the same time: the SKUs of one product are told in any of them,
    and each writing of a product has the engine analyse all of its words anew. Whoever comes while something is taken
    is in the next go. What goes wrong is said to all of a go, once each has been tried alone."""

    def __init__(self, take: Callable[[Sequence[Received[Any]]], Awaitable[None]]) -> None:
        self._take = take
        self._waiting: list[tuple[Sequence[Received[Any]], asyncio.Future[None]]] = []
        self._taking: asyncio.Task[None] | None = None

    async def __call__(self, events: Sequence[Received[Any]]) -> None:
        """Returns when it is written. Raises what `take` raises of these events."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, done))
        if self._taking is None:
            self._taking = asyncio.create_task(self._take_all())
        await done

    async def _take_all(self) -> None:
        await asyncio.sleep(0)  # the partitions of a poll are worked side by side: all of them have come by then
        while self._waiting:
            several, self._waiting = self._waiting, []
            if not await self._took([one for events, _ in several for one in events]):
                for events, done in several:
                    await self._take_alone(events, done)
            for _, done in several:
                if not done.done():  # else it has failed, or who brought it has been stopped
                    done.set_result(None)
        self._taking = None

    async def _took(self, events: Sequence[Received[Any]]) -> bool:
        try:
            await self._take(events)
        except Exception as error:  # which of them it was, each shows alone
            _log.warning("news is taken partition by partition", count=len(events), error=error)
            return False
        return True

    async def _take_alone(self, events: Sequence[Received[Any]], done: asyncio.Future[None]) -> None:
        try:
            await self._take(events)
        except Exception as error:  # it is whoever brought them that judges it
            if not done.done():
                done.set_exception(error)


def _hears(name: str, model: type[BaseModel], handler: Callable[[Sequence[Received[Any]]], Awaitable[None]]) -> Hears:
    return Hears(name, model, lambda event: handler([event]), together=handler)


def hears(store: Store, herald: Herald) -> tuple[Hears, ...]:
    products, stock = partial(products_changed, store, herald), Gathered(partial(stock_changed, store, herald))
    return (
        _hears("ProductUpdated", ProductUpdated, products),
        _hears("ProductArchived", ProductArchived, products),
        _hears("CategoryUpdated", CategoryUpdated, partial(categories_changed, store, herald)),
        _hears("InventoryReserved", InventoryReserved, stock),
        _hears("InventoryReleased", InventoryReleased, stock),
        _hears("InventoryCommitted", InventoryCommitted, stock),
        _hears("InventoryAdjusted", InventoryAdjusted, stock),
        _hears("InventoryShort", InventoryShort, stock),
    )
