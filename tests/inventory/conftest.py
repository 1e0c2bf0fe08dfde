"""Inventory, running on the real engines."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials, Topics, serving
from bodega.services.inventory.app import create_app
from bodega.services.inventory.settings import Settings
from tests.conftest import MakeDatabase, topics_for

topics = topics_for("inventory")

Stocked = Callable[[int], Awaitable[str]]


@pytest.fixture(scope="package")
async def database_url(make_database: MakeDatabase) -> str:
    return await make_database("inventory")


@pytest.fixture(scope="package")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="package")
async def inventory(database_url: str, topics: Topics, credentials: Credentials) -> AsyncIterator[Caller]:
    app = create_app(
        Settings(
            database_url=database_url,
            kafka=topics.bootstrap,
            topic_prefix=topics.prefix,
            internal_jwks_file=credentials.jwks_file,
            allowed_callers=["checkout", "cart"],
            relay_poll_seconds=0.2,
            retry_first_seconds=0.1,
        )
    )
    app.state.access_tokens = credentials.access_tokens()
    async with serving(app) as caller:
        yield caller


@pytest.fixture
def checkout(inventory: Caller, credentials: Credentials) -> Caller:
    return inventory.being(credentials.service("checkout", "inventory"))


@pytest.fixture
def merchant(inventory: Caller, credentials: Credentials) -> Caller:
    return inventory.being(credentials.customer("cus_merchant", "merchant"))
