"""What orders answers to people."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.fields import Address, Contact
from bodega.contracts.ids import OrderId, OrderNumber
from bodega.contracts.money import Price
from bodega.contracts.orders import OrderLine, OrderState, Totals


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class TimelineEntry(_Answer):
    at: datetime
    state: str = Field(description="The state from then on", examples=["paid"])
    note: str = Field(description="What happened", examples=["payment_accepted"])


class Tracking(_Answer):
    carrier: str
    number: str
    url: str


class OrderSummary(_Answer):
    """An order in a list."""

    id: OrderId
    number: OrderNumber = Field(examples=["BDG-7K3M-9Q2X"])
    state: OrderState
    placed_at: datetime
    total: Price
    quantity: int = Field(description="Pieces in all lines", examples=[3])
    image: str | None = Field(default=None, description="A picture of the first line, below the media address")


class OrderView(_Answer):
    """An order as its buyer sees it."""

    id: OrderId
    number: OrderNumber = Field(examples=["BDG-7K3M-9Q2X"])
    state: OrderState
    version: int
    placed_at: datetime
    lines: list[OrderLine]
    totals: Totals
    refunded: Price = Field(description="Given back so far")
    shipping_address: Address
    billing_address: Address | None
    shipping_option: str
    contact: Contact
    tracking: Tracking | None
    cancellable: bool = Field(description="Whether `POST /orders/{id}/cancel` would work now")
    timeline: list[TimelineEntry]


class AdminHistoryEntry(TimelineEntry):
    from_state: str | None
    cause: str = Field(description="The event or request that caused it")
    actor: str = Field(description="Who did it")


class AdminOrderSummary(OrderSummary):
    email: str
    attention: str | None = Field(default=None, description="Why people must look at it")


class AdminOrderView(OrderView):
    """An order as the merchant sees it."""

    customer_id: str | None
    checkout_id: str
    reservation_id: str
    payment_id: str | None
    captured: bool = Field(description="Whether the money has been taken")
    attention: str | None
    history: list[AdminHistoryEntry]
