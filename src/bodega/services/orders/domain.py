"""The life of an order: pure rules, no I/O.

    created ──> paid ──> fulfilling ──> shipped ──> delivered
       └─────────┴──> cancelled (for ever)

Each command takes an order and answers with a `Change`: the order after it, what goes into the history,
and the fact to tell the world, if there is one. A command that changes nothing answers with the same order
and no fact, so everything may be said twice. Refunds are money beside the state.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from bodega.contracts.fields import Address, Contact
from bodega.contracts.money import Price
from bodega.contracts.orders import (
    OrderCancelled,
    OrderCreated,
    OrderDelivered,
    OrderLine,
    OrderPaid,
    OrderRefunded,
    OrderShipped,
    OrderState,
    Totals,
)
from bodega.services.orders.errors import (
    AlreadyPaid,
    NotCapturedYet,
    NotPaid,
    OrderIsCancelled,
    OutOfOrder,
    TooLateToCancel,
)

State = Literal["created", "paid", "fulfilling", "shipped", "delivered", "cancelled"]
Fact = OrderCreated | OrderPaid | OrderCancelled | OrderShipped | OrderDelivered | OrderRefunded

_RANK: Final[dict[State, int]] = {
    "created": 0, "paid": 1, "fulfilling": 2, "shipped": 3, "delivered": 4, "cancelled": 9,
}  # fmt: skip

LABEL_FAILED: Final = "label_failed"
"""Why people must look at an order whose parcel the carrier will not take, until there is a label after all."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands. Lines, prices, taxes and addresses are frozen at purchase."""

    id: str
    number: str
    state: State
    version: int
    checkout_id: str
    customer_id: str | None
    cart_id: str
    cart_revision: str
    reservation_id: str
    lines: tuple[OrderLine, ...]
    totals: Totals
    shipping_address: Address
    billing_address: Address | None
    shipping_option: str
    contact: Contact
    placed_at: datetime
    payment_id: str | None = None
    captured: bool = False
    refunded: int = 0
    """Minor units given back so far."""
    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    attention: str | None = None
    """Why people must look at it; None: they need not."""

    @property
    def shown_state(self) -> OrderState:
        """The state as people see it: a refund says more than where the parcel is."""
        if self.state == "cancelled" or self.refunded == 0:
            return self.state
        return "refunded" if self.refunded >= self.totals.total.amount else "partly_refunded"

    @property
    def final(self) -> bool:
        """Whether its buyer need not wait for anything any more."""
        return self.shown_state in ("delivered", "cancelled", "refunded")

    @property
    def cancellable(self) -> bool:
        return self.state in ("created", "paid")


@dataclass(frozen=True, slots=True)
class Change:
    """What a command did. `note` is the history's word for it; None: nothing happened."""

    order: Order
    note: str | None = None
    fact: Callable[[Order], Fact] | None = None

    @property
    def happened(self) -> bool:
        return self.note is not None


def _unchanged(order: Order) -> Change:
    return Change(order)


def place(order: Order) -> Change:
    """A new order."""
    return Change(order, "created", lambda after: OrderCreated(**_carried(after)))


def accept_payment(order: Order, payment_id: str, amount: Price) -> Change:
    """An authorisation arrives. The order's row is the only judge of whether it may be captured."""
    match order.state:
        case "created" if amount == order.totals.total:
            paid = replace(order, state="paid", payment_id=payment_id)
            return Change(paid, "payment_accepted", lambda after: OrderPaid(**_carried(after)))
        case "created":
            # Taking another sum than agreed is worse than losing the sale: the payment is voided by OrderCancelled.
            return _cancelled(order, "amount_mismatch")
        case "cancelled":
            # Said again, so that payments gives up what it did not yet know of when it was said first.
            return Change(order, "payment_after_cancellation", _cancelled_fact("payment_after_cancellation", False))
        case _ if payment_id == order.payment_id:
            return _unchanged(order)
        case _:
            return Change(order, "second_authorization")  # payments voids it: OrderPaid named another


def note_payment_failed(order: Order, reason: str) -> Change:
    """A declined attempt does not end an order: there may be another card."""
    return Change(order, f"payment_failed: {reason}")


def note_captured(order: Order, payment_id: str) -> Change:
    """The money has been taken; now the order may be fulfilled."""
    if order.captured or payment_id != order.payment_id:
        return _unchanged(order)
    return Change(replace(order, captured=True), "payment_captured")


def capture_failed(order: Order, payment_id: str) -> Change:
    """The processor will never give the money. Not yet in fulfilment: cancelled. Else people must decide."""
    if payment_id != order.payment_id or order.state == "cancelled":
        return Change(order, "capture_failed")
    if order.state == "paid":
        return _cancelled(order, "capture_failed")
    return Change(replace(order, attention="capture_failed"), "capture_failed")


def cancel(order: Order, reason: str, *, only_unpaid: bool) -> Change:
    """Raises: AlreadyPaid (only with `only_unpaid`), TooLateToCancel."""
    match order.state:
        case "cancelled":
            return _unchanged(order)
        case "created":
            return _cancelled(order, reason)
        case _ if only_unpaid:
            raise AlreadyPaid("a payment was accepted in the meantime")
        case "paid":
            return _cancelled(order, reason)
        case _:
            raise TooLateToCancel("the parcel is being prepared or on its way; it can be returned")


def begin_fulfilment(order: Order, *, capture_first: bool) -> Change:
    """Asked before a label is bought. From here on the order can no longer be cancelled.

    Raises: NotPaid, NotCapturedYet, OrderIsCancelled.
    """
    match order.state:
        case "created":
            raise NotPaid("no payment was accepted")
        case "cancelled":
            raise OrderIsCancelled("it was cancelled before it was fulfilled")
        case "paid" if capture_first and not order.captured:
            raise NotCapturedYet("the money has not been taken yet")
        case "paid":
            return Change(replace(order, state="fulfilling"), "fulfilment_begun")
        case _:
            return _unchanged(order)


def call_people(order: Order, reason: str) -> Change:
    """Others cannot go on with it by themselves. The first reason stays until it is settled."""
    if order.attention is not None or order.state == "cancelled":
        return _unchanged(order)
    return Change(replace(order, attention=reason), reason)


def ship(order: Order, carrier: str, tracking_number: str, tracking_url: str) -> Change:
    """Raises: OutOfOrder, if nobody began to fulfil it."""
    if _RANK[order.state] < _RANK["fulfilling"] or order.state == "cancelled":
        raise OutOfOrder(f"a shipment for an order that is {order.state}")
    settled = None if order.attention == LABEL_FAILED else order.attention
    labelled = replace(
        order, carrier=carrier, tracking_number=tracking_number, tracking_url=tracking_url, attention=settled
    )
    if order.state != "fulfilling":
        return _unchanged(order) if labelled == order else Change(labelled, "relabelled")
    shipped = replace(labelled, state="shipped")
    return Change(
        shipped,
        "shipped",
        lambda after: OrderShipped(**_carried(after), tracking_number=tracking_number, carrier=carrier),
    )


def deliver(order: Order) -> Change:
    """Raises: OutOfOrder, if it was never shipped."""
    if order.state == "delivered":
        return _unchanged(order)
    if order.state != "shipped":
        raise OutOfOrder(f"a delivery of an order that is {order.state}")
    return Change(replace(order, state="delivered"), "delivered", lambda after: OrderDelivered(**_carried(after)))


def refund(order: Order, amount: Price, refunded_total: Price) -> Change:
    """Money went back. `refunded_total` decides, so that a refund that is told twice counts once."""
    if refunded_total.amount <= order.refunded:
        return _unchanged(order)
    if refunded_total.amount > order.totals.total.amount:
        raise OutOfOrder("more was given back than the order's total")
    return Change(
        replace(order, refunded=refunded_total.amount),
        "refunded",
        lambda after: OrderRefunded(**_carried(after), refunded=amount, refunded_total=refunded_total),
    )


def _cancelled(order: Order, reason: str) -> Change:
    was_paid = order.state != "created"
    return Change(replace(order, state="cancelled"), f"cancelled: {reason}", _cancelled_fact(reason, was_paid))


def _cancelled_fact(reason: str, was_paid: bool) -> Callable[[Order], Fact]:
    return lambda after: OrderCancelled(**_carried(after), reason=reason, was_paid=was_paid)


def _carried(order: Order) -> dict[str, object]:
    """What every fact about an order carries."""
    return {
        "number": order.number,
        "checkout_id": order.checkout_id,
        "customer_id": order.customer_id,
        "reservation_id": order.reservation_id,
        "payment_id": order.payment_id,
        "cart_id": order.cart_id,
        "cart_revision": order.cart_revision,
        "lines": list(order.lines),
        "totals": order.totals,
        "shipping_address": order.shipping_address,
        "shipping_option": order.shipping_option,
        "contact": order.contact,
    }
