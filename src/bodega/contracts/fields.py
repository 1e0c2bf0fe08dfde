"""Types of the fields that many messages share: text that is clean, SKUs, countries, addresses."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints


def _clean(text: str) -> str:
    """Refuses what no store keeps and no page shows: control characters but tab and newline, lone surrogates."""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r":
            raise ValueError(f"contains the character U+{ord(character):04X}, which is not allowed")
    return text


def _single_line(text: str) -> str:
    if any(character in "\t\n\r" for character in text):
        raise ValueError("must be a single line")
    return text


CleanText = Annotated[str, AfterValidator(_clean)]
Line = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_clean),
    AfterValidator(_single_line),
]
Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=120)]
Quantity = Annotated[int, Field(strict=True, ge=1, le=999)]
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
EmailText = Annotated[
    str, StringConstraints(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"), AfterValidator(_clean)
]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9 ()/.-]{5,30}$")]
Timestamp = AwareDatetime


class Address(BaseModel):
    """A postal address. Which parts a country requires is checked where addresses are taken from people."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    name: Line = Field(description="Who receives it", examples=["Ada Lovelace"])
    company: Line | None = Field(default=None, description="Company, if it goes to one")
    line1: Line = Field(description="Street and number", examples=["Torstrasse 1"])
    line2: Line | None = Field(default=None, description="Flat, floor, care of")
    postal_code: Annotated[str, StringConstraints(max_length=16), AfterValidator(_clean)] = Field(
        default="", description="Postal code, where the country has them", examples=["10119"]
    )
    city: Line = Field(description="Town or city", examples=["Berlin"])
    region: Line | None = Field(default=None, description="State or province, where the country needs it")
    country: CountryCode = Field(description="ISO 3166-1 alpha-2", examples=["DE"])


class Contact(BaseModel):
    """How to reach the person who ordered."""

    model_config = ConfigDict(frozen=True)

    email: EmailText = Field(description="Where the mails go", examples=["ada@example.com"])
    phone: Phone | None = Field(default=None, description="For the carrier, if given")
    locale: Locale = Field(default="en", description="BCP 47 language for mails", examples=["en"])
