"""Search, running on the real engines, beside a catalog and an inventory of the tests' own."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from opensearchpy import AsyncOpenSearch

from bodega.kit.testing import Caller, Credentials, Topics, eventually, serving
from bodega.services.search.app import create_app
from bodega.services.search.settings import Settings
from bodega.services.search.store import Store
from tests.conftest import RUN, engine
from tests.search.sources import Shop, catalog, inventory


@pytest.fixture(scope="session")
async def opensearch() -> AsyncIterator[AsyncOpenSearch]:
    """The engine itself. What this run has made there goes with it."""
    client = AsyncOpenSearch([engine("BODEGA_SEARCH_OPENSEARCH_URL")])
    yield client
    await client.indices.delete(index=f"t{RUN}-*")
    await client.close()


@pytest.fixture
async def store(opensearch: AsyncOpenSearch) -> AsyncIterator[Store]:
    """Indexes of a test's own, empty."""
    store = Store(
        engine("BODEGA_SEARCH_OPENSEARCH_URL"),
        prefix=f"t{RUN}-{secrets.token_hex(3)}-",
        timeout_seconds=5,
        refresh_milliseconds=100,
    )
    await store.open()
    await store.prepare()
    yield store
    await store.close()


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop()


MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="session")
async def settings(
    opensearch: AsyncOpenSearch, topics: Topics, credentials: Credentials, shop: Shop
) -> AsyncIterator[MakeSettings]:
    """Settings of a search that stands between the tests' catalog and inventory."""
    await topics.make("search.parked")
    async with AsyncExitStack() as stack:
        addresses = {
            "catalog": (await stack.enter_async_context(serving(catalog(shop, credentials)))).base,
            "inventory": (await stack.enter_async_context(serving(inventory(shop, credentials)))).base,
        }

        def make(**other: object) -> Settings:
            return Settings.model_validate(
                {
                    "opensearch_url": engine("BODEGA_SEARCH_OPENSEARCH_URL"),
                    "index_prefix": f"t{RUN}-",
                    "kafka": topics.bootstrap,
                    "topic_prefix": topics.prefix,
                    "service_urls": addresses,
                    "internal_key_file": credentials.key_file("search"),
                    "internal_jwks_file": credentials.jwks_file,
                    "allowed_callers": ["cli"],
                    "retry_first_seconds": 0.1,
                    **other,
                }
            )

        yield make


@pytest.fixture(scope="session")
async def search(settings: MakeSettings) -> AsyncIterator[Caller]:
    async with serving(create_app(settings())) as caller:
        await ready(caller)
        yield caller


async def ready(search: Caller) -> None:
    async def once() -> None:
        assert (await search.get("/readyz")).status == 200

    await eventually(once)
