"""Orders as an application."""

from fastapi import FastAPI

from bodega.contracts.problems import TITLES
from bodega.kit.app import create_service, ear, housekeeping, relay_of, secret_from
from bodega.kit.db import Database
from bodega.kit.live import Live
from bodega.services.orders import __doc__ as sign
from bodega.services.orders import routes, store
from bodega.services.orders.consumers import HEARS
from bodega.services.orders.settings import Settings

NAME = "orders"


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    database = Database(settings.database_url, pool_size=settings.pool_size)
    relay = relay_of(NAME, settings, database)
    consumer, inbox = ear(NAME, settings, database, HEARS, topics=("payments", "shipping", "users"))
    live = Live(database, store.CHANGES, event="order", longest_seconds=settings.stream_seconds)
    return create_service(
        NAME,
        settings,
        [routes.public, routes.admin, routes.withdrawals, routes.internal, routes.persons],
        titles=TITLES,
        description=sign or "",
        state={"database": database, "live": live, "link_secret": secret_from(settings.link_secret_file)},
        opens=[database],
        loops=[
            relay,
            consumer,
            live,
            housekeeping(database, settings, store.unmatched_for(settings.unmatched_withdrawal_days)),
        ],
        ready={"postgres": database.ping},
        degraded={"kafka": lambda: consumer.connected},
        parked=inbox,
    )
