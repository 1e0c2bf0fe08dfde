"""What payments takes from merchants, and answers them."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.fields import Line
from bodega.contracts.ids import CheckoutId, OrderId, PaymentId
from bodega.contracts.money import Price
from bodega.contracts.payments import PaymentStatus
from bodega.services.payments.domain import Account


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class GiveBack(BaseModel):
    """A refund, as a merchant wishes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Price | None = Field(
        default=None,
        description="In the payment's currency, at most its `refundable`; null: all that is left",
        examples=[{"amount": 1900, "currency": "EUR"}],
    )
    reason: Line = Field(description="For the books; the shopper is not told", examples=["Arrived broken"])


class RefundView(_Answer):
    """Money on its way back, or there."""

    refund_id: str = Field(
        description="Also the processor's way to tell one refund from the next",
        examples=["rfd_01M86GPAA8F0K901DHZ8X5TCN8"],
    )
    payment_id: PaymentId = Field(description="What it is given back of")
    amount: Price = Field(description="At most what was captured of it", examples=[{"amount": 1900, "currency": "EUR"}])
    status: Literal["wanted", "done", "refused"] = Field(
        description="`wanted`: the processor has not said yes yet. `refused`: it never will; no money has moved",
        examples=["done"],
    )
    reason: str = Field(
        description="The merchant's words, or why it was given back or refused", examples=["Arrived broken"]
    )
    created_at: datetime = Field(description="When it was asked for", examples=["2026-11-24T10:12:45Z"])


class PaymentView(_Answer):
    """One attempt to pay for an order."""

    payment_id: PaymentId
    checkout_id: CheckoutId = Field(description="In which checkout it was tried")
    attempt: int = Field(description="Which try of that checkout, from 1; each is another card", examples=[1])
    status: PaymentStatus = Field(
        description="`created`: the bank has not been asked; `action_required`: a 3-D Secure challenge waits; "
        "`unknown`: nobody knows yet whether the bank said yes; `authorized`: promised, not taken; `captured`: taken; "
        "`capture_failed`: promised, but refused for good; `declined`; `voided`: given up before it was taken; "
        "`partly_refunded`, `refunded`: given back",
        examples=["partly_refunded"],
    )
    amount: Price = Field(description="What was asked for", examples=[{"amount": 4290, "currency": "EUR"}])
    captured: Price = Field(description="What was taken", examples=[{"amount": 4290, "currency": "EUR"}])
    refunded: Price = Field(
        description="What has been given back of it", examples=[{"amount": 1900, "currency": "EUR"}]
    )
    refundable: Price = Field(
        description="What may still be given back: taken, and no refund asks for it",
        examples=[{"amount": 2390, "currency": "EUR"}],
    )
    reason: str | None = Field(
        description="Why it was declined, or could not be taken, in the processor's word; null: it was not",
        examples=[None, "insufficient_funds"],
    )
    reference: str | None = Field(
        description="The processor's name for it; null: it knows nothing of it yet",
        examples=["pi_3SWq7kT2eZvKYlo2"],
    )
    created_at: datetime = Field(description="When checkout asked for it", examples=["2026-11-20T14:03:12Z"])
    refunds: list[RefundView] = Field(description="The oldest first")


class LedgerLine(_Answer):
    """Money that went from one account to the other. All accounts of an order together are always zero."""

    at: datetime = Field(description="When we learned of it", examples=["2026-11-20T14:03:13Z"])
    payment_id: PaymentId = Field(description="The attempt that moved it")
    entry: str = Field(
        description="What happened, once for each payment: `authorize`, `capture`, `release` or `refund:` with the "
        "refund's id",
        examples=["capture"],
    )
    source: Account = Field(description="Where it came from; `held`: promised by the shopper's bank", examples=["held"])
    target: Account = Field(description="Where it went", examples=["shop"])
    amount: Price = Field(
        description="How much; the direction is in the accounts", examples=[{"amount": 4290, "currency": "EUR"}]
    )


_PAYMENT = "pay_01M7WM9DBPETFB59TDWH9EDD1R"
_PAID = {"amount": 4290, "currency": "EUR"}
_BACK = {"amount": 1900, "currency": "EUR"}
_LEDGER = [
    {"at": at, "payment_id": _PAYMENT, "entry": entry, "source": source, "target": target, "amount": amount}
    for at, entry, source, target, amount in (
        ("2026-11-20T14:03:12Z", "authorize", "shopper", "held", _PAID),
        ("2026-11-20T14:03:13Z", "capture", "held", "shop", _PAID),
        ("2026-11-24T10:12:46Z", "refund:rfd_01M86GPAA8F0K901DHZ8X5TCN8", "shop", "shopper", _BACK),
    )
]


class OrderPayments(_Answer):
    """What an order has to do with money."""

    order_id: OrderId
    payments: list[PaymentView] = Field(description="In the order of the attempts")
    ledger: list[LedgerLine] = Field(description="In the order in which it happened", examples=[_LEDGER])
