"""What a shop keeps that an operator would miss: orders, payments, parcels, stock, customers, products. Read by queries
of its own, as the audit does: nothing is asked of a service.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
from pymongo import AsyncMongoClient

from bodega.platform.secrets import Secrets
from bodega.platform.settings import database_url, mongo_url
from bodega.platform.system import Instance


@dataclass(frozen=True)
class Thing:
    """One of them, as one side keeps it."""

    keys: frozenset[str]
    """The keys of events that tell of it."""
    made_at: datetime | None
    changed_at: datetime | None
    fixed: Mapping[str, Any]
    """What never changes."""
    state: Mapping[str, Any]


@dataclass
class Side:
    """All that one of the two shops keeps."""

    things: dict[str, dict[str, Thing]] = field(default_factory=dict)
    """By kind and id."""
    untold: set[str] = field(default_factory=set)
    """Keys of which an event waits in an outbox."""


# id, keys of its events, made_at, changed_at, fixed, state.
_QUERIES: Mapping[str, tuple[str, str]] = {
    "orders": ("orders", """
        SELECT id, ARRAY[id] AS keys, placed_at AS made_at, updated_at AS changed_at,
               jsonb_build_object('number', number, 'total', total, 'currency', currency, 'lines', lines)::text
                   AS fixed,
               jsonb_build_object('state', state, 'refunded', refunded, 'version', version)::text AS state
          FROM orders"""),
    "payments": ("payments", """
        SELECT id, ARRAY[order_id] AS keys, created_at AS made_at, updated_at AS changed_at,
               jsonb_build_object('order', order_id, 'amount', amount, 'currency', currency)::text AS fixed,
               jsonb_build_object('state', state, 'authorized', authorized, 'captured', captured,
                                  'refunded', refunded)::text AS state
          FROM payment"""),
    "parcels": ("shipping", """
        SELECT id, ARRAY[order_id] AS keys, created_at AS made_at, updated_at AS changed_at,
               jsonb_build_object('order', order_id)::text AS fixed,
               jsonb_build_object('state', state, 'status', status, 'tracking', tracking_number)::text AS state
          FROM shipment"""),
    "stock": ("inventory", """
        SELECT sku AS id, array_remove(ARRAY[sku, product_id], NULL) AS keys, moved.first AS made_at,
               moved.last AS changed_at, '{}' AS fixed,
               jsonb_build_object('on_hand', on_hand, 'reserved', reserved, 'available', on_hand - reserved,
                                  'version', version)::text AS state
          FROM stock LEFT JOIN (SELECT sku, min(at) AS first, max(at) AS last FROM stock_ledger GROUP BY sku) AS moved
               USING (sku)"""),
    "customers": ("auth", """
        SELECT id, ARRAY[id] AS keys, created_at AS made_at, updated_at AS changed_at,
               jsonb_build_object('created_at', created_at)::text AS fixed,
               jsonb_build_object('version', version, 'verified', verified_at IS NOT NULL)::text AS state
          FROM account"""),
}  # fmt: skip
KINDS = (*_QUERIES, "products")


async def read(instance: Instance) -> Side:
    """One side as it stands. Raises OSError, asyncpg's errors, PyMongoError."""
    side, secrets = Side(), Secrets.of(instance)

    async def rows(kind: str) -> None:
        service, query = _QUERIES[kind]
        connection = await asyncpg.connect(
            database_url(instance, secrets, service, owner=True),
            server_settings={"default_transaction_read_only": "on", "application_name": "bodega comparison"},
        )
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                side.things[kind] = {row["id"]: _thing(row) for row in await connection.fetch(query)}
                side.untold |= {row["key"] for row in await connection.fetch("SELECT key FROM outbox")}
        finally:
            await connection.close()

    await asyncio.gather(*(rows(kind) for kind in _QUERIES), _products(instance, secrets, side))
    return side


def _thing(row: Any) -> Thing:
    return Thing(
        keys=frozenset(row["keys"]), made_at=row["made_at"], changed_at=row["changed_at"],
        fixed=json.loads(row["fixed"]), state=json.loads(row["state"]),
    )  # fmt: skip


async def _products(instance: Instance, secrets: Secrets, side: Side) -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_url(instance, secrets), appname="comparison")
    wanted = {"version": 1, "status": 1, "created_at": 1, "updated_at": 1}
    try:
        database = client.get_default_database("bodega")
        side.things["products"] = {
            one["_id"]: Thing(
                keys=frozenset([one["_id"]]), made_at=one["created_at"].replace(tzinfo=UTC),
                changed_at=one["updated_at"].replace(tzinfo=UTC), fixed={},
                state={"version": one["version"], "status": one["status"]},
            )
            async for one in database["product"].find({}, wanted)
        }  # fmt: skip
        side.untold |= {one["product_id"] async for one in database["pending"].find({}, {"product_id": 1})}
    finally:
        await client.close()
