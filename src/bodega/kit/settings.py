"""The settings that every service has. It imports little: the platform reads here what a service is to be told."""

import tempfile
from pathlib import Path

from pydantic_settings import BaseSettings

SKIPPED_DIR = Path(tempfile.gettempdir()) / "bodega-skipped"


class ServiceSettings(BaseSettings):
    """What every service is told. A service adds its own, with `env_prefix="BODEGA_<NAME>_"`, and is told nothing that
    it does not declare."""

    host: str = "127.0.0.1"
    port: int = 0
    replica: str = "0"
    reuse_port: bool = False
    """Whether replicas on this machine listen at the same port: the kernel shares new connections out among them."""
    kafka: str = "127.0.0.1:7092"
    topic_prefix: str = ""
    """Put before every topic and group, so that tests may share a broker."""
    service_urls: dict[str, str] = {}
    allowed_callers: list[str] = []
    internal_key_file: Path | None = None
    internal_jwks_file: Path | None = None
    jwks_url: str = "http://127.0.0.1:7101/.well-known/jwks.json"
    gateways: list[str] = ["127.0.0.1"]
    """Addresses and networks of the gateway: what it says of a client's address is believed, and nobody else."""
    token_issuer: str = "bodega"  # noqa: S105 - a name
    token_audience: str = "bodega"  # noqa: S105 - a name
    currency: str = "EUR"
    country: str = "DE"
    site_url: str = "http://127.0.0.1:8000"
    api_url: str = "http://127.0.0.1:8080"
    log_format: str = "json"
    trace_ratio: float = 0.01
    pool_size: int = 5
    requests_at_once: int = 256
    """How many requests from outside one process works on at once; whoever comes beyond that is told to come again."""
    request_timeout_seconds: float = 10
    relay_poll_seconds: float = 1
    retry_first_seconds: float = 1
    retry_most_seconds: float = 60
    idempotency_hours: float = 24
    inbox_days: int = 14
    """How long it is remembered that an event has been handled: longer than the topics can bring it again (7 days)."""
    ended_flow_days: int = 30
    skipped_dir: Path = SKIPPED_DIR
    """Where events are kept that cannot even be parked."""
