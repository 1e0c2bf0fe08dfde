"""Users as an application."""

import secrets

from fastapi import FastAPI

from bodega.contracts.problems import TITLES
from bodega.kit.app import create_service, ear, housekeeping
from bodega.kit.db import Database
from bodega.kit.flow import Flows
from bodega.services.users import __doc__ as sign
from bodega.services.users import routes
from bodega.services.users.clients import Services
from bodega.services.users.consumers import HEARS
from bodega.services.users.flows import Privacy
from bodega.services.users.settings import Settings

NAME = "users"


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    database = Database(settings.database_url, pool_size=settings.pool_size)
    services = Services(settings)
    steps = Privacy(database, services, settings)
    exports, erasures = (
        Flows(
            database,
            kind,
            of_kind,
            service=NAME,
            owner=f"{NAME}-{settings.replica}-{secrets.token_hex(4)}",
            lease_seconds=settings.lease_seconds,
            step_deadline_seconds=settings.step_deadline_seconds,
            retry_first_seconds=settings.retry_first_seconds,
            retry_most_seconds=settings.retry_most_seconds,
            workers=1,
        )
        for kind, of_kind in (("export", steps.export_steps), ("erase", steps.erase_steps))
    )
    consumer, inbox = ear(NAME, settings, database, HEARS, topics=("users",))
    return create_service(
        NAME,
        settings,
        [routes.public],
        titles=TITLES,
        description=sign or "",
        state={"database": database, "services": services, "exports": exports, "erasures": erasures},
        opens=[database, *services.clients],
        loops=[
            consumer,
            exports,
            erasures,
            housekeeping(database, settings),
        ],
        ready={"postgres": database.ping},
        degraded={"kafka": lambda: consumer.connected},
        parked=inbox,
    )
