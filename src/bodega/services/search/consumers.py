"""The event door: what search does about what others say. One function per event."""

from functools import partial

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


async def product_updated(store: Store, herald: Herald, event: Received[ProductUpdated]) -> None:
    await service.take_products(store, [domain.document(event.data.product)])
    herald.mark()


async def product_archived(store: Store, herald: Herald, event: Received[ProductArchived]) -> None:
    await service.take_products(store, [domain.tombstone(event.data.product_id, event.data.version)])
    herald.mark()


async def category_updated(store: Store, herald: Herald, event: Received[CategoryUpdated]) -> None:
    await store.put([domain.category_document(event.data)])
    herald.mark()


async def stock_changed(store: Store, herald: Herald, event: Received[StockChanged]) -> None:
    """Only what changes the answer: the SKU sold out or came back, or nothing was known of it."""
    told = event.data
    if told.in_stock_flipped or not await store.find_stock([told.sku]):
        await service.take_stock(store, Stock(told.sku, told.product_id, told.in_stock, told.version))
        herald.mark()


def hears(store: Store, herald: Herald) -> tuple[Hears, ...]:
    return (
        Hears("ProductUpdated", ProductUpdated, partial(product_updated, store, herald)),
        Hears("ProductArchived", ProductArchived, partial(product_archived, store, herald)),
        Hears("CategoryUpdated", CategoryUpdated, partial(category_updated, store, herald)),
        Hears("InventoryReserved", InventoryReserved, partial(stock_changed, store, herald)),
        Hears("InventoryReleased", InventoryReleased, partial(stock_changed, store, herald)),
        Hears("InventoryCommitted", InventoryCommitted, partial(stock_changed, store, herald)),
        Hears("InventoryAdjusted", InventoryAdjusted, partial(stock_changed, store, herald)),
        Hears("InventoryShort", InventoryShort, partial(stock_changed, store, herald)),
    )
