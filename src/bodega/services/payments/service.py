"""What payments does. Each use case runs in the one transaction that its door has opened."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bodega.contracts.envelope import event
from bodega.contracts.payments import AuthorizePayment, RefundRequest
from bodega.kit.db import Transaction
from bodega.services.payments import domain, store
from bodega.services.payments.domain import Change, Payment, Refund, Says, Standing
from bodega.services.payments.errors import (
    AlreadyPaid,
    DifferentPayment,
    NotCapturable,
    NotRefundable,
)


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a wish to pay: the payment and whether it is new, or what stands in its way."""

    payment: Payment
    new: bool = False
    in_the_way: bool = False


async def authorize(tx: Transaction, wanted: AuthorizePayment) -> Admission:
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
        return Admission(await store.insert_payment(tx, wanted), new=True)
    if domain.superseded(other):
        await store.want_void(tx, other)
    return Admission(other, in_the_way=True)


async def accept(tx: Transaction, order_id: str, payment_id: str, *, capture_now: bool) -> None:
    """The order has accepted a payment; every other one of it is given up."""
    before = await store.lock_money(tx, order_id)
    money = domain.order_paid(before, payment_id, capture_now=capture_now)
    if money == before:
        return
    await store.save_money(tx, money)
    for payment in await store.payments_of(tx, order_id):
        if payment.id != payment_id:
            await store.want_void(tx, payment)
            continue
        await apply(tx, domain.too_late(payment, money))
        await store.wake(tx, payment.id)


async def cancel_order(tx: Transaction, order_id: str) -> None:
    """The order is cancelled for ever: all its payments are given up, and none is taken from now on."""
    money = await store.lock_money(tx, order_id)
    await store.save_money(tx, replace(money, verdict="cancelled"))
    for payment in await store.payments_of(tx, order_id):
        await store.want_void(tx, payment)


async def make_capture_due(tx: Transaction, order_id: str) -> None:
    """The parcel is on its way: what the order has accepted may be taken."""
    money = await store.lock_money(tx, order_id)
    await store.save_money(tx, replace(money, capture_due=True))
    for payment in await store.payments_of(tx, order_id):
        await store.wake(tx, payment.id)


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
    change = domain.plan_refund(payment, Refund(refund_id, amount, reason=wish.reason))
    await apply(tx, change)
    await store.save_refunding(tx, change.payment)


async def hear_webhook(tx: Transaction, event_id: str, intent_id: str | None, says: Says) -> None:
    """A hint, and nothing else: what has happened is asked of the processor."""
    if not await store.enter_webhook(tx, event_id) or intent_id is None:
        return
    payment = await store.payment_of_intent(tx, intent_id)
    if payment is not None and domain.is_news(payment, says):
        await store.hint(tx, payment.id)


async def compare(tx: Transaction, standing: Standing) -> None:
    """What the processor lists against what we have. A difference is kept as unmatched money, and a payment of
    ours that it concerns is asked for again."""
    at_stake = _at_stake(standing)
    ours = await store.payment_of_intent(tx, standing.intent_id)
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


async def apply(tx: Transaction, change: Change) -> None:
    """Books and tells what a change means. The money's row and the payment's must be locked."""
    payment = change.payment
    if change.refund is not None:
        await store.save_refund(tx, payment, change.refund)
    await store.book(tx, payment, change.bookings)
    for fact in change.facts:
        sequence = await store.next_sequence(tx, payment.order_id)
        tx.emit(event(fact, subject=payment.order_id, sequence=sequence))
