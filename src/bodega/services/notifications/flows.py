"""Getting one message to its reader: one flow per notification, whose id it bears.

    wait ──> send ──> done

Sending may be repeated by anybody at any time: a mail bears the same Message-ID, and is the same mail; of a text the
gateway is asked whether it has it.
"""

from functools import partial

from bodega.contracts.privacy import is_erased
from bodega.kit.db import Database, Transaction
from bodega.kit.flow import Held, Next
from bodega.kit.trouble import doubled
from bodega.services.notifications import store, templates
from bodega.services.notifications.clients import Goods, Links, Mailer, Texts
from bodega.services.notifications.domain import Notification, State
from bodega.services.notifications.errors import Delayed, LinkGone, NoLongerSold, Refused, Unwanted
from bodega.services.notifications.settings import Settings

_WITH_LINK = ("verify_email", "reset_password")


class Mailing:
    """The steps."""

    def __init__(
        self,
        database: Database,
        links: Links,
        goods: Goods,
        mailer: Mailer,
        texts: Texts,
        writer: templates.Writer,
        settings: Settings,
    ) -> None:
        self._database = database
        self._links = links
        self._goods = goods
        self._mailer = mailer
        self._texts = texts
        self._writer = writer
        self._settings = settings

    async def wait(self, _: Held) -> Next:
        """Time for what may make the mail needless."""
        return Next("send", wait_seconds=self._settings.payment_failed_mail_seconds)

    async def send(self, held: Held) -> Next:
        """Writes the message and hands it over. The first try is made however late it is: we may have been asleep."""
        async with self._database.reading() as tx:
            notification = await store.get(tx, held.id)
            needless = await _needless(tx, notification)
        if needless:
            return _ends(notification, "dropped")
        if held.overdue and held.attempts:
            return _ends(notification, "parked", error=notification.last_error or "it could not be written")
        try:
            await self._hand_over(notification)
        except (LinkGone, NoLongerSold, Unwanted) as why:
            return _ends(notification, "dropped", tried=isinstance(why, Unwanted), error=str(why))
        except Refused as refusal:
            return _ends(notification, "parked", tried=True, error=str(refusal))
        except Delayed as delay:
            return Next(
                "send",
                write=partial(
                    store.note_attempt, notification_id=held.id, becomes="waiting", tried=True, error=str(delay)
                ),
                wait_seconds=self._wait(held),
            )
        return _ends(notification, "sent", tried=True)

    async def _hand_over(self, notification: Notification) -> None:
        """Raises: LinkGone, NoLongerSold, Unwanted, Refused, Delayed; Unavailable."""
        notice = notification.notice
        if notice.channel == "sms":
            text = self._writer.text_message(notification)
            await self._texts.send(text, notice.recipient, since=notification.created_at)
        elif notice.kind == "back_in_stock":
            goods = await self._goods.sold(notice.subject_id, notice.data["product_id"])
            await self._mailer.send(self._writer.write(notification, None, goods=goods), notice.recipient)
        else:
            link = await self._links.mint(notice.event_id) if notice.kind in _WITH_LINK else None
            await self._mailer.send(self._writer.write(notification, link), notice.recipient)

    def _wait(self, held: Held) -> float:
        return doubled(self._settings.retry_first_seconds, self._settings.retry_most_seconds, held.attempts)


def _ends(notification: Notification, becomes: State, *, tried: bool = False, error: str | None = None) -> Next:
    """Should the record be lost in a crash of the database, the mail goes out once more, with the same Message-ID: as
    if we had died before we could write it."""
    write = partial(store.note_attempt, notification_id=notification.id, becomes=becomes, tried=tried, error=error)
    return Next("done", write=write, ended=True, flush=False)


async def _needless(tx: Transaction, notification: Notification) -> bool:
    """Whether what it says is no longer true. Facts of two topics come in any order."""
    notice = notification.notice
    if is_erased(notice.recipient):  # a late fact about somebody who is gone
        return True
    if notice.kind == "back_in_stock" and await store.wants_no_stock_mails(tx, notice.recipient):
        return True
    return notice.kind == "payment_failed" and await store.is_told(tx, notice.subject_id, "order_confirmation")
