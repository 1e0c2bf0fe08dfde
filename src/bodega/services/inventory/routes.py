"""The HTTP door of inventory: parse, authorise, call, shape the answer."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from bodega.contracts.fields import Line, Sku
from bodega.contracts.ids import ProductId, ReservationId
from bodega.contracts.inventory import (
    Availabilities,
    Availability,
    AvailabilityRequest,
    ReleaseRequest,
    ReserveRequest,
    Shortage,
    ShortageRequest,
)
from bodega.contracts.inventory import Reservation as ReservationStanding
from bodega.kit import idempotency
from bodega.kit.app import Db, RawBody, problems
from bodega.kit.auth import Caller, Merchant
from bodega.kit.errors import (
    AlreadyEnded,
    Forbidden,
    Invalid,
    StaleVersion,
    Unauthenticated,
)
from bodega.kit.idempotency import IdempotencyKey, KeyReused, StillRunning
from bodega.kit.pagination import Cursor, Page, PageSize, cut, decode_cursor
from bodega.kit.preconditions import etag, if_match
from bodega.kit.sheets import CSV, TSV
from bodega.kit.upload import JSON_LINES, media_type, spooled
from bodega.services.inventory import service, store
from bodega.services.inventory.domain import Reservation, Stock
from bodega.services.inventory.errors import (
    BelowReserved,
    Committed,
    DifferentReservation,
    ImportRefused,
    OutOfStock,
    UnknownSku,
)
from bodega.services.inventory.schemas import (
    Adjust,
    AdminStock,
    Audit,
    Count,
    CountReport,
    DifferenceLine,
    LedgerLine,
    StockList,
    StockView,
)
from bodega.services.inventory.settings import Settings

public = APIRouter(prefix="/inventory", tags=["inventory"])
admin = APIRouter(prefix="/admin/inventory", tags=["inventory (merchant)"])
internal = APIRouter(prefix="/internal", include_in_schema=False)

_MOST_SKUS = 100
_SKU = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LIVE = {"Cache-Control": "no-store"}  # pages fetch it live, so that an order does not empty the cache


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


InventorySettings = Annotated[Settings, Depends(_settings)]
ExpectedVersion = Annotated[
    int | None,
    if_match(
        "The `ETag` with which you read the stock: if it has moved since, nothing is done (412). Left out: whatever it "
        "is",
        example=12,
    ),
]


# --- shoppers ---------------------------------------------------------------------------------------


@public.get("")
async def read_some(
    db: Db,
    response: Response,
    skus: Annotated[
        str,
        Query(
            min_length=1,
            max_length=6_500,
            description=f"SKUs with commas between them, at most {_MOST_SKUS}",
            examples=["MUG-ALBA-SAGE-250ML,MUG-ALBA-SAGE-350ML"],
        ),
    ],
) -> StockList:
    """What can be had of several SKUs. Never cached: it is what there is now."""
    wanted = skus.split(",")
    if len(wanted) > _MOST_SKUS or not all(_SKU.fullmatch(sku) for sku in wanted):
        raise Invalid.field("query/skus", f"Give at most {_MOST_SKUS} SKUs, with commas between them.")
    async with db.reading() as tx:
        known = await store.find_stock(tx, wanted)
    response.headers.update(_LIVE)
    return StockList(items=[_view(sku, known.get(sku)) for sku in wanted])


@public.get("/{sku}", responses=problems(UnknownSku))
async def read_one(sku: Sku, db: Db, response: Response) -> StockView:
    """What can be had of one SKU. Never cached: it is what there is now."""
    async with db.reading() as tx:
        stock = await store.get_stock(tx, sku)
    response.headers.update(_LIVE)
    return _view(sku, stock)


# --- the merchant -----------------------------------------------------------------------------------


@admin.get("", responses=problems(Unauthenticated, Forbidden))
async def search_stock(
    db: Db,
    _: Merchant,
    q: Annotated[
        str | None,
        Query(min_length=1, max_length=64, description="Only SKUs that begin so", examples=["MUG-ALBA"]),
    ] = None,
    product_id: Annotated[ProductId | None, Query(description="Only the variants of this product")] = None,
    available_at_most: Annotated[
        int | None,
        Query(ge=0, le=1_000_000, description="Low stock: so many on sale, or fewer; 0: sold out", examples=[5]),
    ] = None,
    sort: Annotated[Literal["sku", "available"], Query(description="`available`: the scarcest first")] = "sku",
    limit: PageSize = 50,
    cursor: Cursor = None,
) -> Page[AdminStock]:
    """What is on hand and what of it is reserved, of every SKU."""
    after = decode_cursor(cursor, int, str) if cursor else None
    async with db.reading() as tx:
        found = await store.search_stock(
            tx,
            query=q,
            product_id=product_id,
            available_at_most=available_at_most,
            order=sort,
            after=(after[0], after[1]) if after is not None else None,
            limit=limit + 1,
        )
    page, following = cut(found, limit, lambda stock: (stock.available, stock.sku))
    return Page[AdminStock](items=[_admin_stock(stock) for stock in page], next_cursor=following)


IMPORT_PATH = "/admin/inventory/import"


@admin.post(
    "/import",
    responses=problems(Unauthenticated, Forbidden, ImportRefused),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                JSON_LINES: {
                    "schema": {"type": "string"},
                    "example": '{"sku": "MUG-1", "on_hand": 40}\n{"sku": "MUG-2", "on_hand": 12, "version": 1}\n',
                },
                CSV: {"schema": {"type": "string"}, "example": "sku,on_hand\nMUG-1,40\nMUG-2,12\n"},
            },
        }
    },
)
async def import_counts(
    request: Request,
    db: Db,
    merchant: Merchant,
    settings: InventorySettings,
    reason: Annotated[Line, Query(description="For the ledger")] = "counted",
    partial: Annotated[bool, Query(description="Write the good rows, even if others are at fault")] = False,
) -> CountReport:
    """Sets the units on hand of many SKUs: JSON lines, each `{"sku", "on_hand"}`, and with `version` only where the
    stock is still of it; or a sheet (CSV) with these columns. A file may be sent again: what is as it says stays as it
    is."""
    kind = media_type(request, JSON_LINES, CSV, TSV)
    async with spooled(request, most_bytes=settings.import_bytes) as file:

        def rows() -> Iterator[service.Row]:
            file.seek(0)
            return service.rows_of(file) if kind == JSON_LINES else service.sheet_rows_of(file)

        return await service.import_counts(db, rows, reason=reason, partial=partial, actor=merchant.subject)


@admin.get("/{sku}", responses=problems(Unauthenticated, Forbidden, UnknownSku))
async def read_stock(sku: Sku, db: Db, _: Merchant, response: Response) -> AdminStock:
    """What is on hand and what of it is reserved."""
    async with db.reading() as tx:
        stock = await store.get_stock(tx, sku)
    return _admin_view(stock, response)


@admin.put("/{sku}", responses=problems(Unauthenticated, Forbidden, UnknownSku, BelowReserved, StaleVersion))
async def count_stock(
    sku: Sku, counted: Count, db: Db, merchant: Merchant, response: Response, version: ExpectedVersion
) -> AdminStock:
    """Sets the units on hand. Never below what buyers hold."""
    async with db.transaction() as tx:
        stock = await service.count(
            tx,
            sku,
            counted.on_hand,
            counted.reason,
            expected_version=version,
            actor=merchant.subject,
        )
    return _admin_view(stock, response)


@admin.post(
    "/{sku}/adjust",
    responses=problems(Unauthenticated, Forbidden, UnknownSku, BelowReserved, KeyReused, StillRunning),
)
async def adjust_stock(
    sku: Sku, wish: Adjust, db: Db, merchant: Merchant, response: Response, raw: RawBody, key: IdempotencyKey = None
) -> AdminStock:
    """Adds or takes units. Never below what buyers hold. With an Idempotency-Key, a repeat adds nothing."""
    scope = f"adjust:{merchant.subject}:{sku}"
    async with db.transaction() as tx:
        if key is not None and await idempotency.claim(tx, scope, key, raw) is not None:
            response.headers["Idempotency-Replayed"] = "true"
            stock = await store.get_stock(tx, sku)
        else:
            stock = await service.adjust(tx, sku, wish.delta, wish.reason, actor=merchant.subject)
    return _admin_view(stock, response)


@admin.get("/{sku}/ledger", responses=problems(Unauthenticated, Forbidden, UnknownSku))
async def read_ledger(sku: Sku, db: Db, _: Merchant, limit: PageSize = 50, cursor: Cursor = None) -> Page[LedgerLine]:
    """Every change of the stock, newest first."""
    before = decode_cursor(cursor, int)[0] if cursor else None
    async with db.reading() as tx:
        await store.get_stock(tx, sku)
        entries = await store.ledger_of(tx, sku, before=before, limit=limit + 1)
    page, following = cut(entries, limit, lambda entry: (entry.version,))
    return Page[LedgerLine](
        items=[
            LedgerLine(
                version=entry.version,
                at=entry.at,
                movement=entry.movement,
                delta=entry.on_hand_delta,
                reserved_delta=entry.reserved_delta,
                reservation_id=entry.reservation_id,
                reason=entry.reason,
                actor=entry.actor,
            )
            for entry in page
        ],
        next_cursor=following,
    )


# --- other services ---------------------------------------------------------------------------------


@internal.post("/reservations", status_code=201, responses=problems(OutOfStock, AlreadyEnded, DifferentReservation))
async def reserve(wanted: ReserveRequest, db: Db, caller: Caller, response: Response) -> ReservationStanding:
    reservation, made = await service.reserve(db, wanted, actor=caller.name)
    response.status_code = 201 if made else 200
    return _standing(reservation)


@internal.post("/reservations/{reservation_id}/release", responses=problems(Committed))
async def release(
    reservation_id: ReservationId, db: Db, caller: Caller, wish: ReleaseRequest | None = None
) -> ReservationStanding:
    order_cancelled = wish is not None and wish.order_cancelled
    async with db.transaction() as tx:
        reservation = await service.release(tx, reservation_id, order_cancelled=order_cancelled, actor=caller.name)
    return _standing(reservation)


@internal.post("/shortage")
async def shortage(asked: ShortageRequest, db: Db, _: Caller) -> Shortage:
    async with db.reading() as tx:
        return Shortage(lines=list(await service.shortage(tx, asked.lines, asked.instead_of)))


@internal.post("/availability")
async def availability(asked: AvailabilityRequest, db: Db, _: Caller) -> Availabilities:
    async with db.reading() as tx:
        known = await store.find_stock(tx, asked.skus)
    return Availabilities(items=[_availability(sku, known.get(sku)) for sku in asked.skus])


@internal.get("/audit")
async def audit(db: Db, _: Caller) -> Audit:
    async with db.reading() as tx:
        differences = await store.differences(tx)
    return Audit(agrees=not differences, differences=[DifferenceLine(**asdict(one)) for one in differences])


# --- shapes -----------------------------------------------------------------------------------------


def _view(sku: str, stock: Stock | None) -> StockView:
    shown = stock.shown if stock is not None else 0
    return StockView(sku=sku, in_stock=shown != 0, available=None if shown == "many" else shown)


def _admin_view(stock: Stock, response: Response) -> AdminStock:
    response.headers["ETag"] = etag(stock.version)
    return _admin_stock(stock)


def _admin_stock(stock: Stock) -> AdminStock:
    return AdminStock(
        sku=stock.sku,
        product_id=stock.product_id,
        on_hand=stock.on_hand,
        reserved=stock.reserved,
        available=stock.available,
        version=stock.version,
    )


def _standing(reservation: Reservation) -> ReservationStanding:
    return ReservationStanding(
        reservation_id=reservation.id,
        status=reservation.state,
        lines=list(reservation.lines),
    )


def _availability(sku: str, stock: Stock | None) -> Availability:
    if stock is None:
        return Availability(sku=sku, shown=0, in_stock=False, version=0)
    return Availability(
        sku=sku,
        product_id=stock.product_id,
        shown=stock.shown,
        available=stock.available,
        in_stock=stock.available > 0,
        version=stock.version,
    )
