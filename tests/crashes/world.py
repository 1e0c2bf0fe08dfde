"""A shop of the tests' own: databases, topics, index, carts and a world outside, on the test instance's engines."""

import asyncio
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from opensearchpy import AsyncOpenSearch
from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from bodega.kit.testing import Topics
from bodega.platform.system import System
from tests.conftest import RUN, MakeDatabase, engine
from tests.crashes.lives import Lives
from tests.sandbox.stand import CARRIER_KEY, SECRET_KEY, WEBHOOK_SECRET, Sandbox

SYSTEM = System.load(local=False)
_QUICKLY: Mapping[str, float] = {
    "retry_first_seconds": 0.05, "retry_most_seconds": 0.5, "relay_poll_seconds": 0.1, "lease_seconds": 30,
    "step_deadline_seconds": 12, "request_timeout_seconds": 20, "reconcile_seconds": 600,
    "checkout_due_seconds": 3600, "declined_due_seconds": 3600, "unknown_due_seconds": 3600,
    "payment_failed_mail_seconds": 3600, "erase_again_seconds": 0.2, "carrier_patience_seconds": 5,
    "unmatched_grace_seconds": 3600, "address_free_sign_ups": 10_000, "access_token_seconds": 86_400,
    "chores_poll_seconds": 0.2,
}  # fmt: skip
"""No time ends anything by itself here, since a killed service takes any time to be there again: leases are ended
for it (`World.leases_end`), and what is due is made due (`World.comes_due`)."""


@dataclass
class World:
    """Where everything is. What is in it is read by `tests.crashes.state`."""

    prefix: str
    databases: Mapping[str, str]
    """By service; of a superuser, who may look and wait for nobody."""
    topics: Topics
    sandbox: Sandbox
    ports: Mapping[str, int]
    mongo: str
    lives: Lives
    _pools: dict[str, Any] = field(default_factory=dict)

    async def run(self, service: str, statement: str, *given: Any) -> list[asyncpg.Record]:
        """The rows of one statement in a service's database."""
        if service not in self._pools:
            self._pools[service] = await asyncpg.create_pool(self.databases[service], min_size=0, max_size=1)
        return list(await self._pools[service].fetch(statement, *given))

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.close()

    async def leases_end(self) -> None:
        """The time passes that a dead owner's lease has left. It is dead for certain: nobody else holds any."""
        ended = "lease_until = now() - interval '1 second' WHERE lease_until > now()"
        await asyncio.gather(
            *(self.run(service, f"UPDATE flow SET {ended}") for service in self.databases),
            self.run("payments", f"UPDATE payment SET {ended}"),
        )

    async def comes_due(self, service: str, kind: str) -> None:
        """The time passes that flows of this kind wait."""
        await self.run(
            service,
            f"""UPDATE flow SET wake_at = now(), due_at = CASE WHEN due_at > now() THEN now() END
                 WHERE kind = '{kind}' AND state <> 'ended'""",
        )


@asynccontextmanager
async def a_world(make_database: MakeDatabase, folder: Path, root: Path) -> AsyncIterator[World]:
    """A world without a life in it yet."""
    name = f"{RUN}{secrets.token_hex(2)}"
    prefix = f"t{name}.crashes."
    urls = {one.name: await make_database(one.name) for one in SYSTEM.services.values() if one.store == "postgres"}
    topics = Topics(engine("BODEGA_TEST_KAFKA"), prefix)
    await topics.make(*SYSTEM.topic_names, partitions=1)
    kept = {service: _kept_port() for service in SYSTEM.services}
    ports = {service: one.getsockname()[1] for service, one in kept.items()}
    sandbox = _sandbox(folder, ports)
    sandbox.start()
    mongo = urlsplit(os.environ.get("BODEGA_TEST_MONGO_URL") or engine("BODEGA_CATALOG_MONGO_URL"))
    mongo_url = mongo._replace(path=f"/t_crashes_{name}").geturl()
    environment = _environment(name, prefix, urls, ports, sandbox, mongo_url, folder)
    admin = urlsplit(engine("BODEGA_TEST_ADMIN_URL"))
    looked_at = {service: admin._replace(path=urlsplit(url).path).geturl() for service, url in urls.items()}
    lives = Lives(environment, folder, root)
    world = World(prefix, looked_at, topics, sandbox, ports, mongo_url, lives)
    lives.between = world.leases_end
    await lives.open()
    try:
        yield world
    finally:
        await lives.close()
        await world.close()
        for one in kept.values():
            one.close()
        sandbox.stop()
        await _clean(name, mongo_url)


def _kept_port() -> socket.socket:
    """A port that nobody else is given while no life has it: bound, and shared with the one that listens there."""
    kept = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind(("127.0.0.1", 0))
    return kept


def _sandbox(folder: Path, ports: Mapping[str, int]) -> Sandbox:
    sandbox = Sandbox(folder / "sandbox")
    sandbox.data.mkdir()
    sandbox.environment = {
        "BODEGA_SANDBOX_WEBHOOK_URL": f"http://127.0.0.1:{ports['payments']}/payments/webhooks/stripe",
        "BODEGA_SANDBOX_CARRIER_WEBHOOK_URL": f"http://127.0.0.1:{ports['shipping']}/shipping/webhooks/carrier",
    }
    return sandbox


def _environment(
    name: str, prefix: str, urls: Mapping[str, str], ports: Mapping[str, int], sandbox: Sandbox, mongo: str,
    folder: Path,
) -> dict[str, str]:  # fmt: skip
    """The test instance's settings, but for where things are and how long things take."""
    environment: dict[str, str] = {}
    for service, port in ports.items():
        told = {
            "PORT": str(port),
            "REUSE_PORT": "true",
            "KAFKA": engine("BODEGA_TEST_KAFKA"),
            "TOPIC_PREFIX": prefix,
            "SERVICE_URLS": json.dumps({one: f"memory://{one}" for one in ports}),
            "JWKS_URL": f"http://127.0.0.1:{ports['auth']}/.well-known/jwks.json",
            "SKIPPED_DIR": str(folder / "skipped"),
            "EDGE_URL": "",
            "SANDBOX_URL": sandbox.url,
            **{key.upper(): str(value) for key, value in _QUICKLY.items()},
        }
        if service in urls:
            told["DATABASE_URL"] = urls[service]
        environment |= {f"BODEGA_{service.upper()}_{key}": value for key, value in told.items()}
    return environment | {
        "BODEGA_CART_REDIS_URL": engine("BODEGA_TEST_REDIS_ADMIN_URL"),
        "BODEGA_CART_KEY_PREFIX": f"t{name}:crashes:",
        "BODEGA_CATALOG_MONGO_URL": mongo,
        "BODEGA_SEARCH_INDEX_PREFIX": f"t{name}-crashes-",
        "BODEGA_PAYMENTS_STRIPE_API_BASE": sandbox.url,
        "BODEGA_PAYMENTS_STRIPE_SECRET_KEY": SECRET_KEY,
        "BODEGA_PAYMENTS_STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "BODEGA_SHIPPING_CARRIER_URL": f"{sandbox.url}/carrier",
        "BODEGA_SHIPPING_CARRIER_KEY": CARRIER_KEY,
        "BODEGA_NOTIFICATIONS_SMTP_PORT": str(sandbox.smtp_port),
    }


async def _clean(name: str, mongo_url: str) -> None:
    mongo: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(mongo_url)
    await mongo.drop_database(urlsplit(mongo_url).path.removeprefix("/"))
    await mongo.close()
    search = AsyncOpenSearch([engine("BODEGA_SEARCH_OPENSEARCH_URL")])
    await search.indices.delete(index=f"t{name}-crashes-*")
    await search.close()
    redis: Redis = Redis.from_url(engine("BODEGA_TEST_REDIS_ADMIN_URL"))
    if keys := [key async for key in redis.scan_iter(f"t{name}:crashes:*", count=1000)]:
        await redis.delete(*keys)
    await redis.aclose()
