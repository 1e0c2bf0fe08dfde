"""Makes stock and reservations for the tests of the inventory room."""

import secrets
from typing import Any

from bodega.contracts.envelope import event
from bodega.contracts.ids import new_id
from bodega.contracts.orders import OrderCancelled, OrderPaid
from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller
from bodega.services.inventory import service, store
from tests.orders.making import wanted


async def stocked(database: Database, on_hand: int) -> str:
    """A SKU of this test's own with so many units."""
    sku = f"SKU-{secrets.token_hex(6)}"
    async with database.transaction() as tx:
        await store.learn_product(tx, new_id("prd"), [sku], 1)
        await service.count(tx, sku, on_hand, "counted", expected_version=None, actor="test")
    return sku


async def standing(database: Database, sku: str) -> tuple[int, int]:
    """(on hand, reserved)"""
    async with database.transaction() as tx:
        stock = await store.get_stock(tx, sku)
    return stock.on_hand, stock.reserved


def request(*lines: tuple[str, int], reservation_id: str = "") -> dict[str, Any]:
    return {
        "reservation_id": reservation_id or new_id("res"),
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
    }


async def reserve(checkout: Caller, *lines: tuple[str, int]) -> str:
    """The id of a new reservation."""
    answer = await checkout.post("/internal/reservations", request(*lines))
    assert answer.status == 201, answer.body
    return str(answer.json["reservation_id"])


async def release(checkout: Caller, reservation_id: str) -> Answered:
    return await checkout.post(f"/internal/reservations/{reservation_id}/release")


def _order(reservation_id: str) -> dict[str, Any]:
    return {
        **wanted(reservation_id=reservation_id).model_dump(exclude={"billing_address", "order_id"}),
        "number": "BDG-0000-0000",
        "payment_id": new_id("pay"),
    }


def paid(reservation_id: str) -> Any:
    """What orders says when an order with this reservation is paid."""
    order_id = reservation_id.replace("res_", "ord_")
    return event(OrderPaid.model_validate(_order(reservation_id)), subject=order_id, sequence=2)


def cancelled(reservation_id: str, *, was_paid: bool = False, reason: str = "customer_request") -> Any:
    order_id = reservation_id.replace("res_", "ord_")
    data = {**_order(reservation_id), "reason": reason, "was_paid": was_paid}
    return event(OrderCancelled.model_validate(data), subject=order_id, sequence=3)
