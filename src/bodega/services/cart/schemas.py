"""What the cart takes from shoppers, and answers them."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.fields import Quantity, Sku, Slug
from bodega.contracts.ids import CartId, ProductId
from bodega.contracts.money import Price
from bodega.services.cart.domain import WarningCode


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Wish(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AddLine(_Wish):
    """Something to put into the cart."""

    sku: Sku = Field(description="Which variant", examples=["MUG-1"])
    quantity: Quantity = Field(default=1, description="How many more", examples=[2])


class ChangeLine(_Wish):
    quantity: Quantity = Field(description="How many from now on", examples=[3])


class LineWarning(_Answer):
    """Something that the shopper should know about a line."""

    code: WarningCode = Field(description="Stable", examples=["only_left"])
    message: str = Field(description="For people", examples=["Only 2 left"])
    was: Price | None = Field(default=None, description="With `price_changed`: what it was when last touched")
    now: Price | None = Field(default=None, description="With `price_changed`: what it is")
    left: int | None = Field(default=None, description="With `only_left` and `sold_out`: how many can be had")


class LineView(_Answer):
    """A line as the shopper sees it. What neither the catalog nor our memory tells is null."""

    sku: Sku = Field(examples=["MUG-1"])
    quantity: int = Field(examples=[2])
    product_id: ProductId | None
    slug: Slug | None = Field(description="Of the product's page", examples=["mug"])
    title: str | None = Field(examples=["Mug"])
    options: dict[str, str] = Field(description="What was chosen", examples=[{"Colour": "Sand"}])
    image: str | None = Field(description="A small picture, below the media address")
    unit_price: Price | None
    line_total: Price | None
    in_stock: bool | None = Field(description="Whether any can be had; null: not known")
    available: int | None = Field(description="How many can be had, up to ten; null: more, or not known", examples=[7])
    warnings: list[LineWarning]
    as_of: datetime | None = Field(description="Of when prices and stock are; null: nothing is known yet")
    stale: bool = Field(description="The catalog or inventory did not answer: this is their last known word")


class CartView(_Answer):
    """A cart with all its lines. A shopper without a cart has an empty one."""

    id: CartId | None = Field(description="Null: nothing has been put into it yet")
    version: int = Field(description="Grows with every change", examples=[4])
    revision: str | None = Field(description="Random, renewed by every change")
    lines: list[LineView] = Field(description="In the order in which they were put in")
    pieces: int = Field(description="Units in all lines", examples=[3])
    subtotal: Price = Field(description="Of the lines that are sold and whose price is known")
    stale: bool = Field(description="Whether any line is")


class AddedView(_Answer):
    """The line that was added to, and how full the cart is. Its size does not grow with the cart's."""

    cart_id: CartId
    version: int = Field(examples=[4])
    revision: str
    line: LineView | None = Field(description="Null: the request is a repeat, and the line is gone since")
    line_count: int = Field(description="Lines in the cart", examples=[2])
    pieces: int = Field(description="Units in all lines", examples=[3])


class MergedLine(_Answer):
    """A line that came from the cart of before signing in."""

    sku: Sku
    quantity: int = Field(description="How many were in that cart", examples=[2])
    total: int = Field(description="How many are in this one now; 0: it was full, and the line stays where it was")
    capped: bool = Field(description="Fewer than both together")


class MergeView(_Answer):
    merged: list[MergedLine]
    cart: CartView
