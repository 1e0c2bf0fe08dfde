"""Where the processor keeps its objects, events and ledger. The only file here that knows SQL."""

# ruff: noqa: S608 - what is put into statements here are names of this file; what callers give is always a parameter

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic_core import to_json

from bodega.sandbox.database import Database
from bodega.sandbox.processor.machine import Charge, Intent, Journal, Method, Refund

Object = TypeVar("Object", Intent, Charge, Refund, Method)

_TABLES: dict[type[Any], str] = {
    Intent: "payment_intents", Charge: "charges", Refund: "refunds", Method: "payment_methods"
}  # fmt: skip


_EVENTS = (
    "SELECT doc, (SELECT count(*) FROM deliveries WHERE event_id = events.id AND next_at IS NOT NULL) AS pending"
    " FROM events"
)


class Store:
    """Rows become typed objects here and back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, kind: type[Object], identifier: str) -> Object | None:
        """An object by id."""
        row = self._database.find(f"SELECT doc FROM {_TABLES[kind]} WHERE id = ?", identifier)
        return kind(**json.loads(row["doc"])) if row else None

    def save(self, it: Intent | Charge | Refund | Method) -> None:
        """Insert or replace; the table's constraints guard the amounts."""
        columns: dict[str, Any] = {"id": it.id, "created": it.created, "doc": to_json(it).decode()}
        match it:
            case Intent():
                columns |= {
                    "status": it.status, "currency": it.currency, "amount": it.amount,
                    "amount_capturable": it.amount_capturable, "amount_received": it.amount_received,
                    "customer": it.customer, "payment_id": it.metadata.get("payment_id"),
                }  # fmt: skip
            case Charge():
                columns |= {
                    "payment_intent": it.payment_intent, "status": it.status, "amount": it.amount,
                    "amount_captured": it.amount_captured, "amount_refunded": it.amount_refunded,
                }  # fmt: skip
            case Refund():
                columns |= {"charge": it.charge, "payment_intent": it.payment_intent, "amount": it.amount}
            case Method():
                pass
        names = ", ".join(columns)
        places = ", ".join("?" for _ in columns)
        changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
        self._database.execute(
            f"INSERT INTO {_TABLES[type(it)]} ({names}) VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {changes}",
            *columns.values(),
        )

    def page(self, kind: type[Object], params: dict[str, Any], **equals: str | None) -> tuple[list[Object], bool]:
        """A page, newest first, and whether there is more; `params` as Stripe's lists take them."""
        table = _TABLES[kind]
        conditions: list[str] = []
        values: list[Any] = []
        for name, value in equals.items():
            if value is not None:
                conditions.append(f"{name} = ?")
                values.append(value)
        for bound, sign in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
            if (limit := (params.get("created") or {}).get(bound)) is not None:
                conditions.append(f"created {sign} ?")
                values.append(limit)
        backwards = "ending_before" in params
        for name, sign in (("starting_after", "<"), ("ending_before", ">")):
            if name in params:
                conditions.append(f"seq {sign} (SELECT seq FROM {table} WHERE id = ?)")
                values.append(params[name])
        size = params.get("limit", 10)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        rows = self._database.rows(
            f"SELECT doc FROM {table} {where} ORDER BY seq {'ASC' if backwards else 'DESC'} LIMIT ?", *values, size + 1
        )
        found = [kind(**json.loads(row["doc"])) for row in rows[:size]]
        return (found[::-1] if backwards else found), len(rows) > size

    def find_charge_of(self, intent: Intent) -> Charge | None:
        """The charge that succeeded for an intent; there is at most one."""
        row = self._database.find(
            "SELECT doc FROM charges WHERE payment_intent = ? AND status = 'succeeded'", intent.id
        )
        return Charge(**json.loads(row["doc"])) if row else None

    def find_lapsed(self, before: int) -> list[Intent]:
        """Intents that still hold money and were made before that time."""
        rows = self._database.rows(
            "SELECT doc FROM payment_intents WHERE status = 'requires_capture' AND created < ? LIMIT 100", before
        )
        return [Intent(**json.loads(row["doc"])) for row in rows]

    def book(self, journal: Journal, intent: Intent, now: int) -> None:
        """Write a journal; one that is booked already, or does not sum to zero, is refused (a bug, never a request)."""
        if sum(journal.postings.values()):
            raise ValueError(f"journal {journal.name} does not sum to zero: {journal.postings}")
        for account, amount in journal.postings.items():
            self._database.execute(
                "INSERT INTO ledger (journal, kind, account, amount, currency, payment_intent, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                journal.name, journal.kind, account, amount, intent.currency, intent.id, now,
            )  # fmt: skip

    def add_event(self, doc: dict[str, Any]) -> str:
        """Keep an event; returns its JSON."""
        body = to_json(doc, indent=2).decode()
        self._database.execute(
            "INSERT INTO events (id, created, type, doc) VALUES (?, ?, ?, ?)",
            doc["id"], doc["created"], doc["type"], body,
        )  # fmt: skip
        return body

    def find_event(self, identifier: str) -> dict[str, Any] | None:
        """An event by id, with how many webhooks of it are still under way."""
        row = self._database.find(
            f"{_EVENTS} WHERE id = ?", identifier,
        )  # fmt: skip
        return {**json.loads(row["doc"]), "pending_webhooks": row["pending"]} if row else None

    def list_events(self, params: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        """A page of events, newest first, and whether there is more."""
        conditions, values = ["true"], list[Any]()
        kinds = params.get("types") or ([params["type"]] if "type" in params else [])
        if kinds:
            conditions.append("(" + " OR ".join("type GLOB ?" for _ in kinds) + ")")
            values += kinds
        for bound, sign in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
            if (limit := (params.get("created") or {}).get(bound)) is not None:
                conditions.append(f"created {sign} ?")
                values.append(limit)
        if "starting_after" in params:
            conditions.append("seq < (SELECT seq FROM events WHERE id = ?)")
            values.append(params["starting_after"])
        size = params.get("limit", 10)
        rows = self._database.rows(
            f"{_EVENTS} WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?", *values, size + 1,
        )  # fmt: skip
        return [{**json.loads(row["doc"]), "pending_webhooks": row["pending"]} for row in rows[:size]], len(rows) > size

    def sums(self, payment_id: str | None = None) -> dict[str, Any]:
        """What an audit asks: authorised, captured, refunded, voided and still held, by currency and by payment.

        `payments` is keyed by `metadata.payment_id`; intents without one are under `unassigned`. Minor units.
        """
        rows = self._database.rows(
            "SELECT i.id, i.status, i.payment_id, i.currency, l.kind, sum(max(l.amount, 0)) AS amount"
            " FROM payment_intents i LEFT JOIN ledger l ON l.payment_intent = i.id"
            " WHERE ?1 IS NULL OR i.payment_id = ?1 GROUP BY i.id, l.kind", payment_id,
        )  # fmt: skip
        currencies: dict[str, dict[str, int]] = {}
        payments: dict[str, dict[str, Any]] = {}
        names = {"authorise": "authorised", "capture": "captured", "void": "voided", "refund": "refunded"}
        for row in rows:
            payment = payments.setdefault(
                row["payment_id"] or "unassigned",
                {"currency": row["currency"], **dict.fromkeys(names.values(), 0), "intents": {}},
            )
            payment["intents"][row["id"]] = row["status"]
            total = currencies.setdefault(row["currency"], dict.fromkeys(names.values(), 0))
            if row["kind"]:
                payment[names[row["kind"]]] += row["amount"]
                total[names[row["kind"]]] += row["amount"]
        for each in (*currencies.values(), *payments.values()):
            each["held"] = each["authorised"] - each["captured"] - each["voided"]
        off = self._database.find(
            "SELECT count(*) AS n FROM (SELECT journal FROM ledger GROUP BY journal HAVING sum(amount) <> 0)"
        )
        return {"currencies": currencies, "payments": payments, "balanced": off is not None and off["n"] == 0}

    def balances(self) -> dict[str, dict[str, int]]:
        """Balance of each ledger account, by currency."""
        result: dict[str, dict[str, int]] = {}
        for row in self._database.rows("SELECT currency, account, sum(amount) AS n FROM ledger GROUP BY 1, 2"):
            result.setdefault(row["currency"], {})[row["account"]] = row["n"]
        return result
