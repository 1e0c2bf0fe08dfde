"""Whom notifications asks: auth for links with secrets, the mail server to take a mail."""

import asyncio
from email.message import EmailMessage

import aiosmtplib

from bodega.contracts.auth import MailLink, MailLinkRequest
from bodega.kit.http import Client, RemoteProblem
from bodega.services.notifications.errors import LinkGone, MailDelayed, MailRefused
from bodega.services.notifications.settings import Settings

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
                raise LinkGone(problem.code) from problem
            raise
        return link.url


class Mailer:
    """The mail server. A mail is taken, or not, or nobody knows: then it is sent again as it was."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, mail: EmailMessage, recipient: str) -> None:
        """Raises: MailRefused, MailDelayed. Neither says whom it was for: both are written to logs."""
        settings = self._settings
        security = {"auto": None, "starttls": True, "tls": False}[settings.smtp_security]
        try:
            async with asyncio.timeout(settings.smtp_timeout_seconds):
                await aiosmtplib.send(
                    mail,
                    sender=settings.mail_from,
                    recipients=[recipient],
                    hostname=settings.smtp_host,
                    port=settings.smtp_port,
                    username=settings.smtp_username,
                    password=settings.smtp_password.get_secret_value() if settings.smtp_username else None,
                    use_tls=settings.smtp_security == "tls",
                    start_tls=security,
                    timeout=settings.smtp_timeout_seconds,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _by_code(error.recipients[0].code, "the recipient") from error
        except aiosmtplib.SMTPDataError as error:
            raise _by_code(error.code, "the mail") from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            raise MailDelayed(f"the mail server did not take it: {type(error).__name__}") from error


def _by_code(code: int, what: str) -> MailRefused | MailDelayed:
    said = f"the mail server refused {what} with {code}"
    return MailRefused(said) if code >= _REFUSED_FOR_GOOD else MailDelayed(said)
