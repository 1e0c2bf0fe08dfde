"""Types of the fields that many messages share: text that is clean, SKUs, countries, addresses."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from bodega.contracts.wording import Worded


def _clean(text: str) -> str:
    """Refuses what no store keeps and no page shows: control characters but tab and newline, lone surrogates."""
    if text.isprintable():  # nearly all is, and nothing of what is refused
        return text
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r":
            raise ValueError(f"This contains a character that is not allowed (U+{ord(character):04X}).")
    return text


def _single_line(text: str) -> str:
    if any(character in "\t\n\r" for character in text):
        raise ValueError("This must be a single line.")
    return text


CleanText = Annotated[str, AfterValidator(_clean)]
Line = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_clean),
    AfterValidator(_single_line),
]
Sku = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$"),
    Field(
        description="Stock-keeping unit: names one variant of a product (this colour, that size) all over the shop",
        examples=["MUG-ALBA-SAGE-350ML"],
    ),
    Worded("An SKU has 1 to 64 letters (A to Z), digits, dots, hyphens or underscores, such as MUG-350ML."),
]
Slug = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=120),
    Field(description="The product's name in the address of its page", examples=["alba-stoneware-mug"]),
    Worded("A slug has small letters (a to z) and digits, in words joined by single hyphens, such as stoneware-mug."),
]
CategorySlug = Annotated[
    Slug, Field(description="The category's name in the address of its page", examples=["kitchen-table"])
]
Quantity = Annotated[int, Field(strict=True, ge=1, le=999, description="Pieces", examples=[2])]
CountryCode = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{2}$"),
    Field(description="Country, ISO 3166-1 alpha-2", examples=["DE"]),
    Worded("A country is written as its two capital letters, such as DE."),
]
Locale = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$"),
    Field(description="Language, with a country or without (BCP 47): `de`, `de-AT`", examples=["en"]),
    Worded("A language is written as en or, with a country, as en-IE."),
]
EmailText = Annotated[
    str,
    StringConstraints(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"),
    AfterValidator(_clean),
    Field(examples=["ada@example.com"]),
    Worded("This is not an e-mail address. One looks like ada@example.com."),
]
Phone = Annotated[
    str,
    StringConstraints(pattern=r"^\+?[0-9 ()/.-]{5,30}$"),
    Field(examples=["+49 30 23125 014"]),
    Worded("This is not a phone number. One looks like +49 30 23125 014."),
]
Timestamp = Annotated[AwareDatetime, Field(examples=["2026-11-20T14:03:12Z"])]


class Address(BaseModel):
    """A postal address. Which parts a country requires is checked where addresses are taken from people."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    name: Line = Field(description="Who receives it", examples=["Ada Lovelace"])
    company: Line | None = Field(
        default=None, description="Company, if it goes to one", examples=[None, "Haverfold GmbH"]
    )
    line1: Line = Field(description="Street and number", examples=["Torstrasse 1"])
    line2: Line | None = Field(default=None, description="Flat, floor, care of", examples=[None, "3rd floor"])
    postal_code: Annotated[str, StringConstraints(max_length=16), AfterValidator(_clean)] = Field(
        default="", description="Postal code, where the country has them", examples=["10119"]
    )
    city: Line = Field(description="Town or city", examples=["Berlin"])
    region: Line | None = Field(
        default=None, description="State or province, where the country needs it", examples=[None, "CA"]
    )
    country: CountryCode


class Contact(BaseModel):
    """How to reach the person who ordered."""

    model_config = ConfigDict(frozen=True)

    email: EmailText = Field(description="Where the mails go", examples=["ada@example.com"])
    phone: Phone | None = Field(default=None, description="For the carrier; null: none was given")
    locale: Locale = Field(default="en", description="BCP 47 language for mails", examples=["en"])
