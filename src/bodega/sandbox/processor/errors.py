"""Errors as Stripe answers them.

StripeError
├── validation (`invalid`): the request makes no sense; nothing ran, the answer is not kept for its key
└── the rest (`refused`, `declined`, `broken`): the endpoint ran; the answer is kept for its key
"""

from __future__ import annotations

from typing import Any


class StripeError(Exception):
    """An answer other than 2xx. `kept`: whether an idempotency key remembers it."""

    def __init__(self, status: int, kind: str, message: str, *, kept: bool, headers: dict[str, str] | None = None,
                 **fields: Any) -> None:  # fmt: skip
        super().__init__(message)
        self.status = status
        self.kept = kept
        self.headers = headers or {}
        self.body: dict[str, Any] = {"type": kind, "message": message}
        self.body |= {name: value for name, value in fields.items() if value is not None}
        if code := self.body.get("code"):
            self.body["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"


def invalid(message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> StripeError:
    """The request itself is wrong."""
    return StripeError(status, "invalid_request_error", message, kept=False, param=param, code=code)


def refused(message: str, *, status: int = 400, **fields: Any) -> StripeError:
    """The request is sound, but the object's state forbids it."""
    return StripeError(status, "invalid_request_error", message, kept=True, **fields)


def declined(message: str, **fields: Any) -> StripeError:
    """The card's bank says no (402)."""
    return StripeError(402, "card_error", message, kept=True, **fields)


def broken() -> StripeError:
    """The processor's own fault (500). The SDK is told not to try again: the key would only replay this."""
    return StripeError(
        500, "api_error", "Sorry, there was an error on our side: the sandbox was told to fail here.", kept=True,
        headers={"Stripe-Should-Retry": "false"},
    )  # fmt: skip


def missing(noun: str, identifier: str, param: str, status: int = 404) -> StripeError:
    """No such object."""
    return refused(f"No such {noun}: '{identifier}'", status=status, code="resource_missing", param=param)
