"""Who does not pay keeps goods from nobody for long, nor many of them."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller, serving
from bodega.services.checkout.app import create_app
from tests.checkout.conftest import SettingsOf
from tests.checkout.making import becomes, buy, for_people, id_of
from tests.checkout.world import Basket, World
from tests.conftest import MakeDatabase

pytestmark = pytest.mark.service

DECLINED_SECONDS = 2.0
PER_EMAIL, PER_ADDRESS = 2, 4


@pytest.fixture
async def strict(make_database: MakeDatabase, settings_of: SettingsOf) -> AsyncIterator[Caller]:
    """Checkout with limits that can be reached, on a database of its own."""
    settings = settings_of(
        database_url=await make_database("checkout"),
        declined_due_seconds=DECLINED_SECONDS,
        waiting_per_email=PER_EMAIL,
        waiting_per_address=PER_ADDRESS,
    )
    async with serving(create_app(settings)) as caller:
        yield caller


async def another_card(shop: Caller, basket: Basket, checkout_id: str, card: str) -> Answered:
    return await shop.being(basket.headers).post(f"/checkout/{checkout_id}/payments", {"payment_method": card})


async def test_a_declined_card_keeps_the_goods_a_short_while_only(strict: Caller, world: World) -> None:
    basket = world.basket(left=2)
    checkout_id = id_of(await buy(strict, basket, "pm_declined"))
    waiting = await becomes(strict, basket, checkout_id, "declined")
    declined_at = datetime.fromisoformat(waiting["timeline"][-1]["at"])
    assert (datetime.fromisoformat(waiting["due_at"]) - declined_at).total_seconds() <= DECLINED_SECONDS
    await becomes(strict, basket, checkout_id, "expired")
    assert world.left(basket) == 2
    assert (await buy(strict, basket)).status == 201


async def test_another_card_has_the_usual_time_again(strict: Caller, world: World) -> None:
    basket = world.basket(left=2)
    checkout_id = id_of(await buy(strict, basket, "pm_declined"))
    short = (await becomes(strict, basket, checkout_id, "declined"))["due_at"]
    challenged = await another_card(strict, basket, checkout_id, "pm_challenge")
    assert challenged.json["status"] == "action_required"
    usual = datetime.fromisoformat(challenged.json["due_at"]) - datetime.fromisoformat(short)
    assert usual.total_seconds() > 10 * DECLINED_SECONDS
    world.decide(checkout_id, "declined")
    again = await strict.being(basket.headers).post(f"/checkout/{checkout_id}/confirm")
    assert again.code == "card_declined"
    await becomes(strict, basket, checkout_id, "expired")
    assert world.left(basket) == 2


@pytest.mark.parametrize("card", ["pm_declined", "pm_challenge"])
async def test_one_email_has_only_so_many_orders_waiting_however_it_is_written(
    strict: Caller, world: World, card: str
) -> None:
    baskets = [world.basket() for _ in range(PER_EMAIL)]
    for basket in baskets:
        assert (await buy(strict, basket, card, email="ada@example.com")).status in (402, 202)
    refused = await buy(strict, world.basket(), email="ADA@example.com")
    assert (refused.status, refused.code) == (429, "too_many_unpaid")
    assert int(refused.headers["retry-after"]) > 0
    for_people(refused.json["detail"])
    assert (await buy(strict, world.basket(), email="grace@example.com")).status == 201, "others buy as ever"
    mine = await buy(strict, baskets[0], email="ada@example.com")
    assert mine.status == 201, "who has one of them open goes on with that"
    assert (await buy(strict, world.basket(), email="ada@example.com")).status == 201, "and has room again"


async def test_one_address_has_only_so_many_orders_waiting(strict: Caller, world: World) -> None:
    baskets = [world.basket() for _ in range(PER_ADDRESS)]
    for n, basket in enumerate(baskets):
        assert (await buy(strict, basket, "pm_challenge", email=f"ada{n}@example.com")).status == 202
    basket = world.basket()
    refused = await buy(strict, basket, email="grace@example.com")
    assert (refused.status, refused.code) == (429, "too_many_unpaid")
    assert world.count("reserve", basket) == 0
    first = id_of(await buy(strict, baskets[0], "pm_challenge", email="ada0@example.com"))
    await strict.being(baskets[0].headers).post(f"/checkout/{first}/cancel")
    assert (await buy(strict, basket, email="grace@example.com")).status == 201


async def test_a_cart_holds_what_it_wants_once_however_often_it_is_tried(strict: Caller, world: World) -> None:
    basket = world.basket(left=5)
    for n in range(2):
        assert (await buy(strict, basket, "pm_declined", email=f"ada{n}@example.com")).status == 402
        assert world.left(basket) == 3


async def test_declined_cards_are_counted_over_all_that_a_cart_has_tried(strict: Caller, world: World) -> None:
    """Whoever tests stolen cards changes a letter of the address each time."""
    basket = world.basket()
    for n in range(3):
        assert (await buy(strict, basket, "pm_declined", email=f"ada{n}@example.com")).status == 402
    refused = await buy(strict, basket, email="grace@example.com")
    assert (refused.status, refused.code) == (409, "too_many_attempts")
    for_people(refused.json["detail"])


async def test_the_address_is_forgotten_when_the_checkout_ends(shop: Caller, world: World, database: Database) -> None:
    basket, done = world.basket(), world.basket()
    waiting_id, done_id = id_of(await buy(shop, basket, "pm_challenge")), id_of(await buy(shop, done))

    async def client_of(checkout_id: str) -> str | None:
        async with database.transaction() as tx:
            found: str | None = await tx.fetchval("SELECT client FROM checkout WHERE id = $1", checkout_id)
        return found

    assert await client_of(waiting_id) == "127.0.0.1"
    assert await client_of(done_id) is None
