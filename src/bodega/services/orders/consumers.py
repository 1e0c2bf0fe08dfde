"""The event door: what orders does about what others say. One function per event."""

from bodega.contracts.payments import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentFailed,
    PaymentRefunded,
)
from bodega.contracts.shipping import ShipmentCreated, ShipmentDelivered, ShipmentPickedUp
from bodega.contracts.users import CustomerVerified
from bodega.kit.db import Transaction
from bodega.kit.inbox import Hears, Received
from bodega.services.orders import service


async def payment_authorized(tx: Transaction, event: Received[PaymentAuthorized]) -> None:
    await service.accept_payment(tx, event.subject, event.data.payment_id, event.data.amount, cause=event.id)


async def payment_failed(tx: Transaction, event: Received[PaymentFailed]) -> None:
    await service.note_payment_failed(tx, event.subject, event.data.reason or "declined", cause=event.id)


async def payment_captured(tx: Transaction, event: Received[PaymentCaptured]) -> None:
    await service.note_captured(tx, event.subject, event.data.payment_id, cause=event.id)


async def payment_capture_failed(tx: Transaction, event: Received[PaymentCaptureFailed]) -> None:
    await service.capture_failed(tx, event.subject, event.data.payment_id, cause=event.id)


async def payment_refunded(tx: Transaction, event: Received[PaymentRefunded]) -> None:
    await service.refund(tx, event.subject, event.data.amount, event.data.refunded_total, cause=event.id)


async def shipment_created(tx: Transaction, event: Received[ShipmentCreated]) -> None:
    parcel = event.data
    await service.label(tx, event.subject, parcel.carrier, parcel.tracking_number, parcel.tracking_url, cause=event.id)


async def shipment_picked_up(tx: Transaction, event: Received[ShipmentPickedUp]) -> None:
    parcel = event.data
    await service.ship(tx, event.subject, parcel.carrier, parcel.tracking_number, parcel.tracking_url, cause=event.id)


async def shipment_delivered(tx: Transaction, event: Received[ShipmentDelivered]) -> None:
    parcel = event.data
    await service.deliver(
        tx, event.subject, parcel.carrier, parcel.tracking_number, parcel.tracking_url, cause=event.id
    )


async def customer_verified(tx: Transaction, event: Received[CustomerVerified]) -> None:
    await service.claim_guest_orders(tx, event.data.email, event.data.customer_id)


HEARS = (
    Hears("PaymentAuthorized", PaymentAuthorized, payment_authorized, shares=True),
    Hears("PaymentFailed", PaymentFailed, payment_failed, shares=True),
    Hears("PaymentCaptured", PaymentCaptured, payment_captured, shares=True),
    Hears("PaymentCaptureFailed", PaymentCaptureFailed, payment_capture_failed, shares=True),
    Hears("PaymentRefunded", PaymentRefunded, payment_refunded, shares=True),
    Hears("ShipmentCreated", ShipmentCreated, shipment_created, shares=True),
    Hears("ShipmentPickedUp", ShipmentPickedUp, shipment_picked_up, shares=True),
    Hears("ShipmentDelivered", ShipmentDelivered, shipment_delivered, shares=True),
    Hears("CustomerVerified", CustomerVerified, customer_verified),  # of many orders
)
