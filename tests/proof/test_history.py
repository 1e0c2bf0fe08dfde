"""Orders that nobody has bought look like one that somebody has: what it wrote, under other ids, at other times."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from bodega.proof.bench.history import copy_rows, snapshot
from tests.conftest import MakeDatabase, engine

pytestmark = pytest.mark.service

BUY = """INSERT INTO orders (id, number, state, version, checkout_id, email, cart_id, cart_revision, reservation_id,
                currency, total, lines, totals, shipping_address, shipping_option, contact, placed_at, promised_from)
         VALUES ($1, $2, 'created', 2, 'chk_01M8Q13GPZE4B9VR7SNHV3ZK7J', 'ada@example.com', 'crt_01M8Q13FYFFQMT4V8HD9H5GZAW',
                 '1', 'res_' || right($1, 26), 'EUR', 100, '[{"sku": "WH-0000003-01", "title": "Weighted Curtain"}]', '{}',
                 '{"line1": "1 Test Street"}', 'standard', jsonb_build_object('order', $1::text, 'number', $2::text), now(), '2026-12-01')
         """  # noqa: E501 - one row
HISTORY = """INSERT INTO order_history (order_id, version, to_state, note, cause, actor)
             VALUES ($1, 1, 'created', 'created', 'chk_01M8Q13GPZE4B9VR7SNHV3ZK7J', 'checkout'),
                    ($1, 2, 'created', 'parcel_delivered', 'checkout', 'clock')"""
WAIT = """INSERT INTO flow (id, kind, state, step, wake_at, data)
          VALUES ($1, 'fulfilment', 'waiting', 'ask', now() + interval '5 minutes', '{}')"""


async def test_copies_of_an_order_are_its_rows_under_other_ids_at_other_times_of_the_hour(
    make_database: MakeDatabase,
) -> None:
    url = await make_database("orders")
    admin = urlsplit(engine("BODEGA_TEST_ADMIN_URL"))
    database = await asyncpg.connect(urlunsplit(admin._replace(path=urlsplit(url).path)))
    try:
        before, bought = "ord_01M8Q13GRXFVNTM4M6TVRDR32W", "ord_01M8Q13GPZE4B9VR7SNHV3ZK7J"
        await database.execute(BUY.replace("chk_01M8", "chk_01M0"), before, "BDG-AAAA-AAAA")
        since = await snapshot(database)
        await database.execute(BUY, bought, "BDG-HCD2-V0AP")
        await database.execute(HISTORY, bought)
        await database.execute(WAIT, bought)
        await database.execute("INSERT INTO inbox (consumer, event_id) VALUES ('orders', gen_random_uuid())")

        await copy_rows(database, since, range(100), oldest=3600.0, step=36.0)

        rows = await database.fetch("SELECT * FROM orders ORDER BY placed_at")
        assert len(rows) == 102
        assert {before, bought} <= {row["id"] for row in rows}, "what was there stays"
        copies = [row for row in rows if row["id"] not in (before, bought)]
        for column in ("id", "number", "checkout_id", "reservation_id"):
            assert len({row[column] for row in copies}) == 100, column
        assert all(_is_like(row["number"], "BDG-HCD2-V0AP") for row in copies)
        assert {row["lines"] for row in copies} == {rows[-1]["lines"]}, "what it is of is not one order's own"
        assert all(f'"{row["id"]}"' in row["contact"] and f'"{row["number"]}"' in row["contact"] for row in copies)
        ages = [(rows[-1]["placed_at"] - row["placed_at"]) / timedelta(seconds=1) for row in copies]
        assert (round(ages[0]), round(ages[-1])) == (3600, 36)

        history = await database.fetch("SELECT * FROM order_history ORDER BY order_id, version")
        assert {row["order_id"] for row in history} == {row["id"] for row in rows} - {before}
        assert [(row["version"], row["note"]) for row in history] == [(1, "created"), (2, "parcel_delivered")] * 101
        assert await database.fetchval("SELECT count(*) FROM inbox") == 101
        assert await database.fetchval("SELECT count(*) FROM flow WHERE wake_at >= now() + interval '4 minutes'") == 101
    finally:
        await database.close()


def _is_like(number: Any, other: str) -> bool:
    return isinstance(number, str) and len(number) == len(other) and number[:7] == other[:7] and number[8] == "-"
