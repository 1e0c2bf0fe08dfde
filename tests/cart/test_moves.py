"""A SKU is sold as the product says that has it now, whatever order the news comes in."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bodega.contracts.catalog import PricedSku, Prices, Product, ProductArchived
from bodega.contracts.envelope import event
from bodega.contracts.ids import new_id
from bodega.kit.testing import Caller, Topics
from bodega.services.cart.clients import words_of
from bodega.services.cart.domain import ProductWord, StockWord
from bodega.services.cart.service import Room
from bodega.services.cart.settings import Settings
from bodega.services.cart.store import Carts
from tests.cart.conftest import filled
from tests.cart.making import Shop, euro, version_now
from tests.cart.test_events import becomes, updated
from tests.catalog.moving import Step, Told, World, steps

pytestmark = pytest.mark.service


class Catalog:
    """Answers as the world is when it is asked; `slow` answers are given when the test says so."""

    def __init__(self) -> None:
        self.world: World
        self.slow: asyncio.Event | None = None

    async def products(self, skus: Sequence[str], known: Mapping[str, ProductWord]) -> dict[str, ProductWord]:
        answer, at, slow = Prices(items=[self.world.priced(sku) for sku in skus]), time.time(), self.slow
        if slow is not None:
            await slow.wait()
        return words_of(answer, known, at=at)

    async def stock(self, skus: Sequence[str]) -> dict[str, StockWord]:
        return {}


class Looks:
    """Shoppers who look at their carts; those under way have been asked for, and are not answered yet."""

    def __init__(self, room: Room, catalog: Catalog) -> None:
        self._room, self._catalog = room, catalog
        self._under_way: list[tuple[asyncio.Event, asyncio.Task[Any]]] = []

    async def begin(self) -> None:
        answered = asyncio.Event()
        begun = asyncio.Event()
        self._catalog.slow = answered

        async def look() -> None:
            words = await self._room.carts.find_words(self._catalog.world.skus)
            asked = asyncio.ensure_future(self._catalog.products(self._catalog.world.skus, words.products))
            await asyncio.sleep(0)  # the question is put
            begun.set()
            await self._room.carts.keep_answers(await asked, words.standing)

        self._under_way.append((answered, asyncio.create_task(look())))
        await begun.wait()
        self._catalog.slow = None

    async def end(self, number: int) -> None:
        if self._under_way:
            answered, look = self._under_way.pop(number % len(self._under_way))
            answered.set()
            await look

    async def end_all(self) -> None:
        while self._under_way:
            await self.end(0)


_LOOKS: st.SearchStrategy[Step] = st.tuples(
    st.sampled_from(["look", "begin to look", "end a look"]), st.integers(0, 3), st.just(0)
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(history=[("move", 0, 0), ("look", 0, 0), ("move", 0, 1), ("deliver", 1, 4), ("look", 0, 0), ("edit", 0, 0)])
@given(history=steps(_LOOKS))
async def test_in_the_end_every_sku_is_sold_as_the_catalog_has_it(
    cart: Caller, cart_settings: Settings, history: list[Step]
) -> None:
    carts = Carts(
        cart_settings.redis_url, key_prefix=f"{cart_settings.key_prefix}moves:", connections=4, timeout_seconds=5,
        cart_days=1, marker_days=1, snapshot_days=1, idempotency_hours=1,
    )  # fmt: skip
    catalog = Catalog()
    room = Room(carts, catalog, fresh_seconds=3600)  # type: ignore[arg-type]

    async def receive(told: Told) -> None:
        if isinstance(told, Product):
            await room.product_changed(told, time.time())
        else:
            await room.product_archived(told, time.time())

    world = catalog.world = World(receive)
    looks = Looks(room, catalog)
    try:
        for step in history:
            match step:
                case "look", _, _:
                    await room.words_about(world.skus)
                case "begin to look", _, _:
                    await looks.begin()
                case "end a look", number, _:
                    await looks.end(number)
                case _:
                    await world.step(step)
        await world.end()
        await looks.end_all()
        known = (await room.words_about(world.skus)).products
        for sku in world.skus:
            truth, word = world.priced(sku), known[sku]
            assert word.told is not None
            assert (word.told.sold, word.told.price if word.told.sold else None) == (truth.sold, truth.price), sku
            if truth.sold:
                assert word.told == truth
    finally:
        await looks.end_all()
        await carts.close()


@pytest.mark.parametrize("later", ["updated", "archived"])
async def test_what_its_former_product_says_later_neither_ends_nor_claims_a_sku(
    cart: Caller, shop: Shop, topics: Topics, later: str
) -> None:
    former, owner = new_id("prd"), new_id("prd")
    sku, other = shop.sells(1000, product_id=former), shop.sells(1100, product_id=former)
    guest = await filled(cart, (sku, 1), (other, 1))
    moved = {**shop.products[sku].model_dump(), "product_id": owner, "product_version": 7, "price": euro(2000)}
    shop.products[sku] = PricedSku.model_validate(moved)
    shop.reprice(other, 1200)
    await topics.publish(updated(shop, other), updated(shop, sku))
    await becomes(guest, 0, unit_price=euro(2000))
    await becomes(guest, 1, unit_price=euro(1200))
    if later == "updated":
        shop.reprice(other, 1300)
        await topics.publish(updated(shop, other))
        await becomes(guest, 1, unit_price=euro(1300))
    else:
        del shop.products[other]
        gone = ProductArchived(product_id=former, slug="mug", skus=[other], version=version_now())
        await topics.publish(event(gone, subject=former, sequence=gone.version))
        await becomes(guest, 1, unit_price=None)
    line = await becomes(guest, 0, unit_price=euro(2000))
    assert [one["code"] for one in line["warnings"]] == ["price_changed"]
    assert (await cart.post("/cart", {"sku": sku})).status == 201
