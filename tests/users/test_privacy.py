"""Showing somebody what is held of them, and forgetting them. The other rooms are small real servers."""

import asyncio
from typing import Any

import pytest

from bodega.contracts.envelope import event
from bodega.contracts.ids import new_id
from bodega.contracts.users import CustomerRegistered, CustomerVerified
from bodega.kit.db import Database
from bodega.kit.testing import PATIENCE_SECONDS, Answered, Caller, Credentials, Topics, eventually
from bodega.services.users.domain import ERASE, EXPORT
from tests.users.conftest import HOME, SomeCustomer, StartUsers
from tests.users.rooms import PASSWORD, Rooms

pytestmark = pytest.mark.service

ME, EXPORTS = "/users/me", "/users/me/export"
WORD = {"password": PASSWORD}


async def ends(me: Caller, asked: Answered, within_seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
    """The request, once it has ended."""
    assert asked.status == 202, asked.body

    async def check() -> dict[str, Any]:
        seen: dict[str, Any] = (await me.get(asked.headers["location"])).json
        assert seen["status"] != "running", seen
        return seen

    return await eventually(check, within_seconds=within_seconds)


def rooms_of(request: dict[str, Any]) -> list[str]:
    return [one["room"] for one in request["report"]]


async def test_an_export_contains_what_each_room_holds(customer: SomeCustomer, rooms: Rooms) -> None:
    subject = new_id("cus")
    me = customer(subject)
    await me.patch(ME, {"name": "Ada Lovelace"})
    await me.post(f"{ME}/addresses", HOME)
    seen = await ends(me, await me.post(EXPORTS))
    assert (seen["status"], rooms_of(seen)) == ("done", list(EXPORT))
    document = await me.get(seen["document"])
    assert "attachment" in document.headers["content-disposition"]
    held = document.json["rooms"]
    assert {room: held[room] for room in EXPORT if room != "users"} == {
        room: {"things": [f"of {room}"]} for room in EXPORT if room != "users"
    }
    assert held["users"]["profile"][0]["name"] == "Ada Lovelace"
    assert held["users"]["addresses"][0]["address"]["line1"] == HOME["line1"]
    assert rooms.told["payments", subject]["order_ids"] == rooms.orders[subject], "it goes by the orders"


async def test_nobody_is_shown_what_was_mailed_to_an_address_that_is_not_proven_theirs(
    customer: SomeCustomer, rooms: Rooms, topics: Topics
) -> None:
    subject = new_id("cus")
    me = customer(subject)
    facts = {"customer_id": subject, "email": "victim@example.com"}
    for fact, proven in ((CustomerRegistered, False), (CustomerVerified, True)):
        await topics.publish(event(fact(**facts), subject=subject, sequence=1 + proven))

        async def heard(so_far: bool = proven) -> None:
            seen = (await me.get(ME)).json
            assert (seen["email"], seen["email_verified"]) == ("victim@example.com", so_far)

        await eventually(heard)
        await ends(me, await me.post(EXPORTS))
        assert rooms.told["notifications", subject]["email"] == ("victim@example.com" if proven else None)


async def test_an_export_is_its_owners_alone_and_expires(
    users: Caller, customer: SomeCustomer, database: Database
) -> None:
    me = customer()
    seen = await ends(me, await me.post(EXPORTS))
    path = f"{ME}/privacy-requests/{seen['id']}"
    assert seen["document"] == f"{path}/document"
    for caller, code in ((customer(), "not_found"), (users, "unauthenticated")):
        assert (await caller.get(path)).code == code
        assert (await caller.get(f"{path}/document")).code == code
    assert (await me.get(seen["document"])).status == 200
    async with database.transaction() as tx:
        await tx.execute("UPDATE privacy_request SET expires_at = now() WHERE id = $1", seen["id"])
    assert (await me.get(seen["document"])).status == 404
    async with database.transaction() as tx:
        await tx.execute("UPDATE flow SET wake_at = now() WHERE id = $1", seen["id"])

    async def gone() -> None:
        async with database.transaction() as tx:
            assert not await tx.fetchval("SELECT EXISTS (SELECT FROM privacy_part WHERE request_id = $1)", seen["id"])

    await eventually(gone)


async def test_asked_twice_at_once_it_is_one_export_and_a_later_one_replaces_it(
    customer: SomeCustomer, rooms: Rooms
) -> None:
    me = customer()
    rooms.broken.add("cart")
    answers = await asyncio.gather(*(me.post(EXPORTS) for _ in range(4)))
    assert len({one.headers["location"] for one in answers}) == 1
    assert (await me.get(f"{answers[0].headers['location']}/document")).code == "not_found", "not yet"
    rooms.works()
    first = await ends(me, answers[0])
    second = await ends(me, await me.post(EXPORTS))
    assert second["id"] != first["id"]
    assert (await me.get(first["document"])).code == "not_found"


async def test_an_erasure_asks_every_room_and_auth_last(
    customer: SomeCustomer, rooms: Rooms, topics: Topics, database: Database
) -> None:
    subject = new_id("cus")
    me = customer(subject)
    await me.patch(ME, {"name": "Ada Lovelace", "marketing_opt_in": True})
    await me.post(f"{ME}/addresses", HOME)
    seen = await ends(me, await me.request("DELETE", ME, WORD))
    assert (seen["status"], rooms_of(seen)) == ("done", list(ERASE))
    reports = {one["room"]: one["report"] for one in seen["report"]}
    assert reports["users"]["deleted"] == {"profiles": 1, "addresses": 1}
    assert reports["orders"]["pseudonymised"] == {"things": 1}
    assert rooms.told["notifications", subject] == {
        "email": "ada@example.com", "order_ids": rooms.orders[subject],
    }  # fmt: skip

    for answer in (await me.get(ME), await me.patch(ME, {"name": "Ada"}), await me.post(f"{ME}/addresses", HOME)):
        assert answer.code == "unauthenticated", "the token has outlived its account"
    late = CustomerRegistered(customer_id=subject, email="ada@example.com", locale="en", name="Ada")
    other = new_id("cus")
    await topics.publish(event(late, subject=subject, sequence=1))
    await topics.publish(event(late.model_copy(update={"customer_id": other}), subject=other, sequence=1))

    async def has_come() -> None:
        assert (await customer(other).get(ME)).json["name"] == "Ada"

    await eventually(has_come)
    assert (await me.request("DELETE", ME)).headers["location"] == f"{ME}/privacy-requests/{seen['id']}"

    async def second_round() -> None:
        assert [what for what in rooms.asked[subject] if what[1] == "erase"] == [
            (room, "erase") for room in ERASE if room != "users"
        ] * 2
        async with database.transaction() as tx:
            flow = await tx.fetchrow("SELECT state, data FROM flow WHERE id = $1", seen["id"])
        assert flow is not None
        assert (flow["state"], flow["data"]["email"]) == ("ended", None), "nothing of them is left with us"

    await eventually(second_round)
    async with database.transaction() as tx:
        assert not await tx.fetchval("SELECT EXISTS (SELECT FROM profile WHERE customer_id = $1)", subject)


async def test_nobody_is_erased_without_a_password_or_a_fresh_login(
    users: Caller, customer: SomeCustomer, credentials: Credentials, rooms: Rooms
) -> None:
    subject = new_id("cus")
    me = customer(subject)
    for body in (None, {}, {"password": "wrong"}):
        answer = await me.request("DELETE", ME, body)
        assert (answer.status, answer.code) == (403, "confirm_identity")
    many = await me.request("DELETE", ME, {"password": "many"})
    assert (many.status, many.headers["retry-after"]) == (429, "7")
    assert (await me.request("DELETE", ME, {"pasword": "typo"})).status == 422
    assert (await users.delete(ME)).code == "unauthenticated"
    assert rooms.asked[subject] == []
    fresh = users.being(credentials.customer(subject, sid="fresh"))
    assert (await ends(fresh, await fresh.delete(ME)))["status"] == "done"


async def test_staff_are_not_erased_by_themselves(customer: SomeCustomer, rooms: Rooms) -> None:
    subject = new_id("cus")
    rooms.staff.add(subject)
    answer = await customer(subject).request("DELETE", ME, WORD)
    assert (answer.status, answer.code) == (409, "staff_account")


async def test_an_order_under_way_refuses_it_and_nothing_is_touched(customer: SomeCustomer, rooms: Rooms) -> None:
    subject = new_id("cus")
    me = customer(subject)
    await me.patch(ME, {"name": "Ada"})
    rooms.open_orders[subject] = ["BDG-7K3M-9Q2X"]
    answer = await me.request("DELETE", ME, WORD)
    assert (answer.status, answer.code, answer.json["orders"]) == (409, "orders_open", ["BDG-7K3M-9Q2X"])
    assert {room for room, _ in rooms.asked[subject]} == {"orders"}
    assert (await me.get(ME)).json["name"] == "Ada"
    rooms.open_orders[subject] = []
    assert (await ends(me, await me.request("DELETE", ME, WORD)))["status"] == "done"


async def test_a_room_that_is_down_is_asked_until_it_answers(customer: SomeCustomer, rooms: Rooms) -> None:
    me = customer()
    rooms.broken.update({"orders", "shipping"})
    asked = await me.request("DELETE", ME, WORD)
    assert asked.json["status"] == "running"
    again = await me.request("DELETE", ME, WORD)
    assert again.headers["location"] == asked.headers["location"]
    rooms.works()
    assert rooms_of(await ends(me, asked)) == list(ERASE)


@pytest.mark.parametrize(
    ("kind", "room"),
    [("erase", room) for room in ERASE if room != "users"] + [("export", "orders"), ("export", "auth")],
)
async def test_killed_within_any_step_another_replica_goes_on(
    kind: str, room: str, start_users: StartUsers, database: Database, credentials: Credentials, rooms: Rooms
) -> None:
    """The room has done its part, the one that asked dies before it hears so: its lease runs out, nothing else."""
    subject = new_id("cus")
    me = credentials.customer(subject)
    rooms.broken.add(room)
    async with start_users() as users:
        mine = users.being(me)
        asked = await (mine.post(EXPORTS) if kind == "export" else mine.request("DELETE", ME, WORD))
        request_id = asked.json["id"]

        async def reaches() -> None:
            async with database.transaction() as tx:
                step = await tx.fetchval("SELECT step FROM flow WHERE id = $1", request_id)
            assert step == room

        await eventually(reaches)
    async with database.transaction() as tx:  # as a kill leaves it: somebody's, who is silent
        await tx.execute(
            """UPDATE flow SET state = 'running', owner = 'dead', epoch = epoch + 1, wake_at = now(),
                      lease_until = now() + interval '0.3 seconds' WHERE id = $1""",
            request_id,
        )
    rooms.erased.add((room, subject))
    rooms.works()
    async with start_users() as users:
        seen = await ends(users.being(me), asked)
    assert rooms_of(seen) == list(EXPORT if kind == "export" else ERASE)
