"""Search's settings. Every default runs on a laptop."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from bodega.kit.settings import ServiceSettings

SELDOMEST_MILLISECONDS = 1000
"""Of the index's refreshes behind an edge: of those that are asked for after a write, during a flood of writes; and of
the engine's own, should whoever has written be killed before it could ask."""


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_SEARCH_")

    port: int = 7110
    opensearch_url: str = "http://127.0.0.1:9251"
    opensearch_timeout_seconds: float = 5
    search_milliseconds: int = 1000
    """So long the engine looks at most; what it has found by then is the answer, which no cache keeps."""
    index_prefix: str = "bodega-"
    """Put before every index and alias, so that shops and tests may share an engine."""
    refresh_milliseconds: int = 200
    """How soon a written change is found, but in a flood of changes behind an edge (`SELDOMEST_MILLISECONDS`). Every
    change of the index costs one refresh within this time."""
    edge_url: str = ""
    """Where the edge takes our word that an answer is old. Without an edge no shared cache may keep any."""
    purge_secret_file: Path | None = None
    shared_cache_seconds: int = 30
    """How long the edge may keep an answer: the bound on a lost purge, and on what a killed replica did not say."""
