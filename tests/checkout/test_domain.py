"""What a cart costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodega.contracts.cart import CartLine
from bodega.contracts.catalog import PricedSku
from bodega.contracts.fields import Address
from bodega.contracts.ids import new_id
from bodega.contracts.shipping import ShippingOption
from bodega.services.checkout.domain import (
    Priced,
    RateTable,
    TaxTable,
    items_total,
    outcome_of_cancelled_order,
    price_cart,
)
from bodega.services.checkout.errors import (
    CardDeclined,
    CheckoutEnded,
    NoLongerSold,
    OutOfStock,
    TotalChanged,
    from_stored,
    to_stored,
)
from tests.checkout.making import ADDRESS
from tests.checkout.world import EURO, euro

pytestmark = pytest.mark.unit

TO = Address.model_validate(ADDRESS)


@dataclass(frozen=True)
class FlatTax:
    """One rate for everything, everywhere."""

    flat: Decimal
    includes_tax: bool
    source: Mapping[str, Any] = field(default_factory=dict)

    def rate(self, address: Address, tax_category: str) -> Decimal:
        return self.flat


GROSS, NET = FlatTax(Decimal("0.19"), includes_tax=True), FlatTax(Decimal("0.19"), includes_tax=False)
GERMANY = RateTable(
    includes_tax=True,
    source={"day": "2026-11-24", "version": 1},
    rates={("", "standard"): Decimal("0.19"), ("", "food"): Decimal("0.07")},
)
STATES = RateTable(
    includes_tax=False,
    source={},
    rates={
        ("CA", "standard"): Decimal("0.0725"), ("CA", "food"): Decimal(0), ("CA", "shipping"): Decimal(0),
        ("NY", "standard"): Decimal("0.04"),
    },
)  # fmt: skip


def sold(sku: str, price: int, **other: object) -> PricedSku:
    return PricedSku.model_validate(
        {"sku": sku, "sold": True, "product_id": new_id("prd"), "title": "Mug", "price": euro(price), **other}
    )


def sending(price: int) -> ShippingOption:
    return ShippingOption.model_validate(
        {"id": "standard", "name": "Standard", "carrier": "Parcel", "price": euro(price),
         "promised_from": "2026-12-01", "promised_to": "2026-12-03"}
    )  # fmt: skip


def priced(lines: list[tuple[int, int]], shipping: int, tax: FlatTax = GROSS) -> Priced:
    """A cart of (price, quantity)."""
    cart = [CartLine(sku=f"S{n}", quantity=quantity) for n, (_, quantity) in enumerate(lines)]
    prices = {f"S{n}": sold(f"S{n}", price) for n, (price, _) in enumerate(lines)}
    return price_cart(cart, prices, sending(shipping), TO, tax)


HALF_A_CENT = Decimal("0.5")
KINDS = st.sampled_from(["standard", "food", "books", "shipping"])
LINES = st.lists(st.tuples(st.integers(0, 1_000_000), st.integers(1, 999), KINDS), min_size=1, max_size=20)
TABLES = st.builds(
    lambda gross, rates: RateTable(gross, {}, {("", category): rate for category, rate in rates.items()}),
    st.booleans(),
    st.dictionaries(KINDS, st.decimals(0, 1, places=4).map(abs)),
)


def mixed(lines: list[tuple[int, int, str]], shipping: int, tax: TaxTable, to: Address = TO) -> Priced:
    """A cart of (price, quantity, tax category)."""
    cart = [CartLine(sku=f"S{n}", quantity=quantity) for n, (_, quantity, _) in enumerate(lines)]
    prices = {f"S{n}": sold(f"S{n}", price, tax_category=kind) for n, (price, _, kind) in enumerate(lines)}
    return price_cart(cart, prices, sending(shipping), to, tax)


@given(LINES, st.integers(0, 100_000), TABLES)
def test_lines_and_shipping_and_tax_less_discount_are_the_total_whatever_is_bought(
    lines: list[tuple[int, int, str]], shipping: int, tax: RateTable
) -> None:
    result = mixed(lines, shipping, tax)
    totals = result.totals
    assert totals.items.amount == sum(price * quantity for price, quantity, _ in lines)
    assert totals.items.amount == sum(line.total.amount for line in result.lines)
    on_top = 0 if tax.includes_tax else totals.tax.amount
    assert totals.items.amount + totals.shipping.amount + on_top - totals.discount.amount == totals.total.amount


@given(LINES, st.integers(0, 100_000), TABLES)
def test_the_tax_is_the_sum_of_the_lines_each_at_most_half_a_cent_from_exact(
    lines: list[tuple[int, int, str]], shipping: int, tax: RateTable
) -> None:
    result = mixed(lines, shipping, tax)
    of_shipping = result.totals.tax.amount - sum(line.tax.amount for line in result.lines)
    for amount, taxed, rate in [
        *((line.total.amount, line.tax.amount, Decimal(line.tax_rate)) for line in result.lines),
        (shipping, of_shipping, Decimal(result.tax_decision["shipping"]["rate"])),
    ]:
        exact = Decimal(amount) * rate / (1 + rate if tax.includes_tax else 1)
        assert abs(Decimal(taxed) - exact) <= HALF_A_CENT


def test_tax_is_rounded_per_line_and_half_a_cent_goes_up() -> None:
    # 0.50 net at 19 % is 0.095: three lines of it are 3 x 0.10, not 0.29.
    result = priced([(50, 1), (50, 1), (50, 1)], 0, NET)
    assert [line.tax.amount for line in result.lines] == [10, 10, 10]
    assert result.totals.tax.amount == 30
    assert result.totals.total.amount == 180


def test_gross_prices_contain_their_tax() -> None:
    result = priced([(1190, 1)], 119)
    assert result.totals.tax.amount == 190 + 19
    assert result.totals.total.amount == 1309
    assert result.totals.tax_included


def test_each_line_has_the_rate_of_its_category_and_the_decision_keeps_what_it_was_made_from() -> None:
    result = mixed([(1070, 1, "food"), (1190, 1, "standard")], 0, GERMANY)
    assert [(line.tax_rate, line.tax.amount) for line in result.lines] == [("0.07", 70), ("0.19", 190)]
    assert result.tax_decision == {
        "country": "DE",
        "region": None,
        "territory": None,
        "prices_include_tax": True,
        "rounding": "per line, half up",
        "table": {"day": "2026-11-24", "version": 1},
        "lines": [
            {"sku": "S0", "category": "food", "rate": "0.07"},
            {"sku": "S1", "category": "standard", "rate": "0.19"},
        ],
        "shipping": {"rule": "as most of the goods", "rate": "0.19"},
    }


@pytest.mark.parametrize(
    ("food", "other", "rate"), [(1000, 999, "0.07"), (999, 1000, "0.19"), (1000, 1000, "0.19"), (0, 0, "0.19")]
)
def test_sending_is_taxed_as_most_of_the_goods_value(food: int, other: int, rate: str) -> None:
    result = mixed([(food, 1, "food"), (other, 1, "standard")], 500, GERMANY)
    assert result.tax_decision["shipping"] == {"rule": "as most of the goods", "rate": rate}


@pytest.mark.parametrize(
    ("region", "tax"),
    [("CA", 725), ("California", 725), ("NY", 400 + 400 + 40), ("OR", 0)],
)
def test_where_prices_are_net_each_region_adds_its_own_tax(region: str, tax: int) -> None:
    there = TO.model_copy(update={"country": "US", "region": region})
    result = mixed([(10_000, 1, "standard"), (10_000, 1, "food")], 1_000, STATES, there)
    assert result.totals.tax.amount == tax
    assert result.totals.total.amount == 21_000 + tax
    assert not result.totals.tax_included


def test_no_tax_is_collected_where_there_are_no_rates() -> None:
    result = mixed([(1190, 1, "standard")], 500, RateTable(True, {}, {}))
    assert (result.totals.tax.amount, result.totals.total.amount) == (0, 1690)
    assert result.lines[0].tax_rate == "0"


def test_what_is_no_longer_sold_is_named_line_by_line() -> None:
    cart = [CartLine(sku=sku, quantity=1) for sku in ("MUG", "GONE", "NEVER")]
    prices = {"MUG": sold("MUG", 100), "GONE": PricedSku(sku="GONE", sold=False)}
    with pytest.raises(NoLongerSold) as refused:
        items_total(cart, prices, EURO)
    assert refused.value.extra["lines"] == [{"sku": "GONE"}, {"sku": "NEVER"}]


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("checkout_expired", "expired"),
        ("checkout_failed", "failed"),
        ("checkout_cancelled", "cancelled"),
        ("customer_request", "cancelled"),
        ("capture_failed", "cancelled"),
    ],
)
def test_a_checkout_ends_as_the_reason_of_its_orders_end_says(reason: str, outcome: str) -> None:
    assert outcome_of_cancelled_order(reason) == outcome


@pytest.mark.parametrize(
    "problem",
    [
        OutOfStock("short", lines=[{"sku": "MUG", "wanted": 2, "left": 1}]),
        TotalChanged("other", expected_total={"amount": 1, "currency": "EUR"}),
        CardDeclined("no", reason="insufficient_funds"),
        CheckoutEnded("over"),
    ],
)
def test_a_problem_that_was_kept_is_told_again_as_it_was(
    problem: OutOfStock | TotalChanged | CardDeclined | CheckoutEnded,
) -> None:
    again = from_stored(to_stored(problem))
    assert type(again) is type(problem)
    assert (again.detail, again.extra) == (problem.detail, problem.extra)


def test_a_problem_that_another_release_has_kept_is_told_as_the_end_of_the_checkout() -> None:
    kept = {"code": "reservation_ended", "detail": "Your items went back on sale.", "extra": {}}
    told = from_stored(kept)
    assert (type(told), told.detail) == (CheckoutEnded, "Your items went back on sale.")
