"""A delivery that was quoted is the shopper's for a short while, at its price, and checkout need not ask again."""

from typing import Any

import pytest

from bodega.kit.testing import Caller, serving
from bodega.services.checkout.app import create_app
from tests.checkout.conftest import SettingsOf
from tests.checkout.making import ADDRESS, buy
from tests.checkout.world import SENDING, UNIT, Basket, World, euro
from tests.conftest import MakeDatabase

pytestmark = pytest.mark.service

TOTAL = 2 * UNIT + SENDING


async def is_quoted(shop: Caller, basket: Basket, **address: str) -> Any:
    answer = await shop.being(basket.headers).post("/checkout/quote", {"shipping_address": {**ADDRESS, **address}})
    assert answer.status == 200, answer.body
    return answer.json["totals"]["total"]


async def test_a_quoted_delivery_holds_though_shipping_asks_more_by_now(shop: Caller, world: World) -> None:
    basket = world.basket()
    assert await is_quoted(shop, basket) == euro(TOTAL).model_dump()
    world.makes_sending_dearer(basket)
    assert (await buy(shop, basket, total=TOTAL)).status == 201
    assert world.count("rates", basket) == 1


async def test_the_next_quote_is_always_what_shipping_says_now(shop: Caller, world: World) -> None:
    basket = world.basket()
    await is_quoted(shop, basket)
    world.makes_sending_dearer(basket)
    assert await is_quoted(shop, basket) == euro(TOTAL + 100).model_dump()
    before = await buy(shop, basket, total=TOTAL)
    assert (before.status, before.code) == (409, "total_changed"), "the last quote counts"
    assert (await buy(shop, basket, total=TOTAL + 100)).status == 201


async def test_what_was_not_quoted_is_asked_for_and_an_answer_to_that_is_no_quote(shop: Caller, world: World) -> None:
    basket = world.basket()
    assert (await buy(shop, basket, total=TOTAL - 1)).code == "total_changed"
    world.makes_sending_dearer(basket)
    assert (await buy(shop, basket, total=TOTAL)).code == "total_changed"
    assert world.count("rates", basket) == 2


@pytest.mark.parametrize(
    "other", [{"postal_code": "10115"}, {"country": "AT", "postal_code": "1010", "city": "Vienna"}], ids=str
)
async def test_a_quote_holds_for_its_address_alone(shop: Caller, world: World, other: dict[str, str]) -> None:
    basket = world.basket()
    await is_quoted(shop, basket, **other)
    await buy(shop, basket, total=TOTAL)
    assert world.count("rates", basket) == 2


async def test_a_quote_does_not_hold_for_other_goods(shop: Caller, world: World) -> None:
    basket = world.basket()
    await is_quoted(shop, basket)
    world.makes_dearer(basket)
    dearer = await buy(shop, basket, total=TOTAL)
    assert (dearer.status, dearer.code) == (409, "total_changed"), "the goods' price is the catalog's, always"
    assert world.count("rates", basket) == 2


async def test_a_quote_is_forgotten_when_its_time_is_over(
    make_database: MakeDatabase, settings_of: SettingsOf, world: World
) -> None:
    url = await make_database("checkout")
    async with serving(create_app(settings_of(database_url=url, shipping_quote_seconds=0))) as shop:
        basket = world.basket()
        await is_quoted(shop, basket)
        world.makes_sending_dearer(basket)
        late = await buy(shop, basket, total=TOTAL)
        assert (late.status, late.code) == (409, "total_changed")
