"""The rules of profiles and addresses."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodega.contracts.fields import Address
from bodega.services.users import domain
from bodega.services.users.domain import Profile
from bodega.services.users.errors import InvalidAddress
from tests.users.conftest import HOME

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LATER = datetime(2026, 11, 25, tzinfo=UTC)


def address(**other: object) -> Address:
    return Address.model_validate({**HOME, **other})


def edited(profile: Profile, **changes: object) -> Profile:
    nothing = {"name": None, "locale": None, "marketing_opt_in": None, "now": NOW}
    return domain.edited(profile, **{**nothing, **changes})  # type: ignore[arg-type]


@given(st.none() | st.text(min_size=1), st.none() | st.sampled_from(["de", "fr-CA"]))
def test_an_edit_is_never_overwritten_by_the_registration(name: str | None, locale: str | None) -> None:
    blank = Profile("cus_1")
    said = {"email": "ada@example.com", "name": "Ada", "locale": "en"}
    edit_first = domain.registered(edited(blank, name=name, locale=locale), **said)
    event_first = edited(domain.registered(blank, **said), name=name, locale=locale)
    assert edit_first == event_first, "whichever comes first"
    assert edit_first.name == (name or "Ada")
    assert edit_first.language == (locale or "en")


def test_a_consent_bears_the_time_of_its_last_change() -> None:
    agreed = edited(Profile("cus_1"), marketing_opt_in=True)
    assert agreed.marketing_changed_at == NOW
    assert edited(agreed, marketing_opt_in=True, now=LATER) == agreed
    withdrawn = edited(agreed, marketing_opt_in=False, now=LATER)
    assert (withdrawn.marketing_opt_in, withdrawn.marketing_changed_at) == (False, LATER)
    assert edited(Profile("cus_1"), marketing_opt_in=False).marketing_changed_at is None


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
    assert domain.deliverable(address(**parts)) == address(**parts)


def test_a_postal_code_is_spelled_as_its_country_does() -> None:
    assert domain.deliverable(address(country="GB", city="London", postal_code="sw1a 1aa")).postal_code == "SW1A 1AA"


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
        domain.deliverable(address(**parts))
    assert {error["pointer"] for error in refused.value.extra["errors"]} == pointers


def test_a_wrong_postal_code_is_told_a_right_one() -> None:
    with pytest.raises(InvalidAddress, match="26133"):
        domain.deliverable(address(postal_code="1011"))


@given(
    st.from_regex(r"[A-Z]{2}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=20),
    st.from_regex(r"[A-Za-z0-9 -]{0,16}", fullmatch=True),
)
def test_any_address_is_judged(country: str, text: str, postal_code: str) -> None:
    try:
        taken = domain.deliverable(address(country=country, region=text, city=text, postal_code=postal_code.strip()))
    except InvalidAddress as refused:
        pointers = {error["pointer"] for error in refused.extra["errors"]}
    else:
        pointers = set()
        assert taken.city == text
    assert pointers <= {"/country", "/region", "/postal_code", "/line1", "/city"}
