"""The rules of profiles and addresses."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodega.services.users import domain
from bodega.services.users.domain import Profile

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LATER = datetime(2026, 11, 25, tzinfo=UTC)


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
