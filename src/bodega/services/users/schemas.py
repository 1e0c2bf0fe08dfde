"""What users takes from people, and answers them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

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


class EraseAccount(BaseModel):
    """Proof that it is really you, where signing in is more than five minutes ago."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    password: SecretStr | None = Field(
        default=None, max_length=200, description="Your password", examples=["a teapot of one's own"]
    )


class RoomReport(BaseModel):
    """What one part of the shop has told, or done."""

    model_config = ConfigDict(frozen=True)

    room: str = Field(description="Which part", examples=["orders"])
    at: datetime = Field(description="When")
    report: dict[str, Any] = Field(
        description="How many things of each kind: found (export), or `deleted` and `pseudonymised` (erase)",
        examples=[{"deleted": {}, "pseudonymised": {"orders": 3}}],
    )


class PrivacyRequestView(BaseModel):
    """A wish to see what is held of one, or to be forgotten."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(examples=["prv_06F2Q7Z8K3M9V4T1X5W7C2B8N6"])
    kind: Literal["export", "erase"]
    status: Literal["running", "done", "refused"] = Field(
        description="`refused`: there are orders under way; nothing was erased"
    )
    asked_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None = Field(description="Until when an export can be read; it is deleted then")
    document: str | None = Field(description="Where the export is", examples=["/users/me/privacy-requests/…/document"])
    open_orders: list[str] = Field(description="The numbers of the orders that still move")
    report: list[RoomReport] = Field(description="What has been done so far, by room")


class ExportDocument(BaseModel):
    """Everything that the shop holds of one person, by room and kind of thing."""

    model_config = ConfigDict(frozen=True)

    customer_id: CustomerId
    made_at: datetime
    rooms: dict[str, dict[str, Any]] = Field(description="As it is stored; a room that holds nothing is empty")
