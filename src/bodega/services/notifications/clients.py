"""Whom notifications asks: auth for links with secrets, the mail server to take a mail, the SMS gateway a text."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Protocol

import aiohttp
import aiosmtplib
from pydantic import BaseModel

from bodega.contracts.auth import MailLink, MailLinkRequest
from bodega.contracts.catalog import PricedSku, Prices, PricesRequest
from bodega.contracts.inventory import Availabilities, Availability, AvailabilityRequest
from bodega.kit.http import Client, RemoteProblem
from bodega.services.notifications.errors import Delayed, LinkGone, NoLongerSold, Refused, Unwanted
from bodega.services.notifications.settings import Settings

_KEPT_SECONDS = 5
"""How long a connection waits for the next mail. Servers close theirs after minutes (RFC 5321, 4.5.3.2.7)."""
_REFUSED_FOR_GOOD = 500  # RFC 5321, 4.2.1: 4yz may be tried again, 5yz may not


class Links:
    """Links that open something. Minted for the mail that bears them, kept nowhere here."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def mint(self, event_id: str) -> str:
        """Raises: LinkGone; Unavailable."""
        try:
            link = await self._client.post("/internal/mail-links", MailLinkRequest(event_id=event_id), MailLink)
        except RemoteProblem as problem:
            if problem.status in (404, 409, 410):
                raise LinkGone("its link was used, or is too old") from problem
            raise
        return link.url


class Goods:
    """What can be bought: stock from inventory, names from the catalog."""

    def __init__(self, catalog: Client, inventory: Client) -> None:
        self._catalog = catalog
        self._inventory = inventory

    async def stock(self, sku: str) -> Availability:
        """Raises: Unavailable."""
        answer = await self._inventory.post("/internal/availability", AvailabilityRequest(skus=[sku]), Availabilities)
        return answer.items[0]

    async def sold(self, sku: str, product_id: str) -> PricedSku:
        """What it is called and where its page is.

        Raises: NoLongerSold, also where the SKU belongs to another product by now; Unavailable.
        """
        answer = await self._catalog.post("/internal/prices", PricesRequest(skus=[sku]), Prices)
        found = answer.items[0]
        if not found.sold or found.product_id != product_id:
            raise NoLongerSold("it is no longer sold")
        return found


class Mailer:
    """The mail server. A mail is taken, or not, or nobody knows: then it is sent again as it was.

    A connection that has taken a mail is kept for a few seconds, for the next one.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: list[tuple[aiosmtplib.SMTP, asyncio.Task[None]]] = []
        """Nobody uses them just now. Each with what will end it, unless there is a mail for it first."""

    async def open(self) -> None:
        """Connects with its first mail."""

    async def close(self) -> None:
        while line := self._take():
            await _end(line)

    async def send(self, mail: EmailMessage, recipient: str) -> None:
        """Raises: Refused, Delayed. Neither says whom it was for: both are written to logs."""
        settings = self._settings
        try:
            async with asyncio.timeout(settings.smtp_timeout_seconds), self._line() as line:
                await line.send_message(mail, sender=settings.mail_from, recipients=[recipient])
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _by_code(error.recipients[0].code, "the recipient") from error
        except aiosmtplib.SMTPDataError as error:
            raise _by_code(error.code, "the mail") from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            raise Delayed(f"the mail server did not take it: {type(error).__name__}") from error

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection of ours alone. Only one on which all went well is kept."""
        line = self._take() or self._new()
        try:
            if not line.is_connected:  # new, or the server has closed it meanwhile
                await line.connect()
            yield line
        except aiosmtplib.SMTPException:
            await _end(line)
            raise
        except BaseException:
            line.close()
            raise
        self._kept.append((line, asyncio.create_task(self._end_later(line))))

    def _take(self) -> aiosmtplib.SMTP | None:
        """The one that was used last, so that the others end by themselves."""
        if not self._kept:
            return None
        line, ending = self._kept.pop()
        ending.cancel()
        return line

    async def _end_later(self, line: aiosmtplib.SMTP) -> None:
        await asyncio.sleep(_KEPT_SECONDS)
        self._kept = [kept for kept in self._kept if kept[0] is not line]
        await _end(line)

    def _new(self) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username,
            password=settings.smtp_password.get_secret_value() if settings.smtp_username else None,
            use_tls=settings.smtp_security == "tls",
            start_tls={"auto": None, "starttls": True, "tls": False}[settings.smtp_security],
            timeout=settings.smtp_timeout_seconds,
        )


async def _end(line: aiosmtplib.SMTP) -> None:
    """Says goodbye, if anybody listens."""
    try:
        if line.is_connected:
            await line.quit()
    except (aiosmtplib.SMTPException, OSError):
        pass
    finally:
        line.close()


def _by_code(code: int, what: str) -> Refused | Delayed:
    said = f"the mail server refused {what} with {code}"
    return Refused(said) if code >= _REFUSED_FOR_GOOD else Delayed(said)


class Texts(Protocol):
    """An SMS gateway. `since`: before then this text was not sent."""

    async def send(self, text: str, recipient: str, *, since: datetime) -> None:
        """Raises: Refused, Unwanted, Delayed. None says whom it was for: all are written to logs."""


class _Sent(BaseModel):
    body: str
    date_created: str


class _SentList(BaseModel):
    messages: Sequence[_Sent]


class _TwilioError(BaseModel):
    code: int = 0


class Twilio:
    """Twilio's Messages resource (https://www.twilio.com/docs/messaging/api/message-resource).

    It knows no idempotency key. So it is asked first whether it has the text already: it may have taken it and its
    answer been lost.
    """

    _UNSUBSCRIBED = 21610
    _CLOCKS = timedelta(seconds=5)
    """As far as two clocks may differ, and more than Twilio rounds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = f"{settings.sms_url or settings.sandbox_url}/2010-04-01/Accounts/{settings.sms_account}/Messages"
        token = settings.sms_token_file.read_text().strip() if settings.sms_token_file is not None else "sandbox"
        self._headers = {"Authorization": aiohttp.encode_basic_auth(settings.sms_account, token)}

    async def send(self, text: str, recipient: str, *, since: datetime) -> None:
        timeout = aiohttp.ClientTimeout(total=self._settings.sms_timeout_seconds)
        try:
            async with aiohttp.ClientSession(headers=self._headers, timeout=timeout) as http:
                if not await self._has(http, text, recipient, since):
                    await self._create(http, text, recipient)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Delayed(f"the SMS gateway did not take it: {type(error).__name__}") from error

    async def _has(self, http: aiohttp.ClientSession, text: str, recipient: str, since: datetime) -> bool:
        async with http.get(f"{self._url}.json", params={"To": recipient}, allow_redirects=False) as answer:
            if answer.status != 200:
                raise Delayed(f"the SMS gateway answered {answer.status}")
            sent = _SentList.model_validate_json(await answer.read()).messages
        after = since - self._CLOCKS
        return any(one.body == text and _utc(one.date_created) >= after for one in sent)

    async def _create(self, http: aiohttp.ClientSession, text: str, recipient: str) -> None:
        sender = self._settings.sms_from
        form = {"To": recipient, "Body": text, "MessagingServiceSid" if sender.startswith("MG") else "From": sender}
        async with http.post(f"{self._url}.json", data=form, allow_redirects=False) as answer:
            if answer.status < 300:
                return
            if answer.status != 400:  # our account, their trouble, or too many: all may pass
                raise Delayed(f"the SMS gateway answered {answer.status}")
            code = _TwilioError.model_validate_json(await answer.read()).code
        if code == self._UNSUBSCRIBED:
            raise Unwanted("the recipient wants no text messages")
        raise Refused(f"the SMS gateway refused it with {code}")


def _utc(date: str) -> datetime:
    """RFC 5322; its zone `-0000`, too, is UTC, though Python does not take it for one."""
    when = parsedate_to_datetime(date)
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
