"""The event door: what search does about what others say. One function per event."""

from functools import partial

from bodega.contracts.catalog import ProductArchived, ProductUpdated
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
from bodega.services.search.store import Store

StockChanged = InventoryReserved | InventoryReleased | InventoryCommitted | InventoryAdjusted | InventoryShort


async def product_updated(store: Store, event: Received[ProductUpdated]) -> None:
    await service.take_products(store, [domain.document(event.data.product)])


async def product_archived(store: Store, event: Received[ProductArchived]) -> None:
    await service.take_products(store, [domain.tombstone(event.data.product_id, event.data.version)])


async def stock_changed(store: Store, event: Received[StockChanged]) -> None:
    """Only what changes the answer: the SKU sold out or came back, or nothing was known of it."""
    told = event.data
    if told.in_stock_flipped or not await store.find_stock([told.sku]):
        await service.take_stock(store, Stock(told.sku, told.product_id, told.in_stock, told.version))


def hears(store: Store) -> tuple[Hears, ...]:
    return (
        Hears("ProductUpdated", ProductUpdated, partial(product_updated, store)),
        Hears("ProductArchived", ProductArchived, partial(product_archived, store)),
        Hears("InventoryReserved", InventoryReserved, partial(stock_changed, store)),
        Hears("InventoryReleased", InventoryReleased, partial(stock_changed, store)),
        Hears("InventoryCommitted", InventoryCommitted, partial(stock_changed, store)),
        Hears("InventoryAdjusted", InventoryAdjusted, partial(stock_changed, store)),
        Hears("InventoryShort", InventoryShort, partial(stock_changed, store)),
    )
