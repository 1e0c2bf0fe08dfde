"""The HTTP door of notifications: parse, authorise, call, shape the answer."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from bodega.contracts.ids import CustomerId, new_id, order_number
from bodega.contracts.privacy import Erasure, Person, PersonalData
from bodega.kit import idempotency
from bodega.kit.app import Db, RawBody, problems
from bodega.kit.auth import Customer, MaybeCustomer, Staff, called_by
from bodega.kit.db import Transaction
from bodega.kit.errors import Forbidden, Unauthenticated
from bodega.kit.flow import Flows
from bodega.kit.idempotency import IdempotencyKey, KeyReused, StillRunning
from bodega.kit.inbox import drop_parked
from bodega.kit.pagination import Cursor, Page, PageSize, cut, decode_cursor
from bodega.services.notifications import service, store
from bodega.services.notifications.clients import Goods
from bodega.services.notifications.domain import Channel, Notification, State, TextWish, unsubscribe_token
from bodega.services.notifications.errors import (
    InStock,
    NoLongerKept,
    NotificationNotFound,
    StillToBeSent,
    TooManyWishes,
    UnknownSku,
)
from bodega.services.notifications.schemas import (
    NamedKind,
    NotificationView,
    Preferences,
    StockWishRequest,
    TextMessages,
)
from bodega.services.notifications.settings import Settings
from bodega.services.notifications.templates import Writer

public = APIRouter(prefix="/notifications", tags=["notifications"])
admin = APIRouter(prefix="/admin/notifications", tags=["notifications (staff)"])
persons = APIRouter(prefix="/internal/customers", include_in_schema=False, dependencies=[Depends(called_by("users"))])


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _link_secret(request: Request) -> bytes:
    secret: bytes = request.app.state.link_secret
    return secret


async def _mailing(request: Request) -> Flows:
    mailing: Flows = request.app.state.mailing
    return mailing


async def _writer(request: Request) -> Writer:
    writer: Writer = request.app.state.writer
    return writer


async def _goods(request: Request) -> Goods:
    goods: Goods = request.app.state.goods
    return goods


Shelves = Annotated[Goods, Depends(_goods)]
NotificationSettings = Annotated[Settings, Depends(_settings)]
LinkSecret = Annotated[bytes, Depends(_link_secret)]
Mails = Annotated[Flows, Depends(_mailing)]
Words = Annotated[Writer, Depends(_writer)]
NotificationId = Annotated[
    str,
    Path(
        pattern=r"^ntf_[0-9A-HJKMNP-TV-Z]{26}$",
        description="Names what was sent, as in the list of the staff and in the mail's own links",
        examples=["ntf_01M7WMAEEGE9HAZZGE9YRWKGNY"],
    ),
]


async def _unsubscribing(
    notification_id: NotificationId,
    secret: LinkSecret,
    token: Annotated[
        str, Query(max_length=64, description="From the mail's List-Unsubscribe", examples=["p8Zr2vXk0mQeL5tYwB1sHf9u"])
    ],
) -> str:
    """The notification whose link this is. Raises NotificationNotFound."""
    if not hmac.compare_digest(token.encode(), unsubscribe_token(secret, notification_id).encode()):
        raise NotificationNotFound("this is not one of our links")
    return notification_id


Unsubscribing = Annotated[str, Depends(_unsubscribing)]


# --- customers --------------------------------------------------------------------------------------


@public.get("/preferences", responses=problems(Unauthenticated))
async def read_preferences(db: Db, customer: Customer) -> Preferences:
    """What one wants to be told."""
    async with db.reading() as tx:
        return await _preferences(tx, customer.subject)


@public.put("/preferences", responses=problems(Unauthenticated))
async def change_preferences(wish: Preferences, db: Db, customer: Customer) -> Preferences:
    """From now on; what is on its way is not called back."""
    async with db.transaction() as tx:
        await store.save_preferences(tx, customer.subject, delivery_mails=wish.delivery_mails)
        if "text_messages" in wish.model_fields_set:
            texts = wish.text_messages
            agreed = TextWish(texts.phone, texts.shipped, texts.delivered) if texts is not None else None
            await store.save_text_wish(tx, customer.subject, agreed)
        return await _preferences(tx, customer.subject)


@public.post(
    "/stock-wishes", status_code=202, response_class=Response, responses=problems(UnknownSku, InStock, TooManyWishes)
)
async def wish_for_stock(
    wish: StockWishRequest, db: Db, customer: MaybeCustomer, goods: Shelves, settings: NotificationSettings
) -> Response:
    """A mail when a SKU that is sold out can be had again: one, to who has asked first, at most two for each piece. It
    has a link that ends all such mails. Asking twice is harmless; a wish ends after half a year."""
    stock = await goods.stock(wish.sku)
    async with db.transaction() as tx:
        await service.wish_for_stock(tx, stock, wish.email, customer.subject if customer else None, settings)
    return Response(status_code=202)


@public.get("/unsubscribe/{notification_id}", include_in_schema=False)
async def ask_whether_to_unsubscribe(notification_id: Unsubscribing, db: Db, writer: Words) -> Response:
    """For whoever follows the link by hand. Looking changes nothing: mail scanners follow every link."""
    async with db.reading() as tx:
        kind = (await store.get(tx, notification_id)).notice.kind
    return _page(writer.unsubscribe_page(kind, done=False))


@public.post(
    "/unsubscribe/{notification_id}",
    status_code=204,
    responses={
        200: {
            "content": {
                "text/html": {"schema": {"type": "string"}, "example": "<h1>You will get no more of these e-mails</h1>"}
            },
            "description": "The same, to a browser: a page that says so",
        },
        **problems(NotificationNotFound),
    },
)
async def unsubscribe(
    notification_id: Unsubscribing,
    db: Db,
    writer: Words,
    accept: Annotated[str, Header(max_length=1000, description="A browser is answered with a page")] = "*/*",
) -> Response:
    """What a mail client's own button does (RFC 8058): no more mails of this kind, about parcels that
    have arrived or about what is back in stock. The body,
    `List-Unsubscribe=One-Click`, says nothing more."""
    async with db.transaction() as tx:
        kind = (await store.get(tx, notification_id)).notice.kind
        await service.no_more_such_mails(tx, notification_id)
    return _page(writer.unsubscribe_page(kind, done=True)) if "text/html" in accept else Response(status_code=204)


def _page(html: str) -> Response:
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    return HTMLResponse(html, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})


async def _preferences(tx: Transaction, customer_id: str) -> Preferences:
    texts = await store.find_text_wish(tx, customer_id)
    return Preferences(
        delivery_mails=await store.wants_delivery_mails(tx, customer_id),
        text_messages=TextMessages(phone=texts.phone, shipped=texts.shipped, delivered=texts.delivered)
        if texts is not None
        else None,
    )


# --- staff ------------------------------------------------------------------------------------------


@admin.get("", responses=problems(Unauthenticated, Forbidden))
async def search_notifications(
    db: Db,
    _: Staff,
    state: Annotated[State | None, Query(description="Only those that have come so far")] = None,
    kind: Annotated[NamedKind | None, Query(description="Only those about this")] = None,
    channel: Annotated[Channel | None, Query(description="Only mails, or only text messages")] = None,
    q: Annotated[
        str | None,
        Query(
            min_length=2,
            max_length=254,
            description="An order's number or id, or how an address or telephone number begins",
            examples=["BDG-TNDA-FC5E", "ada@"],
        ),
    ] = None,
    limit: PageSize = 20,
    cursor: Cursor = None,
) -> Page[NotificationView]:
    """What was sent to whom, newest first. `state=parked` is what people must look at."""
    async with db.reading() as tx:
        found = await store.search(
            tx,
            state=state,
            kind=kind,
            channel=channel,
            query=q and order_number(q.strip()),
            before=decode_cursor(cursor, str)[0] if cursor else None,
            limit=limit + 1,
        )
    page, following = cut(found, limit, lambda notification: (notification.id,))
    return Page[NotificationView](items=[_view(notification) for notification in page], next_cursor=following)


@admin.post(
    "/{notification_id}/resend",
    status_code=202,
    responses=problems(
        Unauthenticated, Forbidden, NotificationNotFound, StillToBeSent, NoLongerKept, KeyReused, StillRunning
    ),
)
async def resend_notification(
    notification_id: NotificationId,
    raw: RawBody,
    db: Db,
    staff: Staff,
    mailing: Mails,
    settings: NotificationSettings,
    response: Response,
    key: IdempotencyKey = None,
) -> NotificationView:
    """The same again, as a message of its own: for 30 days (`mail_body_days`), as long as what it said is kept."""
    again = new_id("ntf")
    async with db.transaction() as tx:
        kept = None
        if key is not None:
            scope = f"POST /admin/notifications/{notification_id}/resend {staff.subject}"
            kept = await idempotency.claim(tx, scope, key, raw, resource_id=again)
        if kept is not None and kept.resource_id is not None:
            response.headers["Idempotency-Replayed"] = "true"
            return _view(await store.get(tx, kept.resource_id))
        await service.resend(tx, mailing, notification_id, again, settings)
        return _view(await store.get(tx, again))


# --- other services ---------------------------------------------------------------------------------


@persons.post("/{customer_id}/export")
async def export_customer(customer_id: CustomerId, person: Person, db: Db) -> PersonalData:
    async with db.reading() as tx:
        return PersonalData(data=await store.export_customer(tx, customer_id, person.order_ids, person.email))


@persons.post("/{customer_id}/erase")
async def erase_customer(customer_id: CustomerId, person: Person, db: Db) -> Erasure:
    async with db.transaction() as tx:
        mails = await store.pseudonymise(tx, customer_id, person.order_ids, person.email)
        wishes = await store.delete_preferences(tx, customer_id, person.email)
        stock = await store.delete_stock_wishes(tx, customer_id, person.email)
        await drop_parked(tx, [customer_id, *person.order_ids])
    return Erasure(
        deleted={"preferences": wishes, **({"stock_wishes": stock} if stock else {})}, pseudonymised={"mails": mails}
    )


# --- shapes -----------------------------------------------------------------------------------------


def _view(notification: Notification) -> NotificationView:
    notice = notification.notice
    return NotificationView(
        id=notification.id,
        kind=notice.kind,
        channel=notice.channel,
        recipient=notice.recipient,
        state=notification.state,
        number=notice.number,
        customer_id=notice.customer_id,
        message_id=notification.message_id,
        attempts=notification.attempts,
        last_error=notification.last_error,
        resend_of=notice.resend_of,
        created_at=notification.created_at,
        sent_at=notification.sent_at,
    )
