"""Stock: what is there, what it is promised to, and what its ledger says."""

import json
from collections import defaultdict
from collections.abc import Iterator

from bodega.proof.audit.books import Books
from bodega.proof.audit.finding import Finding, differs

_NO_STOCK = {"on_hand": 0, "reserved": 0}


_TAKES = {"committed": -1}
"""Of each unit of a reservation, by its state: what it has changed of what is on hand. Any other state: nothing."""


def stock(books: Books) -> Iterator[Finding]:
    """Each SKU by itself."""
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
            yield from differs("inventory", sku, f"{what} is the sum of its ledger", row[what], sums[what])
        yield from differs(
            "inventory", sku, "reserved is the sum of its live reservations", row["reserved"], live.get(sku, 0)
        )
        if not 0 <= row["reserved"] <= row["on_hand"]:
            found = f"reserved {row['reserved']}, on hand {row['on_hand']}"
            yield Finding("inventory", sku, "never promised twice", found, "0 <= reserved <= on hand")


def movements(books: Books) -> Iterator[Finding]:
    """What an order has bought leaves the shelf once, and comes back once."""
    taken: dict[str, dict[str, int]] = defaultdict(dict)
    for row in books.movements:
        taken[row["reservation_id"]][row["sku"]] = row["on_hand"]
    for row in books.reservations:
        sign = _TAKES.get(row["state"], 0)
        should = {sku: sign * n for sku, n in zip(row["skus"], row["quantities"], strict=True)}
        moved = {sku: taken[row["id"]].get(sku, 0) for sku in should.keys() | taken[row["id"]].keys()}
        rule = f"what a reservation that is {row['state']} has taken from the shelf"
        yield from differs("inventory", row["id"], rule, moved, {sku: should.get(sku, 0) for sku in moved})


def orders(books: Books) -> Iterator[Finding]:
    """What an order says is set aside for it or sold to it is; nothing is kept for nobody."""
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
            yield from differs("inventory", order["id"], "what was sold is what was taken", taken, dict(sold))
    for row in reservations.values():
        if row["state"] in ("held", "committed"):
            yield Finding(
                "inventory", row["id"], "a reservation has its order", f"{row['state']}, no order", "an order"
            )
        elif row["state"] == "reserved" and row["id"] not in answered_for:
            yield Finding(
                "inventory", row["id"], "somebody answers for a reservation", "none", "a checkout that is not over"
            )
