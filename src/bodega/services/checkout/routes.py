"""The HTTP door of checkout."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Cookie, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse

from bodega.contracts.fields import Contact
from bodega.contracts.ids import CheckoutId
from bodega.contracts.problems import TITLES
from bodega.kit.app import Db, RawBody, problems
from bodega.kit.auth import Identity, MaybeCustomer
from bodega.kit.db import Database, Transaction
from bodega.kit.errors import Unauthenticated
from bodega.kit.http import problem_body, problem_headers
from bodega.kit.idempotency import IdempotencyKey, KeyReused
from bodega.services.checkout import service, store
from bodega.services.checkout.clients import Services
from bodega.services.checkout.domain import Checkout, TaxTable, price_cart
from bodega.services.checkout.errors import (
    CardDeclined,
    CartEmpty,
    CartRequired,
    CheckoutEnded,
    CheckoutNotFound,
    KeyRequired,
    NoActionPending,
    NoLongerSold,
    OutOfStock,
    PaymentInProgress,
    ReservationEnded,
    ShippingUnavailable,
    TooManyAttempts,
    TotalChanged,
    UnknownShippingOption,
    from_stored,
)
from bodega.services.checkout.flows import Driver
from bodega.services.checkout.schemas import (
    SIGNED_TOKEN,
    CheckoutRequest,
    CheckoutView,
    OrderRef,
    PaymentRequest,
    Quote,
    QuoteLine,
    QuoteRequest,
    ShopperAction,
    TimelineEntry,
)
from bodega.services.checkout.settings import Settings

router = APIRouter(prefix="/checkout", tags=["checkout"])

CART_COOKIE = "bodega_cart"
HEARTBEAT_SECONDS = 15.0


async def _state(request: Request) -> tuple[Services, Driver, TaxTable, Settings]:
    state = request.app.state
    return state.services, state.driver, state.tax, state.settings


Room = Annotated[tuple[Services, Driver, TaxTable, Settings], Depends(_state)]
CartTokenHeader = Annotated[str | None, Header(alias="Cart-Token", max_length=300, pattern=SIGNED_TOKEN)]
CartTokenCookie = Annotated[str | None, Cookie(alias=CART_COOKIE, max_length=300, pattern=SIGNED_TOKEN)]


async def _presented(header: CartTokenHeader = None, cookie: CartTokenCookie = None) -> str | None:
    return header or cookie


Presented = Annotated[str | None, Depends(_presented)]

_ENDS = (
    CardDeclined, OutOfStock, TotalChanged, NoLongerSold, ShippingUnavailable, UnknownShippingOption, ReservationEnded,
    CheckoutEnded,
)  # fmt: skip


@router.post("/quote", responses=problems(Unauthenticated, CartEmpty, NoLongerSold, ShippingUnavailable, CartRequired))
async def quote(wish: QuoteRequest, room: Room, customer: MaybeCustomer, presented: Presented) -> Quote:
    """What the cart would cost at this address, and how it can be sent. Nothing is reserved."""
    services, _, tax, settings = room
    cart = await services.cart(_cart_reference(wish.cart_token, customer, presented))
    if not cart.lines:
        raise CartEmpty("put something into the cart first")
    offer = await service.offer(services, cart.lines, wish.shipping_address, settings.currency)
    option = offer.option(wish.shipping_option) if wish.shipping_option else offer.options[0]
    priced = price_cart(cart.lines, offer.prices, option, wish.shipping_address, tax)
    return Quote(
        lines=[
            QuoteLine(
                sku=line.sku,
                title=line.title,
                options=line.options,
                quantity=line.quantity,
                unit_price=line.unit_price,
                total=line.total,
            )
            for line in priced.lines
        ],
        shipping_options=list(offer.options),
        shipping_option=option.id,
        totals=priced.totals,
    )


@router.post(
    "",
    status_code=201,
    response_model=CheckoutView,
    responses={
        202: {"model": CheckoutView, "description": "Not decided yet: see `next_action`, or ask at Location"},
        **problems(Unauthenticated, CartEmpty, CartRequired, KeyRequired, KeyReused, *_ENDS),
    },
)
async def check_out(
    wish: CheckoutRequest,
    raw: RawBody,
    room: Room,
    db: Db,
    customer: MaybeCustomer,
    presented: Presented,
    key: IdempotencyKey = None,
) -> Response:
    """Turns the cart into an order. Needs an Idempotency-Key; the same again is answered with how it stands.

    201: the order is made and the payment authorised. 202: the shopper must act (`next_action`), or the bank
    takes long. 402: declined, stock stays reserved, try another card. 409: nothing was bought, `code` says why.
    """
    if key is None:
        raise KeyRequired("send an Idempotency-Key: then a repeat can never buy twice")
    services, driver, _, settings = room
    cart = await services.cart(_cart_reference(wish.cart_token, customer, presented))
    async with db.transaction() as tx:
        checkout_id, held, replayed = await service.begin(
            tx, driver.flows, cart, _wish(wish, customer, wish.cart_token or presented), key, raw, settings
        )
    driving = driver.drive(held) if held is not None else None
    return await _answer(db, await driver.settled(checkout_id, driving), replayed=replayed)


@router.get("/{checkout_id}", responses=problems(Unauthenticated, CheckoutNotFound))
async def read(checkout_id: CheckoutId, db: Db, customer: MaybeCustomer, presented: Presented) -> CheckoutView:
    """How it stands, to whoever has the cart's token or is its customer."""
    async with db.transaction() as tx:
        return await _view(tx, await _mine(tx, checkout_id, customer, presented))


@router.get(
    "/{checkout_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "`status` events"},
        **problems(Unauthenticated, CheckoutNotFound),
    },
)
async def follow(
    checkout_id: CheckoutId, db: Db, room: Room, customer: MaybeCustomer, presented: Presented
) -> StreamingResponse:
    """Server-sent events: `event: status`, `data:` a checkout as GET answers it, at once and at every change,
    until it ends."""
    async with db.transaction() as tx:
        await _mine(tx, checkout_id, customer, presented)
    return StreamingResponse(
        _changes(db, room[1], checkout_id),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


@router.post(
    "/{checkout_id}/payments",
    status_code=201,
    response_model=CheckoutView,
    responses={
        202: {"model": CheckoutView, "description": "Not decided yet"},
        **problems(Unauthenticated, CheckoutNotFound, PaymentInProgress, TooManyAttempts, KeyReused, *_ENDS),
    },
)
async def pay_again(
    checkout_id: CheckoutId,
    wish: PaymentRequest,
    raw: RawBody,
    room: Room,
    db: Db,
    customer: MaybeCustomer,
    presented: Presented,
    key: IdempotencyKey = None,
) -> Response:
    """Another card, after a decline or instead of a challenge that was not taken."""
    _, driver, _, settings = room
    held = None
    async with db.transaction() as tx:
        await _mine(tx, checkout_id, customer, presented)
        replayed = key is not None and await service.was_asked(tx, checkout_id, key, raw)
        if not replayed:
            held = await service.pay_again(
                tx, driver.flows, checkout_id, wish.payment_method, attempts_at_most=settings.attempts_at_most
            )
    driving = driver.drive(held) if held is not None else None
    return await _answer(db, await driver.settled(checkout_id, driving), replayed=replayed)


@router.post(
    "/{checkout_id}/confirm",
    status_code=201,
    response_model=CheckoutView,
    responses={
        202: {"model": CheckoutView, "description": "Not decided yet"},
        **problems(Unauthenticated, CheckoutNotFound, NoActionPending, *_ENDS),
    },
)
async def confirm(
    checkout_id: CheckoutId, room: Room, db: Db, customer: MaybeCustomer, presented: Presented
) -> Response:
    """After a 3-D Secure challenge: asks the processor how it went. Harmless to call at any time."""
    driver = room[1]
    async with db.transaction() as tx:
        await _mine(tx, checkout_id, customer, presented)
        held = await service.confirm(tx, driver.flows, checkout_id)
    driving = driver.drive(held) if held is not None else None
    return await _answer(db, await driver.settled(checkout_id, driving))


@router.post("/{checkout_id}/cancel", responses=problems(Unauthenticated, CheckoutNotFound, CheckoutEnded))
async def cancel(
    checkout_id: CheckoutId, room: Room, db: Db, customer: MaybeCustomer, presented: Presented
) -> CheckoutView:
    """Gives up: stock goes back on sale, nothing is paid. Once it is an order, cancel that instead."""
    driver = room[1]
    async with db.transaction() as tx:
        await _mine(tx, checkout_id, customer, presented)
        held = await service.cancel(tx, driver.flows, checkout_id)
    driving = driver.drive(held) if held is not None else None
    checkout = await driver.settled(checkout_id, driving)
    async with db.transaction() as tx:
        return await _view(tx, checkout)


# --- who, and when ----------------------------------------------------------------------------------


def _cart_reference(named: str | None, customer: Identity | None, presented: str | None) -> str:
    """The cart that is named; else, as in the cart's own room, the customer's, before that of the device."""
    if named is not None:
        return named
    if customer is not None:
        return customer.subject
    if presented is not None:
        return presented
    raise CartRequired("send the cart's token: header Cart-Token, its cookie, or cart_token")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def _mine(tx: Transaction, checkout_id: str, customer: Identity | None, token: str | None) -> Checkout:
    """Raises CheckoutNotFound, also for what is somebody else's."""
    checkout = await store.get_checkout(tx, checkout_id)
    if customer is not None and checkout.customer_id == customer.subject:
        return checkout
    if token is not None and checkout.token_digest and hmac.compare_digest(checkout.token_digest, _digest(token)):
        return checkout
    raise CheckoutNotFound("no checkout has this id")


async def _answer(db: Database, checkout: Checkout, *, replayed: bool = False) -> Response:
    """How it stands: bought, refused, or not decided yet."""
    headers = {"Location": f"/checkout/{checkout.id}", **({"Idempotency-Replayed": "true"} if replayed else {})}
    if checkout.problem is not None and checkout.settled:
        problem = from_stored(checkout.problem)
        return Response(problem_body(problem, TITLES), problem.status, {**problem_headers(problem), **headers})
    async with db.transaction() as tx:
        view = await _view(tx, checkout)
    return Response(
        view.model_dump_json(),
        status_code=201 if checkout.state == "completed" else 202,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **headers},
    )


async def _changes(db: Database, driver: Driver, checkout_id: str) -> AsyncIterator[bytes]:
    last = b""
    silent = 0.0
    while True:
        async with db.transaction() as tx:
            checkout = await store.get_checkout(tx, checkout_id)
            data = (await _view(tx, checkout)).model_dump_json().encode()
        if data != last:
            yield b"event: status\ndata: " + data + b"\n\n"
            last, silent = data, 0.0
        if checkout.ended:
            return
        await asyncio.sleep(driver.watch_seconds)
        silent += driver.watch_seconds
        if silent >= HEARTBEAT_SECONDS:
            yield b": still there\n\n"
            silent = 0.0


# --- shapes -----------------------------------------------------------------------------------------


def _wish(wish: CheckoutRequest, customer: Identity | None, token: str | None) -> service.Wish:
    return service.Wish(
        contact=Contact(email=wish.email, phone=wish.phone, locale=wish.locale),
        shipping_address=wish.shipping_address,
        billing_address=wish.billing_address,
        shipping_option=wish.shipping_option,
        payment_method=wish.payment_method,
        expected_total=wish.expected_total,
        customer_id=customer.subject if customer is not None else None,
        token_digest=_digest(token) if token is not None else None,
    )


async def _view(tx: Transaction, checkout: Checkout) -> CheckoutView:
    order = None
    if checkout.order_number is not None:
        order = OrderRef(id=checkout.order_id, number=checkout.order_number, token=checkout.order_token or "")
    action = None
    if checkout.state == "declined":
        action = ShopperAction(type="retry_payment")
    elif checkout.next_action is not None:
        action = ShopperAction.model_validate(checkout.next_action)
    problem = checkout.problem
    return CheckoutView(
        checkout_id=checkout.id,
        status=checkout.state,
        order=order,
        next_action=action,
        problem={"code": problem["code"], "detail": problem["detail"], **problem["extra"]} if problem else None,
        lines=list(checkout.lines),
        totals=checkout.totals,
        due_at=checkout.due_at,
        timeline=[TimelineEntry(at=entry.at, state=entry.state) for entry in await store.timeline_of(tx, checkout.id)],
    )
