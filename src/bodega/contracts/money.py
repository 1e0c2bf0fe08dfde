"""Money is an integer of minor units and an ISO 4217 currency. Never a float, in any language."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bodega.contracts.wording import Worded

Currency = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{3}$"),
    Field(description="ISO 4217 code", examples=["EUR"]),
    Worded("A currency is written as its three capital letters, such as EUR."),
]
MOST: Final = 2**53 - 1
"""The largest amount, in minor units: the largest integer that every JSON reader keeps exactly."""
HIGHEST_PRICE: Final = 10**10
"""The highest price of one piece that a merchant can set, in minor units: 100 lines of 999 such pieces, with as much
again for tax and delivery, stay well below MOST, so no sum of a cart, order or refund can pass it."""
MinorUnits = Annotated[int, Field(strict=True, ge=-MOST, le=MOST)]


class CurrencyMismatch(ValueError):
    """Amounts of two currencies were added or compared."""


class Money(BaseModel):
    """`{"amount": 1900, "currency": "EUR"}` is 19 euro."""

    model_config = ConfigDict(frozen=True)

    amount: MinorUnits = Field(
        description="Minor units of the currency: 1900 is 19.00 EUR, or 1900 JPY", examples=[1900]
    )
    currency: Currency

    def __add__(self, other: Self) -> Self:
        return self.model_copy(update={"amount": self.amount + self._same(other).amount})

    def __sub__(self, other: Self) -> Self:
        return self.model_copy(update={"amount": self.amount - self._same(other).amount})

    def __mul__(self, times: int) -> Self:
        return self.model_copy(update={"amount": self.amount * times})

    def _same(self, other: Self) -> Self:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
        return other


class Price(Money):
    """Money that is not negative: a price, a total, a payment."""

    amount: Annotated[int, Field(strict=True, ge=0, le=MOST)] = Field(
        description="Minor units of the currency: 1900 is 19.00 EUR, or 1900 JPY", examples=[1900]
    )


def zero(currency: str) -> Price:
    return Price(amount=0, currency=currency)
