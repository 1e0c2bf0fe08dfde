"""How long a cart lives."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bodega.kit.testing import Caller
from tests.cart.making import Shop
from tests.conftest import RUN, engine

pytestmark = pytest.mark.service

DAY = 86_400


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    async with Redis.from_url(engine("BODEGA_TEST_REDIS_ADMIN_URL"), decode_responses=True) as client:
        yield client


async def test_a_cart_lives_thirty_days_from_its_last_use(cart: Caller, shop: Shop, redis: Redis) -> None:
    added = await cart.post("/cart", {"sku": shop.sells(), "quantity": 1})
    guest, cart_id = cart.being({"Cart-Token": added.headers["cart-token"]}), added.json["cart_id"]
    keys = [key async for key in redis.scan_iter(f"t{RUN}:*{cart_id}*")]
    lives = [await redis.ttl(key) for key in keys]
    assert len(keys) == 2, "its head and its lines"
    assert all(29 * DAY < seconds <= 30 * DAY for seconds in lives)
    for key in keys:
        await redis.expire(key, 60)
    assert len((await guest.get("/cart")).json["lines"]) == 1
    assert all([await redis.ttl(key) > 29 * DAY for key in keys]), "looking at it is use"


async def test_what_is_acknowledged_is_written_to_disk_within_a_second(redis: Redis) -> None:
    """A cart survives the store's restart because the store is told to log each change."""
    said = {**await redis.config_get("appendonly"), **await redis.config_get("appendfsync")}
    assert said["appendonly"] == "yes"
    assert said["appendfsync"] in ("everysec", "always")
