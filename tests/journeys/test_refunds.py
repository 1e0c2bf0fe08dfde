"""A merchant gives money back: the order, the shopper's mail and the processor's books follow."""

import pytest

from bodega.kit.testing import Answered, eventually
from tests.journeys.shop import Merchant, Order, Outside, Shopper, euro, unique

pytestmark = pytest.mark.journey

WORDS = "Lid arrived cracked"
"""The merchant's own, for the books alone."""


async def gives_back(merchant: Merchant, order: Order, amount: int | None = None) -> Answered:
    wish = {"reason": WORDS} | ({"amount": euro(amount)} if amount else {})
    return await merchant.api.post(
        f"/admin/payments/{order.id}/refunds", wish, headers={"Idempotency-Key": unique("refund")}
    )


async def has_refund_mails(outside: Outside, email: str, count: int) -> list[str]:
    async def check() -> list[str]:
        texts = [mail["text"] for mail in await outside.mails_to(email) if "We have refunded" in mail["text"]]
        assert len(texts) == count
        return texts

    return await eventually(check)


async def test_a_part_is_given_back_then_the_rest_and_never_more(
    guest: Shopper, merchant: Merchant, outside: Outside
) -> None:
    product = await merchant.makes(price=2000, stock=5)
    order = await guest.buys(product["sku"], 2)
    total = (await order.is_sent(outside))["totals"]["total"]["amount"]
    payment_id = (await merchant.order(order.id))["payment_id"]

    part = await gives_back(merchant, order, 1234)
    assert part.status == 201, part.body
    seen = await order.becomes("partly_refunded")
    assert seen["refunded"] == euro(1234)
    assert (await merchant.order(order.id))["state"] == "partly_refunded"
    (mail,) = await has_refund_mails(outside, guest.email, 1)
    assert "12.34" in mail
    assert seen["number"] in mail
    assert WORDS not in mail
    assert (await outside.money_of(payment_id))["refunded"] == 1234

    more = await gives_back(merchant, order, total - 1234 + 1)
    assert (more.status, more.code, more.json["refundable"]) == (409, "payment_not_refundable", total - 1234)

    rest = await gives_back(merchant, order)
    assert (rest.status, rest.json["amount"]) == (201, euro(total - 1234))
    seen = await order.becomes("refunded")
    assert seen["refunded"] == euro(total)
    money = await outside.money_of(payment_id)
    assert (money["captured"], money["refunded"], money["held"]) == (total, total, 0)
    assert len(await has_refund_mails(outside, guest.email, 2)) == 2
    nothing = await gives_back(merchant, order)
    assert (nothing.status, nothing.code) == (409, "payment_not_refundable")

    books = (await merchant.api.get(f"/admin/payments?order_id={order.id}")).json
    (payment,) = books["payments"]
    assert (payment["status"], payment["refunded"]) == ("refunded", euro(total))
    assert [one["reason"] for one in payment["refunds"]] == [WORDS, WORDS]
