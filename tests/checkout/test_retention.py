"""Checkouts that came to nothing are forgotten, with the addresses in them; those that stand are kept."""

import pytest

from bodega.kit.db import Database
from bodega.services.checkout import store
from tests.conftest import MakeDatabase

pytestmark = pytest.mark.service

MADE = """INSERT INTO checkout (id, state, cart_id, cart_revision, cart_lines, contact, shipping_address,
                 shipping_option, currency, expected_total, payment_method, order_id, reservation_id, due_at,
                 updated_at)
          VALUES ($1, $2, $1, 'r', '[]', '{}', '{}', 'standard', 'EUR', 100, 'pm', $1, $1, now(),
                  now() - make_interval(days => $3))"""


async def test_a_checkout_without_an_order_that_stands_is_deleted_after_its_time(make_database: MakeDatabase) -> None:
    database = Database(await make_database("checkout"))
    await database.open()
    states = ("started", "paying", "declined", "completed", "failed", "cancelled", "expired")
    async with database.transaction() as tx:
        for days in (89, 91):
            for state in states:
                await tx.execute(MADE, f"{state} {days}", state, days)
                await tx.execute(
                    "INSERT INTO checkout_timeline (checkout_id, state) VALUES ($1, $2)", f"{state} {days}", state
                )
    deleted = []
    for _ in range(3):
        async with database.transaction() as tx:
            deleted.append(await store.unfinished_for(90)(tx, 2))
    async with database.reading() as tx:
        left = {row["id"] for row in await tx.fetch("SELECT id FROM checkout")}
        timelines = {row["checkout_id"] for row in await tx.fetch("SELECT checkout_id FROM checkout_timeline")}
    assert deleted == [2, 1, 0]
    assert left == timelines == {f"{state} {days}" for state in states for days in (89, 91)} - {
        "failed 91", "cancelled 91", "expired 91"
    }  # fmt: skip
    await database.close()
