"""Carts of two devices that become a customer's at the same moment. Their guards: tests/races.toml."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bodega.contracts.ids import new_id
from bodega.services.cart.service import Room, Shopper
from bodega.services.cart.settings import Settings
from bodega.services.cart.store import Carts

pytestmark = pytest.mark.service


class Together:
    """A client of the store whose SETs wait for one of another device: what each has read before, it has read."""

    def __init__(self, client: Any, both: asyncio.Barrier) -> None:
        self._client = client
        self._both = both

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def set(self, *arguments: Any, **options: Any) -> Any:
        await self._both.wait()
        return await self._client.set(*arguments, **options)


def carts_of(settings: Settings) -> Carts:
    return Carts(
        settings.redis_url, key_prefix=f"{settings.key_prefix}races:", connections=4, timeout_seconds=30,
        cart_days=1, marker_days=1, snapshot_days=1, idempotency_hours=1,
    )  # fmt: skip


@pytest.fixture
async def replicas(cart_settings: Settings) -> AsyncIterator[list[Room]]:
    """Two, each asked by one device."""
    made = [carts_of(cart_settings) for _ in range(2)]
    yield [Room(carts, None, fresh_seconds=3600) for carts in made]  # type: ignore[arg-type]
    for carts in made:
        await carts.close()


async def guests_cart(replica: Room, sku: str, quantity: int) -> str:
    """The id of a new one."""
    cart_id = new_id("crt")
    await replica.carts.add_line(cart_id, secrets.token_hex(6), "", sku, quantity, None, idempotency=None)
    return cart_id


async def held_by(replica: Room, customer: str) -> dict[str, int]:
    """What is in the customer's cart: quantities by SKU."""
    cart = await replica.find_cart(Shopper(customer, None))
    return {line.sku: line.quantity for line in cart.lines} if cart is not None else {}


async def test_carts_of_two_devices_that_sign_in_at_once_become_one(
    replicas: list[Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new customer: neither device says which cart is theirs before the other has found that there is none."""
    customer, both = new_id("cus"), asyncio.Barrier(2)
    carts = [await guests_cart(replicas[0], sku, 2) for sku in ("MUG", "BOWL")]
    for replica in replicas:
        monkeypatch.setattr(replica.carts, "_redis", Together(replica.carts._redis, both))
    await asyncio.gather(
        *(replica.merge(Shopper(customer, cart)) for replica, cart in zip(replicas, carts, strict=True))
    )  # fmt: skip
    assert await held_by(replicas[0], customer) == {"MUG": 2, "BOWL": 2}, "what one device had chosen is lost"


async def test_a_guests_cart_that_two_tabs_merge_at_once_is_moved_once(replicas: list[Room]) -> None:
    customer = new_id("cus")
    cart = await guests_cart(replicas[0], "MUG", 2)
    await asyncio.gather(*(replica.merge(Shopper(customer, cart)) for replica in replicas))
    assert await held_by(replicas[0], customer) == {"MUG": 2}, "what was in one cart was counted twice"
