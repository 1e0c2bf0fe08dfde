"""Payments as an application."""

from fastapi import FastAPI

from bodega.contracts.problems import TITLES
from bodega.kit.app import create_service, ear, housekeeping, relay_of
from bodega.kit.db import Database
from bodega.services.payments import __doc__ as sign
from bodega.services.payments import routes
from bodega.services.payments.clients import Stripe
from bodega.services.payments.consumers import hears
from bodega.services.payments.flows import Sweep, Workers
from bodega.services.payments.settings import Settings

NAME = "payments"


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    database = Database(settings.database_url, pool_size=settings.pool_size)
    processor = Stripe(
        settings.stripe_secret_key.get_secret_value(),
        publishable_key=settings.stripe_publishable_key,
        webhook_secret=settings.stripe_webhook_secret.get_secret_value(),
        api_base=settings.stripe_api_base,
        timeout_seconds=settings.processor_timeout_seconds,
        webhook_tolerance_seconds=settings.webhook_tolerance_seconds,
    )
    workers = Workers(database, processor, settings)
    relay = relay_of(NAME, settings, database)
    consumer, inbox = ear(NAME, settings, database, hears(settings, workers), topics=("orders", "shipping"))
    return create_service(
        NAME,
        settings,
        [routes.public, routes.admin, routes.internal, routes.persons],
        titles=TITLES,
        description=sign or "",
        state={"database": database, "workers": workers, "processor": processor},
        opens=[database, processor],
        loops=[
            relay,
            consumer,
            workers,
            Sweep(database, processor, settings).loop(),
            housekeeping(database, settings),
        ],
        ready={"postgres": database.ping},
        degraded={"kafka": lambda: consumer.connected},
        parked=inbox,
    )
