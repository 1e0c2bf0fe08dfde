"""The same key and body again is answered again; another body is refused; a refusal is not kept."""

import asyncio

import pytest

from bodega.kit import idempotency
from bodega.kit.db import Database
from bodega.kit.errors import Invalid
from bodega.kit.retention import HOUR, older_than

pytestmark = pytest.mark.service

SCOPE, KEY = "POST /things cus_1", "key-12345678"


async def make(database: Database, body: bytes = b"{}", scope: str = SCOPE) -> str:
    """Counts one up, unless the key says that it was done."""
    async with database.transaction() as tx:
        kept = await idempotency.claim(tx, scope, KEY, body, resource_id="thing_1")
        if kept is not None:
            return kept.body.decode()
        value = await tx.fetchval(
            """INSERT INTO counter (id, value) VALUES ('n', 1)
               ON CONFLICT (id) DO UPDATE SET value = counter.value + 1 RETURNING value"""
        )
        await idempotency.keep(tx, scope, KEY, 201, str(value).encode(), location="/things/thing_1")
        return str(value)


async def test_twenty_repeats_at_once_make_one_thing(database: Database) -> None:
    answers = await asyncio.gather(*(make(database) for _ in range(20)))
    assert set(answers) == {"1"}


async def test_the_answer_is_marked_as_a_replay_and_bears_its_headers(database: Database) -> None:
    await make(database)
    async with database.transaction() as tx:
        kept = await idempotency.claim(tx, SCOPE, KEY, b"{}")
    assert kept is not None
    response = kept.response()
    assert response.status_code == 201
    assert response.headers["idempotency-replayed"] == "true"
    assert response.headers["location"] == "/things/thing_1"
    assert kept.resource_id == "thing_1"


async def test_the_same_key_for_another_body_is_refused(database: Database) -> None:
    await make(database)
    with pytest.raises(idempotency.KeyReused):
        await make(database, b'{"other": 1}')


async def test_two_people_may_pick_the_same_key(database: Database) -> None:
    assert await make(database) == "1"
    assert await make(database, scope="POST /things cus_2") == "2"


async def test_a_refusal_is_not_kept(database: Database) -> None:
    with pytest.raises(Invalid):
        async with database.transaction() as tx:
            await idempotency.claim(tx, SCOPE, KEY, b"{}")
            raise Invalid("a field is wrong")
    assert await make(database, b'{"now": "right"}') == "1"


async def test_keys_are_forgotten_after_their_time(database: Database) -> None:
    await make(database)
    async with database.transaction() as tx:
        await tx.execute("UPDATE idempotency_key SET created_at = now() - interval '25 hours'")
        assert await older_than(24 * HOUR, "idempotency_key", "created_at")(tx, 10) == 1
    assert await make(database, b"another") == "2"
