"""The rules of accounts and sessions: pure, no I/O."""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from email_validator import EmailNotValidError, validate_email

from bodega.services.auth.errors import InvalidEmail

Role = Literal["customer", "merchant", "support"]
Purpose = Literal["verify", "reset"]


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An e-mail address: as it is written to, and as it is told from others."""

    address: str
    key: str


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    email: str
    password_hash: str
    roles: tuple[Role, ...]
    locale: str
    verified: bool
    version: int


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in somewhere."""

    id: str
    account_id: str
    user_agent: str
    created_at: datetime
    used_at: datetime


def mailbox(text: str) -> Mailbox:
    """Upper and lower case are one mailbox, `münchen.de` and `xn--mnchen-3ya.de` too. DNS is not asked.

    Raises InvalidEmail.
    """
    try:
        found = validate_email(text, check_deliverability=False)
    except EmailNotValidError as error:
        raise InvalidEmail.field("/email", str(error)) from error
    return Mailbox(found.normalized, f"{found.local_part.casefold()}@{(found.ascii_domain or '').lower()}")


_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def own_path(text: str) -> str:
    """The path of this shop that `text` is; "/" if it is anything else. Browsers drop tabs and line ends and take a
    backslash for a slash, so nothing but visible ASCII without backslashes is let through."""
    return text if _OWN_PATH.fullmatch(text) else "/"


# --- sessions ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as it is remembered: by its hash, and what became of it."""

    hash: bytes
    replaced_seconds_ago: float | None
    """None: it is the session's current one."""
    sealed_successor: bytes | None


def verdict(token: RefreshToken, *, successor_seconds: float) -> Literal["rotate", "repeat", "reused"]:
    """What a refresh token that is shown to us means.

    The current one is rotated. Its predecessor is answered with the same successor, until that has been used or
    some seconds have passed: two tabs, or an answer that got lost. Any other is a copy: the session must end.
    """
    if token.replaced_seconds_ago is None:
        return "rotate"
    if token.sealed_successor is not None and token.replaced_seconds_ago <= successor_seconds:
        return "repeat"
    return "reused"


# --- guessing ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Allowance:
    """How often something may fail before the next attempt must wait."""

    key: str
    free: int


def wait_seconds(failures: int, free: int, *, first: float, most: float) -> float:
    """How long the next attempt must wait after so many failures in a row: doubles each time, up to `most`."""
    if failures <= free:
        return 0.0
    return float(min(most, first * 2 ** min(failures - free - 1, 30)))


def neighbourhood(address: str) -> str:
    """Who counts as one client: an IPv4 address; of IPv6 a whole /64, which a household has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


# --- signing keys -----------------------------------------------------------------------------------

KeyState = Literal["next", "current", "previous"]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`next` is published, so that everybody knows it before it signs; `previous` stays until nothing that it signed
    is still valid."""

    kid: str
    state: KeyState
    public: dict[str, str]
    sealed: bytes
    age_seconds: float
    """Since it came into this state."""


def rotation_is_due(
    keys: Collection[SigningKey], *, rotation_seconds: float, notice_seconds: float, token_seconds: float
) -> bool:
    """Whether `next` takes over. Never before everybody has had time to fetch it, and never while a token of the
    key that would be dropped may still be valid."""
    ages = {key.state: key.age_seconds for key in keys}
    return (
        ages["current"] >= rotation_seconds
        and ages["next"] >= notice_seconds
        and ages.get("previous", token_seconds) >= token_seconds
    )
