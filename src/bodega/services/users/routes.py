"""The HTTP door of users: parse, authorise, call, shape the answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from bodega.kit.app import Db, RawBody, problems
from bodega.kit.auth import Customer
from bodega.kit.errors import StaleVersion, Unauthenticated
from bodega.kit.idempotency import IdempotencyKey, KeyReused
from bodega.kit.postal import InvalidAddress
from bodega.services.users import service, store
from bodega.services.users.domain import KeptAddress, Profile
from bodega.services.users.errors import AddressLimit, AddressNotFound
from bodega.services.users.schemas import AddressList, AddressView, ChangeProfile, ProfileView, WriteAddress
from bodega.services.users.settings import Settings

public = APIRouter(prefix="/users/me", tags=["users"])


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _expected_version(
    if_match: Annotated[
        str | None,
        Header(alias="If-Match", pattern=r'^"[0-9]{1,18}"$', description='The version that you change: `"3"`'),
    ] = None,
) -> int | None:
    return int(if_match.strip('"')) if if_match is not None else None


UserSettings = Annotated[Settings, Depends(_settings)]
ExpectedVersion = Annotated[int | None, Depends(_expected_version)]


# --- oneself ----------------------------------------------------------------------------------------


@public.get("", responses=problems(Unauthenticated))
async def read_profile(db: Db, customer: Customer, response: Response) -> ProfileView:
    """One's own profile. It is there from the moment of registering; name and e-mail follow within a second."""
    async with db.transaction() as tx:
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
    async with db.transaction() as tx:
        addresses = await store.addresses_of(tx, customer.subject)
    response.headers["Cache-Control"] = "no-store"
    return AddressList(items=[_view(kept) for kept in addresses])


@public.post(
    "/addresses", status_code=201, responses=problems(Unauthenticated, AddressLimit, InvalidAddress, KeyReused)
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
    """Keeps one more address. With an Idempotency-Key, a repeat makes no second one."""
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
async def read_address(address_id: str, db: Db, customer: Customer, response: Response) -> AddressView:
    """One of one's own addresses."""
    async with db.transaction() as tx:
        kept = await store.get_address(tx, customer.subject, address_id)
    return _address(kept, response)


@public.put(
    "/addresses/{address_id}", responses=problems(Unauthenticated, AddressNotFound, StaleVersion, InvalidAddress)
)
async def replace_address(
    address_id: str,
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
async def remove_address(address_id: str, db: Db, customer: Customer, expected: ExpectedVersion = None) -> None:
    """Forgets it. Orders keep the copy that they were made with."""
    async with db.transaction() as tx:
        await service.remove_address(tx, customer.subject, address_id, expected_version=expected)


# --- shapes -----------------------------------------------------------------------------------------


def _versioned(response: Response, version: int) -> None:
    response.headers["ETag"] = f'"{version}"'
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
