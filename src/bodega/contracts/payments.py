"""Payments: money asked for, promised, taken and given back. No card data, ever: tokens only."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.envelope import Event
from bodega.contracts.fields import CleanText, EmailText, Timestamp
from bodega.contracts.ids import CheckoutId, OrderId, OrderNumber, PaymentId
from bodega.contracts.money import Price

PaymentStatus = Literal[
    "created",
    "action_required",
    "authorized",
    "captured",
    "capture_failed",
    "partly_refunded",
    "refunded",
    "declined",
    "voided",
    "unknown",
]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _PaymentFact(Event):
    """The subject is the order, so that all facts about its money stay in order."""

    topic: ClassVar[str] = "payments"

    payment_id: PaymentId
    order_id: OrderId
    checkout_id: CheckoutId
    attempt: int = Field(description="Of its checkout, counted from 1: each card is one", examples=[1])
    amount: Price = Field(
        description="What it is about: asked for, taken or given back", examples=[{"amount": 4290, "currency": "EUR"}]
    )
    reason: str | None = Field(default=None, description="Why, in a stable word", examples=["insufficient_funds"])


class PaymentAuthorized(_PaymentFact):
    """The bank holds the amount for us. Nothing has been taken."""


class PaymentFailed(_PaymentFact):
    """An attempt was declined or given up. The order still waits for another."""

    message: str = Field(
        default="", description="Why, for the shopper", examples=["The card has not enough money left."]
    )
    email: EmailText | None = Field(default=None, description="Who may be told; nobody, without it")


class PaymentCaptured(_PaymentFact):
    """The amount was taken."""


class PaymentCaptureFailed(_PaymentFact):
    """The processor refuses the capture for good."""


class PaymentRefunded(_PaymentFact):
    """Money went back. `amount` is this refund's, `refunded_total` that of all of this payment."""

    refunded_total: Price = Field(description="Given back so far", examples=[{"amount": 4290, "currency": "EUR"}])
    reason: str | None = Field(
        default=None,
        description="For the books, not for shoppers: the merchant's words, or why money went back without any",
        examples=["Arrived broken", "order cancelled"],
    )


class PaymentVoided(_PaymentFact):
    """An authorisation was given up before anything was taken."""


class AuthorizePayment(_Message):
    """`POST /internal/payments`. The id is fixed by checkout and attempt; the same again gives the same answer."""

    payment_id: PaymentId
    checkout_id: CheckoutId
    order_id: OrderId
    order_number: OrderNumber | None = None
    attempt: Annotated[int, Field(ge=1, le=50)]
    amount: Price
    payment_method: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{3,255}$")] = Field(examples=["pm_card_visa"])
    email: EmailText
    description: CleanText = ""
    return_url: str = Field(description="Where the shopper comes back to after a 3-D Secure challenge")


class NextAction(_Message):
    """What the shopper must do before the bank says yes."""

    type: Literal["redirect"] = Field(default="redirect", description="Send the browser to `url`")
    url: str = Field(
        description="The bank's question (3-D Secure); it leads back to the shop",
        examples=["http://127.0.0.1:7080/sandbox/challenges/pi_3NkQ"],
    )


class Payment(_Message):
    """Answer to authorise, look-up, capture, void and refund."""

    payment_id: PaymentId
    order_id: OrderId
    status: PaymentStatus
    amount: Price
    captured: Price
    refunded: Price
    next_action: NextAction | None = None
    client_secret: str | None = None
    reason: str | None = None
    message: str = Field(default="", description="The processor's reason, in words for the shopper")


class RefundRequest(_Message):
    """`POST /internal/payments/{id}/refund`, with an Idempotency-Key"""

    amount: Price | None = Field(default=None, description="None: all that is left")
    reason: CleanText = ""


class UnmatchedMoney(_Message):
    """Money at the processor that no payment of ours explains."""

    intent_id: str = Field(description="The processor's name for it", examples=["pi_3NkQ"])
    payment_id: str | None = Field(
        description="The payment of ours that it says it belongs to; null: it says nothing", examples=[None]
    )
    status: str = Field(description="What it is at the processor", examples=["authorized"])
    amount: Price = Field(description="What is held or was taken and not given back")
    first_seen: Timestamp = Field(description="When a comparison with the processor's list first showed it")


class MoneyAudit(_Message):
    """`GET /internal/payments/unmatched`. All is well if both lists are empty."""

    unmatched: list[UnmatchedMoney]
    ledger_differs: list[PaymentId] = Field(description="Payments whose ledger does not sum up to what they say")


class PaymentsConfig(_Message):
    """`GET /payments/config`"""

    provider: Literal["stripe", "sandbox"] = Field(
        description="Who takes the cards; the sandbox charges nobody", examples=["sandbox"]
    )
    publishable_key: str = Field(
        description="For the card form in the browser; opens nothing else", examples=["pk_test_bodega_sandbox"]
    )
    methods: list[str] = Field(description="Ways to pay that can be offered", examples=[["card"]])
    card_form_url: str | None = Field(
        description="A page of the processor's own to frame, if it has one; null: its script draws the form",
        examples=["http://127.0.0.1:7080/elements/card"],
    )
