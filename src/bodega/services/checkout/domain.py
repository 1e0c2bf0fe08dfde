"""The rules of a checkout: what it costs, which state follows which. Pure, no I/O.

started ─> priced, reserved, ordered: one step ─> paying ─┬─> action_required ─┐
   │          │                                     ^  ^  ├─> declined ────────┤
   v          v                                     │  └──┴── another card ────┘
failed    failed, cancelled, expired                └─> completed
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Literal, Protocol

from bodega.contracts.cart import CartLine
from bodega.contracts.catalog import PricedSku
from bodega.contracts.fields import Address, Contact
from bodega.contracts.money import Price, zero
from bodega.contracts.orders import OrderLine, Totals
from bodega.contracts.shipping import ShippingOption
from bodega.services.checkout.errors import NoLongerSold, OutOfStock
from bodega.services.checkout.territories import tax_place

State = Literal[
    "started", "priced", "reserved", "ordered", "paying", "action_required", "declined",
    "completed", "failed", "cancelled", "expired",
]  # fmt: skip
Undo = Literal["failed", "cancelled", "expired"]
ENDED: Final[frozenset[State]] = frozenset({"completed", "failed", "cancelled", "expired"})
BEFORE_RESERVED: Final[frozenset[State]] = frozenset({"started", "priced"})
STANDARD_TAX: Final = "standard"
SHIPPING_TAX: Final = "shipping"
"""The tax category of sending things, where that has a rate of its own."""
WAITING_FOR_SHOPPER: Final[frozenset[State]] = frozenset({"action_required", "declined"})


@dataclass(frozen=True, slots=True)
class Checkout:
    """One attempt to turn one revision of a cart into an order."""

    id: str
    state: State
    cart_id: str
    cart_revision: str
    token_digest: bytes | None
    customer_id: str | None
    cart_lines: tuple[CartLine, ...]
    contact: Contact
    shipping_address: Address
    billing_address: Address | None
    shipping_option: str
    expected_total: Price
    payment_method: str
    attempt: int
    order_id: str
    reservation_id: str
    created_at: datetime
    due_at: datetime
    lines: tuple[OrderLine, ...] = ()
    totals: Totals | None = None
    order_number: str | None = None
    order_token: str | None = None
    next_action: Mapping[str, Any] | None = None
    problem: Mapping[str, Any] | None = None
    client: str | None = None
    """The network address that it was begun from, by which clients are counted; only until it ends."""
    replaced_by: str | None = None
    """The checkout that the shopper has begun instead."""

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def wants_the_same(self, other: "Checkout") -> bool:
        """Whether all that its shopper has said is the same: only then is a second request a repeat of the first."""
        return self._said == other._said

    @property
    def _said(self) -> tuple[object, ...]:
        billing = self.billing_address
        return (
            self.cart_id, self.cart_revision, self.cart_lines, self.customer_id, self.contact,
            self.shipping_address.model_dump(), billing and billing.model_dump(), self.shipping_option,
            self.payment_method, self.expected_total,
        )  # fmt: skip

    @property
    def settled(self) -> bool:
        """Whether there is something to tell the shopper: it has ended, or it is the shopper's turn."""
        return self.ended or self.state in WAITING_FOR_SHOPPER


class TaxTable(Protocol):
    """What tax is due on goods that go to a country, by region and kind."""

    @property
    def includes_tax(self) -> bool:
        """Whether the catalog's prices are gross for shoppers there."""
        ...

    @property
    def source(self) -> Mapping[str, Any]:
        """Where the rates come from, for the record of the decision."""
        ...

    def rate(self, address: Address, tax_category: str) -> Decimal | None:
        """A fraction: 0.19 is 19 %. None: this category has no rate of its own there."""
        ...


@dataclass(frozen=True, slots=True)
class RateTable:
    """A country's rates as they are on one day. A region that has rates has its own alone; those of the country hold
    everywhere else in its tax territory. A country without any is one where the shop collects no tax."""

    includes_tax: bool
    source: Mapping[str, Any]
    rates: Mapping[tuple[str, str], Decimal]
    """By region (its code, or empty for the country) and category."""

    @property
    def standard(self) -> Decimal | None:
        """Of the country, where a region has none of its own."""
        return self.rates.get(("", STANDARD_TAX))

    def rate(self, address: Address, tax_category: str) -> Decimal | None:
        region = tax_place(address).region
        if (region, STANDARD_TAX) not in self.rates:
            region = ""
        return self.rates.get((region, tax_category))


@dataclass(frozen=True, slots=True)
class TaxRate:
    """It holds from a day on, until a later one of the same region and category."""

    region: str
    category: str
    valid_from: date
    rate: Decimal


@dataclass(frozen=True, slots=True)
class TaxCountry:
    """All rates of a country, past and coming ones too. Version 0: not kept yet."""

    country: str
    prices_include_tax: bool
    rates: tuple[TaxRate, ...]
    version: int = 0


@dataclass(frozen=True, slots=True)
class Priced:
    """What a cart costs, and the decision on tax with what it was made from."""

    lines: tuple[OrderLine, ...]
    totals: Totals
    tax_decision: Mapping[str, Any]

    @property
    def tax_rates(self) -> list[str]:
        """By which the lines are taxed, each once, ascending; a rate of nothing is none."""
        return sorted({line.tax_rate for line in self.lines if line.tax.amount}, key=Decimal)


def items_total(cart: Sequence[CartLine], prices: Mapping[str, PricedSku], currency: str) -> Price:
    """Raises: NoLongerSold, naming the lines."""
    gone = [line.sku for line in cart if line.sku not in prices or not prices[line.sku].sold]
    if gone:
        raise no_longer_sold(gone, prices)
    total = zero(currency)
    for line in cart:
        total = total + _price(prices[line.sku]) * line.quantity
    return total


def price_cart(
    cart: Sequence[CartLine], prices: Mapping[str, PricedSku], option: ShippingOption, address: Address, tax: TaxTable
) -> Priced:
    """Totals of a cart. Tax is rounded per line, half up, to minor units (EU VAT directive leaves the method to
    the member states; per line is what German practice and most shops do). Sending is taxed at its own rate where
    the table has one, else as the goods that make up most of the value: it is ancillary to them (CJEU C-349/96).

    Raises: NoLongerSold, naming the lines.
    """
    items = items_total(cart, prices, option.price.currency)
    rates = [_rate(tax, address, prices[line.sku].tax_category) for line in cart]
    lines = tuple(_line(line, prices[line.sku], rate, tax.includes_tax) for line, rate in zip(cart, rates, strict=True))
    currency = option.price.currency
    own_rate = tax.rate(address, SHIPPING_TAX)
    shipping_rate = own_rate if own_rate is not None else _rate_of_most(lines, rates)
    tax_sum = sum((line.tax for line in lines), zero(currency)) + _tax(option.price, shipping_rate, tax.includes_tax)
    total = items + option.price if tax.includes_tax else items + option.price + tax_sum
    territory = tax_place(address).territory
    return Priced(
        lines=lines,
        totals=Totals(
            items=items, shipping=option.price, discount=zero(currency), tax=tax_sum,
            tax_included=tax.includes_tax, total=total,
        ),
        tax_decision={
            "country": address.country,
            "region": address.region,
            "territory": {"name": territory.name, "law": territory.law} if territory else None,
            "prices_include_tax": tax.includes_tax,
            "rounding": "per line, half up",
            "table": dict(tax.source),
            "lines": [
                {"sku": line.sku, "category": prices[line.sku].tax_category, "rate": line.tax_rate} for line in lines
            ],
            "shipping": {
                "rule": "own rate" if own_rate is not None else "as most of the goods",
                "rate": str(shipping_rate),
            },
        },
    )  # fmt: skip


def _rate(tax: TaxTable, address: Address, tax_category: str) -> Decimal:
    """Of the category; else the standard one; where there is none either, no tax is collected."""
    for category in (tax_category, STANDARD_TAX):
        if (rate := tax.rate(address, category)) is not None:
            return rate
    return Decimal(0)


def _rate_of_most(lines: Sequence[OrderLine], rates: Sequence[Decimal]) -> Decimal:
    """The rate under which most of the goods' value falls; the higher one, if two are equal."""
    worth: dict[Decimal, int] = {}
    for line, rate in zip(lines, rates, strict=True):
        worth[rate] = worth.get(rate, 0) + line.total.amount
    return max(worth, key=lambda rate: (worth[rate], rate))


def _line(line: CartLine, priced: PricedSku, rate: Decimal, included: bool) -> OrderLine:
    unit = _price(priced)
    total = unit * line.quantity
    return OrderLine(
        sku=line.sku,
        product_id=priced.product_id or "",
        title=priced.title,
        options=priced.options,
        image=priced.image,
        quantity=line.quantity,
        unit_price=unit,
        total=total,
        tax=_tax(total, rate, included),
        tax_rate=str(rate),
        weight_grams=priced.weight_grams,
    )


def _price(priced: PricedSku) -> Price:
    if priced.price is None:
        raise no_longer_sold([priced.sku], {priced.sku: priced})
    return priced.price


def _tax(amount: Price, rate: Decimal, included: bool) -> Price:
    exact = Decimal(amount.amount) * rate / (1 + rate if included else 1)
    return Price(amount=int(exact.quantize(Decimal(1), ROUND_HALF_UP)), currency=amount.currency)


def no_longer_sold(skus: Sequence[str], known: Mapping[str, PricedSku]) -> NoLongerSold:
    titles = [known[sku].title if sku in known else "" for sku in skus]
    named = [f"“{title}”" if title else "one of your items" for title in titles]
    some = f"{', '.join(named[:-1])} and {named[-1]} are" if len(named) > 1 else f"{named[0]} is"
    these = "them" if len(named) > 1 else "it"
    return NoLongerSold(
        f"{some[0].upper()}{some[1:]} no longer sold. Remove {these} from your cart to go on.",
        lines=[{"sku": sku, **({"title": title} if title else {})} for sku, title in zip(skus, titles, strict=True)],
    )


@dataclass(frozen=True, slots=True)
class Short:
    """A line of which there are fewer than the shopper wants."""

    sku: str
    title: str
    options: Mapping[str, str]
    requested: int
    available: int
    """Pieces that this shopper can have."""

    @property
    def in_words(self) -> str:
        kind = ", ".join(self.options.values())
        name = f"“{self.title}”{f' ({kind})' if kind else ''}"
        if not self.available:
            return f"{name} is sold out."
        are = "is" if self.available == 1 else "are"
        return f"Only {self.available} of {name} {are} left; you asked for {self.requested}."


def out_of_stock(short: Sequence[Short]) -> OutOfStock:
    can_take_fewer = any(line.available for line in short)
    one = len(short) == 1
    do = "Take fewer" if can_take_fewer else f"Remove {'it' if one else 'them'} from your cart"
    if can_take_fewer:
        do += f", or remove {'it' if one else 'them'} from your cart,"
    return OutOfStock(
        f"{' '.join(line.in_words for line in short)} {do} to go on.",
        lines=[
            {"sku": line.sku, "title": line.title, "options": dict(line.options), "requested": line.requested,
             "available": line.available}
            for line in short
        ],
    )  # fmt: skip


def outcome_of_cancelled_order(reason: str) -> Undo:
    """How a checkout ends whose order was cancelled, from the reason that it or somebody else gave."""
    reasons: dict[str, Undo] = {"checkout_expired": "expired", "checkout_failed": "failed"}
    return reasons.get(reason, "cancelled")


CANCEL_REASON: Final[Mapping[Undo, str]] = {
    "failed": "checkout_failed",
    "cancelled": "checkout_cancelled",
    "expired": "checkout_expired",
}
