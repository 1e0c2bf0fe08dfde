"""The event door of checkout: news of the payment wake it, the end of the order ends it."""

from bodega.contracts.orders import OrderCancelled
from bodega.contracts.payments import PaymentAuthorized, PaymentFailed
from bodega.kit.db import Transaction
from bodega.kit.flow import Flows
from bodega.kit.inbox import Hears, Received
from bodega.services.checkout import service


def hears(flows: Flows) -> tuple[Hears, ...]:
    """What is heard is never taken as the answer: the flow asks payments itself, in its own order."""

    async def payment_authorized(tx: Transaction, event: Received[PaymentAuthorized]) -> None:
        await flows.wake(tx, event.data.checkout_id)

    async def payment_failed(tx: Transaction, event: Received[PaymentFailed]) -> None:
        await flows.wake(tx, event.data.checkout_id)

    async def order_cancelled(tx: Transaction, event: Received[OrderCancelled]) -> None:
        await service.order_cancelled(tx, flows, event.data.checkout_id, event.data.reason)

    return (
        Hears("PaymentAuthorized", PaymentAuthorized, payment_authorized, shares=True),
        Hears("PaymentFailed", PaymentFailed, payment_failed, shares=True),
        Hears("OrderCancelled", OrderCancelled, order_cancelled),
    )
