"""One order, all the way."""

from typing import Any

import pytest

from bodega.kit.testing import Caller, eventually
from tests.journeys.parts import nothing_is_packed
from tests.journeys.shop import Merchant, Order, Outside, Shopper

pytestmark = pytest.mark.journey


async def money_is(outside: Outside, merchant: Merchant, order: Order, **expected: int) -> None:
    payment_id = (await merchant.order(order.id))["payment_id"]

    async def check() -> None:
        money = await outside.money_of(payment_id)
        assert {name: money[name] for name in expected} == expected

    await eventually(check)


async def test_a_guest_buys_and_everything_follows_by_itself(
    guest: Shopper, merchant: Merchant, outside: Outside
) -> None:
    product = await merchant.makes(price=1250, stock=5)
    order = await guest.buys(product["sku"], 2)
    packed = await order.is_packed()
    assert (packed["state"], packed["fulfilment_status"], packed["payment_status"]) == (
        "fulfilling",
        "preparing",
        "paid",
    )
    assert not [mail for mail in await outside.mails_to(guest.email) if "on its way" in mail["subject"]]
    seen = await order.is_sent(outside)
    assert seen["promised_from"] <= seen["promised_to"]

    total = seen["totals"]["total"]["amount"]
    assert total == 2 * 1250 + seen["totals"]["shipping"]["amount"]
    await money_is(outside, merchant, order, captured=total, refunded=0, held=0)
    assert (await guest.cart())["lines"] == []
    stock = await merchant.stock(product["sku"])
    assert (stock["on_hand"], stock["reserved"]) == (3, 0)
    mails = await outside.has_mails(guest.email, f"Your order {seen['number']}", "is on its way")
    assert len(mails) == 2
    assert any(seen["tracking"]["number"] in mail["text"] for mail in mails)
    shipments = await merchant.shipment_of(seen["number"])
    assert len(shipments) == 1

    async def is_printed() -> None:
        label = await merchant.api.get(f"/admin/shipments/{shipments[0]['id']}/label")
        assert label.body.startswith(b"%PDF")

    await eventually(is_printed)
    timeline = await guest.api.get(f"/shipments/{seen['tracking']['number']}")
    assert timeline.status == 200
    assert b"Ada" not in timeline.body
    assert [entry["note"] for entry in seen["timeline"]] == [
        "created", "payment_accepted", "payment_captured", "fulfilment_begun", "labelled", "shipped",
    ]  # fmt: skip


async def test_a_customer_finds_the_order_in_the_account(customer: Shopper, merchant: Merchant) -> None:
    product = await merchant.makes()
    order = await customer.buys(product["sku"])
    await order.is_packed()
    listed = await customer.api.get("/orders")
    assert [item["id"] for item in listed.json["items"]] == [order.id]
    profile = await customer.api.get("/users/me")
    assert profile.json["email"] == customer.email


async def test_a_new_product_is_everywhere_at_once(api: Caller, merchant: Merchant, guest: Shopper) -> None:
    product = await merchant.makes(price=4200, stock=3)
    pictured = await merchant.pictures(product)
    assert pictured["media"] or pictured.get("renditions")

    async def in_lists() -> None:
        listed = await api.get(f"/products?ids={product['id']}")
        assert [item["slug"] for item in listed.json["items"]] == [product["slug"]]
        found = await api.get(f"/search?q={product['title']}")
        assert [item["id"] for item in found.json["items"]] == [product["id"]]
        assert found.json["items"][0]["in_stock"] is True

    await eventually(in_lists, within_seconds=5)
    page = (await api.get(f"/products/{product['slug']}")).json
    rendition = next(iter(page["media"][0]["renditions"].values()))
    picture = await Caller("", merchant.storage.session).get(f"{merchant.storage.base}/media/{rendition}")
    assert picture.status == 200
    await guest.buys(product["sku"])


@pytest.mark.alone  # nobody's parcel is packed meanwhile
async def test_cancelling_gives_the_money_and_the_stock_back(
    guest: Shopper, merchant: Merchant, outside: Outside
) -> None:
    product = await merchant.makes(stock=4)
    order = await guest.buys(product["sku"], 2)
    with nothing_is_packed():
        await order.becomes("paid")
        answer = await order.cancel()
    assert answer.status == 200, answer.body
    await order.becomes("cancelled")

    async def all_back() -> None:
        stock = await merchant.stock(product["sku"])
        assert (stock["on_hand"], stock["reserved"]) == (4, 0)

    await eventually(all_back)
    payment_id = (await merchant.order(order.id))["payment_id"]

    async def no_money_kept() -> None:
        money = await outside.money_of(payment_id)
        assert (money["captured"] - money["refunded"], money["held"]) == (0, 0)

    await eventually(no_money_kept)
    mails = await outside.mails_to(guest.email)
    assert not [mail for mail in mails if "on its way" in mail["subject"].lower()]


async def test_a_price_that_changes_is_in_an_open_cart_at_once(guest: Shopper, merchant: Merchant, api: Caller) -> None:
    product = await merchant.makes(price=1000)
    await guest.add(product["sku"])

    async def is_found() -> None:
        assert (await api.get(f"/search?q={product['title']}")).json["items"]

    await eventually(is_found)
    await merchant.reprices(product, 1500)

    async def everywhere() -> Any:
        line = (await guest.cart())["lines"][0]
        assert line["unit_price"]["amount"] == 1500
        found = (await api.get(f"/search?q={product['title']}")).json["items"][0]
        assert "1500" in str(found)
        return line

    line = await eventually(everywhere, within_seconds=5)
    assert line["warnings"], "the shopper is told that the price has changed"
