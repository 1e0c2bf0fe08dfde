"""Notifications' settings. Every default runs on a laptop."""

from pathlib import Path
from typing import Literal, Self

from pydantic import SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from bodega.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_NOTIFICATIONS_")

    port: int = 7111
    database_url: str = "postgresql://bodega_notifications@127.0.0.1:7432/bodega_notifications"
    link_secret_file: Path | None = None
    """Holds what the links to orders in mails are signed with. Orders is told the same."""
    shop_name: str = "Bodega"
    mail_from: str = "shop@bodega.example"
    """The sender. Its domain is also that of the Message-IDs."""
    merchant_line: str = ""
    """Who sells, in one line: name, address and what the law wants on business letters. Empty: not filled in."""
    merchant_email: str = ""
    """Where withdrawals are reported. Empty: nowhere; they are in the list of the staff."""
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 7025
    smtp_username: str | None = None
    smtp_password: SecretStr = SecretStr("")
    smtp_security: Literal["auto", "starttls", "tls"] = "auto"
    """auto: encrypted, if the server offers it; with a user name, `starttls`, or the password could go out in clear.
    starttls: refused without. tls: from the first byte on."""
    sms_url: str | None = None
    """Twilio's API, `https://api.twilio.com`, or another gateway that speaks it. None: the sandbox's."""
    sms_account: str = "ACsandbox"
    sms_token_file: Path | None = None
    """Holds the account's token. Only the sandbox can do without."""
    sms_from: str = "+15005550006"
    """A telephone number of the account (E.164), or the id of its messaging service (`MG…`)."""
    sandbox_url: str = "http://127.0.0.1:7080"
    mail_body_days: int = 30
    """How long what was sent can be sent again as it was. Then its words go, and whom it went to."""
    stock_wish_days: int = 180
    """How long a wish to be told of new stock is kept."""
    stock_wishes_per_address: int = 10
    """Open at the same time. Anybody may type anybody's address."""
    stock_mails_per_piece: int = 2
    """How many people are told of each piece that is back, in the order of asking."""
    inventory_timeout_seconds: float = 3
    """Of asking whether a thing is in stock, while somebody waits for the answer."""
    step_deadline_seconds: float = 7
    lease_seconds: float = 10
    retry_give_up_seconds: float = 86400
    """How long a message is tried, before it is parked for people."""
    payment_failed_mail_seconds: float = 300
    """How long we wait before writing about a declined card: most people have paid with another by then."""

    @model_validator(mode="after")
    def _pays_its_gateway(self) -> Self:
        if self.sms_url is not None and self.sms_token_file is None:
            raise ValueError("sms_url is set: sms_token_file must name the file that holds the account's token")
        return self

    @model_validator(mode="after")
    def _shows_its_password_to_nobody(self) -> Self:
        if self.smtp_username is not None and self.smtp_security == "auto":
            self.smtp_security = "starttls"
        return self

    @property
    def smtp_timeout_seconds(self) -> float:
        """Of handing one mail over. A step may also ask auth for a link."""
        return self.step_deadline_seconds / 2

    @property
    def sms_timeout_seconds(self) -> float:
        """Of each of two questions to the SMS gateway."""
        return self.step_deadline_seconds / 3

    @property
    def auth_timeout_seconds(self) -> float:
        return self.step_deadline_seconds / 4

    @property
    def catalog_timeout_seconds(self) -> float:
        """Of asking for a product's name, before the mail about it is handed over."""
        return self.step_deadline_seconds / 4
