"""Money is an integer of minor units and an ISO 4217 currency. Never a float, in any language."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Currency = Annotated[
    str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(description="ISO 4217 code", examples=["EUR"])
]
MinorUnits = Annotated[int, Field(strict=True, ge=-(10**12), le=10**12)]


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

    amount: Annotated[int, Field(strict=True, ge=0, le=10**12)] = Field(
        description="Minor units of the currency: 1900 is 19.00 EUR, or 1900 JPY", examples=[1900]
    )


def zero(currency: str) -> Price:
    return Price(amount=0, currency=currency)
