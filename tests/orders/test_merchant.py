"""An order that a merchant cancels; what stays of an order; and its number."""

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.testing import Caller, Credentials
from tests.orders.conftest import link, place
from tests.orders.making import ADDRESS, wanted

pytestmark = pytest.mark.service


async def test_a_merchant_cancels_an_order_and_the_history_says_who_did(
    orders: Caller, checkout: Caller, credentials: Credentials
) -> None:
    order, who = wanted(), new_id("cus")
    number = (await place(checkout, order)).json["number"]
    merchant = orders.being(credentials.customer(who, "merchant"))
    for _ in range(2):
        seen = await merchant.post(f"/admin/orders/{number}/cancel")
        assert (seen.status, seen.json["state"]) == (200, "cancelled")
    (last,) = [entry for entry in seen.json["history"] if entry["state"] == "cancelled"]
    assert who in last["actor"]
    assert (await orders.get(f"/orders/{order.order_id}{link(order.order_id)}")).json["state"] == "cancelled"


async def test_nobody_but_a_merchant_cancels_what_is_not_theirs(
    orders: Caller, checkout: Caller, credentials: Credentials
) -> None:
    order = wanted()
    await place(checkout, order)
    path = f"/admin/orders/{order.order_id}/cancel"
    assert (await orders.post(path)).code == "unauthenticated"
    assert (await orders.being(credentials.customer(new_id("cus"))).post(path)).code == "forbidden"
    merchant = orders.being(credentials.customer(new_id("cus"), "merchant"))
    assert (await merchant.post(f"/admin/orders/{new_id('ord')}/cancel")).code == "not_found"
    assert (await merchant.get(f"/admin/orders/{order.order_id}")).json["state"] == "created"


async def test_support_reads_and_cancels_an_order_for_its_shopper_and_the_history_says_who_did(
    orders: Caller, checkout: Caller, credentials: Credentials
) -> None:
    order, who = wanted(), new_id("cus")
    number = (await place(checkout, order)).json["number"]
    support = orders.being(credentials.customer(who, "customer", "support"))
    (found,) = (await support.get(f"/admin/orders?q={number}")).json["items"]
    assert found["id"] == order.order_id
    assert (await support.get(f"/admin/orders/{number}")).json["contact"]["email"] == found["email"]
    seen = (await support.post(f"/admin/orders/{number}/cancel")).json
    assert (seen["state"], seen["history"][-1]["actor"]) == ("cancelled", who)


async def test_what_was_bought_for_how_much_and_where_to_stays_as_it_was(orders: Caller, checkout: Caller) -> None:
    order = wanted(billing_address={**ADDRESS, "name": "Analytical Engines"})
    await place(checkout, order)
    path = f"/orders/{order.order_id}"
    before = (await orders.get(path + link(order.order_id))).json
    bought = order.lines[0].model_dump(mode="json")
    assert {name: before["lines"][0][name] for name in ("sku", "title", "options", "unit_price", "tax")} == {
        name: bought[name] for name in ("sku", "title", "options", "unit_price", "tax")
    }
    assert before["shipping_address"]["line1"] == ADDRESS["line1"]
    after = (await orders.post(f"{path}/cancel{link(order.order_id)}")).json
    assert after["state"] == "cancelled"
    frozen = ("number", "lines", "totals", "shipping_address", "billing_address", "contact")
    assert {name: after.get(name) for name in frozen} == {name: before.get(name) for name in frozen}


async def test_an_order_whose_number_is_taken_gets_another(checkout: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = (await place(checkout, wanted())).json["number"]
    drawn = iter([taken, taken, "BDG-2345-6789"])
    monkeypatch.setattr("bodega.services.orders.store.new_order_number", lambda: next(drawn))
    assert (await place(checkout, wanted())).json["number"] == "BDG-2345-6789"
