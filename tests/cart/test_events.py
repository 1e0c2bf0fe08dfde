"""What the cart hears."""

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


async def filled_in_time(cart: Caller, shop: Shop, *lines: tuple[str, int]) -> Caller:
    """A guest with these lines. From now on nobody answers the cart: whatever is new there has come by event."""
    guest = await filled(cart, *lines)
    shop.down = True
    return guest


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
    guest = await filled_in_time(cart, shop, (sku, 2))
    shop.reprice(sku, 1200)
    await topics.publish(updated(shop, sku))
    line = await becomes(guest, unit_price=euro(1200), line_total=euro(2400))
    assert [one["code"] for one in line["warnings"]] == ["price_changed"]


async def test_an_older_word_does_not_win(cart: Caller, shop: Shop, topics: Topics) -> None:
    sku = shop.sells(1500, shown=5)
    marker = shop.sells(900, shown=5)
    guest = await filled_in_time(cart, shop, (sku, 1), (marker, 1))
    older, older_stock = updated(shop, sku), reserved(sku, 8, 4)
    shop.reprice(sku, 1200)
    newer = updated(shop, sku)
    await topics.publish(newer, older, reserved(sku, 9, 3), older_stock)
    shop.reprice(marker, 800)
    await topics.publish_behind(older, updated(shop, marker))
    await topics.publish_behind(older_stock, reserved(marker, 2, 1))
    await becomes(guest, 1, unit_price=euro(800), available=1)
    line = (await guest.get("/cart")).json["lines"][0]
    assert (line["unit_price"], line["available"]) == (euro(1200), 3)


async def test_of_what_is_told_of_a_sku_in_one_batch_the_latest_counts(
    cart: Caller, shop: Shop, topics: Topics
) -> None:
    skus = [shop.sells(1500, shown=5) for _ in range(4)]
    guest = await filled_in_time(cart, shop, *((sku, 1) for sku in skus))
    await topics.publish(*(reserved(sku, version, version - 6) for version in (7, 9, 8) for sku in skus))
    for nth in range(4):
        await becomes(guest, nth, available=3)


async def test_what_was_asked_before_an_event_does_not_win_over_it(cart: Caller, shop: Shop, topics: Topics) -> None:
    """The catalog's answer is older than the event, which came while nobody had the SKU in a cart."""
    sku = shop.sells(1500)
    old_price = shop.products[sku]
    shop.reprice(sku, 1200)
    price, stock = updated(shop, sku), reserved(sku, 7, 0)
    await topics.publish(price, stock)
    other = shop.sells()
    guest = await filled_in_time(cart, shop, (other, 1))
    shop.reprice(other, 900)
    await topics.publish_behind(price, updated(shop, other))
    await topics.publish_behind(stock, reserved(other, 7, 4))
    await becomes(guest, unit_price=euro(900), available=4)
    shop.down = False
    shop.products[sku] = old_price
    added = await guest.post("/cart", {"sku": sku})
    assert added.json["line"]["unit_price"] is None
    assert added.json["line"]["in_stock"] is None


async def test_archived_and_dropped_variants_are_no_longer_sold(cart: Caller, shop: Shop, topics: Topics) -> None:
    archived, dropped = shop.sells(), shop.sells()
    guest = await filled_in_time(cart, shop, (archived, 1), (dropped, 1))
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
    guest = await filled_in_time(cart, shop, (sku, 5))
    await topics.publish(reserved(sku, 2, 2))
    line = await becomes(guest, available=2, in_stock=True)
    assert [one["code"] for one in line["warnings"]] == ["only_left"]
    await topics.publish(reserved(sku, 3, 0))
    await becomes(guest, available=0, in_stock=False)


async def test_more_than_there_are_is_warned_of_in_any_number(cart: Caller, shop: Shop, topics: Topics) -> None:
    sku = shop.sells(shown="many")
    guest = await filled_in_time(cart, shop, (sku, 60))
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
    guest = await filled_in_time(cart, shop, (bought, 2), (more, 3), (other, 1))
    before = (await guest.get("/cart")).json
    fact = paid(before["id"], (bought, 2), (more, 1), ("GONE-SINCE", 4))
    await topics.publish(fact)

    async def two_left() -> None:
        seen = (await guest.get("/cart")).json
        assert [(line["sku"], line["quantity"]) for line in seen["lines"]] == [(more, 2), (other, 1)]
        assert (seen["pieces"], seen["version"]) == (3, before["version"] + 1)
        assert seen["revision"] != before["revision"]

    await eventually(two_left)
    await topics.publish(fact, fact)
    await topics.publish_behind(fact, paid(before["id"], (other, 1)))

    async def one_left() -> None:
        seen = (await guest.get("/cart")).json
        assert [(line["sku"], line["quantity"]) for line in seen["lines"]] == [(more, 2)]

    await eventually(one_left)


async def test_an_order_of_a_cart_that_is_gone_is_heard_in_peace(cart: Caller, shop: Shop, topics: Topics) -> None:
    kept, bought = shop.sells(), [shop.sells(), shop.sells()]
    guest = await filled_in_time(cart, shop, (kept, 1), *((sku, 1) for sku in bought))
    mine = (await guest.get("/cart")).json["id"]
    strange = [paid(new_id("crt"), ("MUG-1", 1)), paid(mine, ("MUG-1", 1))]
    await topics.publish(*strange)
    for one, sku in zip(strange, bought, strict=True):
        await topics.publish_behind(one, paid(mine, (sku, 1)))

    async def all_is_heard() -> None:
        seen = (await guest.get("/cart")).json
        assert [(line["sku"], line["quantity"]) for line in seen["lines"]] == [(kept, 1)]

    await eventually(all_is_heard)
    parked = await topics.read("cart.parked", lambda _: True)
    assert not {one.id for one in strange} & {one["id"] for one in parked}


async def test_what_cannot_be_read_is_parked_and_the_rest_goes_on(cart: Caller, shop: Shop, topics: Topics) -> None:
    sku = shop.sells(shown=9)
    guest = await filled_in_time(cart, shop, (sku, 1))
    broken = b'{"id": "x", "type": "InventoryReserved", "subject": "' + sku.encode() + b'", "data": {}}'
    await topics.publish_raw("inventory", sku, broken)
    await topics.publish(reserved(sku, 2, 1))
    await becomes(guest, available=1)
    parked = await topics.read("cart.parked", lambda found: any(one["subject"] == sku for one in found))
    assert [one["data"] for one in parked if one["subject"] == sku] == [{}]
