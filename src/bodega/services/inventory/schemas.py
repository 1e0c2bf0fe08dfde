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

    sku: Sku = Field(examples=["MUG-1"])
    in_stock: bool = Field(description="Whether any can be had", examples=[True])
    available: int | None = Field(
        description=f"How many can be had, up to {SHOWN_UP_TO}; null: more than that", examples=[7]
    )


class StockList(_Answer):
    items: list[StockView] = Field(description="In the order asked for; of what is not known there is none")


class AdminStock(_Answer):
    """Stock as the merchant sees it."""

    sku: Sku = Field(examples=["MUG-1"])
    product_id: ProductId | None = Field(description="Whose variant it is")
    on_hand: int = Field(description="Units in the warehouse", examples=[40])
    reserved: int = Field(description="Of these, promised to buyers", examples=[3])
    available: int = Field(description="Of these, on sale", examples=[37])
    version: int = Field(description="Grows with every change; `If-Match` takes it", examples=[12])


class Adjust(_Wish):
    """Goods came or went."""

    delta: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] = Field(
        description="Units more; negative: fewer", examples=[12, -1]
    )
    reason: Line = Field(description="For the ledger", examples=["Delivery 4711", "Broken"])


class Count(_Wish):
    """The units on hand, counted anew."""

    on_hand: Units = Field(description="Units in the warehouse, the reserved ones included", examples=[40])
    reason: Line = Field(default="counted", description="For the ledger", examples=["Stocktaking"])


class LedgerLine(_Answer):
    """One change of a SKU's stock."""

    version: int = Field(description="The stock's version from then on", examples=[12])
    at: datetime
    movement: Movement = Field(description="Why units moved", examples=["reserved"])
    delta: int = Field(description="Units on hand more than before; negative: fewer", examples=[0])
    reserved_delta: int = Field(description="Units reserved more than before", examples=[2])
    reservation_id: ReservationId | None = Field(description="For whom")
    reason: str = Field(description="The merchant's words, or the event that caused it", examples=["Delivery 4711"])
    actor: str = Field(description="Who did it", examples=["checkout"])


class DifferenceLine(_Answer):
    sku: Sku
    on_hand: int
    on_hand_by_ledger: int
    reserved: int
    reserved_by_ledger: int
    reserved_by_reservations: int


class Audit(_Answer):
    """Whether the ledger's sums and the living reservations are the stock."""

    agrees: bool
    differences: list[DifferenceLine] = Field(description="At most a hundred")
