"""The shop as a patient client sees it: who gets no answer asks again, with the same key, until there is one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp

from bodega.kit.auth import InternalTokens
from bodega.kit.testing import Answered, Caller, eventually
from tests.conftest import engine
from tests.crashes.state import Reader, Subjects
from tests.crashes.world import SYSTEM, World
from tests.journeys.shop import Merchant, Outside, Shopper, euro, unique

PASSWORD = "correct horse battery"
_TRIES = 3000
"""More than there are crash points on any request's way."""
Seen = TypeVar("Seen")


def service_of(path: str) -> str:
    """The service to which the gateway takes this path."""
    routes = [(route.path, name) for name, one in SYSTEM.services.items() for route in one.routes]
    path = path.partition("?")[0]
    return max((prefix, name) for prefix, name in routes if f"{path}/".startswith(f"{prefix}/"))[1]


@dataclass
class Patient(Caller):
    """Asks each service at its own port, as often as it takes."""

    world: World | None = None

    def being(self, headers: dict[str, str]) -> Self:
        return type(self)(self.base, self.session, {**self.headers, **headers}, self.world)

    async def request(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None,
        headers: dict[str, str] | None = None, service: str | None = None,
    ) -> Answered:  # fmt: skip
        assert self.world is not None
        base = f"http://127.0.0.1:{self.world.ports[service or service_of(path)]}"
        own = {"Idempotency-Key": unique("key")} if method == "POST" else {}
        said = {**self.headers, **own, **(headers or {})}
        last: object = None
        for _ in range(_TRIES):
            await self.world.lives.is_up()
            try:
                answer = await Caller(base, self.session).request(method, path, body, raw=raw, headers=said)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                last = error
            else:
                assert answer.status != 500, answer.body
                if answer.status != 429 and answer.status < 500:
                    return answer
                last = answer.body
            await asyncio.sleep(0.02)  # the services are at work again, and not yet ready for this
        raise AssertionError(f"{method} {path}: {last!r}")


@dataclass
class Stage:
    """Who and what a story has; and what it is about."""

    world: World
    reader: Reader
    api: Patient
    merchant: Merchant
    outside: Outside
    about: Subjects = field(default_factory=Subjects)

    def shopper(self) -> Shopper:
        """A guest."""
        shopper = Shopper(self.api)
        self.about.emails.append(shopper.email)
        return shopper

    async def customer(self) -> Shopper:
        """Somebody who has just registered."""
        shopper = self.shopper()
        wish = {"email": shopper.email, "password": PASSWORD, "name": "Ada"}
        answer = await self.api.post("/auth/register", wish)
        assert answer.status == 201, answer.body
        shopper.api = self.api.being({"Authorization": f"Bearer {answer.json['access_token']}"})
        rows = await self.world.run("auth", "SELECT id FROM account WHERE email = $1", shopper.email)
        self.about.customers.append(rows[0]["id"])
        return shopper

    async def product(self, *, stock: int = 10) -> dict[str, Any]:
        """A product on sale, of which every service knows."""
        title, sku = unique("Zirkel"), unique("SKU")
        wish = {
            "title": title, "slug": title.lower(), "brand": "Crash", "description": "Made by a test.",
            "categories": [], "options": [], "status": "published",
            "variants": [{"sku": sku, "options": {}, "price": euro(1000), "weight_grams": 500}],
        }  # fmt: skip
        made = await self.merchant.api.post("/admin/products", wish)
        assert made.status == 201, made.body
        self.about.products.append(made.json["id"])
        self.about.skus.append(sku)
        await self.rest()
        await self.stocks(sku, stock)
        return {**made.json, "sku": sku}

    async def stocks(self, sku: str, on_hand: int) -> None:
        """So many are there, and every service knows."""
        answer = await self.merchant.api.put(f"/admin/inventory/{sku}", {"on_hand": on_hand})
        assert answer.status == 200, answer.body
        await self.rest()

    async def rest(self) -> None:
        """Waits until all that follows has been done."""
        await self.until(self.reader.must_be_at_rest)

    async def until(self, check: Callable[[], Awaitable[Seen]]) -> Seen:
        """The result of a check, once it fails no more. However often the services have to begin again meanwhile, each
        time there is patience for it anew."""
        while True:
            deaths = len(self.world.lives.killed)
            try:
                return await eventually(check, within_seconds=180, every_seconds=0.05)
            except AssertionError:
                await self.world.lives.is_up()
                if len(self.world.lives.killed) == deaths:
                    raise


async def merchant_of(world: World, session: aiohttp.ClientSession, api: Patient) -> Merchant:
    """Made as the command line makes one, and signed in."""
    email = f"{unique('merchant')}@example.com"
    key, jwks = engine("BODEGA_TEST_CLI_KEY_FILE"), engine("BODEGA_AUTH_INTERNAL_JWKS_FILE")
    tokens = InternalTokens("cli", Path(key), Path(jwks), frozenset())
    made = await api.request(
        "POST", "/internal/users", {"email": email, "password": PASSWORD, "roles": ["customer", "merchant"]},
        headers={"Authorization": f"Bearer {tokens.token_for('auth')}"}, service="auth",
    )  # fmt: skip
    assert made.status < 300, made.body
    answer = await api.post("/auth/login", {"email": email, "password": PASSWORD})
    assert answer.status == 200, answer.body
    token = {"Authorization": f"Bearer {answer.json['access_token']}"}
    return Merchant(api.being(token), Caller(engine("BODEGA_CATALOG_S3_URL"), session))
