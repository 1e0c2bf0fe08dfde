"""What notifications is asked and answers."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bodega.contracts.ids import CustomerId, OrderNumber
from bodega.services.notifications.domain import Channel, Kind, State


class TextMessages(BaseModel):
    """Consent to text messages, each kind by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phone: Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")] = Field(
        description="With the country's code (E.164), without spaces", examples=["+4915112345678"]
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


class NotificationView(BaseModel):
    """What somebody was told, or will be."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(examples=["ntf_06F2K9W5T8ZQH3N7V4C1M0B6XR"])
    kind: Kind = Field(examples=["order_confirmation"])
    channel: Channel
    recipient: str = Field(description="An address or a telephone number", examples=["ada@example.com"])
    state: State = Field(
        description="`waiting`: being tried. `parked`: nobody would take it, look at it. `dropped`: no longer needed",
        examples=["sent"],
    )
    number: OrderNumber | None = Field(description="The order's, if it is about one")
    customer_id: CustomerId | None
    message_id: str = Field(description="Of a mail, for the mail server's logs")
    attempts: int = Field(description="How often the mail server or the SMS gateway was asked", examples=[1])
    last_error: str | None = Field(description="Why it was not taken", examples=[None])
    resend_of: str | None = Field(description="The one that this repeats")
    created_at: datetime
    sent_at: datetime | None
