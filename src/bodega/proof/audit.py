"""The audit of stock, money and orders, over all rooms' stores at once.

Each room is read in one snapshot of its own, so a shop in motion differs from itself between two rooms for as long as
an event is under way. A finding therefore counts only if a second look, some seconds later, finds it again.
"""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg

from bodega.platform.secrets import Secrets
from bodega.platform.settings import database_url, render
from bodega.platform.system import Instance

RECHECK_SECONDS = 5.0
"""How long an event may be under way between two rooms before its lack is a finding."""

OUTBOX_SECONDS = 60.0
"""How old the oldest event of an outbox may be."""

Row = Mapping[str, Any]

Ask = Callable[[str, str], Awaitable[Any]]
"""Gives a service's JSON answer to a GET of one of its internal paths."""


@dataclass(frozen=True, order=True)
class Finding:
    """Something that is not as it should be. Amounts are in minor units."""

    room: str
    thing: str
    rule: str
    found: str
    expected: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes it the same finding at a second look, though a figure has moved on."""
        return self.room, self.thing, self.rule


INDEX_RULE = "the index is as its sources"


@dataclass
class Books:
    """What was read: the rows of each room that the audit compares."""

    stock: Sequence[Row] = ()
    ledger: Sequence[Row] = ()
    """Of each SKU: the sums of its movements."""
    reservations: Sequence[Row] = ()
    answered_for: Sequence[Row] = ()
    """The reservations of checkouts that are not over, with those that they take over."""
    orders: Sequence[Row] = ()
    payments: Sequence[Row] = ()
    accounts: Sequence[Row] = ()
    """Of each payment: what the double-entry ledger says is held, and is the shop's."""
    unmatched: Sequence[Row] = ()
    shipments: Sequence[Row] = ()
    outboxes: Sequence[Row] = ()
    parked: Sequence[Row] = ()
    index: Sequence[Row] = ()
    """Where the search index differs from its sources."""
    processor: Mapping[str, Mapping[str, Any]] | None = None
    """The sandbox's books by payment; None: another processor, whose sweep speaks through `unmatched`."""


@dataclass
class Report:
    """What an audit found, and how much it looked at."""

    findings: list[Finding]
    looked_at: dict[str, int] = field(default_factory=dict)


async def audit(instance: Instance, ask: Ask, recheck_seconds: float = RECHECK_SECONDS) -> Report:
    """Look; where something is found, look again. Raises OSError, asyncpg.PostgresError or aiohttp.ClientError, where
    a store cannot be read, and whatever `ask` raises."""
    books = await read(instance, ask)
    findings = set(compare(books))
    if findings:
        await asyncio.sleep(recheck_seconds)
        books = await read(instance, ask)
        before = {finding.identity for finding in findings}
        findings = {finding for finding in compare(books) if finding.identity in before}
    looked_at = {
        name: len(getattr(books, name)) for name in ("stock", "reservations", "orders", "payments", "shipments")
    }
    looked_at["events waiting in outboxes"] = sum(row["waiting"] for row in books.outboxes)
    return Report(sorted(findings), looked_at)


# --- reading ----------------------------------------------------------------------------------------

_QUERIES: dict[str, dict[str, str]] = {
    "orders": {
        "orders": """SELECT id, state, reservation_id, payment_id, captured, total, refunded, attention,
                            lines::text AS lines, totals::text AS totals, tracking_number FROM orders""",
    },
    "payments": {
        "payments": """SELECT id, order_id, state, amount, authorized, captured, released, refunding, refunded
                         FROM payment""",
        "accounts": """SELECT payment_id,
                              coalesce(sum(amount) FILTER (WHERE to_account = 'held'), 0)::bigint
                              - coalesce(sum(amount) FILTER (WHERE from_account = 'held'), 0)::bigint AS held,
                              coalesce(sum(amount) FILTER (WHERE to_account = 'shop'), 0)::bigint
                              - coalesce(sum(amount) FILTER (WHERE from_account = 'shop'), 0)::bigint AS shop
                         FROM ledger GROUP BY payment_id""",
        "unmatched": "SELECT intent_id, payment_id, status, amount FROM unmatched",
    },
    "inventory": {
        "stock": "SELECT sku, on_hand, reserved FROM stock",
        "ledger": """SELECT sku, sum(on_hand_delta)::bigint AS on_hand, sum(reserved_delta)::bigint AS reserved
                       FROM stock_ledger GROUP BY sku""",
        "reservations": "SELECT id, state, skus, quantities FROM reservation",
    },
    "checkout": {
        "answered_for": """WITH open AS (
                             SELECT id, reservation_id FROM checkout
                              WHERE state NOT IN ('completed', 'failed', 'cancelled', 'expired'))
                           SELECT reservation_id FROM open
                            UNION SELECT reservation_id FROM checkout WHERE replaced_by IN (SELECT id FROM open)""",
    },
    "shipping": {"shipments": "SELECT id, order_id, state, status, tracking_number FROM shipment"},
}
_OUTBOX = "SELECT count(*) AS waiting, extract(epoch FROM now() - min(created_at))::float8 AS seconds FROM outbox"
_PARKED = "SELECT consumer, count(*) AS parked FROM parked GROUP BY consumer"


async def read(instance: Instance, ask: Ask) -> Books:
    """One look at every room."""
    secrets = Secrets.of(instance)
    services = instance.system.services.values()
    books = await read_rooms(
        {s.name: database_url(instance, secrets, s.name, owner=True) for s in services if s.store == "postgres"}
    )
    for service in services:
        if service.hears and service.store != "postgres":
            items = (await ask(service.name, "/internal/parked"))["items"]
            if items:
                books.parked = [*books.parked, {"room": service.name, "consumer": service.name, "parked": len(items)}]
    books.index = (await ask("search", "/internal/audit"))["differences"]
    if "BODEGA_PAYMENTS_STRIPE_API_BASE" in render(instance, secrets, os.environ)["payments"]:
        timeout = aiohttp.ClientTimeout(total=30)
        async with (
            aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
            session.get(f"{instance.sandbox_url}/sandbox/ledger") as answer,
        ):
            books.processor = (await answer.json(content_type=None))["payments"]
    return books


async def read_rooms(urls: Mapping[str, str]) -> Books:
    """What the rooms with SQL say, each in one snapshot, by the URLs of their databases.

    Orders are read first: what the others hold for an order, they hold after it.
    """
    books = Books(outboxes=[], parked=[])
    for room in sorted(urls, key=lambda name: name != "orders"):
        connection = await asyncpg.connect(
            urls[room], server_settings={"default_transaction_read_only": "on", "application_name": "bodega audit"}
        )
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                for name, query in _QUERIES.get(room, {}).items():
                    setattr(books, name, await connection.fetch(query))
                books.outboxes = [*books.outboxes, {"room": room, **(await connection.fetchrow(_OUTBOX) or {})}]
                parked = await connection.fetch(_PARKED)
                books.parked = [*books.parked, *({"room": room, **row} for row in parked)]
        finally:
            await connection.close()
    return books


# --- comparing --------------------------------------------------------------------------------------


_NO_STOCK = {"on_hand": 0, "reserved": 0}


def compare(books: Books) -> Iterator[Finding]:
    """Everything in these books that is not as it should be."""
    yield from _stock(books)
    yield from _order_totals(books)
    yield from _payments(books)
    yield from _orders_and_money(books)
    yield from _orders_and_stock(books)
    yield from _orders_and_parcels(books)
    yield from _processor(books)
    yield from _messages(books)


def _stock(books: Books) -> Iterator[Finding]:
    moved = {row["sku"]: row for row in books.ledger}
    live: dict[str, int] = defaultdict(int)
    for row in books.reservations:
        if row["state"] in ("reserved", "held"):
            for sku, quantity in zip(row["skus"], row["quantities"], strict=True):
                live[sku] += quantity
    stock = {row["sku"]: row for row in books.stock}
    for sku in sorted(stock.keys() | moved.keys() | live.keys()):
        row, sums = stock.get(sku, _NO_STOCK), moved.get(sku, _NO_STOCK)
        for what in ("on_hand", "reserved"):
            yield from _differs("inventory", sku, f"{what} is the sum of its ledger", row[what], sums[what])
        yield from _differs(
            "inventory", sku, "reserved is the sum of its live reservations", row["reserved"], live.get(sku, 0)
        )
        if not 0 <= row["reserved"] <= row["on_hand"]:
            found = f"reserved {row['reserved']}, on hand {row['on_hand']}"
            yield Finding("inventory", sku, "never promised twice", found, "0 <= reserved <= on hand")


def _order_totals(books: Books) -> Iterator[Finding]:
    for order in books.orders:
        lines, totals = json.loads(order["lines"]), json.loads(order["totals"])
        amount = {what: totals[what]["amount"] for what in ("items", "shipping", "discount", "tax", "total")}
        on_top = 0 if totals["tax_included"] else amount["tax"]
        items = sum(line["total"]["amount"] for line in lines)
        parts = amount["items"] + amount["shipping"] - amount["discount"] + on_top
        yield from _differs("orders", order["id"], "items are the sum of the lines", amount["items"], items)
        yield from _differs("orders", order["id"], "the total is the sum of its parts", amount["total"], parts)
        yield from _differs("orders", order["id"], "the total is the order's", order["total"], amount["total"])


def _payments(books: Books) -> Iterator[Finding]:
    accounts = {row["payment_id"]: row for row in books.accounts}
    for row in books.payments:
        if not row["refunded"] <= row["captured"] <= row["authorized"]:
            found = f"authorised {row['authorized']}, captured {row['captured']}, refunded {row['refunded']}"
            yield Finding("payments", row["id"], "no more than was given", found, "refunded <= captured <= authorised")
        booked = accounts.get(row["id"], {"held": 0, "shop": 0})
        held, shop = row["authorized"] - row["captured"] - row["released"], row["captured"] - row["refunded"]
        yield from _differs("payments", row["id"], "the ledger's money held", booked["held"], held)
        yield from _differs("payments", row["id"], "the ledger's money of the shop", booked["shop"], shop)


def _orders_and_money(books: Books) -> Iterator[Finding]:
    of_order: dict[str, list[Row]] = defaultdict(list)
    for row in books.payments:
        of_order[row["order_id"]].append(row)
    for order in books.orders:
        payments = of_order.pop(order["id"], [])
        refunded = sum(p["refunded"] for p in payments if p["id"] == order["payment_id"])
        if order["state"] == "created":
            yield from _differs("payments", order["id"], "nothing captured before it is paid", _kept(payments), 0)
        elif order["state"] == "cancelled":
            yield from _differs("payments", order["id"], "nothing kept of a cancelled order", _kept(payments), 0)
            yield from _differs("payments", order["id"], "nothing held for a cancelled order", _held(payments), 0)
        else:
            paid = [p for p in payments if p["id"] == order["payment_id"]]
            others = [p for p in payments if p["id"] != order["payment_id"]]
            authorized, captured = sum(p["authorized"] for p in paid), sum(p["captured"] for p in paid)
            yield from _differs("payments", order["id"], "exactly its total authorised", authorized, order["total"])
            if order["captured"] or order["state"] in ("shipped", "delivered"):
                yield from _differs("payments", order["id"], "exactly its total captured", captured, order["total"])
            yield from _differs("payments", order["id"], "no second payment", _kept(others) + _held(others), 0)
            yield from _differs("orders", order["id"], "refunded as payments did", order["refunded"], refunded)
    for order_id, payments in of_order.items():
        yield from _differs("payments", order_id, "no money without an order", _kept(payments) + _held(payments), 0)


def _orders_and_stock(books: Books) -> Iterator[Finding]:
    reservations = {row["id"]: row for row in books.reservations}
    answered_for = {row["reservation_id"] for row in books.answered_for}
    for order in books.orders:
        row = reservations.pop(order["reservation_id"], None)
        state = row["state"] if row is not None else "none"
        # `held` and `expired`: as an earlier release says, which may run beside this one.
        should = {"created": ("reserved", "held"), "cancelled": ("released", "expired", "restocked", "none")}
        expected = should.get(order["state"], ("committed",))
        if state not in expected:
            yield Finding(
                "inventory", order["id"], f"the reservation of an order that is {order['state']}",
                state, " or ".join(expected),
            )  # fmt: skip
        if row is not None and state in ("reserved", "held", "committed", "restocked"):
            sold: dict[str, int] = defaultdict(int)
            for line in json.loads(order["lines"]):
                sold[line["sku"]] += line["quantity"]
            taken = dict(zip(row["skus"], row["quantities"], strict=True))
            yield from _differs("inventory", order["id"], "what was sold is what was taken", taken, dict(sold))
    for row in reservations.values():
        if row["state"] in ("held", "committed"):
            yield Finding(
                "inventory", row["id"], "a reservation has its order", f"{row['state']}, no order", "an order"
            )
        elif row["state"] == "reserved" and row["id"] not in answered_for:
            yield Finding(
                "inventory", row["id"], "somebody answers for a reservation", "none", "a checkout that is not over"
            )


def _orders_and_parcels(books: Books) -> Iterator[Finding]:
    parcels = {row["order_id"]: row for row in books.shipments}
    for order in books.orders:
        parcel = parcels.pop(order["id"], None)
        stands = f"{parcel['state']}, {parcel['status']}" if parcel is not None else "none"
        is_live = parcel is not None and parcel["state"] != "dropped"
        is_scanned = parcel is not None and parcel["status"] not in ("preparing", "label_created")
        if order["state"] in ("created", "cancelled"):
            well, expected = not is_live, "none"
        elif order["state"] == "delivered":
            well, expected = parcel is not None and parcel["status"] == "delivered", "delivered"
        elif order["state"] == "shipped":
            well, expected = is_scanned, "labelled, and scanned by the carrier"
        else:
            well, expected = is_live, "one that is being prepared"
        if not well:
            yield Finding("shipping", order["id"], f"the parcel of an order that is {order['state']}", stands, expected)
        elif parcel is not None and order["state"] in ("shipped", "delivered"):
            number = parcel["tracking_number"]
            yield from _differs("orders", order["id"], "the parcel's number", order["tracking_number"], number)
    for row in parcels.values():
        if row["state"] != "dropped":
            yield Finding("shipping", row["id"], "a parcel has its order", f"none has the id {row['order_id']}", "one")


def _processor(books: Books) -> Iterator[Finding]:
    for row in books.unmatched:
        found = f"{row['status']}, {row['amount']}"
        yield Finding("payments", row["intent_id"], "money at the processor is explained", found, "a payment of ours")
    if books.processor is None:
        return
    ours = {row["id"]: row for row in books.payments}
    for payment_id in sorted(ours.keys() | books.processor.keys()):
        mine, theirs = ours.get(payment_id), books.processor.get(payment_id, {})
        for what, amount in (
            ("held", mine["authorized"] - mine["captured"] - mine["released"] if mine else 0),
            ("captured", mine["captured"] if mine else 0),
            ("refunded", mine["refunded"] if mine else 0),
        ):
            yield from _differs("payments", payment_id, f"{what} as the processor says", amount, theirs.get(what, 0))


def _messages(books: Books) -> Iterator[Finding]:
    for row in books.outboxes:
        if row["waiting"] and row["seconds"] > OUTBOX_SECONDS:
            found = f"{row['waiting']} wait, the oldest for {row['seconds']:.0f} s"
            yield Finding(row["room"], "outbox", "events are told", found, f"none older than {OUTBOX_SECONDS:.0f} s")
    for row in books.parked:
        yield Finding(row["room"], row["consumer"], "no message is parked", str(row["parked"]), "0")
    for row in books.index:
        yield Finding("search", row["id"], INDEX_RULE, row["what"], "the same")


def _kept(payments: Iterable[Row]) -> int:
    return sum(p["captured"] - p["refunded"] for p in payments)


def _held(payments: Iterable[Row]) -> int:
    return sum(p["authorized"] - p["captured"] - p["released"] for p in payments)


def _differs(room: str, thing: str, rule: str, found: object, expected: object) -> Iterator[Finding]:
    if found != expected:
        yield Finding(room, thing, rule, str(found), str(expected))
