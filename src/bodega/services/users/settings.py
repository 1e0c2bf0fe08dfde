"""Users' settings. Every default runs on a laptop."""

from pydantic_settings import SettingsConfigDict

from bodega.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_USERS_")

    port: int = 7102
    database_url: str = "postgresql://bodega_users@127.0.0.1:7432/bodega_users"
    address_limit: int = 20
    """Addresses of one customer."""

    lease_seconds: float = 10
    step_deadline_seconds: float = 7
    export_keep_seconds: float = 7 * 86_400
    """How long an export can be read."""
    erase_again_seconds: float = 900
    """When what came late is erased, too: longer than an access token lives."""
