"""The demo shop's customers and what they have bought: made by the doors that every shopper uses.

The world outside is moved by its own levers, which only the sandbox has: a parcel is pushed to the door, money is
given back as a merchant would do it at the processor. Orders bear the time at which they are made: no door of the shop
lets anybody choose another one.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp

from bodega.demo.api import Json, SeedError, ShopApi, covers, waits

Lines = frozenset[tuple[str, int]]
End = Literal["delivered", "shipped", "cancelled", "refunded"]

_CARD = "pm_card_visa"


@dataclass(frozen=True)
class PastOrder:
    """What was bought (SKU -> pieces), and what has become of it. No two of a person have the same lines."""

    lines: dict[str, int]
    end: End


@dataclass(frozen=True)
class Person:
    """A customer; ``key`` names the login."""

    key: str
    name: str
    address: Json
    orders: tuple[PastOrder, ...]


PEOPLE = (
    Person(
        "mara",
        "Mara Lindqvist",
        {"line1": "Prinzenallee 12", "postal_code": "13357", "city": "Berlin", "country": "DE"},
        (
            PastOrder({"MUG-ALBA-SAGE-350ML": 2, "COFFEE-MORN-500G-WHOLEBEAN": 1}, "delivered"),
            PastOrder({"THROW-FELL-RUST": 1}, "refunded"),
            PastOrder({"NOTE-FIELD-NAVY-LINED": 2, "INK-WELL-NIGHTBLUE": 1}, "delivered"),
            PastOrder({"LAMP-BOLETE-CREAM": 1}, "cancelled"),
            PastOrder({"BAG-FELLSIDE-NAVY": 1, "SOCK-CAIRN-OAT-M": 2}, "shipped"),
        ),
    ),
    Person(
        "jonas",
        "Jonas Weber",
        {"line1": "Schanzenstraße 75", "postal_code": "20357", "city": "Hamburg", "country": "DE"},
        (PastOrder({"KETTLE-HERON-STEEL": 1, "TEA-ANCHOR-GREENTERRACE": 2}, "delivered"),),
    ),
)


class Outside:
    """The sandbox's levers. Raises SeedError for an answer that is no success; use as a context."""

    def __init__(self, url: str, processor_key: str) -> None:
        self._url = url.rstrip("/")
        self._key = processor_key
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def confirmation_token(self, email: str) -> str | None:
        """Of the newest mail that asks to confirm this address; None if none has come yet."""
        answer = await self._ask("GET", "/sandbox/mails", params={"to": email, "subject": "Confirm"})
        for mail in answer["items"]:
            if found := re.search(r"#token=([\w-]+)", mail["text"]):
                return found[1]
        return None

    async def move(self, tracking: str, to: str) -> None:
        """The carrier scans a parcel, as far as `picked_up` or `delivered`."""
        await self._ask("POST", f"/sandbox/parcels/{tracking}/advance", json={"to": to})

    async def refund(self, payment_id: str) -> None:
        """All of a payment; a second time is the same refund."""
        headers = {"Authorization": f"Bearer {self._key}"}
        listed = await self._ask("GET", "/v1/payment_intents", params={"limit": "100"}, headers=headers)
        intents = [intent["id"] for intent in listed["data"] if intent["metadata"].get("payment_id") == payment_id]
        if not intents:
            raise SeedError("GET", "/v1/payment_intents", 404, f"the processor does not know {payment_id}")
        headers["Idempotency-Key"] = f"demo-refund-{payment_id}"
        await self._ask("POST", "/v1/refunds", data={"payment_intent": intents[0]}, headers=headers)

    async def _ask(self, method: str, path: str, **how: Any) -> Json:
        if self._http is None:
            raise RuntimeError("Outside is used as a context: async with Outside(...) as outside")
        async with self._http.request(method, self._url + path, **how) as reply:
            answer = await reply.json(content_type=None)
            if reply.status >= 300:
                raise SeedError(method, path, reply.status, answer)
            return dict(answer)


async def seed_person(api: ShopApi, person: Person, outside: Outside | None) -> bool:
    """The account, with its address in use and its e-mail confirmed. Whether the account was made now.

    Without an outside to look at, nobody can read the mail: the address stays unconfirmed.
    """
    made = not await api.log_in()
    if made:
        await api.register(person.name)
        if not await api.log_in():
            raise SeedError("POST", "/auth/login", 401, f"{person.key} exists with another password")
    wanted = {"name": person.name, **person.address}
    if not any(covers(address, wanted) for address in await api.addresses()):
        await api.add_address(wanted)
    if outside is not None:
        await _confirm(api, outside)
    return made


async def _confirm(api: ShopApi, outside: Outside) -> None:
    if await api.is_confirmed():
        return
    for wait in waits():
        token = await outside.confirmation_token(api.email)
        # A used or outdated link: by now the address is confirmed, or will be by hand.
        if token is not None:
            await api.confirm(token)
            return
        await asyncio.sleep(wait)
    raise SeedError("GET", "/sandbox/mails", 404, f"no mail asks to confirm {api.email}")


async def seed_orders(api: ShopApi, merchant: ShopApi, person: Person, outside: Outside) -> int:
    """Places the missing orders, and moves each to where it ended. How many were placed."""
    found = await _bought(api, person)
    placed = 0
    for order in person.orders:
        lines = frozenset(order.lines.items())
        if lines not in found:
            found[lines] = await api.buy(order.lines, {"name": person.name, **person.address}, _CARD)
            placed += 1
        # At once: the warehouse waits for seconds only.
        if order.end == "cancelled" and (await api.order(found[lines]))["cancellable"]:
            await api.cancel(found[lines])
    for order in person.orders:
        await _end(api, merchant, outside, found[frozenset(order.lines.items())], order.end)
    return placed


async def _bought(api: ShopApi, person: Person) -> dict[Lines, str]:
    """The ids of the person's past orders that are there already, by their lines."""
    wanted = {frozenset(order.lines.items()) for order in person.orders}
    views = [await api.order(order_id) for order_id in await api.order_ids()]
    found = {frozenset((line["sku"], line["quantity"]) for line in view["lines"]): view["id"] for view in views}
    return {lines: order_id for lines, order_id in found.items() if lines in wanted}


def _packed_later(view: Any) -> bool:
    """Whether the shopper's time to cancel goes on for longer than we wait."""
    until = view["cancellable_until"]
    return until is not None and datetime.fromisoformat(until) > datetime.now(UTC) + timedelta(minutes=1)


async def _end(api: ShopApi, merchant: ShopApi, outside: Outside, order_id: str, end: End) -> None:
    for wait in waits():
        view = await api.order(order_id)
        if view["state"] in ("cancelled", "refunded", "delivered", end):
            break
        if _packed_later(view):
            return  # where orders can be cancelled for long, it goes on its way by itself, some time after us
        if view["tracking"] is not None:
            await outside.move(view["tracking"]["number"], "picked_up" if end == "shipped" else "delivered")
            if end != "shipped":
                break
        await asyncio.sleep(wait)
    else:
        raise SeedError("GET", f"/orders/{order_id}", 200, f"stays {view['state']}, should be {end}")
    if end == "refunded" and view["state"] in ("shipped", "delivered"):
        await outside.refund((await merchant.order_of_customer(order_id))["payment_id"])
