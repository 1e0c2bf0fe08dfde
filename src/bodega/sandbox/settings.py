"""Settings of the sandbox, from environment variables `BODEGA_SANDBOX_*`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every default runs on a laptop. The keys are for tests and open nothing elsewhere."""

    model_config = SettingsConfigDict(env_prefix="BODEGA_SANDBOX_", extra="ignore")

    host: str = "127.0.0.1"
    http_port: int = 7080
    smtp_port: int = 7025
    data_dir: Path = Path(".bodega/data/sandbox")
    names: list[str] = []
    """By which it is called beside its address and the name in `public_url`."""
    public_url: str = ""
    """How a browser reaches the sandbox. Empty: host and port."""
    site_url: str = "http://127.0.0.1:8000"
    """The shop's pages: the only ones that may frame the card form, and whom it tells of a token."""

    stripe_secret_key: str = "sk_test_bodega"  # noqa: S105 opens nothing
    stripe_publishable_key: str = "pk_test_bodega_sandbox"
    webhook_url: str = ""
    """Where the card processor sends its events. Empty: it sends none, and keeps them for `GET /v1/events`."""
    webhook_secret: str = "whsec_bodega"  # noqa: S105 the same

    carrier_key: str = "carrier_test_bodega"
    """Bearer key of the carrier's API, and the key that its webhooks are signed with."""
    carrier_webhook_url: str = ""
    parcel_seconds: list[float] = Field(default=[30, 60, 120, 180], max_length=4)
    """Seconds after the label when a parcel is picked up, in transit, out for delivery, delivered.
    Empty: parcels move only when pushed."""

    webhook_retry_first_seconds: float = 0.5
    webhook_retry_most_seconds: float = 10
    webhook_retry_give_up_seconds: float = 3 * 86400
    webhook_timeout_seconds: float = 10

    idempotency_hours: float = 24
    authorization_days: float = 7
    """How long an authorised amount is held before the processor lets it go by itself."""
    mail_max_bytes: int = 10 * 1024 * 1024

    @property
    def base_url(self) -> str:
        """Public URL of the sandbox, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.http_port}").rstrip("/")
