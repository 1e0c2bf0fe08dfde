"""The audit names what is wrong, room and thing, and says nothing of a shop that is well: the comparing alone.

That each rule finds what breaks it on real data, and nothing else, is in test_audit_rules.py.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bodega.cli.__main__ import app
from bodega.platform.system import System
from bodega.proof import audit as proof
from bodega.proof.audit import (
    Books,
    Finding,
    Limits,
    Look,
    Places,
    Report,
    answers,
    audit,
    compare,
    events,
    mails,
    views,
)
from bodega.proof.audit.events import Hearers
from bodega.proof.audit.topics import Log, Record

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
        "id": "ord_1", "number": "BDG-1", "state": "delivered", "reservation_id": "res_1", "payment_id": "pay_1",
        "captured": True, "total": 1490, "refunded": 490, "attention": None, "placed_ago": 60.0, "lines": lines,
        "totals": totals, "tracking_number": "T1",
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
        "movements": [{"reservation_id": "res_1", "sku": "MUG", "on_hand": -2}],
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
    }


def processor() -> dict[str, dict[str, int]]:
    return {"pay_1": {"held": 0, "captured": 1490, "refunded": 490}, "pay_2": {"held": 0, "captured": 0, "refunded": 0}}


NOWHERE = Places(databases={}, hearers=Hearers({}, 14), heard={})


def found(books: Rows, theirs: Any = None) -> list[Finding]:
    """What is wrong with these books."""
    return list(compare(Look(Books(**books, processor=theirs)), NOWHERE))


def record(**changes: Any) -> Record:
    """An event of an order."""
    usual: dict[str, Any] = {
        "topic": "orders", "partition": 0, "offset": 0, "at": datetime.now(UTC), "key": "ord_1", "id": "e1",
        "type": "OrderPaid", "sequence": 1, "data": {},
    }  # fmt: skip
    return Record(**{**usual, **changes})


def test_says_nothing_of_a_shop_that_is_well() -> None:
    assert found(well(), processor()) == []


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
    assert (room, thing, rule) in {finding.identity for finding in found(books, processor())}


def test_money_at_the_processor_that_we_do_not_know_of_is_named() -> None:
    theirs = {**processor(), "pay_9": {"held": 500, "captured": 0, "refunded": 0}}
    assert found(well(), theirs) == [Finding("payments", "pay_9", "held as the processor says", "0", "500")]


def test_what_the_sweep_found_and_what_was_parked_is_named() -> None:
    books = well()
    books["unmatched"] = [{"intent_id": "pi_1", "payment_id": None, "status": "requires_capture", "amount": 500}]
    books["parked"] = [{"room": "orders", "consumer": "orders", "parked": 2}]
    assert {(one.room, one.thing) for one in found(books)} == {("payments", "pi_1"), ("orders", "orders")}


def test_a_finding_is_a_sentence_that_names_thing_and_rule() -> None:
    finding = Finding("orders", "ord_1", "the total is the order's", "1491", "1490")
    sentence = "orders: ord_1 breaks the rule “the total is the order's”: found 1491, expected 1490."
    assert finding.as_json()["sentence"] == sentence


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[Report]]:
    """An audit that sees these books, look by look."""

    async def look(*books: Rows) -> Report:
        left = iter(books)

        async def read(*_: object) -> Look:
            return Look(Books(**next(left)))

        monkeypatch.setattr(proof, "look", read)
        return await audit(NOWHERE, recheck_seconds=0)

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


# --- what the instance says -------------------------------------------------------------------------


def test_limits_are_what_the_waiting_times_allow() -> None:
    torture = System.load(local=False).instance("torture")
    fast, times = Limits.of(torture), torture.times
    taken_up = times["lease_seconds"] + times["retry_most_seconds"] + 30
    assert fast.taken_up == fast.undecided == fast.capture == taken_up
    assert fast.doubt == times["checkout_due_seconds"] + times["unknown_due_seconds"] + taken_up
    assert (fast.packing, fast.mail) == (times["cancel_window_seconds"] + taken_up, 1 + taken_up)


def test_a_room_is_asked_only_for_what_it_hears_in_this_shop() -> None:
    system = System.load(local=False)
    at_order = Hearers.of(system, 14).inbox["payments"]
    late = system.model_copy(update={"shop": system.shop.model_copy(update={"capture_on": "shipment"})})
    assert (at_order["shipping"], Hearers.of(late, 14).inbox["payments"]["shipping"]) == (set(), {"ShipmentCreated"})


def test_money_that_is_taken_with_the_parcel_is_not_waited_for() -> None:
    books = Books(late=[{"room": "orders", "what": "uncaptured", "thing": "ord_1", "seconds": 1e6}])
    assert len(list(compare(Look(books), NOWHERE))) == 1
    assert list(compare(Look(books), replace(NOWHERE, captures=False))) == []


# --- what is to be mailed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "data", "kinds"),
    [
        ("OrderCancelled", {"was_paid": False}, []),
        ("OrderCancelled", {"was_paid": True}, ["order_cancelled"]),
        ("PaymentFailed", {}, []),
        ("PaymentFailed", {"email": "ada@example.com"}, ["payment_failed"]),
        ("WithdrawalReceived", {"withdrawal_id": "wdr_1"}, ["withdrawal_received", "withdrawal_reported"]),
        ("OrderLinkRequested", {"requested_at": "2026-11-24T08:48:32Z"}, ["order_link"]),
        ("PasswordChanged", {}, ["password_changed"]),
        ("PasswordResetRequested", {}, ["reset_password"]),
        ("ShipmentCreated", {}, []),
    ],
)
def test_these_facts_are_mailed(told: str, data: dict[str, Any], kinds: list[str]) -> None:
    log = Log([record(type=told, data={"refunded_total": None, **data})])
    missing = mails.written(Books(inbox={"notifications": {"e1": 1}}), log, merchant=True)
    assert [finding.thing for finding in missing] == [f"{kind} of ord_1" for kind in kinds]


def test_a_link_that_is_asked_for_twice_in_ten_minutes_is_mailed_once() -> None:
    asked = [
        record(id=f"e{n}", type="OrderLinkRequested", data={"requested_at": f"2026-11-24T08:4{n}:00Z"}) for n in (1, 2)
    ]
    mail = {"kind": "order_link", "event_id": "e1", "subject_id": "ord_1", "channel": "mail", "resend_of": None,
            "message_id": "<1@shop>", "id": "ntf_1"}  # fmt: skip
    books = Books(inbox={"notifications": {"e1": 1, "e2": 1}}, notifications=[mail])
    assert list(mails.written(books, Log(asked), merchant=False)) == []


# --- what cannot be seen any more -------------------------------------------------------------------


def test_what_is_no_longer_there_is_said_and_not_judged() -> None:
    now = datetime.now(UTC)
    log = Log([record(at=datetime(2026, 1, 1, tzinfo=UTC))], since={"orders": datetime(2026, 11, 1, tzinfo=UTC)})
    assert [sentence.partition(",")[0].partition(" from ")[0] for sentence in events.unseen(log, 14)] == [
        "Events of orders",
        "Which events",
    ]
    sent = {"state": "sent", "sent_at": now}
    assert len(list(mails.unseen(Books(notifications=[sent]), None))) == 1
    assert len(list(mails.unseen(Books(notifications=[sent]), []))) == 1
    kept = [{"message_id": "<1@shop>", "to": [], "received_at": now.timestamp()}]
    assert list(mails.unseen(Books(notifications=[sent]), kept)) == []


# --- pages ------------------------------------------------------------------------------------------


def offer(sku: str, price: str, availability: str) -> dict[str, Any]:
    return {"@type": "Product", "sku": sku, "offers": {"@type": "Offer", "price": price, "availability": availability}}


def page(*said: dict[str, Any]) -> str:
    return "".join(f'<script type="application/ld+json">{json.dumps(one)}</script>' for one in said)


def test_a_page_says_price_and_stock_of_each_variant() -> None:
    group = {
        "@type": "ProductGroup",
        "hasVariant": [
            offer("S", "19.90", "https://schema.org/InStock"),
            offer("M", "20.00", "https://schema.org/OutOfStock"),
        ],
    }
    shown = views.shown_by(page({"@type": "BreadcrumbList"}, group), "EUR")
    assert shown == {"S": {"price": 1990, "in_stock": True}, "M": {"price": 2000, "in_stock": False}}
    assert views.shown_by(page(offer("S", "500", "https://schema.org/InStock")), "JPY") == {
        "S": {"price": 500, "in_stock": True}
    }
    assert views.shown_by("<html></html>", "EUR") == "a page without an offer"


def test_of_a_sample_it_is_known_how_many_there_must_be() -> None:
    some = views.Views(left_out=7, published=9, documents={}, live_documents=8)
    assert [(one.thing, one.found, one.expected) for one in views.compare(some, [])] == [("products", "8", "9")]


# --- answers ----------------------------------------------------------------------------------------


def test_answers_are_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text(
        '{"order": "BDG-1", "key": "k1", "status": 201, "lines": [{"sku": "MUG", "quantity": 2}]}\n\n'
        '{"key": "k2", "status": 503, "buyer": 7}\n'
    )
    first, second = answers.read(file)
    assert (first.order, first.lines[0].quantity, second.order, second.status) == ("BDG-1", 2, None, 503)


def test_a_line_that_is_no_answer_is_named(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text('{"key": "k1", "status": 201}\n{"key": "k2"}\n')
    with pytest.raises(answers.NoAnswers, match="line 2: status: Field required"):
        answers.read(file)


# --- the command ------------------------------------------------------------------------------------

WRONG = Report(
    [Finding("search", "prd_1", "the index is as its sources", "nothing", "version 7")], {"orders": 3}, ["Not seen."]
)


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """The command, where the audit reports this."""
    monkeypatch.setenv("BODEGA_HOME", str(tmp_path))

    def run(report: Report, *arguments: str) -> Any:
        async def audit(*_: object, **__: object) -> Report:
            return report

        monkeypatch.setattr(proof, "audit", audit)
        return CliRunner().invoke(app, ["audit", "--instance", "test", *arguments], env={"COLUMNS": "200"})

    return run


def test_the_command_prints_findings_for_people_and_fails(says: Callable[..., Any]) -> None:
    answer = says(WRONG)
    assert answer.exit_code == 1
    for words in ("3 orders", "Not seen.", "the index is as its sources", "1 findings", "search audit --mend"):
        assert words in answer.stdout, words


def test_the_command_prints_findings_for_programs(says: Callable[..., Any]) -> None:
    answer = says(WRONG, "--json")
    said = json.loads(answer.stdout)
    assert (answer.exit_code, said["looked_at"], said["unseen"]) == (1, {"orders": 3}, ["Not seen."])
    assert said["findings"][0]["sentence"].startswith("search: prd_1 breaks the rule")


def test_the_command_is_content_with_a_shop_that_is_well(says: Callable[..., Any]) -> None:
    answer = says(Report([], {"orders": 3}))
    assert (answer.exit_code, "Everything agrees." in answer.stdout) == (0, True)


def test_the_command_names_the_line_that_is_no_answer(says: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text("no\n")
    answer = says(WRONG, "--answers", str(file))
    assert (answer.exit_code, "line 1" in answer.output) == (1, True)
