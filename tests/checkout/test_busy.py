"""Where more want to buy than can be served, they stand in line: who would wait too long is told so and has begun
nothing, what is sold out is said at once, and nobody loses what they have."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from bodega.kit.db import Database
from bodega.kit.http import DEADLINE_HEADER
from bodega.kit.line import Line
from bodega.kit.testing import Answered, Caller, Credentials, eventually, serving
from bodega.services.checkout.app import create_app
from tests.checkout.conftest import SettingsOf
from tests.checkout.making import ADDRESS, becomes, buy, for_people, id_of, key, wish
from tests.checkout.world import Basket, World, world_of
from tests.conftest import MakeDatabase

pytestmark = pytest.mark.service

SOON = {DEADLINE_HEADER: "2000"}
LONG = 60


@dataclass
class Crowded:
    """A checkout that serves one shopper at a time."""

    shop: Caller
    world: World
    database: Database
    line: Line
    own: Database
    """That of the service itself."""
    own_pool: int

    async def stands_in_line(self, count: int = 1) -> None:
        async def check() -> None:
            assert self.line.waiting == count

        await eventually(check)

    async def begun(self, basket: Basket) -> int:
        async with self.database.reading() as tx:
            return int(
                await tx.fetchval(
                    """SELECT (SELECT count(*) FROM checkout WHERE cart_id = $1)
                            + (SELECT count(*) FROM idempotency_key WHERE scope LIKE '%' || $1)""",
                    basket.id,
                )
            )

    async def is_free(self) -> None:
        async def check() -> None:
            assert not self.line.is_full

        await eventually(check)


@pytest.fixture(scope="module")
async def crowded(
    credentials: Credentials, settings_of: SettingsOf, make_database: MakeDatabase
) -> AsyncIterator[Crowded]:
    url = await make_database("checkout")
    database = Database(url)
    await database.open()
    async with world_of(credentials) as (world, urls):
        settings = settings_of(
            database_url=url, service_urls=urls, checkouts_at_once=1, request_timeout_seconds=LONG,
            lease_seconds=LONG, step_deadline_seconds=LONG - 1,
        )  # fmt: skip
        app = create_app(settings)
        async with serving(app) as shop:
            yield Crowded(shop, world, database, app.state.lines.checkouts, app.state.database, settings.pool_size)
            world.released.set()
    await database.close()


def asks(crowded: Crowded, basket: Basket, key: dict[str, str], **other: str) -> "asyncio.Task[Answered]":
    return asyncio.create_task(crowded.shop.being({**basket.headers, **key, **other}).post("/checkout", wish()))


async def test_who_would_wait_too_long_is_told_so_and_has_begun_nothing(crowded: Crowded) -> None:
    basket, mine = crowded.world.basket(), key()
    async with crowded.line.place():
        answer = await asks(crowded, basket, mine, **SOON)
        assert (answer.status, answer.code) == (503, "busy")
        assert 1 <= int(answer.headers["retry-after"]) <= 30
        for_people(answer.json["detail"])
    assert (await crowded.begun(basket), crowded.world.count("reserve", basket)) == (0, 0)
    assert (await asks(crowded, basket, mine)).status == 201, "the same key buys as soon as there is a place"


async def test_the_next_are_served_in_the_order_in_which_they_came(crowded: Crowded) -> None:
    baskets = [crowded.world.basket() for _ in range(3)]
    served: list[Basket] = []

    async def buys(basket: Basket) -> int:
        status = (await asks(crowded, basket, key())).status
        served.append(basket)
        return status

    async with crowded.line.place():
        buying = []
        for number, basket in enumerate(baskets):
            buying.append(asyncio.create_task(buys(basket)))
            await crowded.stands_in_line(number + 1)
        assert [await crowded.begun(basket) for basket in baskets] == [0, 0, 0]
    assert await asyncio.gather(*buying) == [201, 201, 201]
    assert served == baskets
    await crowded.is_free()


async def test_what_is_sold_out_is_said_at_once_with_its_title(crowded: Crowded) -> None:
    basket = crowded.world.basket(left=1)
    quoted = await crowded.shop.being(basket.headers).post("/checkout/quote", {"shipping_address": ADDRESS})
    async with crowded.line.place():
        answer = await asks(crowded, basket, key())
        assert (answer.status, answer.code) == (409, "out_of_stock")
        assert answer.json == quoted.json
        for_people(answer.json["detail"], basket.sku)
    assert (await crowded.begun(basket), crowded.world.count("reserve", basket)) == (0, 0)


async def test_who_has_bought_the_last_pieces_is_not_told_that_they_are_gone(crowded: Crowded) -> None:
    basket, mine = crowded.world.basket(left=2), key()
    bought = await asks(crowded, basket, mine)
    assert (bought.status, crowded.world.left(basket)) == (201, 0)
    async with crowded.line.place():
        again, another_tab = asks(crowded, basket, mine), asks(crowded, basket, key())
        await crowded.stands_in_line(2)
    assert ((await again).status, (await again).headers["idempotency-replayed"]) == (201, "true")
    assert (await another_tab).json["order"] == (await again).json["order"] == bought.json["order"]


async def test_what_the_shopper_has_reserved_is_not_sold_out_to_them(crowded: Crowded) -> None:
    basket = crowded.world.basket(left=2)
    assert (await buy(crowded.shop, basket, "pm_declined")).status == 402
    async with crowded.line.place():
        again = asks(crowded, basket, key())
        await crowded.stands_in_line()
    assert (await again).status == 201


async def test_another_card_is_not_asked_while_it_would_wait_too_long(crowded: Crowded) -> None:
    basket = crowded.world.basket()
    checkout_id = id_of(await buy(crowded.shop, basket, "pm_declined"))
    path, card = f"/checkout/{checkout_id}/payments", {"payment_method": "pm_good"}
    me = crowded.shop.being(basket.headers)
    async with crowded.line.place():
        answer = await me.post(path, card, headers={**key(), **SOON})
        assert (answer.status, answer.code) == (503, "busy")
        assert "retry-after" in answer.headers
    assert len(crowded.world.attempts_of(checkout_id)) == 1
    assert (await me.post(path, card, headers=key())).status == 201


async def test_what_has_begun_is_said_to_have_begun_though_nobody_can_read_how_far_it_has_come(
    crowded: Crowded,
) -> None:
    bought, paid = crowded.world.basket(), crowded.world.basket()
    declined = id_of(await buy(crowded.shop, paid, "pm_declined"))

    async def told_without_a_connection(basket: Basket, path: str, body: object, state: str) -> None:
        crowded.world.plan("pay", basket, "hang")
        asking = asyncio.create_task(crowded.shop.being({**basket.headers, **key(), **SOON}).post(path, body))
        await crowded.world.hanging["pay", basket.sku].wait()
        async with AsyncExitStack() as others:
            for _ in range(crowded.own_pool):
                await others.enter_async_context(crowded.own.reading())
            answer = await asking
        assert (answer.status, answer.json["status"]) == (202, state)
        assert answer.headers["location"] == f"/checkout/{id_of(answer)}"
        crowded.world.released.set()
        await becomes(crowded.shop, basket, id_of(answer), "completed")
        await crowded.is_free()
        crowded.world.released.clear()

    await told_without_a_connection(bought, "/checkout", wish(), "started")
    await told_without_a_connection(paid, f"/checkout/{declined}/payments", {"payment_method": "pm_good"}, "paying")


async def test_giving_up_and_coming_back_from_the_bank_need_no_place(crowded: Crowded) -> None:
    given_up, challenged = crowded.world.basket(), crowded.world.basket()
    declined = id_of(await buy(crowded.shop, given_up, "pm_declined"))
    opened = id_of(await buy(crowded.shop, challenged, "pm_challenge"))
    crowded.world.decide(opened, "authorized")
    async with crowded.line.place():
        assert (await crowded.shop.being(given_up.headers).post(f"/checkout/{declined}/cancel")).status == 200
        assert (await crowded.shop.being(challenged.headers).post(f"/checkout/{opened}/confirm")).status == 201


async def test_a_place_is_kept_as_long_as_the_work_goes_on_and_no_longer(crowded: Crowded) -> None:
    basket, none = crowded.world.basket(), crowded.world.basket(quantity=0)
    crowded.world.plan("pay", basket, "hang")
    answer = await asks(crowded, basket, key(), **SOON)
    assert answer.status == 202, "the answer keeps to its time"
    assert crowded.line.is_full, "the work goes on"
    crowded.world.released.set()
    await becomes(crowded.shop, basket, id_of(answer), "completed")
    await crowded.is_free()
    assert (await asks(crowded, none, key())).code == "cart_empty"
    assert not crowded.line.is_full, "a refusal keeps no place"
