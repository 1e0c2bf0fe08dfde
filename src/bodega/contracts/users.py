"""Customers: who they are to the other services. Never a token or a secret."""

from typing import ClassVar

from pydantic import Field

from bodega.contracts.envelope import Event
from bodega.contracts.fields import CleanText, EmailText, Locale
from bodega.contracts.ids import CustomerId


class _CustomerFact(Event):
    """The subject is the customer."""

    topic: ClassVar[str] = "users"

    customer_id: CustomerId
    email: EmailText
    locale: Locale = "en"


class CustomerRegistered(_CustomerFact):
    """An account exists. Its e-mail is not proven yet."""

    name: CleanText = Field(default="", description="As given when registering")


class CustomerVerified(_CustomerFact):
    """The e-mail is proven to be the customer's."""


class PasswordResetRequested(_CustomerFact):
    """Somebody asked for a link to set a new password. The link is minted when the mail is sent."""


class PasswordChanged(_CustomerFact):
    """The password was set anew; other sessions have ended."""
