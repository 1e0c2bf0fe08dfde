"""Users, running on the real engines."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials, Topics, serving
from bodega.services.users.app import create_app
from bodega.services.users.settings import Settings
from tests.conftest import MakeDatabase, topics_for

topics = topics_for("users")

HOME: dict[str, Any] = {
    "name": "Ada Lovelace", "line1": "Torstrasse 1", "postal_code": "10119", "city": "Berlin", "country": "DE",
}  # fmt: skip
SomeCustomer = Callable[..., Caller]


@pytest.fixture(scope="package")
async def database_url(make_database: MakeDatabase) -> str:
    return await make_database("users")


@pytest.fixture(scope="package")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="package")
async def users(database_url: str, topics: Topics, credentials: Credentials) -> AsyncIterator[Caller]:
    app = create_app(
        Settings(
            database_url=database_url,
            kafka=topics.bootstrap,
            topic_prefix=topics.prefix,
            internal_jwks_file=credentials.jwks_file,
            retry_first_seconds=0.1,
            address_limit=4,
        )
    )
    app.state.access_tokens = credentials.access_tokens()
    async with serving(app) as caller:
        yield caller


@pytest.fixture
def customer(users: Caller, credentials: Credentials) -> SomeCustomer:
    """`customer()`: somebody new; `customer(id)`: that one."""
    return lambda subject=None: users.being(credentials.customer(subject or new_id("cus")))
