"""A person's data: what users asks of every room when a customer wants to see it, or wants it gone.

`POST /internal/customers/{id}/export` and `POST /internal/customers/{id}/erase`. Both may be asked any number of
times. What tax law needs of an order (GDPR, article 17(3)(b)) stays: totals, country, region, the beginning of the
postal code. The customer's id stays as a pseudonym; once the account is gone it leads to nobody.
"""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.ids import OrderId

ERASED: Final = "erased"
ERASED_DOMAIN: Final = "erased.invalid"
"""RFC 2606: a domain that no mail can reach, and that no account can be registered with."""
ERASED_ADDRESS: Final = {"name": ERASED, "company": None, "line1": ERASED, "line2": None, "city": ERASED}
"""Put over a stored address. Country and region stay, and POSTAL_PREFIX characters of the postal code."""
POSTAL_PREFIX: Final = 2


class Person(BaseModel):
    """Whose data. Payments and shipping know no customers: they go by the orders, rooms with mails by the address."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    email: str | None = Field(
        default=None, description="Only if it is proven to be theirs, or anybody could ask about a stranger's mails"
    )
    order_ids: list[OrderId] = []


class PersonalData(BaseModel):
    """What a room holds of somebody."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    data: dict[str, Any] = Field(description="By kind of thing; empty: nothing")
    order_ids: list[OrderId] = Field(default=[], description="Of orders alone: the customer's orders")


class Erasure(BaseModel):
    """What a room has done about somebody."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    deleted: dict[str, int] = Field(default={}, description="How many things of each kind are gone")
    pseudonymised: dict[str, int] = Field(default={}, description="How many stay without the person")
    order_ids: list[OrderId] = Field(default=[], description="Of orders alone: the customer's orders")


def erased_email(reference: str) -> str:
    """An address that stands for somebody who is gone."""
    return f"{reference.lower()}@{ERASED_DOMAIN}"


def is_erased(email: str) -> bool:
    return email.endswith(f"@{ERASED_DOMAIN}")
