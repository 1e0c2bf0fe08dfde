"""A shop with nothing to do reads next to nothing, however many orders there have been: whatever a service asks its
database again and again, it asks by an index that holds only what is due.

Every service with SQL runs here with all of its loops on tables of many thousand rows, of which none is due. Which rows
its statements have read, PostgreSQL itself counts, by table and by index.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bodega.kit.testing import Credentials, Topics, eventually, serving
from bodega.platform.schemas import rooms
from tests.conftest import MakeDatabase, engine, topics_for

pytestmark = pytest.mark.service
topics = topics_for("idle")

ROWS: Final = 20_000
"""In each table."""
MOST: Final = 1_000
"""So many rows may be read of a table, or by an index, by all that its service asks meanwhile: far fewer than a single
look at all of them reads."""
LOOKS: Final = 24
"""Each of the connections asks often enough that the server has settled for one plan whatever the values are (it may
after five times)."""

NOT_GROWING: Final = {
    "outbox", "parked",  # what waits to be published, or for people
    "signing_key", "reset_wish",
    "tax_country", "tax_rate",
    "sweep", "unmatched",  # money that nobody can explain: people look at each
    "rate_band", "shipping_option", "transit", "zone", "zone_country", "closed_day",
}  # fmt: skip
"""Tables that are as large with many orders as with few."""

ROW: Final = {
    "flow.kind": "($1::text[])[1 + n % cardinality($1)]",
    "flow.state": "CASE WHEN n % 2 = 0 THEN 'ended' ELSE 'waiting' END",
    "flow.wake_at": "now() + interval '1 hour'",
    "checkout.state": "CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'completed' END",
    "payment.state": "'captured'",
    "payment.intent_id": "'pi_' || n",
    "reservation.state": "CASE WHEN n % 2 = 0 THEN 'committed' ELSE 'held' END",
    "notification.state": "'sent'",
    "notification.data": """'{"total": 1}'""",
    "refresh_token.replaced_at": "now()",
    "shipment.state": "'labelled'",
}
"""What a row has in a column, in SQL; `n` is its number, $1 are the kinds of the service's flows. All other columns
have their default, NULL, or something that is nobody else's; times that must be given lie ahead."""
OF_TYPE: Final = {
    "text": "'t' || n", "bigint": "n", "integer": "n", "boolean": "false", "jsonb": "'{}'", "date": "current_date + n",
    "timestamp with time zone": "now() + interval '1 hour'", "uuid": "gen_random_uuid()",
    "bytea": "sha256(n::text::bytea)",
    "text[]": "ARRAY['t' || n]", "integer[]": "ARRAY[1]", "character(3)": "'EUR'", "numeric(6,5)": "0",
}  # fmt: skip

KINDS: Final = {
    "checkout": ["checkout"], "shipping": ["fulfilment"], "notifications": ["mailing"], "users": ["export", "erase"],
}  # fmt: skip
LOOKED_FOR_BY: Final = {
    "auth": "refresh_token_sealed",
    "users": "flow_claimable",
    "inventory": "inbox_received_at",
    "checkout": "flow_claimable",
    "orders": "inbox_received_at",
    "payments": "payment_due",
    "shipping": "flow_claimable",
    "notifications": "flow_claimable",
}
"""By which index each service looks for what is due, most often; these two do so only when they tidy."""
ONCE: Final = {"inventory", "orders"}


class Reads(NamedTuple):
    """Of a table (`index` is empty), or by an index: how often it was looked at, and how many rows were read."""

    looks: int
    rows: int


Counts = dict[tuple[str, str], Reads]


@dataclass
class Room:
    """A service's database, seen from outside."""

    name: str
    url: str
    admin: "asyncpg.Connection[asyncpg.Record]"

    async def fill(self) -> None:
        """Every table that grows."""
        checks = await self.admin.fetch(
            """SELECT conrelid::regclass AS of, conname FROM pg_constraint
                WHERE contype = 'c' AND connamespace = 'public'::regnamespace"""
        )
        for check in checks:  # the rows need not make sense: they must only be many
            await self.admin.execute(f'ALTER TABLE {check["of"]} DROP CONSTRAINT "{check["conname"]}"')
        await self.admin.execute("SET session_replication_role = replica")  # nor refer to anything
        for table in await self.tables():
            await self._fill(table)
        await self.admin.execute("VACUUM ANALYZE")

    async def tables(self) -> list[str]:
        rows = await self.admin.fetch(
            """SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                  AND relname NOT LIKE '%yoyo%' AND relname <> ALL ($1) ORDER BY relname""",
            list(NOT_GROWING),
        )  # fmt: skip
        return [row["relname"] for row in rows]

    async def _fill(self, table: str) -> None:
        columns = await self.admin.fetch(
            """SELECT attname AS name, format_type(atttypid, atttypmod) AS type,
                      attnotnull AND NOT atthasdef AND attidentity = '' AS must
                 FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped""",
            table,
        )
        values = {
            column["name"]: ROW.get(f"{table}.{column['name']}") or OF_TYPE[column["type"]]
            for column in columns
            if column["must"] or f"{table}.{column['name']}" in ROW
        }
        names = ", ".join(f'"{name}"' for name in values)
        await self.admin.execute(
            f"""INSERT INTO {table} ({names}) SELECT {", ".join(values.values())}
                  FROM generate_series(1, {ROWS}) AS n""".replace("$1", f"ARRAY{KINDS.get(self.name, ['none'])}")
        )

    async def reads(self) -> Counts:
        rows = await self.admin.fetch(
            """SELECT relname, '' AS index, seq_scan AS looks, seq_tup_read AS rows FROM pg_stat_user_tables
               UNION ALL SELECT relname, indexrelname, idx_scan, idx_tup_read FROM pg_stat_user_indexes"""
        )
        return {(row["relname"], row["index"]): Reads(row["looks"], row["rows"]) for row in rows}


@pytest.fixture(scope="module")
async def filled(make_database: MakeDatabase) -> AsyncIterator[list[Room]]:
    async with AsyncExitStack() as stack:

        async def make(name: str) -> Room:
            url = await make_database(name)
            admin = urlsplit(engine("BODEGA_TEST_ADMIN_URL"))
            connection = await asyncpg.connect(urlunsplit(admin._replace(path=urlsplit(url).path)), command_timeout=60)
            stack.push_async_callback(connection.close)
            room = Room(name, url, connection)
            await room.fill()
            return room

        yield [await make(name) for name in rooms()]


@pytest.fixture(scope="module")
async def processor() -> AsyncIterator[str]:
    """One that has no charges."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [], "has_more": False})

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    async with TestServer(application, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/")


async def test_a_shop_with_nothing_to_do_reads_next_to_nothing_however_many_orders_there_were(
    filled: list[Room], topics: Topics, credentials: Credentials, processor: str
) -> None:
    before = {room.name: await room.reads() for room in filled}
    async with AsyncExitStack() as stack:
        for room in filled:
            app = importlib.import_module(f"bodega.services.{room.name}.app")
            settings = importlib.import_module(f"bodega.services.{room.name}.settings")
            told = {
                "database_url": room.url, "kafka": topics.bootstrap, "topic_prefix": topics.prefix,
                "internal_jwks_file": credentials.jwks_file, "internal_key_file": credentials.key_file(room.name),
                "expiry_poll_seconds": 0.1, "chores_poll_seconds": 0.1, "reconcile_seconds": 0.1,
                "retry_first_seconds": 0.1, "stripe_api_base": processor,
            }  # fmt: skip
            known = {name: value for name, value in told.items() if name in settings.Settings.model_fields}
            await stack.enter_async_context(serving(app.create_app(settings.Settings(**known))))
        await asyncio.gather(*(_has_looked(room, before[room.name]) for room in filled))
        after = {room.name: await room.reads() for room in filled}
    too_many = [
        f"{room}: {rows} rows of {table} {f'by {index}' if index else 'as a whole'} in {now.looks - then.looks} looks"
        for room in after
        for (table, index), now in after[room].items()
        if (then := before[room][table, index]) and (rows := now.rows - then.rows) > MOST
    ]
    assert not too_many, "\n".join(too_many)


async def _has_looked(room: Room, before: Counts) -> None:
    looks = 1 if room.name in ONCE else LOOKS

    async def check() -> None:
        found = {index: now.looks - before[table, index].looks for (table, index), now in (await room.reads()).items()}
        assert found[LOOKED_FOR_BY[room.name]] >= looks, room.name

    await eventually(check, every_seconds=0.2)
