"""Phone numbers are taken as people type them, in every country."""

import re
import unicodedata

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

from bodega.contracts.fields import Contact
from bodega.kit.phones import InvalidPhone, e164, international

pytestmark = pytest.mark.unit

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)
WIDE = {ord(digit): chr(ord(digit) + 0xFEE0) for digit in "0123456789"}


def written(number: phonenumbers.PhoneNumber) -> list[str]:
    """One number as people of its country, strangers, programs and keyboards write it."""
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    abroad = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return [
        national, national.replace(" ", ""), national.replace(" ", "\u00a0"), national.replace(" ", "–"),
        national.replace("-", "\u2011"), national.replace(" ", "/"), national.replace(" ", "."), f" {national} ",
        national.translate(WIDE), abroad, abroad.replace(" ", ""), abroad.replace(" ", "-"), f"\u202a{abroad}\u202c",
        phonenumbers.format_number(number, PhoneNumberFormat.RFC3966),
    ]  # fmt: skip


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_number_of_every_country_is_taken_however_it_is_typed(country: str) -> None:
    number = phonenumbers.example_number(country)
    assert number is not None
    expected = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    taken = {typed: international(typed, country) for typed in written(number)}
    assert taken == dict.fromkeys(taken, expected)
    assert Contact(email="ada@example.com", phone=expected).phone == expected, "events carry it"
    assert re.fullmatch(r"\+[1-9][0-9]{6,14}", e164(expected))


@pytest.mark.parametrize("typed", ["ring me", "12", "+49", "+0151123456", "1" * 41, "+4915112345678901234", "", "-"])
@pytest.mark.parametrize("country", ["DE", "US", "XX", None])
def test_what_is_no_number_is_refused_with_one_as_it_would_be_written(typed: str, country: str | None) -> None:
    with pytest.raises(InvalidPhone) as refusal:
        international(typed, country)
    assert re.fullmatch(r"[A-Z].*[0-9]\.", str(refusal.value))


def test_an_extension_is_refused_for_nobody_could_use_it() -> None:
    with pytest.raises(InvalidPhone, match="leave out the extension"):
        international("030 23125014 ext. 5", "DE")


def test_a_text_message_needs_the_country_of_its_number() -> None:
    assert e164("+49 (0)151 / 12345678") == "+4915112345678"
    with pytest.raises(InvalidPhone, match="with its country code"):
        e164("0151 12345678")


@given(st.text(max_size=60), st.sampled_from([*COUNTRIES, "XX", "", None]))
def test_whatever_is_typed_is_a_number_or_refused(typed: str, country: str | None) -> None:
    try:
        read = international(typed, country)
    except InvalidPhone:
        return
    assert Contact(email="ada@example.com", phone=read).phone == read
    assert any(unicodedata.category(one) == "Nd" or one.isalpha() for one in typed)
