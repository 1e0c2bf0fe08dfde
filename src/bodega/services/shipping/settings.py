"""Shipping's settings. Every default runs on a laptop."""

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from bodega.contracts.fields import Address
from bodega.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_SHIPPING_")

    port: int = 7109
    database_url: str = "postgresql://bodega_shipping@127.0.0.1:7432/bodega_shipping"
    s3_url: str = "http://127.0.0.1:7333"
    s3_access_key: SecretStr = SecretStr("")
    s3_secret_key: SecretStr = SecretStr("")
    s3_bucket: str = "labels"
    carrier_url: str = "http://127.0.0.1:7080/carrier"
    carrier_key: SecretStr = SecretStr("carrier_test_bodega")
    """Bearer key of the carrier's API, and the key that its webhooks are signed with."""
    carrier_tracking_url: str = ""
    """Where the carrier shows a parcel to people; the tracking number is put behind it. Empty: at the sandbox."""
    sandbox_url: str = "http://127.0.0.1:7080"
    webhook_tolerance_seconds: int = 300
    sender: Address = Address(name="Bodega", line1="Speicherstr. 1", postal_code="20457", city="Hamburg", country="DE")
    """Where parcels come from, and undeliverable ones go back to."""
    cutoff_hour: int = 14
    """Orders placed before this hour (of the clock in UTC) leave on the same working day."""
    step_deadline_seconds: float = 7
    lease_seconds: float = 10
    carrier_patience_seconds: float = 0.8
    """How long a shopper waits for the carrier's own price; then it is the table's."""
    quote_seconds: float = 1800
    """How long a price that a checkout was given holds: longer than a checkout may take."""
    cancel_window_seconds: float = 1800
    """How long a paid order waits before it is fulfilled, and can still be cancelled."""
    not_captured_first_seconds: float = 0.1
    """Payments takes the money some 100 ms after an order is paid: so soon we ask again."""

    @property
    def outside_timeout_seconds(self) -> float:
        """Of one call to orders, the carrier or object storage. A step makes three at most."""
        return self.step_deadline_seconds / 3

    def tracking_url(self, number: str) -> str:
        """The carrier's page about a parcel."""
        return (self.carrier_tracking_url or f"{self.sandbox_url}/parcels/") + number
