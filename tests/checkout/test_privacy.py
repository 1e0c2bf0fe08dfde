"""What checkout shows of a customer, and forgets."""

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.testing import Caller, Credentials
from tests.checkout.making import id_of, key, wish
from tests.checkout.world import World

pytestmark = pytest.mark.service


async def test_what_the_tax_was_decided_by_stays_the_person_goes(
    shop: Caller, world: World, credentials: Credentials
) -> None:
    customer = new_id("cus")
    basket = world.basket(customer=customer)
    me = shop.being({**basket.headers, **credentials.customer(customer)})
    bought = await me.post("/checkout", wish(email="ada@example.com"), headers=key())
    assert bought.status == 201, bought.body
    order = bought.json["order"]["id"]
    users = shop.being(credentials.service("users", "checkout"))
    path = f"/internal/customers/{customer}"
    held = (await users.post(f"{path}/export", {})).json["data"]["checkouts"]
    assert [(one["id"], one["contact"]["email"]) for one in held] == [(id_of(bought), "ada@example.com")]
    assert not {"token_digest", "order_token"} & set(held[0])
    as_guest = await users.post(f"/internal/customers/{new_id('cus')}/export", {"order_ids": [order]})
    assert len(as_guest.json["data"]["checkouts"]) == 1, "a guest's order that became the customer's"

    done = [(await users.post(f"{path}/erase", {})).json["pseudonymised"] for _ in range(2)]
    assert done == [{"checkouts": 1}, {"checkouts": 0}]
    after = await users.post(f"{path}/export", {})
    for personal in ("Ada", "Torstrasse", "Berlin", "10119", "ada@example.com", "pm_good"):
        assert personal not in after.body.decode(), personal
    left = after.json["data"]["checkouts"][0]
    assert (left["shipping_address"]["country"], left["shipping_address"]["postal_code"]) == ("DE", "10")
    assert (left["totals"], left["tax_decision"]) == (held[0]["totals"], held[0]["tax_decision"])
