"""The rooms that checkout asks, as their contracts say: small real servers, which can be told to fail.

One world for all of them: what orders cancels, inventory releases and payments gives up, at once and without events.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from bodega.contracts.cart import CartContents, CartLine
from bodega.contracts.catalog import PricedSku, Prices, PricesRequest
from bodega.contracts.ids import derived_id, new_id, new_order_number
from bodega.contracts.inventory import (
    ReleaseRequest,
    Reservation,
    ReserveRequest,
    Shortage,
    ShortageRequest,
    ShortLine,
)
from bodega.contracts.money import Price, zero
from bodega.contracts.orders import CHECKOUT_REPLACED, CancelOrder, CreateOrder, OrderStanding, OrderState
from bodega.contracts.payments import AuthorizePayment, NextAction, Payment, PaymentStatus
from bodega.contracts.shipping import Rates, RatesRequest
from bodega.kit.auth import InternalTokens
from bodega.kit.testing import Credentials, serving

CALLEES = ("cart", "catalog", "shipping", "inventory", "orders", "payments")
Fault = Literal["before", "after", "slow", "hang", "refused"]
"""`before`: fails without an effect. `refused`: a decision that nobody has foreseen. `after`: the effect, and no good
answer. `slow`: the effect, and an answer that comes when nobody waits for it any more. `hang`: as `slow`, until the
test says so."""
SLOW_SECONDS = 2.5
EURO = "EUR"
UNIT, SENDING = 1200, 490
CARDS: dict[str, PaymentStatus] = {
    "pm_good": "authorized",
    "pm_declined": "declined",
    "pm_challenge": "action_required",
    "pm_unknown": "unknown",
}


def euro(amount: int) -> Price:
    return Price(amount=amount, currency=EURO)


def body_of(any_id: str) -> str:
    """What the ids of one checkout, its order and its reservation have in common."""
    return any_id.partition("_")[2]


class Refusal(Exception):
    def __init__(self, status: int, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.document = {"status": status, "code": code, **extra}
        self.status = status


@dataclass
class Basket:
    """A cart with one line of a product of its own, so that no test takes another's stock."""

    id: str
    token: str
    revision: str
    sku: str
    lines: list[CartLine]
    customer: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Cart-Token": self.token}


@dataclass
class Order:
    wanted: CreateOrder
    number: str
    state: OrderState = "created"


@dataclass
class Attempt:
    wanted: AuthorizePayment
    status: PaymentStatus


@dataclass(repr=False)  # it grows with every test, and pytest shows it for each assertion that does not hold yet
class World:
    """Everybody else."""

    credentials: Credentials
    carts: dict[str, Basket] = field(default_factory=dict)
    """By token, and by customer."""
    prices: dict[str, PricedSku] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)
    surcharges: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """What sending costs more than usual, by SKU."""
    reservations: dict[str, Reservation] = field(default_factory=dict)
    orders: dict[str, Order | None] = field(default_factory=dict)
    """None: cancelled before it was made."""
    attempts: dict[str, Attempt] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    """What was asked about whom: (call, SKU)."""
    plans: dict[tuple[str, str], list[Fault]] = field(default_factory=lambda: defaultdict(list))
    hanging: dict[tuple[str, str], asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    """Set when a call has come to hang."""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _skus: dict[str, str] = field(default_factory=dict)
    _guards: dict[str, InternalTokens] = field(default_factory=dict)
    """Who may come in, by who is called."""

    # --- what a test prepares -----------------------------------------------------------------------

    def basket(self, *, quantity: int = 2, left: int = 10, customer: str | None = None, **product: Any) -> Basket:
        sku, cart_id = f"SKU-{new_id('x')[-12:]}", new_id("crt")
        self.stock[sku] = left
        self.prices[sku] = PricedSku.model_validate(
            {"sku": sku, "sold": True, "product_id": new_id("prd"), "title": "Mug", "options": {"Colour": "Sand"},
             "price": euro(UNIT), "weight_grams": 350, **product}
        )  # fmt: skip
        lines = [CartLine(sku=sku, quantity=quantity)] if quantity else []
        basket = Basket(cart_id, f"{cart_id}.c2lnbmVk_by-cart", new_id("r"), sku, lines, customer)
        self.carts[basket.token] = basket
        if customer is not None:
            self.carts[customer] = basket
        return basket

    def makes_dearer(self, basket: Basket) -> None:
        """The catalog has another price for it from now on."""
        priced = self.prices[basket.sku]
        assert priced.price is not None
        self.prices[basket.sku] = priced.model_copy(update={"price": euro(priced.price.amount + 100)})

    def makes_sending_dearer(self, basket: Basket) -> None:
        """Shipping has other prices for it from now on."""
        self.surcharges[basket.sku] += 100

    def plan(self, call: str, basket: Basket, *faults: Fault) -> None:
        """What becomes of the next calls of this kind for this basket, one after the other."""
        self.plans[call, basket.sku] += faults

    def count(self, call: str, basket: Basket) -> int:
        return self.calls.count((call, basket.sku))

    # --- what a test asks ---------------------------------------------------------------------------

    def left(self, basket: Basket) -> int:
        return self.stock[basket.sku]

    def orders_of(self, basket: Basket) -> list[Order]:
        return [one for one in self.orders.values() if one is not None and one.wanted.cart_id == basket.id]

    def order_of(self, checkout_id: str) -> Order | None:
        return self.orders.get(derived_id("ord", checkout_id))

    def state_of_order(self, checkout_id: str) -> str | None:
        order = self.order_of(checkout_id)
        return order.state if order is not None else None

    def attempts_of(self, checkout_id: str) -> list[Attempt]:
        return [one for one in self.attempts.values() if one.wanted.checkout_id == checkout_id]

    # --- what happens without checkout ---------------------------------------------------------------

    def decide(self, checkout_id: str, status: PaymentStatus) -> Attempt:
        """The processor has decided about the latest attempt."""
        attempt = self.attempts_of(checkout_id)[-1]
        attempt.status = status
        return attempt

    def pay_order(self, checkout_id: str) -> None:
        order = self.order_of(checkout_id)
        assert order is not None
        order.state = "paid"

    def cancel_order(self, checkout_id: str) -> CreateOrder:
        order = self.order_of(checkout_id)
        assert order is not None
        self._end_order(order)
        return order.wanted

    def _end_order(self, order: Order, reason: str = "customer_request") -> None:
        order.state = "cancelled"
        if reason != CHECKOUT_REPLACED:  # that stock waits for the next checkout of the same shopper
            self._free(order.wanted.reservation_id)
        for attempt in self.attempts.values():
            if attempt.wanted.order_id == order.wanted.order_id and attempt.status != "declined":
                attempt.status = "voided"

    def _free(self, reservation_id: str) -> None:
        known = self.reservations.get(reservation_id)
        if known is not None and known.status == "reserved":
            for line in known.lines:
                self.stock[line.sku] += line.quantity
            self.reservations[reservation_id] = known.model_copy(update={"status": "released"})

    # --- how calls arrive ---------------------------------------------------------------------------

    async def answer(
        self, callee: str, call: str, sku: str, request: Request, effect: Callable[[], Awaitable[BaseModel]]
    ) -> Response:
        if callee not in self._guards:
            self._guards[callee] = InternalTokens(callee, None, self.credentials.jwks_file, frozenset({"checkout"}))
        self._guards[callee].verify(request.headers.get("authorization", "").removeprefix("Bearer "))
        self.calls.append((call, sku))
        planned = self.plans[call, sku]
        fault = planned.pop(0) if planned else None
        if fault == "before":
            return JSONResponse({"code": "unavailable"}, 503)
        if fault == "refused":
            return JSONResponse({"code": "invalid_request", "status": 422}, 422, media_type="application/problem+json")
        try:
            answer = Response((await effect()).model_dump_json(), media_type="application/json")
        except Refusal as refusal:
            answer = JSONResponse(refusal.document, refusal.status, media_type="application/problem+json")
        if fault == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        if fault == "hang":
            self.hanging[call, sku].set()
            await self.released.wait()
        return JSONResponse({"code": "unavailable"}, 503) if fault == "after" else answer

    def sku_of(self, any_id: str) -> str:
        return self._skus.get(body_of(any_id), "")

    # --- what each of them does ------------------------------------------------------------------------

    async def contents(self, reference: str) -> CartContents:
        basket = self.carts.get(reference)
        if basket is None:
            raise Refusal(404, "not_found")
        return CartContents(
            cart_id=basket.id, revision=basket.revision, lines=basket.lines, customer_id=basket.customer
        )

    async def priced(self, wanted: PricesRequest) -> Prices:
        return Prices(items=[self.prices.get(sku, PricedSku(sku=sku, sold=False)) for sku in wanted.skus])

    async def rates(self, wanted: RatesRequest) -> Rates:
        assert wanted.items_total is not None
        assert all(line.weight_grams == self.prices[line.sku].weight_grams for line in wanted.lines)
        if wanted.address.country == "AQ":
            return Rates(options=[])
        dates = {"promised_from": date(2026, 12, 1), "promised_to": date(2026, 12, 3)}
        more = sum(self.surcharges[line.sku] for line in wanted.lines)
        return Rates.model_validate(
            {"options": [
                {"id": "standard", "name": "Standard", "carrier": "Parcel", "price": euro(SENDING + more), **dates},
                {"id": "express", "name": "Express", "carrier": "Parcel", "price": euro(990 + more), **dates},
            ]}
        )  # fmt: skip

    async def reserve(self, wanted: ReserveRequest) -> Reservation:
        known = self.reservations.get(wanted.reservation_id)
        if known is not None:
            if known.status == "released":
                raise Refusal(409, "already_ended", state=known.status)
            return known
        short = (await self.shortage(ShortageRequest(lines=wanted.lines, instead_of=wanted.instead_of))).lines
        if short:
            raise Refusal(409, "out_of_stock", lines=[line.model_dump() for line in short])
        for earlier in wanted.instead_of:
            self._bury(earlier)
            self._free(earlier)
        for line in wanted.lines:
            self.stock[line.sku] -= line.quantity
        made = Reservation(reservation_id=wanted.reservation_id, status="reserved", lines=wanted.lines)
        self.reservations[wanted.reservation_id] = made
        return made

    async def shortage(self, asked: ShortageRequest) -> Shortage:
        own: dict[str, int] = defaultdict(int)
        for id in asked.instead_of:
            known = self.reservations.get(id)
            for line in known.lines if known is not None and known.status == "reserved" else ():
                own[line.sku] += line.quantity
        left = {line.sku: self.stock[line.sku] + own[line.sku] for line in asked.lines}
        return Shortage(
            lines=[
                ShortLine(sku=line.sku, wanted=line.quantity, left=left[line.sku])
                for line in asked.lines
                if left[line.sku] < line.quantity
            ]
        )

    def _bury(self, reservation_id: str) -> Reservation:
        tombstone = Reservation(reservation_id=reservation_id, status="released", lines=[])
        return self.reservations.setdefault(reservation_id, tombstone)

    async def release(self, reservation_id: str, wish: ReleaseRequest) -> Reservation:
        order = self.orders.get(f"ord_{body_of(reservation_id)}")
        assert order is None or order.state == "cancelled", "what a living order is to send is released"
        self._bury(reservation_id)
        self._free(reservation_id)
        return self.reservations[reservation_id]

    async def create_order(self, wanted: CreateOrder) -> OrderStanding:
        if wanted.order_id not in self.orders:
            self.orders[wanted.order_id] = Order(wanted, new_order_number())
        order = self.orders[wanted.order_id]
        if order is None or order.state == "cancelled":
            raise Refusal(409, "already_ended")
        if order.wanted != wanted:
            raise Refusal(409, "different_order")
        return self._standing(order)

    async def standing(self, order_id: str) -> OrderStanding:
        order = self.orders.get(order_id)
        if order is None:
            raise Refusal(404, "order_not_found")
        return self._standing(order)

    async def cancel(self, order_id: str, wish: CancelOrder) -> OrderStanding:
        order = self.orders.setdefault(order_id, None)
        if order is None:
            return OrderStanding(order_id=order_id, number=None, state="cancelled", version=0)
        if order.state == "paid" and wish.only_unpaid:
            raise Refusal(409, "already_paid")
        if order.state in ("fulfilling", "shipped", "delivered"):
            raise Refusal(409, "already_paid" if wish.only_unpaid else "too_late_to_cancel")
        if order.state != "cancelled":
            self._end_order(order, wish.reason)
        return self._standing(order)

    @staticmethod
    def _standing(order: Order) -> OrderStanding:
        token = f"link-{order.number}"
        return OrderStanding(
            order_id=order.wanted.order_id, number=order.number, state=order.state, version=1, view_token=token
        )

    async def authorize(self, wanted: AuthorizePayment) -> Payment:
        order = self.orders.get(wanted.order_id)
        assert order is not None, "money is asked for an order that does not exist"
        assert wanted.amount == order.wanted.totals.total
        assert wanted.payment_id == derived_id("pay", wanted.checkout_id, wanted.attempt)
        known = self.attempts.get(wanted.payment_id)
        if known is not None:
            return self._payment(known)
        if order.state != "created":
            raise Refusal(409, "already_ended")
        for id, other in self.attempts.items():
            if other.wanted.order_id == wanted.order_id and other.status != "voided":
                adoptable = other.status in ("authorized", "captured")
                if other.status in ("action_required", "declined"):
                    other.status = "voided"  # confirmed by the processor before we are asked again
                status = "authorized" if adoptable else "unknown"
                raise Refusal(409, "payment_in_progress", payment_id=id, payment_status=status)
        attempt = Attempt(wanted, CARDS[wanted.payment_method])
        self.attempts[wanted.payment_id] = attempt
        return self._payment(attempt)

    async def payment(self, payment_id: str) -> Payment:
        if payment_id not in self.attempts:
            raise Refusal(404, "not_found")
        return self._payment(self.attempts[payment_id])

    @staticmethod
    def _payment(attempt: Attempt) -> Payment:
        challenge = NextAction(url=f"http://bank/{attempt.wanted.payment_id}")
        declined = attempt.status == "declined"
        return Payment(
            payment_id=attempt.wanted.payment_id,
            order_id=attempt.wanted.order_id,
            status=attempt.status,
            amount=attempt.wanted.amount,
            captured=zero(EURO),
            refunded=zero(EURO),
            next_action=challenge if attempt.status == "action_required" else None,
            reason="insufficient_funds" if declined else None,
            message="Your card has insufficient funds." if declined else "",
        )

    # --- their doors --------------------------------------------------------------------------------

    def app(self) -> FastAPI:
        """All their doors."""
        app = FastAPI()

        @app.get("/cart/internal/carts/{reference}")
        async def contents(reference: str, request: Request) -> Response:
            sku = self.carts[reference].sku if reference in self.carts else ""
            return await self.answer("cart", "cart", sku, request, lambda: self.contents(reference))

        @app.post("/catalog/internal/prices")
        async def prices(wanted: PricesRequest, request: Request) -> Response:
            return await self.answer("catalog", "prices", wanted.skus[0], request, lambda: self.priced(wanted))

        @app.post("/shipping/internal/rates")
        async def rates(wanted: RatesRequest, request: Request) -> Response:
            return await self.answer("shipping", "rates", wanted.lines[0].sku, request, lambda: self.rates(wanted))

        @app.post("/inventory/internal/reservations", status_code=201)
        async def reserve(wanted: ReserveRequest, request: Request) -> Response:
            sku = self._skus[body_of(wanted.reservation_id)] = wanted.lines[0].sku
            return await self.answer("inventory", "reserve", sku, request, lambda: self.reserve(wanted))

        @app.post("/inventory/internal/reservations/{id}/release")
        async def release(id: str, wish: ReleaseRequest, request: Request) -> Response:
            return await self.answer("inventory", "release", self.sku_of(id), request, lambda: self.release(id, wish))

        @app.post("/inventory/internal/shortage")
        async def shortage(asked: ShortageRequest, request: Request) -> Response:
            return await self.answer("inventory", "shortage", asked.lines[0].sku, request, lambda: self.shortage(asked))

        @app.post("/orders/internal/orders", status_code=201)
        async def create(wanted: CreateOrder, request: Request) -> Response:
            sku = self.sku_of(wanted.order_id)
            return await self.answer("orders", "order", sku, request, lambda: self.create_order(wanted))

        @app.get("/orders/internal/orders/{id}")
        async def standing(id: str, request: Request) -> Response:
            return await self.answer("orders", "standing", self.sku_of(id), request, lambda: self.standing(id))

        @app.post("/orders/internal/orders/{id}/cancel")
        async def cancel(id: str, wish: CancelOrder, request: Request) -> Response:
            return await self.answer("orders", "cancel", self.sku_of(id), request, lambda: self.cancel(id, wish))

        @app.post("/payments/internal/payments", status_code=201)
        async def pay(wanted: AuthorizePayment, request: Request) -> Response:
            sku = self.sku_of(wanted.order_id)
            return await self.answer("payments", "pay", sku, request, lambda: self.authorize(wanted))

        @app.get("/payments/internal/payments/{id}")
        async def payment(id: str, refresh: bool, request: Request) -> Response:
            assert refresh
            sku = self.sku_of(self.attempts[id].wanted.order_id) if id in self.attempts else ""
            return await self.answer("payments", "look", sku, request, lambda: self.payment(id))

        return app


@asynccontextmanager
async def world_of(credentials: Credentials) -> AsyncIterator[tuple[World, dict[str, str]]]:
    """The world, and where each of its rooms answers: behind one server, by the first part of the path."""
    world = World(credentials)
    async with serving(world.app()) as server:
        yield world, {callee: f"{server.base}/{callee}" for callee in CALLEES}
        world.released.set()
