"""Orders, running on the real engines."""

from collections.abc import AsyncIterator

import pytest

from bodega.contracts.orders import CreateOrder, view_token
from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller, Credentials, Topics, serving
from bodega.services.orders.app import create_app
from bodega.services.orders.settings import Settings
from tests.conftest import MakeDatabase, topics_for

topics = topics_for("orders")

LINK_SECRET = bytes(range(32))


@pytest.fixture(scope="package")
async def database_url(make_database: MakeDatabase) -> str:
    return await make_database("orders")


@pytest.fixture(scope="package")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="package")
async def orders(
    database_url: str, topics: Topics, credentials: Credentials, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Caller]:
    secret = tmp_path_factory.mktemp("orders") / "link.secret"
    secret.write_text(LINK_SECRET.hex())
    app = create_app(
        Settings(
            database_url=database_url,
            kafka=topics.bootstrap,
            topic_prefix=topics.prefix,
            internal_jwks_file=credentials.jwks_file,
            allowed_callers=["checkout", "shipping", "users"],
            link_secret_file=secret,
            relay_poll_seconds=0.2,
            retry_first_seconds=0.1,
        )
    )
    app.state.access_tokens = credentials.access_tokens()
    async with serving(app) as caller:
        yield caller


@pytest.fixture
def checkout(orders: Caller, credentials: Credentials) -> Caller:
    return orders.being(credentials.service("checkout", "orders"))


@pytest.fixture
def shipping(orders: Caller, credentials: Credentials) -> Caller:
    return orders.being(credentials.service("shipping", "orders"))


async def place(checkout: Caller, wanted: CreateOrder) -> Answered:
    return await checkout.post("/internal/orders", wanted.model_dump(mode="json"))


def link(order_id: str) -> str:
    """The query of an order's signed link, as mails had it before."""
    return f"?token={view_token(LINK_SECRET, order_id)}"


def key(order_id: str) -> dict[str, str]:
    """The header of an order's signed link."""
    return {"Order-Token": view_token(LINK_SECRET, order_id)}
