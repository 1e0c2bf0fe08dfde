"""What notifications does. Each use case runs in the one transaction that its door has opened."""

from dataclasses import replace

from bodega.contracts.ids import new_id
from bodega.contracts.inventory import SHOWN_UP_TO, Availability
from bodega.kit.db import Transaction
from bodega.kit.flow import Flows
from bodega.services.notifications import domain, store
from bodega.services.notifications.domain import Notice
from bodega.services.notifications.errors import InStock, NoLongerKept, StillToBeSent, TooManyWishes, UnknownSku
from bodega.services.notifications.settings import Settings


async def tell(tx: Transaction, mailing: Flows, notice: Notice, settings: Settings, *, step: str = "send") -> None:
    """Tells somebody something, once: nothing happens, if they are told already. `step`: where its flow begins."""
    await _begin(tx, mailing, new_id("ntf"), notice, settings, step)


async def no_longer_failed(tx: Transaction, mailing: Flows, order_id: str) -> None:
    """Its shopper has ordered anew: nobody need read that a card was declined."""
    waiting = await store.find_waiting(tx, order_id, "payment_failed")
    if waiting:
        await mailing.lock(tx, *waiting)
    for notification_id in waiting:
        if await store.drop(tx, notification_id):
            await mailing.end(tx, notification_id)


async def resend(
    tx: Transaction, mailing: Flows, notification_id: str, new_notification_id: str, settings: Settings
) -> None:
    """The same again as a mail of its own: somebody has lost the first, or it was never taken.

    Raises: NotificationNotFound, StillToBeSent, NoLongerKept.
    """
    original = await store.lock(tx, notification_id)
    if original.state == "waiting":
        raise StillToBeSent("it has not been sent yet, but is still being tried")
    if not original.notice.data:
        raise NoLongerKept("What it said, and to whom it went, is no longer kept.")
    again = replace(original.notice, fact=f"{original.notice.fact}#{new_notification_id}", resend_of=original.id)
    await _begin(tx, mailing, new_notification_id, again, settings, "send")
    await store.replace_parked(tx, original.id)


async def no_more_such_mails(tx: Transaction, notification_id: str) -> None:
    """Whoever got this mail wants none of its kind any more.

    Raises: NotificationNotFound.
    """
    notice = (await store.get(tx, notification_id)).notice
    if notice.kind == "back_in_stock":
        await store.stop_stock_mails(tx, notice.recipient)
    elif notice.customer_id is not None:
        await store.save_preferences(tx, notice.customer_id, delivery_mails=False)
    else:
        await store.unsubscribe(tx, notice.recipient)


# --- back in stock ----------------------------------------------------------------------------------


async def wish_for_stock(
    tx: Transaction, stock: Availability, email: str, customer_id: str | None, settings: Settings
) -> None:
    """Keeps the wish to be told when a SKU is back; the same again changes nothing. `stock`: inventory's last word.

    The SKU's row is locked: a restocking that is heard at the same instant is seen here, or sees the wish.

    Raises: UnknownSku, InStock, TooManyWishes.
    """
    if not stock.version or stock.product_id is None:
        raise UnknownSku("No product has this SKU.")
    known = await store.note_stock(tx, stock.sku, stock.version, _pieces(stock))
    if known.available > 0:
        raise InStock("This is in stock again. You can order it now.")
    if await store.wants_no_stock_mails(tx, email):
        return  # they have told us so by a mail's link; whoever asks here may be somebody else
    await store.lock_address(tx, email)
    if await store.is_wished(tx, stock.sku, stock.product_id, email):
        return
    if await store.count_stock_wishes(tx, email) >= settings.stock_wishes_per_address:
        raise TooManyWishes("This e-mail address is already waiting for as many products as it can.")
    await store.insert_stock_wish(tx, stock.sku, stock.product_id, email, customer_id)


async def stock_changed(
    tx: Transaction, mailing: Flows, sku: str, product_id: str | None, version: int, available: int,
    settings: Settings, *, cause: str,
) -> None:  # fmt: skip
    """Tells who waits for a SKU, first come first served, and no more people than there is something for. A wish ends
    with its mail."""
    seen = await store.note_stock(tx, sku, version, available)
    if product_id is None:
        return
    # Also if this event is an old one: somebody who asked may have brought us newer figures before it.
    count = domain.mails_for(seen.available, seen.told, settings.stock_mails_per_piece)
    if not count or (tx.shared and not await store.is_wished_for(tx, sku, product_id)):
        return
    tx.keep_to_itself()
    wishes = await store.take_stock_wishes(tx, sku, product_id, count)
    for wish in wishes:
        notice = Notice(
            kind="back_in_stock",
            fact=f"wish/{wish.id}",
            recipient=wish.email,
            event_id=cause,
            subject_id=sku,
            data={"sku": sku, "product_id": product_id},
            customer_id=wish.customer_id,
        )
        await tell(tx, mailing, notice, settings)
    if wishes:
        await store.note_told(tx, sku, len(wishes))


def _pieces(stock: Availability) -> int:
    if stock.available is not None:
        return stock.available
    return stock.shown if isinstance(stock.shown, int) else SHOWN_UP_TO + 1


async def _begin(
    tx: Transaction, mailing: Flows, notification_id: str, notice: Notice, settings: Settings, step: str
) -> None:
    message_id = domain.message_id(notice.fact, notice.recipient, settings.mail_from, notice.channel)
    if await store.insert(tx, notification_id, notice, message_id):
        await mailing.start(tx, notification_id, step, {}, inline=False, due_seconds=settings.retry_give_up_seconds)
