"""Orders: what was bought, for how much, and what has become of it."""

import base64
import hashlib
import hmac
from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bodega.contracts.envelope import Event
from bodega.contracts.fields import Address, CleanText, Contact, Line, Quantity, Sku, Timestamp
from bodega.contracts.ids import (
    CartId,
    CheckoutId,
    CustomerId,
    OrderId,
    OrderNumber,
    PaymentId,
    ProductId,
    ReservationId,
    WithdrawalId,
)
from bodega.contracts.money import Price


def view_token(secret: bytes, order_id: str) -> str:
    """What the signed link of an order carries, for guests: made by orders and notifications with a secret
    that only these two have. 144 bits of HMAC-SHA-256 (RFC 2104), URL-safe."""
    digest = hmac.new(secret, f"order-view:{order_id}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:18]).decode()


OrderState = Literal[
    "created", "paid", "fulfilling", "shipped", "delivered", "cancelled", "partly_refunded", "refunded"
]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class OrderLine(_Message):
    """One line, frozen at purchase: later changes of the product do not touch it."""

    sku: Sku
    product_id: ProductId
    title: Line = Field(description="What the product was called then", examples=["Alba Stoneware Mug"])
    options: dict[str, str] = Field(
        default_factory=dict,
        description="Which variant: what is chosen -> the choice",
        examples=[{"Color": "Sage", "Size": "350 ml"}],
    )
    image: str | None = Field(
        default=None,
        description="A small picture, as a path below the media address; null: the product had none",
        examples=["products/95d8c23fd27116fa68b46185336bfa6997eec65e.jpg"],
    )
    quantity: Quantity
    unit_price: Price = Field(description="Of one piece; with or without tax as `totals.tax_included` says")
    total: Price = Field(description="unit_price x quantity", examples=[{"amount": 3800, "currency": "EUR"}])
    tax: Price = Field(description="Tax of the line, rounded per line", examples=[{"amount": 607, "currency": "EUR"}])
    tax_rate: str = Field(description="Decimal fraction as text: 0.19 is 19 %", examples=["0.19"])
    weight_grams: int = Field(default=0, description="Of one piece with its packaging; 0: not known", examples=[390])


class Totals(_Message):
    """items + shipping - discount (+ tax, where prices are net) = total"""

    items: Price = Field(description="The sum of the lines", examples=[{"amount": 3800, "currency": "EUR"}])
    shipping: Price = Field(description="Of the chosen way of sending", examples=[{"amount": 490, "currency": "EUR"}])
    discount: Price = Field(
        description="Taken off the items, as a positive amount", examples=[{"amount": 0, "currency": "EUR"}]
    )
    tax: Price = Field(
        description="Of lines and shipping, each rounded by itself", examples=[{"amount": 685, "currency": "EUR"}]
    )
    tax_included: bool = Field(description="True: prices are gross, and tax is a part of them", examples=[True])
    total: Price = Field(description="What is to be paid", examples=[{"amount": 4290, "currency": "EUR"}])

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        on_top = 0 if self.tax_included else self.tax.amount
        if self.items.amount + self.shipping.amount - self.discount.amount + on_top != self.total.amount:
            raise ValueError("the total is not the sum of its parts")
        return self


class _OrderFact(Event):
    topic: ClassVar[str] = "orders"

    number: OrderNumber
    checkout_id: CheckoutId
    customer_id: CustomerId | None = Field(default=None, description="Who bought; null: a guest")
    reservation_id: ReservationId
    payment_id: PaymentId | None = Field(default=None, description="Which payment was accepted; null: none yet")
    cart_id: CartId
    cart_revision: str = Field(description="Which state of the cart was bought: one becomes one order")
    lines: list[OrderLine] = Field(description="What was bought, as it was then")
    totals: Totals = Field(description="What it costs; refunds do not change it")
    shipping_address: Address = Field(description="Where the parcel goes")
    shipping_option: str = Field(description="The way of sending that was chosen", examples=["standard"])
    contact: Contact = Field(description="How the buyer is told")
    promised_from: date | None = Field(
        default=None, description="The first day on which it may arrive; null: not told", examples=["2026-11-24"]
    )
    promised_to: date | None = Field(
        default=None, description="The last day on which it should have arrived", examples=["2026-11-25"]
    )


class OrderCreated(_OrderFact):
    """An order exists; nothing is paid."""


class OrderPaid(_OrderFact):
    """The order has accepted an authorised payment of exactly its total. Now the money may be captured."""

    payment_id: PaymentId = Field(description="The payment that was accepted")


class OrderCancelled(_OrderFact):
    """The order is cancelled. Said again whenever a payment for it turns up later."""

    reason: str = Field(description="Why, in a stable word", examples=["customer_request"])
    was_paid: bool = Field(description="True: money and stock had been committed and go back")


class OrderShipped(_OrderFact):
    """The carrier has scanned the parcel for the first time."""

    tracking_number: str = Field(description="The carrier's", examples=["BD123456785DE"])
    carrier: str = Field(description="As the shopper knows it", examples=["Sandbox Parcel"])


class OrderDelivered(_OrderFact):
    """The parcel has arrived."""


class OrderRefunded(_OrderFact):
    """Money went back to the customer."""

    refunded: Price = Field(description="In this refund")
    refunded_total: Price = Field(description="In all refunds of the order")


class OrderLinkRequested(Event):
    """Somebody who knows number and e-mail address of an order wants its link again. Changes nothing of the order."""

    topic: ClassVar[str] = "orders"

    number: OrderNumber
    customer_id: CustomerId | None = Field(default=None, description="Who bought; null: a guest")
    contact: Contact = Field(description="Where the link goes: the address of the order")
    requested_at: Timestamp = Field(description="When", examples=["2026-11-24T08:48:32Z"])


class WithdrawalReceived(Event):
    """A consumer has withdrawn from a contract (Directive 2011/83/EU, Article 11a). The subject is the order, or the
    statement itself where number and e-mail address match no order."""

    topic: ClassVar[str] = "orders"

    withdrawal_id: WithdrawalId
    received_at: Timestamp = Field(description="When the statement came in", examples=["2026-11-28T08:48:32Z"])
    number: OrderNumber | None = Field(
        default=None, description="Of the order; null: it matches none yet, and is kept for people"
    )
    customer_id: CustomerId | None = Field(default=None, description="Who bought; null: a guest, or no order matches")
    name: Line = Field(description="Who withdraws, as typed", examples=["Ada Lovelace"])
    typed_number: str = Field(description="The number of the order, as typed", examples=["bdg tnda fc5e"])
    goods: CleanText | None = Field(
        default=None,
        description="What is withdrawn from, in the consumer's words; null: the whole order",
        examples=[None, "1 of the 2 mugs"],
    )
    late: bool = Field(description="It came after the period had ended; whether it holds is for people to say")
    stopped: bool = Field(description="The order could still be cancelled, and is: nothing will be sent")
    contact: Contact = Field(description="Where the receipt goes")


class CreateOrder(_Message):
    """`POST /internal/orders`. The id is fixed by the checkout; the same again gives the same order."""

    order_id: OrderId
    checkout_id: CheckoutId
    customer_id: CustomerId | None = None
    cart_id: CartId
    cart_revision: str
    reservation_id: ReservationId
    lines: Annotated[list[OrderLine], Field(min_length=1, max_length=100)]
    totals: Totals
    shipping_address: Address
    billing_address: Address | None = None
    shipping_option: str
    promised_from: date | None = Field(default=None, description="The first day on which it may arrive; null: not told")
    promised_to: date | None = Field(default=None, description="The last day on which it should have arrived")
    contact: Contact


CHECKOUT_REPLACED = "checkout_replaced"
"""The reason of an unpaid order's end whose shopper has asked for something else meanwhile. Its reserved stock does not
go back on sale: the checkout that replaces it takes it over, or gives it back."""


class CancelOrder(_Message):
    """`POST /internal/orders/{id}/cancel`. An id that is not known leaves a tombstone."""

    reason: CleanText = Field(examples=["checkout_expired", "checkout_failed", "customer_request"])
    only_unpaid: bool = Field(
        default=False, description="For clocks and undo: an order that was paid meanwhile stays (409 `already_paid`)"
    )


class OrderStanding(_Message):
    """What orders answers to other services."""

    order_id: OrderId
    number: OrderNumber | None = Field(default=None, description="None for a tombstone")
    state: OrderState
    version: int
    view_token: str | None = Field(default=None, description="Lets a guest read and cancel the order by a link")


class CallPeople(_Message):
    """`POST /internal/orders/{id}/call-people`: what others cannot settle by themselves."""

    reason: Literal["label_failed"] = Field(description="`label_failed`: the carrier will not take the parcel")


class BeginFulfilment(_Message):
    """`POST /internal/orders/{id}/begin-fulfilment`: shipping asks before it buys a label."""

    shipment_id: str
