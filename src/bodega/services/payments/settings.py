"""Payments' settings. Every default runs on a laptop."""

from typing import Literal

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from bodega.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_PAYMENTS_")

    port: int = 7108
    database_url: str = "postgresql://bodega_payments@127.0.0.1:7432/bodega_payments"
    stripe_api_base: str | None = None
    """Where Stripe's API is spoken. None: at Stripe."""
    stripe_secret_key: SecretStr = SecretStr("sk_test_bodega")
    stripe_publishable_key: str = "pk_test_bodega_sandbox"
    card_form_url: str | None = None
    """A page of the processor's that the checkout frames for the card. None: the processor's script draws the form."""
    stripe_webhook_secret: SecretStr = SecretStr("whsec_bodega")
    capture_on: Literal["order", "shipment"] = "order"
    """When the money of an accepted order is taken. Orders is told the same: it waits for it, or not."""
    step_deadline_seconds: float = 7
    lease_seconds: float = 10
    webhook_tolerance_seconds: int = 300
    reconcile_seconds: float = 30
    """How often the processor's list is compared with ours."""
    sweep_overlap_seconds: float = 3600
    """How far back charges are compared, and compared again every ten minutes: challenges take their time."""
    unmatched_grace_seconds: float = 60
    """A difference younger than this is money under way."""

    @property
    def processor_timeout_seconds(self) -> float:
        """Of one call to the processor. A step makes two at most."""
        return self.step_deadline_seconds / 2
