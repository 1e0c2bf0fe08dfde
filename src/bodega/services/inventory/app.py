"""Inventory as an application."""

from fastapi import FastAPI

from bodega.contracts.problems import TITLES
from bodega.kit.app import create_service, ear, housekeeping, relay_of
from bodega.kit.db import Database
from bodega.services.inventory import __doc__ as sign
from bodega.services.inventory import routes
from bodega.services.inventory.consumers import HEARS
from bodega.services.inventory.settings import Settings

NAME = "inventory"


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    database = Database(settings.database_url, pool_size=settings.pool_size)
    relay = relay_of(NAME, settings, database)
    consumer, inbox = ear(NAME, settings, database, HEARS, topics=("catalog", "orders"))
    return create_service(
        NAME,
        settings,
        [routes.public, routes.admin, routes.internal],
        titles=TITLES,
        description=sign or "",
        state={"database": database},
        opens=[database],
        loops=[
            relay,
            consumer,
            housekeeping(database, settings),
        ],
        ready={"postgres": database.ping},
        degraded={"kafka": lambda: consumer.connected},
        parked=inbox,
        raw_paths=(routes.IMPORT_PATH,),
    )
