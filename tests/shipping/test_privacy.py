"""What shipping shows of a person's orders, and forgets."""

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.testing import Caller, Credentials, Topics
from tests.shipping.conftest import becomes
from tests.shipping.making import paid

pytestmark = pytest.mark.service


async def test_the_parcel_stays_the_person_and_the_label_go(
    shipping: Caller, merchant: Caller, credentials: Credentials, topics: Topics
) -> None:
    order = new_id("ord")
    await topics.publish(paid(order))
    seen = await becomes(merchant, order, state="labelled", label_ready=True)
    users = shipping.being(credentials.service("users", "shipping"))
    path, person = f"/internal/customers/{new_id('cus')}", {"order_ids": [order]}
    held = (await users.post(f"{path}/export", person)).json["data"]["shipments"]
    assert [(one["id"], one["address"]["name"]) for one in held] == [(seen["id"], "Ada Lovelace")]

    first, again = [(await users.post(f"{path}/erase", person)).json for _ in range(2)]
    assert (first["deleted"], first["pseudonymised"]) == ({"labels": 1}, {"shipments": 1})
    assert (again["deleted"], again["pseudonymised"]) == ({"labels": 0}, {"shipments": 0})
    after = await users.post(f"{path}/export", person)
    for personal in ("Ada", "Torstrasse", "Berlin", "10119", "ada@example.com", "1234567"):
        assert personal not in after.body.decode(), personal
    assert after.json["data"]["shipments"][0]["tracking_number"] == seen["tracking_number"]
    assert (await merchant.get(f"/admin/shipments/{seen['id']}/label")).code == "not_labelled"
