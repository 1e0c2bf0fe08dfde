"""What notifications is asked and answers."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from bodega.contracts.fields import EmailText, Sku
from bodega.contracts.ids import CustomerId, OrderNumber
from bodega.contracts.wording import Worded
from bodega.kit.phones import e164
from bodega.services.notifications.domain import Channel, Kind, State

NamedKind = Annotated[Kind, Worded("The shop sends no messages of this kind. One kind is order_confirmation.")]


class TextMessages(BaseModel):
    """Consent to text messages, each kind by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phone: Annotated[str, StringConstraints(max_length=40), AfterValidator(e164)] = Field(
        description="With its country's code; kept and answered as E.164 has it", examples=["+4915112345678"]
    )
    shipped: bool = Field(description="When a parcel is on its way", examples=[True])
    delivered: bool = Field(description="When a parcel has arrived", examples=[False])


class Preferences(BaseModel):
    """What a customer wants to be told. Confirmations and tracking numbers are always mailed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delivery_mails: bool = Field(description="A mail when a parcel has arrived", examples=[True])
    text_messages: TextMessages | None = Field(
        default=None, description="null: none, and the number is forgotten. Left out in a PUT: as before"
    )


class StockWishRequest(BaseModel):
    """`POST /notifications/stock-wishes`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Sku
    email: EmailText = Field(description="Where the mail goes")


class NotificationView(BaseModel):
    """What somebody was told, or will be."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="For `/admin/notifications/{id}/resend`", examples=["ntf_01M7WMAEEGE9HAZZGE9YRWKGNY"])
    kind: NamedKind = Field(description="What it is about", examples=["parcel_sent"])
    channel: Channel = Field(description="Whether it goes by mail or as a text message", examples=["mail"])
    recipient: str = Field(description="An address or a telephone number", examples=["ada@example.com"])
    state: State = Field(
        description="`waiting`: being tried. `sent`. `parked`: nobody would take it, look at it. `dropped`: no longer "
        "needed",
        examples=["sent"],
    )
    number: OrderNumber | None = Field(description="The order's; null: it is about none")
    customer_id: CustomerId | None = Field(description="Whose account it is about; null: a guest's order")
    message_id: str = Field(
        description="Of a mail, for the mail server's logs; the same each time it is tried (RFC 5322)",
        examples=["<5f1c0e9d7b3a4c2e8f6d1b0a9c8e7d6f5a4b3c2d@bodega.example>"],
    )
    attempts: int = Field(description="How often the mail server or the SMS gateway was asked", examples=[1])
    last_error: str | None = Field(
        description="Why it was not taken the last time; null: it was", examples=[None, "450 4.2.1 try again later"]
    )
    resend_of: str | None = Field(
        description="The id of the one that this repeats, at somebody's wish; null: it is the first", examples=[None]
    )
    created_at: datetime = Field(description="When its event was heard", examples=["2026-11-20T14:03:46Z"])
    sent_at: datetime | None = Field(
        description="When it was taken by the mail server or the SMS gateway; null: not yet",
        examples=["2026-11-20T14:03:47Z"],
    )
