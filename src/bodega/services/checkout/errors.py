"""Errors of checkout.

Problem
├── NotFound
│   ├── CheckoutNotFound          also for what is somebody else's
│   └── NoTaxCollected            the country is not in the table
├── Invalid
│   ├── KeyRequired               POST /checkout without an Idempotency-Key
│   ├── UnknownShippingOption     not offered for this address
│   └── CartRequired              neither a cart's token nor a customer's
├── Conflict
│   ├── CartEmpty
│   ├── NoLongerSold              lines named
│   ├── OutOfStock                lines named, with what is left
│   ├── TotalChanged              both totals given
│   ├── ShippingUnavailable       nobody takes it there
│   ├── PaymentInProgress         no second card while the first is being asked
│   ├── TooManyAttempts           card testers try thousands
│   ├── NoActionPending           there is nothing to confirm
│   ├── AlreadyBought             the cart was bought by an earlier request that said something else
│   ├── CheckoutFailed            another service has refused what it should have taken
│   └── CheckoutEnded             cancelled, expired or completed
├── TooManyWaiting 429            this address or e-mail keeps enough goods from others already
└── CardDeclined 402              the reason in words for the shopper
"""

from collections.abc import Mapping
from typing import Any

from bodega.kit.errors import Conflict, Invalid, NotFound, Problem, TooMany

NO_CHECKOUT = "We cannot find this checkout. It may belong to another cart or another account."


class CheckoutNotFound(NotFound):
    pass


class NoTaxCollected(NotFound):
    pass


class KeyRequired(Invalid):
    code = "idempotency_key_required"


class CartRequired(Invalid):
    pass


class UnknownShippingOption(Conflict):
    code = "shipping_option_unknown"


class CartEmpty(Conflict):
    code = "cart_empty"


class NoLongerSold(Conflict):
    code = "no_longer_sold"


class OutOfStock(Conflict):
    code = "out_of_stock"


class TotalChanged(Conflict):
    code = "total_changed"


class ShippingUnavailable(Conflict):
    code = "shipping_unavailable"


class PaymentInProgress(Conflict):
    code = "payment_in_progress"


class TooManyAttempts(Conflict):
    code = "too_many_attempts"


class NoActionPending(Conflict):
    code = "no_action_pending"


class CheckoutEnded(Conflict):
    code = "checkout_ended"


class AlreadyBought(Conflict):
    code = "already_bought"


class CheckoutFailed(Conflict):
    code = "checkout_failed"


class TooManyWaiting(TooMany):
    code = "too_many_unpaid"


class CardDeclined(Problem):
    status = 402
    code = "card_declined"


_STORED: dict[str, type[Problem]] = {
    kind.code: kind
    for kind in (
        UnknownShippingOption, CartEmpty, NoLongerSold, OutOfStock, TotalChanged, ShippingUnavailable,
        CardDeclined, CheckoutEnded, AlreadyBought, CheckoutFailed,
    )
}  # fmt: skip


def to_stored(problem: Problem) -> dict[str, Any]:
    """A problem as a checkout keeps it, for whoever asks again."""
    return {"code": problem.code, "detail": problem.detail, "extra": dict(problem.extra)}


def from_stored(stored: Mapping[str, Any]) -> Problem:
    """What another release has kept, and this one has no word for, is a checkout that has ended."""
    return _STORED.get(stored["code"], CheckoutEnded)(stored["detail"], **stored["extra"])
