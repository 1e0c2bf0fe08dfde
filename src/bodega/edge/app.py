"""The purger as an application: health, metrics, what is parked; its work is done beside."""

from pathlib import Path

from fastapi import FastAPI
from pydantic_settings import SettingsConfigDict

from bodega.contracts.problems import TITLES
from bodega.edge.purger import Purger
from bodega.kit.app import create_service
from bodega.kit.bus import Consumer, Producer
from bodega.kit.inbox import StatelessDoor
from bodega.kit.settings import ServiceSettings
from bodega.kit.surrogates import SharedCache

NAME = "purger"


class Settings(ServiceSettings):
    """The purger's settings; the secret is the one that the edge asks for."""

    model_config = SettingsConfigDict(env_prefix="BODEGA_PURGER_")

    port: int = 7115
    edge_url: str = "http://127.0.0.1:8000"
    purge_secret_file: Path | None = None


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    edge = SharedCache(settings.edge_url, settings.purge_secret_file)
    purger = Purger(edge)
    group = settings.topic_prefix + NAME
    door = StatelessDoor(
        Producer(settings.kafka, client_id=f"{NAME}-{settings.replica}"),
        group,
        {one.name: one for one in purger.hears()},
        skipped_dir=settings.skipped_dir,
    )
    consumer = Consumer(
        settings.kafka,
        group=group,
        topics=[settings.topic_prefix + topic for topic in ("catalog", "inventory")],
        door=door,
        replica=settings.replica,
        retry_first_seconds=settings.retry_first_seconds,
        retry_most_seconds=settings.retry_most_seconds,
        from_now=True,  # whatever was said before is expired before the first heartbeat
    )
    purger.hearing = consumer
    return create_service(
        NAME,
        settings,
        [],
        titles=TITLES,
        description="Takes from the edge what has changed.",
        state={},
        opens=[edge, door],
        loops=[purger, consumer],
        ready={},
        degraded={"kafka": lambda: consumer.connected, "edge": lambda: purger.is_trusted},
        parked=door,
    )
