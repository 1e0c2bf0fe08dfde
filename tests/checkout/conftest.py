"""Checkout, running on the real engines, in a world of small real servers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials, Topics, serving
from bodega.services.checkout.app import create_app
from bodega.services.checkout.settings import Settings
from tests.checkout.world import World, world_of
from tests.conftest import MakeDatabase, topics_for

topics = topics_for("checkout")

NO_BROKER = "127.0.0.1:1"
HASTY_UNKNOWN_SECONDS = 1.5
LEASE_SECONDS, STEP_SECONDS = 2.0, 1.5


@pytest.fixture(scope="package")
async def around(credentials: Credentials) -> AsyncIterator[tuple[World, dict[str, str]]]:
    async with world_of(credentials) as found:
        yield found


@pytest.fixture(scope="package")
def world(around: tuple[World, dict[str, str]]) -> World:
    return around[0]


@pytest.fixture(scope="package")
async def database_url(make_database: MakeDatabase) -> str:
    return await make_database("checkout")


@pytest.fixture(scope="package")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


SettingsOf = Callable[..., Settings]


@pytest.fixture(scope="package")
def settings_of(around: tuple[World, dict[str, str]], credentials: Credentials) -> SettingsOf:
    def make(**other: Any) -> Settings:
        given: dict[str, Any] = {
            "kafka": NO_BROKER,
            "service_urls": around[1],
            "internal_key_file": credentials.key_file("checkout"),
            "internal_jwks_file": credentials.jwks_file,
            "allowed_callers": ["users"],
            "lease_seconds": LEASE_SECONDS,
            "step_deadline_seconds": STEP_SECONDS,
            "checkout_due_seconds": 60,
            "declined_due_seconds": 60,
            "waiting_per_email": 1000,
            "waiting_per_address": 1000,
            "unknown_due_seconds": 90,
            "reconcile_seconds": 0.3,
            "retry_first_seconds": 0.05,
            "retry_most_seconds": 0.3,
            "request_timeout_seconds": 8,
            "attempts_at_most": 3,
            **other,
        }
        return Settings(**given)

    return make


@pytest.fixture(scope="package")
async def shop(
    database_url: str, topics: Topics, settings_of: SettingsOf, credentials: Credentials
) -> AsyncIterator[Caller]:
    """Checkout, with time enough that no clock ends anything."""
    app = create_app(settings_of(database_url=database_url, kafka=topics.bootstrap, topic_prefix=topics.prefix))
    app.state.access_tokens = credentials.access_tokens()
    async with serving(app) as caller:
        yield caller


@pytest.fixture(scope="package")
async def hasty(make_database: MakeDatabase, settings_of: SettingsOf) -> AsyncIterator[Caller]:
    """Checkout whose shoppers have a second, and no patience. On a database of its own."""
    url = await make_database("checkout")
    times = {
        "checkout_due_seconds": 1,
        "unknown_due_seconds": HASTY_UNKNOWN_SECONDS,
        "request_timeout_seconds": 0.3,
    }
    async with serving(create_app(settings_of(database_url=url, **times))) as caller:
        yield caller


Read = Callable[[str], Awaitable[dict[str, Any]]]


@pytest.fixture
def flow(database: Database) -> Read:
    """The flow's row of a checkout."""

    async def read(checkout_id: str) -> dict[str, Any]:
        async with database.transaction() as tx:
            row = await tx.fetchrow("SELECT * FROM flow WHERE id = $1", checkout_id)
        assert row is not None
        return dict(row)

    return read
