"""A backup is compared with the shop: what is missing or differs without a reason is named, and nothing else is."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bodega.proof.comparison import KINDS, Side, Since, Thing, compare
from bodega.proof.comparison.events import Told

pytestmark = pytest.mark.unit

POINT = datetime(2026, 12, 1, 12, tzinfo=UTC)
LONG_BEFORE, AFTER = POINT - timedelta(days=3), POINT + timedelta(minutes=5)
PAID = {"state": "paid", "refunded": 0, "version": 2}
FIVE = {"on_hand": 7, "reserved": 2, "available": 5, "version": 9}


def thing(
    id_: str, state: Mapping[str, Any], *, made: datetime = LONG_BEFORE, changed: datetime = LONG_BEFORE
) -> Thing:
    return Thing(frozenset([id_]), made, changed, {"number": f"BDG-{id_}", "total": 4290, "currency": "EUR"}, state)


def side(**things: dict[str, Thing]) -> Side:
    return Side({kind: things.get(kind, {}) for kind in KINDS})


def shipped(key: str, sequence: int = 4) -> Told:
    return Told("orders", "OrderShipped", key, sequence, {})


def rules(copy: Side, shop: Side, *events: Told) -> list[tuple[str, str, str]]:
    found = compare(copy, shop, Since(list(events)), POINT)
    return [(one.kind, one.thing, one.rule) for one in found.differences]


THE_SAME = side(orders={"a": thing("a", PAID)}, stock={"mug": thing("mug", FIVE)})


def test_two_that_are_the_same_do_not_differ() -> None:
    found = compare(THE_SAME, THE_SAME, Since(), POINT)
    assert (found.differences, found.sold_since) == ([], {})
    assert (found.counts["orders"].at_the_point, found.counts["orders"].unchanged) == (1, 1)


def test_an_order_that_is_in_the_backup_and_no_longer_in_the_shop_is_named() -> None:
    assert rules(THE_SAME, side(stock=THE_SAME.things["stock"])) == [
        ("orders", "a", "what was there at the point is there still")
    ]


def test_an_order_that_was_placed_before_the_point_and_is_not_in_the_backup_is_named() -> None:
    assert rules(side(), side(orders={"a": thing("a", PAID)})) == [
        ("orders", "a", "what was there before the point is in the backup")
    ]


def test_an_order_that_was_placed_since_is_what_would_be_lost_and_no_fault() -> None:
    new = thing("a", PAID, made=AFTER, changed=AFTER)
    found = compare(side(), side(orders={"a": new}), Since(), POINT)
    assert (found.differences, found.counts["orders"].new_since, found.sold_since) == ([], 1, {"EUR": 4290})


def test_a_change_that_neither_its_own_time_nor_an_event_explains_is_named() -> None:
    gone_on = {**PAID, "state": "shipped", "version": 4}
    changed = side(orders={"a": thing("a", gone_on)}, stock=THE_SAME.things["stock"])
    assert ("orders", "a", "what differs has changed since the point") in rules(THE_SAME, changed)
    assert rules(THE_SAME, changed, shipped("a")) == []


def test_the_total_of_an_order_never_changes() -> None:
    other = replace(thing("a", PAID, changed=AFTER), fixed={"number": "BDG-a", "total": 1, "currency": "EUR"})
    changed = side(orders={"a": other}, stock=THE_SAME.things["stock"])
    assert rules(THE_SAME, changed) == [("orders", "a", "what never changes has not changed")]


def test_the_events_since_laid_over_the_backup_give_the_shop() -> None:
    sold = {"on_hand": 6, "reserved": 2, "available": 4, "version": 10}
    shop = side(orders=THE_SAME.things["orders"], stock={"mug": thing("mug", sold, changed=AFTER)})
    event = Told("inventory", "InventoryCommitted", "mug", 10, {"available": 4})
    assert rules(THE_SAME, shop, event) == []
    expected = [("stock", "mug", "the events since, laid over the backup, give the shop")]
    assert rules(THE_SAME, shop) == expected, "an event was lost"
    assert rules(THE_SAME, shop, replace(event, data={"available": 3})) == expected, "an event told otherwise"


@pytest.mark.parametrize("sequence", [9, 11])
def test_an_event_that_the_backup_knows_or_that_came_after_the_shop_was_read_changes_nothing(sequence: int) -> None:
    event = Told("inventory", "InventoryAdjusted", "mug", sequence, {"available": 100})
    assert rules(THE_SAME, THE_SAME, event) == []


def test_of_what_waits_in_an_outbox_the_topics_cannot_tell_yet() -> None:
    sold = thing("mug", {**FIVE, "available": 4, "version": 10}, changed=AFTER)
    shop = side(orders=THE_SAME.things["orders"], stock={"mug": sold})
    shop.untold.add("mug")
    assert rules(THE_SAME, shop) == []


def test_a_customer_may_have_been_erased_since() -> None:
    customers = {"ada": thing("ada", {"version": 1, "verified": True})}
    found = compare(side(customers=customers), side(), Since(), POINT)
    assert (found.differences, found.counts["customers"].gone) == ([], 1)


def test_an_event_that_this_release_cannot_read_is_named() -> None:
    found = compare(THE_SAME, THE_SAME, Since([], {"orders/0/7": "number: Field required"}), POINT)
    assert [(one.thing, one.shop) for one in found.differences] == [("orders/0/7", "number: Field required")]
