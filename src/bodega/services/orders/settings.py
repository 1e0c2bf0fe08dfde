"""Orders' settings. Every default runs on a laptop."""

from pathlib import Path
from typing import Literal

from pydantic_settings import SettingsConfigDict

from bodega.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_ORDERS_")

    port: int = 7107
    database_url: str = "postgresql://bodega_orders@127.0.0.1:7432/bodega_orders"
    link_secret_file: Path | None = None
    """Holds what the links to orders in mails are signed with. Notifications is told the same."""
    capture_on: Literal["order", "shipment"] = "order"
    """With `order`, no label is bought before the money is taken. Payments is told the same."""
    cancel_window_seconds: float = 1800
    """How long a paid order can be cancelled for certain, shown to its buyer. Shipping is told the same, and waits."""
    return_days: int = 14
    """How many days after the day of delivery a consumer may withdraw. What comes later is taken, and marked late."""
    unmatched_withdrawal_days: int = 1095
    """How long a statement of withdrawal is kept that nobody could find an order for."""
    stream_seconds: float = 600
    """How long an order is followed in one go. Then the browser comes again, with a token that is still good."""
