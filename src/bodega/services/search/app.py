"""Search as an application."""

from fastapi import FastAPI

from bodega.contracts.problems import TITLES
from bodega.kit.app import consumer_of, create_service
from bodega.kit.bus import Producer
from bodega.kit.inbox import StatelessDoor
from bodega.kit.surrogates import SharedCache
from bodega.services.search import __doc__ as sign
from bodega.services.search import routes
from bodega.services.search.clients import Sources
from bodega.services.search.consumers import hears
from bodega.services.search.flows import Curator, Herald
from bodega.services.search.settings import SELDOMEST_MILLISECONDS, Settings
from bodega.services.search.store import Store

NAME = "search"
_AT_ONCE = 500
"""Events: so many that in a flood the SKUs of a product, which are told in different partitions, come together."""


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    edge = SharedCache(settings.edge_url, settings.purge_secret_file) if settings.edge_url else None
    # Behind an edge every change is followed by a refresh that the herald asks for; the engine's own come on top.
    own_refresh = settings.refresh_milliseconds if edge is None else SELDOMEST_MILLISECONDS
    store = Store(
        settings.opensearch_url,
        prefix=settings.index_prefix,
        timeout_seconds=settings.opensearch_timeout_seconds,
        refresh_milliseconds=own_refresh,
        search_milliseconds=settings.search_milliseconds,
    )
    sources = Sources(settings)
    herald = Herald(store, edge, settings)
    curator = Curator(store, sources, herald, settings)
    door = StatelessDoor(
        Producer(settings.kafka, client_id=f"{NAME}-{settings.replica}"),
        settings.topic_prefix + NAME,
        {one.name: one for one in hears(store, herald)},
        skipped_dir=settings.skipped_dir,
    )
    consumer = consumer_of(NAME, settings, door, topics=("catalog", "inventory"), at_once=_AT_ONCE)
    return create_service(
        NAME,
        settings,
        [routes.public, routes.internal],
        titles=TITLES,
        description=sign or "",
        state={"store": store, "sources": sources, "curator": curator, "herald": herald},
        opens=[store, *sources.clients, *([edge] if edge is not None else []), door],
        loops=[curator, consumer, herald],
        ready={"opensearch": store.ping},
        degraded={"kafka": lambda: consumer.connected},
        parked=door,
    )
