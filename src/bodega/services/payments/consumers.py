"""The event door: what payments does about what others say. One function per event."""

from bodega.contracts.orders import OrderCancelled, OrderPaid
from bodega.contracts.shipping import ShipmentCreated
from bodega.kit.db import Transaction
from bodega.kit.inbox import Hears, Received
from bodega.services.payments import service
from bodega.services.payments.settings import Settings


def hears(settings: Settings) -> tuple[Hears, ...]:
    """What is heard: a shipment only counts where the shop takes its money then."""
    capture_now = settings.capture_on == "order"

    async def order_paid(tx: Transaction, event: Received[OrderPaid]) -> None:
        await service.accept(tx, event.subject, event.data.payment_id, capture_now=capture_now)

    async def order_cancelled(tx: Transaction, event: Received[OrderCancelled]) -> None:
        await service.cancel_order(tx, event.subject)

    async def shipment_created(tx: Transaction, event: Received[ShipmentCreated]) -> None:
        await service.make_capture_due(tx, event.subject)

    always = (
        Hears("OrderPaid", OrderPaid, order_paid),
        Hears("OrderCancelled", OrderCancelled, order_cancelled),
    )
    return always if capture_now else (*always, Hears("ShipmentCreated", ShipmentCreated, shipment_created))
