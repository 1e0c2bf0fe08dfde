"""What payments does. Each use case runs in the one transaction that its door has opened."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bodega.contracts.envelope import event
from bodega.contracts.payments import AuthorizePayment, RefundRequest
from bodega.kit.db import Transaction
from bodega.services.payments import domain, store
from bodega.services.payments.domain import Fact, Payment, Refund, Says, Standing
from bodega.services.payments.errors import (
    AlreadyPaid,
    DifferentPayment,
    NotCapturable,
    NotRefundable,
)
from bodega.services.payments.store import Hand, Held


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a wish to pay: the payment, in our hands if it is new, or what stands in its way."""

    payment: Payment
    held: Held | None = None
    in_the_way: bool = False


async def begin(wanted: AuthorizePayment, taker: Hand) -> Admission | None:
    """Makes the payment, if it is the first that we hear of its order, as it mostly is. Else None: `authorize` looks
    what is there. A transaction of its own."""
    held = await store.insert_first_payment(wanted, taker)
    return Admission(held.payment, held) if held is not None else None


async def authorize(tx: Transaction, wanted: AuthorizePayment, taker: Hand) -> Admission:
    """Makes the payment, or finds the one that this id has made before, as it stands now. An unfinished or declined
    attempt that is in the way is told to end.

    Raises: AlreadyEnded, if the order is paid or cancelled; DifferentPayment.
    """
    money = await store.lock_money(tx, wanted.order_id)
    existing = await store.find_payment(tx, wanted.payment_id)
    if existing is not None:
        if (existing.order_id, existing.amount) != (wanted.order_id, wanted.amount):
            raise DifferentPayment("this id stands for a payment of another amount or order")
        return Admission(existing)
    others = await store.payments_of(tx, wanted.order_id)
    other = domain.admit(money, others)
    if other is None:
        held = await store.insert_payment(tx, wanted, money, taker)
        return Admission(held.payment, held)
    if domain.superseded(other):
        await store.want_void(tx, other)
    return Admission(other, in_the_way=True)


async def accept(
    tx: Transaction, order_id: str, payment_id: str, *, capture_now: bool, taker: Hand | None = None
) -> Held | None:
    """The order has accepted a payment; every other one of it is given up. Returns it, if it is in the hands of `taker`
    from the commit on."""
    before = await store.lock_money(tx, order_id)
    money = domain.order_paid(before, payment_id, capture_now=capture_now)
    if money == before:
        return None
    payments, held = await store.decide(tx, money, taker)
    for payment in payments:
        facts = domain.too_late(payment, money).facts
        if facts:
            tell(tx, order_id, facts, await store.next_sequence(tx, order_id, len(facts)))
    return held


async def cancel_order(tx: Transaction, order_id: str) -> None:
    """The order is cancelled for ever: all its payments are given up, and none is taken from now on."""
    money = await store.lock_money(tx, order_id)
    await store.decide(tx, replace(money, verdict="cancelled"))


async def make_capture_due(tx: Transaction, order_id: str, taker: Hand | None = None) -> Held | None:
    """The parcel is on its way: what the order has accepted may be taken. Returned as by `accept`."""
    money = await store.lock_money(tx, order_id)
    _, held = await store.decide(tx, replace(money, capture_due=True), taker)
    return held


async def ask_again(tx: Transaction, payment_id: str) -> None:
    """The shopper is back from the bank, or somebody doubts what we know.

    Raises: PaymentNotFound.
    """
    payment = await store.get_payment(tx, payment_id)
    if not payment.ended:
        await store.hint(tx, payment.id)


async def capture(tx: Transaction, payment_id: str) -> None:
    """Takes the money now, without waiting for the shipment.

    Raises: PaymentNotFound; NotCapturable, if no order has accepted it.
    """
    payment = await store.get_payment(tx, payment_id)
    money = await store.lock_money(tx, payment.order_id)
    if not money.accepts(payment_id):
        raise NotCapturable("only a payment that an order has accepted can be captured")
    await make_capture_due(tx, payment.order_id)


async def void(tx: Transaction, payment_id: str) -> None:
    """Raises: PaymentNotFound; AlreadyPaid, if the order lives on it."""
    payment = await store.get_payment(tx, payment_id)
    money = await store.lock_money(tx, payment.order_id)
    if money.accepts(payment_id):
        raise AlreadyPaid("the order has accepted this payment; cancel the order instead")
    await store.want_void(tx, payment)


async def refund(tx: Transaction, payment_id: str, refund_id: str, wish: RefundRequest) -> None:
    """Plans to give money back; the worker does it.

    Raises: PaymentNotFound, NotRefundable.
    """
    order_id = (await store.get_payment(tx, payment_id)).order_id
    await store.lock_money(tx, order_id)
    payment = next(one for one in await store.payments_of(tx, order_id) if one.id == payment_id)
    left = payment.captured - payment.refunding
    if wish.amount is not None and wish.amount.currency != payment.amount.currency:
        raise NotRefundable(f"the payment is in {payment.amount.currency}")
    amount = left if wish.amount is None else wish.amount.amount
    if payment.state != "captured" or not 0 < amount <= left:
        raise NotRefundable(f"at most {left} can be refunded", refundable=left)
    planned = Refund(refund_id, amount, reason=wish.reason)
    await store.insert_refund(tx, domain.plan_refund(payment, planned).payment, planned)


async def hear_webhook(tx: Transaction, event_id: str, intent_id: str | None, says: Says) -> None:
    """A hint, and nothing else: what has happened is asked of the processor."""
    if not await store.enter_webhook(tx, event_id) or intent_id is None:
        return
    payment, _ = await store.payment_of_intent(tx, intent_id)
    if payment is not None and domain.is_news(payment, says):
        await store.hint(tx, payment.id)


async def compare(tx: Transaction, standing: Standing) -> None:
    """What the processor lists against what we have. A difference is kept as unmatched money, and a payment of
    ours that it concerns is asked for again."""
    at_stake = _at_stake(standing)
    ours, _ = await store.payment_of_intent(tx, standing.intent_id)
    if at_stake == (0 if ours is None else ours.authorized - ours.released - ours.refunded):
        await store.delete_unmatched(tx, standing.intent_id)
        return
    if ours is not None and not ours.ended and await store.is_at_rest(tx, ours.id):
        await store.hint(tx, ours.id)
    await store.save_unmatched(tx, standing, at_stake)


async def differing(tx: Transaction, page: Sequence[Standing]) -> set[str]:
    """Of these, the intents that `compare` has something to do about."""
    return await store.differing(tx, {one.intent_id: _at_stake(one) for one in page})


def _at_stake(standing: Standing) -> int:
    """The shopper's money that is held, or was taken and not given back. Minor units."""
    match standing.status:
        case "authorized":
            return standing.amount
        case "captured":
            return standing.captured - (standing.refunded or 0)
        case _:
            return 0


def tell(tx: Transaction, order_id: str, facts: Sequence[Fact], first: int) -> None:
    """Tells what has happened to the order's money, in the numbers from `first` on."""
    for number, fact in enumerate(facts, first):
        tx.emit(event(fact, subject=order_id, sequence=number))
