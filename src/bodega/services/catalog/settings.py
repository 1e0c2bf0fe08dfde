"""Catalog's settings. Every default runs on a laptop."""

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from bodega.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_CATALOG_")

    port: int = 7103
    mongo_url: str = "mongodb://127.0.0.1:7017/bodega"
    mongo_timeout_seconds: float = 5
    s3_url: str = "http://127.0.0.1:7333"
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_bucket: str = "media"
    """Public: what is in it is on the shop's pages."""
    s3_uploads_bucket: str = "uploads"
    """Private: pictures as they came, until they have been looked at."""
    upload_seconds: int = 900
    picture_bytes: int = 20_000_000
    picture_pixels: int = 40_000_000
    picture_workers: int = 1
    picture_queue: int = 20
    unshown_hours: float = 24
    """After this time a picture's file that nothing refers to is taken away, with the next day's sweep."""
    import_bytes: int = 50_000_000
    leftover_seconds: float = 30
    """After this time a write that was announced and is not there will not come any more: longer than any
    request may take."""
    relay_lease_seconds: float = 10
    """For so long the replica that publishes the events is not replaced when nothing is heard of it."""
    relay_shared_poll_seconds: float = 0.1
    """While there are other replicas, whose writes do not wake the one that publishes, it looks this often."""
    shared_cache_seconds: int = 60
    cards_in_memory: int = 150_000
    """Of how many products what lists show is kept written out: half a kilobyte to one and a half each. Of more, those
    that were not shown for longest are read from the database when they are asked for."""
    card_seconds: float = 60
    """A card that was read longer ago is read again once it has been shown: what was changed past the catalog (by hand,
    say) is seen soon after, too."""
