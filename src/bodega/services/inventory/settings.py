"""Inventory's settings. Every default runs on a laptop."""

from pydantic_settings import SettingsConfigDict

from bodega.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_INVENTORY_")

    port: int = 7104
    database_url: str = "postgresql://bodega_inventory@127.0.0.1:7432/bodega_inventory"
    import_bytes: int = 50_000_000
