"""What users hears."""

from typing import Any

import pytest

from bodega.contracts.envelope import event
from bodega.contracts.ids import new_id
from bodega.contracts.users import CustomerRegistered, CustomerVerified
from bodega.kit.testing import Caller, Topics, eventually
from tests.users.conftest import HOME, SomeCustomer

pytestmark = pytest.mark.service


def registered(subject: str) -> Any:
    data = CustomerRegistered(customer_id=subject, email="ada@example.com", locale="de", name="Ada Lovelace")
    return event(data, subject=subject, sequence=1)


def verified(subject: str) -> Any:
    return event(CustomerVerified(customer_id=subject, email="ada@example.com"), subject=subject, sequence=2)


async def profile_becomes(me: Caller, **wanted: Any) -> dict[str, Any]:
    async def check() -> dict[str, Any]:
        seen: dict[str, Any] = (await me.get("/users/me")).json
        assert seen.items() >= wanted.items()
        return seen

    return await eventually(check)


async def test_a_profile_is_born_of_the_registration(customer: SomeCustomer, topics: Topics) -> None:
    subject = new_id("cus")
    await topics.publish(registered(subject), verified(subject))
    await profile_becomes(
        customer(subject), name="Ada Lovelace", email="ada@example.com", locale="de", email_verified=True, version=2
    )


async def test_a_registration_that_comes_late_overwrites_nothing(customer: SomeCustomer, topics: Topics) -> None:
    subject = new_id("cus")
    me = customer(subject)
    await me.patch("/users/me", {"name": "Augusta"})
    assert (await me.post("/users/me/addresses", HOME)).status == 201, "it works before the event has come"
    await topics.publish(registered(subject))
    await profile_becomes(me, name="Augusta", email="ada@example.com", locale="de", version=2)


async def test_an_event_that_comes_three_times_counts_once(customer: SomeCustomer, topics: Topics) -> None:
    subject, last = new_id("cus"), new_id("cus")
    me, fact = customer(subject), registered(subject)
    await topics.publish(fact, fact, verified(subject))
    await profile_becomes(me, email_verified=True)
    await me.patch("/users/me", {"name": "Augusta", "locale": "fr"})
    await topics.publish(fact)
    await topics.publish_behind(fact, registered(last))
    await profile_becomes(customer(last), version=1)
    await profile_becomes(me, name="Augusta", locale="fr", version=3)
