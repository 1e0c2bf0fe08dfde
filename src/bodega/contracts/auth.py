"""Auth: links with secrets, minted only when the mail that bears them is sent; whether somebody is who they say."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.fields import Timestamp


class MailLinkRequest(BaseModel):
    """`POST /internal/mail-links`: the link for the mail about this event (verify, reset)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str


class MailLink(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str
    expires_at: Timestamp


class ConfirmIdentity(BaseModel):
    """`POST /internal/customers/{id}/confirm`: is it really they who ask? By the password, or else by how fresh the
    session is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    password: str | None = Field(default=None, repr=False)


class IdentityConfirmed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    outcome: Literal["confirmed", "refused", "too_many_attempts", "staff"]
    email: str | None = Field(default=None, description="If it is proven to be theirs")
    retry_after_seconds: int = 0
