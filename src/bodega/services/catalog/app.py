"""Catalog as an application."""

from fastapi import FastAPI

from bodega.contracts.problems import TITLES
from bodega.kit.app import create_service
from bodega.kit.bus import Producer
from bodega.services.catalog import __doc__ as sign
from bodega.services.catalog import routes
from bodega.services.catalog.clients import ObjectStorage
from bodega.services.catalog.flows import Darkroom, ReadModel, Relay, Tidying
from bodega.services.catalog.settings import Settings
from bodega.services.catalog.store import Store

NAME = "catalog"


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    store = Store(settings.mongo_url, timeout_seconds=settings.mongo_timeout_seconds, pool_size=settings.pool_size)
    storage = ObjectStorage(settings)
    darkroom = Darkroom(settings)
    lists = ReadModel(store, settings)
    relay = Relay(
        store,
        Producer(
            settings.kafka,
            client_id=f"{NAME}-{settings.replica}",
            transactional_id=f"{settings.topic_prefix}{NAME}",
        ),
        settings,
    )
    return create_service(
        NAME,
        settings,
        [routes.lists, routes.public, routes.admin, routes.internal],
        titles=TITLES,
        description=sign or "",
        state={"store": store, "storage": storage, "darkroom": darkroom, "lists": lists},
        opens=[store, storage, darkroom],
        loops=[relay, lists, Tidying(store, storage, settings)],
        ready={"mongodb": store.ping, "lists": lists.ready},
        degraded={"kafka": lambda: relay.connected},
        raw_paths=(routes.IMPORT_PATH,),
    )
