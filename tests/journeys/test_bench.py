"""What `./bodega bench` measures of a running shop, in small. Here it has no shop of its own: others buy meanwhile, so
nothing is asserted of times, and it is waited only for what it has bought itself."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

import pytest

from bodega.cli.data import make_merchant
from bodega.demo.api import ShopApi
from bodega.kit.testing import Caller, eventually
from bodega.platform.system import System
from bodega.proof.bench import floor, idle, orders, rush
from bodega.proof.bench.buyers import Addresses
from bodega.proof.bench.ground import Ground, Merchant
from bodega.proof.bench.rest import Rest
from tests.journeys.conftest import INSTANCE
from tests.journeys.shop import unique

pytestmark = [pytest.mark.journey, pytest.mark.alone]


@dataclass
class Shared(Ground):
    """A shop that is never at rest, because others are in it. What a rush or a load has bought is paid, and taken from
    the stock, when it is."""

    bought: list[str] = field(default_factory=list)

    @property
    def skus(self) -> list[str]:
        return self.bought

    async def rests(self, after: str) -> None:
        async def is_taken() -> None:
            for sku in self.bought:
                _, reserved = await self.rest.stock(sku)
                assert reserved == 0, after

        await eventually(is_taken)


@pytest.fixture
async def ground(api: Caller) -> AsyncIterator[Shared]:
    instance = System.load().instance(INSTANCE)
    email, password = await make_merchant(instance)
    async with ShopApi(instance.api_url, email, password) as shop, Rest(instance) as rest:
        assert await shop.log_in()
        merchant = Merchant(shop, instance.system.shop.currency)
        yield Shared(instance, merchant, Addresses(IPv4Network("127.1.0.0/16")), rest, lambda *_: None, [])


async def test_a_rush_sells_what_there_is_and_refuses_all_others_cleanly(ground: Shared) -> None:
    slug = unique("bench-rush")
    ground.bought = [slug.upper()]
    found = await rush.measure(ground, buyers=6, units=2, at_once=3, slug=slug)
    assert found.faults == []
    assert (found.sold, found.told, found.on_hand, found.reserved) == (2, 2, 0, 0)
    assert sum(found.refused.values()) == 4
    assert found.sold_latency is not None
    assert found.sold_latency.count == 2
    _is_told_by_process(found.cost.cpu_ms)


async def test_guests_buy_one_after_the_other_and_what_it_cost_is_told_by_process(ground: Shared) -> None:
    ground.bought = [await ground.merchant.makes(unique("bench"), price=10_00, stock=1000)]
    found = await orders.measure(ground, guests=2, seconds=2.0)
    assert found.refused == {}
    assert found.placed >= found.latency.count >= 2, "others buy meanwhile"
    assert {step: took.count for step, took in found.steps.items()} == dict.fromkeys(orders.STEPS, found.latency.count)
    _is_told_by_process(found.cost.cpu_ms)


async def test_what_runs_when_nobody_is_there_is_told_by_process(ground: Shared) -> None:
    found = await idle.measure(ground, 2.0)
    assert 0 < found.services_percent < found.total_percent
    assert found.times == ground.instance.spec.times
    _is_of_all_the_shop(found.memory_mb)


async def test_the_floor_of_the_machine_is_measured_beside_the_shop(
    ground: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floor, "SECONDS", 0.5)
    assert min((await floor.measure(ground.instance, ground.progress)).model_dump().values()) > 0


def _is_told_by_process(cpu_ms: Mapping[str, float]) -> None:
    """The kernel counts in hundredths of a second: a process that has done little has used nothing."""
    assert "checkout" in cpu_ms
    assert all(value > 0 for value in cpu_ms.values())


def _is_of_all_the_shop(by_process: Mapping[str, float]) -> None:
    assert {"checkout", "orders", "payments", "postgres checkout", "kafka", "envoy"} <= by_process.keys()
    assert all(value > 0 for value in by_process.values())
