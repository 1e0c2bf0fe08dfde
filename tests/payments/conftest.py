"""Payments, running on the real engines and on the sandbox's card processor, whose webhooks reach it."""

import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller, Credentials, Topics, eventually, serving
from bodega.services.payments import store
from bodega.services.payments.app import create_app
from bodega.services.payments.settings import Settings
from tests.conftest import MakeDatabase, topics_for
from tests.payments.making import Buy
from tests.payments.workplace import Workplace
from tests.sandbox.stand import SECRET_KEY, WEBHOOK_SECRET, Sandbox, free_port

topics = topics_for("payments")

QUICK = {
    "relay_poll_seconds": 0.2,
    "retry_first_seconds": 0.1,
    "retry_most_seconds": 0.5,
    "step_deadline_seconds": 2,
    "lease_seconds": 3,
    "reconcile_seconds": 0.5,
    "unmatched_grace_seconds": 1,
    "trace_ratio": 0,
}


@dataclass
class Bank:
    """The sandbox, as a test speaks to it."""

    url: str
    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self.session.request(method, self.url + path, json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.content_type == "application/json" else None

    async def fault(self, target: str, kind: str, buy: Buy, attempt: int = 1, **other: Any) -> None:
        """The next such call about the payment goes wrong. A time-out holds the line for longer than we wait."""
        match = {"payment_id": buy.payment_id(attempt)}
        await self.ask("POST", "/sandbox/faults", {"target": target, "kind": kind, "match": match, **other})

    async def no_webhooks(self, buy: Buy) -> None:
        """They would tell of what a lost answer did not."""
        await self.fault("webhooks", "refuse", buy, times=None)

    async def ledger(self, buy: Buy, attempt: int = 1) -> dict[str, Any]:
        """What the processor has booked for a payment: authorised, captured, refunded, voided, held, intents."""
        id = buy.payment_id(attempt)
        sums = await self.ask("GET", f"/sandbox/ledger?payment_id={id}")
        assert sums["balanced"]
        empty = {"authorised": 0, "captured": 0, "refunded": 0, "voided": 0, "held": 0, "intents": {}}
        return {**empty, **sums["payments"].get(id, {})}

    async def challenge(self, buy: Buy, outcome: str) -> None:
        intent = next(iter((await self.ledger(buy))["intents"]))
        await self.ask("POST", f"/sandbox/challenges/{intent}", {"outcome": outcome})


@dataclass
class Checkout:
    """Payments, as checkout speaks to it."""

    http: Caller

    async def pay(self, buy: Buy, card: str = "pm_card_visa", attempt: int = 1, **other: Any) -> Answered:
        headers = other.pop("headers", None)
        return await self.http.post("/internal/payments", buy.wanted(card, attempt, **other), headers=headers)

    async def status(self, buy: Buy, attempt: int = 1) -> str:
        answer = await self.http.get(f"/internal/payments/{buy.payment_id(attempt)}")
        return str(answer.json.get("status"))

    async def becomes(self, status: str, buy: Buy, attempt: int = 1) -> None:
        async def check() -> None:
            assert await self.status(buy, attempt) == status

        await eventually(check)


@pytest.fixture(scope="package")
async def database_url(make_database: MakeDatabase) -> str:
    return await make_database("payments")


@pytest.fixture(scope="package")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="package")
def payments_port() -> int:
    return free_port()


@pytest.fixture(scope="package")
def processor(payments_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("processor"))
    sandbox.environment = {"BODEGA_SANDBOX_WEBHOOK_URL": f"http://127.0.0.1:{payments_port}/payments/webhooks/stripe"}
    sandbox.start()
    yield sandbox
    assert sandbox.stop() in (0, -signal.SIGTERM)


@pytest.fixture(scope="package")
def settings(database_url: str, topics: Topics, credentials: Credentials, processor: Sandbox) -> Settings:
    return Settings.model_validate(
        {
            "database_url": database_url, "kafka": topics.bootstrap, "topic_prefix": topics.prefix,
            "internal_jwks_file": credentials.jwks_file, "allowed_callers": ["checkout", "cli", "users"],
            "stripe_api_base": processor.url, "stripe_secret_key": SECRET_KEY,
            "stripe_webhook_secret": WEBHOOK_SECRET, "card_form_url": f"{processor.url}/elements/card", **QUICK,
        }
    )  # fmt: skip


@pytest.fixture(scope="package")
async def payments(settings: Settings, payments_port: int, credentials: Credentials) -> AsyncIterator[Caller]:
    app = create_app(settings)
    app.state.access_tokens = credentials.access_tokens()
    async with serving(app, port=payments_port) as caller:
        yield caller


@pytest.fixture
def checkout(payments: Caller, credentials: Credentials) -> Checkout:
    return Checkout(payments.being(credentials.service("checkout", "payments")))


@pytest.fixture(scope="package")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


@pytest.fixture
async def bank(processor: Sandbox, http: aiohttp.ClientSession) -> Bank:
    bank = Bank(processor.url, http)
    await bank.ask("DELETE", "/sandbox/faults")
    return bank


@pytest.fixture
def buy() -> Buy:
    return Buy()


@pytest.fixture
async def workplace(make_database: MakeDatabase) -> AsyncIterator[Workplace]:
    database = Database(await make_database("payments"))
    await database.open()
    made = Workplace(database)
    yield made
    for processor in made.processors:
        await processor.close()
    await database.close()


async def accounts(database: Database, buy: Buy) -> dict[str, int]:
    """The balances of the order's ledger, without those that are zero."""
    async with database.transaction() as tx:
        booked = [one.booking for one in await store.ledger_of(tx, buy.order_id)]
    found = Counter[str]()
    for one in booked:
        found[one.source] -= one.amount
        found[one.target] += one.amount
    return {account: amount for account, amount in found.items() if amount}
