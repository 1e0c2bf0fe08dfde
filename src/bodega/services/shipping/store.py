"""Shipping in PostgreSQL: the only file here that knows SQL."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from bodega.contracts.fields import Address, Contact
from bodega.contracts.ids import order_number
from bodega.contracts.privacy import ERASED_ADDRESS, POSTAL_PREFIX
from bodega.kit.db import Database, Row, Transaction
from bodega.services.shipping.domain import STATUS_OF, Band, Option, Shipment, State, Status, Tables
from bodega.services.shipping.errors import ShipmentNotFound

# --- the tables of what it costs --------------------------------------------------------------------


async def tables_to(tx: Transaction, country: str, *, home: str, currency: str, since: date) -> Tables:
    """What the tables say of a country, in one statement: every price of every checkout is read from them anew, so that
    none is ever stale.

    The shop's own country, `home`, is in the zone `domestic`; what is not listed is where '*' is, and if that is not
    listed either, nothing is sent there. Options come in the order in which shoppers see them. `since`: closed days
    before it are left out.
    """
    row = await tx.fetchrow(
        """SELECT (
             SELECT jsonb_agg(jsonb_build_object(
                      'id', o.id, 'name', o.name, 'carrier', o.carrier, 'service', o.service,
                      'first_day', t.first_day, 'last_day', t.last_day, 'live', t.live,
                      'bands', (SELECT jsonb_agg(jsonb_build_array(b.up_to_grams, b.from_value, b.price))
                                  FROM rate_band AS b
                                 WHERE b.option_id = o.id AND b.zone_id = t.zone_id AND b.currency = $3))
                    ORDER BY o.position)
               FROM shipping_option AS o JOIN transit AS t ON t.option_id = o.id
              WHERE t.zone_id = CASE WHEN $1 = $2 THEN 'domestic' ELSE (
                      SELECT zone_id FROM zone_country WHERE country IN ($1, '*') ORDER BY country = '*' LIMIT 1) END
             ) AS options,
             ARRAY (SELECT day FROM closed_day WHERE day >= $4) AS closed""",
        country, home, currency, since,
    )  # fmt: skip
    assert row is not None
    options = [
        Option(**{**option, "bands": tuple(Band(*band) for band in option["bands"] or ())})
        for option in row["options"] or ()
    ]
    return Tables(options=tuple(options), closed=frozenset(row["closed"]))


async def find_quote(tx: Transaction, key: str) -> dict[str, int] | None:
    """What was promised: minor units by the carrier's service."""
    prices: dict[str, int] | None = await tx.fetchval(
        "SELECT prices FROM carrier_quote WHERE key = $1 AND kept_until > now()", key
    )
    return prices


async def keep_quote(tx: Transaction, key: str, prices: dict[str, int], seconds: float) -> dict[str, int]:
    """What is promised from now on. Whoever came first wins: both shoppers were asked for the same."""
    await tx.execute(
        """DELETE FROM carrier_quote WHERE key IN
             (SELECT key FROM carrier_quote WHERE kept_until < now() LIMIT 100 FOR UPDATE SKIP LOCKED)"""
    )
    kept: dict[str, int] = await tx.fetchval(
        """INSERT INTO carrier_quote AS old (key, prices, kept_until)
           VALUES ($1, $2::jsonb, now() + make_interval(secs => $3))
           ON CONFLICT (key) DO UPDATE
                   SET prices = CASE WHEN old.kept_until > now() THEN old.prices ELSE excluded.prices END,
                       kept_until = greatest(old.kept_until, excluded.kept_until)
           RETURNING prices""",
        key, json.dumps(prices), seconds,
    )  # fmt: skip
    return kept


# --- shipments --------------------------------------------------------------------------------------


async def insert_shipment(tx: Transaction, shipment: Shipment) -> bool:
    """False: the order has one already, or its tombstone."""
    assert shipment.address is not None
    assert shipment.contact is not None
    return bool(
        await tx.fetchval(
            """INSERT INTO shipment (id, order_id, state, number, option_id, address, contact, weight_grams, carrier,
                      service, promised_from, promised_to, customer_id)
               VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8, $9, $10, $11, $12, $13)
               ON CONFLICT DO NOTHING RETURNING true""",
            shipment.id, shipment.order_id, shipment.state, shipment.number, shipment.option_id,
            shipment.address.model_dump_json(), shipment.contact.model_dump_json(), shipment.weight_grams,
            shipment.carrier, shipment.service, shipment.promised_from, shipment.promised_to, shipment.customer_id,
        )
    )  # fmt: skip


async def drop(tx: Transaction, shipment_id: str, order_id: str) -> bool:
    """Nothing will be sent: what is wanted is dropped, what is not known yet gets a tombstone. False: it is
    too late, or was dropped before."""
    touched = await tx.execute(
        """INSERT INTO shipment (id, order_id, state) VALUES ($1, $2, 'dropped')
           ON CONFLICT (order_id) DO UPDATE SET state = 'dropped', version = shipment.version + 1, updated_at = now()
            WHERE shipment.state = 'wanted'""",
        shipment_id, order_id,
    )  # fmt: skip
    return touched > 0


async def get_shipment(tx: Transaction, shipment_id: str) -> Shipment:
    """Raises ShipmentNotFound."""
    return _found(await tx.fetchrow("SELECT * FROM shipment WHERE id = $1", shipment_id))


async def get_by_tracking(tx: Transaction, tracking_number: str) -> Shipment:
    """Also by the number of a label that was given back. Raises ShipmentNotFound."""
    row = await tx.fetchrow(
        """SELECT * FROM shipment
            WHERE tracking_number = $1
               OR id = (SELECT shipment_id FROM voided_label WHERE tracking_number = $1)""",
        tracking_number,
    )
    return _found(row)


async def lock_shipment(tx: Transaction, shipment_id: str) -> Shipment:
    """Raises ShipmentNotFound."""
    return _found(await tx.fetchrow("SELECT * FROM shipment WHERE id = $1 FOR UPDATE", shipment_id))


async def save(tx: Transaction, shipment: Shipment) -> Shipment | None:
    """The shipment with its next version; None, if it is not at the version any more at which it was read."""
    row = await tx.fetchrow(
        """UPDATE shipment SET state = $3, status = $4, label_id = $5, tracking_number = $6, tracking_url = $7,
                  filed = $8, attention = $9, labelled_at = $10, delivered_at = $11, label_no = $12,
                  address = $13::jsonb, version = version + 1, updated_at = now()
            WHERE id = $1 AND version = $2 RETURNING *""",
        shipment.id, shipment.version, shipment.state, shipment.status, shipment.label_id, shipment.tracking_number,
        shipment.tracking_url, shipment.filed, shipment.attention, shipment.labelled_at, shipment.delivered_at,
        shipment.label_no, shipment.address.model_dump_json() if shipment.address else None,
    )  # fmt: skip
    return _shipment(row) if row is not None else None


async def clear(database: Database, shipment_id: str) -> Shipment:
    """Orders lets it go: from here on the order cannot be cancelled. What is further already stays as it is. The
    shipment as it stands then, never as it was before somebody has changed it; one statement in autocommit.

    Raises: ShipmentNotFound.
    """
    row = await database.fetchrow(
        """UPDATE shipment SET state = CASE state WHEN 'wanted' THEN 'cleared' ELSE state END,
                  version = version + (state = 'wanted')::integer, updated_at = now()
            WHERE id = $1 RETURNING *""",
        shipment_id,
    )
    return _found(row)


async def insert_voided(tx: Transaction, shipment: Shipment) -> None:
    """The label that it has now was given back."""
    await tx.execute(
        "INSERT INTO voided_label (tracking_number, shipment_id, label_id) VALUES ($1, $2, $3)",
        shipment.tracking_number, shipment.id, shipment.label_id,
    )  # fmt: skip


async def find_voided(tx: Transaction, shipment_id: str) -> str | None:
    """The tracking number of the label that was given back last."""
    number: str | None = await tx.fetchval(
        "SELECT tracking_number FROM voided_label WHERE shipment_id = $1 ORDER BY voided_at DESC LIMIT 1", shipment_id
    )
    return number


async def insert_scan(
    tx: Transaction, scan_id: str, shipment_id: str, status: Status, at: datetime, place: str
) -> bool:
    """False: it is known."""
    return bool(
        await tx.fetchval(
            """INSERT INTO shipment_scan (id, shipment_id, status, at, place) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT DO NOTHING RETURNING true""",
            scan_id, shipment_id, status, at, place,
        )
    )  # fmt: skip


async def scans_of(tx: Transaction, shipment_id: str) -> list[tuple[Status, datetime, str]]:
    """Status, time and place, oldest first."""
    rows = await tx.fetch(
        """SELECT status, at, place FROM shipment_scan WHERE shipment_id = $1
            ORDER BY at, array_position($2::text[], status)""",
        shipment_id, list(STATUS_OF),
    )  # fmt: skip
    return [(row["status"], row["at"], row["place"]) for row in rows]


async def search(
    tx: Transaction,
    *,
    state: State | None,
    status: Status | None,
    query: str | None,
    attention: bool | None,
    before: str | None,
    limit: int,
) -> list[Shipment]:
    """For the merchant, newest first. `query`: an order's id or number, or a tracking number."""
    rows = await tx.fetch(
        """SELECT * FROM shipment
            WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR status = $2)
              AND ($3::text IS NULL OR order_id = $3 OR number = upper($3) OR tracking_number = upper($3))
              AND ($4::boolean IS NULL OR (attention IS NOT NULL) = $4)
              AND ($5::text IS NULL OR id < $5)
            ORDER BY id DESC LIMIT $6""",
        state, status, query and order_number(query.strip()), attention, before, limit,
    )  # fmt: skip
    return [_shipment(row) for row in rows]


# --- a person's data --------------------------------------------------------------------------------


async def export_orders(tx: Transaction, order_ids: Sequence[str]) -> list[dict[str, Any]]:
    rows = await tx.fetch(
        "SELECT to_jsonb(s) AS held FROM shipment s WHERE order_id = ANY($1) AND state <> 'dropped' ORDER BY id",
        list(order_ids),
    )
    return [row["held"] for row in rows]


async def prints_of(tx: Transaction, order_ids: Sequence[str]) -> list[str]:
    """The names of their labels."""
    rows = await tx.fetch("SELECT * FROM shipment WHERE order_id = ANY($1) AND filed ORDER BY id", list(order_ids))
    return [_shipment(row).label_name for row in rows]


async def pseudonymise_shipments(tx: Transaction, order_ids: Sequence[str], email: str) -> int:
    """Their prints must be gone: nobody would look for them afterwards."""
    return await tx.execute(
        """UPDATE shipment SET filed = false, updated_at = now(),
                  contact = contact || jsonb_build_object('email', $2::text, 'phone', NULL),
                  address = address || $3::jsonb
                    || jsonb_build_object('postal_code', coalesce(left(address->>'postal_code', $4), ''))
            WHERE order_id = ANY($1) AND contact->>'email' <> $2""",
        list(order_ids), email, json.dumps(ERASED_ADDRESS), POSTAL_PREFIX,
    )  # fmt: skip


def _found(row: Row | None) -> Shipment:
    if row is None:
        raise ShipmentNotFound("no parcel has this number")
    return _shipment(row)


def _shipment(row: Row) -> Shipment:
    return Shipment(
        id=row["id"],
        order_id=row["order_id"],
        state=row["state"],
        status=row["status"],
        version=row["version"],
        number=row["number"],
        option_id=row["option_id"],
        address=Address.model_validate(row["address"]) if row["address"] else None,
        contact=Contact.model_validate(row["contact"]) if row["contact"] else None,
        weight_grams=row["weight_grams"],
        carrier=row["carrier"],
        service=row["service"],
        promised_from=row["promised_from"],
        promised_to=row["promised_to"],
        customer_id=row["customer_id"],
        label_no=row["label_no"],
        label_id=row["label_id"],
        tracking_number=row["tracking_number"],
        tracking_url=row["tracking_url"],
        filed=row["filed"],
        attention=row["attention"],
        created_at=row["created_at"],
        labelled_at=row["labelled_at"],
        delivered_at=row["delivered_at"],
    )
