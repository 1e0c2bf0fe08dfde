"""The whole shop again, with all services in one process: the same journeys, and what is of this topology alone."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from bodega.kit.testing import Caller
from tests.journeys.conftest import INSTANCE
from tests.journeys.parts import SYSTEM, parts
from tests.journeys.shop import Merchant, Outside, Shopper
from tests.journeys.test_kills import (
    SHOPPERS,
    all_agrees,
    buys_through_trouble,
    command,
    in_the_middle,
    insists,
    is_back,
)
from tests.journeys.test_one_order import (
    test_a_guest_buys_and_everything_follows_by_itself,
    test_a_price_that_changes_is_in_an_open_cart_at_once,
    test_cancelling_gives_the_money_and_the_stock_back,
)

pytestmark = [pytest.mark.journey, pytest.mark.alone, pytest.mark.timeout(300)]

__all__ = [
    "test_a_guest_buys_and_everything_follows_by_itself",
    "test_a_price_that_changes_is_in_an_open_cart_at_once",
    "test_cancelling_gives_the_money_and_the_stock_back",
]


async def runs_as(topology: str, root: Path, api: Caller) -> None:
    await command(root, "up", "--instance", INSTANCE, "--no-seed", "--topology", topology)
    answer = await insists(lambda: api.get("/products"))  # the gateway has found the services again
    assert answer.status == 200


@pytest.fixture(scope="module", autouse=True)
async def one_process(root: Path, api: Caller, merchant: Merchant) -> AsyncIterator[None]:
    await runs_as("one", root, api)
    yield
    await runs_as("eleven", root, api)
    assert len(service_pids()) == len(SYSTEM.services)


def service_pids() -> set[int | None]:
    return {parts()[name].pid for name in SYSTEM.services}


async def test_it_is_one_process_that_stays_when_up_is_run_again_and_says_so(root: Path) -> None:
    before = service_pids()
    assert len(before) == 1
    await command(root, "up", "--instance", INSTANCE, "--no-seed")
    assert service_pids() == before
    assert "Topology one" in await command(root, "status", "--instance", INSTANCE)


async def test_no_service_calls_another_over_the_network(guest: Shopper, merchant: Merchant) -> None:
    product = await merchant.makes()
    await guest.buys(product["sku"])
    (pid,) = service_pids()
    ports = {SYSTEM.instance(INSTANCE).service_port(name) for name in SYSTEM.services}
    called = [c.raddr.port for c in psutil.Process(pid).net_connections("tcp") if c.raddr]
    assert not ports & set(called), "connections are kept open for half a minute"


async def test_a_kill_in_the_middle_of_orders_takes_all_services_and_every_order_ends(
    api: Caller, merchant: Merchant, outside: Outside
) -> None:
    product = await merchant.makes(stock=50)
    sku = product["sku"]
    first = [asyncio.create_task(buys_through_trouble(api, sku)) for _ in range(SHOPPERS)]
    await in_the_middle(first, merchant, sku, 50)
    (victim,) = service_pids()
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    second = [asyncio.create_task(buys_through_trouble(api, sku)) for _ in range(SHOPPERS)]
    orders = list(await asyncio.gather(*first, *second))
    for name in SYSTEM.services:
        await is_back(name, victim)
    assert len(service_pids()) == 1
    await all_agrees(orders, sku, 50, merchant, outside)
