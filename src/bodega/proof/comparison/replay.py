"""Replay: the events since the point, laid over what the backup holds, give what the shop holds now.

Of what events carry whole: each SKU's available stock, each order's state and refunds, the version of each product that
is on sale, whose mailbox is proven. It is done in memory. The restored copy's own services are not given these events:
they would charge, mail and ship for orders of which the copy has never heard.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bodega.proof.comparison.events import Since, Told, numbered
from bodega.proof.comparison.things import Side, Thing

_ORDER: Mapping[str, Mapping[str, Any]] = {
    "OrderCreated": {"state": "created", "refunded": 0}, "OrderPaid": {"state": "paid"},
    "OrderCancelled": {"state": "cancelled"}, "OrderShipped": {"state": "shipped"},
    "OrderDelivered": {"state": "delivered"},
}  # fmt: skip
_CUSTOMER: Mapping[str, Mapping[str, Any]] = {
    "CustomerRegistered": {"verified": False}, "CustomerVerified": {"verified": True},
}  # fmt: skip
_SAME = {"fulfilling": "paid"}
"""A state of which no event tells, and the one before it."""

State = Mapping[str, Any]


def differing(copy: Side, shop: Side, since: Since) -> Iterator[tuple[str, str, State, State]]:
    """What is otherwise in the shop than the replay says: kind, id, what is, what was expected."""
    for kind, (topic, changed, shown) in _KINDS.items():
        told = numbered(since.events, topic)
        for id_, thing in shop.things[kind].items():
            if id_ in shop.untold or not _tells_of_all(kind, thing):
                continue
            then = copy.things[kind].get(id_)
            expected = dict(shown(then)) if then is not None else {}
            known = then.state["version"] if then is not None else 0
            for event in told.get(id_, ()):
                # What the backup's own outbox held as well was published since, and is no news; and a shop that sells
                # has gone on since its rows were read.
                if known < event.sequence <= thing.state["version"]:
                    expected |= changed(event)
            found = {name: shown(thing)[name] for name in expected}
            if found != expected:
                yield kind, id_, found, expected


def _tells_of_all(kind: str, thing: Thing) -> bool:
    """Whether every change of it is told: of a draft, none is."""
    return kind != "products" or bool(thing.state["status"] == "published")


def _order(event: Told) -> State:
    if event.type == "OrderRefunded":
        return {"refunded": event.data["refunded_total"]["amount"]}
    return _ORDER.get(event.type, {})


def _order_shown(thing: Thing) -> State:
    state = thing.state["state"]
    return {"state": _SAME.get(state, state), "refunded": thing.state["refunded"]}


def _stock(event: Told) -> State:
    """InventoryShort changes nothing, and bears the number of the change before it."""
    return {} if event.type == "InventoryShort" else {"available": event.data["available"]}


def _product(event: Told) -> State:
    return {"version": event.sequence} if event.type in ("ProductUpdated", "ProductArchived") else {}


def _customer(event: Told) -> State:
    return _CUSTOMER.get(event.type, {})


_KINDS: Mapping[str, tuple[str, Callable[[Told], State], Callable[[Thing], State]]] = {
    "orders": ("orders", _order, _order_shown),
    "stock": ("inventory", _stock, lambda thing: {"available": thing.state["available"]}),
    "products": ("catalog", _product, lambda thing: {"version": thing.state["version"]}),
    "customers": ("users", _customer, lambda thing: {"verified": thing.state["verified"]}),
}
"""By kind: the topic, what an event changes, what of a thing events tell of."""
