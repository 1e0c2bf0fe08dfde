"""Search, running on the real engines, beside a catalog and an inventory of the tests' own."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from opensearchpy import AsyncOpenSearch

from bodega.kit.testing import Caller, Credentials, Topics, eventually, serving
from bodega.services.search.app import create_app
from bodega.services.search.settings import Settings
from bodega.services.search.store import Store
from tests.conftest import RUN, engine, topics_for
from tests.search.engines import elasticsearch
from tests.search.sources import Shop, catalog, inventory

topics = topics_for("search")


@pytest.fixture(scope="package", params=["opensearch", "elasticsearch"])
async def engine_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Where the engine is. Whatever stands on it is tested on both."""
    if request.param == "opensearch":
        yield engine("BODEGA_SEARCH_OPENSEARCH_URL")
        return
    async with elasticsearch(tmp_path_factory.mktemp("elasticsearch"), f"t{RUN}") as url:
        yield url


@pytest.fixture(scope="package")
async def backend(engine_url: str) -> AsyncIterator[AsyncOpenSearch]:
    """The engine itself. What this run has made there goes with it."""
    client = AsyncOpenSearch([engine_url])
    yield client
    await client.indices.delete(index=f"t{RUN}-*")
    await client.close()


@pytest.fixture
async def store(engine_url: str, backend: AsyncOpenSearch) -> AsyncIterator[Store]:
    """Indexes of a test's own, empty."""
    store = Store(
        engine_url,
        prefix=f"t{RUN}-{secrets.token_hex(3)}-",
        timeout_seconds=5,
        refresh_milliseconds=100,
    )
    await store.open()
    await store.prepare()
    yield store
    await store.close()


@dataclass
class Stage:
    """A search of its own, with its sources and its topics."""

    search: Caller
    shop: Shop
    topics: Topics
    settings: Settings


OpenStage = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture(scope="package")
def open_stage(engine_url: str, backend: AsyncOpenSearch, topics: Topics, credentials: Credentials) -> OpenStage:
    """`async with open_stage("demo", shop) as stage`: names keep stages apart, on Kafka and in the index."""

    @asynccontextmanager
    async def opened(name: str, shop: Shop, **other: Any) -> AsyncIterator[Stage]:
        # A name is used once on each engine.
        own = Topics(topics.bootstrap, f"{topics.prefix}{name}.{secrets.token_hex(3)}.")
        await own.make("catalog", "inventory", "search.parked")
        await own.open()
        async with (
            serving(catalog(shop, credentials)) as its_catalog,
            serving(inventory(shop, credentials)) as its_inventory,
        ):
            settings = Settings(
                opensearch_url=engine_url,
                index_prefix=f"t{RUN}-{name}-",
                kafka=topics.bootstrap,
                topic_prefix=own.prefix,
                service_urls={"catalog": its_catalog.base, "inventory": its_inventory.base},
                internal_key_file=credentials.key_file("search"),
                internal_jwks_file=credentials.jwks_file,
                allowed_callers=["cli"],
                retry_first_seconds=0.1,
                **{"edge_url": "", **other},
            )
            async with serving(create_app(settings)) as search:
                await ready(search)
                yield Stage(search, shop, own, settings)
        await own.close()

    return opened


@pytest.fixture(scope="package")
async def stage(open_stage: OpenStage) -> AsyncIterator[Stage]:
    """An empty shop."""
    async with open_stage("main", Shop()) as stage:
        yield stage


PATIENCE_SECONDS = 30
"""An engine that has just started, on a busy machine, takes its time for its first index."""


async def ready(search: Caller) -> None:
    async def once() -> None:
        assert (await search.get("/readyz")).status == 200

    await eventually(once, within_seconds=PATIENCE_SECONDS)
