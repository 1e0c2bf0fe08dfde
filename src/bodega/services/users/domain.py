"""The rules of profiles and addresses: pure, no I/O.

A profile begins blank, as soon as there is a customer. What the registration said fills what the customer has not
written since.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

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
