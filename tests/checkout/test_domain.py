"""What a cart costs."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodega.contracts.cart import CartLine
from bodega.contracts.catalog import PricedSku
from bodega.contracts.fields import Address
from bodega.contracts.ids import new_id
from bodega.contracts.shipping import ShippingOption
from bodega.services.checkout.domain import FlatTax, Priced, items_total, outcome_of_cancelled_order, price_cart
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
GROSS, NET = FlatTax(Decimal("0.19"), includes_tax=True), FlatTax(Decimal("0.19"), includes_tax=False)


class Reduced:
    """Food at 7 %, all else at 19 %."""

    includes_tax = True

    def rate(self, address: Address, tax_category: str) -> Decimal:
        return Decimal("0.07") if (address.country, tax_category) == ("DE", "food") else Decimal("0.19")


def sold(sku: str, price: int, **other: object) -> PricedSku:
    return PricedSku.model_validate(
        {"sku": sku, "sold": True, "product_id": new_id("prd"), "title": "Mug", "price": euro(price), **other}
    )


def sending(price: int) -> ShippingOption:
    return ShippingOption.model_validate(
        {"id": "standard", "name": "Standard", "carrier": "Parcel", "price": euro(price),
         "promised_from": "2026-12-01", "promised_to": "2026-12-03"}
    )  # fmt: skip


def priced(lines: list[tuple[int, int]], shipping: int, tax: FlatTax | Reduced = GROSS) -> Priced:
    """A cart of (price, quantity)."""
    cart = [CartLine(sku=f"S{n}", quantity=quantity) for n, (_, quantity) in enumerate(lines)]
    prices = {f"S{n}": sold(f"S{n}", price) for n, (price, _) in enumerate(lines)}
    return price_cart(cart, prices, sending(shipping), TO, tax)


LINES = st.lists(st.tuples(st.integers(0, 1_000_000), st.integers(1, 999)), min_size=1, max_size=20)
RATES = st.decimals(0, 1, places=4).map(abs)


@given(LINES, st.integers(0, 100_000), RATES, st.booleans())
def test_the_parts_add_up_to_the_total_whatever_is_bought(
    lines: list[tuple[int, int]], shipping: int, rate: Decimal, gross: bool
) -> None:
    result = priced(lines, shipping, FlatTax(rate, includes_tax=gross))
    totals = result.totals
    assert totals.items.amount == sum(price * quantity for price, quantity in lines)
    assert totals.items.amount == sum(line.total.amount for line in result.lines)
    on_top = 0 if gross else totals.tax.amount
    assert totals.items.amount + totals.shipping.amount - totals.discount.amount + on_top == totals.total.amount


@given(LINES, st.integers(0, 100_000), RATES, st.booleans())
def test_the_tax_is_the_sum_of_the_lines_each_at_most_half_a_cent_from_exact(
    lines: list[tuple[int, int]], shipping: int, rate: Decimal, gross: bool
) -> None:
    result = priced(lines, shipping, FlatTax(rate, includes_tax=gross))
    of_shipping = result.totals.tax.amount - sum(line.tax.amount for line in result.lines)
    for amount, tax in [
        *((line.total.amount, line.tax.amount) for line in result.lines),
        (shipping, of_shipping),
    ]:
        exact = Decimal(amount) * rate / (1 + rate if gross else 1)
        assert abs(Decimal(tax) - exact) <= Decimal("0.5")


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
    cart = [CartLine(sku="TEA", quantity=1), CartLine(sku="MUG", quantity=1)]
    prices = {"TEA": sold("TEA", 1070, tax_category="food"), "MUG": sold("MUG", 1190)}
    result = price_cart(cart, prices, sending(0), TO, Reduced())
    assert [(line.tax_rate, line.tax.amount) for line in result.lines] == [("0.07", 70), ("0.19", 190)]
    assert result.tax_decision == {
        "country": "DE",
        "region": None,
        "prices_include_tax": True,
        "rounding": "per line, half up",
        "lines": [
            {"sku": "TEA", "category": "food", "rate": "0.07"},
            {"sku": "MUG", "category": "standard", "rate": "0.19"},
        ],
        "shipping": {"category": "shipping", "rate": "0.19"},
    }


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
