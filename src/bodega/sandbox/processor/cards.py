"""The test cards, by the names and numbers of Stripe's testing page (https://docs.stripe.com/testing)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Decline:
    """What the card's bank answers: `code` for programs, `message` for shoppers."""

    code: str
    decline_code: str | None
    message: str
    param: str | None = None
    advice: str | None = "try_again_later"


@dataclass(frozen=True, slots=True)
class Card:
    """How one test card behaves. `challenge`: when 3-D Secure interrupts the payment."""

    number: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None
    challenge: Literal["never", "on_request", "always"] = "never"
    captures: bool = True


_NO = "Your card was declined."
GENERIC: Final = Decline("card_declined", "generic_decline", _NO)
INSUFFICIENT_FUNDS: Final = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
_LOST = Decline("card_declined", "lost_card", _NO, advice="do_not_try_again")
_STOLEN = Decline("card_declined", "stolen_card", _NO, advice="do_not_try_again")
_FRAUDULENT = Decline("card_declined", "fraudulent", _NO, advice=None)
_VELOCITY = Decline(
    "card_declined", "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)  # fmt: skip
_EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.", "exp_month", "confirm_card_data")
_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.", "cvc", "confirm_card_data")
_PROCESSING = Decline(
    "processing_error", "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
)  # fmt: skip

CARDS: Final[dict[str, Card]] = {
    "pm_card_visa": Card("4242424242424242"),
    "pm_card_visa_debit": Card("4000056655665556", funding="debit"),
    "pm_card_mastercard": Card("5555555555554444", "mastercard"),
    "pm_card_mastercard_debit": Card("5200828282828210", "mastercard", "debit"),
    "pm_card_mastercard_prepaid": Card("5105105105105100", "mastercard", "prepaid"),
    "pm_card_amex": Card("378282246310005", "amex"),
    "pm_card_discover": Card("6011111111111117", "discover"),
    "pm_card_diners": Card("3056930009020004", "diners"),
    "pm_card_jcb": Card("3566002020360505", "jcb", country="JP"),
    "pm_card_unionpay": Card("6200000000000005", "unionpay", country="CN"),
    "pm_card_de": Card("4000002760000016", country="DE"),
    "pm_card_visa_chargeDeclined": Card("4000000000000002", decline=GENERIC),
    "pm_card_chargeDeclined": Card("4000000000000002", decline=GENERIC),
    "pm_card_visa_chargeDeclinedInsufficientFunds": Card("4000000000009995", decline=INSUFFICIENT_FUNDS),
    "pm_card_chargeDeclinedInsufficientFunds": Card("4000000000009995", decline=INSUFFICIENT_FUNDS),
    "pm_card_visa_chargeDeclinedLostCard": Card("4000000000009987", decline=_LOST),
    "pm_card_visa_chargeDeclinedStolenCard": Card("4000000000009979", decline=_STOLEN),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": Card("4000000000006975", decline=_VELOCITY),
    "pm_card_chargeDeclinedExpiredCard": Card("4000000000000069", decline=_EXPIRED),
    "pm_card_chargeDeclinedIncorrectCvc": Card("4000000000000127", decline=_CVC),
    "pm_card_chargeDeclinedProcessingError": Card("4000000000000119", decline=_PROCESSING),
    "pm_card_chargeDeclinedFraudulent": Card("4100000000000019", decline=_FRAUDULENT),
    "pm_card_radarBlock": Card("4100000000000019", decline=_FRAUDULENT),
    "pm_card_chargeCustomerFail": Card("4000000000000341", decline=GENERIC),
    "pm_card_authenticationRequired": Card("4000002760003184", country="DE", challenge="always"),
    "pm_card_authenticationRequiredOnSetup": Card("4000002500003155", country="FR", challenge="always"),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        "4000008260003178", country="GB", challenge="always", decline=INSUFFICIENT_FUNDS
    ),
    "pm_card_threeDSecure2Required": Card("4000000000003220", country="IE", challenge="always"),
    "pm_card_threeDSecureRequired": Card("4000000000003063", challenge="always"),
    "pm_card_threeDSecureOptional": Card("4000000000003055", challenge="on_request"),
    "pm_card_threeDSecureRequiredChargeDeclined": Card("4000008400001629", challenge="always", decline=GENERIC),
    # The sandbox's own: authorises, then refuses the capture for good. Stripe has no card for that.
    "pm_card_sandboxCaptureRefused": Card("4000000000000408", captures=False),
}

BY_NUMBER: Final[dict[str, str]] = {card.number: name for name, card in reversed(CARDS.items())}


def passes_luhn(number: str) -> bool:
    """Whether the check digit of a card number is right."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
