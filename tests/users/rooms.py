"""The rooms that users asks about a person, as users sees them: small real servers."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from bodega.contracts.ids import new_id
from bodega.kit.auth import InternalTokens
from bodega.kit.testing import Credentials

PASSWORD = "a teapot of one's own"


@dataclass
class Rooms:
    """They know everybody. Whoever was erased is known no more."""

    credentials: Credentials
    asked: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    """What each customer's rooms were asked, in order: (room, export or erase)."""
    told: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """The last body to a room about a customer."""
    orders: dict[str, list[str]] = field(default_factory=dict)
    open_orders: dict[str, list[str]] = field(default_factory=dict)
    staff: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    erased: set[tuple[str, str]] = field(default_factory=set)

    def works(self) -> None:
        self.broken.clear()

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/auth/internal/customers/{customer_id}/confirm")
        async def confirm(customer_id: str, request: Request) -> dict[str, Any]:
            wish = await request.json()
            if customer_id in self.staff:
                return {"outcome": "staff"}
            if wish["password"] == "many":
                return {"outcome": "too_many_attempts", "retry_after_seconds": 7}
            good = wish["password"] == PASSWORD or (wish["password"] is None and wish["session_id"] == "fresh")
            return {"outcome": "confirmed", "email": "ada@example.com"} if good else {"outcome": "refused"}

        @app.post("/{room}/internal/customers/{customer_id}/{what}")
        async def ask(room: str, customer_id: str, what: str, request: Request) -> Any:
            tokens = InternalTokens(room, None, self.credentials.jwks_file, frozenset({"users"}))
            tokens.verify(request.headers["authorization"].removeprefix("Bearer "))
            if room in self.broken:
                return JSONResponse({"code": "unavailable"}, 503)
            body = await request.json()
            self.asked[customer_id].append((room, what))
            self.told[room, customer_id] = body
            orders = self.orders.setdefault(customer_id, [new_id("ord")])
            named = {"order_ids": orders} if room == "orders" else {}
            if what == "export":
                return {"data": {"things": [f"of {room}"]}, **named}
            if room == "orders" and self.open_orders.get(customer_id):
                return JSONResponse({"code": "orders_open", "orders": self.open_orders[customer_id]}, 409)
            count = int((room, customer_id) not in self.erased)
            self.erased.add((room, customer_id))
            return {"pseudonymised": {"things": count}, **named}

        return app
