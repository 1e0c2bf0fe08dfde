"""The event door: what inventory does about what others say. One function per event."""

from bodega.contracts.catalog import ProductArchived, ProductUpdated
from bodega.contracts.orders import CHECKOUT_REPLACED, OrderCancelled, OrderPaid
from bodega.kit.db import Transaction
from bodega.kit.inbox import Hears, Received
from bodega.services.inventory import service, store


async def product_updated(tx: Transaction, event: Received[ProductUpdated]) -> None:
    product = event.data.product
    await store.learn_product(tx, product.id, [variant.sku for variant in product.variants], product.version)


async def product_archived(tx: Transaction, event: Received[ProductArchived]) -> None:
    # What is in the warehouse stays there, and can be counted.
    await store.learn_product(tx, event.data.product_id, event.data.skus, event.data.version)


async def order_paid(tx: Transaction, event: Received[OrderPaid]) -> None:
    await service.commit(tx, event.data.reservation_id, cause=event.id)


async def order_cancelled(tx: Transaction, event: Received[OrderCancelled]) -> None:
    replaced = event.data.reason == CHECKOUT_REPLACED
    await service.cancel(tx, event.data.reservation_id, replaced=replaced, cause=event.id)


HEARS = (
    Hears("ProductUpdated", ProductUpdated, product_updated, shares=True),
    Hears("ProductArchived", ProductArchived, product_archived, shares=True),
    Hears("OrderPaid", OrderPaid, order_paid),
    Hears("OrderCancelled", OrderCancelled, order_cancelled),
)
