"""Checkout as an application."""

import secrets

from fastapi import FastAPI

from bodega.contracts.problems import TITLES
from bodega.kit.app import create_service, ear, housekeeping
from bodega.kit.db import Database
from bodega.kit.flow import Flows
from bodega.kit.line import Line
from bodega.kit.live import Live
from bodega.services.checkout import __doc__ as sign
from bodega.services.checkout import routes, store
from bodega.services.checkout.clients import Services
from bodega.services.checkout.consumers import hears
from bodega.services.checkout.flows import KIND, CheckoutFlow, Driver
from bodega.services.checkout.settings import Settings

NAME = "checkout"
ENTERING_AT_ONCE = 32
ENTRANCE_SECONDS = 1.0
"""At the entrance others are only asked what the cart holds and whether that can be had: short work."""


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    database = Database(settings.database_url, pool_size=settings.pool_size)
    services = Services(settings)
    flows = Flows(
        database,
        KIND,
        CheckoutFlow(database, services, settings).steps,
        service=NAME,
        owner=f"{NAME}-{settings.replica}-{secrets.token_hex(4)}",
        lease_seconds=settings.lease_seconds,
        step_deadline_seconds=settings.step_deadline_seconds,
        retry_first_seconds=settings.retry_first_seconds,
        retry_most_seconds=settings.retry_most_seconds,
    )
    live = Live(database, store.CHANGES, event="status")
    driver = Driver(flows, database, live, patience_seconds=settings.request_timeout_seconds)
    lines = routes.Lines(
        entrance=Line(ENTERING_AT_ONCE, patience_seconds=ENTRANCE_SECONDS),
        checkouts=Line(settings.checkouts_at_once, patience_seconds=settings.request_timeout_seconds),
    )
    consumer, inbox = ear(NAME, settings, database, hears(flows), topics=("payments", "orders"))
    return create_service(
        NAME,
        settings,
        [routes.router, routes.taxes, routes.admin, routes.persons],
        titles=TITLES,
        description=sign or "",
        state={"database": database, "services": services, "driver": driver, "live": live, "lines": lines},
        opens=[database, *services.clients],
        loops=[
            driver,
            consumer,
            live,
            housekeeping(database, settings, store.unfinished_for(settings.unfinished_checkout_days)),
        ],
        ready={"postgres": database.ping},
        degraded={"kafka": lambda: consumer.connected},
        parked=inbox,
    )
