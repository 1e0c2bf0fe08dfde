"""What inventory takes from people, and answers them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.fields import Line, Sku
from bodega.contracts.ids import ProductId, ReservationId
from bodega.contracts.inventory import SHOWN_UP_TO
from bodega.services.inventory.domain import Movement

Units = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Wish(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StockView(_Answer):
    """Stock as shoppers see it."""

    sku: Sku
    in_stock: bool = Field(description="Whether any can be had", examples=[True])
    available: int | None = Field(
        description=f"Pieces that can be had, up to {SHOWN_UP_TO}; null: more than that", examples=[7]
    )


class StockList(_Answer):
    """Stock of several SKUs."""

    items: list[StockView] = Field(description="In the order asked for; a SKU that nobody knows is out of stock")


class AdminStock(_Answer):
    """Stock as the merchant sees it."""

    sku: Sku
    product_id: ProductId | None = Field(description="Whose variant it is; null: the catalog has not told")
    on_hand: int = Field(description="Units in the warehouse", examples=[10])
    reserved: int = Field(description="Of these, promised to checkouts and unpaid orders", examples=[3])
    available: int = Field(description="Of these, on sale: the rest", examples=[7])
    version: int = Field(description="Grows with every change; `If-Match` takes it", examples=[12])


class Adjust(_Wish):
    """Goods came or went."""

    delta: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] = Field(
        description="Units more; negative: fewer", examples=[8, -1]
    )
    reason: Line = Field(description="Stands in the ledger", examples=["Delivery 4711", "Broken"])


class Count(_Wish):
    """The units on hand, counted anew."""

    on_hand: Units = Field(description="Units in the warehouse, the reserved ones included", examples=[10])
    reason: Line = Field(default="counted", description="Stands in the ledger", examples=["Stocktaking"])


class CountRow(_Wish):
    """A line of an import of counts."""

    sku: Sku = Field(examples=["MUG-1"])
    on_hand: Units = Field(description="Units in the warehouse, the reserved ones included", examples=[40])
    version: Annotated[int, Field(strict=True, ge=1, lt=2**63)] | None = Field(
        default=None,
        description="Only if the stock is still of this version; 1: nobody ever changed it. Left out: whatever it is",
        examples=[1],
    )


class CountError(_Answer):
    """What is wrong with a row of an import."""

    line: int = Field(description="Of the file, counted from 1", examples=[17])
    sku: str | None = Field(description="Of the row, if it could be read", examples=["MUG-1"])
    code: str = Field(
        description="`invalid_request`, `not_found`, `below_reserved` or `stale_version`", examples=["not_found"]
    )
    message: str = Field(description="What is wrong with it", examples=["No product has this SKU."])


class CountReport(_Answer):
    """What an import of counts did."""

    updated: int = Field(description="SKUs whose stock was changed", examples=[1200])
    unchanged: int = Field(description="SKUs that had so many already", examples=[3])
    failed: int = Field(description="Rows at fault", examples=[0])
    errors: list[CountError] = Field(description="The first 1,000")


class LedgerLine(_Answer):
    """One change of a SKU's stock."""

    version: int = Field(description="The stock's version from then on", examples=[12])
    at: datetime = Field(description="When", examples=["2026-11-20T14:03:12Z"])
    movement: Movement = Field(
        description="`reserved`: for a checkout; `handed_over`: from a checkout to the one that the same shopper has "
        "begun instead; `released`, `order_cancelled`: back on sale, since the checkout gave up, or its order was "
        "cancelled (`expired`, in old entries: by the clock); `committed`: gone, sold; `restocked`: back from a "
        "paid order that was cancelled; `adjusted`: by the merchant",
        examples=["reserved"],
    )
    delta: int = Field(description="Units on hand more than before; negative: fewer", examples=[0])
    reserved_delta: int = Field(description="Units reserved more than before", examples=[2])
    reservation_id: ReservationId | None = Field(description="For which checkout; null: for none")
    reason: str = Field(
        description="The merchant's words, or the id of the event that caused it; empty: the actor just asked",
        examples=[""],
    )
    actor: str = Field(
        description="Who did it: a service by its name, a merchant by their id; in old entries the `clock`, too",
        examples=["checkout"],
    )


class DifferenceLine(_Answer):
    """A SKU whose books do not agree."""

    sku: Sku
    on_hand: int = Field(description="As the stock says", examples=[40])
    on_hand_by_ledger: int = Field(description="As the ledger sums up", examples=[41])
    reserved: int = Field(description="As the stock says", examples=[3])
    reserved_by_ledger: int = Field(description="As the ledger sums up", examples=[3])
    reserved_by_reservations: int = Field(description="As the living reservations sum up", examples=[3])


class Audit(_Answer):
    """Whether the ledger's sums and the living reservations are the stock."""

    agrees: bool = Field(description="Nothing differs", examples=[False])
    differences: list[DifferenceLine] = Field(description="By SKU, at most a hundred")
