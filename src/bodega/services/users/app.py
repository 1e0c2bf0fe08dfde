"""Users as an application."""

from fastapi import FastAPI

from bodega.contracts.problems import TITLES
from bodega.kit.app import Housekeeping, create_service, ear
from bodega.kit.db import Database
from bodega.services.users import __doc__ as sign
from bodega.services.users import routes
from bodega.services.users.consumers import HEARS
from bodega.services.users.settings import Settings

NAME = "users"


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    database = Database(settings.database_url, pool_size=settings.pool_size)
    consumer, inbox = ear(NAME, settings, database, HEARS, topics=("users",))
    return create_service(
        NAME,
        settings,
        [routes.public],
        titles=TITLES,
        description=sign or "",
        state={"database": database},
        opens=[database],
        loops=[consumer, Housekeeping(database, inbox, idempotency_hours=settings.idempotency_hours)],
        ready={"postgres": database.ping},
        degraded={"kafka": lambda: consumer.connected},
        parked=inbox,
    )
