"""Orders' settings. Every default runs on a laptop."""

from pydantic_settings import SettingsConfigDict

from bodega.kit.app import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_ORDERS_")

    port: int = 7107
    database_url: str = "postgresql://bodega_orders@127.0.0.1:7432/bodega_orders"
    capture_before_fulfilment: bool = True
    """False, where payments captures on shipment: then a label may be bought before the money is taken."""
    stream_seconds: float = 600
    """How long an order is followed in one go. Then the browser comes again, with a token that is still good."""
