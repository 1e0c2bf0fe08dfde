"""The rules of a checkout: what it costs, which state follows which. Pure, no I/O.

started ─> priced ─> reserved ─> ordered ─> paying ─┬─> action_required ─┐
   │          │          │          │         ^  ^  ├─> declined ────────┤
   v          v          v          v         │  └──┴── another card ────┘
failed    failed     cancelled   cancelled,   └─> completed
                                 expired, failed
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Literal, Protocol

from bodega.contracts.cart import CartLine
from bodega.contracts.catalog import PricedSku
from bodega.contracts.fields import Address, Contact
from bodega.contracts.money import Price, zero
from bodega.contracts.orders import OrderLine, Totals
from bodega.contracts.shipping import ShippingOption
from bodega.services.checkout.errors import NoLongerSold

State = Literal[
    "started", "priced", "reserved", "ordered", "paying", "action_required", "declined",
    "completed", "failed", "cancelled", "expired",
]  # fmt: skip
Undo = Literal["failed", "cancelled", "expired"]
ENDED: Final[frozenset[State]] = frozenset({"completed", "failed", "cancelled", "expired"})
SHIPPING_TAX: Final = "shipping"
"""The tax category of sending things."""
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

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def settled(self) -> bool:
        """Whether there is something to tell the shopper: it has ended, or it is the shopper's turn."""
        return self.ended or self.state in WAITING_FOR_SHOPPER


class TaxTable(Protocol):
    """Rates of tax by where the goods go and what they are."""

    @property
    def includes_tax(self) -> bool:
        """Whether the catalog's prices are gross."""
        ...

    def rate(self, address: Address, tax_category: str) -> Decimal:
        """A fraction: 0.19 is 19 %."""
        ...


@dataclass(frozen=True, slots=True)
class FlatTax:
    """One rate for everything, everywhere."""

    flat: Decimal

    includes_tax: bool

    def rate(self, address: Address, tax_category: str) -> Decimal:
        return self.flat


@dataclass(frozen=True, slots=True)
class Priced:
    """What a cart costs, and the decision on tax with what it was made from."""

    lines: tuple[OrderLine, ...]
    totals: Totals
    tax_decision: Mapping[str, Any]


def items_total(cart: Sequence[CartLine], prices: Mapping[str, PricedSku], currency: str) -> Price:
    """Raises: NoLongerSold, naming the lines."""
    gone = [line.sku for line in cart if line.sku not in prices or not prices[line.sku].sold]
    if gone:
        raise NoLongerSold(f"no longer sold: {', '.join(gone)}", lines=[{"sku": sku} for sku in gone])
    total = zero(currency)
    for line in cart:
        total = total + _price(prices[line.sku]) * line.quantity
    return total


def price_cart(
    cart: Sequence[CartLine], prices: Mapping[str, PricedSku], option: ShippingOption, address: Address, tax: TaxTable
) -> Priced:
    """Totals of a cart. Tax is rounded per line, half up, to minor units (EU VAT directive leaves the method to
    the member states; per line is what German practice and most shops do).

    Raises: NoLongerSold, naming the lines.
    """
    items = items_total(cart, prices, option.price.currency)
    lines = tuple(_line(line, prices[line.sku], address, tax) for line in cart)
    currency = option.price.currency
    shipping_rate = tax.rate(address, SHIPPING_TAX)
    tax_sum = sum((line.tax for line in lines), zero(currency)) + _tax(option.price, shipping_rate, tax.includes_tax)
    total = items + option.price if tax.includes_tax else items + option.price + tax_sum
    return Priced(
        lines=lines,
        totals=Totals(
            items=items, shipping=option.price, discount=zero(currency), tax=tax_sum,
            tax_included=tax.includes_tax, total=total,
        ),
        tax_decision={
            "country": address.country,
            "region": address.region,
            "prices_include_tax": tax.includes_tax,
            "rounding": "per line, half up",
            "lines": [
                {"sku": line.sku, "category": prices[line.sku].tax_category, "rate": line.tax_rate} for line in lines
            ],
            "shipping": {"category": SHIPPING_TAX, "rate": str(shipping_rate)},
        },
    )  # fmt: skip


def _line(line: CartLine, priced: PricedSku, address: Address, tax: TaxTable) -> OrderLine:
    rate = tax.rate(address, priced.tax_category)
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
        tax=_tax(total, rate, tax.includes_tax),
        tax_rate=str(rate),
        weight_grams=priced.weight_grams,
    )


def _price(priced: PricedSku) -> Price:
    if priced.price is None:
        raise NoLongerSold(f"no longer sold: {priced.sku}", lines=[{"sku": priced.sku}])
    return priced.price


def _tax(amount: Price, rate: Decimal, included: bool) -> Price:
    exact = Decimal(amount.amount) * rate / (1 + rate if included else 1)
    return Price(amount=int(exact.quantize(Decimal(1), ROUND_HALF_UP)), currency=amount.currency)


def outcome_of_cancelled_order(reason: str) -> Undo:
    """How a checkout ends whose order was cancelled, from the reason that it or somebody else gave."""
    reasons: dict[str, Undo] = {"checkout_expired": "expired", "checkout_failed": "failed"}
    return reasons.get(reason, "cancelled")


CANCEL_REASON: Final[Mapping[Undo, str]] = {
    "failed": "checkout_failed",
    "cancelled": "checkout_cancelled",
    "expired": "checkout_expired",
}
