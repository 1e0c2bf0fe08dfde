"""Profiles and addresses over HTTP."""

import asyncio
from typing import Any

import asyncpg
import pytest

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller
from tests.users.conftest import HOME, SomeCustomer

pytestmark = pytest.mark.service

MINE, ADDRESSES = "/users/me", "/users/me/addresses"


async def add(caller: Caller, **other: Any) -> Answered:
    return await caller.post(ADDRESSES, {**HOME, **other})


async def defaults(caller: Caller) -> tuple[list[str], list[str]]:
    """Which addresses are the default for shipping, and for billing."""
    items = (await caller.get(ADDRESSES)).json["items"]
    shipping = [one["id"] for one in items if one["default_shipping"]]
    return shipping, [one["id"] for one in items if one["default_billing"]]


async def test_a_profile_can_be_read_before_anything_is_known(customer: SomeCustomer, database: Database) -> None:
    subject = new_id("cus")
    me = customer(subject)
    answer = await me.get(MINE)
    assert answer.status == 200
    assert (answer.headers["etag"], answer.headers["cache-control"]) == ('"0"', "no-store")
    assert answer.json == {
        "customer_id": subject, "email": None, "email_verified": False, "name": None, "locale": "en",
        "marketing_opt_in": False, "marketing_changed_at": None, "version": 0,
    }  # fmt: skip
    assert (await me.get(ADDRESSES)).json == {"items": [], "next_cursor": None}
    async with database.transaction() as tx:
        assert not await tx.fetchval("SELECT EXISTS (SELECT FROM profile WHERE customer_id = $1)", subject)


async def test_a_patch_changes_what_it_names_and_nothing_else(customer: SomeCustomer) -> None:
    me = customer()
    first = await me.patch(MINE, {"name": "Ada", "marketing_opt_in": True})
    assert (first.status, first.json["name"], first.json["version"]) == (200, "Ada", 1)
    second = await me.patch(MINE, {"locale": "de-AT"}, headers={"Content-Type": "application/merge-patch+json"})
    assert second.json == {**first.json, "locale": "de-AT", "version": 2}
    nothing = await me.patch(MINE, {})
    assert nothing.json == second.json
    assert (await me.get(MINE)).json == second.json


async def test_of_two_changes_to_one_version_one_is_refused(customer: SomeCustomer) -> None:
    me = customer()
    await me.patch(MINE, {"name": "Ada"})
    etag = (await me.get(MINE)).headers["etag"]
    answers = await asyncio.gather(
        *(me.patch(MINE, {"name": name}, headers={"If-Match": etag}) for name in ("Augusta", "Ada King"))
    )
    assert sorted(one.status for one in answers) == [200, 412]
    refused = next(one for one in answers if one.status == 412)
    assert (refused.code, refused.json["current_version"]) == ("stale_version", 2)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": None}, "/name"),
        ({"name": "  "}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"locale": "english"}, "/locale"),
        ({"marketing_opt_in": "yes"}, "/marketing_opt_in"),
        ({"email": "other@example.com"}, "/email"),
        ({"version": 7}, "/version"),
    ],
)
async def test_a_bad_change_is_refused_whole(customer: SomeCustomer, body: dict[str, Any], pointer: str) -> None:
    me = customer()
    answer = await me.patch(MINE, {"marketing_opt_in": True, **body})
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.json["errors"][0]["pointer"] == pointer
    assert (await me.get(MINE)).json["version"] == 0, "it left nothing behind"


async def test_an_address_is_kept_changed_and_forgotten(customer: SomeCustomer) -> None:
    me = customer()
    made = await add(me, default_shipping=True, company="Analytical Engines")
    assert made.status == 201
    path = f"{ADDRESSES}/{made.json['id']}"
    assert made.headers["location"] == path
    assert {key: made.json[key] for key in HOME} == HOME
    assert (await me.get(path)).json == made.json
    moved = {**HOME, "line1": "Unter den Linden 6", "postal_code": "10117"}
    changed = await me.put(path, moved, headers={"If-Match": made.headers["etag"]})
    assert (changed.json["line1"], changed.json["company"], changed.json["default_shipping"]) == (
        "Unter den Linden 6", None, False,
    )  # fmt: skip
    assert changed.headers["etag"] == '"2"'
    stale = await me.put(path, HOME, headers={"If-Match": made.headers["etag"]})
    assert (stale.code, stale.json["current_version"]) == ("stale_version", 2)
    assert (await me.delete(path, headers={"If-Match": made.headers["etag"]})).code == "stale_version"
    assert (await me.delete(path)).status == 204
    assert (await me.delete(path)).code == "not_found"
    assert (await me.get(path)).code == "not_found"


async def test_there_is_one_default_each(customer: SomeCustomer) -> None:
    me = customer()
    first = (await add(me, default_shipping=True, default_billing=True)).json["id"]
    second = (await add(me, default_shipping=True)).json["id"]
    assert await defaults(me) == ([second], [first])
    await me.put(f"{ADDRESSES}/{second}", {**HOME, "default_billing": True})
    assert await defaults(me) == ([], [second])


async def test_many_defaults_at_once_end_in_one_and_the_limit_holds(customer: SomeCustomer) -> None:
    me = customer()
    answers = await asyncio.gather(*(add(me, default_shipping=True, default_billing=True) for _ in range(8)))
    assert sorted(one.status for one in answers) == [201] * 4 + [409] * 4
    assert {one.code for one in answers if one.status == 409} == {"address_limit"}
    shipping, billing = await defaults(me)
    assert len(shipping) == len(billing) == 1


async def test_the_database_itself_refuses_a_second_default(customer: SomeCustomer, database: Database) -> None:
    subject = new_id("cus")
    await add(customer(subject), default_shipping=True)
    await add(customer(subject))
    for kind in ("default_shipping", "default_billing"):
        with pytest.raises(asyncpg.UniqueViolationError):
            async with database.transaction() as tx:
                await tx.execute(f"UPDATE address SET {kind} = true WHERE customer_id = $1", subject)


async def test_the_same_key_makes_one_address(customer: SomeCustomer) -> None:
    me = customer()
    key = {"Idempotency-Key": "a-key-of-my-own"}
    answers = await asyncio.gather(*(me.post(ADDRESSES, HOME, headers=key) for _ in range(4)))
    assert {one.status for one in answers} == {201}
    assert len({one.json["id"] for one in answers}) == 1
    assert len([one for one in answers if one.headers.get("idempotency-replayed") == "true"]) == 3
    other = await me.post(ADDRESSES, {**HOME, "line1": "Elsewhere 2"}, headers=key)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert (await customer().post(ADDRESSES, HOME, headers=key)).status == 201, "another's key is another key"


async def test_a_refused_address_does_not_use_up_its_key(customer: SomeCustomer) -> None:
    me = customer()
    key = {"Idempotency-Key": "a-key-of-my-own"}
    assert (await me.post(ADDRESSES, {**HOME, "postal_code": "1"}, headers=key)).code == "invalid_address"
    assert (await me.post(ADDRESSES, HOME, headers=key)).status == 201


async def test_an_address_that_cannot_be_delivered_to_is_refused_and_says_where(customer: SomeCustomer) -> None:
    me = customer()
    answer = await add(me, country="US", postal_code="123")
    assert (answer.status, answer.code) == (422, "invalid_address")
    assert {error["pointer"] for error in answer.json["errors"]} == {"/region", "/postal_code"}
    kept = await add(me)
    bad = await me.put(kept.headers["location"], {**HOME, "postal_code": ""})
    assert bad.json["errors"][0]["pointer"] == "/postal_code"
    assert (await me.get(kept.headers["location"])).json == kept.json


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"line1": ""}, "/line1"),
        ({"line1": "a\u0007b"}, "/line1"),
        ({"line1": "x" * 201}, "/line1"),
        ({"country": "de"}, "/country"),
        ({"country": "DEU"}, "/country"),
        ({"postal_code": "1\n2"}, "/postal_code"),
        ({"region": ""}, "/region"),
        ({"default_shipping": 1}, "/default_shipping"),
        ({"phone": "1"}, "/phone"),
        ({"id": "adr_1"}, "/id"),
    ],
)
async def test_a_bad_address_is_refused(customer: SomeCustomer, body: dict[str, Any], pointer: str) -> None:
    me = customer()
    answer = await add(me, **body)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, pointer)
    assert (await me.get(ADDRESSES)).json["items"] == []


async def test_what_is_somebody_elses_does_not_exist(customer: SomeCustomer) -> None:
    made = await add(customer())
    path = f"{ADDRESSES}/{made.json['id']}"
    stranger = customer()
    assert (await stranger.get(path)).code == "not_found"
    assert (await stranger.put(path, HOME)).code == "not_found"
    assert (await stranger.delete(path)).code == "not_found"


async def test_nobody_in_particular_has_no_profile(users: Caller) -> None:
    for path in (MINE, ADDRESSES):
        assert (await users.get(path)).code == "unauthenticated"


@pytest.mark.parametrize("version", ["3", 'W/"3"', '"x"', '"99999999999999999999"'])
async def test_an_odd_if_match_is_refused_cleanly(customer: SomeCustomer, version: str) -> None:
    answer = await customer().patch(MINE, {"name": "Ada"}, headers={"If-Match": version})
    assert (answer.status, answer.code) == (422, "invalid_request")


async def test_health_and_openapi_are_there(users: Caller) -> None:
    assert (await users.get("/readyz")).json["parts"]["postgres"] == "ok"
    document = (await users.get("/openapi.json")).json
    request = f"{MINE}/privacy-requests/{{request_id}}"
    assert set(document["paths"]) == {
        MINE, ADDRESSES, f"{ADDRESSES}/{{address_id}}", f"{MINE}/export", request, f"{request}/document",
    }  # fmt: skip
