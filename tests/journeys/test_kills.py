"""Any process may be killed at any instant: it comes back, and what was under way ends as without the fault."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bodega.kit.testing import Answered, Caller, eventually
from bodega.platform import state
from tests.journeys.conftest import INSTANCE
from tests.journeys.parts import SYSTEM, parts
from tests.journeys.shop import ADDRESS, Merchant, Order, Outside, Shopper, unique

pytestmark = [pytest.mark.journey, pytest.mark.alone, pytest.mark.timeout(300)]

ENGINES = ["postgres", "valkey", "mongo", "kafka", "opensearch", "seaweedfs", "envoy", "sandbox"]
PARTS = [*SYSTEM.services, *ENGINES, "storefront", "varnish", "purger"]
SHOPPERS, PATIENCE_SECONDS = 4, 90
GUESTS, KILLS = 16, 5


async def insists(ask: Callable[[], Awaitable[Answered]]) -> Answered:
    """Asks again while the shop is in trouble, as a patient client does: connection lost, 429, 5xx. Trouble is told as
    such: never by an error that nobody has expected."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            answer = await ask()
            assert answer.status != 500, answer.body
            if answer.status != 429 and answer.status < 500:
                return answer
            last: object = answer.body
        except (aiohttp.ClientError, TimeoutError) as error:
            last = error
        assert time.monotonic() < deadline, last
        await asyncio.sleep(0.2)


class Insistent(Caller):
    """Asks so each time."""

    async def request(self, method: str, path: str, body: Any = None, **options: Any) -> Answered:
        return await insists(lambda: Caller.request(self, method, path, body, **options))


class RanOut(Exception):
    """The shop was away for longer than a checkout may take: it has ended, and with it all that it held."""


async def buys_through_trouble(api: Caller, sku: str) -> Order:
    """One order, however often the shopper has to begin again because a checkout has run out."""
    while True:
        try:
            return await _buys(api, sku)
        except RanOut:
            continue


async def _buys(api: Caller, sku: str) -> Order:
    """The same Idempotency-Key until the shop has answered. Raises RanOut."""
    shopper = Shopper(api)
    added = await insists(lambda: shopper.add(sku))
    while added.status not in (200, 201):  # a line that was not taken is put in again
        added = await insists(lambda: shopper.add(sku))

    quote = (await insists(lambda: shopper.api.post("/checkout/quote", {"shipping_address": ADDRESS}))).json
    wish = {
        "email": shopper.email,
        "shipping_address": ADDRESS,
        "payment_method": "pm_card_visa",
        "shipping_option": quote["shipping_option"],
        "expected_total": quote["totals"]["total"],
    }
    key = unique("key")
    answer = await insists(lambda: shopper.check_out(key=key, body=wish))
    if answer.status == 409 and answer.code == "checkout_ended":
        raise RanOut
    assert answer.status in (201, 202), answer.body
    checkout_id = answer.json["checkout_id"]

    async def completed() -> Any:
        seen = await insists(lambda: shopper.api.get(f"/checkout/{checkout_id}"))
        if seen.json["status"] in ("expired", "failed"):
            raise RanOut
        assert seen.json["status"] == "completed", seen.json["status"]
        return seen.json

    seen = await eventually(completed, within_seconds=PATIENCE_SECONDS, every_seconds=0.2)
    return Order(shopper.api, seen["order"]["id"], seen["order"]["token"], seen)


async def ends_packed(order: Order) -> dict[str, Any]:
    async def check() -> dict[str, Any]:
        shown = {"Order-Token": order.token}
        answer = await insists(lambda: order.api.get(f"/orders/{order.id}", headers=shown))
        assert answer.json["tracking"] is not None, answer.json["state"]
        return dict(answer.json)

    return await eventually(check, within_seconds=PATIENCE_SECONDS, every_seconds=0.2)


async def no_money_is_unexplained(merchant: Merchant, outside: Outside, sku: str) -> None:
    """What the processor holds and has taken for this product's orders is what the orders say."""
    listed = await insists(lambda: merchant.api.get("/admin/orders?limit=100"))
    for summary in listed.json["items"]:
        if summary["state"] != "cancelled":
            continue
        known = (await insists(lambda one=summary: merchant.api.get(f"/admin/orders/{one['id']}"))).json  # type: ignore[misc]
        if known["lines"][0]["sku"] != sku or known["payment_id"] is None:
            continue

        async def given_back(payment_id: str = known["payment_id"]) -> None:
            money = await outside.money_of(payment_id)
            assert (money["captured"] - money["refunded"], money["held"]) == (0, 0)

        await eventually(given_back)


async def all_agrees(orders: list[Order], sku: str, stock: int, merchant: Merchant, outside: Outside) -> None:
    """Shipped once, charged once, taken from the stock once. Whoever looks may meet with trouble."""
    outside = Outside(Insistent(outside.sandbox.base, outside.sandbox.session))
    for order in orders:
        seen = await ends_packed(order)
        known = await insists(lambda order=order: merchant.api.get(f"/admin/orders/{order.id}"))  # type: ignore[misc]
        money = await outside.money_of(known.json["payment_id"])
        assert money["captured"] == seen["totals"]["total"]["amount"]
        assert money["refunded"] == 0
        shipments = await insists(
            lambda seen=seen: merchant.api.get(f"/admin/shipments?q={seen['number']}")  # type: ignore[misc]
        )
        assert len(shipments.json["items"]) == 1
    assert len({order.id for order in orders}) == len(orders)

    async def stock_agrees() -> None:
        left = (await insists(lambda: merchant.api.get(f"/admin/inventory/{sku}"))).json
        assert (left["on_hand"], left["reserved"]) == (stock - len(orders), 0)

    await eventually(stock_agrees)
    await no_money_is_unexplained(merchant, outside, sku)


async def in_the_middle(buying: list["asyncio.Task[Order]"], merchant: Merchant, sku: str, stock: int) -> None:
    """Returns as soon as one of them holds goods, while the others are on their way there or already beyond."""

    async def goods_are_held() -> None:
        seen = await insists(lambda: merchant.api.get(f"/admin/inventory/{sku}"))
        assert seen.json["reserved"] > 0 or seen.json["on_hand"] < stock

    await eventually(goods_are_held, every_seconds=0.005)
    assert not all(one.done() for one in buying), "all have bought already: nothing is in the middle"


async def is_back(name: str, killed: int) -> None:
    async def check() -> None:
        part = parts()[name]
        assert part.pid not in (None, killed)
        assert part.state == state.State.READY

    await eventually(check, within_seconds=60, every_seconds=0.1)


@dataclass
class Killed:
    """What was under way when a part was killed, and how it ends: in its own time, while the next parts are killed."""

    api: Caller
    merchant: Merchant
    outside: Outside
    endings: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)

    async def in_the_middle(self, name: str) -> None:
        """Kills a part while orders are under way, lets others buy, and returns when the part is back."""
        product = await self.merchant.makes(stock=50)
        sku = product["sku"]
        first = [asyncio.create_task(buys_through_trouble(self.api, sku)) for _ in range(SHOPPERS)]
        await in_the_middle(first, self.merchant, sku, 50)
        victim = parts()[name].pid
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        second = [asyncio.create_task(buys_through_trouble(self.api, sku)) for _ in range(SHOPPERS)]
        orders = list(await asyncio.gather(*first, *second))
        await is_back(name, victim)
        self.endings[name] = asyncio.create_task(all_agrees(orders, sku, 50, self.merchant, self.outside))


@pytest.fixture(scope="module")
async def killed(api: Caller, merchant: Merchant, outside: Outside) -> AsyncIterator[Killed]:
    killed = Killed(api, merchant, outside)
    yield killed
    await asyncio.gather(*killed.endings.values(), return_exceptions=True)


@pytest.mark.parametrize("name", PARTS)
async def test_a_part_that_is_killed_in_the_middle_of_orders_comes_back_and_all_shoppers_get_theirs(
    name: str, killed: Killed
) -> None:
    await killed.in_the_middle(name)


@pytest.mark.parametrize("name", PARTS)
async def test_every_order_ends_in_the_middle_of_which_a_part_was_killed(name: str, killed: Killed) -> None:
    if name not in killed.endings:
        await killed.in_the_middle(name)
    await killed.endings[name]


async def test_postgres_is_killed_again_and_again_while_guests_buy_and_nothing_is_parked_or_lost(
    api: Caller, merchant: Merchant, outside: Outside, root: Path
) -> None:
    product = await merchant.makes(stock=1000)
    sku, over = product["sku"], asyncio.Event()
    parked_before = await parked(root)

    async def buys() -> list[Order]:
        bought = []
        while not over.is_set():
            bought.append(await buys_through_trouble(api, sku))
        return bought

    async def sold() -> int:
        seen = await insists(lambda: merchant.api.get(f"/admin/inventory/{sku}"))
        return 1000 - int(seen.json["on_hand"])

    async def sells_on(before: int) -> None:
        assert await sold() > before

    buying = [asyncio.create_task(buys()) for _ in range(GUESTS)]
    for _ in range(KILLS):
        before = await sold()
        await eventually(lambda before=before: sells_on(before), within_seconds=PATIENCE_SECONDS)  # type: ignore[misc]
        victim = parts()["postgres"].pid
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        await is_back("postgres", victim)
    over.set()
    orders = [order for bought in await asyncio.gather(*buying) for order in bought]
    assert len(orders) >= GUESTS
    await all_agrees(orders, sku, 1000, merchant, outside)
    assert await parked(root) == parked_before


async def parked(root: Path) -> str:
    """All that any service has set aside."""
    return await command(root, "events", "parked", "--instance", INSTANCE)


@pytest.mark.parametrize("name", ["inventory", "notifications", "kafka", "postgres"])
async def test_who_waits_for_something_sold_out_is_written_to_once_whoever_is_killed_when_it_comes_back(
    name: str, api: Caller, merchant: Merchant, outside: Outside
) -> None:
    product = await merchant.makes(stock=0)
    sku = product["sku"]
    waiting = [f"{unique('ida')}@example.com".lower() for _ in range(3)]
    for email in waiting:
        wish = {"sku": sku, "email": email}
        asked = await insists(lambda wish=wish: api.post("/notifications/stock-wishes", wish))  # type: ignore[misc]
        assert asked.status == 202, asked.body
    victim = parts()[name].pid
    assert victim is not None
    restocking = asyncio.create_task(insists(lambda: merchant.api.put(f"/admin/inventory/{sku}", {"on_hand": 50})))

    async def is_written() -> None:
        seen = await insists(lambda: merchant.api.get(f"/admin/inventory/{sku}"))
        assert seen.json["on_hand"] == 50

    await eventually(is_written, every_seconds=0.005)  # and is being told or mailed
    os.kill(victim, signal.SIGKILL)
    assert (await restocking).status == 200
    await is_back(name, victim)

    async def all_are_told() -> None:
        # A mail of unknown fate is sent again under its Message-ID, by which mail programs know that it is the same.
        told = [{mail["message_id"] for mail in await outside.mails_to(email)} for email in waiting]
        assert [len(ids) for ids in told] == [1] * len(waiting)

    await eventually(all_are_told, within_seconds=PATIENCE_SECONDS, every_seconds=0.2)
    told, *_ = await outside.mails_to(waiting[0])
    assert told["subject"] == f"{product['title']} is back in stock"


async def test_when_the_supervisor_is_killed_the_next_up_brings_everything_back(
    api: Caller, merchant: Merchant, outside: Outside, root: Path
) -> None:
    product = await merchant.makes(stock=50)
    sku = product["sku"]
    buying = [asyncio.create_task(buys_through_trouble(api, sku)) for _ in range(SHOPPERS)]
    await in_the_middle(buying, merchant, sku, 50)
    report = state.read(SYSTEM.instance(INSTANCE))
    assert report is not None
    os.kill(report.supervisor, signal.SIGKILL)
    await up(root)
    await all_agrees(list(await asyncio.gather(*buying)), sku, 50, merchant, outside)


async def test_down_and_up_again_loses_nothing(api: Caller, merchant: Merchant, outside: Outside, root: Path) -> None:
    product = await merchant.makes(stock=50)
    shopper = Shopper(api)
    await shopper.add(product["sku"], 2)
    order = await Shopper(api).buys(product["sku"])
    await command(root, "down", "--instance", INSTANCE)
    await up(root)
    cart = await insists(lambda: shopper.api.get("/cart"))
    assert [(line["sku"], line["quantity"]) for line in cart.json["lines"]] == [(product["sku"], 2)]
    await all_agrees([order], product["sku"], 50, merchant, outside)
    found = await insists(lambda: api.get(f"/search?q={product['title']}"))
    assert [item["id"] for item in found.json["items"]] == [product["id"]]


async def up(root: Path) -> None:
    await command(root, "up", "--instance", INSTANCE, "--no-seed")


async def command(root: Path, *arguments: str) -> str:
    """What it prints."""
    done = await asyncio.to_thread(
        subprocess.run, [root / "bodega", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
