"""Shipping, running on the real engines, with the sandbox's carrier and a judge that stands in for orders."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from bodega.contracts.ids import derived_id
from bodega.contracts.orders import BeginFulfilment, CallPeople
from bodega.kit.app import client_for
from bodega.kit.auth import InternalTokens
from bodega.kit.db import Database
from bodega.kit.http import Client
from bodega.kit.testing import PATIENCE_SECONDS, Caller, Credentials, Topics, eventually, serving
from bodega.services.shipping.app import create_app
from bodega.services.shipping.clients import Carrier, LabelShelf, Orders
from bodega.services.shipping.settings import Settings
from tests.conftest import MakeDatabase, engine, topics_for
from tests.sandbox.stand import CARRIER_KEY, Sandbox, free_port

topics = topics_for("shipping")


@dataclass
class Judge:
    """Orders, as shipping sees it: says yes to whom it knows no reason against."""

    tokens: InternalTokens
    refusals: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Per order, what is answered instead of yes, one after the other."""
    called: dict[str, str] = field(default_factory=dict)
    """Why people were called, by order."""
    asked: Counter[str] = field(default_factory=Counter)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    """Per order, what the answer waits for."""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/internal/orders/{order_id}/begin-fulfilment")
        async def begin(order_id: str, wish: BeginFulfilment, request: Request) -> Any:
            caller = self.tokens.verify(request.headers["authorization"].removeprefix("Bearer "))
            assert caller.name == "shipping"
            assert wish.shipment_id == derived_id("shp", order_id)
            self.asked[order_id] += 1
            if order_id in self.gates:
                await self.gates[order_id].wait()
            if self.refusals[order_id]:
                code = self.refusals[order_id].pop(0)
                if code == "unavailable":
                    return JSONResponse({"code": code}, 503)
                return JSONResponse({"code": code, "status": 409}, 409, media_type="application/problem+json")
            return {"order_id": order_id, "number": "BDG-0000-0000", "state": "fulfilling", "version": 3}

        @app.post("/internal/orders/{order_id}/call-people")
        async def call_people(order_id: str, wish: CallPeople) -> Any:
            self.called[order_id] = wish.reason
            return {"order_id": order_id, "number": "BDG-0000-0000", "state": "fulfilling", "version": 4}

        return app


@pytest.fixture(scope="package")
async def judge(credentials: Credentials) -> AsyncIterator[tuple[Judge, str]]:
    judge = Judge(InternalTokens("orders", None, credentials.jwks_file, frozenset({"shipping"})))
    async with serving(judge.app()) as caller:
        yield judge, caller.base


@pytest.fixture(scope="package")
def shipping_port() -> int:
    return free_port()


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory, shipping_port: int) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    sandbox.environment = {
        "BODEGA_SANDBOX_CARRIER_WEBHOOK_URL": f"http://127.0.0.1:{shipping_port}/shipping/webhooks/carrier"
    }
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="package")
async def settings(
    make_database: MakeDatabase,
    topics: Topics,
    credentials: Credentials,
    judge: tuple[Judge, str],
    sandbox: Sandbox,
) -> Settings:
    return Settings(
        database_url=await make_database("shipping"),
        kafka=topics.bootstrap,
        topic_prefix=topics.prefix,
        internal_key_file=credentials.key_file("shipping"),
        internal_jwks_file=credentials.jwks_file,
        allowed_callers=["checkout", "cli", "users"],
        service_urls={"orders": judge[1]},
        carrier_url=f"{sandbox.url}/carrier",
        carrier_key=CARRIER_KEY,
        sandbox_url=sandbox.url,
        s3_url=engine("BODEGA_SHIPPING_S3_URL"),
        s3_access_key=engine("BODEGA_SHIPPING_S3_ACCESS_KEY"),
        s3_secret_key=engine("BODEGA_SHIPPING_S3_SECRET_KEY"),
        s3_bucket=engine("BODEGA_SHIPPING_S3_BUCKET"),
        relay_poll_seconds=0.2,
        cancel_window_seconds=0,
        retry_first_seconds=0.1,
        retry_most_seconds=0.5,
        quote_seconds=2,
        step_deadline_seconds=1.5,
        lease_seconds=2,
    )


@pytest.fixture(scope="package")
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.database_url)
    await database.open()
    yield database
    await database.close()


def run(settings: Settings, credentials: Credentials, port: int = 0) -> AbstractAsyncContextManager[Caller]:
    app = create_app(settings)
    app.state.access_tokens = credentials.access_tokens()
    return serving(app, port=port)


@pytest.fixture(scope="package")
async def shipping(settings: Settings, credentials: Credentials, shipping_port: int) -> AsyncIterator[Caller]:
    async with run(settings, credentials, shipping_port) as caller:
        yield caller


@pytest.fixture
def merchant(shipping: Caller, credentials: Credentials) -> Caller:
    return shipping.being(credentials.customer("cus_merchant", "merchant"))


@dataclass
class World:
    """The carrier's side: what it sold, what it is told to do wrong, where it pushes parcels."""

    sandbox: Sandbox
    http: aiohttp.ClientSession

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {CARRIER_KEY}"}
        async with self.http.request(method, self.sandbox.url + path, json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def sold(self, order_id: str) -> list[dict[str, Any]]:
        found = await self._ask("GET", f"/carrier/labels?reference={derived_id('shp', order_id)}")
        return list(found["items"])

    async def fault(self, order_id: str, target: str, kind: str, **other: Any) -> None:
        match = {"reference": derived_id("shp", order_id)}
        await self._ask("POST", "/sandbox/faults", {"target": target, "kind": kind, "match": match, **other})

    async def push(self, tracking: str, to: str) -> None:
        await self._ask("POST", f"/sandbox/parcels/{tracking}/advance", {"to": to})


@pytest.fixture(scope="package")
async def clients(settings: Settings, credentials: Credentials) -> AsyncIterator[tuple[Orders, Carrier, LabelShelf]]:
    """The room's own, for a worker in the test's hands."""
    orders = client_for("orders", "shipping", settings)
    carrier = Client("shipping", "carrier", settings.carrier_url, attempts=1)
    shelf = LabelShelf(settings)
    await orders.open()
    await carrier.open()
    yield Orders(orders), Carrier(carrier, CARRIER_KEY, settings.sender), shelf
    await orders.close()
    await carrier.close()
    await shelf.close()


@pytest.fixture(scope="package")
async def world(sandbox: Sandbox) -> AsyncIterator[World]:
    async with aiohttp.ClientSession() as http:
        yield World(sandbox, http)


async def becomes(
    merchant: Caller, order_id: str, within_seconds: float = PATIENCE_SECONDS, **expected: Any
) -> dict[str, Any]:
    """The shipment of an order, once it is as expected."""

    async def check() -> dict[str, Any]:
        answer = await merchant.get(f"/admin/shipments/{derived_id('shp', order_id)}")
        assert answer.status == 200, answer.body
        seen: dict[str, Any] = answer.json
        assert {name: seen[name] for name in expected} == expected
        return seen

    return await eventually(check, within_seconds=within_seconds)
