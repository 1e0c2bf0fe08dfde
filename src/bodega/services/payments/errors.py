"""Errors of payments.

Problem
├── NotFound
│   └── PaymentNotFound
├── Conflict
│   ├── PaymentInProgress        another attempt of the order may still take money; names it
│   ├── DifferentPayment         the id is taken by a payment of another amount or order
│   ├── AlreadyPaid              the order has accepted it: cancel the order instead
│   ├── NotCapturable            no order has accepted it
│   └── NotRefundable            more than is left, or the processor refuses
└── BadRequest
    └── BadSignature             a webhook that the processor has not signed
ProcessorError                   what the processor, or the line to it, said instead of yes
├── Refused                      no, for good
├── Unknown                      nobody knows whether it happened
└── NotNow                       it has not happened; wrong keys, too many requests, the same call still running
"""

from bodega.kit.errors import BadRequest, Conflict, NotFound


class PaymentNotFound(NotFound):
    pass


class PaymentInProgress(Conflict):
    code = "payment_in_progress"


class DifferentPayment(Conflict):
    code = "different_payment"


class AlreadyPaid(Conflict):
    code = "already_paid"


class NotCapturable(Conflict):
    code = "payment_not_capturable"


class NotRefundable(Conflict):
    code = "payment_not_refundable"


class BadSignature(BadRequest):
    code = "bad_signature"


class ProcessorError(Exception):
    pass


class Refused(ProcessorError):
    """`reason` is a stable word; `message` is for the shopper."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class Unknown(ProcessorError):
    """`stored`: the processor answered with an error of its own, and would answer so again to the same key."""

    def __init__(self, why: str, *, stored: bool) -> None:
        super().__init__(why)
        self.stored = stored


class NotNow(ProcessorError):
    pass
