"""What has outlived its use is deleted, slice after slice, and nothing else."""

import asyncio

import pytest

from bodega.kit.app import housekeeping
from bodega.kit.db import Database, Transaction
from bodega.kit.retention import DAY, older_than, tidying
from bodega.kit.settings import ServiceSettings
from bodega.kit.testing import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.service

ENTER = """INSERT INTO inbox (consumer, event_id, received_at)
           SELECT 'counter', gen_random_uuid(), now() - make_interval(days => $1) FROM generate_series(1, $2::int)"""


async def entered(database: Database, days_ago: int, count: int) -> None:
    async with database.transaction() as tx:
        await tx.execute(ENTER, days_ago, count)


async def test_a_slice_deletes_what_is_older_and_no_more_than_it_may(database: Database) -> None:
    await entered(database, 15, 25)
    await entered(database, 13, 5)
    prune = older_than(14 * DAY, "inbox", "received_at")
    deleted = []
    for _ in range(4):
        async with database.transaction() as tx:
            deleted.append(await prune(tx, 10))
            left = await tx.fetchval("SELECT count(*) FROM inbox")
    assert (deleted, left) == ([10, 10, 5, 0], 5)


async def test_a_slice_waits_for_nobody(database: Database) -> None:
    await entered(database, 15, 3)
    async with database.transaction() as holding:
        await holding.fetch("SELECT 1 FROM inbox LIMIT 1 FOR UPDATE")
        async with database.transaction() as tx:
            assert await older_than(14 * DAY, "inbox", "received_at")(tx, 10) == 2


async def test_tidying_goes_on_at_once_while_slices_are_full(database: Database) -> None:
    slices: list[int] = []

    async def prune(_: Transaction, limit: int) -> int:
        slices.append(limit)
        return limit if len(slices) < 4 else limit - 1

    loop = tidying(database, [prune], every_seconds=600)
    task = asyncio.create_task(loop.run())

    async def are_four() -> None:
        assert len(slices) == 4

    await eventually(are_four)
    loop.stop()
    await asyncio.wait_for(task, PATIENCE_SECONDS)
    assert len(slices) == 4


async def test_every_service_tidies_its_inbox_its_keys_and_its_ended_flows(database: Database) -> None:
    await entered(database, 15, 1)
    async with database.transaction() as tx:
        await tx.execute(
            """INSERT INTO idempotency_key (scope, key, fingerprint, created_at)
               VALUES ('s', 'old', '', now() - interval '25 hours'), ('s', 'new', '', now())"""
        )
        await tx.execute(
            """INSERT INTO flow (id, kind, state, step, data, updated_at)
               VALUES ('over', 'count', 'ended', 'x', '{}', now() - interval '31 days'),
                      ('just over', 'count', 'ended', 'x', '{}', now() - interval '29 days'),
                      ('waits', 'count', 'waiting', 'x', '{}', now() - interval '31 days')"""
        )
    loop = housekeeping(database, ServiceSettings())
    task = asyncio.create_task(loop.run())

    async def is_tidy() -> None:
        async with database.reading() as tx:
            assert [row["id"] for row in await tx.fetch("SELECT id FROM flow ORDER BY id")] == ["just over", "waits"]
            assert [row["key"] for row in await tx.fetch("SELECT key FROM idempotency_key")] == ["new"]
            assert await tx.fetchval("SELECT count(*) FROM inbox") == 0

    await eventually(is_tidy)
    loop.stop()
    await asyncio.wait_for(task, PATIENCE_SECONDS)
