"""The rules of money, pure: what may happen to a payment, and what each thing that happens means.

    requires_payment_method -> requires_confirmation -> requires_action -> requires_capture -> succeeded
                                                                        \\-> canceled (from all but succeeded)

Functions change the objects that they are given and return a `Step`: what to store, tell and book. They raise
StripeError where the state forbids the step (nothing is changed then); a declined card is no exception but a
step with an `error`, since it changes the payment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bodega.sandbox import ids
from bodega.sandbox.processor import errors
from bodega.sandbox.processor.cards import CARDS, Card, Decline

Status = Literal[
    "requires_payment_method", "requires_confirmation", "requires_action", "requires_capture", "succeeded", "canceled"
]  # fmt: skip

CONFIRMABLE: Final = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE: Final = (
    "requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing"
)  # fmt: skip


@dataclass(slots=True)
class Method:
    """A payment method: a card, known by the test card that it stands for."""

    id: str
    created: int
    card: str
    exp_month: int
    exp_year: int
    billing: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def behaviour(self) -> Card:
        """What this card does."""
        return CARDS[self.card]


@dataclass(slots=True)
class Intent:
    """A PaymentIntent. Amounts in minor units, times in seconds since 1970."""

    id: str
    created: int
    amount: int
    currency: str
    client_secret: str
    status: Status = "requires_payment_method"
    capture_method: str = "automatic"
    confirmation_method: str = "automatic"
    amount_capturable: int = 0
    amount_received: int = 0
    payment_method: str | None = None
    payment_method_types: list[str] = field(default_factory=lambda: ["card"])
    allowed_payment_method_types: list[str] | None = None
    excluded_payment_method_types: list[str] | None = None
    automatic_payment_methods: dict[str, Any] | None = None
    request_three_d_secure: str = "automatic"
    latest_charge: str | None = None
    last_payment_error: dict[str, Any] | None = None
    return_url: str | None = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    customer: str | None = None
    description: str | None = None
    receipt_email: str | None = None
    setup_future_usage: str | None = None
    shipping: dict[str, Any] | None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    transfer_group: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Charge:
    """One attempt to take an intent's money. `amount_refunded` includes what was let go without being captured."""

    id: str
    created: int
    payment_intent: str
    payment_method: str
    card: str
    exp_month: int
    exp_year: int
    amount: int
    currency: str
    status: Literal["succeeded", "failed"]
    capture_before: int | None
    amount_captured: int = 0
    amount_refunded: int = 0
    failure: dict[str, Any] | None = None
    three_d_secure: bool = False
    billing: dict[str, Any] = field(default_factory=dict)
    description: str | None = None
    receipt_email: str | None = None
    shipping: dict[str, Any] | None = None
    statement_descriptor_suffix: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Refund:
    """Money given back, or (`released`) a hold let go before it was captured."""

    id: str
    created: int
    charge: str
    payment_intent: str
    amount: int
    currency: str
    reason: str | None
    released: bool = False
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Journal:
    """One booking: postings by account, which sum to zero."""

    name: str
    kind: Literal["authorise", "capture", "void", "refund"]
    postings: dict[str, int]


@dataclass(slots=True)
class Step:
    """What one call has changed: objects to store, events to tell in order, journals to book."""

    intent: Intent
    charge: Charge | None = None
    refund: Refund | None = None
    events: list[str] = field(default_factory=list)
    journals: list[Journal] = field(default_factory=list)
    error: errors.StripeError | None = None


def create(intent: Intent, method: Method | None) -> Step:
    """A new intent, not confirmed."""
    if method is not None:
        intent.payment_method = method.id
        intent.status = "requires_confirmation"
    return Step(intent, events=["payment_intent.created"])


def update(intent: Intent, changes: dict[str, Any], method: Method | None) -> Step:
    """Change what may still be changed; metadata always may."""
    fixed = [name for name in changes if name not in ("metadata", "description", "receipt_email", "shipping")]
    if fixed and intent.status not in CONFIRMABLE:
        raise _unexpected(
            intent,
            f"This PaymentIntent's {fixed[0]} could not be updated because it has a status of {intent.status}. You may "
            f"only update the {fixed[0]} of a PaymentIntent with one of the following statuses: "
            f"{', '.join(CONFIRMABLE)}.",
        )
    for name, value in changes.items():
        if name == "metadata":
            merged = {**intent.metadata, **value} if value else {}
            intent.metadata = {key: each for key, each in merged.items() if each != ""}
        elif name != "payment_method":
            setattr(intent, name, value)
    if method is not None:
        intent.payment_method = method.id
        intent.status = "requires_confirmation"
    return Step(intent)


def confirm(intent: Intent, method: Method | None, now: int, hold_seconds: int, *, forced: Decline | None = None,
            on_action: Literal["wait", "fail"] = "wait") -> Step:  # fmt: skip
    """Try to take the money with a card. `forced`: the bank says no whatever the card."""
    if intent.status not in CONFIRMABLE:
        already = {
            "succeeded": "it has already succeeded after being previously confirmed.",
            "requires_capture": "it has already succeeded after being previously confirmed.",
            "canceled": "it has a status of canceled.",
        }
        raise _unexpected(intent, f"You cannot confirm this PaymentIntent because {already[intent.status]}")
    if method is None:
        raise _unexpected(
            intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken.",
        )
    redirects = (intent.automatic_payment_methods or {"allow_redirects": "never"}).get("allow_redirects", "always")
    if redirects == "always" and not intent.return_url:
        raise errors.invalid(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. If "
            "you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to "
            "`true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
            "Payment Intents."
        )
    intent.payment_method = method.id
    intent.last_payment_error = None
    behaviour = method.behaviour
    asked = intent.request_three_d_secure in ("any", "challenge")
    if forced is None and (behaviour.challenge == "always" or (behaviour.challenge == "on_request" and asked)):
        if on_action == "fail":
            return _authentication_failed(
                intent, "authentication_required", "This payment required an authentication action to complete, but "
                "`error_on_requires_action` was set.", decline_code="authentication_not_handled",
            )  # fmt: skip
        intent.status = "requires_action"
        return Step(intent, events=["payment_intent.requires_action"])
    return _charge(intent, method, now, hold_seconds, forced or behaviour.decline, three_d_secure=False)


def answer_challenge(intent: Intent, method: Method, now: int, hold_seconds: int, *, succeed: bool) -> Step:
    """The shopper has answered the bank's question, rightly or wrongly."""
    if intent.status != "requires_action":
        raise _unexpected(intent, f"This PaymentIntent waits for no challenge: it has a status of {intent.status}.")
    if not succeed:
        return _authentication_failed(
            intent, "payment_intent_authentication_failure",
            "We are unable to authenticate your payment method. Please choose a different payment method and try "
            "again.",
        )  # fmt: skip
    return _charge(intent, method, now, hold_seconds, method.behaviour.decline, three_d_secure=True)


def _authentication_failed(intent: Intent, code: str, message: str, decline_code: str | None = None) -> Step:
    error = errors.declined(message, code=code, decline_code=decline_code)
    if code == "payment_intent_authentication_failure":
        error.body["type"] = "invalid_request_error"
    intent.status = "requires_payment_method"
    intent.last_payment_error = {**error.body, "payment_method": intent.payment_method}
    intent.payment_method = None
    return Step(intent, events=["payment_intent.payment_failed"], error=error)


def _charge(intent: Intent, method: Method, now: int, hold_seconds: int, decline: Decline | None, *,
            three_d_secure: bool) -> Step:  # fmt: skip
    held = intent.capture_method == "manual"
    charge = Charge(
        id=ids.new("ch"), created=now, payment_intent=intent.id, payment_method=method.id, card=method.card,
        exp_month=method.exp_month, exp_year=method.exp_year, amount=intent.amount, currency=intent.currency,
        status="failed" if decline else "succeeded", capture_before=now + hold_seconds if held else None,
        three_d_secure=three_d_secure, billing=method.billing, description=intent.description,
        receipt_email=intent.receipt_email, shipping=intent.shipping,
        statement_descriptor_suffix=intent.statement_descriptor_suffix, metadata=dict(intent.metadata),
    )  # fmt: skip
    intent.latest_charge = charge.id
    if decline:
        error = errors.declined(
            decline.message, code=decline.code, decline_code=decline.decline_code, param=decline.param,
            advice_code=decline.advice, charge=charge.id,
        )  # fmt: skip
        charge.failure = error.body
        intent.status = "requires_payment_method"
        intent.last_payment_error = {**error.body, "payment_method": method.id}
        intent.payment_method = None
        return Step(intent, charge, events=["charge.failed", "payment_intent.payment_failed"], error=error)
    step = Step(intent, charge, events=["charge.succeeded"])
    step.journals.append(
        Journal(f"authorise:{charge.id}", "authorise", {"cardholder": -charge.amount, "held": charge.amount})
    )
    if held:
        intent.status = "requires_capture"
        intent.amount_capturable = charge.amount
        step.events.append("payment_intent.amount_capturable_updated")
    else:
        _take(step, charge, charge.amount)
        step.events.append("payment_intent.succeeded")
    return step


def _take(step: Step, charge: Charge, amount: int) -> None:
    charge.amount_captured = amount
    step.intent.amount_received = amount
    step.intent.amount_capturable = 0
    step.intent.status = "succeeded"
    step.journals.append(Journal(f"capture:{charge.id}", "capture", {"held": -amount, "merchant": amount}))


def capture(intent: Intent, charge: Charge | None, amount: int | None, now: int) -> Step:
    """Take the held money, or a part of it and let go the rest."""
    if intent.status != "requires_capture" or charge is None:
        reason = (
            "it has already been captured."
            if intent.status == "succeeded"
            else f"it has a status of {intent.status}. Only a PaymentIntent with one of the following statuses may be "
            "captured: requires_capture."
        )
        raise _unexpected(intent, f"This PaymentIntent could not be captured because {reason}")
    amount = intent.amount_capturable if amount is None else amount
    if amount > intent.amount_capturable:
        raise errors.refused(
            f"Amount could not be captured: {amount} is more than the amount capturable, {intent.amount_capturable}.",
            code="amount_too_large", param="amount_to_capture",
        )  # fmt: skip
    if not charge_captures(charge):
        return lose_authorization(intent, charge, now)
    step = Step(intent, charge, events=["charge.captured", "payment_intent.succeeded"])
    rest = intent.amount_capturable - amount
    _take(step, charge, amount)
    if rest:
        _let_go(step, charge, rest, None, now)
    return step


def charge_captures(charge: Charge) -> bool:
    """False for the test card whose authorisation cannot be captured."""
    return CARDS[charge.card].captures


def lose_authorization(intent: Intent, charge: Charge, now: int) -> Step:
    """The bank has let the held money go: the capture is refused for good, and the intent is over."""
    step = cancel(intent, charge, None, now)
    intent.cancellation_reason = "expired"
    if step.refund:
        step.refund.reason = "expired_uncaptured_charge"
    step.error = errors.refused(
        "The charge cannot be captured because its authorization has expired.",
        code="capture_charge_authorization_expired", charge=charge.id,
    )  # fmt: skip
    return step


def cancel(intent: Intent, charge: Charge | None, reason: str | None, now: int) -> Step:
    """End the intent; a hold is let go. `charge`: the one that holds the money, if any."""
    if intent.status not in CANCELABLE:
        raise _unexpected(
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {intent.status}. Only a PaymentIntent "
            f"with one of the following statuses may be canceled: {', '.join(CANCELABLE)}.",
        )
    step = Step(intent, events=["payment_intent.canceled"])
    if intent.status == "requires_capture" and charge is not None:
        step.charge = charge
        _let_go(step, charge, intent.amount_capturable, reason, now)
    intent.status = "canceled"
    intent.amount_capturable = 0
    intent.canceled_at = now
    intent.cancellation_reason = reason
    return step


def _let_go(step: Step, charge: Charge, amount: int, reason: str | None, now: int) -> None:
    """Release held money. Stripe shows it as a refund of the charge, with a Refund and a `charge.refunded` event."""
    charge.amount_refunded += amount
    reason = reason if reason in ("duplicate", "fraudulent", "requested_by_customer") else None
    step.refund = Refund(
        ids.new("re"), now, charge.id, step.intent.id, amount, charge.currency, reason, released=True
    )  # fmt: skip
    step.journals.append(Journal(f"void:{charge.id}", "void", {"held": -amount, "cardholder": amount}))
    step.events += ["charge.refunded"]


def refund(intent: Intent, charge: Charge | None, amount: int | None, reason: str | None, metadata: dict[str, str],
           now: int) -> Step:  # fmt: skip
    """Give captured money back, all that is left of it unless an amount is given."""
    if charge is None:
        raise errors.refused(f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.")
    if not charge.amount_captured:
        if charge.amount_refunded:
            raise _refunded(charge)
        raise errors.refused(
            f"This PaymentIntent ({intent.id}) does not have a successful charge to refund: it has been authorized, "
            "but not captured. Cancel the PaymentIntent instead."
        )
    left = charge.amount - charge.amount_refunded
    if left == 0:
        raise _refunded(charge)
    amount = left if amount is None else amount
    if amount > left:
        raise errors.refused(
            f"Refund amount ({amount} {charge.currency}) is greater than unrefunded amount on charge "
            f"({left} {charge.currency})", param="amount",
        )  # fmt: skip
    charge.amount_refunded += amount
    given = Refund(ids.new("re"), now, charge.id, intent.id, amount, charge.currency, reason, metadata=metadata)
    journal = Journal(f"refund:{given.id}", "refund", {"merchant": -amount, "cardholder": amount})
    return Step(intent, charge, given, ["refund.created", "charge.refunded"], [journal])


def _refunded(charge: Charge) -> errors.StripeError:
    return errors.refused(
        f"Charge {charge.id} has already been refunded.", code="charge_already_refunded", charge=charge.id
    )


def _unexpected(intent: Intent, message: str) -> errors.StripeError:
    """The intent's state forbids the step. The caller adds the intent itself to the answer."""
    error = errors.refused(message, code="payment_intent_unexpected_state")
    error.body["payment_intent"] = intent.id
    return error
