"""An order is found again by its number and e-mail address, and nobody learns whether one was."""

from typing import Any

import pytest

from bodega.contracts.orders import CreateOrder
from bodega.kit.testing import Answered, Caller, Topics
from tests.orders.conftest import link, place
from tests.orders.making import wanted

pytestmark = pytest.mark.service


async def placed(checkout: Caller) -> tuple[CreateOrder, str]:
    wish = wanted()
    return wish, (await place(checkout, wish)).json["number"]


async def look_up(orders: Caller, number: str, email: str) -> Answered:
    return await orders.post("/orders/lookup", {"number": number, "email": email})


async def links_sent(orders: Caller, topics: Topics, order_id: str) -> list[dict[str, Any]]:
    """The requests for the link of an order; it is cancelled, to see where they end."""
    await orders.post(f"/orders/{order_id}/cancel{link(order_id)}")
    events = await topics.of_subject("orders", order_id, "OrderCreated", "OrderCancelled")
    return [one["data"] for one in events if one["type"] == "OrderLinkRequested"]


@pytest.mark.parametrize("typed", ["as it is", "lower case, no hyphens", "with spaces"])
async def test_the_link_goes_to_the_orders_own_address_however_it_is_typed(
    orders: Caller, checkout: Caller, topics: Topics, typed: str
) -> None:
    wish, number = await placed(checkout)
    spelled = {
        "as it is": number, "lower case, no hyphens": number.lower().replace("-", ""),
        "with spaces": f"  {number.replace('-', ' ')} ",
    }[typed]  # fmt: skip
    answer = await look_up(orders, spelled, wish.contact.email.upper())
    assert (answer.status, answer.body) == (202, b"")
    (fact,) = await links_sent(orders, topics, wish.order_id)
    assert fact["contact"]["email"] == wish.contact.email
    assert fact["number"] == number


async def test_nobody_learns_whether_there_is_such_an_order(orders: Caller, checkout: Caller, topics: Topics) -> None:
    wish, number = await placed(checkout)
    other_wish, others = await placed(checkout)
    assert others != number
    answers = [
        await look_up(orders, number, wish.contact.email),
        await look_up(orders, others, f"x{other_wish.contact.email}"),
        await look_up(orders, number, "somebody.else@example.com"),
        await look_up(orders, number, f"x{wish.contact.email}"),
        await look_up(orders, "BDG-0000-0000", wish.contact.email),
        await look_up(orders, "no number at all", wish.contact.email),
        await look_up(orders, wish.order_id, "somebody.else@example.com"),
    ]
    assert {(one.status, one.body) for one in answers} == {(202, answers[0].body)}
    assert len(await links_sent(orders, topics, wish.order_id)) == 1
    assert await links_sent(orders, topics, other_wish.order_id) == []


@pytest.mark.parametrize(
    "body",
    [{}, {"number": "BDG-1"}, {"number": "", "email": "a@b.example"}, {"number": "x" * 41, "email": "a@b.example"},
     {"number": "BDG-1", "email": "nobody"}, {"number": "BDG-1", "email": "a@b.example", "more": 1}],
)  # fmt: skip
async def test_what_cannot_be_looked_up_is_refused(orders: Caller, body: dict[str, Any]) -> None:
    answer = await orders.post("/orders/lookup", body)
    assert (answer.status, answer.code) == (422, "invalid_request")
