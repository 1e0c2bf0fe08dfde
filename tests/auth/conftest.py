"""Auth, running on the real engines."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller, Credentials, Topics, serving
from bodega.services.auth.app import create_app
from bodega.services.auth.settings import Settings
from tests.conftest import MakeDatabase, topics_for

topics = topics_for("auth")

PASSWORD = "a teapot of one's own"
SECRET = bytes(range(32))
StartAuth = Callable[..., Awaitable[Caller]]


@pytest.fixture(scope="package")
async def database_url(make_database: MakeDatabase) -> str:
    return await make_database("auth")


@pytest.fixture(scope="package")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="package")
def secret_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("auth") / "auth.secret"
    file.write_text(SECRET.hex())
    return file


@pytest.fixture(scope="package")
async def start_auth(
    database_url: str, topics: Topics, credentials: Credentials, secret_file: Path
) -> AsyncIterator[StartAuth]:
    """`auth = await start_auth(site_url=...)`: one more auth with other settings, on the same database."""
    async with AsyncExitStack() as stack:

        async def start(**other: Any) -> Caller:
            usual: dict[str, Any] = {
                "database_url": database_url,
                "kafka": topics.bootstrap,
                "topic_prefix": topics.prefix,
                "internal_jwks_file": credentials.jwks_file,
                "allowed_callers": ["notifications", "cli", "orders", "users"],
                "secret_file": secret_file,
                "site_url": "http://shop.example",
                "relay_poll_seconds": 0.2,
                "chores_poll_seconds": 0.1,
                "argon2_memory_kib": 64,
                "argon2_iterations": 1,
                "account_free_attempts": 5,
                "address_free_sign_ups": 10_000,  # all tests' customers come from one address
                "pool_size": 3,
            }
            app = create_app(Settings(**{**usual, **other}))
            caller = await stack.enter_async_context(serving(app))
            # It asks itself for its keys, as every other service asks it.
            app.state.access_tokens._url = f"{caller.base}/.well-known/jwks.json"
            return caller

        yield start


@pytest.fixture(scope="package")
async def auth(start_auth: StartAuth) -> Caller:
    return await start_auth()


@pytest.fixture
def notifications(auth: Caller, credentials: Credentials) -> Caller:
    return auth.being(credentials.service("notifications", "auth"))


@pytest.fixture
def cli(auth: Caller, credentials: Credentials) -> Caller:
    return auth.being(credentials.service("cli", "auth"))


@asynccontextmanager
async def from_address(auth: Caller, address: str) -> AsyncIterator[Caller]:
    """The same auth, called from another address of this machine."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0))) as session:
        yield Caller(auth.base, session)


def new_email() -> str:
    return f"ada.{secrets.token_hex(5)}@shop.example"


async def register(auth: Caller, email: str, password: str = PASSWORD, **other: Any) -> Answered:
    return await auth.post("/auth/register", {"email": email, "password": password, "name": "Ada Lovelace", **other})


async def log_in(auth: Caller, email: str, password: str = PASSWORD, **other: Any) -> Answered:
    return await auth.post("/auth/login", {"email": email, "password": password, **other})


async def refresh(auth: Caller, token: str) -> Answered:
    return await auth.post("/auth/refresh", {"refresh_token": token})


def bearer(answer: Answered) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json['access_token']}"}
