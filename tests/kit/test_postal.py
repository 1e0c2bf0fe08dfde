"""Postal addresses, by the rules of each country."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from bodega.kit.postal import InvalidAddress, deliverable, region_code

pytestmark = pytest.mark.unit


class Place(BaseModel):
    """An address as a room may have it."""

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
