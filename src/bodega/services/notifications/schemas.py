"""What notifications is asked and answers."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.ids import CustomerId, OrderNumber
from bodega.services.notifications.domain import Kind, State


class Preferences(BaseModel):
    """What a customer wants to be told. Confirmations and tracking numbers are always sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delivery_mails: bool = Field(description="A mail when a parcel has arrived", examples=[True])


class NotificationView(BaseModel):
    """What somebody was told, or will be."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(examples=["ntf_06F2K9W5T8ZQH3N7V4C1M0B6XR"])
    kind: Kind = Field(examples=["order_confirmation"])
    channel: Literal["mail"] = "mail"
    recipient: str = Field(examples=["ada@example.com"])
    state: State = Field(
        description="`waiting`: being tried. `parked`: nobody would take it, look at it. `dropped`: no longer needed",
        examples=["sent"],
    )
    number: OrderNumber | None = Field(description="The order's, if it is about one")
    customer_id: CustomerId | None
    message_id: str = Field(description="Of the mail, for the mail server's logs")
    attempts: int = Field(description="How often the mail server was asked", examples=[1])
    last_error: str | None = Field(description="Why it was not taken", examples=[None])
    resend_of: str | None = Field(description="The one that this repeats")
    created_at: datetime
    sent_at: datetime | None
