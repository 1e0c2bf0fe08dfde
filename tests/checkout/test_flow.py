"""A checkout ends in the same state as without the fault, whatever happens on the way."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from bodega.contracts.envelope import event
from bodega.contracts.ids import derived_id
from bodega.contracts.inventory import ReservationLine, ReserveRequest
from bodega.contracts.orders import OrderCancelled
from bodega.contracts.payments import PaymentAuthorized, PaymentFailed
from bodega.kit.db import Database
from bodega.kit.flow import Flows, Held, LeaseLost
from bodega.kit.http import Client
from bodega.kit.testing import Caller, Topics, eventually, serving
from bodega.services.checkout import store
from bodega.services.checkout.app import create_app
from bodega.services.checkout.clients import Services
from bodega.services.checkout.flows import KIND, CheckoutFlow
from bodega.services.checkout.settings import Settings
from tests.checkout.conftest import HASTY_UNKNOWN_SECONDS, Read, SettingsOf
from tests.checkout.making import becomes, buy, id_of, key, states, wish
from tests.checkout.world import Attempt, Basket, Fault, Refusal, World
from tests.conftest import MakeDatabase
from tests.locks import locks_awaited

pytestmark = pytest.mark.service

STEPS = ("prices", "rates", "reserve", "order", "pay")
LONG = 30.0
WHOLE_WAY = ["started", "priced", "reserved", "ordered", "paying", "completed"]


def bought_once(world: World, basket: Basket) -> str:
    """The id of the checkout that has bought the basket: one order, one payment, the stock taken once."""
    (order,) = world.orders_of(basket)
    checkout_id = order.wanted.checkout_id
    assert order.state == "created"
    assert [one.status for one in world.attempts_of(checkout_id)] == ["authorized"]
    assert world.reservations[order.wanted.reservation_id].status == "reserved"
    assert world.left(basket) == 8
    return checkout_id


def nothing_bought(world: World, basket: Basket) -> None:
    assert world.left(basket) == 10
    assert all(order.state == "cancelled" for order in world.orders_of(basket))
    assert not [one for one in world.attempts.values() if one.status == "authorized" and of(one, world, basket)]


def of(attempt: Attempt, world: World, basket: Basket) -> bool:
    return any(order.wanted.order_id == attempt.wanted.order_id for order in world.orders_of(basket))


@asynccontextmanager
async def sleeping_owner(database: Database, settings: Settings) -> AsyncIterator[Flows]:
    """A replica whose steps are taken, and recorded, one by one by the test."""
    services = Services(settings)
    await _opened(services.clients)
    try:
        yield Flows(
            database, KIND, CheckoutFlow(database, services, settings).steps,
            service="checkout", owner="sleeper", lease_seconds=LONG, step_deadline_seconds=LONG - 1,
        )  # fmt: skip
    finally:
        await asyncio.gather(*(client.close() for client in services.clients))


async def reached(world: World, call: str, basket: Basket) -> None:
    """The call has been made."""

    async def check() -> None:
        assert world.count(call, basket)

    await eventually(check, every_seconds=0.01)


# --- those who are asked -----------------------------------------------------------------------------------


@pytest.mark.parametrize("call", STEPS)
@pytest.mark.parametrize("faults", [("after",), ("before",) * 4, ("slow",)], ids=["lost", "down", "slow"])
async def test_a_call_that_goes_wrong_changes_nothing_in_the_end(
    shop: Caller, world: World, call: str, faults: tuple[Fault, ...]
) -> None:
    """Lost: the effect, and no answer. Down: for longer than one step repeats. Slow: longer than a step may last."""
    basket = world.basket()
    world.plan(call, basket, *faults)
    answer = await buy(shop, basket)
    assert answer.status == 201
    assert states(answer.json) == WHOLE_WAY
    assert bought_once(world, basket) == answer.json["checkout_id"]
    assert world.count(call, basket) > len(faults)


@pytest.mark.parametrize("faults", [("after",), ("before",) * 4, ("slow",)], ids=["lost", "down", "slow"])
async def test_an_undo_that_goes_wrong_is_done_in_the_end(
    shop: Caller, world: World, faults: tuple[Fault, ...]
) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_declined"))
    world.plan("cancel", basket, *faults)
    await shop.being(basket.headers).post(f"/checkout/{checkout_id}/cancel")
    await becomes(shop, basket, checkout_id, "cancelled")
    nothing_bought(world, basket)


async def test_a_payment_that_is_not_known_yet_is_waited_for(hasty: Caller, world: World) -> None:
    basket = world.basket()
    answer = await buy(hasty, basket, "pm_unknown")
    assert answer.status == 202
    assert answer.headers["location"] == f"/checkout/{id_of(answer)}"
    assert answer.headers["cache-control"] == "no-store"
    await becomes(hasty, basket, id_of(answer), "paying")
    await reached(world, "pay", basket)
    world.decide(id_of(answer), "authorized")
    await becomes(hasty, basket, id_of(answer), "completed")
    assert len(world.attempts_of(id_of(answer))) == 1


async def test_an_unknown_payment_extends_the_time_once_and_then_the_order_is_cancelled(
    hasty: Caller, world: World
) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(hasty, basket, "pm_unknown"))
    ended = await becomes(hasty, basket, checkout_id, "expired")
    assert world.count("look", basket) > 1, "it is asked for again and again"
    began, over, due = map(
        datetime.fromisoformat, (ended["timeline"][0]["at"], ended["timeline"][-1]["at"], ended["due_at"])
    )
    assert over >= due
    assert HASTY_UNKNOWN_SECONDS <= (due - began).total_seconds() < 2 * HASTY_UNKNOWN_SECONDS
    assert world.state_of_order(checkout_id) == "cancelled"
    nothing_bought(world, basket)


async def test_who_is_told_that_too_little_is_left_ends_what_they_asked_for(shop: Caller, world: World) -> None:
    """No clock would: a first call that was given up may still arrive, when there is enough again."""
    basket = world.basket(left=2)
    world.plan("reserve", basket, "before")
    buying = asyncio.create_task(buy(shop, basket))
    await reached(world, "reserve", basket)
    world.stock[basket.sku] = 0
    answer = await buying
    assert (answer.status, answer.code) == (409, "out_of_stock")
    reservation = derived_id("res", id_of(answer))
    assert world.reservations[reservation].status == "released"
    world.stock[basket.sku] = 2
    late = ReserveRequest(reservation_id=reservation, lines=[ReservationLine(sku=basket.sku, quantity=2)])
    with pytest.raises(Refusal):
        await world.reserve(late)
    assert world.left(basket) == 2
    assert (await buy(shop, basket)).status == 201


async def test_a_price_that_changes_after_the_goods_were_reserved_gives_them_back(shop: Caller, world: World) -> None:
    """The step is done again, and the second time it does not come as far as the first."""
    basket = world.basket()
    world.plan("reserve", basket, "slow")
    buying = asyncio.create_task(buy(shop, basket))
    await reached(world, "reserve", basket)
    world.makes_dearer(basket)
    answer = await buying
    assert (answer.status, answer.code) == (409, "total_changed")
    assert not world.orders_of(basket)
    nothing_bought(world, basket)


async def test_an_owner_that_wakes_refused_takes_nothing_from_the_order_that_another_has_made(
    shop: Caller, world: World, database: Database, settings_of: SettingsOf
) -> None:
    """It was told that too little is left, and slept; another took the flow over when there was enough again."""
    basket = world.basket()
    world.plan("reserve", basket, *("before",) * 9)
    buying = asyncio.create_task(buy(shop, basket))
    await reached(world, "reserve", basket)
    async with sleeping_owner(database, settings_of()) as flows:
        async with database.transaction() as tx:
            checkout_id = await tx.fetchval("SELECT id FROM checkout WHERE cart_id = $1", basket.id)
            held = await flows.seize(tx, checkout_id)
            assert held is not None
            held.carried = await store.get_checkout(tx, checkout_id)  # as if it had begun the flow
        world.plans["reserve", basket.sku].clear()
        world.stock[basket.sku] = 0
        refused = await flows.steps["place"](held)
        world.stock[basket.sku] = 10
        async with database.transaction() as tx:
            await tx.execute("UPDATE flow SET lease_until = now(), wake_at = now() WHERE id = $1", checkout_id)
        await becomes(shop, basket, checkout_id, "completed")
        flows.steps = {"place": _answers(refused)}
        with pytest.raises(LeaseLost):
            await flows.drive(held)
    await buying
    assert not world.count("release", basket)
    assert bought_once(world, basket) == checkout_id


async def test_a_price_that_changes_while_an_order_is_placed_again_costs_nobody_money(
    shop: Caller, world: World
) -> None:
    """The order was made at the old price, and the answer is lost."""
    basket = world.basket()
    world.plan("order", basket, "slow")
    buying = asyncio.create_task(buy(shop, basket))
    await reached(world, "order", basket)
    world.makes_dearer(basket)
    answer = await buying
    assert (answer.status, answer.code) == (409, "total_changed")
    assert len(world.orders_of(basket)) == 1
    nothing_bought(world, basket)


async def test_an_order_is_kept_though_the_database_has_lost_that_it_was_placed_and_its_price_changes(
    shop: Caller, world: World, database: Database
) -> None:
    """That record need not reach the disk. Here the server crashes while the bank is asked, which says yes."""
    basket = world.basket()
    world.plan("pay", basket, "slow")
    buying = asyncio.create_task(buy(shop, basket))
    await reached(world, "pay", basket)
    (order,) = world.orders_of(basket)
    async with database.transaction() as tx:
        await tx.execute("UPDATE flow SET step = 'place' WHERE id = $1", order.wanted.checkout_id)
        await tx.execute(
            """UPDATE checkout SET state = 'started', lines = '[]', totals = NULL, tax_decision = NULL,
                      order_number = NULL, order_token = NULL WHERE id = $1""",
            order.wanted.checkout_id,
        )
    world.pay_order(order.wanted.checkout_id)
    world.makes_dearer(basket)
    answer = await buying
    assert (answer.status, answer.json["status"]) == (201, "completed")
    assert answer.json["order"] == {
        "id": order.wanted.order_id, "number": order.number, "token": f"link-{order.number}"
    }  # fmt: skip
    assert len(world.orders_of(basket)) == 1
    assert world.left(basket) == 8


async def test_an_order_that_was_cancelled_while_it_was_being_made_is_not_made_again(
    shop: Caller, world: World
) -> None:
    basket = world.basket()
    world.plan("order", basket, "slow")
    buying = asyncio.create_task(buy(shop, basket))
    await reached(world, "order", basket)
    world.cancel_order(world.orders_of(basket)[0].wanted.checkout_id)
    answer = await buying
    assert (answer.status, answer.code) == (409, "checkout_ended")
    nothing_bought(world, basket)
    assert world.count("pay", basket) == 0


async def test_a_verdict_that_only_payments_has_heard_is_asked_of_the_order(shop: Caller, world: World) -> None:
    """Payments says `already_ended`: the order was paid by the attempt before, or it was cancelled."""
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_declined"))
    world.pay_order(checkout_id)
    answer = await _another_card(shop, basket, checkout_id)
    assert (answer.status, answer.json["status"]) == (201, "completed")
    assert len(world.attempts_of(checkout_id)) == 1


async def test_an_attempt_that_the_browser_confirmed_after_all_is_taken_and_no_second_is_made(
    shop: Caller, world: World
) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_declined"))
    world.decide(checkout_id, "authorized")
    answer = await _another_card(shop, basket, checkout_id)
    assert answer.status == 201
    assert len(world.attempts_of(checkout_id)) == 1


async def test_a_payment_that_was_given_up_ends_the_checkout(shop: Caller, world: World) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_challenge"))
    world.decide(checkout_id, "voided")
    await becomes(shop, basket, checkout_id, "cancelled")
    assert world.state_of_order(checkout_id) == "cancelled"


# --- a challenge --------------------------------------------------------------------------------------------


async def test_a_challenge_whose_shopper_never_comes_back_is_asked_for_all_the_same(shop: Caller, world: World) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_challenge"))
    world.decide(checkout_id, "authorized")
    await becomes(shop, basket, checkout_id, "completed")


async def test_an_event_wakes_what_waits_and_is_not_believed(shop: Caller, world: World, topics: Topics) -> None:
    """`declined` is not asked for by the clock: only the event can have woken it."""
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_declined"))
    looked = world.count("look", basket)
    await topics.publish(_fact(PaymentFailed, world.attempts_of(checkout_id)[0], sequence=1))

    async def asked_again() -> None:
        assert world.count("look", basket) > looked

    await eventually(asked_again)
    await becomes(shop, basket, checkout_id, "declined")
    attempt = world.decide(checkout_id, "authorized")
    await topics.publish(_fact(PaymentAuthorized, attempt, sequence=2))
    await becomes(shop, basket, checkout_id, "completed")


def _fact(kind: type[PaymentAuthorized] | type[PaymentFailed], attempt: Attempt, *, sequence: int) -> Any:
    wanted = attempt.wanted
    fact = kind(
        payment_id=wanted.payment_id,
        order_id=wanted.order_id,
        checkout_id=wanted.checkout_id,
        attempt=wanted.attempt,
        amount=wanted.amount,
    )
    return event(fact, subject=wanted.order_id, sequence=sequence)


# --- the order is the judge -----------------------------------------------------------------------------------


def _cancelled(world: World, checkout_id: str, reason: str = "customer_request") -> Any:
    order = world.order_of(checkout_id)
    assert order is not None
    wanted = order.wanted
    fact = OrderCancelled(
        number=order.number, checkout_id=checkout_id, reservation_id=wanted.reservation_id, cart_id=wanted.cart_id,
        cart_revision=wanted.cart_revision, lines=wanted.lines, totals=wanted.totals, contact=wanted.contact,
        shipping_address=wanted.shipping_address, shipping_option=wanted.shipping_option, reason=reason, was_paid=False,
    )  # fmt: skip
    return event(fact, subject=wanted.order_id, sequence=2)


async def test_an_order_cancelled_while_the_bank_is_asked_stays_cancelled(
    shop: Caller, world: World, topics: Topics, flow: Read
) -> None:
    """The trap: the owner sleeps over `authorized`, and writes `completed` when it wakes."""
    basket = world.basket()
    world.plan("pay", basket, "slow")
    buying = asyncio.create_task(buy(shop, basket))
    await reached(world, "pay", basket)
    checkout_id = world.orders_of(basket)[0].wanted.checkout_id
    epoch = (await flow(checkout_id))["epoch"]
    await topics.publish(_cancelled(world, checkout_id))
    ended = await becomes(shop, basket, checkout_id, "cancelled")
    assert ended["problem"]["code"] == "checkout_ended"
    answer = await buying
    assert (answer.status, answer.code) == (409, "checkout_ended")
    assert (await flow(checkout_id))["epoch"] > epoch
    assert (await becomes(shop, basket, checkout_id, "cancelled"))["problem"]["code"] == "checkout_ended"


async def test_a_completed_checkout_whose_order_is_cancelled_gives_its_cart_free(
    shop: Caller, world: World, topics: Topics
) -> None:
    basket = world.basket()
    first = await buy(shop, basket)
    world.cancel_order(id_of(first))
    await topics.publish(_cancelled(world, id_of(first)))
    await becomes(shop, basket, id_of(first), "cancelled")
    second = await buy(shop, basket)
    assert second.status == 201
    assert id_of(second) != id_of(first)


@pytest.mark.parametrize(
    ("reason", "status"), [("checkout_expired", "expired"), ("checkout_cancelled", "cancelled"), ("fraud", "cancelled")]
)
async def test_a_declined_card_is_not_told_any_more_when_the_order_is_gone(
    shop: Caller, world: World, topics: Topics, reason: str, status: str
) -> None:
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_declined"))
    world.cancel_order(checkout_id)
    gone = _cancelled(world, checkout_id, reason)
    await topics.publish(gone, gone)
    ended = await becomes(shop, basket, checkout_id, status)
    assert ended["problem"]["code"] == "checkout_ended"
    assert ended["next_action"] is None


# --- owners ---------------------------------------------------------------------------------------------------


async def test_an_owner_that_sleeps_past_its_lease_writes_nothing_when_it_wakes(
    shop: Caller, world: World, database: Database, settings_of: SettingsOf
) -> None:
    """A replica sleeps between the answer and its write; another takes over, and the shopper has another card."""
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_declined"))
    async with sleeping_owner(database, settings_of()) as flows:
        async with database.transaction() as tx:
            held = await flows.seize(tx, checkout_id)
        assert held is not None
        decided = await flows.steps["pay"](held)
        again = await _another_card(shop, basket, checkout_id, "pm_challenge")
        assert again.json["status"] == "action_required"
        flows.steps = {"pay": _answers(decided)}
        with pytest.raises(LeaseLost):
            await flows.drive(held)
    assert (await becomes(shop, basket, checkout_id, "action_required"))["problem"] is None


async def _opened(clients: Any) -> None:
    for client in clients:
        assert isinstance(client, Client)
        await client.open()


async def _another_card(shop: Caller, basket: Basket, checkout_id: str, card: str = "pm_good") -> Any:
    return await shop.being(basket.headers).post(f"/checkout/{checkout_id}/payments", {"payment_method": card})


def _answers(decided: Any) -> Callable[[Held], Awaitable[Any]]:
    async def step(_: Held) -> Any:
        return decided

    return step


@pytest.mark.parametrize("request_of", ["confirm", "cancel", "payments"])
async def test_a_request_and_a_step_lock_the_same_rows_in_the_same_order(
    shop: Caller, world: World, database: Database, request_of: str
) -> None:
    """The trap: the request locks the checkout and waits for the flow, the step holds the flow and waits for the
    checkout."""
    basket = world.basket()
    checkout_id = id_of(await buy(shop, basket, "pm_declined"))
    body = {"payment_method": "pm_good"} if request_of == "payments" else None
    async with database.transaction() as step:
        await step.execute("SELECT 1 FROM flow WHERE id = $1 FOR UPDATE", checkout_id)
        asking = asyncio.create_task(shop.being(basket.headers).post(f"/checkout/{checkout_id}/{request_of}", body))

        async def waits() -> None:
            assert await locks_awaited(database)

        await eventually(waits)
        await step.execute("SELECT 1 FROM checkout WHERE id = $1 FOR UPDATE NOWAIT", checkout_id)
    assert (await asking).status == {"confirm": 402, "cancel": 200, "payments": 201}[request_of]


async def test_a_replica_that_stops_gives_its_leases_back_and_another_goes_on(
    shop: Caller, world: World, database: Database, settings_of: SettingsOf
) -> None:
    """One checkout is in the middle of a step; of another nothing is left but the lease."""
    running, left = world.basket(), world.basket()
    left_id = id_of(await buy(shop, left, "pm_declined"))
    world.decide(left_id, "authorized")
    leaving = create_app(settings_of(database_url=database.url, replica="1", lease_seconds=LONG))
    async with serving(leaving) as caller:
        async with database.transaction() as tx:
            assert await leaving.state.driver.flows.seize(tx, left_id) is not None
        world.plan("order", running, "slow")
        buying = asyncio.create_task(buy(Caller(caller.base, shop.session), running))
        await reached(world, "order", running)
    answer = await buying
    assert answer.status in (201, 202)  # 202: the replica had no time left to see the end of it
    await becomes(shop, running, id_of(answer), "completed", within_seconds=LONG / 2)
    bought_once(world, running)
    await becomes(shop, left, left_id, "completed", within_seconds=LONG / 2)


# --- SIGKILL ----------------------------------------------------------------------------------------------------

REPLICA = """
import sys
from bodega.kit.app import serve
from bodega.services.checkout import store
from bodega.services.checkout.app import create_app
from bodega.services.checkout.settings import Settings
serve((create_app(Settings.model_validate_json(sys.argv[1])), "127.0.0.1", int(sys.argv[2])))
"""


class Victim:
    """A replica in a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, caller: Caller, port: int) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", REPLICA, self.settings.model_dump_json(), str(port),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

        async def up() -> None:
            try:
                assert (await caller.get("/readyz")).status == 200
            except OSError as error:
                raise AssertionError from error

        await eventually(up, within_seconds=20, every_seconds=0.1)

    async def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


async def test_a_killed_replica_leaves_nothing_undone_whatever_it_was_doing(
    world: World, make_database: MakeDatabase, settings_of: SettingsOf, unused_tcp_port: int, shop: Caller
) -> None:
    """One checkout hangs in each step, one with its second card, one in its undo; then the process is killed."""
    settings = settings_of(
        database_url=await make_database("checkout"), lease_seconds=LONG, step_deadline_seconds=LONG - 1, pool_size=10
    )
    victim = Victim(settings)
    caller = Caller(f"http://127.0.0.1:{unused_tcp_port}", shop.session)
    await victim.start(caller, unused_tcp_port)
    buying: list[asyncio.Task[Any]] = []
    try:
        baskets = {call: world.basket() for call in STEPS}
        for call, basket in baskets.items():
            world.plan(call, basket, "hang")
            buying.append(asyncio.create_task(buy(caller, basket)))
        second, undone = world.basket(), world.basket()
        for basket in (second, undone):
            assert (await buy(caller, basket, "pm_declined")).status == 402
        ids = {one.id: world.orders_of(one)[0].wanted.checkout_id for one in (second, undone)}
        world.plan("cancel", undone, "hang")
        world.plan("pay", second, "hang")
        buying.append(asyncio.create_task(_another_card(caller, second, ids[second.id])))
        cancelling = caller.being(undone.headers).post(f"/checkout/{ids[undone.id]}/cancel")
        buying.append(asyncio.create_task(cancelling))
        for call, basket in [*baskets.items(), ("pay", second), ("cancel", undone)]:
            await asyncio.wait_for(world.hanging[call, basket.sku].wait(), 10)
    finally:
        await victim.kill()
        await asyncio.gather(*buying, return_exceptions=True)
    survivor = create_app(settings.model_copy(update={"lease_seconds": 0.8, "step_deadline_seconds": 0.6}))
    database = Database(settings.database_url)
    await database.open()
    async with database.transaction() as tx:  # the leases of the dead, which are long so that nothing else ends them
        await tx.execute("UPDATE flow SET lease_until = now() WHERE state <> 'ended'")
    await database.close()
    async with serving(survivor) as alive:
        for basket in baskets.values():

            async def done(basket: Basket = basket) -> None:
                async with alive.session.post(
                    f"{alive.base}/checkout", json=wish(), headers={**basket.headers, **key()}
                ) as answer:
                    assert answer.status == 201, "the shopper comes back, and finds it bought"

            await eventually(done)
            bought_once(world, basket)
        await becomes(alive, second, ids[second.id], "completed")
        await becomes(alive, undone, ids[undone.id], "cancelled")
        nothing_bought(world, undone)
