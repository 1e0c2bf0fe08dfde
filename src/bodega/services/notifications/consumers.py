"""The event door: whom the others' facts are told to. One function per event."""

from collections.abc import Sequence
from dataclasses import replace

from bodega.contracts.inventory import SHOWN_UP_TO, InventoryAdjusted, InventoryReleased, InventoryReserved
from bodega.contracts.orders import (
    CHECKOUT_REPLACED,
    OrderCancelled,
    OrderLinkRequested,
    OrderPaid,
    OrderRefunded,
    WithdrawalReceived,
)
from bodega.contracts.payments import PaymentFailed
from bodega.contracts.shipping import ShipmentDelivered, ShipmentPickedUp
from bodega.contracts.users import CustomerRegistered, PasswordChanged, PasswordResetRequested
from bodega.kit.db import Transaction
from bodega.kit.flow import Flows
from bodega.kit.inbox import Hears, Received
from bodega.services.notifications import service, store
from bodega.services.notifications.domain import Kind, Notice
from bodega.services.notifications.settings import Settings

_OrderTold = (
    Received[OrderPaid]
    | Received[OrderCancelled]
    | Received[OrderRefunded]
    | Received[OrderLinkRequested]
    | Received[WithdrawalReceived]
)

_Stock = InventoryReserved | InventoryReleased | InventoryAdjusted

LINK_EVERY_SECONDS = 600
"""How often the link of an order is sent, however often it is wanted."""


def heard_with(mailing: Flows, settings: Settings) -> Sequence[Hears]:
    """What is heard; each message is a flow of `mailing`."""

    async def order_paid(tx: Transaction, event: Received[OrderPaid]) -> None:
        # That a card was declined before is not mailed any more: its flow looks for this confirmation first.
        await service.tell(tx, mailing, _of_order("order_confirmation", event, f"{event.subject}/paid"), settings)

    async def order_cancelled(tx: Transaction, event: Received[OrderCancelled]) -> None:
        # Who never paid has left by themselves. An order says it again, unpaid, when a payment turns up later.
        # What takes the place of a checkout has another order: nobody need read that a card was declined for this one.
        if event.data.reason == CHECKOUT_REPLACED:
            await service.no_longer_failed(tx, mailing, event.subject)
        if event.data.was_paid:
            await service.tell(tx, mailing, _of_order("order_cancelled", event, f"{event.subject}/cancelled"), settings)

    async def order_refunded(tx: Transaction, event: Received[OrderRefunded]) -> None:
        # Each refund is a fact of its own; what has been given back in all tells them apart.
        fact = f"{event.subject}/refunded/{event.data.refunded_total.amount}"
        await service.tell(tx, mailing, _of_order("order_refunded", event, fact), settings)

    async def order_link_requested(tx: Transaction, event: Received[OrderLinkRequested]) -> None:
        # Whoever knows number and address could fill a mailbox: in ten minutes it is one fact, however often wanted.
        window = int(event.data.requested_at.timestamp()) // LINK_EVERY_SECONDS
        await service.tell(tx, mailing, _of_order("order_link", event, f"{event.subject}/link/{window}"), settings)

    async def withdrawal_received(tx: Transaction, event: Received[WithdrawalReceived]) -> None:
        # Sent whatever somebody wants to be told: the law asks for it. Each statement is a fact of its own.
        receipt = _of_order(
            "withdrawal_received",
            event,
            f"{event.data.withdrawal_id}/{'receipt' if event.data.number else 'unmatched'}",
        )
        await service.tell(tx, mailing, receipt, settings)
        if settings.merchant_email:
            report = replace(
                receipt, kind="withdrawal_reported", fact=f"{receipt.fact}/report", recipient=settings.merchant_email
            )
            await service.tell(tx, mailing, report, settings)

    async def shipment_picked_up(tx: Transaction, event: Received[ShipmentPickedUp]) -> None:
        notice = _of_parcel("parcel_sent", event)
        await service.tell(tx, mailing, notice, settings)
        wish = await store.find_text_wish(tx, notice.customer_id)
        if wish is not None and wish.shipped:
            await service.tell(tx, mailing, replace(notice, channel="sms", recipient=wish.phone), settings)

    async def shipment_delivered(tx: Transaction, event: Received[ShipmentDelivered]) -> None:
        notice = _of_parcel("parcel_delivered", event)
        if await store.wants_delivery_mails(tx, notice.customer_id, notice.recipient):
            await service.tell(tx, mailing, notice, settings)
        wish = await store.find_text_wish(tx, notice.customer_id)
        if wish is not None and wish.delivered:
            await service.tell(tx, mailing, replace(notice, channel="sms", recipient=wish.phone), settings)

    async def payment_failed(tx: Transaction, event: Received[PaymentFailed]) -> None:
        if event.data.email is None:
            return
        notice = Notice(
            kind="payment_failed",
            fact=f"{event.subject}/payment_failed",
            recipient=event.data.email,
            event_id=event.id,
            subject_id=event.subject,
            data=event.data.model_dump(mode="json"),
        )
        await service.tell(tx, mailing, notice, settings, step="wait")

    async def customer_registered(tx: Transaction, event: Received[CustomerRegistered]) -> None:
        await service.tell(tx, mailing, _of_customer("verify_email", event), settings)

    async def password_reset_requested(tx: Transaction, event: Received[PasswordResetRequested]) -> None:
        await service.tell(tx, mailing, _of_customer("reset_password", event), settings)

    async def password_changed(tx: Transaction, event: Received[PasswordChanged]) -> None:
        await service.tell(tx, mailing, _of_customer("password_changed", event), settings)

    async def stock_changed(tx: Transaction, event: Received[_Stock]) -> None:
        data = event.data
        await service.stock_changed(
            tx, mailing, data.sku, data.product_id, data.version, _available(data), settings, cause=event.id
        )

    return (  # what takes a wish does not share: a reader who wants no more mails ends theirs of many SKUs at once
        # There are fewer than before, so nobody can be told of any. Only that it is sold out counts.
        Hears(
            "InventoryReserved",
            InventoryReserved,
            stock_changed,
            concerns=lambda event: not event.data.in_stock,
            shares=True,
        ),
        Hears("InventoryReleased", InventoryReleased, stock_changed, shares=True),
        Hears("InventoryAdjusted", InventoryAdjusted, stock_changed, shares=True),
        Hears("OrderPaid", OrderPaid, order_paid, shares=True),
        Hears("OrderCancelled", OrderCancelled, order_cancelled, shares=True),
        Hears("OrderRefunded", OrderRefunded, order_refunded, shares=True),
        Hears("OrderLinkRequested", OrderLinkRequested, order_link_requested, shares=True),
        Hears("WithdrawalReceived", WithdrawalReceived, withdrawal_received, shares=True),
        Hears("ShipmentPickedUp", ShipmentPickedUp, shipment_picked_up, shares=True),
        Hears("ShipmentDelivered", ShipmentDelivered, shipment_delivered, shares=True),
        Hears("PaymentFailed", PaymentFailed, payment_failed, shares=True),
        Hears("CustomerRegistered", CustomerRegistered, customer_registered),
        Hears("PasswordResetRequested", PasswordResetRequested, password_reset_requested),
        Hears("PasswordChanged", PasswordChanged, password_changed),
    )


def _available(stock: _Stock) -> int:
    if stock.available is None:  # told by an older release, which knew no more than ten
        return stock.shown if isinstance(stock.shown, int) else SHOWN_UP_TO + 1
    return stock.available


def _of_order(kind: Kind, event: _OrderTold, fact: str) -> Notice:
    return Notice(
        kind=kind,
        fact=fact,
        recipient=event.data.contact.email,
        event_id=event.id,
        subject_id=event.subject,
        data=event.data.model_dump(mode="json"),
        number=event.data.number,
        customer_id=event.data.customer_id,
    )


def _of_parcel(kind: Kind, event: Received[ShipmentPickedUp] | Received[ShipmentDelivered]) -> Notice:
    return Notice(
        kind=kind,
        fact=f"{event.data.shipment_id}/{kind}",
        recipient=event.data.contact.email,
        event_id=event.id,
        subject_id=event.subject,
        data=event.data.model_dump(mode="json"),
        number=event.data.number,
        customer_id=event.data.customer_id,
    )


def _of_customer(
    kind: Kind, event: Received[CustomerRegistered] | Received[PasswordResetRequested] | Received[PasswordChanged]
) -> Notice:
    # Every request for a link, and every new password, is a fact of its own.
    return Notice(
        kind=kind,
        fact=f"{event.subject}/{kind}/{event.id}",
        recipient=event.data.email,
        event_id=event.id,
        subject_id=event.subject,
        data=event.data.model_dump(mode="json"),
        customer_id=event.data.customer_id,
    )
