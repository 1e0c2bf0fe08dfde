"""What users takes from people, and answers them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from bodega.contracts.fields import Address, Line, Locale
from bodega.contracts.ids import CustomerId
from bodega.contracts.wording import Worded


class ProfileView(BaseModel):
    """Oneself."""

    model_config = ConfigDict(frozen=True)

    customer_id: CustomerId
    email: str | None = Field(
        description="Where the account's mails go; null in the moment after registering", examples=["ada@example.com"]
    )
    email_verified: bool = Field(
        description="Whether the address was proven by the link in a mail. Guest orders of it are one's own then",
        examples=[True],
    )
    name: str | None = Field(description="How to address the person; null: not told", examples=["Ada Lovelace"])
    locale: Locale = Field(description="BCP 47 language for mails", examples=["en"])
    marketing_opt_in: bool = Field(description="Whether news may be mailed", examples=[False])
    marketing_changed_at: datetime | None = Field(
        description="When that was last decided; null: never asked", examples=["2026-11-20T14:21:07Z"]
    )
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

    postal_code: Annotated[
        str,
        StringConstraints(max_length=16, pattern=r"^[A-Za-z0-9 -]*$"),
        Worded("A postal code has at most 16 letters (A to Z), digits, spaces or hyphens."),
    ] = Field(default="", description="Postal code, where the country has them", examples=["10119"])
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

    id: str = Field(
        description="Names it in `/users/me/addresses/{id}`, whatever it is changed to",
        examples=["adr_01M7WN85M0F0497Z2C8DDGA50X"],
    )
    default_shipping: bool = Field(
        description="Whether parcels go here unless said otherwise: true of one address at most", examples=[True]
    )
    default_billing: bool = Field(
        description="Whether invoices go here unless said otherwise: true of one address at most", examples=[False]
    )
    version: int = Field(description="Grows with every change; `If-Match` takes it", examples=[1])


class AddressList(BaseModel):
    """All addresses of a customer."""

    model_config = ConfigDict(frozen=True)

    items: list[AddressView] = Field(description="Oldest first")
    next_cursor: str | None = Field(default=None, description="Always null: addresses are few", examples=[None])


class EraseAccount(BaseModel):
    """Proof that it is really you, where signing in is more than five minutes ago."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    password: SecretStr | None = Field(
        default=None, max_length=200, description="Your password", examples=["a teapot of one's own"]
    )


class RoomReport(BaseModel):
    """What one part of the shop has told, or done."""

    model_config = ConfigDict(frozen=True)

    room: str = Field(description="The name of the service", examples=["orders"])
    at: datetime = Field(description="When it was done with it", examples=["2026-11-24T09:30:02Z"])
    report: dict[str, Any] = Field(
        description="How many things of each kind: found (export), or `deleted` and `pseudonymised` (erase)",
        examples=[{"orders": 1}, {"deleted": {}, "pseudonymised": {"orders": 1}}],
    )


class PrivacyRequestView(BaseModel):
    """A wish to see what is held of one, or to be forgotten."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(
        description="Names it in `/users/me/privacy-requests/{id}`", examples=["prv_01M86E81E0EBDVDSND1DVRPEFF"]
    )
    kind: Literal["export", "erase"] = Field(description="What was asked for")
    status: Literal["running", "done", "refused"] = Field(
        description="`running`: ask again in a moment. `refused`: there are orders under way; nothing was erased",
        examples=["done"],
    )
    asked_at: datetime = Field(
        description="When it was first asked for; a repeat is the same request", examples=["2026-11-24T09:30:00Z"]
    )
    ended_at: datetime | None = Field(
        description="When the last part was done with it, or it was refused; null: it runs",
        examples=["2026-11-24T09:30:03Z"],
    )
    expires_at: datetime | None = Field(
        description="Until when an export can be read, a week as a rule; it is deleted then. null: there is none",
        examples=["2026-12-01T09:30:03Z"],
    )
    document: str | None = Field(
        description="The path where the export is; null: there is none (yet)",
        examples=["/users/me/privacy-requests/prv_01M86E81E0EBDVDSND1DVRPEFF/document"],
    )
    open_orders: list[str] = Field(
        description="If it was refused: the numbers of the orders that still move", examples=[[], ["BDG-TNDA-FC5E"]]
    )
    report: list[RoomReport] = Field(description="What has been done so far, by room")


class ExportDocument(BaseModel):
    """Everything that the shop holds of one person, by room and kind of thing."""

    model_config = ConfigDict(frozen=True)

    customer_id: CustomerId
    made_at: datetime = Field(
        description="When the last room had told; later changes are not in it", examples=["2026-11-24T09:30:03Z"]
    )
    rooms: dict[str, dict[str, Any]] = Field(
        description="By service, then by kind of thing, each as it is stored; a service that holds nothing is empty",
        examples=[{"orders": {"orders": [{"number": "BDG-TNDA-FC5E", "state": "shipped"}]}, "cart": {}}],
    )
