"""Auth: links with secrets, minted only when the mail that bears them is sent."""

from pydantic import BaseModel, ConfigDict

from bodega.contracts.fields import Timestamp


class MailLinkRequest(BaseModel):
    """`POST /internal/mail-links`: the link for the mail about this event (verify, reset)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str


class MailLink(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str
    expires_at: Timestamp
