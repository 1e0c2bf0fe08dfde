"""Orders of the last hour, as many as wanted, without buying each: rows as they leave them in every service's database.

One order is bought and goes all its way. What it has written, in whichever table, is then copied: with ids of its own,
and as if it had been bought at another time of the hour. Where the shop waits for longer than a minute before it packs
an order (`cancel_window_seconds`), the younger part of them is copied of a second order, which is paid and waits. So

    younger than the time to cancel   paid: the flow of its parcel waits
    older                             delivered: all flows have ended

The card processor knows of all of them. A time that lies ahead (when somebody wakes up) lies further ahead in the
copies, so that nothing of them is due while a shop is measured that has nothing to do; of the last minutes there are
none.
"""

import asyncio
import re
import sqlite3
from contextlib import closing
from typing import Any, Final

import aiohttp
import asyncpg

from bodega.proof.bench.buyers import Buyer, visitor
from bodega.proof.bench.ground import Ground
from bodega.proof.bench.waiting import until

_HOUR: Final = 3600.0
_QUIET_SECONDS: Final = 120.0
"""So long ago nobody buys any more."""
_SOON_SECONDS: Final = 60.0
_PATIENCE_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.2
_COPY_SECONDS: Final = 900.0
"""For as long a table may be filled, or vacuumed."""

_ID: Final = r"([a-z]{2,4}_[0-9A-Za-z]{19,}|(?=[0-9A-Za-z]*\d)[0-9A-Za-z]{11,})[0-9A-Za-z]{5}(?![0-9A-Za-z])"
"""What is one order's own in a text: ids, tokens, hashes. The end is replaced by the copy's number."""
_NUMBER: Final = r"\m(BDG-\w{3})\w-\w{4}\M"
_TEXT: Final = (
    f"regexp_replace(regexp_replace({{0}}, '\\m{_ID.replace('{', '{{').replace('}', '}}')}', '\\1' || h, 'g'), "
    f"'{_NUMBER.replace('{', '{{').replace('}', '}}')}', '\\1' || left(h, 1) || '-' || right(h, 4), 'g')"
)
_OF_TYPE: Final = {
    "text": _TEXT,
    "jsonb": f"{_TEXT.replace('{0}', '{0}::text')}::jsonb",
    "uuid": "CASE WHEN {0} IS NOT NULL THEN uuidv7() END",
    "timestamp with time zone": "CASE WHEN {0} > now() THEN {0} + age ELSE {0} - age END",
}
"""A column's value in a copy, by its type; of all other types it is the same. `h`: the copy's number, five hexadecimal
digits; `age`: how long ago it was bought."""
_OF_COLUMN: Final = {("stock_ledger", "version"): "version - 100 * n"}
"""Of some it is a number that counts; below those that there are, no later one comes in its way."""


async def fill(ground: Ground, orders: int) -> None:
    """So many orders more, of the last hour. The shop must be at rest."""
    window = ground.instance.times["cancel_window_seconds"]
    paid = round(orders * min(window / _HOUR, 1)) if window > _SOON_SECONDS else 0
    await _copied(ground, "delivered", 0, orders - paid, youngest=max(window, _QUIET_SECONDS), oldest=_HOUR)
    await _copied(ground, "paid", orders - paid, paid, youngest=_QUIET_SECONDS, oldest=window)
    for database in ground.rest.databases.values():
        await database.execute("VACUUM ANALYZE", timeout=_COPY_SECONDS)
    await next(iter(ground.rest.databases.values())).execute("CHECKPOINT", timeout=_COPY_SECONDS)


async def _copied(ground: Ground, state: str, first: int, count: int, *, youngest: float, oldest: float) -> None:
    """One order in this state, and so many copies, the oldest first. Ages in seconds."""
    if not count:
        return
    since = {name: await snapshot(database) for name, database in ground.rest.databases.items()}
    async with visitor(ground.instance.api_url, ground.addresses.next()) as somebody:
        buyer = Buyer(somebody)
        await buyer.fill_cart(ground.skus[0])
        await buyer.quote()
        await buyer.check_out()
    if state == "delivered":
        await _hurry(ground)
        await ground.rests("history")
    else:
        await until(lambda: _only_waits(ground), what="an order to be paid", within_seconds=_PATIENCE_SECONDS,
                    every_seconds=_LOOK_SECONDS)  # fmt: skip
    intent_id = await ground.rest.databases["payments"].fetchval(
        "SELECT intent_id FROM payment ORDER BY created_at DESC LIMIT 1"
    )
    numbers, step = range(first, first + count), (oldest - youngest) / count
    for done, (name, database) in enumerate(ground.rest.databases.items()):
        ground.progress(f"history: {state}", done, len(ground.rest.databases))
        await copy_rows(database, since[name], numbers, oldest=oldest, step=step)
    await asyncio.to_thread(_copy_charge, ground, intent_id, numbers, oldest, step)
    ground.progress(f"history: {state}", len(ground.rest.databases), len(ground.rest.databases))


async def snapshot(database: "asyncpg.Connection[asyncpg.Record]") -> str:
    """Of what is committed now."""
    return str(await database.fetchval("SELECT pg_current_snapshot()::text"))


async def _hurry(ground: Ground) -> None:
    """An order is packed and brought at once, whatever the shop's and the carrier's times are."""
    shipping = ground.rest.databases["shipping"]

    async def packed() -> str | None:
        await shipping.execute("UPDATE flow SET wake_at = now() WHERE state <> 'ended' AND lease_until IS NULL")
        tracking: str | None = await shipping.fetchval(
            "SELECT tracking_number FROM shipment WHERE status <> 'delivered' AND filed"
        )
        return tracking

    tracking = await until(packed, what="a label", within_seconds=_PATIENCE_SECONDS, every_seconds=1.0)
    url = f"{ground.instance.sandbox_url}/sandbox/parcels/{tracking}/advance"
    async with aiohttp.ClientSession() as session, session.post(url, json={"to": "delivered"}) as answer:
        answer.raise_for_status()


async def _only_waits(ground: Ground) -> bool | None:
    return True if await ground.rest.left(within_seconds=_SOON_SECONDS) == 0 else None


async def copy_rows(
    database: "asyncpg.Connection[asyncpg.Record]", since: str, numbers: range, *, oldest: float, step: float
) -> None:
    """What was written since that snapshot, in every table, once for each number: from `oldest` seconds ago on, one
    every `step` seconds. What has nothing of one order's own (the stock) is there already and stays."""
    async with database.transaction():
        # Neither are references looked up nor are those asked who guard a ledger: the rows are those of a real order.
        await database.execute("SET LOCAL session_replication_role = replica; SET LOCAL synchronous_commit = off")
        for table in await database.fetch(
            """SELECT oid::regclass::text AS name FROM pg_class
                WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"""
        ):
            columns = await database.fetch(
                """SELECT quote_ident(attname) AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
                    WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''""",
                table["name"],
            )
            values = {
                column["name"]: _OF_COLUMN.get((table["name"], column["name"]))
                or _OF_TYPE.get(column["type"], "{0}").format(column["name"])
                for column in columns
            }
            await database.execute(
                f"""INSERT INTO {table["name"]} ({", ".join(values)})
                    SELECT {", ".join(values.values())}
                      FROM (SELECT * FROM {table["name"]}
                             WHERE NOT pg_visible_in_snapshot(xmin::text::xid8, $1::text::pg_snapshot)) AS written,
                           generate_series($2::integer, $3::integer) AS n,
                           lpad(upper(to_hex(n)), 5, '0') AS h,
                           make_interval(secs => $4 - $5 * (n - $2)) AS age
                    ON CONFLICT DO NOTHING""",  # noqa: S608 - names of our own tables
                since, numbers.start, numbers.stop - 1, oldest, step, timeout=_COPY_SECONDS,
            )  # fmt: skip


def _copy_charge(ground: Ground, intent_id: str, numbers: range, oldest: float, step: float) -> None:
    """The card processor's word on them: the sandbox keeps it in a file."""
    with closing(sqlite3.connect(ground.instance.data / "sandbox" / "sandbox.sqlite3", timeout=30)) as kept, kept:
        for table, names in (("payment_intents", "id"), ("charges", "payment_intent")):
            found = kept.execute(f"SELECT * FROM {table} WHERE {names} = ?", (intent_id,))  # noqa: S608 - two constants
            columns = [column[0] for column in found.description]
            row: dict[str, Any] = dict(zip(columns, found.fetchone(), strict=True))
            del row["seq"]
            kept.executemany(
                f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",  # noqa: S608 - constants
                (_charge(row, n, round(oldest - step * (n - numbers.start))) for n in numbers),
            )


def _charge(row: dict[str, Any], number: int, age: int) -> list[Any]:
    copied = {name: re.sub(rf"\b{_ID}", rf"\g<1>{number:05X}", value) if isinstance(value, str) else value
              for name, value in row.items()}  # fmt: skip
    created = row["created"] - age
    doc = copied["doc"].replace(f'"created": {row["created"]}', f'"created": {created}')
    return list({**copied, "created": created, "doc": doc}.values())
