"""A shop that takes the money when the parcel is labelled: orders, payments and shipping together, on the real engines.

One line of platform.toml tells orders and payments alike; were they told differently, no order would ever be sent.
"""

import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bodega.contracts.ids import derived_id
from bodega.contracts.orders import CreateOrder
from bodega.kit.testing import Caller, Credentials, Topics, eventually, serving
from bodega.platform import settings
from bodega.platform.secrets import Secrets
from bodega.platform.system import ROOT, System
from bodega.services.orders.app import create_app as orders_app
from bodega.services.orders.settings import Settings as OrdersSettings
from bodega.services.payments.app import create_app as payments_app
from bodega.services.payments.settings import Settings as PaymentsSettings
from bodega.services.shipping.app import create_app as shipping_app
from bodega.services.shipping.settings import Settings as ShippingSettings
from tests.conftest import MakeDatabase, engine, topics_for
from tests.orders.making import wanted
from tests.sandbox.stand import CARRIER_KEY, SECRET_KEY, WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.service

topics = topics_for("protocol")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    sandbox.start()
    yield sandbox
    sandbox.stop()


def told(folder: Path) -> dict[str, str]:
    """What orders and payments are told of the capture, when platform.toml says `shipment`."""
    described = tomllib.loads((ROOT / "platform.toml").read_text())
    described["shop"]["capture_on"] = "shipment"
    for name, service in described["services"].items():
        service["name"] = name
    instance = System.model_validate(described).instance("shop", folder)
    rendered = settings.render(instance, Secrets.of(instance), {})
    return {room: rendered[room][f"BODEGA_{room.upper()}_CAPTURE_ON"] for room in ("orders", "payments")}


@dataclass
class Shop:
    orders: Caller
    payments: Caller
    merchant: Caller
    outside: Caller

    async def buys(self, order: CreateOrder, card: str = "pm_card_visa") -> None:
        assert (await self.orders.post("/internal/orders", order.model_dump(mode="json"))).status == 201
        wish = {
            "payment_id": derived_id("pay", order.checkout_id, 1), "checkout_id": order.checkout_id,
            "order_id": order.order_id, "attempt": 1, "amount": order.totals.total.model_dump(),
            "payment_method": card, "email": "ada@example.com", "description": "An order",
            "return_url": "http://shop.test/back",
        }  # fmt: skip
        assert (await self.payments.post("/internal/payments", wish)).json["status"] == "authorized"

    async def becomes(self, order: CreateOrder, **expected: Any) -> dict[str, Any]:
        async def check() -> dict[str, Any]:
            seen = (await self.merchant.get(f"/admin/orders/{order.order_id}")).json
            assert {name: seen.get(name) for name in expected} == expected
            return dict(seen)

        return await eventually(check)  # the first label costs its printer a second or more

    async def taken(self, order: CreateOrder) -> int:
        """Minor units that the processor has taken."""
        payment_id = derived_id("pay", order.checkout_id, 1)
        ledger = (await self.outside.get(f"/sandbox/ledger?payment_id={payment_id}")).json
        return int(ledger["payments"][payment_id]["captured"])

    async def breaks(self, target: str, kind: str, match: dict[str, str], **how: Any) -> None:
        answer = await self.outside.post("/sandbox/faults", {"target": target, "kind": kind, "match": match, **how})
        assert answer.status == 201, answer.body


@pytest.fixture(scope="module")
async def shop(
    make_database: MakeDatabase, topics: Topics, credentials: Credentials, sandbox: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Shop]:  # fmt: skip
    capture_on = told(tmp_path_factory.mktemp("instance"))
    common: dict[str, Any] = {
        "kafka": topics.bootstrap, "topic_prefix": topics.prefix, "internal_jwks_file": credentials.jwks_file,
        "allowed_callers": ["checkout", "shipping"], "relay_poll_seconds": 0.2, "retry_first_seconds": 0.1,
        "retry_most_seconds": 0.5,
    }  # fmt: skip
    unhurried = {"step_deadline_seconds": 7, "lease_seconds": 10}
    orders = orders_app(
        OrdersSettings(
            database_url=await make_database("orders"), capture_on=capture_on["orders"], **common,
        )
    )  # fmt: skip
    payments = payments_app(
        PaymentsSettings(
            database_url=await make_database("payments"), capture_on=capture_on["payments"],
            stripe_api_base=sandbox.url, stripe_secret_key=SECRET_KEY, stripe_webhook_secret=WEBHOOK_SECRET, **common,
            **unhurried,
        )
    )  # fmt: skip
    orders.state.access_tokens = credentials.access_tokens()
    async with AsyncExitStack() as stack:
        judge = await stack.enter_async_context(serving(orders))
        till = await stack.enter_async_context(serving(payments))
        shipping = shipping_app(
            ShippingSettings(
                database_url=await make_database("shipping"), service_urls={"orders": judge.base},
                internal_key_file=credentials.key_file("shipping"), carrier_url=f"{sandbox.url}/carrier",
                carrier_key=CARRIER_KEY, sandbox_url=sandbox.url, cancel_window_seconds=0,
                s3_url=engine("BODEGA_SHIPPING_S3_URL"), s3_access_key=engine("BODEGA_SHIPPING_S3_ACCESS_KEY"),
                s3_secret_key=engine("BODEGA_SHIPPING_S3_SECRET_KEY"), s3_bucket=engine("BODEGA_SHIPPING_S3_BUCKET"),
                **common, **unhurried,
            )
        )  # fmt: skip
        await stack.enter_async_context(serving(shipping))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Shop(
            judge.being(credentials.service("checkout", "orders")),
            till.being(credentials.service("checkout", "payments")),
            judge.being(credentials.customer("cus_merchant", "merchant")),
            Caller(sandbox.url, session),
        )


async def test_the_money_is_taken_once_the_label_is_bought_and_not_before(shop: Shop) -> None:
    order = wanted()
    parcel = {"reference": derived_id("shp", order.order_id)}
    await shop.breaks("carrier.labels", "refuse", parcel, message="No such street.")
    await shop.buys(order)
    seen = await shop.becomes(order, state="fulfilling", captured=False, attention="label_failed")
    assert await shop.taken(order) == 0, "nothing is sent yet"
    assert seen["cancellable"] is False

    other = wanted()
    await shop.buys(other)
    await shop.becomes(other, state="fulfilling", captured=True)
    assert await shop.taken(other) == other.totals.total.amount


async def test_a_capture_that_is_refused_after_the_parcel_is_labelled_calls_people(shop: Shop) -> None:
    order = wanted()
    await shop.breaks("capture", "refuse", {"payment_id": derived_id("pay", order.checkout_id, 1)}, times=None)
    await shop.buys(order)
    await shop.becomes(order, state="fulfilling", captured=False, attention="capture_failed")
    listed = (await shop.merchant.get("/admin/orders?attention=true")).json["items"]
    assert order.order_id in [one["id"] for one in listed]
    assert await shop.taken(order) == 0
