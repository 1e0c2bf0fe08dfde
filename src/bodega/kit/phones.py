"""Phone numbers as people type them."""

import phonenumbers
from phonenumbers import PhoneNumberFormat

_LONGEST = 40


class InvalidPhone(ValueError):
    """The message says to a person what is wrong, and how to write the number."""


def international(typed: str, country: str | None = None) -> str:
    """`0170–123 45 67` in Germany is `+49 170 1234567`. A number without its country's code is one of `country`'s
    (ISO 3166-1 alpha-2). Spaces, dashes, brackets, dots and full-width digits are as good as any.

    Whether the number exists is not asked: only whether it could, by its length. Raises InvalidPhone.
    """
    return phonenumbers.format_number(_read(typed, country), PhoneNumberFormat.INTERNATIONAL)


def e164(typed: str) -> str:
    """`+49 (170) 1234567` is `+491701234567`, as services for text messages want it. Raises InvalidPhone, also for a
    number without its country's code."""
    return phonenumbers.format_number(_read(typed, None), PhoneNumberFormat.E164)


def _read(typed: str, country: str | None) -> phonenumbers.PhoneNumber:
    if len(typed) > _LONGEST:
        raise InvalidPhone(_not_one(country))
    try:
        number = phonenumbers.parse(typed, country)
    except phonenumbers.NumberParseException:
        raise InvalidPhone(_not_one(country)) from None
    # Some countries have no least length by their plan; no subscriber has fewer than four digits.
    if not phonenumbers.is_possible_number(number) or (number.national_number or 0) < 1000:
        raise InvalidPhone(_not_one(country))
    if number.extension:
        raise InvalidPhone("Please leave out the extension: carriers and text messages cannot use it.")
    return number


def _not_one(country: str | None) -> str:
    if country is None:
        return "Please write the phone number with its country code, such as +49 30 23125014."
    example = phonenumbers.example_number(country)
    shown = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL) if example else "+49 30 23125014"
    return f"This is not a phone number. One looks like {shown}."
