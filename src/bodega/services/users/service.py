"""What users does. Each use case runs in the one transaction that its door has opened.

Whatever changes a customer's addresses locks the profile first: so they are counted and made default one at a time.
"""

from dataclasses import replace
from datetime import UTC, datetime

from bodega.contracts.fields import Address
from bodega.contracts.ids import new_id
from bodega.contracts.privacy import Erasure
from bodega.kit import idempotency
from bodega.kit.db import Transaction
from bodega.kit.errors import StaleVersion
from bodega.kit.flow import Flows, Held
from bodega.kit.inbox import drop_parked
from bodega.kit.postal import deliverable
from bodega.services.users import domain, store
from bodega.services.users.domain import ERASE, EXPORT, KeptAddress, Profile
from bodega.services.users.errors import AddressLimit


async def note_registered(tx: Transaction, customer_id: str, *, email: str, name: str, locale: str) -> None:
    if await store.is_erased(tx, customer_id):  # the fact came late
        return
    profile = await store.lock_profile(tx, customer_id)
    await _save(tx, profile, domain.registered(profile, email=email, name=name, locale=locale))


async def note_verified(tx: Transaction, customer_id: str, *, email: str) -> None:
    if await store.is_erased(tx, customer_id):
        return
    profile = await store.lock_profile(tx, customer_id)
    await _save(tx, profile, domain.verified(profile, email=email))


async def edit(
    tx: Transaction,
    customer_id: str,
    *,
    name: str | None,
    locale: str | None,
    marketing_opt_in: bool | None,
    expected_version: int | None,
) -> Profile:
    """Raises StaleVersion."""
    profile = await store.lock_profile(tx, customer_id)
    _expect(expected_version, profile.version)
    changed = domain.edited(profile, name=name, locale=locale, marketing_opt_in=marketing_opt_in, now=datetime.now(UTC))
    return await _save(tx, profile, changed)


async def add_address(
    tx: Transaction,
    customer_id: str,
    address: Address,
    *,
    default_shipping: bool,
    default_billing: bool,
    limit: int,
    key: str | None,
    body: bytes,
) -> tuple[KeptAddress, bool]:
    """The address, as it stands now; whether a request with this key had made it before.

    Raises: InvalidAddress, AddressLimit; AddressNotFound, if it was made before and is gone.
    """
    kept = KeptAddress(new_id("adr"), deliverable(address), default_shipping, default_billing)
    if key is not None:
        made = await idempotency.claim(tx, f"POST /users/me/addresses {customer_id}", key, body, resource_id=kept.id)
        if made is not None:
            return await store.get_address(tx, customer_id, made.resource_id or ""), True
    await store.lock_profile(tx, customer_id)
    if await store.count_addresses(tx, customer_id) >= limit:
        raise AddressLimit(f"at most {limit} addresses can be saved; delete one first")
    await store.clear_defaults(tx, customer_id, kept)
    await store.insert_address(tx, customer_id, kept)
    return kept, False


async def replace_address(
    tx: Transaction,
    customer_id: str,
    address_id: str,
    address: Address,
    *,
    default_shipping: bool,
    default_billing: bool,
    expected_version: int | None,
) -> KeptAddress:
    """Raises: AddressNotFound, StaleVersion, InvalidAddress."""
    await store.lock_profile(tx, customer_id)
    before = await store.get_address(tx, customer_id, address_id)
    _expect(expected_version, before.version)
    after = replace(
        before, address=deliverable(address), default_shipping=default_shipping, default_billing=default_billing
    )
    if after == before:
        return before
    await store.clear_defaults(tx, customer_id, after)
    return await store.save_address(tx, after)


async def remove_address(tx: Transaction, customer_id: str, address_id: str, *, expected_version: int | None) -> None:
    """Raises: AddressNotFound, StaleVersion."""
    await store.lock_profile(tx, customer_id)
    before = await store.get_address(tx, customer_id, address_id)
    _expect(expected_version, before.version)
    await store.delete_address(tx, address_id)


# --- privacy ----------------------------------------------------------------------------------------


async def ask_export(tx: Transaction, exports: Flows, customer_id: str) -> str:
    """The id of the request, new or under way."""
    profile = await store.lock_profile(tx, customer_id)
    email = profile.email if profile.email_verified else None  # what was mailed there before may be somebody else's
    request_id = new_id("prv")
    running = await store.insert_request(tx, request_id, customer_id, "export")
    if running is not None:
        return running
    await exports.start(tx, request_id, EXPORT[0], {"customer_id": customer_id, "email": email}, inline=False)
    return request_id


async def ask_erasure(tx: Transaction, erasures: Flows, customer_id: str, email: str | None) -> tuple[str, Held | None]:
    """The id of the request, and its flow if it is new: for whoever asks to take the first step."""
    request_id = new_id("prv")
    running = await store.insert_request(tx, request_id, customer_id, "erase")
    if running is not None:
        return running, None
    held = await erasures.start(tx, request_id, ERASE[0], {"customer_id": customer_id, "email": email})
    return request_id, held


async def erase(tx: Transaction, customer_id: str) -> Erasure:
    profiles, addresses = await store.delete_customer(tx, customer_id)
    await drop_parked(tx, [customer_id])
    return Erasure(deleted={"profiles": profiles, "addresses": addresses})


async def _save(tx: Transaction, before: Profile, after: Profile) -> Profile:
    """Nothing is written, and no version made, if nothing has changed."""
    return before if after == before else await store.save_profile(tx, after)


def _expect(expected: int | None, present: int) -> None:
    if expected is not None and expected != present:
        raise StaleVersion("it was changed in the meantime; read it again", current_version=present)
