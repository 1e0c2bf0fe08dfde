"""Inventory: what is in stock, and who holds it."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.envelope import Event
from bodega.contracts.fields import Quantity, Sku
from bodega.contracts.ids import ProductId, ReservationId

SHOWN_UP_TO = 10
Shown = Annotated[int, Field(ge=0, le=SHOWN_UP_TO)] | Literal["many"]
"""Stock as shoppers see it: a number up to ten, above that only that there is plenty."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _StockChanged(Event):
    """The available stock of one SKU changed. The subject is the SKU, `version` its row's version."""

    topic: ClassVar[str] = "inventory"

    sku: Sku
    product_id: ProductId | None = Field(default=None, description="None until the catalog has told")
    version: int = Field(description="Grows with every change of the SKU's stock", examples=[12])
    shown: Shown = Field(description="How many can be had, up to ten; `many`: more", examples=["many"])
    available: int | None = Field(
        default=None, ge=0, description="How many can be had. Not for shoppers, but of what they want", examples=[57]
    )
    in_stock: bool = Field(description="Whether any can be had", examples=[True])
    in_stock_flipped: bool = Field(description="It has just sold out, or come back", examples=[False])


class InventoryReserved(_StockChanged):
    """Units were set aside for a checkout."""

    reservation_id: ReservationId
    quantity: Quantity


class InventoryReleased(_StockChanged):
    """Units set aside went back on sale: released, or restocked after a cancellation."""

    reservation_id: ReservationId
    quantity: Quantity
    cause: Literal["released", "expired", "order_cancelled", "restocked"] = Field(
        description="`released`: the checkout gave up; `order_cancelled`: before it was paid; `restocked`: after; "
        "`expired`: by the clock, in earlier releases"
    )


class InventoryCommitted(_StockChanged):
    """Units left the stock for a paid order."""

    reservation_id: ReservationId
    quantity: Quantity


class InventoryAdjusted(_StockChanged):
    """A merchant counted or received goods."""

    delta: int = Field(description="Units on hand more than before; negative: fewer", examples=[12])
    reason: str = Field(description="The merchant's words", examples=["Delivery 4711"])


class InventoryShort(_StockChanged):
    """A reservation failed for want of this SKU."""

    reservation_id: ReservationId
    wanted: Quantity
    left: int = Field(description="Units that could have been had", examples=[1])


class ReservationLine(_Message):
    sku: Sku
    quantity: Quantity


class ReserveRequest(_Message):
    """`POST /internal/reservations`. The id is fixed by the checkout: the same again gives the same answer. No clock
    ends it: the checkout does, by its order or by a release."""

    reservation_id: ReservationId
    lines: Annotated[list[ReservationLine], Field(min_length=1, max_length=100)]
    instead_of: Annotated[
        list[ReservationId],
        Field(
            max_length=100,
            description="Earlier reservations of the same shopper, whose orders the caller knows to be cancelled or "
            "never made: they end in the same step, and what they held can be had",
        ),
    ] = []


class ReleaseRequest(_Message):
    """`POST /internal/reservations/{id}/release`. Without a body: there is no order, and never will be."""

    order_cancelled: bool = Field(
        default=False, description="Its order is cancelled, as orders has said: what that held goes back on sale"
    )


class Reservation(_Message):
    """Answer to reserve and release."""

    reservation_id: ReservationId
    status: Literal["reserved", "committed", "released", "restocked"]
    lines: list[ReservationLine]


class ShortLine(_Message):
    """In a 409 `out_of_stock`: one line that cannot be had."""

    sku: Sku
    wanted: int
    left: int = Field(description="Pieces that the shopper can have, those that they hold themselves included")


class ShortageRequest(_Message):
    """`POST /internal/shortage`: what could not be reserved now. Nothing is set aside."""

    lines: Annotated[list[ReservationLine], Field(min_length=1, max_length=100)]
    instead_of: Annotated[
        list[ReservationId], Field(max_length=100, description="Whose units count as free: the shopper's own")
    ] = []


class Shortage(_Message):
    lines: list[ShortLine] = Field(description="By SKU; empty: all can be had")


class AvailabilityRequest(_Message):
    """`POST /internal/availability`"""

    skus: Annotated[list[Sku], Field(min_length=1, max_length=500)]


class Availability(_Message):
    sku: Sku
    product_id: ProductId | None = None
    shown: Shown
    available: int | None = Field(default=None, description="None: not known. Not for shoppers, but of what they want")
    in_stock: bool
    version: int = Field(description="0: inventory does not know the SKU")


class Availabilities(_Message):
    items: list[Availability]
