"""The rules of profiles and addresses: pure, no I/O.

A profile begins blank, as soon as there is a customer. What the registration said fills what the customer has not
written since.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from bodega.contracts.fields import Address

_FALLBACK_LOCALE: Final = "en"


@dataclass(frozen=True, slots=True)
class Profile:
    """Who somebody is. None: not said yet."""

    customer_id: str
    version: int = 0
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    locale: str | None = None
    marketing_opt_in: bool = False
    marketing_changed_at: datetime | None = None
    """When the present answer to "may we write to you" was given."""

    @property
    def language(self) -> str:
        return self.locale or _FALLBACK_LOCALE


@dataclass(frozen=True, slots=True)
class KeptAddress:
    id: str
    address: Address
    default_shipping: bool
    default_billing: bool
    version: int = 1


Kind = Literal["export", "erase"]
_OTHERS: Final = ("orders", "checkout", "payments", "shipping", "notifications", "cart")
EXPORT: Final = (*_OTHERS, "auth", "users")
ERASE: Final = (*_OTHERS, "users", "auth")
"""Orders first: they name the orders by which others know a person, and may refuse. Auth last: until everything else
is done, the customer can sign in and see."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a room has told, or done, for a request."""

    room: str
    at: datetime
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PrivacyRequest:
    """Somebody wants to see what is held of them, or to be forgotten."""

    id: str
    kind: Kind
    state: Literal["running", "done", "refused"]
    asked_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None
    open_orders: list[str]
    parts: list[Part]


def registered(profile: Profile, *, email: str, name: str, locale: str) -> Profile:
    """What the registration said, where the customer has said nothing since."""
    return replace(profile, email=email, name=profile.name or name or None, locale=profile.locale or locale)


def verified(profile: Profile, *, email: str) -> Profile:
    return replace(profile, email=email, email_verified=True)


def edited(
    profile: Profile, *, name: str | None, locale: str | None, marketing_opt_in: bool | None, now: datetime
) -> Profile:
    """None: left as it is. The time of a consent is when it was last changed, not when it was last repeated."""
    changed = replace(profile, name=name or profile.name, locale=locale or profile.locale)
    if marketing_opt_in is None or marketing_opt_in == profile.marketing_opt_in:
        return changed
    return replace(changed, marketing_opt_in=marketing_opt_in, marketing_changed_at=now)
