"""Users in PostgreSQL: the only file here that knows SQL."""

from dataclasses import replace

from bodega.contracts.fields import Address
from bodega.kit.db import Row, Transaction
from bodega.services.users.domain import KeptAddress, Profile
from bodega.services.users.errors import AddressNotFound


async def get_profile(tx: Transaction, customer_id: str) -> Profile:
    """A blank one, where nothing is known yet: the token says that there is such a customer."""
    row = await tx.fetchrow("SELECT * FROM profile WHERE customer_id = $1", customer_id)
    return _profile(row) if row is not None else Profile(customer_id)


async def lock_profile(tx: Transaction, customer_id: str) -> Profile:
    """Made, if it is not there. Until the end of the transaction nobody else changes it, or its addresses."""
    await tx.execute("INSERT INTO profile (customer_id) VALUES ($1) ON CONFLICT DO NOTHING", customer_id)
    row = await tx.fetchrow("SELECT * FROM profile WHERE customer_id = $1 FOR UPDATE", customer_id)
    assert row is not None
    return _profile(row)


async def save_profile(tx: Transaction, profile: Profile) -> Profile:
    """The profile with its next version. The row must be locked."""
    after = replace(profile, version=profile.version + 1)
    await tx.execute(
        """UPDATE profile SET version = $2, email = $3, email_verified = $4, name = $5, locale = $6,
                  marketing_opt_in = $7, marketing_changed_at = $8, updated_at = now()
            WHERE customer_id = $1""",
        after.customer_id, after.version, after.email, after.email_verified, after.name, after.locale,
        after.marketing_opt_in, after.marketing_changed_at,
    )  # fmt: skip
    return after


async def addresses_of(tx: Transaction, customer_id: str) -> list[KeptAddress]:
    """Oldest first: ids sort by time of birth. No more than the limit, so there are no pages."""
    rows = await tx.fetch("SELECT * FROM address WHERE customer_id = $1 ORDER BY id", customer_id)
    return [_address(row) for row in rows]


async def count_addresses(tx: Transaction, customer_id: str) -> int:
    count: int = await tx.fetchval("SELECT count(*) FROM address WHERE customer_id = $1", customer_id)
    return count


async def get_address(tx: Transaction, customer_id: str, address_id: str) -> KeptAddress:
    """Raises AddressNotFound."""
    row = await tx.fetchrow("SELECT * FROM address WHERE id = $1 AND customer_id = $2", address_id, customer_id)
    if row is None:
        raise AddressNotFound("you have no address with this id")
    return _address(row)


async def insert_address(tx: Transaction, customer_id: str, kept: KeptAddress) -> None:
    await tx.execute(
        """INSERT INTO address (id, customer_id, address, default_shipping, default_billing)
           VALUES ($1, $2, $3::jsonb, $4, $5)""",
        kept.id, customer_id, kept.address.model_dump_json(), kept.default_shipping, kept.default_billing,
    )  # fmt: skip


async def save_address(tx: Transaction, kept: KeptAddress) -> KeptAddress:
    """The address with its next version. The profile must be locked."""
    after = replace(kept, version=kept.version + 1)
    await tx.execute(
        """UPDATE address SET address = $2::jsonb, default_shipping = $3, default_billing = $4, version = $5,
                  updated_at = now()
            WHERE id = $1""",
        after.id, after.address.model_dump_json(), after.default_shipping, after.default_billing, after.version,
    )  # fmt: skip
    return after


async def clear_defaults(tx: Transaction, customer_id: str, kept: KeptAddress) -> None:
    """Makes room: what `kept` is going to be the default for, no other address is. The profile must be locked."""
    await tx.execute(
        """UPDATE address SET default_shipping = default_shipping AND NOT $3, version = version + 1,
                  default_billing = default_billing AND NOT $4, updated_at = now()
            WHERE customer_id = $1 AND id <> $2 AND (default_shipping AND $3 OR default_billing AND $4)""",
        customer_id, kept.id, kept.default_shipping, kept.default_billing,
    )  # fmt: skip


async def delete_address(tx: Transaction, address_id: str) -> None:
    await tx.execute("DELETE FROM address WHERE id = $1", address_id)


def _profile(row: Row) -> Profile:
    return Profile(
        customer_id=row["customer_id"],
        version=row["version"],
        email=row["email"],
        email_verified=row["email_verified"],
        name=row["name"],
        locale=row["locale"],
        marketing_opt_in=row["marketing_opt_in"],
        marketing_changed_at=row["marketing_changed_at"],
    )


def _address(row: Row) -> KeptAddress:
    return KeptAddress(
        id=row["id"],
        address=Address.model_validate(row["address"]),
        default_shipping=row["default_shipping"],
        default_billing=row["default_billing"],
        version=row["version"],
    )
