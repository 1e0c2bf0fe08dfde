"""Notifications' settings. Every default runs on a laptop."""

from typing import Literal

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from bodega.kit.app import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_NOTIFICATIONS_")

    port: int = 7111
    database_url: str = "postgresql://bodega_notifications@127.0.0.1:7432/bodega_notifications"
    shop_name: str = "Bodega"
    mail_from: str = "shop@bodega.example"
    """The sender. Its domain is also that of the Message-IDs."""
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 7025
    smtp_username: str | None = None
    smtp_password: SecretStr = SecretStr("")
    smtp_security: Literal["auto", "starttls", "tls"] = "auto"
    """auto: encrypted, if the server offers it. starttls: refused without. tls: from the first byte on."""
    step_deadline_seconds: float = 7
    lease_seconds: float = 10
    retry_give_up_seconds: float = 86400
    """How long a mail is tried, before it is parked for people."""
    payment_failed_mail_seconds: float = 300
    """How long we wait before writing about a declined card: most people have paid with another by then."""

    @property
    def smtp_timeout_seconds(self) -> float:
        """Of handing one mail over. A step may also ask auth for a link."""
        return self.step_deadline_seconds / 2

    @property
    def auth_timeout_seconds(self) -> float:
        return self.step_deadline_seconds / 4
