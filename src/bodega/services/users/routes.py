"""The HTTP door of users: parse, authorise, call, shape the answer."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from bodega.contracts.auth import IdentityConfirmed
from bodega.kit.app import Db, RawBody, problems
from bodega.kit.auth import Customer
from bodega.kit.errors import StaleVersion, Unauthenticated
from bodega.kit.flow import Flows, LeaseLost
from bodega.kit.idempotency import IdempotencyKey, KeyReused, StillRunning
from bodega.kit.postal import InvalidAddress
from bodega.kit.preconditions import etag, if_match
from bodega.services.users import service, store
from bodega.services.users.clients import Services
from bodega.services.users.domain import KeptAddress, PrivacyRequest, Profile
from bodega.services.users.errors import (
    AddressLimit,
    AddressNotFound,
    IdentityNotConfirmed,
    OrdersOpen,
    RequestNotFound,
    StaffAccount,
    TooManyAttempts,
)
from bodega.services.users.schemas import (
    AddressList,
    AddressView,
    ChangeProfile,
    EraseAccount,
    ExportDocument,
    PrivacyRequestView,
    ProfileView,
    RoomReport,
    WriteAddress,
)
from bodega.services.users.settings import Settings

public = APIRouter(prefix="/users/me", tags=["users"])


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _exports(request: Request) -> Flows:
    flows: Flows = request.app.state.exports
    return flows


async def _erasures(request: Request) -> Flows:
    flows: Flows = request.app.state.erasures
    return flows


async def _others(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Exports = Annotated[Flows, Depends(_exports)]
Erasures = Annotated[Flows, Depends(_erasures)]
Others = Annotated[Services, Depends(_others)]
UserSettings = Annotated[Settings, Depends(_settings)]
ExpectedVersion = Annotated[
    int | None, if_match("The ETag that you have read: then 412, if somebody was faster. Without it, the last one wins")
]
AddressId = Annotated[
    str, Path(description="The `id` of one of one's own addresses", examples=["adr_01M7WN85M0F0497Z2C8DDGA50X"])
]
RequestId = Annotated[
    str, Path(description="The `id` of the export or the erasure", examples=["prv_01M86E81E0EBDVDSND1DVRPEFF"])
]


# --- oneself ----------------------------------------------------------------------------------------


@public.get("", responses=problems(Unauthenticated))
async def read_profile(db: Db, customer: Customer, response: Response) -> ProfileView:
    """One's own profile. It is there from the moment of registering; name and e-mail follow within a second."""
    async with db.reading() as tx:
        profile = await store.get_profile(tx, customer.subject)
    return _profile(profile, response)


@public.patch("", responses=problems(Unauthenticated, StaleVersion))
async def change_profile(
    wish: ChangeProfile, db: Db, customer: Customer, response: Response, expected: ExpectedVersion = None
) -> ProfileView:
    """Changes what is given. With the ETag that was read as If-Match, only if nobody has changed it since."""
    changes = wish.model_dump(exclude_unset=True)
    async with db.transaction() as tx:
        profile = await service.edit(
            tx, customer.subject, name=changes.get("name"), locale=changes.get("locale"),
            marketing_opt_in=changes.get("marketing_opt_in"), expected_version=expected,
        )  # fmt: skip
    return _profile(profile, response)


# --- addresses --------------------------------------------------------------------------------------


@public.get("/addresses", responses=problems(Unauthenticated))
async def list_addresses(db: Db, customer: Customer, response: Response) -> AddressList:
    """One's own addresses."""
    async with db.reading() as tx:
        addresses = await store.addresses_of(tx, customer.subject)
    response.headers["Cache-Control"] = "no-store"
    return AddressList(items=[_view(kept) for kept in addresses])


@public.post(
    "/addresses",
    status_code=201,
    responses=problems(Unauthenticated, AddressLimit, AddressNotFound, InvalidAddress, KeyReused, StillRunning),
)
async def add_address(
    wish: WriteAddress,
    db: Db,
    customer: Customer,
    response: Response,
    settings: UserSettings,
    raw: RawBody,
    key: IdempotencyKey = None,
) -> AddressView:
    """Keeps one more address. With an Idempotency-Key, a repeat makes no second one: it is answered with the first,
    or with 404, if that was deleted since."""
    async with db.transaction() as tx:
        kept, replayed = await service.add_address(
            tx, customer.subject, wish.address, default_shipping=wish.default_shipping,
            default_billing=wish.default_billing, limit=settings.address_limit, key=key, body=raw,
        )  # fmt: skip
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    response.headers["Location"] = f"/users/me/addresses/{kept.id}"
    return _address(kept, response)


@public.get("/addresses/{address_id}", responses=problems(Unauthenticated, AddressNotFound))
async def read_address(address_id: AddressId, db: Db, customer: Customer, response: Response) -> AddressView:
    """One of one's own addresses."""
    async with db.reading() as tx:
        kept = await store.get_address(tx, customer.subject, address_id)
    return _address(kept, response)


@public.put(
    "/addresses/{address_id}", responses=problems(Unauthenticated, AddressNotFound, StaleVersion, InvalidAddress)
)
async def replace_address(
    address_id: AddressId,
    wish: WriteAddress,
    db: Db,
    customer: Customer,
    response: Response,
    expected: ExpectedVersion = None,
) -> AddressView:
    """Replaces it whole. Orders that were sent to the old one are not touched."""
    async with db.transaction() as tx:
        kept = await service.replace_address(
            tx, customer.subject, address_id, wish.address, default_shipping=wish.default_shipping,
            default_billing=wish.default_billing, expected_version=expected,
        )  # fmt: skip
    return _address(kept, response)


@public.delete(
    "/addresses/{address_id}", status_code=204, responses=problems(Unauthenticated, AddressNotFound, StaleVersion)
)
async def remove_address(address_id: AddressId, db: Db, customer: Customer, expected: ExpectedVersion = None) -> None:
    """Forgets it. Orders keep the copy that they were made with."""
    async with db.transaction() as tx:
        await service.remove_address(tx, customer.subject, address_id, expected_version=expected)


# --- privacy ----------------------------------------------------------------------------------------


@public.post("/export", status_code=202, responses=problems(Unauthenticated))
async def ask_for_export(db: Db, customer: Customer, response: Response, exports: Exports) -> PrivacyRequestView:
    """Collects everything that the shop holds of you (GDPR, articles 15 and 20). It takes a moment: `Location` tells
    how far it is, and then where the document is. Asked again meanwhile, it is the same request; asked again later,
    the older document is deleted."""
    async with db.transaction() as tx:
        request_id = await service.ask_export(tx, exports, customer.subject)
        request = await store.get_request(tx, customer.subject, request_id)
    return _request(request, response)


@public.delete(
    "",
    status_code=202,
    responses=problems(Unauthenticated, IdentityNotConfirmed, OrdersOpen, StaffAccount, TooManyAttempts),
)
async def erase_account(
    db: Db,
    customer: Customer,
    response: Response,
    erasures: Erasures,
    services: Others,
    wish: EraseAccount | None = None,
) -> PrivacyRequestView:
    """Erases you from the shop (GDPR, article 17). It cannot be undone, so it needs your password, or a login within
    the last five minutes.

    Profile, addresses, preferences, cart and login are deleted. Of orders, payments and parcels stays what tax law
    wants kept, without name, street, e-mail and phone. 409 `orders_open` while an order has been neither delivered
    nor cancelled nor refunded whole; `orders` names them. `Location` tells how far it is until the login is deleted,
    which is the last step: from then on it answers 401.
    """
    async with db.reading() as tx:
        request_id = await store.find_erasure(tx, customer.subject)
    held = None
    if request_id is None:
        password = wish.password.get_secret_value() if wish is not None and wish.password is not None else None
        email = _confirmed(await services.confirm(customer.subject, customer.session, password))
        async with db.transaction() as tx:
            request_id, held = await service.ask_erasure(tx, erasures, customer.subject, email)
    if held is not None:
        with suppress(LeaseLost):  # whoever has it now goes on
            await erasures.drive(held)
    async with db.reading() as tx:
        request = await store.get_request(tx, customer.subject, request_id)
    if request.state == "refused":
        raise OrdersOpen("some orders are still under way", orders=request.open_orders)
    return _request(request, response)


@public.get("/privacy-requests/{request_id}", responses=problems(Unauthenticated, RequestNotFound))
async def read_privacy_request(
    request_id: RequestId, db: Db, customer: Customer, response: Response
) -> PrivacyRequestView:
    """How far an export or an erasure is."""
    async with db.reading() as tx:
        request = await store.get_request(tx, customer.subject, request_id)
    return _request(request, response)


@public.get("/privacy-requests/{request_id}/document", responses=problems(Unauthenticated, RequestNotFound))
async def read_export(request_id: RequestId, db: Db, customer: Customer, response: Response) -> ExportDocument:
    """The export, to be kept as a file."""
    async with db.reading() as tx:
        request = await store.get_request(tx, customer.subject, request_id)
        if request.kind != "export" or request.ended_at is None:
            raise RequestNotFound("there is no document yet")
        rooms = await store.document_of(tx, request_id)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return ExportDocument(customer_id=customer.subject, made_at=request.ended_at, rooms=rooms)


def _confirmed(answer: IdentityConfirmed) -> str | None:
    match answer.outcome:
        case "confirmed":
            return answer.email
        case "staff":
            raise StaffAccount("this account belongs to the shop's staff; only the operator can remove it")
        case "too_many_attempts":
            raise TooManyAttempts("too many attempts have failed", retry_after_seconds=answer.retry_after_seconds)
        case "refused":
            raise IdentityNotConfirmed("give your password, or sign in again and then ask within five minutes")


# --- shapes -----------------------------------------------------------------------------------------


def _versioned(response: Response, version: int) -> None:
    response.headers["ETag"] = etag(version)
    response.headers["Cache-Control"] = "no-store"


def _profile(profile: Profile, response: Response) -> ProfileView:
    _versioned(response, profile.version)
    return ProfileView(
        customer_id=profile.customer_id,
        email=profile.email,
        email_verified=profile.email_verified,
        name=profile.name,
        locale=profile.language,
        marketing_opt_in=profile.marketing_opt_in,
        marketing_changed_at=profile.marketing_changed_at,
        version=profile.version,
    )


def _address(kept: KeptAddress, response: Response) -> AddressView:
    _versioned(response, kept.version)
    return _view(kept)


def _view(kept: KeptAddress) -> AddressView:
    return AddressView(
        **kept.address.model_dump(),
        id=kept.id,
        default_shipping=kept.default_shipping,
        default_billing=kept.default_billing,
        version=kept.version,
    )


def _request(request: PrivacyRequest, response: Response) -> PrivacyRequestView:
    location = f"/users/me/privacy-requests/{request.id}"
    response.headers["Location"] = location
    response.headers["Cache-Control"] = "no-store"
    return PrivacyRequestView(
        id=request.id,
        kind=request.kind,
        status=request.state,
        asked_at=request.asked_at,
        ended_at=request.ended_at,
        expires_at=request.expires_at,
        document=f"{location}/document" if request.expires_at is not None else None,
        open_orders=request.open_orders,
        report=[RoomReport(room=part.room, at=part.at, report=part.report) for part in request.parts],
    )
