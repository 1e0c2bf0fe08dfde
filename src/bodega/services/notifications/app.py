"""Notifications as an application."""

import secrets

from fastapi import FastAPI

from bodega.contracts.problems import TITLES
from bodega.kit.app import client_for, create_service, ear, housekeeping, secret_from
from bodega.kit.db import Database
from bodega.kit.flow import Flows
from bodega.kit.retention import DAY, older_than
from bodega.services.notifications import __doc__ as sign
from bodega.services.notifications import routes, store
from bodega.services.notifications.clients import Goods, Links, Mailer, Twilio
from bodega.services.notifications.consumers import heard_with
from bodega.services.notifications.flows import Mailing
from bodega.services.notifications.settings import Settings
from bodega.services.notifications.templates import Writer

NAME = "notifications"


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    database = Database(settings.database_url, pool_size=settings.pool_size)
    # One attempt: a step that fails is tried again by its flow.
    auth = client_for("auth", NAME, settings, timeout_seconds=settings.auth_timeout_seconds, attempts=1)
    catalog = client_for("catalog", NAME, settings, timeout_seconds=settings.catalog_timeout_seconds, attempts=1)
    inventory = client_for("inventory", NAME, settings, timeout_seconds=settings.inventory_timeout_seconds)
    goods = Goods(catalog, inventory)
    link_secret = secret_from(settings.link_secret_file)
    writer = Writer(settings, link_secret)
    mailer = Mailer(settings)
    steps = Mailing(database, Links(auth), goods, mailer, Twilio(settings), writer, settings)
    mailing = Flows(
        database,
        "mailing",
        {"wait": steps.wait, "send": steps.send},
        service=NAME,
        owner=f"{NAME}-{settings.replica}-{secrets.token_hex(4)}",
        lease_seconds=settings.lease_seconds,
        step_deadline_seconds=settings.step_deadline_seconds,
        retry_first_seconds=settings.retry_first_seconds,
        retry_most_seconds=settings.retry_most_seconds,
    )
    consumer, inbox = ear(
        NAME,
        settings,
        database,
        heard_with(mailing, settings),
        topics=("orders", "shipping", "payments", "users", "inventory"),
    )
    return create_service(
        NAME,
        settings,
        [routes.public, routes.admin, routes.persons],
        titles=TITLES,
        description=sign or "",
        state={"database": database, "mailing": mailing, "link_secret": link_secret, "writer": writer, "goods": goods},
        opens=[database, auth, catalog, inventory, mailer],
        loops=[
            consumer,
            mailing,
            housekeeping(
                database,
                settings,
                store.bodies_for(settings.mail_body_days),
                older_than(settings.stock_wish_days * DAY, "stock_wish", "asked_at"),
            ),
        ],
        ready={"postgres": database.ping},
        degraded={"kafka": lambda: consumer.connected},
        parked=inbox,
        raw_paths=(f"{routes.public.prefix}/unsubscribe",),
    )
