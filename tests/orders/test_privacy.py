"""What orders shows of a customer, and forgets."""

from typing import Any

import pytest

from bodega.contracts.envelope import event
from bodega.contracts.ids import new_id
from bodega.contracts.users import CustomerRegistered, CustomerVerified
from bodega.kit.testing import Caller, Credentials, Topics, eventually
from tests.orders.conftest import place
from tests.orders.making import ADDRESS, wanted

pytestmark = pytest.mark.service

BILLING = {**ADDRESS, "line2": "c/o Babbage", "company": "Analytical Engines", "country": "AT", "region": "Wien"}


@pytest.fixture
def users(orders: Caller, credentials: Credentials) -> Caller:
    return orders.being(credentials.service("users", "orders"))


@pytest.fixture
def merchant(orders: Caller, credentials: Credentials) -> Caller:
    return orders.being(credentials.customer(new_id("cus"), "merchant"))


def path(customer: str, what: str) -> str:
    return f"/internal/customers/{customer}/{what}"


async def placed(checkout: Caller, customer: str, **other: Any) -> str:
    order = wanted(
        customer_id=customer, contact={"email": "ada@example.com", "phone": "+49 30 123456"}, billing_address=BILLING,
        **other,
    )  # fmt: skip
    assert (await place(checkout, order)).status == 201
    return order.order_id


async def test_an_export_is_all_of_the_customers_orders_and_nobody_elses(users: Caller, checkout: Caller) -> None:
    customer = new_id("cus")
    mine = [await placed(checkout, customer) for _ in range(2)]
    await placed(checkout, new_id("cus"))
    told = (await users.post(path(customer, "export"), {})).json
    assert told["order_ids"] == [one["id"] for one in told["data"]["orders"]] == mine
    held = told["data"]["orders"][0]
    assert (held["contact"]["email"], held["shipping_address"]["line1"]) == ("ada@example.com", "Torstrasse 1")
    assert [entry["note"] for entry in held["history"]] == ["created"]
    assert (await users.post(path(new_id("cus"), "export"), {})).json == {"data": {}, "order_ids": []}


async def test_nobody_is_forgotten_while_an_order_moves(users: Caller, checkout: Caller) -> None:
    customer = new_id("cus")
    ended, moves = await placed(checkout, customer), await placed(checkout, customer)
    await checkout.post(f"/internal/orders/{ended}/cancel", {"reason": "customer_request"})
    answer = await users.post(path(customer, "erase"), {})
    number = (await checkout.get(f"/internal/orders/{moves}")).json["number"]
    assert (answer.status, answer.code, answer.json["orders"]) == (409, "orders_open", [number])
    held = (await users.post(path(customer, "export"), {})).json["data"]["orders"]
    assert {one["email"] for one in held} == {"ada@example.com"}, "not even of the one that has ended"


async def test_a_forgotten_customers_order_keeps_what_tax_needs(
    users: Caller, checkout: Caller, merchant: Caller
) -> None:
    customer = new_id("cus")
    order = await placed(checkout, customer)
    await checkout.post(f"/internal/orders/{order}/cancel", {"reason": "customer_request"})
    before = (await merchant.get(f"/admin/orders/{order}")).json
    first, again = [(await users.post(path(customer, "erase"), {})).json for _ in range(2)]
    assert (first["pseudonymised"], again["pseudonymised"]) == ({"orders": 1}, {"orders": 0})
    assert first["order_ids"] == again["order_ids"] == [order]

    after = await merchant.get(f"/admin/orders/{order}")
    for personal in ("Ada", "Torstrasse", "Berlin", "10119", "Babbage", "Analytical", "ada@example.com", "123456"):
        assert personal not in after.body.decode(), personal
    assert after.json["shipping_address"]["country"] == "DE"
    assert after.json["shipping_address"]["postal_code"] == "10"
    assert (after.json["billing_address"]["country"], after.json["billing_address"]["region"]) == ("AT", "Wien")
    for kept in ("number", "state", "lines", "totals", "placed_at", "version"):
        assert after.json[kept] == before[kept], kept


async def test_only_users_may_ask(checkout: Caller, orders: Caller) -> None:
    for what in ("export", "erase"):
        assert (await orders.post(path(new_id("cus"), what), {})).code == "unauthenticated"
        assert (await checkout.post(path(new_id("cus"), what), {})).code == "forbidden"


async def test_registering_without_proof_claims_no_guests_orders(
    orders: Caller, checkout: Caller, topics: Topics, credentials: Credentials
) -> None:
    email = f"{new_id('cus').lower()}@example.com"
    await place(checkout, wanted(contact={"email": email}))
    thief, owner = new_id("cus"), new_id("cus")
    await topics.publish(event(CustomerRegistered(customer_id=thief, email=email), subject=thief, sequence=1))
    await topics.publish(event(CustomerVerified(customer_id=owner, email=email), subject=owner, sequence=2))

    async def claimed() -> None:
        listed = await orders.being(credentials.customer(owner)).get("/orders")
        assert len(listed.json["items"]) == 1

    await eventually(claimed)
    assert (await orders.being(credentials.customer(thief)).get("/orders")).json["items"] == []
