"""The HTTP door of shipping: parse, authorise, call, shape the answer."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import ValidationError

from bodega.contracts.fields import CountryCode
from bodega.contracts.ids import CustomerId, ShipmentId
from bodega.contracts.privacy import Erasure, Person, PersonalData, erased_email
from bodega.contracts.shipping import Rates, RatesRequest
from bodega.kit.app import Db, RawBody, problems
from bodega.kit.auth import Caller, Merchant, Staff, called_by
from bodega.kit.db import Transaction
from bodega.kit.errors import BadRequest, Forbidden, Unauthenticated
from bodega.kit.flow import Flows
from bodega.kit.idempotency import IdempotencyKey, KeyReused, StillRunning, claim
from bodega.kit.inbox import drop_parked
from bodega.kit.pagination import Cursor, Page, PageSize, decode_cursor, encode_cursor
from bodega.kit.postal import InvalidAddress, deliverable
from bodega.kit.telemetry import log
from bodega.services.shipping import domain, service, store
from bodega.services.shipping.clients import CarrierPrices, LabelShelf
from bodega.services.shipping.domain import Shipment, State, Status
from bodega.services.shipping.errors import AlreadyHandedOver, BadSignature, NotLabelled, ShipmentNotFound
from bodega.services.shipping.schemas import (
    CarrierScan,
    Delivery,
    RatesQuestion,
    RelabelRequest,
    Scan,
    ShipmentSummary,
    ShipmentView,
    Timeline,
)
from bodega.services.shipping.settings import Settings

public = APIRouter(tags=["shipping"])
admin = APIRouter(prefix="/admin/shipments", tags=["shipping (staff)"])
internal = APIRouter(prefix="/internal", include_in_schema=False)
persons = APIRouter(prefix="/internal/customers", include_in_schema=False, dependencies=[Depends(called_by("users"))])

DELIVERY_SECONDS = 10
"""How long the edge may keep what changes by the clock alone."""

_log = log()


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _shelf(request: Request) -> LabelShelf:
    shelf: LabelShelf = request.app.state.shelf
    return shelf


async def _prices(request: Request) -> CarrierPrices:
    prices: CarrierPrices = request.app.state.carrier_prices
    return prices


async def _fulfilment(request: Request) -> Flows:
    fulfilment: Flows = request.app.state.fulfilment
    return fulfilment


Prices = Annotated[CarrierPrices, Depends(_prices)]
Fulfilment = Annotated[Flows, Depends(_fulfilment)]
ShippingSettings = Annotated[Settings, Depends(_settings)]
Shelf = Annotated[LabelShelf, Depends(_shelf)]
TrackingNumber = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9-]{4,64}$",
        description="The carrier's, from the mail about the parcel; one that was replaced leads here, too",
        examples=["BD123456785DE"],
    ),
]


# --- shoppers ---------------------------------------------------------------------------------------


@public.post("/shipping/rates")
async def read_rates(question: RatesQuestion, db: Db, prices: Prices, settings: ShippingSettings) -> Rates:
    """The ways to send something to an address, with price and promised days. None: we do not ship there."""
    return Rates(options=await service.rates(db, prices, question, settings, keep=False))


@public.get("/shipping/options")
async def read_delivery(
    db: Db,
    response: Response,
    settings: ShippingSettings,
    country: Annotated[
        CountryCode | None, Query(description="Where to (ISO 3166-1); left out: the shop's own country")
    ] = None,
    grams: Annotated[
        int, Query(ge=0, le=1_000_000, description="What the goods weigh together", examples=[390])
    ] = domain.USUAL_GRAMS,
) -> Delivery:
    """How goods are sent to a country, when they come if they are ordered now, and from which value on that is free.
    None: we do not ship there. The price for an address: `POST /shipping/rates`."""
    response.headers["Cache-Control"] = f"public, max-age=0, s-maxage={DELIVERY_SECONDS}"
    return await service.delivery(db, country or settings.country, grams, settings)


@public.get("/shipments/{tracking}", responses=problems(ShipmentNotFound))
async def read_timeline(tracking: TrackingNumber, db: Db) -> Timeline:
    """Where a parcel is, to whoever has its tracking number."""
    async with db.reading() as tx:
        shipment = await store.get_by_tracking(tx, tracking.upper())
        events = await _events(tx, shipment)
    return Timeline(
        tracking_number=shipment.tracking_number or tracking.upper(),
        carrier=shipment.carrier or "",
        status=shipment.status,
        tracking_url=shipment.tracking_url or "",
        promised_from=shipment.promised_from,
        promised_to=shipment.promised_to,
        delivered_at=shipment.delivered_at,
        events=events,
    )


# --- the carrier ------------------------------------------------------------------------------------


@public.post(
    "/shipping/webhooks/carrier",
    status_code=204,
    responses=problems(BadSignature, NotLabelled),
    include_in_schema=False,
)
async def hear_carrier(
    request: Request,
    raw: RawBody,
    db: Db,
    settings: ShippingSettings,
    signature: Annotated[str, Header(alias="Carrier-Signature", max_length=500)] = "",
) -> None:
    """A parcel was seen. What is signed by the carrier counts once, in any order."""
    key = settings.carrier_key.get_secret_value().encode()
    tolerance = settings.webhook_tolerance_seconds
    if not domain.signed(raw, signature, key, now=time.time(), tolerance_seconds=tolerance):
        raise BadSignature("the signature is not the carrier's, or too old")
    try:
        seen = CarrierScan.model_validate_json(raw)
    except ValidationError as error:
        raise BadRequest("this is not a scan of a parcel") from error
    status = domain.STATUS_OF.get(seen.status)
    if status is None:
        return
    try:
        async with db.transaction() as tx:
            await service.scan(tx, seen.id, seen.reference, status, seen.at, seen.place)
    except ShipmentNotFound:
        # Sent by hand in the carrier's own shop: telling it again and again would not make it ours.
        _log.warning("a scan of a parcel that is not ours", reference=seen.reference[:100])


# --- staff ------------------------------------------------------------------------------------------


@admin.get("", responses=problems(Unauthenticated, Forbidden))
async def search_shipments(
    db: Db,
    _: Staff,
    state: Annotated[State | None, Query(description="Only those whose label is so far")] = None,
    status: Annotated[Status | None, Query(description="Only those whose parcel is there")] = None,
    q: Annotated[
        str | None,
        Query(
            min_length=2,
            max_length=100,
            description="An order's id or number, or a tracking number, in full",
            examples=["BDG-TNDA-FC5E"],
        ),
    ] = None,
    attention: Annotated[
        bool | None,
        Query(description="True: only those that people must look at; false: only the others", examples=[True]),
    ] = None,
    limit: PageSize = 20,
    cursor: Cursor = None,
) -> Page[ShipmentSummary]:
    """All shipments, newest first."""
    async with db.reading() as tx:
        found = await store.search(
            tx,
            state=state,
            status=status,
            query=q,
            attention=attention,
            before=decode_cursor(cursor, str)[0] if cursor else None,
            limit=limit + 1,
        )
    page = found[:limit]
    return Page[ShipmentSummary](
        items=[ShipmentSummary(**_summary(shipment)) for shipment in page],
        next_cursor=encode_cursor(page[-1].id) if len(found) > limit else None,
    )


@admin.get("/{shipment_id}", responses=problems(Unauthenticated, Forbidden, ShipmentNotFound))
async def read_shipment(shipment_id: ShipmentId, db: Db, _: Staff) -> ShipmentView:
    """A shipment with all that is known of it."""
    async with db.reading() as tx:
        shipment = await store.get_shipment(tx, shipment_id)
        return _view(shipment, await _events(tx, shipment))


@admin.get(
    "/{shipment_id}/label",
    response_class=Response,
    responses={
        200: {"content": {"application/pdf": {}}, "description": "The label, 100 x 150 mm"},
        **problems(Unauthenticated, Forbidden, ShipmentNotFound, NotLabelled),
    },
)
async def read_label(shipment_id: ShipmentId, db: Db, _: Staff, shelf: Shelf) -> Response:
    """The label, to be printed."""
    async with db.reading() as tx:
        shipment = await store.get_shipment(tx, shipment_id)
    if not shipment.filed:
        raise NotLabelled("the label is not there yet: try again in a moment")
    return Response(
        await shelf.get(shipment.label_name),
        media_type="application/pdf",
        headers={
            "Content-Disposition": f'inline; filename="label-{shipment.number}.pdf"',
            "Cache-Control": "private, no-store",
        },
    )


@admin.post(
    "/{shipment_id}/relabel",
    status_code=202,
    responses=problems(
        Unauthenticated,
        Forbidden,
        ShipmentNotFound,
        NotLabelled,
        AlreadyHandedOver,
        InvalidAddress,
        KeyReused,
        StillRunning,
    ),
)
async def relabel(
    shipment_id: ShipmentId, db: Db, raw: RawBody, _: Merchant, fulfilment: Fulfilment, response: Response,
    wish: RelabelRequest | None = None, key: IdempotencyKey = None,
) -> ShipmentView:  # fmt: skip
    """Another label, to a corrected address if there is one: for a label that could not be bought (`label_failed`),
    or in place of one whose parcel is not on its way yet. That one is given back first; `ShipmentCreated` is said
    again, with the new tracking number, and the old one still leads to the parcel. With an Idempotency-Key, a repeat
    asks for no third."""
    wanted = wish.address if wish is not None else None
    address = deliverable(wanted, at="/address") if wanted is not None else None
    async with db.transaction() as tx:
        scope = f"POST /admin/shipments/{shipment_id}/relabel"
        if key is not None and await claim(tx, scope, key, raw, resource_id=shipment_id) is not None:
            response.headers["Idempotency-Replayed"] = "true"
            shipment = await store.get_shipment(tx, shipment_id)
        else:
            shipment = await service.relabel(tx, fulfilment, shipment_id, address)
        return _view(shipment, await _events(tx, shipment))


@admin.post(
    "/{shipment_id}/mark-delivered", responses=problems(Unauthenticated, Forbidden, ShipmentNotFound, NotLabelled)
)
async def mark_delivered(shipment_id: ShipmentId, db: Db, _: Merchant) -> ShipmentView:
    """For what the carrier forgot to tell. Saying it twice is harmless."""
    async with db.transaction() as tx:
        shipment = await service.mark_delivered(tx, shipment_id)
        return _view(shipment, await _events(tx, shipment))


# --- other services ---------------------------------------------------------------------------------


@internal.post("/rates")
async def rates_for_service(
    question: RatesRequest, db: Db, prices: Prices, _: Caller, settings: ShippingSettings
) -> Rates:
    return Rates(options=await service.rates(db, prices, question, settings, keep=True))


@persons.post("/{customer_id}/export")
async def export_customer(customer_id: CustomerId, person: Person, db: Db) -> PersonalData:
    async with db.reading() as tx:
        held = await store.export_orders(tx, person.order_ids)
    return PersonalData(data={"shipments": held} if held else {})


@persons.post("/{customer_id}/erase")
async def erase_customer(customer_id: CustomerId, person: Person, db: Db, shelf: Shelf) -> Erasure:
    """The labels' prints first: as long as their rows say so, a repeat finds them."""
    async with db.reading() as tx:
        printed = await store.prints_of(tx, person.order_ids)
    for label_name in printed:
        await shelf.delete(label_name)
    async with db.transaction() as tx:
        count = await store.pseudonymise_shipments(tx, person.order_ids, erased_email(customer_id))
        await drop_parked(tx, person.order_ids)
    return Erasure(deleted={"labels": len(printed)}, pseudonymised={"shipments": count})


# --- shapes -----------------------------------------------------------------------------------------


async def _events(tx: Transaction, shipment: Shipment) -> list[Scan]:
    scans = [Scan(status=status, at=at, place=place) for status, at, place in await store.scans_of(tx, shipment.id)]
    bought = shipment.labelled_at
    return [Scan(status="label_created", at=bought, place=""), *scans] if bought is not None else scans


def _summary(shipment: Shipment) -> dict[str, object]:
    return {
        "id": shipment.id,
        "order_id": shipment.order_id,
        "number": shipment.number,
        "state": shipment.state,
        "status": shipment.status,
        "carrier": shipment.carrier,
        "option": shipment.option_id,
        "tracking_number": shipment.tracking_number,
        "attention": shipment.attention,
        "created_at": shipment.created_at,
    }


def _view(shipment: Shipment, events: list[Scan]) -> ShipmentView:
    return ShipmentView(
        **_summary(shipment),
        version=shipment.version,
        address=shipment.address,
        contact=shipment.contact,
        weight_grams=shipment.weight_grams,
        label_no=shipment.label_no,
        label_id=shipment.label_id,
        label_ready=shipment.filed,
        tracking_url=shipment.tracking_url,
        promised_from=shipment.promised_from,
        promised_to=shipment.promised_to,
        labelled_at=shipment.labelled_at,
        delivered_at=shipment.delivered_at,
        events=events,
    )
