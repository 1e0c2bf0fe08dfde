"""The event door: what search does about what others say. One function per kind of news. A flood of it is taken many at
a time: a request to the engine costs as much for one product as for thirty."""

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
from bodega.services.search import domain, service
from bodega.services.search.domain import Stock
from bodega.services.search.flows import Herald
from bodega.services.search.store import Store

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


def _hears(name: str, model: type[BaseModel], handler: Callable[[Sequence[Received[Any]]], Awaitable[None]]) -> Hears:
    return Hears(name, model, lambda event: handler([event]), together=handler)


def hears(store: Store, herald: Herald) -> tuple[Hears, ...]:
    products, stock = partial(products_changed, store, herald), partial(stock_changed, store, herald)
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
