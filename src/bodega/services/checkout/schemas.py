"""What checkout takes and answers."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, EmailStr, Field

from bodega.contracts.fields import Address, CountryCode, Locale, Phone, Sku
from bodega.contracts.ids import CheckoutId, OrderId, OrderNumber
from bodega.contracts.money import Price
from bodega.contracts.orders import OrderLine, Totals
from bodega.contracts.shipping import ShippingOption
from bodega.services.checkout.domain import State

SIGNED_TOKEN = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"  # noqa: S105 - a pattern
"""With a signature: cart takes a bare id, too, but only from services. A shopper's id of a cart opens nothing."""
CartToken = Annotated[str, Field(max_length=300, pattern=SIGNED_TOKEN)]
ShippingOptionId = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Of the quote", examples=["standard"])
]
PaymentMethod = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]{2,254}$",  # begins with a letter: a card's number is not even taken by mistake
        description="A token of the payment processor. Card numbers are never sent here",
        examples=["pm_card_visa"],
    ),
]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PostalAddress(Address):
    """A postal address."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class QuoteRequest(_Request):
    cart_token: CartToken | None = Field(default=None, description="Or the header Cart-Token, or the cart's cookie")
    shipping_address: PostalAddress
    shipping_option: ShippingOptionId | None = Field(
        default=None, description="Which option to total with; the first, if none is named"
    )


class CheckoutRequest(_Request):
    cart_token: CartToken | None = Field(default=None, description="Or the header Cart-Token, or the cart's cookie")
    email: EmailStr = Field(max_length=254, description="Where the confirmation goes", examples=["ada@example.com"])
    phone: Phone | None = Field(default=None, description="For the carrier", examples=["+49 30 1234567"])
    locale: Locale = Field(default="en", description="Language of the mails")
    shipping_address: PostalAddress
    billing_address: PostalAddress | None = Field(default=None, description="If it is another one")
    shipping_option: ShippingOptionId
    payment_method: PaymentMethod
    expected_total: Price = Field(description="What the shopper was shown; another total is answered with 409")


class PaymentRequest(_Request):
    payment_method: PaymentMethod


class TaxRateEntry(_Request):
    """It holds from a day on, until a later one of the same region and category."""

    region: Annotated[str, Field(max_length=60)] = Field(
        default="", description="State or province; empty: the whole country, but for regions with rates of their own"
    )
    category: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,29}$")] = Field(
        description="The products' `tax_category`. `standard` stands for those without a rate of their own; "
        "`shipping`, if it is missing, is taxed as most of the goods' value is",
        examples=["standard"],
    )
    valid_from: date
    rate: Annotated[str, Field(pattern=r"^0(\.[0-9]{1,5})?$")] = Field(
        description="Decimal fraction as text, less than 1", examples=["0.19"]
    )


class TaxCountryRequest(_Request):
    """The tax of a country."""

    prices_include_tax: bool = Field(
        description="True: the catalog's prices are gross for shoppers there; false: tax comes on top"
    )
    rates: Annotated[list[TaxRateEntry], Field(max_length=1000)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class QuoteLine(_Answer):
    sku: Sku
    title: str
    options: dict[str, str]
    quantity: int
    unit_price: Price
    total: Price


class Quote(_Answer):
    """What the cart would cost now. Nothing is reserved."""

    lines: list[QuoteLine]
    shipping_options: list[ShippingOption]
    shipping_option: str = Field(description="The one that the totals are made with")
    totals: Totals


class TaxCountryView(_Answer):
    """The tax of a country."""

    country: CountryCode
    version: int = Field(description="To be sent as If-Match when replacing it")
    prices_include_tax: bool
    rates: list[TaxRateEntry]


class OrderRef(_Answer):
    id: OrderId
    number: OrderNumber
    token: str = Field(description="Lets a guest read the order: GET /orders/{id}?token=…")


class ShopperAction(_Answer):
    """What the shopper must do now."""

    type: Literal["redirect", "retry_payment"] = Field(
        description="redirect: to the bank's page at `url`, then POST /checkout/{id}/confirm; "
        "retry_payment: POST /checkout/{id}/payments with another card"
    )
    url: str | None = None


class TimelineEntry(_Answer):
    at: datetime
    state: State


class CheckoutView(_Answer):
    """A checkout as it stands."""

    checkout_id: CheckoutId
    status: State
    order: OrderRef | None = Field(default=None, description="Once there is one")
    next_action: ShopperAction | None = None
    problem: dict[str, Any] | None = Field(
        default=None, description="Why it failed or waits: {code, detail, …}", examples=[{"code": "card_declined"}]
    )
    lines: list[OrderLine]
    totals: Totals | None
    due_at: datetime = Field(description="Until when the shopper may act; then it ends by itself")
    timeline: list[TimelineEntry]
