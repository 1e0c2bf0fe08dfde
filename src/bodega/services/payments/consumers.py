"""The event door: what payments does about what others say. One function per event."""

from functools import partial

from bodega.contracts.orders import OrderCancelled, OrderPaid
from bodega.contracts.shipping import ShipmentCreated
from bodega.kit.db import Transaction
from bodega.kit.inbox import Hears, Received
from bodega.services.payments import service
from bodega.services.payments.flows import Workers
from bodega.services.payments.settings import Settings
from bodega.services.payments.store import Held


def hears(settings: Settings, workers: Workers) -> tuple[Hears, ...]:
    """What is heard: a shipment only counts where the shop takes its money then."""
    capture_now = settings.capture_on == "order"

    def driven(tx: Transaction, held: Held | None) -> None:
        """What the event has made due is driven as soon as it is committed: from here, or by whoever comes next."""
        tx.after_commit(workers.wake if held is None else partial(workers.take, held))

    async def order_paid(tx: Transaction, event: Received[OrderPaid]) -> None:
        hand = workers.hand_if_free()
        payment_id = event.data.payment_id
        driven(tx, await service.accept(tx, event.subject, payment_id, capture_now=capture_now, taker=hand))

    async def order_cancelled(tx: Transaction, event: Received[OrderCancelled]) -> None:
        await service.cancel_order(tx, event.subject)
        tx.after_commit(workers.wake)

    async def shipment_created(tx: Transaction, event: Received[ShipmentCreated]) -> None:
        driven(tx, await service.make_capture_due(tx, event.subject, workers.hand_if_free()))

    always = (
        Hears("OrderPaid", OrderPaid, order_paid),
        Hears("OrderCancelled", OrderCancelled, order_cancelled),
    )
    return always if capture_now else (*always, Hears("ShipmentCreated", ShipmentCreated, shipment_created))
