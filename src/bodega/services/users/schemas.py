"""What users takes from people, and answers them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bodega.contracts.fields import Address, Line, Locale
from bodega.contracts.ids import CustomerId


class ProfileView(BaseModel):
    """Oneself."""

    model_config = ConfigDict(frozen=True)

    customer_id: CustomerId
    email: str | None = Field(
        description="Where the account's mails go; null in the moment after registering", examples=["ada@example.com"]
    )
    email_verified: bool = Field(description="Whether the address was proven by the link in a mail")
    name: str | None = Field(description="How to address the person", examples=["Ada Lovelace"])
    locale: Locale = Field(description="BCP 47 language for mails", examples=["en"])
    marketing_opt_in: bool = Field(description="Whether news may be mailed")
    marketing_changed_at: datetime | None = Field(description="When that was last decided; null: never asked")
    version: int = Field(description="Grows with every change; `If-Match` takes it", examples=[3])


class ChangeProfile(BaseModel):
    """A merge-patch: what is missing stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The defaults are never used: they only say that a field may be missing, while null may not be given.
    name: Line = Field(default="", description="How to address the person", examples=["Ada Lovelace"])
    locale: Locale = Field(default="", description="BCP 47 language for mails", examples=["de-AT"])
    marketing_opt_in: bool = Field(default=False, strict=True, description="Whether news may be mailed")


class WriteAddress(Address):
    """A postal address. What a country requires is required: a state in the US, no postal code in Hong Kong."""

    model_config = ConfigDict(extra="forbid")

    postal_code: Annotated[str, StringConstraints(max_length=16, pattern=r"^[A-Za-z0-9 -]*$")] = Field(
        default="", description="Postal code, where the country has them", examples=["10119"]
    )
    default_shipping: bool = Field(
        default=False, strict=True, description="Parcels go here unless said otherwise; no other address is it then"
    )
    default_billing: bool = Field(
        default=False, strict=True, description="Invoices go here unless said otherwise; no other address is it then"
    )

    @property
    def address(self) -> Address:
        return Address.model_validate(self.model_dump(exclude={"default_shipping", "default_billing"}))


class AddressView(Address):
    """An address that is kept."""

    id: str = Field(examples=["adr_06F2Q7Z8K3M9V4T1X5W7C2B8N6"])
    default_shipping: bool = Field(description="Whether parcels go here unless said otherwise")
    default_billing: bool = Field(description="Whether invoices go here unless said otherwise")
    version: int = Field(description="Grows with every change; `If-Match` takes it", examples=[1])


class AddressList(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[AddressView] = Field(description="Oldest first")
    next_cursor: str | None = Field(default=None, description="Always null: addresses are few")
