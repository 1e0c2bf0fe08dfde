"""Money: each order's sums, its payments, their ledger, and the processor's books. Amounts are in minor units."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator

from bodega.proof.audit.books import Books
from bodega.proof.audit.finding import Finding, Row, differs


def totals(books: Books) -> Iterator[Finding]:
    """Each order's sums."""
    for order in books.orders:
        lines, totals = json.loads(order["lines"]), json.loads(order["totals"])
        amount = {what: totals[what]["amount"] for what in ("items", "shipping", "discount", "tax", "total")}
        on_top = 0 if totals["tax_included"] else amount["tax"]
        items = sum(line["total"]["amount"] for line in lines)
        parts = amount["items"] + amount["shipping"] - amount["discount"] + on_top
        yield from differs("orders", order["id"], "items are the sum of the lines", amount["items"], items)
        yield from differs("orders", order["id"], "the total is the sum of its parts", amount["total"], parts)
        yield from differs("orders", order["id"], "the total is the order's", order["total"], amount["total"])


def payments(books: Books) -> Iterator[Finding]:
    """Each payment with its ledger."""
    accounts = {row["payment_id"]: row for row in books.accounts}
    for row in books.payments:
        if not row["refunded"] <= row["captured"] <= row["authorized"]:
            found = f"authorised {row['authorized']}, captured {row['captured']}, refunded {row['refunded']}"
            yield Finding("payments", row["id"], "no more than was given", found, "refunded <= captured <= authorised")
        booked = accounts.get(row["id"], {"held": 0, "shop": 0})
        held, shop = row["authorized"] - row["captured"] - row["released"], row["captured"] - row["refunded"]
        yield from differs("payments", row["id"], "the ledger's money held", booked["held"], held)
        yield from differs("payments", row["id"], "the ledger's money of the shop", booked["shop"], shop)


def orders(books: Books) -> Iterator[Finding]:
    """Each order with its payments."""
    of_order: dict[str, list[Row]] = defaultdict(list)
    for row in books.payments:
        of_order[row["order_id"]].append(row)
    for order in books.orders:
        payments = of_order.pop(order["id"], [])
        refunded = sum(p["refunded"] for p in payments if p["id"] == order["payment_id"])
        if order["state"] == "created":
            yield from differs("payments", order["id"], "nothing captured before it is paid", _kept(payments), 0)
        elif order["state"] == "cancelled":
            yield from differs("payments", order["id"], "nothing kept of a cancelled order", _kept(payments), 0)
            yield from differs("payments", order["id"], "nothing held for a cancelled order", _held(payments), 0)
        else:
            paid = [p for p in payments if p["id"] == order["payment_id"]]
            others = [p for p in payments if p["id"] != order["payment_id"]]
            authorized, captured = sum(p["authorized"] for p in paid), sum(p["captured"] for p in paid)
            yield from differs("payments", order["id"], "exactly its total authorised", authorized, order["total"])
            if order["captured"] or order["state"] in ("shipped", "delivered"):
                yield from differs("payments", order["id"], "exactly its total captured", captured, order["total"])
            yield from differs("payments", order["id"], "no second payment", _kept(others) + _held(others), 0)
            yield from differs("orders", order["id"], "refunded as payments did", order["refunded"], refunded)
    for order_id, payments in of_order.items():
        yield from differs("payments", order_id, "no money without an order", _kept(payments) + _held(payments), 0)


def processor(books: Books) -> Iterator[Finding]:
    """What the processor holds and has taken is what payments says."""
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
            yield from differs("payments", payment_id, f"{what} as the processor says", amount, theirs.get(what, 0))


def _kept(payments: Iterable[Row]) -> int:
    return sum(p["captured"] - p["refunded"] for p in payments)


def _held(payments: Iterable[Row]) -> int:
    return sum(p["authorized"] - p["captured"] - p["released"] for p in payments)
