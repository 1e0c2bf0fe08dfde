"""The rules of a payment's life."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bodega.contracts.ids import new_id
from bodega.contracts.money import Price
from bodega.contracts.payments import PaymentFailed
from bodega.kit.errors import AlreadyEnded
from bodega.services.payments import domain
from bodega.services.payments.domain import Change, Given, Money, Payment, Refund, Standing
from bodega.services.payments.errors import Refused, Unknown
from tests.payments.making import TOTAL, Buy

pytestmark = pytest.mark.unit

BUY = Buy()
OPEN = Money(BUY.order_id)
PAID = Money(BUY.order_id, "paid", BUY.payment_id(), capture_due=True)
CANCELLED = Money(BUY.order_id, "cancelled")
LOST = Unknown("no answer", stored=False)
STORED = Unknown("an error of its own", stored=True)


def payment(state: domain.State = "created", **other: Any) -> Payment:
    money: dict[str, int] = {}
    if state in ("authorized", "capture_failed", "captured", "refunded"):
        money["authorized"] = TOTAL
    if state in ("captured", "refunded"):
        money["captured"] = TOTAL
    if state == "refunded":
        money |= {"refunding": TOTAL, "refunded": TOTAL}
    base = Payment(
        id=BUY.payment_id(), order_id=BUY.order_id, checkout_id=BUY.checkout_id, attempt=1,
        amount=Price(amount=TOTAL, currency="EUR"), payment_method="pm_card_visa", email="ada@example.com",
        description="", return_url="", created_at=datetime.now(UTC), state=state, intent_id="pi_1", **money,  # type: ignore[arg-type]
    )  # fmt: skip
    return replace(base, **other)


def standing(status: Any, **other: Any) -> Standing:
    return Standing("pi_1", status, amount=TOTAL, captured=TOTAL if status == "captured" else 0, **other)


def told(change: Change) -> list[str]:
    return [type(fact).__name__ for fact in change.facts]


def test_an_intent_is_made_first_and_confirmed_only_once_its_id_is_kept() -> None:
    new = payment(intent_id=None)
    assert domain.duty(new, OPEN) == "create"
    made = domain.settle(new, OPEN, "create", standing("unconfirmed")).payment
    assert (made.intent_id, domain.duty(made, OPEN)) == ("pi_1", "confirm")


def test_a_create_that_was_lost_is_repeated_with_the_same_key() -> None:
    again = domain.settle(payment(intent_id=None), OPEN, "create", LOST).payment
    assert (domain.duty(again, OPEN), again.tries) == ("create", 1)


def test_a_create_whose_error_is_stored_is_looked_for_before_another_key_is_used() -> None:
    doubtful = domain.settle(payment(intent_id=None), OPEN, "create", STORED).payment
    assert domain.duty(doubtful, OPEN) == "find"
    found = domain.settle(doubtful, OPEN, "find", standing("unconfirmed")).payment
    assert (found.intent_id, found.tries) == ("pi_1", 1)
    missing = domain.settle(doubtful, OPEN, "find", None).payment
    assert (domain.duty(missing, OPEN), missing.tries) == ("create", 2)


@pytest.mark.parametrize("email", ["ada@example.com", None])
def test_a_failed_attempt_names_whom_to_tell_if_that_is_known(email: str | None) -> None:
    refused = Refused("insufficient_funds", "Your card has insufficient funds.")
    (fact,) = domain.settle(payment(email=email), OPEN, "confirm", refused).facts
    assert isinstance(fact, PaymentFailed)
    assert (fact.email, fact.message) == (email, refused.message)


@pytest.mark.parametrize("lost", [LOST, STORED])
def test_a_confirmation_of_unknown_outcome_is_asked_for_by_id(lost: Unknown) -> None:
    unknown = domain.settle(payment(), OPEN, "confirm", lost).payment
    assert (unknown.state, domain.duty(unknown, OPEN)) == ("unknown", "retrieve")
    again = domain.settle(unknown, OPEN, "retrieve", standing("unconfirmed")).payment
    assert (again.state, domain.duty(again, OPEN)) == ("created", "confirm")
    assert again.tries > 1, "another key: the old one may hold an error"


def test_nothing_is_captured_before_the_order_has_accepted_this_payment() -> None:
    other = replace(PAID, payment_id=BUY.payment_id(2))
    for money in (OPEN, CANCELLED, other, replace(PAID, capture_due=False)):
        assert domain.duty(payment("authorized"), money) is None
    assert domain.duty(payment("authorized"), PAID) == "capture"


def test_a_capture_of_unknown_outcome_is_asked_for_and_then_repeated() -> None:
    doubtful = domain.settle(payment("authorized"), PAID, "capture", STORED).payment
    assert domain.duty(doubtful, PAID) == "retrieve"
    again = domain.settle(doubtful, PAID, "retrieve", standing("authorized")).payment
    assert (domain.duty(again, PAID), again.tries) == ("capture", 2)
    taken = domain.settle(doubtful, PAID, "retrieve", standing("captured"))
    assert (taken.payment.state, told(taken)) == ("captured", ["PaymentCaptured"])


@pytest.mark.parametrize("outcome", [Refused("expired", ""), standing("canceled")])
def test_a_capture_refused_for_good_is_told(outcome: Any) -> None:
    change = domain.settle(payment("authorized"), PAID, "capture", outcome)
    assert (change.payment.state, told(change)) == ("capture_failed", ["PaymentCaptureFailed"])
    assert domain.duty(change.payment, PAID) is None


def test_a_late_authorisation_of_a_payment_that_is_to_be_voided_is_not_told_and_let_go() -> None:
    late = domain.settle(payment("unknown", void_wanted=True), CANCELLED, "cancel", LOST).payment
    assert domain.duty(late, CANCELLED) == "cancel"
    change = domain.settle(late, CANCELLED, "cancel", standing("canceled"))
    assert (change.payment.state, told(change)) == ("voided", ["PaymentVoided"])


def test_what_was_captured_before_the_cancel_is_given_back() -> None:
    change = domain.settle(payment("authorized", void_wanted=True), CANCELLED, "cancel", standing("captured"))
    assert told(change) == ["PaymentCaptured"]
    assert domain.duty(change.payment, CANCELLED) == "give_back"
    planned = domain.settle(change.payment, CANCELLED, "give_back", None, refund_id="rfd_1")
    assert planned.refund == Refund("rfd_1", TOTAL, reason="order cancelled")
    assert domain.duty(planned.payment, CANCELLED) == "refund"
    given = domain.settle(planned.payment, CANCELLED, "refund", Given())
    assert (given.payment.state, told(given)) == ("refunded", ["PaymentRefunded"])
    assert domain.duty(given.payment, CANCELLED) is None


def test_a_refund_whose_error_is_stored_is_looked_for_first() -> None:
    asked = payment("captured", refunding=100, refund=Refund("rfd_1", 100))
    doubtful = domain.settle(asked, PAID, "refund", STORED).payment
    assert domain.duty(doubtful, PAID) == "find_refund"
    missing = domain.settle(doubtful, PAID, "find_refund", None).payment
    assert missing.refund is not None
    assert (domain.duty(missing, PAID), missing.refund.tries) == ("refund", 2)


def test_a_refund_made_by_hand_at_the_processor_is_learnt_once() -> None:
    change = domain.settle(payment("captured"), PAID, "retrieve", standing("captured", refunded=500))
    assert (change.payment.status, told(change)) == ("partly_refunded", ["PaymentRefunded"])
    again = domain.settle(change.payment, PAID, "retrieve", standing("captured", refunded=500))
    assert (again.payment.refunded, told(again)) == (500, [])


def test_while_a_refund_of_ours_is_on_its_way_nothing_is_counted_twice() -> None:
    asked = payment("captured", refunding=500, refund=Refund("rfd_1", 500))
    change = domain.settle(asked, PAID, "retrieve", standing("captured", refunded=500))
    assert told(change) == []
    assert told(domain.settle(change.payment, PAID, "refund", Given())) == ["PaymentRefunded"]


def test_a_payment_accepted_after_it_was_voided_fails_its_capture() -> None:
    assert told(domain.too_late(payment("voided"), PAID)) == ["PaymentCaptureFailed"]
    assert told(domain.too_late(payment("authorized"), PAID)) == []


def test_an_accepted_payment_that_is_being_voided_fails_its_capture_and_waits_for_the_order() -> None:
    change = domain.settle(payment("authorized", void_wanted=True), PAID, "cancel", standing("canceled"))
    assert (change.payment.state, told(change)) == ("capture_failed", ["PaymentCaptureFailed"])
    assert domain.duty(change.payment, PAID) is None
    assert domain.duty(change.payment, CANCELLED) == "cancel"


def test_a_new_attempt_is_admitted_when_no_other_can_take_money() -> None:
    assert domain.admit(OPEN, [payment("voided"), payment("declined", closed=True)]) is None
    for state in ("created", "unknown", "action_required", "authorized", "captured", "capture_failed", "declined"):
        other = payment(state)
        assert domain.admit(OPEN, [other]) == other
        assert domain.superseded(other) == (state in ("action_required", "declined"))


@pytest.mark.parametrize("money", [PAID, CANCELLED])
def test_no_attempt_is_admitted_after_the_verdict(money: Money) -> None:
    with pytest.raises(AlreadyEnded):
        domain.admit(money, [])


def test_the_first_verdict_stays() -> None:
    assert domain.order_paid(CANCELLED, new_id("pay"), capture_now=True) == CANCELLED
    assert domain.order_paid(PAID, new_id("pay"), capture_now=True) == PAID


STATUSES = ("unconfirmed", "action_required", "processing", "authorized", "captured", "declined", "canceled")
NEWS = st.one_of(
    st.sampled_from([*STATUSES, "lost", "stored", "refused", "none", "given"]),
    st.sampled_from(["paid", "cancelled", "void", "hint", "refund"]),
)


@given(st.lists(NEWS, max_size=40))
@example(["unconfirmed", "authorized", "paid", "canceled", "cancelled", "captured"])
def test_whatever_is_answered_in_whatever_order_the_sums_and_the_ledger_hold(news: list[str]) -> None:
    current, money, facts = payment(intent_id=None), OPEN, list[str]()
    accounts = {"shopper": 0, "held": 0, "shop": 0}
    entries = set[str]()
    for number, one in enumerate(news):
        was_ended, was_void = current.ended, current.void_wanted
        change = Change(current)
        match one:
            case "paid":
                money = domain.order_paid(money, current.id, capture_now=True)
            case "cancelled":
                money = replace(money, verdict="cancelled")
                current = replace(current, void_wanted=True)
            case "void":
                current = replace(current, void_wanted=True)
            case "hint":
                current = replace(current, hint=not current.ended)
            case "refund" if current.state == "captured" and current.captured - current.refunding >= 100:
                change = domain.plan_refund(current, Refund(f"rfd_{number}", 100))
            case _:
                change = _answered(current, money, one, number)
        if one not in ("paid", "cancelled", "void", "hint"):
            current = change.payment
        for booking in change.bookings:
            assert booking.entry not in entries
            entries.add(booking.entry)
            accounts[booking.source] -= booking.amount
            accounts[booking.target] += booking.amount
        if "PaymentCaptured" in told(change):
            assert "PaymentCaptured" not in facts
        facts += told(change)
        assert 0 <= current.refunded <= current.refunding <= current.captured <= current.authorized <= TOTAL
        assert accounts["held"] == current.authorized - current.captured - current.released
        assert accounts["shop"] == current.captured - current.refunded
        assert current.void_wanted >= was_void
        assert current.ended >= was_ended


def _answered(current: Payment, money: Money, answer: str, number: int) -> Change:
    duty = domain.duty(current, money)
    if duty is None:
        return Change(current)
    assert duty != "capture" or money.accepts(current.id)
    outcome: Any
    match answer:
        case "lost":
            outcome = LOST
        case "stored":
            outcome = STORED
        case "refused":
            outcome = Refused("no", "No.")
        case "none":
            outcome = None
        case "given":
            outcome = Given()
        case _:
            outcome = standing(answer, refunded=current.refunded)
    fits: dict[str, tuple[Any, ...]] = {
        "create": (Standing, Unknown, Refused), "find": (Standing, Unknown, type(None)),
        "confirm": (Standing, Unknown, Refused), "retrieve": (Standing, Unknown), "drop": (type(None),),
        "capture": (Standing, Unknown, Refused), "cancel": (Standing, Unknown, Refused), "give_back": (type(None),),
        "refund": (Given, Unknown, Refused), "find_refund": (Given, Unknown, type(None)),
    }  # fmt: skip
    if type(outcome) not in fits[duty]:
        return Change(current)
    return domain.settle(current, money, duty, outcome, refund_id=f"rfd_{number}")


@pytest.mark.parametrize("says", ["created", "authorized", "captured", "refunded", "something"])
@pytest.mark.parametrize(
    "state", ["created", "unknown", "action_required", "declined", "authorized", "captured", "voided", "refunded"]
)
def test_a_webhook_is_news_unless_we_know_already_what_it_says(state: domain.State, says: domain.Says) -> None:
    known = {
        "authorized": {"created", "authorized"},
        "captured": {"created", "authorized", "captured", "something"},
        "voided": {"created", "authorized", "captured", "refunded", "something"},
        "refunded": {"created", "authorized", "captured", "refunded", "something"},
    }.get(state, {"created"})
    assert domain.is_news(payment(state), says) == (says not in known)
