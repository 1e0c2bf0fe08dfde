"""The HTTP door of orders: parse, authorise, call, shape the answer."""

import hmac
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal

from fastapi import APIRouter, Cookie, Depends, Header, Path, Query, Request, Response
from pydantic import AwareDatetime

from bodega.contracts.ids import CustomerId, OrderId, WithdrawalId, new_id
from bodega.contracts.money import Price
from bodega.contracts.orders import (
    BeginFulfilment,
    CallPeople,
    CancelOrder,
    CreateOrder,
    OrderStanding,
    OrderState,
    view_token,
)
from bodega.contracts.privacy import Erasure, Person, PersonalData
from bodega.kit import idempotency
from bodega.kit.app import Db, RawBody, problems
from bodega.kit.auth import Caller, Customer, Identity, MaybeCustomer, Staff, called_by
from bodega.kit.errors import AlreadyEnded, Forbidden, Invalid, Unauthenticated
from bodega.kit.idempotency import IdempotencyKey, KeyReused, StillRunning
from bodega.kit.inbox import drop_parked
from bodega.kit.live import LastEventId, Live, State
from bodega.kit.pagination import Cursor, Page, PageSize, cut, decode_cursor
from bodega.services.orders import service, store
from bodega.services.orders.domain import Order, Withdrawal
from bodega.services.orders.errors import (
    AlreadyAssigned,
    AlreadyPaid,
    DifferentOrder,
    NotCapturedYet,
    NotPaid,
    OrderIsCancelled,
    OrderNotFound,
    OrdersOpen,
    TooLateToCancel,
    WithdrawalNotFound,
)
from bodega.services.orders.schemas import (
    LINK_TOKEN,
    AdminHistoryEntry,
    AdminOrderSummary,
    AdminOrderView,
    AdminWithdrawal,
    OrderLink,
    OrderLookup,
    OrderSummary,
    OrderView,
    OrderWithdrawal,
    TimelineEntry,
    Tracking,
    WithdrawalAssignment,
    WithdrawalStatement,
    WithdrawalView,
)
from bodega.services.orders.settings import Settings

LINK_COOKIE = "bodega_order"
LINK_COOKIE_SECONDS = 30 * 86_400
"""As long as a parcel takes and can be sent back. The link of the mail opens the order again after that."""

public = APIRouter(tags=["orders"])
admin = APIRouter(prefix="/admin/orders", tags=["orders (staff)"])
withdrawals = APIRouter(prefix="/admin/withdrawals", tags=["orders (staff)"])
internal = APIRouter(prefix="/internal/orders", include_in_schema=False)
persons = APIRouter(prefix="/internal/customers", include_in_schema=False, dependencies=[Depends(called_by("users"))])


async def _link_secret(request: Request) -> bytes:
    secret: bytes = request.app.state.link_secret
    return secret


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


_STREAM = 'event: order\nid: 5\ndata: {"id": "ord_01M7WM9DBPETFB59TDWH9EDD1R", "state": "shipped", …}\n\n'

LinkSecret = Annotated[bytes, Depends(_link_secret)]
OrderSettings = Annotated[Settings, Depends(_settings)]
LiveOrders = Annotated[Live, Depends(_live)]
LinkHeader = Annotated[
    str | None,
    Header(
        alias="Order-Token",
        max_length=64,
        description="Lets a guest in without an account: what follows `#token=` in the link of the mail, or "
        "`order.token` of the checkout",
        examples=[LINK_TOKEN],
    ),
]
LinkCookie = Annotated[
    str | None,
    Cookie(
        alias=LINK_COOKIE,
        max_length=64,
        description="The same for browsers, as `POST /orders/{order_ref}/open` sets it; `Order-Token` counts for more",
        examples=[LINK_TOKEN],
    ),
]
LinkQuery = Annotated[
    str | None,
    Query(
        max_length=64,
        deprecated=True,
        description="The same in the address, where logs and histories keep it: send `Order-Token` instead",
        examples=[LINK_TOKEN],
    ),
]


async def _link_token(header: LinkHeader = None, cookie: LinkCookie = None, token: LinkQuery = None) -> str | None:
    return header or token or cookie


LinkToken = Annotated[str | None, Depends(_link_token)]
OrderRef = Annotated[
    str,
    Path(
        description="The order's id (`ord_…`) or its number (`BDG-…`)",
        examples=["BDG-TNDA-FC5E", "ord_01M7WM9DBPETFB59TDWH9EDD1R"],
    ),
]


def _may_see(order: Order, customer: Identity | None, token: str | None, secret: bytes) -> bool:
    if customer is not None and order.customer_id == customer.subject:
        return True
    return token is not None and hmac.compare_digest(token.encode(), view_token(secret, order.id).encode())


# --- shoppers ---------------------------------------------------------------------------------------


@public.get("/orders", responses=problems(Unauthenticated))
async def list_orders(db: Db, customer: Customer, limit: PageSize = 20, cursor: Cursor = None) -> Page[OrderSummary]:
    """One's own orders, newest first."""
    before = decode_cursor(cursor, str)[0] if cursor else None
    async with db.reading() as tx:
        orders = await store.orders_of_customer(tx, customer.subject, before=before, limit=limit + 1)
    page, following = cut(orders, limit, lambda order: (order.id,))
    return Page[OrderSummary](items=[_summary(order) for order in page], next_cursor=following)


@public.post("/orders/lookup", status_code=202, response_class=Response)
async def look_up_order(wish: OrderLookup, db: Db) -> Response:
    """For who has lost the mail: if there is an order of this number and e-mail address, its link is sent to that
    address, once in ten minutes at most. The answer is the same if there is none."""
    async with db.transaction() as tx:
        await service.look_up(tx, wish.number, wish.email)
    return Response(status_code=202)


@public.post("/orders/withdrawals", status_code=202, responses=problems(KeyReused, StillRunning))
async def withdraw_from_order(
    wish: WithdrawalStatement,
    raw: RawBody,
    db: Db,
    settings: OrderSettings,
    response: Response,
    key: IdempotencyKey = None,
) -> WithdrawalView:
    """A consumer withdraws from a contract (Directive 2011/83/EU, Article 11a), with an account or without. The
    statement is kept whatever it says, with its time, and a receipt is mailed. If number and e-mail address are those
    of an order, it stands in its history, and the order is cancelled if all of it is withdrawn from and it can be. The
    answer is the same if they are not."""
    made = Withdrawal(
        id=new_id("wdr"), received_at=datetime.now(UTC), typed_number=wish.number, name=wish.name, email=wish.email,
        goods=wish.goods,
    )  # fmt: skip
    async with db.transaction() as tx:
        kept = await idempotency.claim(tx, "POST /orders/withdrawals", key, raw, resource_id=made.id) if key else None
        if kept is not None and kept.resource_id is not None:
            response.headers["Idempotency-Replayed"] = "true"
            made = await store.get_withdrawal(tx, kept.resource_id)
        else:
            await service.withdraw(tx, made, days=settings.return_days)
    return _withdrawal(made)


@public.get("/orders/{order_ref}", responses=problems(Unauthenticated, OrderNotFound))
async def read_order(
    order_ref: OrderRef,
    db: Db,
    customer: MaybeCustomer,
    secret: LinkSecret,
    settings: OrderSettings,
    token: LinkToken,
) -> OrderView:
    """An order, to its owner or to whoever has its link."""
    async with db.reading() as tx:
        order = await store.get_order(tx, order_ref)
        if not _may_see(order, customer, token, secret):
            raise OrderNotFound("no order has this id or number")
        record = await store.record_of(tx, order.id)
    return _view(order, record, settings)


@public.post("/orders/{order_ref}/open", responses=problems(OrderNotFound))
async def open_order(
    order_ref: OrderRef, link: OrderLink, response: Response, db: Db, secret: LinkSecret, settings: OrderSettings
) -> OrderView:
    """For browsers that come by the link of a mail: takes its token and keeps it in a cookie that scripts cannot read,
    for this order alone. From then on the order is read, followed and cancelled by its number."""
    async with db.reading() as tx:
        order = await store.get_order(tx, order_ref)
        if not _may_see(order, None, link.token, secret):
            raise OrderNotFound("no order has this id or number")
        record = await store.record_of(tx, order.id)
    response.set_cookie(
        LINK_COOKIE,
        link.token,
        max_age=LINK_COOKIE_SECONDS,
        path=f"/api/orders/{order.number}",  # as browsers see it
        httponly=True,
        samesite="lax",
        secure=settings.site_url.startswith("https:"),
    )
    return _view(order, record, settings)


@public.get(
    "/orders/{order_ref}/events",
    response_class=Response,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _STREAM}},
            "description": "`order` events, for at most ten minutes; browsers then come again by themselves",
        },
        204: {"description": "The order has ended, and `Last-Event-ID` is its last version: nothing follows"},
        **problems(Unauthenticated, OrderNotFound),
    },
)
async def follow_order(
    order_ref: OrderRef,
    db: Db,
    live: LiveOrders,
    customer: MaybeCustomer,
    secret: LinkSecret,
    request: Request,
    settings: OrderSettings,
    token: LinkToken,
    last_event_id: LastEventId = None,
) -> Response:
    """Server-sent events: `event: order`, `data:` the order as GET answers it, at once and at every change, until it
    is delivered, cancelled or refunded."""
    async with db.reading() as tx:
        order = await store.get_order(tx, order_ref)
    if not _may_see(order, customer, token, secret):
        raise OrderNotFound("no order has this id or number")

    async def read() -> State:
        async with db.reading() as tx:
            now = await store.get_order(tx, order.id)
            record = await store.record_of(tx, order.id)
        return State(now.version, _view(now, record, settings).model_dump_json().encode(), now.final)

    # A guest's token is one order's: who holds it is known by the order.
    holder = customer.subject if customer is not None else order.id
    return live.answer(order.id, await read(), read, request=request, holder=holder, last_event_id=last_event_id)


@public.post("/orders/{order_ref}/cancel", responses=problems(Unauthenticated, OrderNotFound, TooLateToCancel))
async def cancel_order(
    order_ref: OrderRef,
    db: Db,
    customer: MaybeCustomer,
    secret: LinkSecret,
    settings: OrderSettings,
    token: LinkToken,
) -> OrderView:
    """Possible until it is packed, which is not before `cancellable_until`. Money and stock go back by themselves.
    Asking twice is harmless."""
    async with db.transaction() as tx:
        order = await store.get_order(tx, order_ref)
        if not _may_see(order, customer, token, secret):
            raise OrderNotFound("no order has this id or number")
        actor = customer.subject if customer is not None else "guest"
        cancelled = await service.cancel(
            tx, order.id, "customer_request", only_unpaid=False, cause="request", actor=actor
        )
        record = await store.record_of(tx, order.id)
    return _view(cancelled or order, record, settings)


# --- staff ------------------------------------------------------------------------------------------


@admin.get("", responses=problems(Unauthenticated, Forbidden))
async def search_orders(
    db: Db,
    _: Staff,
    state: Annotated[OrderState | None, Query(description="Only those of which people see this state")] = None,
    q: Annotated[
        str | None,
        Query(
            min_length=2,
            max_length=254,
            description="A tracking number, or how a number or an e-mail begins",
            examples=["BDG-TNDA", "ada@"],
        ),
    ] = None,
    attention: Annotated[
        bool | None,
        Query(description="True: only those that people must look at; false: only the others", examples=[True]),
    ] = None,
    placed_from: Annotated[
        AwareDatetime | date | None,
        Query(
            description="Placed then or later; a day alone begins at midnight, UTC",
            examples=["2026-11-01", "2026-11-01T00:00:00+01:00"],
        ),
    ] = None,
    placed_before: Annotated[
        AwareDatetime | date | None,
        Query(
            description="Placed earlier than that; a day alone: before it begins",
            examples=["2026-12-01", "2026-12-01T00:00:00+01:00"],
        ),
    ] = None,
    total_from: Annotated[
        int | None, Query(ge=0, le=10**15, description="At least so much, in minor units", examples=[2000])
    ] = None,
    total_to: Annotated[
        int | None, Query(ge=0, le=10**15, description="At most so much, in minor units", examples=[5000])
    ] = None,
    sort: Annotated[
        Literal["newest", "oldest", "total", "-total"],
        Query(description="`total`: the smallest first; `-total`: the largest first"),
    ] = "newest",
    limit: PageSize = 20,
    cursor: Cursor = None,
) -> Page[AdminOrderSummary]:
    """All orders. `state` is what people see: `refunded` and `partly_refunded` count, wherever the parcel is."""
    async with db.reading() as tx:
        orders = await store.search_orders(
            tx,
            state=state,
            query=q,
            attention=attention,
            placed_from=_storable(placed_from, "placed_from"),
            placed_before=_storable(placed_before, "placed_before"),
            total_from=total_from,
            total_to=total_to,
            order=sort,
            after=_after(cursor),
            limit=limit + 1,
        )
    page, following = cut(orders, limit, lambda order: (order.totals.total.amount, order.id))
    return Page[AdminOrderSummary](
        items=[
            AdminOrderSummary(**_summary(order).model_dump(), email=order.contact.email, attention=order.attention)
            for order in page
        ],
        next_cursor=following,
    )


def _after(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    total, order_id = decode_cursor(cursor, int, str)
    return total, order_id


def _storable(when: datetime | date | None, name: str) -> datetime | None:
    """A day's beginning. Raises Invalid, where a time zone's shift takes it out of what a calendar holds."""
    if when is not None and not isinstance(when, datetime):
        return datetime.combine(when, time(), UTC)
    try:
        return when and when.astimezone(UTC)
    except OverflowError as error:
        raise Invalid.field(f"query/{name}", "Nothing was ordered at that time. Please choose a later one.") from error


@admin.get("/{order_ref}", responses=problems(Unauthenticated, Forbidden, OrderNotFound))
async def read_any_order(order_ref: OrderRef, db: Db, _: Staff, settings: OrderSettings) -> AdminOrderView:
    """An order with all that is known of it."""
    async with db.reading() as tx:
        order = await store.get_order(tx, order_ref)
        record = await store.record_of(tx, order.id)
    return _admin_view(order, record, settings)


@admin.post("/{order_ref}/cancel", responses=problems(Unauthenticated, Forbidden, OrderNotFound, TooLateToCancel))
async def cancel_any_order(order_ref: OrderRef, db: Db, staff: Staff, settings: OrderSettings) -> AdminOrderView:
    """Cancels it for the customer: money and stock go back by themselves."""
    async with db.transaction() as tx:
        order = await store.get_order(tx, order_ref)
        cancelled = await service.cancel(
            tx, order.id, "merchant_request", only_unpaid=False, cause="request", actor=staff.subject
        )
        record = await store.record_of(tx, order.id)
    return _admin_view(cancelled or order, record, settings)


@withdrawals.get("", responses=problems(Unauthenticated, Forbidden))
async def list_withdrawals(
    db: Db,
    _: Staff,
    matched: Annotated[
        bool | None,
        Query(
            description="True: only those whose order is known; false: only those that people must look at",
            examples=[False],
        ),
    ] = None,
    limit: PageSize = 20,
    cursor: Cursor = None,
) -> Page[AdminWithdrawal]:
    """Statements of withdrawal, newest first. Those of an order are in its history too."""
    async with db.reading() as tx:
        before = decode_cursor(cursor, str)[0] if cursor else None
        found = await store.search_withdrawals(tx, matched=matched, before=before, limit=limit + 1)
    page, following = cut(found, limit, lambda one: (one[0].id,))
    return Page[AdminWithdrawal](items=[_admin_withdrawal(*one) for one in page], next_cursor=following)


@withdrawals.post(
    "/{withdrawal_id}/assign",
    responses=problems(Unauthenticated, Forbidden, WithdrawalNotFound, OrderNotFound, AlreadyAssigned),
)
async def assign_withdrawal(
    withdrawal_id: WithdrawalId, wish: WithdrawalAssignment, db: Db, staff: Staff, settings: OrderSettings
) -> AdminWithdrawal:
    """Says which order a statement is about that matched none: it takes effect as of when it came in, and its receipt
    is mailed again, with its content."""
    async with db.transaction() as tx:
        made = await service.assign_withdrawal(
            tx, withdrawal_id, wish.order, days=settings.return_days, actor=staff.subject
        )
        order = await store.get_order(tx, made.order_id or wish.order)
    return _admin_withdrawal(made, order.number)


# --- other services ---------------------------------------------------------------------------------


@internal.post("", status_code=201, responses=problems(AlreadyEnded, DifferentOrder))
async def create_order(wanted: CreateOrder, db: Db, caller: Caller, secret: LinkSecret) -> OrderStanding:
    async with db.transaction() as tx:
        order = await service.create(tx, wanted, actor=caller.name)
    return _standing(order, secret)


@internal.get("/{order_id}", responses=problems(OrderNotFound))
async def read_standing(order_id: OrderId, db: Db, _: Caller, secret: LinkSecret) -> OrderStanding:
    async with db.reading() as tx:
        return _standing(await store.get_order(tx, order_id), secret)


@internal.post("/{order_id}/cancel", responses=problems(AlreadyPaid, TooLateToCancel))
async def cancel_for_service(
    order_id: OrderId, wish: CancelOrder, db: Db, caller: Caller, secret: LinkSecret
) -> OrderStanding:
    async with db.transaction() as tx:
        order = await service.cancel(
            tx, order_id, wish.reason, only_unpaid=wish.only_unpaid, cause="request", actor=caller.name
        )
    if order is None:
        return OrderStanding(order_id=order_id, number=None, state="cancelled", version=0)
    return _standing(order, secret)


@internal.post(
    "/{order_id}/begin-fulfilment", responses=problems(OrderNotFound, NotPaid, NotCapturedYet, OrderIsCancelled)
)
async def begin_fulfilment(
    order_id: OrderId, wish: BeginFulfilment, db: Db, caller: Caller, settings: OrderSettings, secret: LinkSecret
) -> OrderStanding:
    order = await service.begin_fulfilment(
        db, order_id, capture_first=settings.capture_on == "order", cause=wish.shipment_id, actor=caller.name
    )
    return _standing(order, secret)


@internal.post("/{order_id}/call-people", responses=problems(OrderNotFound))
async def call_people(order_id: OrderId, wish: CallPeople, db: Db, caller: Caller, secret: LinkSecret) -> OrderStanding:
    async with db.transaction() as tx:
        order = await service.call_people(tx, order_id, wish.reason, actor=caller.name)
    return _standing(order, secret)


@persons.post("/{customer_id}/export")
async def export_customer(customer_id: CustomerId, person: Person, db: Db) -> PersonalData:
    async with db.reading() as tx:
        held = await store.export_customer(tx, customer_id)
        stated = await store.export_withdrawals(tx, customer_id, person.email)
    data = {kind: found for kind, found in (("orders", held), ("withdrawals", stated)) if found}
    return PersonalData(data=data, order_ids=[one["id"] for one in held])


@persons.post("/{customer_id}/erase", responses=problems(OrdersOpen))
async def erase_customer(customer_id: CustomerId, person: Person, db: Db) -> Erasure:
    """All of the customer's orders, or none while one still moves."""
    async with db.transaction() as tx:
        if open_numbers := await store.lock_open_numbers(tx, customer_id):
            raise OrdersOpen("some orders are still under way", orders=open_numbers)
        await store.forget_mailbox(tx, customer_id)
        await drop_parked(tx, [customer_id])
        count = await store.pseudonymise_orders(tx, customer_id)
        stated = await store.pseudonymise_withdrawals(tx, customer_id, person.email)
        gone = {"orders": count, **({"withdrawals": stated} if stated else {})}
        return Erasure(pseudonymised=gone, order_ids=await store.order_ids_of(tx, customer_id))


# --- shapes -----------------------------------------------------------------------------------------


def _standing(order: Order, secret: bytes) -> OrderStanding:
    return OrderStanding(
        order_id=order.id,
        number=order.number,
        state=order.shown_state,
        version=order.version,
        view_token=view_token(secret, order.id),
    )


def _summary(order: Order) -> OrderSummary:
    return OrderSummary(
        id=order.id,
        number=order.number,
        state=order.shown_state,
        fulfilment_status=order.fulfilment_status,
        payment_status=order.payment_status,
        placed_at=order.placed_at,
        total=order.totals.total,
        quantity=sum(line.quantity for line in order.lines),
        image=order.lines[0].image,
    )


def _view(order: Order, record: store.Record, settings: Settings) -> OrderView:
    tracking = None
    if order.tracking_number is not None:
        tracking = Tracking(carrier=order.carrier or "", number=order.tracking_number, url=order.tracking_url or "")
    return OrderView(
        id=order.id,
        number=order.number,
        state=order.shown_state,
        fulfilment_status=order.fulfilment_status,
        payment_status=order.payment_status,
        version=order.version,
        placed_at=order.placed_at,
        lines=list(order.lines),
        totals=order.totals,
        refunded=Price(amount=order.refunded, currency=order.totals.total.currency),
        shipping_address=order.shipping_address,
        billing_address=order.billing_address,
        shipping_option=order.shipping_option,
        contact=order.contact,
        tracking=tracking,
        cancellable=order.cancellable,
        cancellable_until=order.cancellable_until(settings.cancel_window_seconds),
        promised_from=order.promised_from,
        promised_to=order.promised_to,
        withdrawals=[OrderWithdrawal(**_withdrawal(made).model_dump(), late=made.late) for made in record.withdrawals],
        timeline=[TimelineEntry(at=entry.at, state=entry.to_state, note=entry.note) for entry in record.history],
    )


def _withdrawal(made: Withdrawal) -> WithdrawalView:
    return WithdrawalView(
        id=made.id, received_at=made.received_at, number=made.typed_number, name=made.name, email=made.email,
        goods=made.goods,
    )  # fmt: skip


def _admin_withdrawal(made: Withdrawal, order_number: str | None) -> AdminWithdrawal:
    return AdminWithdrawal(
        **_withdrawal(made).model_dump(), late=made.late, order_id=made.order_id, order_number=order_number
    )


def _admin_view(order: Order, record: store.Record, settings: Settings) -> AdminOrderView:
    return AdminOrderView(
        **_view(order, record, settings).model_dump(),
        customer_id=order.customer_id,
        checkout_id=order.checkout_id,
        reservation_id=order.reservation_id,
        payment_id=order.payment_id,
        captured=order.captured,
        attention=order.attention,
        history=[
            AdminHistoryEntry(
                at=entry.at,
                state=entry.to_state,
                note=entry.note,
                from_state=entry.from_state,
                cause=entry.cause,
                actor=entry.actor,
            )
            for entry in record.history
        ],
    )
