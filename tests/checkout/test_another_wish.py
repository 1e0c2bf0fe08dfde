"""What was last shown is what is bought: a request that says anything else than the open checkout is a new wish.

The old checkout ends, with its payment and its order; what it has reserved passes to the new one in one step. Only a
repeat, which says the same in everything, is answered with the open checkout.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from bodega.contracts.cart import CartLine
from bodega.contracts.ids import derived_id, new_id
from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller, Credentials, eventually, serving
from bodega.services.checkout.app import create_app
from tests.checkout.conftest import SettingsOf
from tests.checkout.making import ADDRESS, becomes, buy, id_of, key, wish
from tests.checkout.test_flow import LONG, Victim
from tests.checkout.world import SENDING, UNIT, Basket, Fault, World, euro
from tests.conftest import MakeDatabase

pytestmark = pytest.mark.service

ELSEWHERE = {**ADDRESS, "line1": "Neue Strasse 2", "postal_code": "20095", "city": "Hamburg"}
NO_PIECE_LEFT = 2
"""As many as a basket wants: whoever does not take over what they held gets nothing."""


def _more_of_it(basket: Basket) -> None:
    basket.lines, basket.revision = [CartLine(sku=basket.sku, quantity=1)], new_id("r")


def _touched(basket: Basket) -> None:
    basket.revision = new_id("r")


@dataclass(frozen=True)
class Change:
    """What a shopper says otherwise the second time."""

    said: dict[str, Any] = field(default_factory=dict)
    cart: Callable[[Basket], None] | None = None
    pieces: int = 2


CHANGES = {
    "line1": Change({"shipping_address": {**ADDRESS, "line1": "Torstrasse 2"}}),
    "line2": Change({"shipping_address": {**ADDRESS, "line2": "Rear building"}}),
    "name": Change({"shipping_address": {**ADDRESS, "name": "Grace Hopper"}}),
    "company": Change({"shipping_address": {**ADDRESS, "company": "Analytical Engines"}}),
    "town": Change({"shipping_address": ELSEWHERE}),
    "billing address": Change({"billing_address": ELSEWHERE}),
    "e-mail": Change({"email": "grace@example.com"}),
    "phone": Change({"phone": "+49 30 901820"}),
    "locale": Change({"locale": "de"}),
    "option": Change(
        {"shipping_option": "express", "expected_total": euro(2 * UNIT + 990).model_dump()},
    ),
    "card": Change(),
    "lines": Change({"expected_total": euro(UNIT + SENDING).model_dump()}, cart=_more_of_it, pieces=1),
    "revision": Change(cart=_touched),
}
STATES = {"declined": "pm_declined", "challenge open": "pm_challenge", "processing": "pm_unknown"}


async def opened(shop: Caller, world: World, basket: Basket, card: str, **said: Any) -> str:
    """The id of a checkout that waits: for another card, for its challenge, or for the bank."""
    buying = asyncio.create_task(buy(shop.being({"Bodega-Deadline-Ms": "1500"}), basket, card, **said))

    async def asked() -> str:
        ids = [order.wanted.checkout_id for order in world.orders_of(basket)]
        assert ids
        assert world.attempts_of(ids[0])
        return ids[0]

    checkout_id = await eventually(asked)
    if card != "pm_unknown":
        await buying
    else:
        buying.add_done_callback(lambda task: task.exception())
    return checkout_id


def ended_without_a_trace(world: World, checkout_id: str) -> None:
    assert world.state_of_order(checkout_id) in (None, "cancelled")
    assert world.reservations[derived_id("res", checkout_id)].status == "released"
    assert {one.status for one in world.attempts_of(checkout_id)} <= {"voided", "declined"}


def only_this_is_bought(world: World, basket: Basket, checkout_id: str, pieces: int = 2, of: int = 2) -> None:
    living = [one for one in world.orders_of(basket) if one.state != "cancelled"]
    assert [one.wanted.checkout_id for one in living] == [checkout_id]
    assert world.reservations[living[0].wanted.reservation_id].status == "reserved"
    assert [one.status for one in world.attempts_of(checkout_id)] == ["authorized"]
    assert world.left(basket) == of - pieces


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("what", CHANGES)
async def test_what_is_said_last_is_bought(shop: Caller, world: World, what: str, state: str) -> None:
    change, basket = CHANGES[what], world.basket(left=NO_PIECE_LEFT)
    first_card = STATES[state]
    first = await opened(shop, world, basket, first_card)
    if change.cart is not None:
        change.cart(basket)
    answer = await buy(shop, basket, "pm_good", **change.said)
    assert (answer.status, answer.json["status"]) == (201, "completed"), answer.json
    assert id_of(answer) != first
    order = world.order_of(id_of(answer))
    assert order is not None
    said = {**wish("pm_good"), **change.said}
    bought = order.wanted
    assert (bought.contact.email, bought.contact.phone, bought.contact.locale) == (
        said["email"], said.get("phone"), said.get("locale", "en"),
    )  # fmt: skip
    assert said["shipping_address"].items() <= bought.shipping_address.model_dump().items()
    assert (bought.billing_address is not None) == ("billing_address" in said)
    assert bought.shipping_option == said["shipping_option"]
    assert bought.totals.total.model_dump() == said["expected_total"]
    assert world.attempts_of(id_of(answer))[0].wanted.amount == bought.totals.total
    ended = await becomes(shop, basket, first, "cancelled")
    assert ended["problem"]["code"] == "checkout_ended"
    ended_without_a_trace(world, first)
    only_this_is_bought(world, basket, id_of(answer), change.pieces)


@pytest.mark.parametrize("state", STATES)
async def test_a_total_that_is_not_so_is_refused_and_leaves_nothing_of_the_first_try(
    shop: Caller, world: World, state: str
) -> None:
    basket = world.basket(left=NO_PIECE_LEFT)
    first = await opened(shop, world, basket, STATES[state])
    answer = await buy(shop, basket, "pm_good", total=2 * UNIT + SENDING - 1)
    assert (answer.status, answer.code) == (409, "total_changed")
    assert answer.json["total"] == euro(2 * UNIT + SENDING).model_dump()
    await becomes(shop, basket, first, "cancelled")
    ended_without_a_trace(world, first)
    assert world.left(basket) == NO_PIECE_LEFT
    assert (await buy(shop, basket)).status == 201


@pytest.mark.parametrize("state", ["declined", "challenge open"])
async def test_a_repeat_is_answered_with_the_open_checkout(shop: Caller, world: World, state: str) -> None:
    basket, card = world.basket(left=NO_PIECE_LEFT), STATES[state]
    first = await opened(shop, world, basket, card)
    again = await buy(shop, basket, card)
    assert id_of(again) == first
    assert again.status == {"declined": 402, "challenge open": 202}[state]
    assert len(world.orders_of(basket)) == len(world.attempts_of(first)) == 1


async def test_the_second_device_of_a_customer_buys_what_it_shows(
    shop: Caller, world: World, credentials: Credentials
) -> None:
    customer = new_id("cus")
    basket = world.basket(left=NO_PIECE_LEFT, customer=customer)
    phone = shop.being(credentials.customer(customer))
    laptop = phone.being(basket.headers)
    first = await laptop.post("/checkout", wish("pm_declined"), headers=key())
    answer = await phone.post("/checkout", wish(shipping_address=ELSEWHERE), headers=key())
    assert (first.status, answer.status) == (402, 201)
    assert answer.json["order"] is not None
    only_this_is_bought(world, basket, id_of(answer))
    assert world.orders_of(basket)[-1].wanted.shipping_address.city == "Hamburg"
    ended_without_a_trace(world, id_of(first))


async def test_a_customer_who_has_another_cart_open_takes_over_from_that(
    shop: Caller, world: World, credentials: Credentials
) -> None:
    """A device's cart before signing in, the customer's own after it: the pieces are the same shopper's."""
    customer = new_id("cus")
    signed_in = shop.being(credentials.customer(customer))
    device = world.basket(left=NO_PIECE_LEFT)
    first = await signed_in.post("/checkout", wish("pm_declined", cart_token=device.token), headers=key())
    own = world.basket(customer=customer)
    own.lines, own.sku = device.lines, device.sku
    answer = await signed_in.post("/checkout", wish(), headers=key())
    assert (first.status, answer.status) == (402, 201)
    ended_without_a_trace(world, id_of(first))
    assert world.left(own) == 0


async def test_another_guest_takes_nothing_over(shop: Caller, world: World) -> None:
    basket, other = world.basket(left=NO_PIECE_LEFT), world.basket()
    first = await opened(shop, world, basket, "pm_declined")
    other.lines, other.sku = basket.lines, basket.sku
    refused = await buy(shop, other, email="ada@example.com")
    assert (refused.status, refused.code) == (409, "out_of_stock")
    assert refused.json["lines"][0]["available"] == 0
    await becomes(shop, basket, first, "declined")


async def test_more_than_there_is_with_ones_own_pieces_says_how_many_can_be_had(shop: Caller, world: World) -> None:
    basket = world.basket(left=3)
    first = await opened(shop, world, basket, "pm_declined")
    basket.lines, basket.revision = [CartLine(sku=basket.sku, quantity=5)], new_id("r")
    refused = await buy(shop, basket, quantity=5)
    assert (refused.status, refused.code) == (409, "out_of_stock")
    assert [(line["requested"], line["available"]) for line in refused.json["lines"]] == [(5, 3)]
    await becomes(shop, basket, first, "cancelled")
    assert world.left(basket) == 3, "nothing is kept for a wish that cannot be met"


# --- both at once -------------------------------------------------------------------------------------------


async def test_a_first_try_that_is_paid_meanwhile_stands_and_is_named(shop: Caller, world: World) -> None:
    basket = world.basket(left=NO_PIECE_LEFT)
    first = await opened(shop, world, basket, "pm_challenge")
    world.decide(first, "authorized")
    world.pay_order(first)
    for _ in range(2):  # asked again, it is said again
        answer = await buy(shop, basket, shipping_address=ELSEWHERE)
        assert (answer.status, answer.code) == (409, "already_bought")
        assert answer.json["order"]["id"] == derived_id("ord", first)
        assert answer.json["checkout_id"] == first
    done = await becomes(shop, basket, first, "completed")
    assert done["order"]["number"] in answer.json["detail"]
    assert world.state_of_order(first) == "paid"
    assert len(world.attempts_of(first)) == 1
    assert world.left(basket) == 0
    same = await buy(shop, basket, "pm_challenge")
    assert (same.status, id_of(same)) == (201, first), "who said just that has bought it"


async def test_what_has_been_bought_is_not_said_to_be_what_was_asked_for_later(shop: Caller, world: World) -> None:
    basket = world.basket(left=4)
    first = await buy(shop, basket)
    answer = await buy(shop, basket, email="grace@example.com")
    assert (answer.status, answer.code) == (409, "already_bought")
    assert answer.json["order"] == first.json["order"]
    assert len(world.orders_of(basket)) == 1


async def test_twenty_wishes_at_once_end_in_one_order_of_one_of_them(shop: Caller, world: World) -> None:
    basket = world.basket(left=NO_PIECE_LEFT)
    emails = [f"ada{n}@example.com" for n in range(20)]
    answers = await asyncio.gather(*(buy(shop, basket, email=email) for email in emails))
    assert {answer.status for answer in answers} <= {201, 409}
    bought = [answer for answer in answers if answer.status == 201]
    assert len(bought) == 1
    only_this_is_bought(world, basket, id_of(bought[0]))
    assert {answer.code for answer in answers if answer.status == 409} <= {"checkout_ended", "already_bought"}


async def test_a_chain_of_wishes_leaves_the_last(shop: Caller, world: World) -> None:
    """Each is stopped somewhere else on its way by the next."""
    basket = world.basket(left=NO_PIECE_LEFT)
    calls = ("prices", "reserve", "order", "pay", "rates", "reserve")
    buying = []
    for n, call in enumerate(calls):
        world.plan(call, basket, "slow")
        before = world.count(call, basket)
        buying.append(asyncio.create_task(buy(shop, basket, email=f"ada{n}@example.com")))
        await _asked(world, call, basket, before + 1)
    last = await buy(shop, basket, email="last@example.com")
    assert last.status == 201, last.json
    assert {(answer.status, answer.code) for answer in await asyncio.gather(*buying)} == {(409, "checkout_ended")}
    only_this_is_bought(world, basket, id_of(last))


async def _asked(world: World, call: str, basket: Basket, times: int = 1) -> None:
    async def check() -> None:
        assert world.count(call, basket) >= times

    await eventually(check, every_seconds=0.01)


async def test_who_cancels_the_new_wish_has_nothing_left(shop: Caller, world: World, database: Database) -> None:
    basket = world.basket(left=NO_PIECE_LEFT)
    first = await opened(shop, world, basket, "pm_declined")
    world.plan("prices", basket, "slow", "slow")
    before = world.count("prices", basket)
    buying = asyncio.create_task(buy(shop, basket, email="grace@example.com"))
    await _asked(world, "prices", basket, before + 1)
    async with database.transaction() as tx:
        new = await tx.fetchval("SELECT id FROM checkout WHERE cart_id = $1 AND id <> $2", basket.id, first)
    answer = await shop.being(basket.headers).post(f"/checkout/{new}/cancel")
    assert answer.json["status"] == "cancelled"
    assert (await buying).code == "checkout_ended"
    ended_without_a_trace(world, first)
    assert world.left(basket) == NO_PIECE_LEFT


async def test_the_old_one_answers_that_it_has_ended(shop: Caller, world: World) -> None:
    basket = world.basket(left=NO_PIECE_LEFT)
    first = await opened(shop, world, basket, "pm_challenge")
    await buy(shop, basket, "pm_challenge", email="grace@example.com")
    guest = shop.being(basket.headers)
    another = await guest.post(f"/checkout/{first}/payments", {"payment_method": "pm_good"})
    assert (another.status, another.code) == (409, "checkout_ended")
    assert "ordered again" in (await guest.post(f"/checkout/{first}/confirm")).json["detail"]
    assert (await guest.post(f"/checkout/{first}/cancel")).json["status"] == "cancelled"
    assert [one.status for one in world.attempts_of(first)] == ["voided"]


# --- faults -------------------------------------------------------------------------------------------------

NEW_WAY = ("cancel", "prices", "rates", "reserve", "order", "pay")


@pytest.mark.parametrize("call", NEW_WAY)
@pytest.mark.parametrize("faults", [("after",), ("before",) * 4, ("slow",)], ids=["lost", "down", "slow"])
async def test_a_call_that_goes_wrong_changes_nothing_in_the_end(
    shop: Caller, world: World, call: str, faults: tuple[Fault, ...]
) -> None:
    basket = world.basket(left=NO_PIECE_LEFT)
    first = await opened(shop, world, basket, "pm_challenge")
    world.plan(call, basket, *faults)
    answer = await buy(shop, basket, email="grace@example.com")
    assert answer.status == 201, answer.json
    only_this_is_bought(world, basket, id_of(answer))
    await becomes(shop, basket, first, "cancelled")
    ended_without_a_trace(world, first)


async def test_a_killed_replica_leaves_nothing_undone_whatever_it_was_replacing(
    world: World, make_database: MakeDatabase, settings_of: SettingsOf, unused_tcp_port: int, shop: Caller
) -> None:
    """One new wish hangs in each of its calls; then the process is killed. The shopper says it again, or asks for
    something else again."""
    settings = settings_of(
        database_url=await make_database("checkout"), lease_seconds=LONG, step_deadline_seconds=LONG - 1, pool_size=10
    )
    victim = Victim(settings)
    caller = Caller(f"http://127.0.0.1:{unused_tcp_port}", shop.session)
    await victim.start(caller, unused_tcp_port)
    buying: list[asyncio.Task[Answered]] = []
    firsts: dict[str, str] = {}
    try:
        cases = {(call, again): world.basket(left=NO_PIECE_LEFT) for call in NEW_WAY for again in ("same", "other")}
        for (call, _), basket in cases.items():
            firsts[basket.id] = id_of(await buy(caller, basket, "pm_declined"))
            world.plan(call, basket, "hang")
            buying.append(asyncio.create_task(buy(caller, basket, email="second@example.com")))
        for (call, _), basket in cases.items():
            await asyncio.wait_for(world.hanging[call, basket.sku].wait(), 20)
    finally:
        await victim.kill()
        await asyncio.gather(*buying, return_exceptions=True)
    survivor = create_app(settings.model_copy(update={"lease_seconds": 0.8, "step_deadline_seconds": 0.6}))
    database = Database(settings.database_url)
    await database.open()
    async with serving(survivor) as alive:
        for (_, again), basket in cases.items():
            email = {"same": "second@example.com", "other": "third@example.com"}[again]
            if again == "same":  # the lease of the dead, which is long so that nothing else ends it
                async with database.transaction() as tx:
                    await tx.execute(
                        """UPDATE flow SET lease_until = now() FROM checkout
                            WHERE flow.id = checkout.id AND cart_id = $1 AND flow.state <> 'ended'""",
                        basket.id,
                    )

            async def done(basket: Basket = basket, email: str = email) -> Answered:
                answer = await buy(Caller(alive.base, alive.session), basket, email=email)
                assert answer.status in (201, 409), answer.json
                return answer

            answer = await eventually(done)
            living = [one for one in world.orders_of(basket) if one.state != "cancelled"]
            if answer.status == 201:
                only_this_is_bought(world, basket, id_of(answer))
                assert living[0].wanted.contact.email == email
            else:  # the second was paid before the third could end it
                assert answer.code == "already_bought"
                assert answer.json["order"]["id"] == living[0].wanted.order_id
            await becomes(alive, basket, firsts[basket.id], "cancelled")
            ended_without_a_trace(world, firsts[basket.id])
    await database.close()
