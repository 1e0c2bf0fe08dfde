"""What a product is to those who look for it."""

import pytest

from bodega.contracts.ids import new_id
from bodega.services.search import domain
from bodega.services.search.domain import Stock
from bodega.services.search.store import Skeleton
from tests.search.making import euro, product, variant

pytestmark = pytest.mark.unit


def test_a_document_shows_the_cheapest_variant_and_the_span() -> None:
    one = product(
        "Mug", variant("A", 1200, Color="Sand"), variant("B", 900, compare_at_price=euro(1000), barcode="4006381")
    )
    document = domain.document(one)
    assert (document["price"], document["price_to"], document["compare_at_price"]) == (900, 1200, 1000)
    assert document["codes"] == ["a", "b", "4006381"]
    assert document["variants"][0]["options"] == ["color=sand"]
    assert document["variants"][0]["choices"] == [{"option": "color", "name": "Color", "value": "Sand"}]


def test_what_differs_is_named_once() -> None:
    same, older, stale, missing = (product("Mug", variant(f"S{n}"), version=2) for n in range(4))
    stock = {f"S{n}": Stock(f"S{n}", None, True, 1) for n in range(4)}
    surplus = new_id("prd")
    kept = {
        same.id: Skeleton(same.id, 2, {"S0": True}),
        older.id: Skeleton(older.id, 1, {"S1": False}),
        stale.id: Skeleton(stale.id, 2, {"S2": False}),
        surplus: Skeleton(surplus, 1, {}),
    }
    told = {one.id: one for one in (same, older, stale, missing)}
    assert {(one.id, one.what) for one in domain.differences(told, stock, kept)} == {
        (older.id, "older"), (stale.id, "stock"), (missing.id, "missing"), (surplus, "surplus"),
    }  # fmt: skip


def test_newer_in_the_index_than_in_the_answer_is_no_difference() -> None:
    one = product("Mug", variant("S"), version=2)
    assert domain.differences({one.id: one}, {}, {one.id: Skeleton(one.id, 3, {"S": True})}) == []
