"""What inventory hears, and what it says."""

from typing import Any

import pytest

from bodega.contracts import inventory as contract
from bodega.contracts.catalog import Product, ProductArchived, ProductUpdated
from bodega.contracts.envelope import REGISTRY, CloudEvent, event
from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Topics, eventually
from bodega.services.inventory import service, store
from tests.inventory.making import cancelled, paid, release, request, reserve, standing, stocked

pytestmark = pytest.mark.service


async def becomes(database: Database, sku: str, on_hand: int, reserved: int) -> None:
    async def check() -> None:
        assert await standing(database, sku) == (on_hand, reserved)

    await eventually(check)


async def all_is_heard(checkout: Caller, database: Database, topics: Topics, fact: Any) -> None:
    """Waits until what was published of an order has been handled: something follows it, in its partition."""
    sku = await stocked(database, 1)
    last = await reserve(checkout, (sku, 1))
    await topics.publish_behind(fact, paid(last))
    await becomes(database, sku, 0, 0)


async def test_a_paid_order_takes_its_units_out_of_the_stock_once(
    checkout: Caller, database: Database, topics: Topics
) -> None:
    sku = await stocked(database, 5)
    reservation = await reserve(checkout, (sku, 2))
    fact = paid(reservation)
    await topics.publish(fact, fact, paid(reservation))
    await all_is_heard(checkout, database, topics, fact)
    assert await standing(database, sku) == (3, 0)
    assert (await release(checkout, reservation)).code == "committed"


async def test_a_cancelled_order_gives_back_what_it_held(checkout: Caller, database: Database, topics: Topics) -> None:
    sku = await stocked(database, 5)
    reservation = await reserve(checkout, (sku, 2))
    fact = cancelled(reservation)
    await topics.publish(fact, cancelled(reservation))
    await all_is_heard(checkout, database, topics, fact)
    assert await standing(database, sku) == (5, 0)


async def test_an_order_cancelled_after_it_was_paid_is_restocked_once(
    checkout: Caller, database: Database, topics: Topics
) -> None:
    sku = await stocked(database, 5)
    reservation = await reserve(checkout, (sku, 2))
    await topics.publish(paid(reservation))
    await becomes(database, sku, 3, 0)
    fact = cancelled(reservation, was_paid=True)
    await topics.publish(fact, cancelled(reservation, was_paid=True))
    await all_is_heard(checkout, database, topics, fact)
    assert await standing(database, sku) == (5, 0)


async def test_a_cancellation_that_comes_first_buries_the_reservation(
    checkout: Caller, database: Database, topics: Topics
) -> None:
    sku = await stocked(database, 5)
    wanted = request((sku, 1))
    await topics.publish(cancelled(wanted["reservation_id"]))

    async def buried() -> None:
        async with database.transaction() as tx:
            assert await tx.fetchval("SELECT state FROM reservation WHERE id = $1", wanted["reservation_id"])

    await eventually(buried)
    assert (await checkout.post("/internal/reservations", wanted)).code == "already_ended"


async def test_a_paid_order_whose_reservation_has_ended_is_parked_and_takes_no_other_stock(
    checkout: Caller, database: Database, topics: Topics
) -> None:
    sku = await stocked(database, 5)
    reservation = await reserve(checkout, (sku, 2))
    await release(checkout, reservation)
    fact = paid(reservation)
    await topics.publish(fact)

    async def parked() -> None:
        waiting = (await checkout.get("/internal/parked")).json["items"]
        assert any(one["key"] == fact.subject and "PaidWithoutStock" in one["reason"] for one in waiting)

    await eventually(parked)
    assert await standing(database, sku) == (5, 0)


def product(sku: str, version: int, product_id: str) -> Product:
    return Product.model_validate(
        {
            "id": product_id, "slug": "mug", "title": "Mug", "version": version,
            "variants": [{"sku": sku, "price": {"amount": 1200, "currency": "EUR"}}],
            "created_at": "2026-11-24T00:00:00Z", "updated_at": "2026-11-24T00:00:00Z",
        }
    )  # fmt: skip


async def test_a_product_brings_rows_at_zero_and_an_older_word_does_not_win(
    inventory: Caller, merchant: Caller, topics: Topics
) -> None:
    sku, other = f"NEW-{new_id('prd')}", f"NEW-{new_id('prd')}"
    newer, older = new_id("prd"), new_id("prd")

    async def known(sku: str, product_id: str) -> None:
        assert (await merchant.get(f"/admin/inventory/{sku}")).json.get("product_id") == product_id

    await topics.publish(event(ProductUpdated(product=product(sku, 20, newer)), subject=newer, sequence=20))
    await eventually(lambda: known(sku, newer))
    await topics.publish(
        event(ProductUpdated(product=product(sku, 10, older)), subject=older, sequence=10),
        event(ProductUpdated(product=product(other, 11, older)), subject=older, sequence=11),
    )
    await eventually(lambda: known(other, older))
    await known(sku, newer)
    assert (await inventory.get(f"/inventory/{sku}")).json == {"sku": sku, "in_stock": False, "available": 0}
    gone = ProductArchived(product_id=newer, slug="mug", skus=[sku], version=30)
    ended, last, third = event(gone, subject=newer, sequence=30), f"NEW-{new_id('prd')}", new_id("prd")
    await topics.publish(ended)
    await topics.publish_behind(
        ended, event(ProductUpdated(product=product(last, 1, third)), subject=third, sequence=1)
    )
    await eventually(lambda: known(last, third))
    await known(sku, newer)


def _envelope(kind: str) -> Any:
    return CloudEvent.__class_getitem__(REGISTRY[kind])


async def test_every_change_of_stock_is_said_in_order_as_the_contract_has_it(
    checkout: Caller, database: Database, topics: Topics
) -> None:
    sku = await stocked(database, 12)  # InventoryAdjusted, version 2
    await checkout.post("/internal/reservations", request((sku, 13)))  # InventoryShort, version 2
    await checkout.post("/internal/reservations", request((sku, 13)))  # the same again: said once
    first = await reserve(checkout, (sku, 2))  # 3
    rest = await reserve(checkout, (sku, 10))  # 4: sold out
    await release(checkout, rest)  # 5: back again
    await topics.publish(paid(first))  # 6
    await becomes(database, sku, 10, 0)
    await topics.publish(cancelled(first, was_paid=True))  # 7
    await becomes(database, sku, 12, 0)
    given_up = await reserve(checkout, (sku, 1))  # 8
    await topics.publish(cancelled(given_up))  # 9

    def enough(found: list[dict[str, Any]]) -> bool:
        return any(one["subject"] == sku and one["sequence"] == "9" for one in found)

    told = [one for one in await topics.read("inventory", enough) if one["subject"] == sku]
    read: list[Any] = [_envelope(one["type"]).model_validate(one) for one in told]
    assert len({one.id for one in read}) == len(read)
    for one in read:
        assert one.data.shown == (one.data.available if one.data.available <= contract.SHOWN_UP_TO else "many")
    seen = [
        (one.type, one.sequence, one.data.shown, one.data.in_stock, one.data.in_stock_flipped, one.data.version)
        for one in read
    ]
    assert seen == [
        ("InventoryAdjusted", "2", "many", True, True, 2),
        ("InventoryShort", "2", "many", True, False, 2),
        ("InventoryReserved", "3", 10, True, False, 3),
        ("InventoryReserved", "4", 0, False, True, 4),
        ("InventoryReleased", "5", 10, True, True, 5),
        ("InventoryCommitted", "6", 10, True, False, 6),
        ("InventoryReleased", "7", "many", True, False, 7),
        ("InventoryReserved", "8", "many", True, False, 8),
        ("InventoryReleased", "9", "many", True, False, 9),
    ]
    assert isinstance(read[0].data, contract.InventoryAdjusted)
    assert (read[0].data.delta, read[0].data.reason) == (12, "counted")
    assert (read[1].data.wanted, read[1].data.left) == (13, 12)
    assert [one.data.cause for one in read if one.type == "InventoryReleased"] == [
        "released", "restocked", "order_cancelled",
    ]  # fmt: skip
    assert read[8].data.reservation_id == given_up
    for raw, one in zip(told, read, strict=True):
        made_here = event(one.data, subject=sku, sequence=int(one.sequence)).model_dump(mode="json", exclude_none=True)
        own = {"id": "", "time": "", "traceparent": ""}  # of each telling; what the clock does is in no trace
        assert raw.keys() | own == made_here.keys() | own
        assert {**raw, **own} == {**made_here, **own}


async def test_the_audit_sees_a_ledger_that_does_not_explain_the_stock(checkout: Caller, database: Database) -> None:
    assert (await checkout.get("/internal/audit")).json == {"agrees": True, "differences": []}
    sku = await stocked(database, 5)
    async with database.transaction() as tx:
        await tx.execute("UPDATE stock SET on_hand = 6 WHERE sku = $1", sku)
    found = (await checkout.get("/internal/audit")).json
    assert [(one["sku"], one["on_hand"], one["on_hand_by_ledger"]) for one in found["differences"]] == [(sku, 6, 5)]
    async with database.transaction() as tx:
        await tx.execute("UPDATE stock SET on_hand = 5 WHERE sku = $1", sku)


async def test_the_ledger_cannot_be_rewritten_and_stock_not_be_oversold(database: Database) -> None:
    sku = await stocked(database, 5)
    for statement in (
        "UPDATE stock_ledger SET on_hand_delta = 9 WHERE sku = $1",
        "DELETE FROM stock_ledger WHERE sku = $1",
        "UPDATE stock SET reserved = 6 WHERE sku = $1",
    ):
        with pytest.raises(Exception, match=r"append-only|never_promised_twice"):
            async with database.transaction() as tx:
                await tx.execute(statement, sku)
    async with database.transaction() as tx:
        assert len(await store.ledger_of(tx, sku, before=None, limit=10)) == 1
        await service.adjust(tx, sku, -1, "broken", actor="test")
