"""What the tests of the sandbox stand on: the sandbox as a process, and a shop's ear for its webhooks."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import stripe
from aiohttp import web

from bodega.kit.testing import PATIENCE_SECONDS

SECRET_KEY = "sk_test_for_tests"
WEBHOOK_SECRET = "whsec_for_tests"
CARRIER_KEY = "carrier_for_tests"
SHOP = "http://shop.test"

PARCEL: dict[str, Any] = {
    "reference": "shp_1", "service": "standard",
    "from": {"name": "Bodega", "line1": "Lagerstr. 1", "postal_code": "20357", "city": "Hamburg", "country": "DE"},
    "to": {"name": "Zoë Łukasz", "line1": "Torstraße 9", "postal_code": "10119", "city": "Berlin", "country": "DE"},
    "parcels": [{"weight_grams": 1200}],
}  # fmt: skip
"""An order for a label."""


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Sandbox:
    """The sandbox as a process that can be killed and started again on the same data."""

    data: Path
    http_port: int = field(default_factory=free_port)
    smtp_port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    lines: list[stripe.AIOHTTPClient] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def start(self) -> float:
        """Start and wait until it answers; returns the seconds that took."""
        # What the environment says is of the instance's sandbox, not of this one.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BODEGA_SANDBOX_")}
        environment = inherited | {
            "BODEGA_SANDBOX_HTTP_PORT": str(self.http_port),
            "BODEGA_SANDBOX_SMTP_PORT": str(self.smtp_port),
            "BODEGA_SANDBOX_DATA_DIR": str(self.data),
            "BODEGA_SANDBOX_SITE_URL": SHOP,
            "BODEGA_SANDBOX_STRIPE_SECRET_KEY": SECRET_KEY,
            "BODEGA_SANDBOX_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "BODEGA_SANDBOX_CARRIER_KEY": CARRIER_KEY,
            "BODEGA_SANDBOX_PARCEL_SECONDS": "[]",
            "BODEGA_SANDBOX_WEBHOOK_RETRY_FIRST_SECONDS": "0.05",
            "BODEGA_SANDBOX_WEBHOOK_RETRY_MOST_SECONDS": "0.2",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        began = time.monotonic()
        self.process = subprocess.Popen([sys.executable, "-m", "bodega.sandbox"], env=environment | self.environment)
        while True:
            assert self.process.poll() is None, "the sandbox ended at its start"
            try:
                socket.create_connection(("127.0.0.1", self.http_port), 1).close()
                return time.monotonic() - began
            except ConnectionRefusedError:
                assert time.monotonic() - began < PATIENCE_SECONDS, "the sandbox does not start"
                time.sleep(0.01)

    async def hang_up(self) -> None:
        """Close what the SDK's clients left open."""
        while self.lines:
            await self.lines.pop().close_async()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_SECONDS)

    def stripe(self, **options: Any) -> stripe.StripeClient:
        """The official SDK, pointed here."""
        line = stripe.AIOHTTPClient(timeout=options.pop("timeout", 5))
        self.lines.append(line)
        given: dict[str, Any] = {"max_network_retries": 0, "http_client": line, **options}
        return stripe.StripeClient(given.pop("api_key", SECRET_KEY), base_addresses={"api": self.url}, **given)


class Ear:
    """The shop's webhook door: keeps what it hears; `answers` says what it replies, 200 when used up."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self._news = asyncio.Condition()
        self.url = ""

    async def hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        async with self._news:
            self.heard.append((dict(request.headers), body))
            self._news.notify_all()
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def wait_for(self, count: int, containing: str) -> list[tuple[dict[str, str], bytes]]:
        """The calls whose body contains a text, as soon as there are that many."""

        def found() -> list[tuple[dict[str, str], bytes]]:
            return [call for call in self.heard if containing.encode() in call[1]]

        async with self._news, asyncio.timeout(PATIENCE_SECONDS):
            await self._news.wait_for(lambda: len(found()) >= count)
        return found()
