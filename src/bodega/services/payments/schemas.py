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

    amount: Price | None = Field(default=None, description="null: all that is left")
    reason: Line = Field(description="For the books and the order's history", examples=["Arrived broken"])


class RefundView(_Answer):
    """Money on its way back, or there."""

    refund_id: str = Field(examples=["rfd_01k9"])
    payment_id: PaymentId
    amount: Price
    status: Literal["wanted", "done", "refused"] = Field(description="`wanted`: the processor has not said yes yet")
    reason: str = Field(description="The merchant's words, or why it was given back or refused")
    created_at: datetime


class PaymentView(_Answer):
    """One attempt to pay for an order."""

    payment_id: PaymentId
    checkout_id: CheckoutId
    attempt: int = Field(examples=[1])
    status: PaymentStatus
    amount: Price = Field(description="What was asked for")
    captured: Price = Field(description="What was taken")
    refunded: Price = Field(description="What has been given back of it")
    refundable: Price = Field(description="What may still be given back")
    reason: str | None = Field(
        description="Why it was declined, or could not be taken", examples=["insufficient_funds"]
    )
    reference: str | None = Field(description="The processor's name for it", examples=["pi_3NkQ"])
    created_at: datetime
    refunds: list[RefundView] = Field(description="The oldest first")


class LedgerLine(_Answer):
    """Money that went from one account to the other. All accounts of an order together are always zero."""

    at: datetime
    payment_id: PaymentId
    entry: str = Field(description="What happened, once for each payment", examples=["capture"])
    source: Account = Field(description="Where it came from; `held`: promised by the shopper's bank")
    target: Account = Field(description="Where it went")
    amount: Price


class OrderPayments(_Answer):
    """What an order has to do with money."""

    order_id: OrderId
    payments: list[PaymentView] = Field(description="In the order of the attempts")
    ledger: list[LedgerLine] = Field(description="In the order in which it happened")
