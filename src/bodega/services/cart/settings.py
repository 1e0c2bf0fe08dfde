"""Cart's settings. Every default runs on a laptop."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from bodega.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_CART_")

    port: int = 7105
    secret_file: Path | None = None
    """Holds what carts' tokens are signed with."""
    redis_url: str = "redis://127.0.0.1:7379/0"
    key_prefix: str = "cart:"
    """Put before every key, so that several may share a store."""
    redis_connections: int = 50
    redis_timeout_seconds: float = 2
    cart_days: int = 30
    """How long a cart lives that nobody uses."""
    marker_days: int = 14
    """How long it is remembered that an order has taken its lines: longer than the topics' retention."""
    snapshot_days: int = 7
    """How long the last known word about a SKU is kept, for when the catalog or inventory is down."""
    snapshot_fresh_seconds: float = 60
    """Older than this, a snapshot is asked for anew. Events renew it at once; this heals what they have missed."""
    lookup_timeout_seconds: float = 0.8
    """How long a shopper waits for the catalog and inventory before the last known word is shown."""
