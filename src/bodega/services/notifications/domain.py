"""What a notification is: pure, no I/O.

waiting ──> sent
   ├──> parked      nobody would take it: people must look
   └──> dropped     it is no longer true, or was sent anew
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

Kind = Literal[
    "order_confirmation",
    "order_cancelled",
    "order_refunded",
    "order_link",
    "parcel_sent",
    "parcel_delivered",
    "payment_failed",
    "verify_email",
    "reset_password",
    "password_changed",
    "back_in_stock",
    "withdrawal_received",
    "withdrawal_reported",
]
Channel = Literal["mail", "sms"]
State = Literal["waiting", "sent", "parked", "dropped"]

KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person is to be told.

    `fact` names it: however often and under whatever id its event comes, the fact is the same.
    """

    kind: Kind
    fact: str
    recipient: str
    event_id: str
    subject_id: str
    data: Mapping[str, Any]
    number: str | None = None
    customer_id: str | None = None
    resend_of: str | None = None
    channel: Channel = "mail"
    """How: `recipient` is an address or a telephone number."""


@dataclass(frozen=True, slots=True)
class TextWish:
    """Which text messages somebody has agreed to get, and where."""

    phone: str
    shipped: bool
    delivered: bool


@dataclass(frozen=True, slots=True)
class StockWish:
    """Somebody wants to be told when a SKU can be had again."""

    id: int
    sku: str
    product_id: str
    email: str
    customer_id: str | None


def mails_for(available: int, told: int, per_piece: int) -> int:
    """How many more people may be told that so many pieces can be had, after `told` mails since it was sold out.
    Not everybody who is told buys, so there are `per_piece` mails for each."""
    return max(0, available * per_piece - told)


@dataclass(frozen=True, slots=True)
class Notification:
    """A notice as it stands."""

    id: str
    notice: Notice
    state: State
    message_id: str
    attempts: int
    last_error: str | None
    created_at: datetime
    sent_at: datetime | None


def message_id(fact: str, recipient: str, sender: str, channel: Channel = "mail") -> str:
    """The Message-ID (RFC 5322) of a fact for a recipient. Always the same, so that a mail of unknown fate can be
    sent again and still is one mail. It gives nothing away."""
    digest = hashlib.sha256(f"{channel}\n{fact}\n{recipient}".encode()).hexdigest()[:40]
    return f"<{digest}@{sender.rpartition('@')[2]}>"


def unsubscribe_token(secret: bytes, notification_id: str) -> str:
    """Lets whoever has the mail stop such mails, without signing in (RFC 8058). 144 bits of HMAC-SHA-256, URL-safe."""
    digest = hmac.new(secret, f"unsubscribe:{notification_id}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:18]).decode()
