"""The HTTP door of checkout."""

import asyncio
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Cookie, Depends, Header, Request, Response

from bodega.contracts.cart import CartContents
from bodega.contracts.fields import Contact, CountryCode
from bodega.contracts.ids import CheckoutId, CustomerId
from bodega.contracts.privacy import Erasure, Person, PersonalData, erased_email
from bodega.contracts.problems import TITLES
from bodega.kit.app import Db, RawBody, but, problems
from bodega.kit.auth import CART_COOKIE, RENEW, MaybeCustomer, Merchant, called_by
from bodega.kit.db import Database, Transaction
from bodega.kit.errors import (
    AccessExpired,
    Busy,
    Forbidden,
    Invalid,
    PreconditionRequired,
    StaleVersion,
    Unauthenticated,
)
from bodega.kit.http import problem_body, problem_headers
from bodega.kit.idempotency import IdempotencyKey, KeyReused, StillRunning
from bodega.kit.line import Line
from bodega.kit.live import LastEventId, Live, State, client_network
from bodega.kit.pagination import Cursor, Page, PageSize, decode_cursor, encode_cursor
from bodega.kit.phones import InvalidPhone, international
from bodega.kit.postal import InvalidAddress, deliverable, region_code
from bodega.kit.preconditions import etag, if_match
from bodega.services.checkout import service, store
from bodega.services.checkout.clients import NO_CART, Services
from bodega.services.checkout.domain import Checkout, TaxCountry, TaxRate, price_cart
from bodega.services.checkout.errors import (
    NO_CHECKOUT,
    AlreadyBought,
    CardDeclined,
    CartEmpty,
    CartRequired,
    CheckoutEnded,
    CheckoutFailed,
    CheckoutNotFound,
    KeyRequired,
    NoActionPending,
    NoLongerSold,
    NoTaxCollected,
    OutOfStock,
    PaymentInProgress,
    ShippingUnavailable,
    TooManyAttempts,
    TooManyWaiting,
    TotalChanged,
    UnknownShippingOption,
    from_stored,
)
from bodega.services.checkout.flows import Driver
from bodega.services.checkout.schemas import (
    CART_TOKEN,
    SIGNED_TOKEN,
    CheckoutRequest,
    CheckoutView,
    OrderRef,
    PaymentRequest,
    Quote,
    QuoteLine,
    QuoteRequest,
    ShopperAction,
    TaxCountryRequest,
    TaxCountryView,
    TaxRateEntry,
    TaxView,
    TimelineEntry,
)
from bodega.services.checkout.settings import Settings
from bodega.services.checkout.territories import own_region

router = APIRouter(prefix="/checkout", tags=["checkout"])
taxes = APIRouter(prefix="/tax", tags=["checkout"])
admin = APIRouter(prefix="/admin/tax-rates", tags=["tax (merchant)"])
persons = APIRouter(prefix="/internal/customers", include_in_schema=False, dependencies=[Depends(called_by("users"))])

TAX_SECONDS = 60
"""How long the edge may go on giving what it has been told of a country's tax."""
_CHALLENGED = but(
    status="action_required",
    next_action={"type": "redirect", "url": "http://127.0.0.1:7080/sandbox/challenges/pi_3SWq7kT2eZvKYlo2"},
)
_STREAM = 'event: status\nid: 7\ndata: {"checkout_id": "chk_01M7WM9DBPETFB59TDWH9EDD1R", "status": "completed", …}\n\n'


async def _state(request: Request) -> tuple[Services, Driver, Settings]:
    state = request.app.state
    return state.services, state.driver, state.settings


async def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


@dataclass(frozen=True, slots=True)
class Lines:
    """Where those who buy stand: at the `entrance` it is found out what they want and whether it can be had, then they
    wait until one of the `checkouts` is theirs."""

    entrance: Line
    checkouts: Line


async def _lines(request: Request) -> Lines:
    lines: Lines = request.app.state.lines
    return lines


Room = Annotated[tuple[Services, Driver, Settings], Depends(_state)]
InLine = Annotated[Lines, Depends(_lines)]
LiveCheckouts = Annotated[Live, Depends(_live)]
CartTokenHeader = Annotated[
    str | None,
    Header(
        alias="Cart-Token",
        max_length=300,
        pattern=SIGNED_TOKEN,
        description="Names the cart, and opens what was made of it: as `POST /cart` has given it. A customer's access "
        "token does without",
        examples=[CART_TOKEN],
    ),
]
CartTokenCookie = Annotated[
    str | None,
    Cookie(
        alias=CART_COOKIE,
        max_length=300,
        pattern=SIGNED_TOKEN,
        description="The same for browsers; the header goes before it",
        examples=[CART_TOKEN],
    ),
]


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who asks: a customer, a device with a cart's token, or both; and from where."""

    customer_id: str | None
    token: str | None
    client: str


async def _shopper(
    request: Request, customer: MaybeCustomer, header: CartTokenHeader = None, cookie: CartTokenCookie = None
) -> Shopper:
    client = client_network(request.client.host if request.client is not None else "")
    return Shopper(customer.subject if customer is not None else None, header or cookie, client)


Asking = Annotated[Shopper, Depends(_shopper)]
ExpectedVersion = Annotated[
    int | None,
    if_match("The `version` that you replace; not needed for a country without rates", example=12),
]

_ENDS = (
    CardDeclined, OutOfStock, TotalChanged, NoLongerSold, ShippingUnavailable, UnknownShippingOption,
    CheckoutEnded, CheckoutFailed, AlreadyBought,
)  # fmt: skip


@router.post(
    "/quote",
    responses=problems(
        Unauthenticated, CartEmpty, NoLongerSold, OutOfStock, ShippingUnavailable, UnknownShippingOption, CartRequired,
        InvalidAddress,
    ),
)  # fmt: skip
async def quote(wish: QuoteRequest, room: Room, db: Db, shopper: Asking) -> Quote:
    """What the cart would cost at this address, and how it can be sent. Nothing is reserved. What an unfinished
    checkout of the same shopper has reserved counts as theirs."""
    services, _, settings = room
    address = deliverable(wish.shipping_address, at="/shipping_address")
    cart = await _cart(services, shopper, wish.cart_token)
    if not cart.lines:
        raise CartEmpty("Your cart is empty. Add something to it first.")
    offer = await service.offer(services, cart.lines, address, settings.currency)
    option = offer.option(wish.shipping_option) if wish.shipping_option else offer.options[0]
    async with db.reading() as tx:
        tax = await service.tax_to(tx, address)
        own = await store.own_reservations(tx, cart.cart_id, shopper.customer_id)
    priced = price_cart(cart.lines, offer.prices, option, address, tax)
    if short := await services.shortage(cart.lines, own):
        raise service.short_of(short, priced.lines)
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
        tax_rates=priced.tax_rates,
    )


@router.post(
    "",
    status_code=201,
    response_model=CheckoutView,
    responses={
        202: {
            "model": CheckoutView,
            "description": "Not decided yet: see `next_action`, or ask at Location",
            **_CHALLENGED,
        },
        **problems(
            Unauthenticated,
            CartEmpty,
            CartRequired,
            KeyRequired,
            KeyReused,
            StillRunning,
            InvalidAddress,
            TooManyAttempts,
            TooManyWaiting,
            *_ENDS,
        ),
    },
)
async def check_out(
    wish: CheckoutRequest,
    raw: RawBody,
    room: Room,
    lines: InLine,
    db: Db,
    shopper: Asking,
    key: IdempotencyKey = None,
) -> Response:
    """Turns the cart into an order. Needs an Idempotency-Key; the same again is answered with how it stands. So is a
    request with another key that says exactly what the cart's open checkout says. One that says anything else (address,
    e-mail, delivery, total, card, lines …) is a new wish: the open checkout ends, nothing is paid for it, and what it
    has reserved passes to the new one.

    201: the order is made and the payment authorised. 202: the shopper must act (`next_action`), or the bank
    takes long. 402: declined, stock stays reserved for a short while, try another card. 409: nothing was bought,
    `code` says why. 429: this e-mail or address has too many orders that wait for their payment. 503 `busy`: too many
    buy at this moment, and nothing was begun; ask again with the same key after `Retry-After` seconds, which keeps your
    place before those who come later.
    """
    if key is None:
        raise KeyRequired("send an Idempotency-Key: then a repeat can never buy twice")
    services, driver, settings = room
    wanted = _wish(wish, shopper)
    async with lines.entrance.place(key):
        cart = await _cart(services, shopper, wish.cart_token)
        if lines.checkouts.is_full:  # nobody waits for what cannot be had
            await service.can_be_had(db, services, cart, shopper.customer_id, key)
    wished = service.wished(cart, wanted, settings)
    async with lines.checkouts.place(key) as place:
        async with db.transaction() as tx:
            checkout_id, held, replayed = await service.begin(tx, driver.flows, wished, key, raw, settings)
        driven = driver.drive(held, place)
    begun = wished if held is not None else None
    return await _outcome(db, driver, checkout_id, driven, begun=begun, replayed=replayed)


@router.get("/{checkout_id}", summary="Read Checkout", responses=problems(Unauthenticated, CheckoutNotFound))
async def read(checkout_id: CheckoutId, db: Db, shopper: Asking) -> CheckoutView:
    """How it stands, to whoever has the cart's token or is its customer."""
    async with db.reading() as tx:
        return await _view(tx, await _mine(tx, checkout_id, shopper))


@router.get(
    "/{checkout_id}/events",
    summary="Follow Checkout",
    response_class=Response,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _STREAM}},
            "description": "`status` events, for at most ten minutes; browsers then come again by themselves",
        },
        204: {"description": "The checkout has ended, and `Last-Event-ID` is its last change: nothing follows"},
        **problems(Unauthenticated, CheckoutNotFound),
    },
)
async def follow(
    checkout_id: CheckoutId,
    db: Db,
    live: LiveCheckouts,
    shopper: Asking,
    request: Request,
    last_event_id: LastEventId = None,
) -> Response:
    """Server-sent events: `event: status`, `data:` a checkout as GET answers it, at once and at every change,
    until it ends."""
    async with db.reading() as tx:
        await _mine(tx, checkout_id, shopper)

    async def read_now() -> State:
        async with db.reading() as tx:
            checkout = await store.get_checkout(tx, checkout_id)
            timeline = await store.timeline_of(tx, checkout_id)
        return State(timeline[-1].position, _shown(checkout, timeline).model_dump_json().encode(), checkout.ended)

    # A guest's cart token has one open checkout: who holds it is known by the checkout.
    holder = shopper.customer_id or checkout_id
    return live.answer(
        checkout_id, await read_now(), read_now, request=request, holder=holder, last_event_id=last_event_id
    )


@router.post(
    "/{checkout_id}/payments",
    status_code=201,
    response_model=CheckoutView,
    responses={
        202: {"model": CheckoutView, "description": "Not decided yet", **_CHALLENGED},
        **problems(
            Unauthenticated, CheckoutNotFound, PaymentInProgress, TooManyAttempts, KeyReused, StillRunning, *_ENDS
        ),
    },
)
async def pay_again(
    checkout_id: CheckoutId,
    wish: PaymentRequest,
    raw: RawBody,
    room: Room,
    lines: InLine,
    db: Db,
    shopper: Asking,
    key: IdempotencyKey = None,
) -> Response:
    """Another card, after a decline or instead of a challenge that was not taken. 503 `busy`: too many buy at this
    moment, and no card was asked; the same again after `Retry-After` seconds."""
    _, driver, settings = room
    held = begun = None
    async with lines.checkouts.place(checkout_id) as place:
        async with db.transaction() as tx:
            checkout = await _mine(tx, checkout_id, shopper)
            replayed = key is not None and await service.was_asked(tx, checkout_id, key, raw)
            if not replayed:
                held = await service.pay_again(tx, driver.flows, checkout_id, wish.payment_method, settings)
                begun = replace(checkout, state="paying", problem=None, next_action=None)
        driven = driver.drive(held, place)
    return await _outcome(db, driver, checkout_id, driven, begun=begun, replayed=replayed)


@router.post(
    "/{checkout_id}/confirm",
    summary="Confirm Payment",
    status_code=201,
    response_model=CheckoutView,
    responses={
        202: {"model": CheckoutView, "description": "Not decided yet", **but(status="paying")},
        **problems(Unauthenticated, CheckoutNotFound, NoActionPending, *_ENDS),
    },
)
async def confirm(checkout_id: CheckoutId, room: Room, db: Db, shopper: Asking) -> Response:
    """After a 3-D Secure challenge: asks the processor how it went. Harmless to call at any time."""
    driver = room[1]
    async with db.transaction() as tx:
        await _mine(tx, checkout_id, shopper)
        held = await service.confirm(tx, driver.flows, checkout_id)
    return await _answer(db, await driver.settled(checkout_id, driver.drive(held)))


@router.post(
    "/{checkout_id}/cancel",
    summary="Cancel Checkout",
    responses={200: but(status="cancelled"), **problems(Unauthenticated, CheckoutNotFound, CheckoutEnded)},
)
async def cancel(checkout_id: CheckoutId, room: Room, db: Db, shopper: Asking) -> CheckoutView:
    """Gives up: stock goes back on sale, nothing is paid. Once it is an order, cancel that instead."""
    driver = room[1]
    async with db.transaction() as tx:
        await _mine(tx, checkout_id, shopper)
        held = await service.cancel(tx, driver.flows, checkout_id)
    checkout = await driver.settled(checkout_id, driver.drive(held))
    async with db.reading() as tx:
        return await _view(tx, checkout)


# --- the merchant ------------------------------------------------------------------------------------


@admin.get("", responses=problems(Unauthenticated, Forbidden))
async def list_tax_rates(db: Db, _: Merchant, limit: PageSize = 20, cursor: Cursor = None) -> Page[TaxCountryView]:
    """The countries in which tax is collected, each with its rates. Elsewhere goods are sent without tax."""
    async with db.reading() as tx:
        after = decode_cursor(cursor, str)[0] if cursor else ""
        found = await store.tax_countries(tx, after=after, limit=limit + 1)
    page = found[:limit]
    return Page[TaxCountryView](
        items=[_tax_view(one) for one in page],
        next_cursor=encode_cursor(page[-1].country) if len(found) > limit else None,
    )


@taxes.get("/{country}")
async def read_tax(country: CountryCode, db: Db, response: Response) -> TaxView:
    """Whether the catalog's prices include tax for shoppers of a country, and at which rate it is taxed today."""
    async with db.reading() as tx:
        table = await store.rate_table(tx, country, datetime.now(UTC).date())
    response.headers["Cache-Control"] = f"public, max-age=0, s-maxage={TAX_SECONDS}"
    rate = table.standard
    return TaxView(country=country, prices_include_tax=table.includes_tax, rate=str(rate) if rate else None)


@admin.get("/{country}", responses=problems(Unauthenticated, Forbidden, NoTaxCollected))
async def read_tax_rates(country: CountryCode, db: Db, _: Merchant, response: Response) -> TaxCountryView:
    """A country's rates. The ETag is what replacing them must bring as If-Match."""
    async with db.reading() as tx:
        found = await store.get_tax_country(tx, country)
    response.headers["ETag"] = etag(found.version)
    return _tax_view(found)


@admin.put("/{country}", responses=problems(Unauthenticated, Forbidden, PreconditionRequired, StaleVersion))
async def replace_tax_rates(
    country: CountryCode, wish: TaxCountryRequest, db: Db, _: Merchant, response: Response, expected: ExpectedVersion
) -> TaxCountryView:
    """All rates of a country, past and coming ones too, are these from now on. A rate holds until one with a later
    `valid_from`; checkouts that are priced already keep what was decided. No rates: no tax is collected there."""
    async with db.transaction() as tx:
        after = await service.replace_tax(tx, _tax_country(country, wish), expected_version=expected)
    response.headers["ETag"] = etag(after.version)
    return _tax_view(after)


def _tax_country(country: str, wish: TaxCountryRequest) -> TaxCountry:
    """Raises Invalid, naming a rate that is there twice or of a region that the country does not have."""
    rates: dict[tuple[str, str, date], TaxRate] = {}
    for place, entry in enumerate(wish.rates):
        region = region_code(country, entry.region) or own_region(country, entry.region)
        if entry.region and not region:
            raise Invalid.field(f"/rates/{place}/region", f"This region is not known in {country}.")
        key = (region, entry.category, entry.valid_from)
        if key in rates:
            raise Invalid.field(f"/rates/{place}", "This region and category already have a rate from that day.")
        rates[key] = TaxRate(*key, rate=Decimal(entry.rate))
    return TaxCountry(country=country, prices_include_tax=wish.prices_include_tax, rates=tuple(rates.values()))


# --- who, and when ----------------------------------------------------------------------------------


async def _cart(services: Services, shopper: Shopper, named: str | None) -> CartContents:
    """The cart that is named; else, as in the cart's own room, the customer's, before that of the device.

    Raises CartRequired, also for a cart that is another customer's, whoever has its token.
    """
    reference = named or shopper.customer_id or shopper.token
    if reference is None:
        raise CartRequired(NO_CART)
    return await services.cart(reference, customer_id=shopper.customer_id)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def _mine(tx: Transaction, checkout_id: str, shopper: Shopper) -> Checkout:
    """Raises: CheckoutNotFound, also for what is somebody else's; AccessExpired, if the token of its customer's cart
    is shown and nobody says who they are.
    """
    checkout = await store.get_checkout(tx, checkout_id)
    token, digest = shopper.token, checkout.token_digest
    if shopper.customer_id is not None and checkout.customer_id == shopper.customer_id:
        return checkout
    if token is not None and digest is not None and hmac.compare_digest(digest, _digest(token)):
        return checkout
    of_its_cart = token is not None and token.partition(".")[0] == checkout.cart_id
    if of_its_cart and checkout.customer_id is not None and shopper.customer_id is None:
        raise AccessExpired(RENEW)
    raise CheckoutNotFound(NO_CHECKOUT)


async def _outcome(
    db: Database,
    driver: Driver,
    checkout_id: str,
    driven: "asyncio.Task[None] | None",
    *,
    begun: Checkout | None,
    replayed: bool,
) -> Response:
    """How it stands, once there is something to tell or patience is over. `begun`: as it was when our work on it began.
    That is told where so many ask that how far it has come cannot be read in time: it goes on."""
    try:
        return await _answer(db, await driver.settled(checkout_id, driven), replayed=replayed)
    except Busy:
        if begun is None:
            raise
        return _respond(_shown(begun, ()), 202)


async def _answer(db: Database, checkout: Checkout, *, replayed: bool = False) -> Response:
    """How it stands: bought, refused, or not decided yet."""
    headers = {"Location": f"/checkout/{checkout.id}", **({"Idempotency-Replayed": "true"} if replayed else {})}
    if checkout.problem is not None and checkout.settled:
        problem = from_stored(checkout.problem)
        return Response(problem_body(problem, TITLES), problem.status, {**problem_headers(problem), **headers})
    async with db.reading() as tx:
        view = await _view(tx, checkout)
    return _respond(view, 201 if checkout.state == "completed" else 202, **headers)


def _respond(view: CheckoutView, status: int, **headers: str) -> Response:
    return Response(
        view.model_dump_json(),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", "Location": f"/checkout/{view.checkout_id}", **headers},
    )


# --- shapes -----------------------------------------------------------------------------------------


def _wish(wish: CheckoutRequest, shopper: Shopper) -> service.Wish:
    """Raises InvalidAddress, Invalid."""
    token = wish.cart_token or shopper.token
    billing = wish.billing_address
    try:
        phone = international(wish.phone, wish.shipping_address.country) if wish.phone else None
    except InvalidPhone as error:
        raise Invalid.field("/phone", str(error)) from error
    return service.Wish(
        contact=Contact(email=wish.email, phone=phone, locale=wish.locale),
        shipping_address=deliverable(wish.shipping_address, at="/shipping_address"),
        billing_address=deliverable(billing, at="/billing_address") if billing is not None else None,
        shipping_option=wish.shipping_option,
        payment_method=wish.payment_method,
        expected_total=wish.expected_total,
        customer_id=shopper.customer_id,
        token_digest=_digest(token) if token is not None else None,
        client=shopper.client,
    )


def _tax_view(of: TaxCountry) -> TaxCountryView:
    return TaxCountryView(
        country=of.country,
        version=of.version,
        prices_include_tax=of.prices_include_tax,
        rates=[
            TaxRateEntry(region=one.region, category=one.category, valid_from=one.valid_from, rate=str(one.rate))
            for one in of.rates
        ],
    )


@persons.post("/{customer_id}/export")
async def export_customer(customer_id: CustomerId, person: Person, db: Db) -> PersonalData:
    async with db.reading() as tx:
        held = await store.export_customer(tx, customer_id, person.order_ids)
    return PersonalData(data={"checkouts": held} if held else {})


@persons.post("/{customer_id}/erase")
async def erase_customer(customer_id: CustomerId, person: Person, db: Db) -> Erasure:
    async with db.transaction() as tx:
        count = await store.pseudonymise_checkouts(tx, customer_id, person.order_ids, erased_email(customer_id))
    return Erasure(pseudonymised={"checkouts": count})


async def _view(tx: Transaction, checkout: Checkout) -> CheckoutView:
    return _shown(checkout, await store.timeline_of(tx, checkout.id))


def _shown(checkout: Checkout, timeline: Sequence[store.TimelineEntry]) -> CheckoutView:
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
        timeline=[TimelineEntry(at=entry.at, state=entry.state) for entry in timeline],
    )
