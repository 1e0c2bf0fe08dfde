"""Shipping as an application."""

import secrets

from fastapi import FastAPI

from bodega.contracts.problems import TITLES
from bodega.kit.app import client_for, create_service, ear, housekeeping, relay_of
from bodega.kit.db import Database
from bodega.kit.flow import Flows
from bodega.kit.http import Client
from bodega.services.shipping import __doc__ as sign
from bodega.services.shipping import routes
from bodega.services.shipping.clients import Carrier, CarrierPrices, LabelShelf, Orders
from bodega.services.shipping.consumers import heard_with
from bodega.services.shipping.flows import Fulfilment
from bodega.services.shipping.settings import Settings

NAME = "shipping"


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    database = Database(settings.database_url, pool_size=settings.pool_size)
    # One attempt: a step that fails is tried again by its flow, and a label of unknown fate is looked up first.
    orders = client_for("orders", NAME, settings, timeout_seconds=settings.outside_timeout_seconds, attempts=1)
    carrier = Client(
        NAME, "carrier", settings.carrier_url, timeout_seconds=settings.outside_timeout_seconds, attempts=1
    )
    impatient = Client(
        NAME, "carrier-prices", settings.carrier_url, timeout_seconds=settings.carrier_patience_seconds, attempts=1,
        breaker_threshold=5, breaker_seconds=10,
    )  # fmt: skip
    key = settings.carrier_key.get_secret_value()
    shelf = LabelShelf(settings)
    steps = Fulfilment(
        database,
        Orders(orders),
        Carrier(carrier, key, settings.sender),
        shelf,
        settings,
    )
    fulfilment = Flows(
        database,
        "fulfilment",
        steps.steps,
        service=NAME,
        owner=f"{NAME}-{settings.replica}-{secrets.token_hex(4)}",
        lease_seconds=settings.lease_seconds,
        step_deadline_seconds=settings.step_deadline_seconds,
        retry_first_seconds=settings.retry_first_seconds,
        retry_most_seconds=settings.retry_most_seconds,
    )
    consumer, inbox = ear(NAME, settings, database, heard_with(fulfilment, settings), topics=("orders",))
    return create_service(
        NAME,
        settings,
        [routes.public, routes.admin, routes.internal, routes.persons],
        titles=TITLES,
        description=sign or "",
        state={
            "database": database,
            "shelf": shelf,
            "fulfilment": fulfilment,
            "carrier_prices": CarrierPrices(impatient, key, settings.sender),
        },
        opens=[database, orders, carrier, impatient, shelf],
        loops=[
            relay_of(NAME, settings, database),
            consumer,
            fulfilment,
            housekeeping(database, settings),
        ],
        ready={"postgres": database.ping},
        degraded={"kafka": lambda: consumer.connected},
        parked=inbox,
    )
