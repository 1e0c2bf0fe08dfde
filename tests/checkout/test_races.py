"""Two tabs that pay, and a clock that runs out while the bank says yes. Their guards: tests/races.toml."""

import asyncio

import pytest

from bodega.kit.db import Database
from bodega.kit.flow import Held, LeaseLost, Next
from bodega.kit.testing import Caller
from tests.checkout.conftest import SettingsOf
from tests.checkout.making import becomes, buy, id_of
from tests.checkout.test_flow import sleeping_owner
from tests.checkout.world import World
from tests.locks import so_many_wait

pytestmark = pytest.mark.service


async def test_two_tabs_that_press_pay_at_once_are_both_answered_with_the_one_order(
    shop: Caller, world: World, database: Database
) -> None:
    """No checkout can be written until both tabs wait: whoever does not wait for the other has looked for one by then,
    and found none."""
    basket = world.basket()
    async with database.transaction() as tx:
        await tx.execute("LOCK TABLE checkout IN SHARE MODE")
        paying = [asyncio.create_task(buy(shop, basket)) for _ in range(2)]
        await so_many_wait(database, 2)
    answers = await asyncio.gather(*paying)
    assert len(world.orders_of(basket)) == 1, "a cart was bought twice"
    assert [one.status for one in answers] == [201, 201], "the second tab was not answered with the order of the first"
    assert id_of(answers[0]) == id_of(answers[1])
    assert len(world.attempts_of(id_of(answers[0]))) == 1


async def test_a_checkout_that_has_expired_stays_so_though_its_former_owner_wakes_with_the_banks_yes(
    shop: Caller, world: World, database: Database, settings_of: SettingsOf
) -> None:
    """The owner falls asleep between the answer and its record. The time to pay and its lease are over meanwhile, and
    another replica has cancelled the order."""
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_challenge"))
    async with sleeping_owner(database, settings_of()) as flows:
        async with database.transaction() as tx:
            held = await flows.seize(tx, checkout_id)
        assert held is not None
        world.decide(checkout_id, "authorized")
        decided = await flows.steps["pay"](held)
        async with database.transaction() as tx:
            await tx.execute("UPDATE flow SET due_at = now(), lease_until = now() WHERE id = $1", checkout_id)
        await becomes(shop, basket, checkout_id, "expired")

        async def wakes(_: Held) -> Next:
            return decided

        flows.steps = {"pay": wakes}
        (outcome,) = await asyncio.gather(flows.drive(held), return_exceptions=True)
    assert world.state_of_order(checkout_id) == "cancelled"
    seen = (await shop.being(basket.headers).get(f"/checkout/{checkout_id}")).json
    assert seen["status"] == "expired", "a checkout is completed though its order was cancelled"
    assert isinstance(outcome, LeaseLost)
