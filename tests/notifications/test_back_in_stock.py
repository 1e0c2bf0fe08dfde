"""Somebody wants to be told when a thing is back: told once, in order, and never in vain."""

import asyncio
from typing import Any

import pytest

from bodega.contracts.envelope import event
from bodega.contracts.ids import new_id
from bodega.contracts.inventory import InventoryReleased, InventoryReserved
from bodega.kit.db import Database
from bodega.kit.retention import DAY, older_than
from bodega.kit.testing import Answered, Caller, Credentials, Topics, eventually
from bodega.services.notifications import domain, store
from tests.locks import locks_awaited
from tests.notifications.conftest import Mailbox, Shelf, listed
from tests.notifications.making import somebody, stock_is

pytestmark = pytest.mark.service


class Thing:
    """A SKU of this test alone, which is sold out."""

    def __init__(self, shelf: Shelf, notifications: Caller, topics: Topics) -> None:
        self.sku, self.product = new_id("MUG"), new_id("prd")
        self.shelf, self.notifications, self.topics = shelf, notifications, topics
        self.version, self.available = 3, 0
        shelf.put(self.sku, self.product, 0, self.version)

    async def wish(self, email: str, caller: Caller | None = None) -> Answered:
        body = {"sku": self.sku, "email": email}
        return await (caller or self.notifications).post("/notifications/stock-wishes", body)

    def becomes(self, available: int) -> Any:
        """What inventory says of it from now on, and its event."""
        before, self.available, self.version = self.available, available, self.version + 1
        self.shelf.put(self.sku, self.product, available, self.version)
        return stock_is(self.sku, self.product, available, self.version, before=before)


@pytest.fixture
def thing(shelf: Shelf, notifications: Caller, topics: Topics) -> Thing:
    return Thing(shelf, notifications, topics)


async def waiting(database: Database, sku: str) -> list[str]:
    async with database.transaction() as tx:
        rows = await tx.fetch("SELECT email FROM stock_wish WHERE sku = $1 ORDER BY id", sku)
    return [row["email"] for row in rows]


async def heard(database: Database, thing: Thing) -> None:
    """Waits until the newest of the thing's events has taken effect."""

    async def check() -> None:
        assert await has_heard(database, thing)

    await eventually(check)


async def has_heard(database: Database, thing: Thing) -> bool:
    async with database.transaction() as tx:
        version = await tx.fetchval("SELECT version FROM stock_seen WHERE sku = $1", thing.sku)
    return bool(version == thing.version)


async def test_who_waits_gets_one_mail_that_leads_to_the_variant_and_ends_the_wish(
    thing: Thing, mailbox: Mailbox, topics: Topics, database: Database, merchant: Caller
) -> None:
    ada = somebody()
    first, again = await thing.wish(ada.upper()), await thing.wish(ada)
    assert [(one.status, one.body) for one in (first, again)] == [(202, b"")] * 2
    assert await waiting(database, thing.sku) == [ada], "asking twice is one wish, in any case"
    back = thing.becomes(4)
    await topics.publish(back, back)
    (mail,) = await mailbox.gets(ada)
    assert mail["subject"] == "Mug <Sand & Sea> is back in stock"
    assert f"http://127.0.0.1:8000/products/mug?variant={thing.sku}" in mail["links"]
    assert await waiting(database, thing.sku) == []
    await topics.publish(thing.becomes(0), thing.becomes(5))
    await heard(database, thing)
    assert len(await listed(merchant, ada)) == 1


async def test_of_five_who_wait_for_two_pieces_the_first_four_are_told_and_the_last_at_the_next_delivery(
    thing: Thing, mailbox: Mailbox, topics: Topics, database: Database
) -> None:
    people = [somebody() for _ in range(5)]
    for one in people:
        await thing.wish(one)
    await topics.publish(thing.becomes(2))
    for one in people[:4]:
        await mailbox.gets(one)
    await heard(database, thing)
    assert await waiting(database, thing.sku) == people[4:]
    await topics.publish(thing.becomes(1), thing.becomes(2))  # bought, and given back: told already
    await heard(database, thing)
    assert await waiting(database, thing.sku) == people[4:]
    await topics.publish(thing.becomes(5))
    await mailbox.gets(people[4])


async def test_in_a_flood_of_deliveries_whoever_waits_is_told_and_the_others_cost_little(
    shelf: Shelf, notifications: Caller, mailbox: Mailbox, topics: Topics, database: Database
) -> None:
    things = [Thing(shelf, notifications, topics) for _ in range(40)]
    waits = things[17]
    ada = somebody()
    await waits.wish(ada)
    await topics.publish(*(one.becomes(5) for one in things))
    (mail,) = await mailbox.gets(ada)
    assert mail["subject"].endswith("is back in stock")
    assert await waiting(database, waits.sku) == []
    for one in things:
        await heard(database, one)


async def test_what_buyers_take_tells_nobody_anything_until_nothing_is_left(
    thing: Thing, mailbox: Mailbox, topics: Topics, database: Database
) -> None:
    people = [somebody() for _ in range(5)]
    for one in people:
        await thing.wish(one)
    await topics.publish(thing.becomes(2))
    await heard(database, thing)
    assert await waiting(database, thing.sku) == people[4:]
    await topics.publish(reserved(thing, 1), reserved(thing, 0))
    await heard(database, thing)
    assert await waiting(database, thing.sku) == people[4:]
    await topics.publish(thing.becomes(1))  # sold out in between: whoever was told before has had their chance
    await mailbox.gets(people[4])


def reserved(thing: Thing, left: int) -> Any:
    """Somebody buys, and so many are left."""
    facts = thing.becomes(left).data.model_dump()
    fact = InventoryReserved.model_validate({**facts, "reservation_id": new_id("res"), "quantity": 1})
    return event(fact, subject=thing.sku, sequence=thing.version)


async def test_they_are_told_in_the_order_of_asking(
    thing: Thing, topics: Topics, database: Database, mailbox: Mailbox
) -> None:
    people = [somebody() for _ in range(12)]
    for one in people:
        await thing.wish(one)
    told: list[str] = []
    for available in range(1, 7):  # piece after piece
        await topics.publish(thing.becomes(available))
        await heard(database, thing)
        left = await waiting(database, thing.sku)
        told = people[: available * 2]
        assert left == people[len(told) :]
    for one in people:
        await mailbox.gets(one)


@pytest.mark.parametrize("first", ["wish", "delivery"])
async def test_a_wish_and_a_delivery_at_the_same_instant_never_miss_each_other(
    thing: Thing, topics: Topics, mailbox: Mailbox, database: Database, first: str
) -> None:
    """The first of them is stopped in its midst, until the second waits for it or, wrongly, has passed it by."""
    ada, bob = somebody(), somebody()
    await thing.wish(ada)
    sold_out = dict(thing.shelf.stock[thing.sku])
    delivery = thing.becomes(9)
    thing.shelf.stock[thing.sku] = sold_out  # what inventory answers is of the moment before

    async def wish_waits() -> None:
        assert wish.done() or await locks_awaited(database) >= (1 if first == "wish" else 2)

    async def delivery_waits() -> None:
        assert await has_heard(database, thing) or await locks_awaited(database) >= (2 if first == "wish" else 1)

    async with database.transaction() as tx:
        if first == "wish":
            await store.lock_address(tx, bob)
            wish = asyncio.create_task(thing.wish(bob))
            await eventually(wish_waits)
            await topics.publish(delivery)
            await eventually(delivery_waits)
        else:
            await tx.execute("SELECT FROM stock_wish WHERE sku = $1 FOR UPDATE", thing.sku)
            await topics.publish(delivery)
            await eventually(delivery_waits)
            wish = asyncio.create_task(thing.wish(bob))
            await eventually(wish_waits)
    answer = await wish
    await heard(database, thing)
    await mailbox.gets(ada)
    if first == "wish":
        assert answer.status == 202
        await mailbox.gets(bob)
    else:
        assert answer.status == 409
        assert answer.code == "in_stock"
    assert await waiting(database, thing.sku) == []


async def test_stock_that_is_heard_of_before_inventory_answered_is_not_forgotten(
    thing: Thing, topics: Topics, database: Database
) -> None:
    old = dict(thing.shelf.stock[thing.sku])
    await topics.publish(thing.becomes(3))
    await heard(database, thing)
    thing.shelf.stock[thing.sku] = old  # as an answer that was under way meanwhile
    answer = await thing.wish(somebody())
    assert (answer.status, answer.code) == (409, "in_stock")


async def test_an_event_that_comes_late_tells_nobody(
    thing: Thing, topics: Topics, database: Database, merchant: Caller
) -> None:
    ada = somebody()
    back, gone = thing.becomes(3), thing.becomes(0)
    await topics.publish(gone)
    await heard(database, thing)
    await thing.wish(ada)
    await topics.publish(back, thing.becomes(0))
    await heard(database, thing)
    assert await waiting(database, thing.sku) == [ada]
    assert await listed(merchant, ada) == []


async def test_pieces_that_a_cancelled_order_gives_back_count_too(
    thing: Thing, topics: Topics, mailbox: Mailbox
) -> None:
    ada = somebody()
    await thing.wish(ada)
    back = thing.becomes(1)
    released = InventoryReleased.model_validate(
        {**back.data.model_dump(), "reservation_id": new_id("res"), "quantity": 1, "cause": "expired"}
    )
    await topics.publish(event(released, subject=thing.sku, sequence=thing.version))
    await mailbox.gets(ada)


async def test_a_sku_that_has_come_to_name_another_product_is_not_what_was_wanted(
    thing: Thing, topics: Topics, database: Database, merchant: Caller, mailbox: Mailbox
) -> None:
    ada, bob = somebody(), somebody()
    await thing.wish(ada)
    wanted, thing.product = thing.product, new_id("prd")
    thing.shelf.put(thing.sku, thing.product, 0, thing.version)
    await thing.wish(bob)
    await topics.publish(thing.becomes(8))
    await mailbox.gets(bob)
    await heard(database, thing)
    assert await waiting(database, thing.sku) == [ada]
    assert await listed(merchant, ada) == []
    thing.product = wanted
    late, thing.product = thing.becomes(9), new_id("prd")
    thing.shelf.put(thing.sku, thing.product, 9, thing.version)
    await topics.publish(late)  # it has moved on before the mail is written: nothing false is said

    async def dropped() -> None:
        assert [one["state"] for one in await listed(merchant, ada)] == ["dropped"]

    await eventually(dropped)
    assert await mailbox.to(ada) == []


async def test_what_is_unknown_or_in_stock_cannot_be_waited_for(thing: Thing, notifications: Caller) -> None:
    unknown = await notifications.post("/notifications/stock-wishes", {"sku": "NOBODYS", "email": somebody()})
    assert (unknown.status, unknown.code) == (404, "unknown_sku")
    thing.becomes(1)
    answer = await thing.wish(somebody())
    assert (answer.status, answer.code) == (409, "in_stock")
    for body in ({}, {"sku": "A B", "email": somebody()}, {"sku": "A", "email": "nobody"}, {"sku": "A"}):
        answer = await notifications.post("/notifications/stock-wishes", body)
        assert (answer.status, answer.code) == (422, "invalid_request")


async def test_an_address_waits_for_ten_things_at_most_also_at_once(
    shelf: Shelf, notifications: Caller, topics: Topics, database: Database
) -> None:
    ada = somebody()
    things = [Thing(shelf, notifications, topics) for _ in range(14)]
    answers = await asyncio.gather(*(one.wish(ada) for one in things))
    assert sorted(one.status for one in answers) == [202] * 10 + [409] * 4
    assert {one.code for one in answers if one.status == 409} == {"too_many_wishes"}
    kept = [one for one, answer in zip(things, answers, strict=True) if answer.status == 202]
    assert (await kept[0].wish(ada)).status == 202, "what is waited for already is no further wish"


async def test_the_mails_link_ends_all_wishes_of_the_address_for_good(
    shelf: Shelf, notifications: Caller, topics: Topics, mailbox: Mailbox, database: Database
) -> None:
    ada = somebody()
    one, other, later = (Thing(shelf, notifications, topics) for _ in range(3))
    await one.wish(ada)
    await other.wish(ada)
    await topics.publish(one.becomes(1))
    (mail,) = await mailbox.gets(ada)
    (link,) = {link for link in mail["links"] if "/unsubscribe/" in link}
    path = link.removeprefix("http://127.0.0.1:8000/api")
    page = await notifications.get(path)
    assert b"items that are back in stock" in page.body
    assert await waiting(database, other.sku) == [ada], "looking changes nothing"
    assert (await notifications.post(path)).status == 204
    assert await waiting(database, other.sku) == []
    assert (await later.wish(ada)).status == 202
    assert await waiting(database, later.sku) == []


async def test_wishes_are_shown_to_their_person_and_end_with_them_and_with_their_time(
    thing: Thing, shelf: Shelf, notifications: Caller, topics: Topics, credentials: Credentials, database: Database
) -> None:
    customer, ada, bob = new_id("cus"), somebody(), somebody()
    users = notifications.being(credentials.service("users", "notifications"))
    other = Thing(shelf, notifications, topics)
    await thing.wish(ada, notifications.being(credentials.customer(customer)))
    await other.wish(bob.upper())
    person = {"email": bob, "order_ids": []}
    held = (await users.post(f"/internal/customers/{customer}/export", person)).json["data"]["stock_wishes"]
    assert [(one["sku"], one["email"]) for one in held] == [(thing.sku, ada), (other.sku, bob)]
    told = (await users.post(f"/internal/customers/{customer}/erase", person)).json["deleted"]
    assert told["stock_wishes"] == 2
    assert await waiting(database, thing.sku) == await waiting(database, other.sku) == []
    old, fresh = somebody(), somebody()
    await thing.wish(old)
    await thing.wish(fresh)
    async with database.transaction() as tx:
        await tx.execute("UPDATE stock_wish SET asked_at = now() - interval '181 days' WHERE email = $1", old)
        await older_than(180 * DAY, "stock_wish", "asked_at")(tx, 1000)
    assert await waiting(database, thing.sku) == [fresh]


@pytest.mark.unit
@pytest.mark.parametrize(("available", "told", "mails"), [(0, 0, 0), (2, 0, 4), (2, 4, 0), (1, 4, 0), (3, 4, 2)])
def test_two_people_are_told_of_each_piece(available: int, told: int, mails: int) -> None:
    assert domain.mails_for(available, told, 2) == mails
