"""What the cart takes from shoppers, and answers them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.fields import Quantity, Sku, Slug
from bodega.contracts.ids import CartId, ProductId
from bodega.contracts.money import Price
from bodega.services.cart.domain import WarningCode

Revision = Annotated[
    str,
    Field(
        description="Random, renewed by every change: one revision can become one order, never two",
        examples=["UiO5Jdlkm6x8m2yG"],
    ),
]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Wish(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AddLine(_Wish):
    """Something to put into the cart."""

    sku: Sku
    quantity: Quantity = Field(default=1, description="Pieces more than are in the cart already", examples=[2])


class ChangeLine(_Wish):
    """A line, counted anew."""

    quantity: Quantity = Field(description="Pieces from now on; to have none, delete the line", examples=[3])


class LineWarning(_Answer):
    """Something that the shopper should know about a line."""

    code: WarningCode = Field(
        description="Stable. `price_changed`: since the line was last touched; `only_left`: fewer than wanted can be "
        "had; `sold_out`: none can; `no_longer_sold`: the shop has taken it off its shelves",
        examples=["only_left"],
    )
    message: str = Field(description="The same in words for the shopper", examples=["Only 1 left"])
    was: Price | None = Field(
        default=None, description="The price when the line was last touched; only with `price_changed`", examples=[None]
    )
    now: Price | None = Field(default=None, description="The price now; only with `price_changed`", examples=[None])
    left: int | None = Field(
        default=None, description="Pieces that can be had; only with `only_left` and `sold_out`", examples=[1]
    )


class LineView(_Answer):
    """A line as the shopper sees it. What neither the catalog nor our memory tells is null."""

    sku: Sku
    quantity: int = Field(description="Pieces that are wanted", examples=[2])
    product_id: ProductId | None
    slug: Slug | None
    title: str | None = Field(description="What the product is called now", examples=["Alba Stoneware Mug"])
    options: dict[str, str] = Field(
        description="Which variant: what is chosen -> the choice", examples=[{"Color": "Sage", "Size": "350 ml"}]
    )
    image: str | None = Field(
        description="A small picture, as a path below the media address",
        examples=["products/95d8c23fd27116fa68b46185336bfa6997eec65e.jpg"],
    )
    unit_price: Price | None = Field(description="Of one piece, now; null also when it is no longer sold")
    line_total: Price | None = Field(
        description="unit_price x quantity", examples=[{"amount": 3800, "currency": "EUR"}]
    )
    in_stock: bool | None = Field(description="Whether any can be had; null: not known", examples=[True])
    available: int | None = Field(
        description="Pieces that can be had, if they are up to ten or fewer than `quantity`; null: more, or not known",
        examples=[7],
    )
    warnings: list[LineWarning] = Field(description="Empty: all is well", examples=[[]])
    as_of: datetime | None = Field(
        description="When the older of the two words, on price and on stock, was said; null: nothing is known yet",
        examples=["2026-11-20T13:58:07Z"],
    )
    stale: bool = Field(
        description="The catalog or inventory did not answer: this is their last known word", examples=[False]
    )


class CartView(_Answer):
    """A cart with all its lines. A shopper without a cart has an empty one."""

    id: CartId | None = Field(description="null: nothing has been put into it yet")
    version: int = Field(description="Grows with every change; 0: nothing has been put into it yet", examples=[1])
    revision: Revision | None
    lines: list[LineView] = Field(description="In the order in which they were put in, at most a hundred")
    pieces: int = Field(description="The quantities of all lines, added up", examples=[2])
    subtotal: Price = Field(
        description="Of the lines that are sold and whose price is known, without sending; with or without tax as the "
        "prices are",
        examples=[{"amount": 3800, "currency": "EUR"}],
    )
    stale: bool = Field(description="Whether any line is", examples=[False])


class AddedView(_Answer):
    """The line that was added to, and how full the cart is. Its size does not grow with the cart's."""

    cart_id: CartId
    version: int = Field(description="Of the cart; grows with every change", examples=[1])
    revision: Revision
    line: LineView | None = Field(description="null: the request is a repeat, and the line is gone since")
    line_count: int = Field(description="Different SKUs in the cart, at most a hundred", examples=[1])
    pieces: int = Field(description="The quantities of all lines, added up", examples=[2])


class MergedLine(_Answer):
    """A line that came from the cart of before signing in."""

    sku: Sku
    quantity: int = Field(description="Pieces in the cart of before", examples=[2])
    total: int = Field(
        description="Pieces in the customer's cart now; 0: it was full, and the line stays where it was", examples=[2]
    )
    capped: bool = Field(description="Whether that is fewer than both together", examples=[False])


class MergeView(_Answer):
    """What came from the cart of before signing in, and the customer's cart with it."""

    merged: list[MergedLine] = Field(description="Empty: there was nothing to move")
    cart: CartView = Field(description="The customer's, as it is now")
