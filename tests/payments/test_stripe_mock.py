"""Every request that payments makes of its processor is one that Stripe takes.

stripe-mock is Stripe's own: it refuses what Stripe's published description does not allow. It keeps nothing, so what
the answers mean is tested elsewhere. A relay in between sees each request, as some refusals are asked about again.
"""

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bodega.kit.testing import eventually
from bodega.services.payments.clients import Processor, Stripe
from bodega.services.payments.domain import Refund
from tests.payments.test_domain import payment
from tests.sandbox.openapi import stripe_mock
from tests.sandbox.stand import free_port

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]  # the first time, stripe-mock is built

PAYMENT = payment(description="BDG-0000-0000", return_url="http://shop.test/checkout/back")
REFUND = Refund("rfd_1", 500)


async def all_since(stripe: Stripe) -> None:
    async for _ in stripe.all_since(datetime.now(UTC)):
        pass


CALLS: dict[str, Callable[[Stripe], Awaitable[Any]]] = {
    "create": lambda stripe: stripe.create(PAYMENT),
    "create, without words": lambda stripe: stripe.create(replace(PAYMENT, description="")),
    "find": lambda stripe: stripe.find(PAYMENT),
    "confirm": lambda stripe: stripe.confirm(PAYMENT),
    "retrieve": lambda stripe: stripe.retrieve("pi_1"),
    "capture": lambda stripe: stripe.capture(PAYMENT),
    "cancel": lambda stripe: stripe.cancel(PAYMENT),
    "refund": lambda stripe: stripe.refund(PAYMENT, REFUND),
    "find_refund": lambda stripe: stripe.find_refund(PAYMENT, REFUND),
    "all_since": all_since,
}


@dataclass
class Relay:
    """Passes requests on, and keeps what was asked and answered. Each list is said to have a second page."""

    behind: str
    session: aiohttp.ClientSession
    seen: list[tuple[str, int]] = field(default_factory=list)
    url: str = ""

    async def pass_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        async with self.session.request(
            request.method, self.behind + request.path_qs, data=body or None, headers=headers
        ) as answer:
            content = await answer.json()
            self.seen.append((f"{request.method} {request.path_qs} {body.decode()}", answer.status))
            if content.get("object") == "list":
                content["has_more"] = "starting_after" not in request.query
            return web.json_response(content, status=answer.status)


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    """stripe-mock as a process."""
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen([stripe_mock(), "-http-addr", address], stdout=subprocess.DEVNULL)
    yield f"http://{address}"
    process.terminate()
    process.wait(10)


@pytest.fixture
async def relay(mock: str, http: aiohttp.ClientSession) -> AsyncIterator[Relay]:
    async def answers() -> None:
        try:
            async with http.get(mock):
                pass
        except aiohttp.ClientConnectionError as error:
            raise AssertionError("stripe-mock does not answer") from error

    await eventually(answers, within_seconds=30)
    relay = Relay(mock, http)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", relay.pass_on)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    relay.url = f"http://127.0.0.1:{port}"
    yield relay
    await runner.cleanup()


def test_every_call_of_the_interface_is_among_these() -> None:
    asks = {name for name, it in vars(Processor).items() if callable(it) and not name.startswith("_")}
    assert {name.partition(",")[0] for name in CALLS} == asks - {"open", "close", "read_webhook"}


@pytest.mark.parametrize("name", CALLS)
async def test_stripe_takes(name: str, relay: Relay) -> None:
    stripe = Stripe(
        "sk_test_123", publishable_key="pk_test_123", webhook_secret="whsec_123", api_base=relay.url,
        timeout_seconds=10, webhook_tolerance_seconds=300,
    )  # fmt: skip
    await CALLS[name](stripe)
    await stripe.close()
    assert relay.seen
    assert [(request, status) for request, status in relay.seen if status != 200] == []
    if name in ("find", "all_since"):
        assert "starting_after=" in relay.seen[1][0]


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/v1/payment_intents", {"amount": "a lot", "currency": "eur"}),
        ("/v1/payment_intents", {"amount": "1"}),
        ("/v1/payment_intents", {"amount": "1", "currency": "eur", "colour": "red"}),
        ("/v1/payment_intents", {"amount": "1", "currency": "eur", "capture_method": "never"}),
        ("/v1/payment_intents/pi_1/cancel", {"cancellation_reason": "boredom"}),
        ("/v1/refunds", {"payment_intent": "pi_1", "amount": "all"}),
    ],
)
async def test_what_stripe_would_refuse_is_refused_here(path: str, form: dict[str, str], relay: Relay) -> None:
    headers = {"Authorization": "Bearer sk_test_123"}
    async with relay.session.post(relay.url + path, data=form, headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (400, "invalid_request_error")
