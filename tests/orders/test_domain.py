"""The rules of an order's life."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodega.contracts.ids import new_id
from bodega.contracts.money import Price
from bodega.contracts.orders import OrderCancelled, OrderPaid, OrderRefunded, OrderShipped
from bodega.services.orders import domain, errors
from bodega.services.orders.domain import Order
from tests.orders.making import wanted

pytestmark = pytest.mark.unit

PAYMENT = new_id("pay")
NOW = datetime(2026, 11, 20, 14, 3, tzinfo=UTC)
TOTAL = Price(amount=2890, currency="EUR")


def order(state: domain.State = "created", **other: object) -> Order:
    made = wanted()
    payment = None if state in ("created", "cancelled") else PAYMENT
    base = Order(
        id=made.order_id, number="BDG-7K3M-9Q2X", state=state, version=1, checkout_id=made.checkout_id,
        customer_id=None, cart_id=made.cart_id, cart_revision=made.cart_revision, reservation_id=made.reservation_id,
        lines=tuple(made.lines), totals=made.totals, shipping_address=made.shipping_address, billing_address=None,
        shipping_option=made.shipping_option, contact=made.contact, placed_at=datetime.now(UTC), payment_id=payment,
    )  # fmt: skip
    return replace(base, **other)  # type: ignore[arg-type]


def told(change: domain.Change) -> domain.Fact | None:
    return change.fact(change.order) if change.fact else None


def test_a_payment_of_exactly_the_total_makes_an_order_paid() -> None:
    change = domain.accept_payment(order(), PAYMENT, TOTAL, NOW)
    assert change.order.state == "paid"
    assert change.order.payment_id == PAYMENT
    assert isinstance(told(change), OrderPaid)


@pytest.mark.parametrize("amount", [Price(amount=2889, currency="EUR"), Price(amount=2890, currency="USD")])
def test_a_payment_of_another_amount_cancels_the_order_and_is_not_kept(amount: Price) -> None:
    change = domain.accept_payment(order(), PAYMENT, amount, NOW)
    assert change.order.state == "cancelled"
    fact = told(change)
    assert isinstance(fact, OrderCancelled)
    assert not fact.was_paid


def test_a_payment_for_a_cancelled_order_says_again_that_it_is_cancelled() -> None:
    change = domain.accept_payment(order("cancelled"), PAYMENT, TOTAL, NOW)
    assert change.order.state == "cancelled"
    assert isinstance(told(change), OrderCancelled)


def test_the_same_payment_twice_changes_nothing() -> None:
    assert not domain.accept_payment(order("paid"), PAYMENT, TOTAL, NOW).happened


def test_a_second_payment_is_noted_and_not_accepted() -> None:
    change = domain.accept_payment(order("paid"), new_id("pay"), TOTAL, NOW)
    assert change.order.payment_id == PAYMENT
    assert told(change) is None


@pytest.mark.parametrize("state", ["created", "paid"])
def test_an_order_can_be_cancelled_until_it_is_being_fulfilled(state: domain.State) -> None:
    change = domain.cancel(order(state), "customer_request", only_unpaid=False)
    fact = told(change)
    assert isinstance(fact, OrderCancelled)
    assert fact.was_paid == (state == "paid")


@pytest.mark.parametrize("state", ["fulfilling", "shipped", "delivered"])
def test_it_is_too_late_to_cancel_what_is_being_fulfilled(state: domain.State) -> None:
    with pytest.raises(errors.TooLateToCancel):
        domain.cancel(order(state), "customer_request", only_unpaid=False)


@pytest.mark.parametrize("state", ["paid", "fulfilling", "shipped", "delivered"])
def test_a_clock_never_ends_an_order_that_was_paid(state: domain.State) -> None:
    with pytest.raises(errors.AlreadyPaid):
        domain.cancel(order(state), "checkout_expired", only_unpaid=True)


def test_nothing_is_fulfilled_before_the_money_is_taken() -> None:
    with pytest.raises(errors.NotCapturedYet):
        domain.begin_fulfilment(order("paid"), capture_first=True)
    captured = domain.note_captured(order("paid"), PAYMENT).order
    assert domain.begin_fulfilment(captured, capture_first=True).order.state == "fulfilling"


def test_nothing_is_fulfilled_for_an_order_that_is_not_paid_or_cancelled() -> None:
    with pytest.raises(errors.NotPaid):
        domain.begin_fulfilment(order("created"), capture_first=True)
    with pytest.raises(errors.OrderIsCancelled):
        domain.begin_fulfilment(order("cancelled"), capture_first=True)


def test_a_refused_capture_cancels_before_fulfilment_and_calls_people_after_it() -> None:
    assert domain.capture_failed(order("paid"), PAYMENT).order.state == "cancelled"
    flagged = domain.capture_failed(order("fulfilling"), PAYMENT).order
    assert (flagged.state, flagged.attention) == ("fulfilling", "capture_failed")


def test_a_refused_capture_of_another_payment_does_not_touch_the_order() -> None:
    assert domain.capture_failed(order("paid"), new_id("pay")).order.state == "paid"


def test_a_label_alone_ships_nothing_and_the_carriers_first_scan_does() -> None:
    labelled = domain.label(order("fulfilling"), "Sandbox Parcel", "SP1", "http://t/SP1")
    assert (labelled.order.state, labelled.note, told(labelled)) == ("fulfilling", "labelled", None)
    assert labelled.order.fulfilment_status == "preparing"
    assert isinstance(told(domain.ship(labelled.order, "Sandbox Parcel", "SP1", "http://t/SP1")), OrderShipped)


def test_a_scan_ships_what_is_being_fulfilled() -> None:
    change = domain.ship(order("fulfilling"), "Sandbox Parcel", "SP1", "http://t/SP1")
    assert change.order.state == "shipped"
    fact = told(change)
    assert isinstance(fact, OrderShipped)
    assert fact.tracking_number == "SP1"


def test_another_label_changes_where_the_parcel_is_followed_and_nothing_else() -> None:
    labelled = domain.label(order("fulfilling"), "Sandbox Parcel", "SP1", "http://t/SP1").order
    assert not domain.label(labelled, "Sandbox Parcel", "SP1", "http://t/SP1").happened
    again = domain.label(labelled, "Sandbox Parcel", "SP2", "http://t/SP2")
    assert (again.fact, again.note) == (None, "relabelled")
    assert again.order == replace(labelled, tracking_number="SP2", tracking_url="http://t/SP2")


@pytest.mark.parametrize("state", ["created", "paid", "cancelled"])
def test_a_shipment_that_nobody_allowed_is_out_of_order(state: domain.State) -> None:
    with pytest.raises(errors.OutOfOrder):
        domain.ship(order(state), "Sandbox Parcel", "SP1", "")
    if state != "cancelled":
        with pytest.raises(errors.OutOfOrder):
            domain.label(order(state), "Sandbox Parcel", "SP1", "")


def test_people_are_called_once_and_no_longer_needed_when_there_is_a_label_after_all() -> None:
    called = domain.call_people(order("fulfilling"), "label_failed")
    assert (called.order.attention, called.note, told(called)) == ("label_failed", "label_failed", None)
    assert not domain.call_people(called.order, "label_failed").happened
    assert domain.label(called.order, "c", "t", "u").order.attention is None
    worse = order("fulfilling", attention="capture_failed")
    assert not domain.call_people(worse, "label_failed").happened
    assert domain.label(worse, "c", "t", "u").order.attention == "capture_failed"
    assert not domain.call_people(order("cancelled"), "label_failed").happened


def test_a_delivery_follows_a_shipment() -> None:
    assert domain.deliver(order("shipped")).order.state == "delivered"
    with pytest.raises(errors.OutOfOrder):
        domain.deliver(order("fulfilling"))


def test_refunds_add_up_and_are_counted_once() -> None:
    part = Price(amount=1000, currency="EUR")
    first = domain.refund(order("shipped"), part, part)
    assert first.order.shown_state == "partly_refunded"
    assert isinstance(told(first), OrderRefunded)
    assert not domain.refund(first.order, part, part).happened
    rest = domain.refund(first.order, Price(amount=1890, currency="EUR"), TOTAL)
    assert rest.order.shown_state == "refunded"


def test_more_than_the_total_is_never_given_back() -> None:
    with pytest.raises(errors.OutOfOrder):
        domain.refund(order("paid"), TOTAL, Price(amount=2891, currency="EUR"))


# state, captured, refunded -> where the goods are, where the money is, and whether it can be cancelled
STANDINGS: list[tuple[domain.State, bool, int, str, str, bool]] = [
    ("created", False, 0, "awaiting_payment", "unpaid", True),
    ("paid", False, 0, "preparing", "authorized", True),
    ("paid", True, 0, "preparing", "paid", True),
    ("paid", True, 1000, "preparing", "partly_refunded", True),
    ("fulfilling", True, 0, "preparing", "paid", False),
    ("fulfilling", True, 1000, "preparing", "partly_refunded", False),
    ("shipped", True, 0, "shipped", "paid", False),
    ("shipped", True, 2890, "shipped", "refunded", False),
    ("delivered", True, 0, "delivered", "paid", False),
    ("delivered", True, 1000, "delivered", "partly_refunded", False),
    ("delivered", True, 2890, "delivered", "refunded", False),
    ("cancelled", False, 0, "cancelled", "voided", False),
    ("cancelled", True, 0, "cancelled", "refund_pending", False),
    ("cancelled", True, 2890, "cancelled", "refunded", False),
]


@pytest.mark.parametrize(("state", "captured", "refunded", "goods", "money", "cancellable"), STANDINGS)
def test_goods_and_money_are_two_states(
    state: domain.State, captured: bool, refunded: int, goods: str, money: str, cancellable: bool
) -> None:
    paid = order(state, captured=captured, refunded=refunded, payment_id=None if state == "created" else PAYMENT)
    assert (paid.fulfilment_status, paid.payment_status, paid.cancellable) == (goods, money, cancellable)


def test_an_order_that_was_cancelled_before_any_payment_owes_nothing() -> None:
    assert (order("cancelled").payment_status, order("cancelled").final) == ("unpaid", True)
    assert not order("cancelled", captured=True, payment_id=PAYMENT).final, "its buyer still waits for the money"


def test_the_time_to_cancel_begins_when_the_order_is_paid_and_ends_when_it_is_packed() -> None:
    assert order("created").cancellable_until(1800) is None
    paid = domain.accept_payment(order(), PAYMENT, TOTAL, NOW).order
    assert paid.cancellable_until(1800) == NOW + timedelta(minutes=30)
    assert replace(paid, state="fulfilling").cancellable_until(1800) is None


@pytest.mark.parametrize(
    ("state", "parts", "after"),
    [
        ("paid", [2890], "cancelled"),
        ("paid", [2889], "paid"),
        ("paid", [1000, 2890], "cancelled"),
        ("fulfilling", [2890], "cancelled"),
        ("fulfilling", [1000], "fulfilling"),
        ("shipped", [2890], "shipped"),
        ("delivered", [2890], "delivered"),
        ("cancelled", [2890], "cancelled"),
    ],
)
def test_a_refund_of_everything_stops_what_the_carrier_does_not_have_yet(
    state: domain.State, parts: list[int], after: str
) -> None:
    current = order(state, captured=True, payment_id=PAYMENT)
    facts = []
    for in_all in parts:
        change = domain.refund(current, Price(amount=1, currency="EUR"), Price(amount=in_all, currency="EUR"))
        stopped = domain.stop_if_refunded(change.order)
        facts += [fact for fact in (told(change), told(stopped)) if fact is not None]
        current = stopped.order
    assert current.state == after
    cancelled = [fact for fact in facts if isinstance(fact, OrderCancelled)]
    assert [(fact.reason, fact.was_paid) for fact in cancelled] == [("refunded", True)] * (state != after)
    assert not domain.stop_if_refunded(current).happened


def test_a_parcel_that_left_although_its_order_was_refunded_calls_people() -> None:
    labelled = domain.label(order("fulfilling", captured=True, refunded=2890), "c", "t", "u").order
    stopped = domain.stop_if_refunded(labelled).order
    sent = domain.ship(stopped, "c", "t", "u")
    assert (sent.order.state, sent.order.attention, told(sent)) == ("cancelled", "sent_though_cancelled", None)
    assert not domain.deliver(sent.order).happened
    assert (
        domain.label(
            domain.stop_if_refunded(order("fulfilling", captured=True, refunded=2890)).order, "c", "t", "u"
        ).fact
        is None
    )


COMMANDS = st.sampled_from(
    [
        "pay",
        "pay_wrong",
        "pay_other",
        "captured",
        "capture_failed",
        "cancel",
        "expire",
        "fulfil",
        "label",
        "ship",
        "deliver",
        "refund",
    ]
)


def _try(current: Order, command: str) -> Order:
    try:
        match command:
            case "pay":
                return domain.accept_payment(current, PAYMENT, TOTAL, NOW).order
            case "pay_wrong":
                return domain.accept_payment(current, PAYMENT, Price(amount=1, currency="EUR"), NOW).order
            case "pay_other":
                return domain.accept_payment(current, "pay_00000000000000000000000000", TOTAL, NOW).order
            case "captured":
                return domain.note_captured(current, PAYMENT).order
            case "capture_failed":
                return domain.capture_failed(current, PAYMENT).order
            case "cancel":
                return domain.cancel(current, "x", only_unpaid=False).order
            case "expire":
                return domain.cancel(current, "x", only_unpaid=True).order
            case "fulfil":
                return domain.begin_fulfilment(current, capture_first=True).order
            case "label":
                return domain.label(current, "c", "t", "u").order
            case "refund" if current.captured:
                return domain.stop_if_refunded(domain.refund(current, TOTAL, TOTAL).order).order
            case "ship":
                return domain.ship(current, "c", "t", "u").order
            case _:
                return domain.deliver(current).order
    except (errors.Conflict, errors.Broken):
        return current


@given(st.lists(COMMANDS, max_size=30))
def test_whatever_comes_in_whatever_order_cancelled_is_for_ever_and_fulfilled_means_captured(
    commands: list[str],
) -> None:
    current = order()
    for command in commands:
        after = _try(current, command)
        assert not (current.state == "cancelled" and after.state != "cancelled")
        assert after.state in ("created", "cancelled") or after.payment_id is not None
        if after.state in ("fulfilling", "shipped", "delivered"):
            assert after.captured
        if current.payment_id is not None:
            assert after.payment_id == current.payment_id
        current = after
