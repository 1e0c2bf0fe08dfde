"""The audit names what is wrong, room and thing, and says nothing of a shop that is well: the comparing alone."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bodega.platform.system import System
from bodega.proof import audit as proof
from bodega.proof.audit import Books, Finding, Report, audit, compare

pytestmark = pytest.mark.unit

Rows = dict[str, Any]


def price(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def well() -> Rows:
    """One delivered order of two mugs and one that was cancelled after it was paid."""
    lines = json.dumps([{"sku": "MUG", "quantity": 2, "total": price(1000)}])
    amounts = {"items": 1000, "shipping": 490, "discount": 0, "tax": 238, "total": 1490}
    totals = json.dumps({**{name: price(amount) for name, amount in amounts.items()}, "tax_included": True})
    order = {
        "id": "ord_1", "state": "delivered", "reservation_id": "res_1", "payment_id": "pay_1", "captured": True,
        "total": 1490, "refunded": 490, "attention": None, "lines": lines, "totals": totals, "tracking_number": "T1",
    }  # fmt: skip
    gone = {
        **order, "id": "ord_2", "state": "cancelled", "reservation_id": "res_2", "payment_id": "pay_2",
        "captured": False, "refunded": 0, "tracking_number": None,
    }  # fmt: skip
    payment = {
        "id": "pay_1", "order_id": "ord_1", "state": "captured", "amount": 1490, "authorized": 1490,
        "captured": 1490, "released": 0, "refunding": 490, "refunded": 490,
    }  # fmt: skip
    voided = {**payment, "id": "pay_2", "order_id": "ord_2", "captured": 0, "released": 1490, "refunded": 0}
    return {
        "stock": [{"sku": "MUG", "on_hand": 8, "reserved": 1}],
        "ledger": [{"sku": "MUG", "on_hand": 8, "reserved": 1}],
        "reservations": [
            {"id": "res_1", "state": "committed", "skus": ["MUG"], "quantities": [2]},
            {"id": "res_2", "state": "restocked", "skus": ["MUG"], "quantities": [2]},
            {"id": "res_3", "state": "reserved", "skus": ["MUG"], "quantities": [1]},
        ],
        "answered_for": [{"reservation_id": "res_3"}],
        "orders": [order, gone],
        "payments": [payment, voided],
        "accounts": [{"payment_id": "pay_1", "held": 0, "shop": 1000}, {"payment_id": "pay_2", "held": 0, "shop": 0}],
        "unmatched": [],
        "shipments": [
            {"id": "shp_1", "order_id": "ord_1", "state": "labelled", "status": "delivered", "tracking_number": "T1"},
            {"id": "shp_2", "order_id": "ord_2", "state": "dropped", "status": "preparing", "tracking_number": None},
        ],
        "outboxes": [{"room": "orders", "waiting": 3, "seconds": 2.0}],
        "parked": [],
        "index": [],
    }


def processor() -> dict[str, dict[str, int]]:
    return {"pay_1": {"held": 0, "captured": 1490, "refunded": 490}, "pay_2": {"held": 0, "captured": 0, "refunded": 0}}


def test_says_nothing_of_a_shop_that_is_well() -> None:
    assert list(compare(Books(**well(), processor=processor()))) == []


@pytest.mark.parametrize(
    ("rows", "number", "change", "room", "thing", "rule"),
    [
        ("stock", 0, {"on_hand": 9}, "inventory", "MUG", "on_hand is the sum of its ledger"),
        ("stock", 0, {"on_hand": 0}, "inventory", "MUG", "never promised twice"),
        ("stock", 0, {"sku": "CUP"}, "inventory", "MUG", "on_hand is the sum of its ledger"),
        ("reservations", 2, {"skus": ["CUP"]}, "inventory", "CUP", "reserved is the sum of its live reservations"),
        ("reservations", 2, {"quantities": [2]}, "inventory", "MUG", "reserved is the sum of its live reservations"),
        ("reservations", 0, {"quantities": [1]}, "inventory", "ord_1", "what was sold is what was taken"),
        ("reservations", 0, {"state": "reserved"}, "inventory", "ord_1",
         "the reservation of an order that is delivered"),
        ("answered_for", 0, {"reservation_id": "res_9"}, "inventory", "res_3", "somebody answers for a reservation"),
        ("reservations", 2, {"state": "committed"}, "inventory", "res_3", "a reservation has its order"),
        ("orders", 0, {"total": 1491}, "orders", "ord_1", "the total is the order's"),
        ("orders", 0, {"lines": "[]"}, "orders", "ord_1", "items are the sum of the lines"),
        ("orders", 0, {"refunded": 0}, "orders", "ord_1", "refunded as payments did"),
        ("orders", 0, {"payment_id": "pay_9"}, "payments", "ord_1", "exactly its total authorised"),
        ("orders", 0, {"tracking_number": "T2"}, "orders", "ord_1", "the parcel's number"),
        ("orders", 0, {"state": "cancelled"}, "payments", "ord_1", "nothing kept of a cancelled order"),
        ("payments", 0, {"captured": 1000}, "payments", "ord_1", "exactly its total captured"),
        ("payments", 0, {"refunded": 2000}, "payments", "pay_1", "no more than was given"),
        ("payments", 0, {"captured": 1000}, "payments", "pay_1", "captured as the processor says"),
        ("payments", 0, {"order_id": "ord_9"}, "payments", "ord_9", "no money without an order"),
        ("payments", 1, {"released": 0}, "payments", "ord_2", "nothing held for a cancelled order"),
        ("payments", 1, {"order_id": "ord_1", "released": 0}, "payments", "ord_1", "no second payment"),
        ("accounts", 0, {"shop": 1490}, "payments", "pay_1", "the ledger's money of the shop"),
        ("shipments", 0, {"state": "dropped", "status": "preparing"}, "shipping", "ord_1",
         "the parcel of an order that is delivered"),
        ("shipments", 1, {"state": "labelled"}, "shipping", "ord_2", "the parcel of an order that is cancelled"),
        ("shipments", 0, {"order_id": "ord_9"}, "shipping", "shp_1", "a parcel has its order"),
        ("outboxes", 0, {"seconds": 61.0}, "orders", "outbox", "events are told"),
    ],
)  # fmt: skip
def test_names_what_is_wrong(rows: str, number: int, change: dict[str, Any], room: str, thing: str, rule: str) -> None:
    books = well()
    books[rows][number] |= change
    assert (room, thing, rule) in {finding.identity for finding in compare(Books(**books, processor=processor()))}


def test_money_at_the_processor_that_we_do_not_know_of_is_named() -> None:
    theirs = {**processor(), "pay_9": {"held": 500, "captured": 0, "refunded": 0}}
    findings = list(compare(Books(**well(), processor=theirs)))
    assert findings == [Finding("payments", "pay_9", "held as the processor says", "0", "500")]


def test_what_the_sweep_found_what_was_parked_and_where_the_index_differs_is_named() -> None:
    books = well()
    books["unmatched"] = [{"intent_id": "pi_1", "payment_id": None, "status": "requires_capture", "amount": 500}]
    books["parked"] = [{"room": "orders", "consumer": "orders", "parked": 2}]
    books["index"] = [{"id": "prd_1", "what": "stock"}]
    found = {(finding.room, finding.thing) for finding in compare(Books(**books))}
    assert found == {("payments", "pi_1"), ("orders", "orders"), ("search", "prd_1")}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[Report]]:
    """An audit that sees these books, look by look."""

    async def look(*books: Rows) -> Report:
        left = iter(books)

        async def read(*_: object) -> Books:
            return Books(**next(left))

        async def nobody(service: str, path: str) -> Any:
            pytest.fail(f"{service} is asked for {path}")

        monkeypatch.setattr(proof, "read", read)
        return await audit(System.load(local=False).instance("test"), nobody, recheck_seconds=0)

    return look


async def test_what_an_event_under_way_explains_is_no_finding(looks: Callable[..., Awaitable[Report]]) -> None:
    behind = well()
    behind["shipments"][0]["status"] = "in_transit"
    assert (await looks(behind, well())).findings == []


async def test_what_stays_is_a_finding(looks: Callable[..., Awaitable[Report]]) -> None:
    behind = well()
    behind["shipments"][0]["status"] = "in_transit"
    (finding,) = (await looks(behind, behind)).findings
    assert (finding.room, finding.thing, finding.expected) == ("shipping", "ord_1", "delivered")
