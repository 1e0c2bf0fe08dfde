"""Users, running on the real engines."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials, Topics, serving
from bodega.services.users.app import create_app
from bodega.services.users.domain import EXPORT
from bodega.services.users.settings import Settings
from tests.conftest import MakeDatabase, topics_for
from tests.users.rooms import Rooms

topics = topics_for("users")

HOME: dict[str, Any] = {
    "name": "Ada Lovelace", "line1": "Torstrasse 1", "postal_code": "10119", "city": "Berlin", "country": "DE",
}  # fmt: skip
SomeCustomer = Callable[..., Caller]
StartUsers = Callable[..., AbstractAsyncContextManager[Caller]]


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
async def around(credentials: Credentials) -> AsyncIterator[tuple[Rooms, str]]:
    rooms = Rooms(credentials)
    async with serving(rooms.app()) as caller:
        yield rooms, caller.base


@pytest.fixture
def rooms(around: tuple[Rooms, str]) -> Iterator[Rooms]:
    """The other rooms. What one test breaks, the next does not see."""
    yield around[0]
    around[0].works()


@pytest.fixture(scope="package")
def start_users(database_url: str, topics: Topics, credentials: Credentials, around: tuple[Rooms, str]) -> StartUsers:
    """`async with start_users(...) as users`: a replica of users, with other settings."""

    def start(**other: Any) -> AbstractAsyncContextManager[Caller]:
        usual: dict[str, Any] = {
            "database_url": database_url,
            "kafka": topics.bootstrap,
            "topic_prefix": topics.prefix,
            "internal_key_file": credentials.key_file("users"),
            "internal_jwks_file": credentials.jwks_file,
            "service_urls": {room: f"{around[1]}/{room}" for room in EXPORT},
            "retry_first_seconds": 0.1,
            "retry_most_seconds": 0.2,
            "address_limit": 4,
            "erase_again_seconds": 0.5,
        }
        app = create_app(Settings(**{**usual, **other}))
        app.state.access_tokens = credentials.access_tokens()
        return serving(app)

    return start


@pytest.fixture(scope="package")
async def users(start_users: StartUsers) -> AsyncIterator[Caller]:
    async with start_users() as caller:
        yield caller


@pytest.fixture
def customer(users: Caller, credentials: Credentials) -> SomeCustomer:
    """`customer()`: somebody new; `customer(id)`: that one."""
    return lambda subject=None: users.being(credentials.customer(subject or new_id("cus")))
