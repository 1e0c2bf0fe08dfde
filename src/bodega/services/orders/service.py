"""What orders does. Each use case runs in the one transaction that its door has opened."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bodega.contracts.envelope import event
from bodega.contracts.fields import Contact
from bodega.contracts.money import Price
from bodega.contracts.orders import CreateOrder, OrderLinkRequested, WithdrawalReceived
from bodega.kit.db import Database, Transaction
from bodega.kit.errors import AlreadyEnded
from bodega.services.orders import domain, store
from bodega.services.orders.domain import Change, Order, Withdrawal
from bodega.services.orders.errors import AlreadyAssigned, DifferentOrder


async def create(tx: Transaction, wanted: CreateOrder, *, actor: str) -> Order:
    """Makes the order, or answers with the one that this id has made before, as it stands now.

    Raises: AlreadyEnded, if it was cancelled before or since; DifferentOrder, if the id stands for other contents.
    """
    await store.lock_id(tx, wanted.order_id)
    placed = domain.place(_new_order(wanted))
    order = await store.insert_order(tx, placed.order, placed.note or "", cause=wanted.checkout_id, actor=actor)
    if order is not None:
        _tell(tx, order, placed)
        return order
    existing = await store.find_order(tx, wanted.order_id)
    if existing is not None:
        return _same(existing, wanted)
    if await store.is_buried(tx, wanted.order_id):
        raise AlreadyEnded("this order was cancelled before it was made")
    raise DifferentOrder("the checkout or the reservation has another order already")


async def cancel(
    tx: Transaction, order_id: str, reason: str, *, only_unpaid: bool, cause: str, actor: str
) -> Order | None:
    """The cancelled order; None, if the id was not known and is now buried.

    Raises: AlreadyPaid, TooLateToCancel.
    """
    await store.lock_id(tx, order_id)
    order = await store.find_locked(tx, order_id)
    if order is None:
        await store.insert_tombstone(tx, order_id, reason)
        return None
    return await _apply(tx, order, domain.cancel(order, reason, only_unpaid=only_unpaid), cause=cause, actor=actor)


async def begin_fulfilment(database: Database, order_id: str, *, capture_first: bool, cause: str, actor: str) -> Order:
    """Shipping asks, perhaps again and again while the money is being taken: a no needs no lock, and a yes is written
    only to the order as it was judged.

    Raises: OrderNotFound, NotPaid, NotCapturedYet, OrderIsCancelled.
    """
    while True:
        async with database.reading() as tx:
            order = await store.get_order(tx, order_id)
        change = domain.begin_fulfilment(order, capture_first=capture_first)
        if not change.happened:
            return order
        after = await store.save_if_unchanged(database, order, change, cause=cause, actor=actor)
        if after is not None:
            return after


async def call_people(tx: Transaction, order_id: str, reason: str, *, actor: str) -> Order:
    """Raises OrderNotFound."""
    order = await store.lock_order(tx, order_id)
    return await _apply(tx, order, domain.call_people(order, reason), cause="request", actor=actor)


async def accept_payment(tx: Transaction, order_id: str, payment_id: str, amount: Price, *, cause: str) -> Order:
    order = await store.lock_order(tx, order_id)
    change = domain.accept_payment(order, payment_id, amount, datetime.now(UTC))
    return await _apply(tx, order, change, cause=cause, actor="payments")


async def note_payment_failed(tx: Transaction, order_id: str, reason: str, *, cause: str) -> Order:
    order = await store.lock_order(tx, order_id)
    return await _apply(tx, order, domain.note_payment_failed(order, reason), cause=cause, actor="payments")


async def note_captured(tx: Transaction, order_id: str, payment_id: str, *, cause: str) -> Order:
    order = await store.lock_order(tx, order_id)
    return await _apply(tx, order, domain.note_captured(order, payment_id), cause=cause, actor="payments")


async def capture_failed(tx: Transaction, order_id: str, payment_id: str, *, cause: str) -> Order:
    order = await store.lock_order(tx, order_id)
    return await _apply(tx, order, domain.capture_failed(order, payment_id), cause=cause, actor="payments")


async def refund(tx: Transaction, order_id: str, amount: Price, refunded_total: Price, *, cause: str) -> Order:
    order = await store.lock_order(tx, order_id)
    after = await _apply(tx, order, domain.refund(order, amount, refunded_total), cause=cause, actor="payments")
    return await _apply(tx, after, domain.stop_if_refunded(after), cause=cause, actor="payments")


async def label(
    tx: Transaction, order_id: str, carrier: str, tracking_number: str, tracking_url: str, *, cause: str
) -> Order:
    order = await store.lock_order(tx, order_id)
    change = domain.label(order, carrier, tracking_number, tracking_url)
    return await _apply(tx, order, change, cause=cause, actor="shipping")


async def ship(
    tx: Transaction, order_id: str, carrier: str, tracking_number: str, tracking_url: str, *, cause: str
) -> Order:
    order = await store.lock_order(tx, order_id)
    change = domain.ship(order, carrier, tracking_number, tracking_url)
    return await _apply(tx, order, change, cause=cause, actor="shipping")


async def deliver(
    tx: Transaction, order_id: str, carrier: str, tracking_number: str, tracking_url: str, *, cause: str
) -> Order:
    """What has arrived was on its way, also where the delivery is the carrier's first scan."""
    order = await store.lock_order(tx, order_id)
    sent = domain.ship(order, carrier, tracking_number, tracking_url)
    shipped = await _apply(tx, order, sent, cause=cause, actor="shipping")
    return await _apply(tx, shipped, domain.deliver(shipped), cause=cause, actor="shipping")


async def claim_guest_orders(tx: Transaction, email: str, customer_id: str) -> int:
    """A customer has proven an e-mail: what was ordered with it as a guest is theirs, and what will be paid for."""
    return await store.claim_guest_orders(tx, email, customer_id)


async def _apply(tx: Transaction, order: Order, change: Change, *, cause: str, actor: str) -> Order:
    """Writes a change and tells it; nothing, if nothing happened."""
    if not change.happened:
        return order
    after = await store.save_change(tx, order, change, cause=cause, actor=actor)
    _tell(tx, after, change)
    return after


def _tell(tx: Transaction, order: Order, change: Change) -> None:
    if change.fact is not None:
        tx.emit(event(change.fact(order), subject=order.id, sequence=order.version))


def _new_order(wanted: CreateOrder) -> Order:
    return Order(
        id=wanted.order_id,
        number="",
        state="created",
        version=1,
        checkout_id=wanted.checkout_id,
        customer_id=wanted.customer_id,
        cart_id=wanted.cart_id,
        cart_revision=wanted.cart_revision,
        reservation_id=wanted.reservation_id,
        lines=tuple(wanted.lines),
        totals=wanted.totals,
        shipping_address=wanted.shipping_address,
        billing_address=wanted.billing_address,
        shipping_option=wanted.shipping_option,
        contact=wanted.contact,
        placed_at=datetime.now(UTC),
        promised_from=wanted.promised_from,
        promised_to=wanted.promised_to,
    )


def _same(existing: Order, wanted: CreateOrder) -> Order:
    if existing.state == "cancelled":
        raise AlreadyEnded("this order is cancelled")
    if existing.totals != wanted.totals or existing.lines != tuple(wanted.lines):
        raise DifferentOrder("this id stands for an order with other contents")
    return existing


async def look_up(tx: Transaction, number: str, email: str) -> None:
    """Has the link of an order sent to its own address, if that is the one given. Whether it is, nobody is told."""
    order = await store.find_order(tx, number)
    if order is None or order.contact.email.casefold() != email.casefold():
        return
    fact = OrderLinkRequested(
        number=order.number, customer_id=order.customer_id, contact=order.contact, requested_at=datetime.now(UTC)
    )
    tx.emit(event(fact, subject=order.id, sequence=order.version))


# --- withdrawals ------------------------------------------------------------------------------------

RECEIPTS_OF_AN_ORDER = 20
"""So many statements about one order take effect and are answered by mail; more are kept, and nothing follows."""
RECEIPTS_TO_STRANGERS = 3
"""So many mails a day go to an address whose statements match no order: anybody may type anybody's address."""


async def withdraw(tx: Transaction, made: Withdrawal, *, days: int) -> None:
    """Keeps a statement of withdrawal, whatever it says, and does what can be done about it at once.

    Number and address of the order are enough, as on a letter: the law asks for no account. What matches no order is
    kept too, since a mistyped number makes a withdrawal no less effective; a merchant can assign it.
    """
    order = await store.find_order(tx, made.typed_number)
    if order is not None and order.contact.email.casefold() == made.email.casefold():
        await _withdraw_from(tx, await store.lock_order(tx, order.id), made, days=days, actor=_consumer(order))
        return
    await store.lock_id(tx, made.email.casefold())  # two at once are counted one after the other
    earlier = await store.unmatched_since(tx, made.email, made.received_at - timedelta(days=1))
    await store.save_withdrawal(tx, made)
    if earlier < RECEIPTS_TO_STRANGERS:
        tx.emit(event(_received(made, None, stopped=False), subject=made.id, sequence=1))


async def assign_withdrawal(
    tx: Transaction, withdrawal_id: str, order_ref: str, *, days: int, actor: str
) -> Withdrawal:
    """A merchant has found the order that a statement is about: it takes effect, as of when it came in.

    Raises: WithdrawalNotFound, OrderNotFound, AlreadyAssigned.
    """
    order = await store.lock_order(tx, (await store.get_order(tx, order_ref)).id)
    made = await store.get_withdrawal(tx, withdrawal_id, lock=True)
    if made.order_id is None:
        return await _withdraw_from(tx, order, made, days=days, actor=actor)
    if made.order_id != order.id:
        raise AlreadyAssigned("This withdrawal belongs to another order already.")
    return made


async def _withdraw_from(tx: Transaction, order: Order, made: Withdrawal, *, days: int, actor: str) -> Withdrawal:
    """The order, which is locked, is withdrawn from; the statement as it is kept then."""
    delivered = await store.find_delivery(tx, order.id)
    late = delivered is not None and made.received_at >= domain.withdrawal_ends(delivered, days)
    earlier = await store.withdrawals_of(tx, order.id)
    made = replace(made, order_id=order.id, late=late)
    await store.save_withdrawal(tx, made)
    if len(earlier) < RECEIPTS_OF_AN_ORDER:
        change = domain.withdraw(order, whole=made.goods is None, late=late)
        after = await _apply(tx, order, change, cause=made.id, actor=actor)
        stopped = after.state == "cancelled" and order.state != "cancelled"
        tx.emit(event(_received(made, after, stopped=stopped), subject=order.id, sequence=after.version))
    return made


def _consumer(order: Order) -> str:
    return order.customer_id or "guest"


def _received(made: Withdrawal, order: Order | None, *, stopped: bool) -> WithdrawalReceived:
    # The receipt goes where the consumer wants it. Of a matched order that is the order's own address, or a merchant
    # has looked at it.
    return WithdrawalReceived(
        withdrawal_id=made.id,
        received_at=made.received_at,
        number=order.number if order is not None else None,
        customer_id=order.customer_id if order is not None else None,
        name=made.name,
        typed_number=made.typed_number,
        goods=made.goods,
        late=made.late,
        stopped=stopped,
        contact=Contact(email=made.email, locale=order.contact.locale if order is not None else "en"),
    )
