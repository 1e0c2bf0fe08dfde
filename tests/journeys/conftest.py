"""The whole shop on the test instance. `./bodega test journey` starts it."""

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bodega.kit.testing import Caller, eventually
from tests.conftest import engine
from tests.journeys.shop import Merchant, Outside, Shopper, signed_in, unique

INSTANCE = os.environ.get("BODEGA_INSTANCE", "test")
PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


@pytest.fixture(scope="session")
async def api(session: aiohttp.ClientSession) -> Caller:
    """The gateway, once the whole shop is there."""
    caller = Caller(engine("BODEGA_ORDERS_API_URL"), session)

    async def answers() -> None:
        for path in ("/products", "/search?q=x", "/payments/config", "/.well-known/jwks.json"):
            assert (await caller.get(path)).status == 200, path

    await eventually(answers, within_seconds=60)
    return caller


@pytest.fixture
def guest(api: Caller) -> Shopper:
    return Shopper(api)


async def registered(api: Caller) -> Shopper:
    """Somebody who has just registered."""
    email = f"{unique('ada')}@example.com"
    answer = await api.post("/auth/register", {"email": email, "password": PASSWORD, "name": "Ada"})
    assert answer.status == 201, answer.body
    return Shopper(await signed_in(api, email, PASSWORD), email)


@pytest.fixture
async def customer(api: Caller) -> Shopper:
    return await registered(api)


@pytest.fixture(scope="session")
async def merchant(api: Caller, session: aiohttp.ClientSession, root: Path) -> Merchant:
    """Made by the command line, signed in through the API."""
    email = f"{unique('merchant')}@example.com"
    made = subprocess.run(
        [root / "bodega", "users", "create-merchant", email, "--instance", INSTANCE],
        env={**os.environ, "BODEGA_PASSWORD": PASSWORD}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return Merchant(await signed_in(api, email, PASSWORD), Caller(engine("BODEGA_CATALOG_S3_URL"), session))


@pytest.fixture(scope="session")
async def outside(session: aiohttp.ClientSession) -> AsyncIterator[Outside]:
    outside = Outside(Caller(engine("BODEGA_TEST_SANDBOX_URL"), session))
    await outside.works()
    yield outside
    await outside.works()
