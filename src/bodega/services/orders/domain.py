"""The life of an order: pure rules, no I/O.

    created ──> paid ──> fulfilling ──> shipped ──> delivered
       └─────────┴──> cancelled (for ever)

An order that is paid waits for its time to cancel; `fulfilling` is packed, with or without a label; `shipped` was
scanned by the carrier.

Each command takes an order and answers with a `Change`: the order after it, what goes into the history,
and the fact to tell the world, if there is one. A command that changes nothing answers with the same order
and no fact, so everything may be said twice. Refunds are money beside the state: `fulfilment_status`
says where the goods are, `payment_status` where the money is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
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

FulfilmentStatus = Literal["awaiting_payment", "preparing", "shipped", "delivered", "cancelled"]
PaymentStatus = Literal["unpaid", "authorized", "paid", "refund_pending", "partly_refunded", "refunded", "voided"]

State = Literal["created", "paid", "fulfilling", "shipped", "delivered", "cancelled"]
Fact = OrderCreated | OrderPaid | OrderCancelled | OrderShipped | OrderDelivered | OrderRefunded

_RANK: Final[dict[State, int]] = {
    "created": 0, "paid": 1, "fulfilling": 2, "shipped": 3, "delivered": 4, "cancelled": 9,
}  # fmt: skip

LABEL_FAILED: Final = "label_failed"
"""Why people must look at an order whose parcel the carrier will not take, until there is a label after all."""

WITHDRAWN: Final = "withdrawn"
"""Why people must look at an order that its buyer has withdrawn from: goods come back, and they refund the money.
Settled by a refund. Also the reason of an order's end that could still be cancelled then."""

SENT_THOUGH_CANCELLED: Final = "sent_though_cancelled"
"""Why people must look at an order that was refunded whole just when its parcel left."""


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
    paid_at: datetime | None = None
    """When the payment was accepted; the time to cancel begins then."""
    captured: bool = False
    refunded: int = 0
    """Minor units given back so far."""
    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    attention: str | None = None
    """Why people must look at it; None: they need not."""
    promised_from: date | None = None
    """The first day on which it may arrive, as promised at checkout; None: orders was not told."""
    promised_to: date | None = None

    @property
    def shown_state(self) -> OrderState:
        """The state as people see it: a refund says more than where the parcel is."""
        if self.state == "cancelled" or self.refunded == 0:
            return self.state
        return "refunded" if self.refunded >= self.totals.total.amount else "partly_refunded"

    @property
    def final(self) -> bool:
        """Whether its buyer need not wait for anything any more, neither for goods nor for money."""
        if self.state == "cancelled":
            return self.payment_status != "refund_pending"
        return self.state == "delivered" or self.payment_status == "refunded"

    @property
    def fulfilment_status(self) -> FulfilmentStatus:
        """Where the goods are, whatever the money does."""
        match self.state:
            case "created":
                return "awaiting_payment"
            case "paid" | "fulfilling":
                return "preparing"
            case _:
                return self.state

    @property
    def payment_status(self) -> PaymentStatus:
        """Where the money is, whatever the goods do."""
        if self.payment_id is None:
            return "unpaid"
        if self.refunded:
            return "refunded" if self.refunded >= self.totals.total.amount else "partly_refunded"
        if self.state == "cancelled":
            return "refund_pending" if self.captured else "voided"
        return "paid" if self.captured else "authorized"

    @property
    def cancellable(self) -> bool:
        return self.state in ("created", "paid")

    def cancellable_until(self, window_seconds: float) -> datetime | None:
        """How long it can be cancelled for certain. None: it cannot, or no time is set before it is paid."""
        if self.state != "paid" or self.paid_at is None:
            return None
        return self.paid_at + timedelta(seconds=window_seconds)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A statement of withdrawal as it came in. It is evidence: what was typed does not change."""

    id: str
    received_at: datetime
    typed_number: str
    name: str
    email: str
    goods: str | None
    """What is withdrawn from, in the consumer's words; None: the whole order."""
    order_id: str | None = None
    """None: number and address match no order."""
    late: bool = False


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


def accept_payment(order: Order, payment_id: str, amount: Price, now: datetime) -> Change:
    """An authorisation arrives. The order's row is the only judge of whether it may be captured."""
    match order.state:
        case "created" if amount == order.totals.total:
            paid = replace(order, state="paid", payment_id=payment_id, paid_at=now)
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


def label(order: Order, carrier: str, tracking_number: str, tracking_url: str) -> Change:
    """A label was bought, the first or another one: the parcel can be followed. It is still with us.

    Raises: OutOfOrder, if nobody began to fulfil it.
    """
    if order.state == "cancelled":
        return Change(order, "labelled_after_cancellation")  # shipping hears of the cancellation, and gives it back
    if _RANK[order.state] < _RANK["fulfilling"]:
        raise OutOfOrder(f"a label for an order that is {order.state}")
    settled = None if order.attention == LABEL_FAILED else order.attention
    labelled = replace(
        order, carrier=carrier, tracking_number=tracking_number, tracking_url=tracking_url, attention=settled
    )
    if labelled == order:
        return _unchanged(order)
    return Change(labelled, "labelled" if order.tracking_number is None else "relabelled")


def ship(order: Order, carrier: str, tracking_number: str, tracking_url: str) -> Change:
    """The carrier has scanned the parcel: it is on its way. Only this makes an order shipped.

    Raises: OutOfOrder, if nobody began to fulfil it.
    """
    if order.state in ("shipped", "delivered"):
        return _unchanged(order)
    if order.state == "cancelled" and order.tracking_number is not None:
        # Refunded while it was being handed over: it cannot be stopped any more, and people must get it back.
        return Change(replace(order, attention=SENT_THOUGH_CANCELLED), SENT_THOUGH_CANCELLED)
    if order.state != "fulfilling":
        raise OutOfOrder(f"a scan of a parcel for an order that is {order.state}")
    shipped = replace(
        order, state="shipped", carrier=carrier, tracking_number=tracking_number, tracking_url=tracking_url
    )
    return Change(
        shipped,
        "shipped",
        lambda after: OrderShipped(**_carried(after), tracking_number=tracking_number, carrier=carrier),
    )


def deliver(order: Order) -> Change:
    """Raises: OutOfOrder, if it was never shipped."""
    if order.state == "delivered" or order.attention == SENT_THOUGH_CANCELLED:
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
    attention = None if order.attention == WITHDRAWN else order.attention
    return Change(
        replace(order, refunded=refunded_total.amount, attention=attention),
        "refunded",
        lambda after: OrderRefunded(**_carried(after), refunded=amount, refunded_total=refunded_total),
    )


def stop_if_refunded(order: Order) -> Change:
    """Whose money is given back whole before the carrier has the parcel gets no parcel. A part given back stops
    nothing; what is on its way already can only be sent back."""
    if order.payment_status != "refunded" or order.state not in ("paid", "fulfilling"):
        return _unchanged(order)
    return _cancelled(order, "refunded")


def withdrawal_ends(delivered_at: datetime, days: int) -> datetime:
    """When the period to withdraw is over: at the end of its last day, which is a working day (Regulation 1182/71,
    Article 3). The day of delivery does not count. The day ends where it ends last on Earth, so that nobody is late by
    a time zone; public holidays are not known here, and are for people to see."""
    last = delivered_at.astimezone(UTC).date() + timedelta(days=days)
    last += timedelta(days={5: 2, 6: 1}.get(last.weekday(), 0))
    return datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1, hours=12)


def withdraw(order: Order, *, whole: bool, late: bool) -> Change:
    """The buyer withdraws. The whole of an order that can still be cancelled is: nothing is sent, and the money goes
    back by itself. Everything else is noted for people, and changes neither goods nor money by itself."""
    note = f"withdrawn{'' if whole else '_in_part'}{': late' if late else ''}"
    if order.state == "cancelled":
        return Change(order, note)
    if whole and order.cancellable:
        return _cancelled(order, WITHDRAWN)
    settled_by_people = order.attention if order.attention is not None else WITHDRAWN
    return Change(replace(order, attention=settled_by_people), note)


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
        "promised_from": order.promised_from,
        "promised_to": order.promised_to,
    }
