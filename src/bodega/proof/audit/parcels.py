"""Parcels: each order's one, where the order says that it is."""

from collections.abc import Iterator

from bodega.proof.audit.books import Books
from bodega.proof.audit.finding import Finding, differs


def orders(books: Books) -> Iterator[Finding]:
    """Each order with its parcel."""
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
            yield from differs("orders", order["id"], "the parcel's number", order["tracking_number"], number)
    for row in parcels.values():
        if row["state"] != "dropped":
            yield Finding("shipping", row["id"], "a parcel has its order", f"none has the id {row['order_id']}", "one")
