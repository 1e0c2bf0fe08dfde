"""The event door: what shipping does about what orders says. One function per event."""

from collections.abc import Sequence

from bodega.contracts.orders import OrderCancelled, OrderPaid
from bodega.kit.db import Transaction
from bodega.kit.flow import Flows
from bodega.kit.inbox import Hears, Received
from bodega.services.shipping import service
from bodega.services.shipping.settings import Settings


def heard_with(fulfilment: Flows, settings: Settings) -> Sequence[Hears]:
    """What is heard; what begins or ends there is a flow of `fulfilment`."""

    async def order_paid(tx: Transaction, event: Received[OrderPaid]) -> None:
        shipment = await service.want(tx, event.subject, event.data, settings)
        if shipment is not None:
            # The shopper's time for second thoughts: until it is over, the order can be cancelled.
            await fulfilment.start(
                tx, shipment.label_name, "ask", service.of_flow(shipment), inline=False,
                wait_seconds=settings.cancel_window_seconds,
            )  # fmt: skip

    async def order_cancelled(tx: Transaction, event: Received[OrderCancelled]) -> None:
        await fulfilment.lock(tx, service.shipment_of(event.subject))
        shipment_id = await service.drop(tx, event.subject)
        if shipment_id is not None:
            await fulfilment.end(tx, shipment_id)
        else:
            await service.stop(tx, fulfilment, event.subject)

    return (
        Hears("OrderPaid", OrderPaid, order_paid, shares=True),
        Hears("OrderCancelled", OrderCancelled, order_cancelled),
    )
