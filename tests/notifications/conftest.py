"""Notifications, running on the real engines, with the sandbox's mailbox and a mint that stands in for auth."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from bodega.contracts.auth import MailLinkRequest
from bodega.contracts.catalog import PricesRequest
from bodega.contracts.inventory import AvailabilityRequest
from bodega.kit.auth import InternalTokens
from bodega.kit.db import Database
from bodega.kit.testing import PATIENCE_SECONDS, Caller, Credentials, Topics, eventually, serving
from bodega.services.notifications.app import create_app
from bodega.services.notifications.settings import Settings
from tests.conftest import MakeDatabase, topics_for
from tests.sandbox.stand import Sandbox

topics = topics_for("notifications")

LINK_SECRET = bytes(range(32))


@dataclass
class Mint:
    """Auth, as notifications sees it: makes a link for every event that it does not call used."""

    tokens: InternalTokens
    used: set[str] = field(default_factory=set)
    minted: list[str] = field(default_factory=list)
    traces: dict[str, str] = field(default_factory=dict)
    """The trace in which a link was last asked for, by its event."""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/internal/mail-links")
        async def mint(wish: MailLinkRequest, request: Request) -> Any:
            caller = self.tokens.verify(request.headers["authorization"].removeprefix("Bearer "))
            assert caller.name == "notifications"
            self.minted.append(wish.event_id)
            self.traces[wish.event_id] = request.headers["traceparent"].split("-")[1]
            if wish.event_id in self.used:
                return JSONResponse({"code": "token_used"}, 409)
            return {"url": f"http://127.0.0.1:8000/secret/{wish.event_id}", "expires_at": "2026-12-24T10:00:00Z"}

        return app


@pytest.fixture(scope="package")
async def mint(credentials: Credentials) -> AsyncIterator[tuple[Mint, str]]:
    mint = Mint(InternalTokens("auth", None, credentials.jwks_file, frozenset({"notifications"})))
    async with serving(mint.app()) as caller:
        yield mint, caller.base


@dataclass
class Shelf:
    """Inventory and the catalog, as notifications sees them: what is in stock, and what it is called."""

    stock: dict[str, dict[str, Any]] = field(default_factory=dict)
    sold: dict[str, dict[str, Any]] = field(default_factory=dict)

    def put(self, sku: str, product_id: str, available: int, version: int) -> None:
        self.stock[sku] = {
            "sku": sku, "product_id": product_id, "shown": min(available, 10), "available": available,
            "in_stock": available > 0, "version": version,
        }  # fmt: skip
        self.sold[sku] = {
            "sku": sku, "sold": True, "product_id": product_id, "slug": "mug", "title": "Mug <Sand & Sea>",
            "options": {"Colour": "Sand"},
        }  # fmt: skip

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/internal/availability")
        async def availability(asked: AvailabilityRequest) -> Any:
            unknown = {"shown": 0, "in_stock": False, "version": 0}
            return {"items": [self.stock.get(sku, {"sku": sku, **unknown}) for sku in asked.skus]}

        @app.post("/internal/prices")
        async def prices(asked: PricesRequest) -> Any:
            return {"items": [self.sold.get(sku, {"sku": sku, "sold": False}) for sku in asked.skus]}

        return app


@pytest.fixture(scope="package")
async def shelf_served() -> AsyncIterator[tuple[Shelf, str]]:
    shelf = Shelf()
    async with serving(shelf.app()) as caller:
        yield shelf, caller.base


@pytest.fixture(scope="package")
def shelf(shelf_served: tuple[Shelf, str]) -> Shelf:
    return shelf_served[0]


@dataclass
class Mailbox:
    """The sandbox's: what came in, and what it is told to do wrong."""

    sandbox: Sandbox
    http: aiohttp.ClientSession

    async def fault(self, to: str, kind: str, *, target: str = "smtp", **other: Any) -> None:
        body = {"target": target, "kind": kind, "match": {"to": to}, **other}
        async with self.http.post(f"{self.sandbox.url}/sandbox/faults", json=body) as answer:
            assert answer.status == 201, await answer.text()

    async def to(self, recipient: str) -> list[dict[str, Any]]:
        """All mails to an address, oldest first."""
        async with self.http.get(f"{self.sandbox.url}/sandbox/mails", params={"to": recipient}) as answer:
            found: list[dict[str, Any]] = (await answer.json())["items"]
        return found[::-1]

    async def gets(
        self, recipient: str, count: int = 1, within_seconds: float = PATIENCE_SECONDS
    ) -> list[dict[str, Any]]:
        """The mails to an address, once there are so many."""

        async def check() -> list[dict[str, Any]]:
            found = await self.to(recipient)
            assert len(found) >= count, f"{len(found)} of {count}"
            return found

        return await eventually(check, within_seconds=within_seconds)

    async def texts(self, phone: str) -> list[dict[str, Any]]:
        """All text messages to a telephone, oldest first."""
        async with self.http.get(f"{self.sandbox.url}/sandbox/texts", params={"to": phone}) as answer:
            found: list[dict[str, Any]] = (await answer.json())["items"]
        return found[::-1]


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="package")
async def mailbox(sandbox: Sandbox) -> AsyncIterator[Mailbox]:
    async with aiohttp.ClientSession() as http:
        yield Mailbox(sandbox, http)


@pytest.fixture(scope="package")
async def settings(
    make_database: MakeDatabase, topics: Topics, credentials: Credentials, mint: tuple[Mint, str],
    shelf_served: tuple[Shelf, str], sandbox: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Settings:  # fmt: skip
    secret = tmp_path_factory.mktemp("notifications") / "link.secret"
    secret.write_text(LINK_SECRET.hex())
    return Settings(
        database_url=await make_database("notifications"),
        kafka=topics.bootstrap,
        topic_prefix=topics.prefix,
        internal_key_file=credentials.key_file("notifications"),
        internal_jwks_file=credentials.jwks_file,
        allowed_callers=["users"],
        service_urls={"auth": mint[1], "catalog": shelf_served[1], "inventory": shelf_served[1]},
        link_secret_file=secret,
        site_url="http://127.0.0.1:8000",
        merchant_email="merchant@bodega.example",
        smtp_port=sandbox.smtp_port,
        sandbox_url=sandbox.url,
        retry_first_seconds=0.1,
        retry_most_seconds=0.3,
        retry_give_up_seconds=3,
        payment_failed_mail_seconds=0.5,
        step_deadline_seconds=2,
        lease_seconds=2.5,
    )


@pytest.fixture(scope="package")
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="package")
async def notifications(settings: Settings, credentials: Credentials) -> AsyncIterator[Caller]:
    app = create_app(settings)
    app.state.access_tokens = credentials.access_tokens()
    async with serving(app) as caller:
        yield caller


@pytest.fixture
def merchant(notifications: Caller, credentials: Credentials) -> Caller:
    return notifications.being(credentials.customer("cus_merchant", "merchant"))


async def listed(merchant: Caller, recipient: str) -> list[dict[str, Any]]:
    """What the merchant sees of an address, newest first."""
    items: list[dict[str, Any]] = (await merchant.get(f"/admin/notifications?q={recipient}")).json["items"]
    return items


async def becomes(
    merchant: Caller, recipient: str, state: str, within_seconds: float = PATIENCE_SECONDS
) -> dict[str, Any]:
    """The newest notification to an address, once it is in this state."""

    async def check() -> dict[str, Any]:
        seen = await listed(merchant, recipient)
        assert seen
        assert seen[0]["state"] == state, seen[0]
        return seen[0]

    return await eventually(check, within_seconds=within_seconds)
