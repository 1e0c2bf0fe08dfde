"""The event door: what the cart does about what others say. One function per event.

There is no inbox: a snapshot never goes back behind a newer one, and an order's mark is set in the script that
takes its lines.
"""

from collections.abc import Sequence

from bodega.contracts.catalog import ProductArchived, ProductUpdated
from bodega.contracts.inventory import (
    Availability,
    InventoryAdjusted,
    InventoryCommitted,
    InventoryReleased,
    InventoryReserved,
    InventoryShort,
)
from bodega.contracts.orders import OrderPaid
from bodega.kit.inbox import Hears, Received
from bodega.services.cart.service import Room

StockFact = InventoryReserved | InventoryReleased | InventoryCommitted | InventoryAdjusted | InventoryShort


def hears(room: Room) -> Sequence[Hears]:
    """What a room with this store hears."""

    async def product_updated(event: Received[ProductUpdated]) -> None:
        await room.product_changed(event.data.product, event.time.timestamp())

    async def product_archived(event: Received[ProductArchived]) -> None:
        await room.product_archived(event.data, event.time.timestamp())

    async def stock_changed(events: Sequence[Received[StockFact]]) -> None:
        await room.stock_changed([(_availability(event.data), event.time.timestamp()) for event in events])

    def hears_stock(name: str, model: type[StockFact]) -> Hears:
        return Hears(name, model, lambda event: stock_changed([event]), together=stock_changed)

    async def order_paid(event: Received[OrderPaid]) -> None:
        order = event.data
        await room.order_paid(event.subject, order.cart_id, [(line.sku, line.quantity) for line in order.lines])

    return (
        Hears("ProductUpdated", ProductUpdated, product_updated),
        Hears("ProductArchived", ProductArchived, product_archived),
        hears_stock("InventoryReserved", InventoryReserved),
        hears_stock("InventoryReleased", InventoryReleased),
        hears_stock("InventoryCommitted", InventoryCommitted),
        hears_stock("InventoryAdjusted", InventoryAdjusted),
        hears_stock("InventoryShort", InventoryShort),
        Hears("OrderPaid", OrderPaid, order_paid),
    )


def _availability(fact: StockFact) -> Availability:
    return Availability(
        sku=fact.sku, product_id=fact.product_id, shown=fact.shown, available=fact.available, in_stock=fact.in_stock,
        version=fact.version,
    )  # fmt: skip
