"""What orders answers to people."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bodega.contracts.fields import Address, CleanText, Contact, EmailText, Line
from bodega.contracts.ids import CheckoutId, CustomerId, OrderId, OrderNumber, PaymentId, ReservationId, WithdrawalId
from bodega.contracts.money import Price
from bodega.contracts.orders import OrderLine, OrderState, Totals
from bodega.services.orders.domain import FulfilmentStatus, PaymentStatus

State = Annotated[
    OrderState,
    Field(
        description="`created`: waits for money; `paid`: the bank has promised it; `fulfilling`: is being packed, too "
        "late to cancel; `shipped`: the carrier has scanned it; `delivered`; `cancelled`, for ever. After a refund, "
        "wherever the parcel is: `partly_refunded` or `refunded`. Goods and money apart: `fulfilment_status`, "
        "`payment_status`",
        examples=["shipped"],
    ),
]
Fulfilment = Annotated[
    FulfilmentStatus,
    Field(
        description="Where the goods are: `awaiting_payment`; `preparing`: paid, and with us until the carrier's first "
        "scan, also with a label; `shipped`: the carrier has it; `delivered`; `cancelled`. No refund changes it",
        examples=["delivered"],
    ),
]
PaymentState = Annotated[
    PaymentStatus,
    Field(
        description="Where the money is: `unpaid`; `authorized`: the bank has promised it; `paid`: it was taken; "
        "`partly_refunded`, `refunded`; of a cancelled order `voided`: the bank's promise was given up, or "
        "`refund_pending`: the money was taken and is about to go back",
        examples=["partly_refunded"],
    ),
]
PlacedAt = Annotated[datetime, Field(description="When the checkout made it", examples=["2026-11-20T14:03:12Z"])]
Attention = Annotated[
    str | None,
    Field(
        description="Why people must look at it: `capture_failed`, the bank will not give the money of an order that "
        "is with the carrier; `withdrawn`, its buyer has withdrawn from it, until money is refunded. null: they need "
        "not",
        examples=[None, "capture_failed"],
    ),
]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class TimelineEntry(_Answer):
    """Something that happened to an order."""

    at: datetime = Field(description="When orders took note of it", examples=["2026-11-20T14:03:13Z"])
    state: str = Field(description="The state from then on, refunds left aside", examples=["paid"])
    note: str = Field(
        description="What happened, in a stable word; behind a colon, why: `payment_failed: insufficient_funds`",
        examples=["payment_accepted"],
    )


class Tracking(_Answer):
    """How to follow the parcel."""

    carrier: str = Field(description="As the shopper knows it", examples=["Sandbox Parcel"])
    number: str = Field(description="The carrier's, for `GET /shipments/{tracking}`", examples=["BD123456785DE"])
    url: str = Field(
        description="The carrier's own page about the parcel", examples=["http://127.0.0.1:7080/parcels/BD123456785DE"]
    )


class OrderSummary(_Answer):
    """An order in a list."""

    id: OrderId
    number: OrderNumber
    state: State
    fulfilment_status: Fulfilment
    payment_status: PaymentState
    placed_at: PlacedAt
    total: Price = Field(
        description="All that the buyer pays: goods, shipping and tax", examples=[{"amount": 4290, "currency": "EUR"}]
    )
    quantity: int = Field(description="Pieces in all lines", examples=[2])
    image: str | None = Field(
        default=None,
        description="A picture of the first line, below the media address; null: it had none",
        examples=["products/95d8c23fd27116fa68b46185336bfa6997eec65e.jpg"],
    )


class WithdrawalView(_Answer):
    """A statement of withdrawal, as it came in."""

    id: WithdrawalId
    received_at: datetime = Field(description="When it came in", examples=["2026-11-28T08:48:32Z"])
    number: str = Field(description="The number of the order, as typed", examples=["BDG-TNDA-FC5E"])
    name: str = Field(description="Who withdraws", examples=["Ada Lovelace"])
    email: str = Field(description="Where the receipt goes", examples=["ada@example.com"])
    goods: str | None = Field(
        description="What is withdrawn from, in the consumer's words; null: the whole order",
        examples=[None, "1 of the 2 mugs"],
    )


class OrderWithdrawal(WithdrawalView):
    """A statement of withdrawal from this order."""

    late: bool = Field(
        description="It came after the period had ended, by the days of the calendar alone. Whether it holds is for "
        "people to say",
        examples=[False],
    )


class OrderView(_Answer):
    """An order as its buyer sees it."""

    id: OrderId
    number: OrderNumber
    state: State
    fulfilment_status: Fulfilment
    payment_status: PaymentState
    version: int = Field(description="Grows with every change; the `id` of its server-sent events", examples=[5])
    placed_at: PlacedAt
    lines: list[OrderLine] = Field(description="What was bought, as it was then: at least one, at most a hundred")
    totals: Totals = Field(description="What it costs; refunds do not change it")
    refunded: Price = Field(description="Given back so far", examples=[{"amount": 0, "currency": "EUR"}])
    shipping_address: Address = Field(description="Where the parcel goes; a label may be bought to a corrected one")
    billing_address: Address | None = Field(description="Of the invoice; null: the same as `shipping_address`")
    shipping_option: str = Field(
        description="The way of sending that was chosen, as in `POST /shipping/rates`", examples=["standard"]
    )
    contact: Contact = Field(description="How the buyer is told of it")
    tracking: Tracking | None = Field(description="null until the parcel has a label")
    cancellable: bool = Field(description="Whether `POST /orders/{id}/cancel` would work now", examples=[False])
    cancellable_until: datetime | None = Field(
        description="Until then it can be cancelled for certain; afterwards as long as `cancellable` says, until it is "
        "packed. null: it is not paid yet, or cannot be cancelled any more",
        examples=["2026-11-20T14:33:13Z", None],
    )
    promised_from: date | None = Field(
        description="The first day on which it may arrive, as promised at checkout; null for old orders",
        examples=["2026-11-24"],
    )
    promised_to: date | None = Field(
        description="The last day on which it should have arrived; null as `promised_from`", examples=["2026-11-25"]
    )
    withdrawals: list[OrderWithdrawal] = Field(
        default=[], description="Statements of withdrawal from it, oldest first", examples=[[]]
    )
    timeline: list[TimelineEntry] = Field(
        description="What has happened so far, oldest first",
        examples=[
            [
                {"at": "2026-11-20T14:03:12Z", "state": "created", "note": "created"},
                {"at": "2026-11-20T14:03:13Z", "state": "paid", "note": "payment_accepted"},
                {"at": "2026-11-20T14:03:14Z", "state": "paid", "note": "payment_captured"},
                {"at": "2026-11-20T14:33:13Z", "state": "fulfilling", "note": "fulfilment_begun"},
                {"at": "2026-11-20T14:33:15Z", "state": "fulfilling", "note": "labelled"},
                {"at": "2026-11-21T09:12:01Z", "state": "shipped", "note": "shipped"},
            ]
        ],
    )


class AdminHistoryEntry(TimelineEntry):
    """Something that happened to an order, and who did it."""

    from_state: str | None = Field(description="The state before; null: it was made then", examples=["created"])
    cause: str = Field(
        description="Why orders moved: the id of an event, of a checkout or of a shipment; `request`: somebody asked",
        examples=["019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"],
    )
    actor: str = Field(
        description="Who did it: a service, a customer's or merchant's id, or `guest`", examples=["payments"]
    )


class AdminOrderSummary(OrderSummary):
    """An order in the merchant's list."""

    email: str = Field(description="The buyer's, as given at checkout", examples=["ada@example.com"])
    attention: Attention = None


class AdminOrderView(OrderView):
    """An order as the merchant sees it."""

    customer_id: CustomerId | None = Field(description="Whose account it belongs to; null: a guest's")
    checkout_id: CheckoutId
    reservation_id: ReservationId = Field(
        description="What holds its goods in the inventory, as in the ledger of a SKU"
    )
    payment_id: PaymentId | None = Field(
        description="The payment that the order has accepted; null until then. Attempts: `GET /admin/payments`"
    )
    captured: bool = Field(description="Whether the money has been taken, not just promised", examples=[True])
    attention: Attention
    history: list[AdminHistoryEntry] = Field(description="The timeline with who and why, oldest first")


LINK_TOKEN = "c3YnSotizz6Ke6bDirUxRMBD"  # noqa: S105 - an example


class OrderLink(BaseModel):
    """`POST /orders/{order_ref}/open`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        description="What follows `#token=` in the link of the mail, or `order.token` of the checkout",
        examples=[LINK_TOKEN],
    )


class OrderLookup(BaseModel):
    """`POST /orders/lookup`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)] = Field(
        description="The order's number as people type it: in any case, with or without hyphens",
        examples=["BDG-TNDA-FC5E"],
    )
    email: EmailText = Field(description="The address that the order was made with, in any case")


class WithdrawalStatement(BaseModel):
    """`POST /orders/withdrawals`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Line = Field(description="Who withdraws", examples=["Ada Lovelace"])
    number: Annotated[Line, StringConstraints(max_length=40)] = Field(
        description="The order's number as people type it: in any case, with or without hyphens",
        examples=["BDG-TNDA-FC5E"],
    )
    email: EmailText = Field(description="The address that the order was made with; the receipt goes there")
    goods: Annotated[CleanText, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)] | None = Field(
        default=None,
        description="What is withdrawn from, if it is not the whole order",
        examples=[None, "1 of the 2 mugs"],
    )


class AdminWithdrawal(OrderWithdrawal):
    """A statement of withdrawal, for the staff."""

    order_id: OrderId | None = Field(description="The order; null: number and address match none")
    order_number: OrderNumber | None = Field(description="The number of that order; null as `order_id`")


class WithdrawalAssignment(BaseModel):
    """`POST /admin/withdrawals/{id}/assign`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: Line = Field(description="Id or number of the order that it is about", examples=["BDG-TNDA-FC5E"])
