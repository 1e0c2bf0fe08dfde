"""What notifications does. Each use case runs in the one transaction that its door has opened."""

from dataclasses import replace

from bodega.contracts.ids import new_id
from bodega.kit.db import Transaction
from bodega.kit.flow import Flows
from bodega.services.notifications import domain, store
from bodega.services.notifications.domain import Notice
from bodega.services.notifications.errors import StillToBeSent
from bodega.services.notifications.settings import Settings


async def tell(tx: Transaction, mailing: Flows, notice: Notice, settings: Settings, *, step: str = "send") -> None:
    """Tells somebody something, once: nothing happens, if they are told already. `step`: where its flow begins."""
    await _begin(tx, mailing, new_id("ntf"), notice, settings, step)


async def no_longer_failed(tx: Transaction, mailing: Flows, order_id: str) -> None:
    """The order was paid, or its shopper has ordered anew: nobody need read that a card was declined."""
    for notification_id in await store.drop_waiting(tx, order_id, "payment_failed"):
        await mailing.end(tx, notification_id)


async def resend(
    tx: Transaction, mailing: Flows, notification_id: str, new_notification_id: str, settings: Settings
) -> None:
    """The same again as a mail of its own: somebody has lost the first, or it was never taken.

    Raises: NotificationNotFound, StillToBeSent.
    """
    original = await store.lock(tx, notification_id)
    if original.state == "waiting":
        raise StillToBeSent("it has not been sent yet, and is being tried")
    again = replace(original.notice, fact=f"{original.notice.fact}#{new_notification_id}", resend_of=original.id)
    await _begin(tx, mailing, new_notification_id, again, settings, "send")
    await store.replace_parked(tx, original.id)


async def no_more_delivery_mails(tx: Transaction, notification_id: str) -> None:
    """Whoever got this mail wants none of its kind any more.

    Raises: NotificationNotFound.
    """
    notice = (await store.get(tx, notification_id)).notice
    if notice.customer_id is not None:
        await store.save_preferences(tx, notice.customer_id, delivery_mails=False)
    else:
        await store.unsubscribe(tx, notice.recipient)


async def _begin(
    tx: Transaction, mailing: Flows, notification_id: str, notice: Notice, settings: Settings, step: str
) -> None:
    message_id = domain.message_id(notice.fact, notice.recipient, settings.mail_from, notice.channel)
    if await store.insert(tx, notification_id, notice, message_id):
        await mailing.start(tx, notification_id, step, {}, inline=False, due_seconds=settings.retry_give_up_seconds)
