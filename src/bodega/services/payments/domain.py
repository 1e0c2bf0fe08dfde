"""The life of a payment: pure rules, no I/O.

    created ──> authorized ──> captured ──> refunded
      │  └─> action_required      (capture_failed: refused for good)
      ├─> unknown: asked for until it is known
      └─> declined, voided

`duty` says what is to be done next for a payment; `settle` what the answer makes of it. Between the two lies a
call to the processor that may be late, lost or repeated, so every rule holds whatever was known before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from bodega.contracts.money import Price
from bodega.contracts.payments import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentFailed,
    PaymentRefunded,
    PaymentStatus,
    PaymentVoided,
)
from bodega.kit.errors import AlreadyEnded
from bodega.services.payments.errors import Refused, Unknown

State = Literal[
    "created",
    "action_required",
    "unknown",
    "authorized",
    "captured",
    "capture_failed",
    "declined",
    "voided",
    "refunded",
]
Duty = Literal[
    "create", "find", "confirm", "retrieve", "capture", "cancel", "drop", "give_back", "refund", "find_refund"
]
Fact = PaymentAuthorized | PaymentFailed | PaymentCaptured | PaymentCaptureFailed | PaymentRefunded | PaymentVoided
Account = Literal["shopper", "held", "shop"]

_ENDED: Final = ("voided", "refunded")


@dataclass(frozen=True, slots=True)
class Money:
    """What an order has decided about its money. Verdicts are absorbing: cancelled is for ever."""

    order_id: str
    verdict: Literal["open", "paid", "cancelled"] = "open"
    payment_id: str | None = None
    capture_due: bool = False
    sequence: int = 0

    def accepts(self, payment_id: str) -> bool:
        return self.verdict == "paid" and self.payment_id == payment_id


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back. Amount in minor units."""

    id: str
    amount: int
    state: Literal["wanted", "done", "refused"] = "wanted"
    reason: str = ""
    list_first: bool = False
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to pay an order. Sums in minor units of the amount's currency."""

    id: str
    order_id: str
    checkout_id: str
    attempt: int
    amount: Price
    payment_method: str
    email: str | None
    """Who may be told if it fails."""
    description: str
    return_url: str
    created_at: datetime
    state: State = "created"
    intent_id: str | None = None
    client_secret: str | None = None
    action_url: str | None = None
    """Where the shopper answers the bank's question."""
    void_wanted: bool = False
    """Never taken back."""
    closed: bool = False
    """Declined, and the processor has confirmed that it cannot be tried again."""
    hint: bool = False
    """Something has moved at the processor: ask."""
    list_first: bool = False
    """The processor keeps an error for this create: look whether it happened."""
    tries: int = 1
    """Part of the idempotency keys. Raised when a key is used up by an error that the processor has stored."""
    authorized: int = 0
    captured: int = 0
    released: int = 0
    refunding: int = 0
    """Given back or asked to be."""
    refunded: int = 0
    reason: str | None = None
    message: str = ""
    version: int = 1
    troubles: int = 0
    refund: Refund | None = None
    """The oldest that is wanted."""

    @property
    def status(self) -> PaymentStatus:
        return "partly_refunded" if self.state == "captured" and self.refunded else self.state

    @property
    def ended(self) -> bool:
        return self.state in _ENDED or (self.state == "declined" and self.closed)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the processor says of an intent. `refunded`: None, if it did not say."""

    intent_id: str
    status: Literal["unconfirmed", "action_required", "processing", "authorized", "captured", "declined", "canceled"]
    payment_id: str | None = None
    amount: int = 0
    currency: str = ""
    client_secret: str | None = None
    action_url: str | None = None
    captured: int = 0
    refunded: int | None = None
    reason: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """The processor has given money back."""


Outcome = Standing | Given | Refused | Unknown | None
"""None: not found, or nothing was asked."""


@dataclass(frozen=True, slots=True)
class Booking:
    entry: str
    source: Account
    target: Account
    amount: int


@dataclass(frozen=True, slots=True)
class Change:
    """What an answer makes of a payment: its next state, what the world is told, what is booked, the refund that
    has moved. `later`: asking again at once would not help."""

    payment: Payment
    facts: tuple[Fact, ...] = ()
    bookings: tuple[Booking, ...] = ()
    refund: Refund | None = None
    later: bool = False


# --- commands and events ----------------------------------------------------------------------------


def admit(money: Money, others: Sequence[Payment]) -> Payment | None:
    """The payment that stands in the way of a new attempt; None: there is none.

    Raises: AlreadyEnded, if the order takes no more money.
    """
    if money.verdict != "open":
        raise AlreadyEnded("this order accepts no more payments")
    return next((other for other in others if not other.ended), None)


def adoptable(other: Payment) -> bool:
    """Whether the order can do with the attempt that is in the way."""
    return other.state in ("authorized", "captured", "capture_failed") and not other.void_wanted


def superseded(other: Payment) -> bool:
    """Whether a new attempt ends it. An outcome in doubt is never superseded."""
    return other.state in ("action_required", "declined") and not other.void_wanted


def order_paid(money: Money, payment_id: str, *, capture_now: bool) -> Money:
    if money.verdict != "open":
        return money
    return replace(money, verdict="paid", payment_id=payment_id, capture_due=money.capture_due or capture_now)


def too_late(payment: Payment, money: Money) -> Change:
    """The order has accepted a payment that was given up before: it must be told."""
    if payment.state == "voided" and money.accepts(payment.id):
        return Change(payment, (PaymentCaptureFailed(**_carried(payment, reason="voided")),))
    return Change(payment)


Says = Literal["created", "authorized", "captured", "refunded", "something"]
"""What a webhook is about, as far as it matters."""


def is_news(payment: Payment, says: Says) -> bool:
    """Whether we do not know already what a webhook says: most of them tell what our own call has just brought about.
    To ask once too often does no harm."""
    match says:
        case _ if payment.ended:
            return False
        case "created":
            return False
        case "authorized":
            return payment.state in ("created", "unknown", "action_required", "declined")
        case "captured" | "something":
            return payment.state != "captured"
        case "refunded":
            return True


# --- what is to be done -----------------------------------------------------------------------------


def duty(payment: Payment, money: Money) -> Duty | None:  # noqa: PLR0911 - one state a line
    """The next call for a payment, or the next thing to write without one. None: nothing, until something happens."""
    if payment.state == "captured":
        return _duty_of_captured(payment)
    if payment.void_wanted:
        return _duty_to_void(payment, money)
    match payment.state:
        case "created" if payment.intent_id is not None:
            return "confirm"
        case "created":
            return "find" if payment.list_first else "create"
        case "unknown":
            return "retrieve"
        case "action_required" | "authorized" | "declined" if payment.hint and not payment.ended:
            return "retrieve"
        case "authorized" if money.accepts(payment.id) and money.capture_due:
            return "capture"
    return None


def _duty_to_void(payment: Payment, money: Money) -> Duty | None:
    if payment.ended:
        return None
    if payment.state == "capture_failed" and money.accepts(payment.id):
        return None  # the order has been told and will cancel itself
    return "cancel" if payment.intent_id is not None else "drop"


def _duty_of_captured(payment: Payment) -> Duty | None:
    if payment.hint:
        return "retrieve"
    if payment.refund is not None:
        return "find_refund" if payment.refund.list_first else "refund"
    return "give_back" if payment.void_wanted and payment.captured > payment.refunding else None


# --- what an answer means ---------------------------------------------------------------------------


def settle(payment: Payment, money: Money, done: Duty, outcome: Outcome, *, refund_id: str = "") -> Change:  # noqa: PLR0911 - one duty a line
    """What the outcome of a duty makes of the payment. `refund_id`: the name of a refund that it may plan."""
    match done:
        case "drop":
            return Change(replace(payment, state="voided"), (PaymentVoided(**_carried(payment)),))
        case "give_back":
            return _plan(payment, Refund(refund_id, payment.captured - payment.refunding, reason="order cancelled"))
        case "create" | "find":
            return _created(payment, outcome)
        case "confirm":
            return _confirmed(payment, money, outcome)
        case "retrieve":
            if not isinstance(outcome, Standing):
                return Change(payment, later=isinstance(outcome, Refused))
            return _learn(replace(payment, hint=False), money, outcome)
        case "capture":
            return _capture_answered(payment, money, outcome)
        case "cancel":
            if not isinstance(outcome, Standing):
                return Change(payment, later=isinstance(outcome, Refused))
            return _learn(payment, money, outcome)
        case "refund" | "find_refund":
            return _refund_answered(payment, outcome)


def plan_refund(payment: Payment, refund: Refund) -> Change:
    """Raises: ValueError, if not so much is left."""
    if payment.state != "captured" or refund.amount > payment.captured - payment.refunding:
        raise ValueError("not so much is left")
    return _plan(payment, refund)


def _plan(payment: Payment, refund: Refund) -> Change:
    planned = replace(payment, refunding=payment.refunding + refund.amount, refund=payment.refund or refund)
    return Change(planned, refund=refund)


def _created(payment: Payment, outcome: Outcome) -> Change:
    match outcome:
        case Standing():
            return Change(
                replace(payment, intent_id=outcome.intent_id, client_secret=outcome.client_secret, list_first=False)
            )
        case Refused():
            # No intent exists: there is nothing that could be tried again.
            return _declined(replace(payment, closed=True), outcome.reason, outcome.message)
        case Unknown(stored=stored):
            return Change(replace(payment, list_first=payment.list_first or stored))
        case _:  # looked for and not there: the error was about a create that has not happened
            return Change(replace(payment, list_first=False, tries=payment.tries + 1))


def _confirmed(payment: Payment, money: Money, outcome: Outcome) -> Change:
    match outcome:
        case Standing():
            return _learn(payment, money, outcome)
        case Refused():
            return _declined(payment, outcome.reason, outcome.message)
        case Unknown(stored=stored):
            return Change(replace(payment, state="unknown", tries=payment.tries + stored))
    return Change(payment, later=True)


def _capture_answered(payment: Payment, money: Money, outcome: Outcome) -> Change:
    match outcome:
        case Standing():
            return _learn(payment, money, outcome)
        case Refused():
            return _capture_failed(payment, outcome.reason)
        case Unknown(stored=stored):
            return Change(replace(payment, hint=True, tries=payment.tries + stored))
    return Change(payment, later=True)


def _refund_answered(payment: Payment, outcome: Outcome) -> Change:
    refund = payment.refund
    if refund is None:
        return Change(payment)
    match outcome:
        case Given():
            return _refunded(replace(payment, refund=None), replace(refund, state="done"))
        case Refused():
            # It may have been given back by hand: the next retrieval tells.
            left = replace(payment, refund=None, refunding=payment.refunding - refund.amount, hint=True)
            return Change(left, refund=replace(refund, state="refused", reason=outcome.reason), later=True)
        case Unknown(stored=stored):
            again = replace(refund, list_first=refund.list_first or stored)
        case _:
            again = replace(refund, list_first=False, tries=refund.tries + 1)
    return Change(replace(payment, refund=again), refund=again)


def _learn(payment: Payment, money: Money, standing: Standing) -> Change:  # noqa: PLR0911 - one status a line
    """Writes what the processor says; never backwards."""
    known = replace(
        payment, client_secret=standing.client_secret or payment.client_secret, action_url=standing.action_url
    )
    match standing.status:
        case "captured":
            return _captured(known, standing)
        case _ if known.state == "captured" or known.ended:
            return Change(payment)
        case "canceled":
            return _canceled(known, money)
        case _ if known.state == "capture_failed":
            return Change(payment, later=True)
        case "authorized":
            return _authorized(known)
        case _ if known.state == "authorized":
            return Change(payment)
        case "action_required":
            return Change(replace(known, state="action_required"))
        case "declined":
            return _declined(known, standing.reason or "declined", standing.message)
        case "unconfirmed" if known.state == "unknown":
            return Change(replace(known, state="created", tries=known.tries + 1))
        case "processing":
            return Change(replace(known, state="unknown"), later=True)
    return Change(known, later=True)


def _authorized(payment: Payment) -> Change:
    if payment.state == "authorized":
        return Change(payment)
    held = payment.amount.amount
    after = replace(payment, state="authorized", authorized=held, reason=None, message="")
    facts = () if payment.void_wanted else (PaymentAuthorized(**_carried(after)),)
    return Change(after, facts, (Booking("authorize", "shopper", "held", held),))


def _declined(payment: Payment, reason: str, message: str) -> Change:
    after = replace(payment, state="declined", reason=reason, message=message)
    told = payment.state == "declined" or payment.void_wanted
    return Change(after, () if told else (PaymentFailed(**_carried(after), message=message, email=after.email),))


def _canceled(payment: Payment, money: Money) -> Change:
    if payment.state == "declined":
        return Change(replace(payment, closed=True))
    rest = payment.authorized - payment.captured - payment.released
    bookings = (Booking("release", "held", "shopper", rest),) if rest else ()
    let_go = replace(payment, released=payment.released + rest)
    if money.accepts(payment.id):
        failed = _capture_failed(let_go, "authorization_ended")
        return replace(failed, bookings=bookings)
    return Change(replace(let_go, state="voided"), (PaymentVoided(**_carried(payment)),), bookings)


def _capture_failed(payment: Payment, reason: str) -> Change:
    after = replace(payment, state="capture_failed", reason=reason)
    told = payment.state == "capture_failed"
    return Change(after, () if told else (PaymentCaptureFailed(**_carried(after)),))


def _captured(payment: Payment, standing: Standing) -> Change:
    if payment.state in ("captured", "refunded"):
        return _refunded_elsewhere(payment, standing)
    held = payment.amount.amount
    taken = min(standing.captured, held)
    bookings = [Booking("capture", "held", "shop", taken)]
    if payment.authorized == 0:
        bookings.insert(0, Booking("authorize", "shopper", "held", held))
    elif payment.released:  # the processor said before that it had let the money go
        bookings.insert(0, Booking("authorize_again", "shopper", "held", payment.released))
    if taken < held:
        entry = "release_again" if payment.released else "release"
        bookings.append(Booking(entry, "held", "shopper", held - taken))
    after = replace(
        payment, state="captured", authorized=held, captured=taken, released=held - taken, reason=None, message=""
    )
    captured = Change(after, (PaymentCaptured(**_carried(after, taken)),), tuple(bookings))
    more = _refunded_elsewhere(after, standing)
    return replace(more, facts=captured.facts + more.facts, bookings=captured.bookings + more.bookings)


def _refunded_elsewhere(payment: Payment, standing: Standing) -> Change:
    """People may give money back at the processor's own pages. While one of ours is on its way, its answer comes
    first, else it would be counted twice."""
    elsewhere = (standing.refunded or 0) - payment.refunded
    if elsewhere <= 0 or payment.refund is not None:
        return Change(payment)
    refund = Refund(f"{payment.id}:{standing.refunded}", elsewhere, "done", "at the processor")
    return _refunded(replace(payment, refunding=payment.refunding + elsewhere), refund)


def _refunded(payment: Payment, refund: Refund) -> Change:
    total = payment.refunded + refund.amount
    after = replace(payment, refunded=total, state="refunded" if total == payment.captured else "captured")
    fact = PaymentRefunded(
        **_carried(after, refund.amount, reason=refund.reason or None),
        refunded_total=Price(amount=total, currency=payment.amount.currency),
    )
    return Change(after, (fact,), (Booking(f"refund:{refund.id}", "shop", "shopper", refund.amount),), refund)


def _carried(payment: Payment, amount: int | None = None, *, reason: str | None = None) -> dict[str, Any]:
    """What every fact about a payment carries."""
    return {
        "payment_id": payment.id,
        "order_id": payment.order_id,
        "checkout_id": payment.checkout_id,
        "attempt": payment.attempt,
        "amount": payment.amount if amount is None else Price(amount=amount, currency=payment.amount.currency),
        "reason": reason or payment.reason,
    }
