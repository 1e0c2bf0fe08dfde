"""What the cart hears."""

import asyncio
from typing import Any

import pytest

from bodega.contracts.catalog import ProductArchived, ProductUpdated
from bodega.contracts.envelope import event
from bodega.contracts.ids import new_id
from bodega.contracts.inventory import InventoryReserved
from bodega.contracts.orders import OrderPaid
from bodega.kit.testing import Caller, Topics, eventually
from tests.cart.conftest import filled
from tests.cart.making import Shop, euro, version_now
from tests.orders.making import wanted

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def _nobody_answers(shop: Shop, _up_again: None) -> None:
    """Whatever a test of this file sees after filling its cart has come by event."""


def updated(shop: Shop, sku: str, **other: Any) -> Any:
    product = shop.product(sku, **other)
    return event(ProductUpdated(product=product), subject=product.id, sequence=product.version)


def reserved(sku: str, version: int, shown: int | str, available: int | None = None) -> Any:
    fact = InventoryReserved.model_validate(
        {"sku": sku, "version": version, "shown": shown, "available": available, "in_stock": shown != 0,
         "in_stock_flipped": False, "reservation_id": new_id("res"), "quantity": 1}
    )  # fmt: skip
    return event(fact, subject=sku, sequence=version)


async def becomes(guest: Caller, nth: int = 0, **expected: Any) -> dict[str, Any]:
    async def check() -> dict[str, Any]:
        line = (await guest.get("/cart")).json["lines"][nth]
        assert {name: line[name] for name in expected} == expected
        return dict(line)

    return await eventually(check)


async def test_a_new_price_is_in_the_cart_without_asking(cart: Caller, shop: Shop, topics: Topics) -> None:
    sku = shop.sells(1500)
    guest = await filled(cart, (sku, 2))
    shop.down = True
    shop.reprice(sku, 1200)
    await topics.publish(updated(shop, sku))
    line = await becomes(guest, unit_price=euro(1200), line_total=euro(2400))
    assert [one["code"] for one in line["warnings"]] == ["price_changed"]


async def test_an_older_word_does_not_win(cart: Caller, shop: Shop, topics: Topics) -> None:
    sku = shop.sells(1500, shown=5)
    guest = await filled(cart, (sku, 1))
    shop.down = True
    older = updated(shop, sku)
    shop.reprice(sku, 1200)
    newer = updated(shop, sku)
    await topics.publish(newer, older, reserved(sku, 9, 3), reserved(sku, 8, 4))
    await becomes(guest, unit_price=euro(1200), available=3)
    await asyncio.sleep(0.2)  # for the older ones, which come behind
    await becomes(guest, unit_price=euro(1200), available=3)


async def test_what_was_asked_before_an_event_does_not_win_over_it(cart: Caller, shop: Shop, topics: Topics) -> None:
    """The catalog's answer is older than the event, which came while nobody had the SKU in a cart."""
    sku = shop.sells(1500)
    old_price = shop.products[sku]
    shop.reprice(sku, 1200)
    await topics.publish(updated(shop, sku), reserved(sku, 7, 0))
    other = shop.sells()
    guest = await filled(cart, (other, 1))
    await topics.publish(reserved(other, 7, 4))
    await becomes(guest, available=4)  # so the events before have come too, but for another partition's
    await asyncio.sleep(0.2)
    shop.products[sku] = old_price
    added = await guest.post("/cart", {"sku": sku})
    assert added.json["line"]["unit_price"] is None
    assert added.json["line"]["in_stock"] is None


async def test_archived_and_dropped_variants_are_no_longer_sold(cart: Caller, shop: Shop, topics: Topics) -> None:
    archived, dropped = shop.sells(), shop.sells()
    guest = await filled(cart, (archived, 1), (dropped, 1))
    shop.down = True
    product = shop.products[archived]
    gone = ProductArchived(product_id=str(product.product_id), slug="mug", skus=[archived], version=version_now())
    shop.reprice(dropped, 1300)
    await topics.publish(
        event(gone, subject=gone.product_id, sequence=gone.version),
        updated(shop, dropped, also=("ANOTHER",), without=True),
    )
    for nth in (0, 1):
        line = await becomes(guest, nth, unit_price=None, title="Mug")
        assert [one["code"] for one in line["warnings"]] == ["no_longer_sold"]
    refused = await guest.post("/cart", {"sku": archived})
    assert (refused.status, refused.code) == (409, "no_longer_sold")


async def test_what_is_not_sold_any_more_is_learnt_without_the_event(cart: Caller, shop: Shop) -> None:
    sku = shop.sells()
    guest = await filled(cart, (sku, 1))
    del shop.products[sku]
    line = await becomes(guest, unit_price=None, title="Mug")
    assert [one["code"] for one in line["warnings"]] == ["no_longer_sold"]


async def test_stock_in_the_cart_follows_inventory(cart: Caller, shop: Shop, topics: Topics) -> None:
    sku = shop.sells(shown="many")
    guest = await filled(cart, (sku, 5))
    shop.down = True
    await topics.publish(reserved(sku, 2, 2))
    line = await becomes(guest, available=2, in_stock=True)
    assert [one["code"] for one in line["warnings"]] == ["only_left"]
    await topics.publish(reserved(sku, 3, 0))
    await becomes(guest, available=0, in_stock=False)


async def test_more_than_there_are_is_warned_of_in_any_number(cart: Caller, shop: Shop, topics: Topics) -> None:
    sku = shop.sells(shown="many")
    guest = await filled(cart, (sku, 60))
    await topics.publish(reserved(sku, 2, "many", available=50))
    line = await becomes(guest, available=50, in_stock=True)
    assert [one["message"] for one in line["warnings"]] == ["Only 50 left"]
    await topics.publish(reserved(sku, 3, "many", available=60))
    await becomes(guest, available=None, warnings=[])


def paid(cart_id: str, *lines: tuple[str, int]) -> Any:
    order = wanted(cart_id=cart_id).model_dump(exclude={"billing_address", "order_id"}, mode="json")
    order["lines"] = [{**order["lines"][0], "sku": sku, "quantity": quantity} for sku, quantity in lines]
    fact = OrderPaid.model_validate({**order, "number": "BDG-0000-0000", "payment_id": new_id("pay")})
    return event(fact, subject=new_id("ord"), sequence=2)


async def test_what_an_order_bought_leaves_the_cart_once_and_what_was_added_since_stays(
    cart: Caller, shop: Shop, topics: Topics
) -> None:
    bought, more, other = shop.sells(), shop.sells(), shop.sells()
    guest = await filled(cart, (bought, 2), (more, 3), (other, 1))
    before = (await guest.get("/cart")).json
    fact = paid(before["id"], (bought, 2), (more, 1), ("GONE-SINCE", 4))
    await topics.publish(fact)

    async def two_left() -> None:
        seen = (await guest.get("/cart")).json
        assert [(line["sku"], line["quantity"]) for line in seen["lines"]] == [(more, 2), (other, 1)]
        assert (seen["pieces"], seen["version"]) == (3, before["version"] + 1)
        assert seen["revision"] != before["revision"]

    await eventually(two_left)
    await topics.publish(fact, fact, paid(before["id"], (other, 1)))

    async def one_left() -> None:
        seen = (await guest.get("/cart")).json
        assert [(line["sku"], line["quantity"]) for line in seen["lines"]] == [(more, 2)]

    await eventually(one_left)
    await asyncio.sleep(0.2)  # for repeats that come behind
    await one_left()


async def test_an_order_of_a_cart_that_is_gone_is_heard_in_peace(cart: Caller, shop: Shop, topics: Topics) -> None:
    guest = await filled(cart, (shop.sells(), 1))
    mine = (await guest.get("/cart")).json["id"]
    await topics.publish(paid(new_id("crt"), ("MUG-1", 1)), paid(mine, ("MUG-1", 1)))
    await asyncio.sleep(0.2)
    assert (await guest.get("/cart")).json["pieces"] == 1


async def test_what_cannot_be_read_is_parked_and_the_rest_goes_on(cart: Caller, shop: Shop, topics: Topics) -> None:
    sku = shop.sells(shown=9)
    guest = await filled(cart, (sku, 1))
    shop.down = True
    broken = b'{"id": "x", "type": "InventoryReserved", "subject": "' + sku.encode() + b'", "data": {}}'
    await topics.publish_raw("inventory", sku, broken)
    await topics.publish(reserved(sku, 2, 1))
    await becomes(guest, available=1)
    parked = await topics.read("cart.parked", lambda found: any(one["subject"] == sku for one in found))
    assert [one["data"] for one in parked if one["subject"] == sku] == [{}]
