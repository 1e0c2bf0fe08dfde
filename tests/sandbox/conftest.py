"""One sandbox for the whole run of these tests, and the official SDK pointed at it."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import stripe
from aiohttp import web

from tests.sandbox.stand import Ear, Sandbox, free_port


@pytest.fixture(scope="package")
async def ear() -> AsyncIterator[Ear]:
    it = Ear()
    app = web.Application()
    app.router.add_post("/{name}", it.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    it.url = f"http://127.0.0.1:{port}"
    yield it
    await runner.cleanup()


@pytest.fixture(scope="package")
def process(ear: Ear, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    it = Sandbox(tmp_path_factory.mktemp("sandbox"))
    it.environment = {
        "BODEGA_SANDBOX_WEBHOOK_URL": f"{ear.url}/payments",
        "BODEGA_SANDBOX_CARRIER_WEBHOOK_URL": f"{ear.url}/shipping",
    }
    it.start()
    yield it
    assert it.stop() in (0, -signal.SIGTERM)


@pytest.fixture(scope="package")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


@pytest.fixture
async def sandbox(process: Sandbox, http: aiohttp.ClientSession, ear: Ear) -> AsyncIterator[Sandbox]:
    """The running sandbox, told to behave, and the ear told to say yes."""
    async with http.delete(f"{process.url}/sandbox/faults") as answer:
        assert answer.status == 204
    ear.answers.clear()
    yield process
    await process.hang_up()


@pytest.fixture
def shop(sandbox: Sandbox) -> stripe.StripeClient:
    return sandbox.stripe()


@pytest.fixture
def ask(sandbox: Sandbox, http: aiohttp.ClientSession) -> Any:
    """Calls one of the sandbox's own routes: `await ask("POST", "/sandbox/faults", {...})` -> (status, body)."""

    async def call(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        async with http.request(method, sandbox.url + path, json=body, headers=headers) as answer:
            if answer.content_type == "application/json":
                return answer.status, await answer.json()
            return answer.status, await answer.read()

    return call
