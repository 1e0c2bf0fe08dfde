"""What a cart is and what is said about it: pure rules, no I/O.

A cart's lines are SKUs and quantities. Everything else that a shopper sees of them comes from snapshots: the
last known words of the catalog and of inventory, each with the version of what it tells of.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from bodega.contracts.catalog import PricedSku
from bodega.contracts.inventory import Availability
from bodega.contracts.money import Price
from bodega.kit import currencies

MOST_LINES: Final = 100
MOST_OF_ONE: Final = 999

Told = TypeVar("Told", bound=BaseModel)
WarningCode = Literal["price_changed", "only_left", "sold_out", "no_longer_sold"]


class Snapshot(BaseModel, Generic[Told]):
    """A word about a SKU. Without `told` it is a mark: something of this version was said, ask for it."""

    model_config = ConfigDict(frozen=True)

    owner: str = ""
    """The product that `version` is of. Versions of two products say nothing about each other. Empty: no product is
    known to have the SKU, or the word is about stock, whose versions are the SKU's own."""
    version: int
    at: float
    """When it was said, in seconds since the epoch."""
    told: Told | None


ProductWord = Snapshot[PricedSku]
StockWord = Snapshot[Availability]


@dataclass(frozen=True, slots=True)
class Line:
    sku: str
    quantity: int
    position: int
    """Grows with every line that is put into the cart: lines are shown in this order."""
    seen_amount: int | None
    """The unit price, in minor units, that the shopper saw when touching the line last; None: it was not known."""


@dataclass(frozen=True, slots=True)
class Cart:
    id: str
    revision: str
    version: int
    pieces: int
    customer: str
    """Whose it is; empty: whoever has its token."""
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """What is known of some SKUs."""

    products: Mapping[str, ProductWord]
    stock: Mapping[str, StockWord]
    standing: Mapping[str, str] = field(default_factory=dict)
    """SKU -> of which product and version the store knows, marks too: what an answer about it may replace."""

    def stale(self, sku: str, *, since: float) -> bool:
        """Whether either word is missing or was said before `since`."""
        return any(sku not in said or said[sku].at < since for said in (self.products, self.stock))

    def as_of(self, sku: str) -> float | None:
        """Of the older of the two words."""
        known = [said[sku].at for said in (self.products, self.stock) if sku in said]
        return min(known) if known else None


@dataclass(frozen=True, slots=True)
class Warning:
    """Something that the shopper should know about a line."""

    code: WarningCode
    message: str
    was: Price | None = None
    now: Price | None = None
    left: int | None = None


def warnings_about(line: Line, product: PricedSku | None, stock: Availability | None) -> tuple[Warning, ...]:
    """What is not known is not warned of."""
    if product is not None and not product.sold:
        return (Warning("no_longer_sold", "No longer sold"),)
    found: list[Warning] = []
    if product is not None and product.price is not None and line.seen_amount not in (None, product.price.amount):
        was = product.price.model_copy(update={"amount": line.seen_amount})
        message = f"The price changed from {in_words(was)} to {in_words(product.price)}"
        found.append(Warning("price_changed", message, was=was, now=product.price))
    left = available_for(line, stock)
    if left == 0:
        found.append(Warning("sold_out", "Sold out", left=0))
    elif left is not None and left < line.quantity:
        found.append(Warning("only_left", f"Only {left} left", left=left))
    return tuple(found)


def available_for(line: Line, stock: Availability | None) -> int | None:
    """How many can be had, as far as shoppers may know: up to ten, or fewer than they want. None: more, or unknown."""
    if stock is None:
        return None
    if stock.shown != "many":
        return stock.shown
    return stock.available if stock.available is not None and stock.available < line.quantity else None


def in_words(price: Price) -> str:
    """For people: `€12.90`."""
    return currencies.in_words(price.amount, price.currency)


def token_of(secret: bytes, cart_id: str) -> str:
    """The cart's id and 144 bits of HMAC-SHA-256 (RFC 2104), URL-safe: nobody can guess another's."""
    digest = hmac.new(secret, f"cart:{cart_id}".encode(), hashlib.sha256).digest()
    return f"{cart_id}.{base64.urlsafe_b64encode(digest[:18]).decode()}"


def cart_of(secret: bytes, token: str) -> str | None:
    """The id of the cart whose token it is; None, if it is nobody's."""
    cart_id = token.partition(".")[0]
    return cart_id if hmac.compare_digest(token_of(secret, cart_id).encode(), token.encode()) else None
