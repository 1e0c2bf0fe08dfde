"""Cart as an application."""

from fastapi import FastAPI

from bodega.contracts.problems import TITLES
from bodega.kit.app import consumer_of, create_service, secret_from
from bodega.kit.bus import Producer
from bodega.kit.inbox import StatelessDoor
from bodega.services.cart import __doc__ as sign
from bodega.services.cart import routes
from bodega.services.cart.clients import Services
from bodega.services.cart.consumers import hears
from bodega.services.cart.service import Room
from bodega.services.cart.settings import Settings
from bodega.services.cart.store import Carts

NAME = "cart"


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    carts = Carts(
        settings.redis_url,
        key_prefix=settings.key_prefix,
        connections=settings.redis_connections,
        timeout_seconds=settings.redis_timeout_seconds,
        cart_days=settings.cart_days,
        marker_days=settings.marker_days,
        snapshot_days=settings.snapshot_days,
        idempotency_hours=settings.idempotency_hours,
    )
    services = Services(settings)
    room = Room(carts, services, settings.snapshot_fresh_seconds)
    door = StatelessDoor(
        Producer(settings.kafka, client_id=f"{NAME}-{settings.replica}"),
        settings.topic_prefix + NAME,
        {one.name: one for one in hears(room)},
        skipped_dir=settings.skipped_dir,
    )
    consumer = consumer_of(NAME, settings, door, topics=("catalog", "inventory", "orders"))
    return create_service(
        NAME,
        settings,
        [routes.public, routes.internal, routes.persons],
        titles=TITLES,
        description=sign or "",
        state={"room": room, "token_secret": secret_from(settings.secret_file)},
        opens=[carts, door, *services.clients],
        loops=[consumer],
        ready={"redis": carts.ping},
        degraded={"kafka": lambda: consumer.connected},
        parked=door,
    )
