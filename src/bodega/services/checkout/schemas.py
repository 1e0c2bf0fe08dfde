"""What checkout takes and answers."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, EmailStr, Field, StringConstraints

from bodega.contracts.fields import Address, CountryCode, Locale, Quantity, Sku
from bodega.contracts.ids import CheckoutId, OrderId, OrderNumber
from bodega.contracts.money import Price
from bodega.contracts.orders import OrderLine, Totals
from bodega.contracts.shipping import ShippingOption
from bodega.contracts.wording import Worded
from bodega.services.checkout.domain import State

SIGNED_TOKEN = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"  # noqa: S105 - a pattern
"""With a signature: cart takes a bare id, too, but only from services. A shopper's id of a cart opens nothing."""
CART_TOKEN = "crt_01M7WKP496E7KTHRJXJG7DJ13N.ArMB8CjziTBBMUfQczQ7ZVKZ"  # noqa: S105 - an example
CartToken = Annotated[
    str,
    Field(
        max_length=300,
        pattern=SIGNED_TOKEN,
        description="The signed token that `POST /cart` has given in the header Cart-Token. Left out: that header, the "
        "cart's cookie, or the customer's own cart",
        examples=[CART_TOKEN],
    ),
    Worded("This is not a token from `POST /cart`."),
]
ShippingOptionId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="The `id` of one of the quote's `shipping_options`",
        examples=["standard"],
    ),
    Worded("This is not one of the delivery options offered."),
]
PaymentMethod = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]{2,254}$",  # begins with a letter: a card's number is not even taken by mistake
        description="A token of the payment processor. Card numbers are never sent here",
        examples=["pm_card_visa"],
    ),
    Worded("This is not a token of the card processor. Card numbers are never sent here."),
]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PostalAddress(Address):
    """A postal address."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class QuoteRequest(_Request):
    """Where a cart would go to."""

    cart_token: CartToken | None = None
    shipping_address: PostalAddress = Field(description="Decides on shipping and tax; kept nowhere")
    shipping_option: ShippingOptionId | None = Field(
        default=None, description="Which option to total with; the first, if none is named", examples=["standard"]
    )


class CheckoutRequest(_Request):
    """All that is needed to buy a cart."""

    cart_token: CartToken | None = None
    email: EmailStr = Field(max_length=254, description="Where the confirmation goes", examples=["ada@example.com"])
    phone: Annotated[str, StringConstraints(strip_whitespace=True, max_length=40)] | None = Field(
        default=None,
        description="For the carrier, as people write it: without its country's code it is one of the country that the "
        "parcel goes to. null: none is given",
        examples=["030 23125014"],
    )
    locale: Locale = Field(default="en", description="Language of the mails", examples=["en"])
    shipping_address: PostalAddress = Field(description="Where the parcel goes; its country must be one we ship to")
    billing_address: PostalAddress | None = Field(
        default=None, description="Of the invoice. Left out: the same as `shipping_address`", examples=[None]
    )
    shipping_option: ShippingOptionId
    payment_method: PaymentMethod
    expected_total: Price = Field(
        description="The total that the shopper was shown; another one is answered with 409 `total_changed`",
        examples=[{"amount": 4290, "currency": "EUR"}],
    )


class PaymentRequest(_Request):
    """Another attempt to pay for the same order."""

    payment_method: PaymentMethod


PricesIncludeTax = Annotated[
    bool,
    Field(
        description="True: the catalog's prices are gross for shoppers there; false: tax comes on top", examples=[True]
    ),
]


class TaxRateEntry(_Request):
    """It holds from a day on, until a later one of the same region and category."""

    region: Annotated[str, Field(max_length=60)] = Field(
        default="",
        description="State or province, by its name or its code; empty: the whole country, but for regions with "
        "rates of their own",
        examples=["", "CA"],
    )
    category: Annotated[
        str,
        Field(pattern=r"^[a-z][a-z_]{0,29}$"),
        Worded("A tax category has up to 30 small letters and underscores, such as standard."),
    ] = Field(
        description="The products' `tax_category`. `standard` stands for those without a rate of their own; "
        "`shipping`, if it is missing, is taxed as most of the goods' value is",
        examples=["standard"],
    )
    valid_from: date = Field(description="The first day, in UTC", examples=["2007-01-01"])
    rate: Annotated[
        str,
        Field(pattern=r"^0(\.[0-9]{1,5})?$"),
        Worded("A rate is a fraction of less than 1 with a dot: 0.19 is 19 %."),
    ] = Field(description="Decimal fraction as text, less than 1: `0.19` is 19 %", examples=["0.19"])


class TaxCountryRequest(_Request):
    """The tax of a country."""

    prices_include_tax: PricesIncludeTax
    rates: Annotated[list[TaxRateEntry], Field(max_length=1000)] = Field(
        description="All of them, past and coming ones too; empty: no tax is collected there"
    )


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class QuoteLine(_Answer):
    """What is in the cart, at today's price."""

    sku: Sku
    title: str = Field(description="The product's, as of now", examples=["Alba Stoneware Mug"])
    options: dict[str, str] = Field(
        description="What makes the variant: option name and value; empty: the product has one variant",
        examples=[{"Color": "Sage", "Size": "350 ml"}],
    )
    quantity: Quantity
    unit_price: Price = Field(description="For one piece", examples=[{"amount": 1900, "currency": "EUR"}])
    total: Price = Field(description="For all pieces", examples=[{"amount": 3800, "currency": "EUR"}])


class Quote(_Answer):
    """What the cart would cost now. Nothing is reserved."""

    lines: list[QuoteLine] = Field(description="As the cart has them: at least one, at most a hundred")
    shipping_options: list[ShippingOption] = Field(description="Every way to send it there, in the shop's order")
    shipping_option: str = Field(description="The `id` of the one that the totals are made with", examples=["standard"])
    totals: Totals = Field(description="With shipping and tax; `total` is the `expected_total` of `POST /checkout`")
    tax_rates: list[str] = Field(
        description="The rates by which the lines are taxed, each once, as decimal fractions; empty: no tax is due",
        examples=[["0.19"]],
    )


class TaxView(_Answer):
    """What the catalog's prices are to shoppers of a country."""

    country: CountryCode
    prices_include_tax: PricesIncludeTax
    rate: str | None = Field(
        description="The standard rate of today, as a decimal fraction; null: no tax is collected there",
        examples=["0.19"],
    )


class TaxCountryView(_Answer):
    """The tax of a country."""

    country: CountryCode
    version: int = Field(description="Grows with every change; `If-Match` takes it", examples=[12])
    prices_include_tax: PricesIncludeTax
    rates: list[TaxRateEntry] = Field(description="Past and coming ones too")


class OrderRef(_Answer):
    """The order that a checkout has made."""

    id: OrderId
    number: OrderNumber
    token: str = Field(
        description="Lets a guest read, follow and cancel the order: `GET /orders/{id}` with `Order-Token: …`",
        examples=["c3YnSotizz6Ke6bDirUxRMBD"],
    )


class ShopperAction(_Answer):
    """What the shopper must do now."""

    type: Literal["redirect", "retry_payment"] = Field(
        description="redirect: to the bank's page at `url`, then POST /checkout/{id}/confirm; "
        "retry_payment: POST /checkout/{id}/payments with another card"
    )
    url: str | None = Field(
        default=None,
        description="The page of the bank's 3-D Secure challenge; null unless `redirect`",
        examples=["http://127.0.0.1:7080/sandbox/challenges/pi_3SWq7kT2eZvKYlo2"],
    )


class TimelineEntry(_Answer):
    """A step of a checkout."""

    at: datetime = Field(description="When it got there", examples=["2026-11-20T14:03:12Z"])
    state: State = Field(description="The `status` from then on")


class CheckoutView(_Answer):
    """A checkout as it stands."""

    checkout_id: CheckoutId
    status: State = Field(
        description="`started`, `priced`, `reserved`, `ordered`: on the way; `paying`: the bank is asked; "
        "`action_required`, `declined`: see `next_action`; `completed`: there is an order and its payment is promised; "
        "`failed`, `cancelled`, `expired`: ended, nothing was bought",
        examples=["completed"],
    )
    order: OrderRef | None = Field(default=None, description="Once there is one; null until then")
    next_action: ShopperAction | None = Field(
        default=None, description="null: there is nothing to do but wait, or nothing more", examples=[None]
    )
    problem: dict[str, Any] | None = Field(
        default=None,
        description="Why it failed or waits: the `code`, `detail` and further members of the problem document that "
        "was answered; null: all is well",
        examples=[None, {"code": "card_declined", "detail": "Your card has insufficient funds."}],
    )
    lines: list[OrderLine] = Field(description="At the prices of this checkout; empty until `priced`")
    totals: Totals | None = Field(description="What the order costs; null until `priced`")
    due_at: datetime = Field(
        description="Until when the shopper may act; then it ends by itself", examples=["2026-11-20T14:18:11Z"]
    )
    timeline: list[TimelineEntry] = Field(
        description="The steps so far, oldest first",
        examples=[
            [
                {"at": "2026-11-20T14:03:11Z", "state": "started"},
                {"at": "2026-11-20T14:03:11Z", "state": "priced"},
                {"at": "2026-11-20T14:03:11Z", "state": "reserved"},
                {"at": "2026-11-20T14:03:12Z", "state": "ordered"},
                {"at": "2026-11-20T14:03:12Z", "state": "paying"},
                {"at": "2026-11-20T14:03:12Z", "state": "completed"},
            ]
        ],
    )
