"""Search's settings. Every default runs on a laptop."""

from pydantic_settings import SettingsConfigDict

from bodega.kit.app import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_SEARCH_")

    port: int = 7110
    opensearch_url: str = "http://127.0.0.1:9251"
    opensearch_timeout_seconds: float = 5
    index_prefix: str = "bodega-"
    """Put before every index and alias, so that shops and tests may share an engine."""
    refresh_milliseconds: int = 200
    """How soon a written change is found. Every change of the index costs one refresh within this time."""
    shared_cache_seconds: int = 0
    """How long the edge may keep an answer. Not at all, as long as nobody purges it there after a refresh."""
