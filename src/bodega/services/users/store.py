"""Users in PostgreSQL: the only file here that knows SQL."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bodega.contracts.fields import Address
from bodega.contracts.privacy import Erasure, PersonalData
from bodega.kit.db import Row, Transaction
from bodega.services.users.domain import KeptAddress, Kind, Part, PrivacyRequest, Profile
from bodega.services.users.errors import AccountErased, AddressNotFound, RequestNotFound


async def get_profile(tx: Transaction, customer_id: str) -> Profile:
    """A blank one, where nothing is known yet: the token says that there is such a customer. Raises AccountErased."""
    row = await tx.fetchrow("SELECT * FROM profile WHERE customer_id = $1", customer_id)
    if row is None and await is_erased(tx, customer_id):
        raise AccountErased("this account has been erased")
    return _profile(row) if row is not None else Profile(customer_id)


async def lock_profile(tx: Transaction, customer_id: str) -> Profile:
    """Made, if it is not there. Until the end of the transaction nobody else changes it, or its addresses.

    Raises AccountErased.
    """
    if await is_erased(tx, customer_id):
        raise AccountErased("this account has been erased")
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


# --- privacy ----------------------------------------------------------------------------------------


async def is_erased(tx: Transaction, customer_id: str) -> bool:
    """Whether the account is gone. While it is being erased, it is still there."""
    return bool(
        await tx.fetchval(
            "SELECT EXISTS (SELECT FROM privacy_request WHERE customer_id = $1 AND kind = 'erase' AND state = 'done')",
            customer_id,
        )
    )


async def find_erasure(tx: Transaction, customer_id: str) -> str | None:
    """The id of the erasure that is under way, or done."""
    request_id: str | None = await tx.fetchval(
        "SELECT id FROM privacy_request WHERE customer_id = $1 AND kind = 'erase' AND state <> 'refused'", customer_id
    )
    return request_id


async def insert_request(tx: Transaction, request_id: str, customer_id: str, kind: Kind) -> str | None:
    """None: it is the one. Else the id of the one that is under way. An older one that has ended makes room: of each
    kind one is kept, so that they cannot pile up."""
    await tx.execute(
        """DELETE FROM privacy_request
            WHERE customer_id = $1 AND kind = $2 AND (state = 'refused' OR kind = 'export' AND state = 'done')""",
        customer_id, kind,
    )  # fmt: skip
    other: str = await tx.fetchval(
        """INSERT INTO privacy_request (id, customer_id, kind) VALUES ($1, $2, $3)
           ON CONFLICT (customer_id, kind) WHERE state = 'running' DO UPDATE SET kind = excluded.kind RETURNING id""",
        request_id, customer_id, kind,
    )  # fmt: skip
    return other if other != request_id else None


async def get_request(tx: Transaction, customer_id: str, request_id: str) -> PrivacyRequest:
    """Raises RequestNotFound."""
    row = await tx.fetchrow(
        """SELECT * FROM privacy_request
            WHERE id = $1 AND customer_id = $2 AND (expires_at IS NULL OR expires_at > now())""",
        request_id, customer_id,
    )  # fmt: skip
    if row is None:
        raise RequestNotFound("you have no request with this id, or it has expired")
    parts = await tx.fetch("SELECT room, at, report FROM privacy_part WHERE request_id = $1 ORDER BY at", request_id)
    return PrivacyRequest(
        id=row["id"],
        kind=row["kind"],
        state=row["state"],
        asked_at=row["asked_at"],
        ended_at=row["ended_at"],
        expires_at=row["expires_at"],
        open_orders=row["open_orders"],
        parts=[Part(part["room"], part["at"], part["report"]) for part in parts],
    )


async def document_of(tx: Transaction, request_id: str) -> dict[str, Any]:
    """What every room has told, by room."""
    rows = await tx.fetch("SELECT room, document FROM privacy_part WHERE request_id = $1 ORDER BY at", request_id)
    return {row["room"]: row["document"] for row in rows}


async def note_part(tx: Transaction, request_id: str, room: str, told: PersonalData | Erasure) -> None:
    """A room that is asked again after a crash may have less to report than it had: what it did first counts."""
    if isinstance(told, PersonalData):
        report: Any = {kind: len(held) if isinstance(held, list) else 1 for kind, held in told.data.items()}
        document = told.model_dump_json(include={"data"})
    else:
        report = told.model_dump(include={"deleted", "pseudonymised"})
        document = None
    await tx.execute(
        """INSERT INTO privacy_part (request_id, room, report, document)
           SELECT $1, $2, $3::jsonb, $4::jsonb->'data' WHERE EXISTS (SELECT FROM privacy_request WHERE id = $1)
           ON CONFLICT DO NOTHING""",
        request_id, room, json.dumps(report), document,
    )  # fmt: skip


async def end_export(tx: Transaction, request_id: str, told: PersonalData, keep_seconds: float) -> None:
    await note_part(tx, request_id, "users", told)
    await tx.execute(
        """UPDATE privacy_request SET state = 'done', ended_at = now(), expires_at = now() + make_interval(secs => $2)
            WHERE id = $1""",
        request_id, keep_seconds,
    )  # fmt: skip


async def end_erasure(tx: Transaction, request_id: str, told: Erasure) -> None:
    await note_part(tx, request_id, "auth", told)
    await tx.execute("UPDATE privacy_request SET state = 'done', ended_at = now() WHERE id = $1", request_id)


async def refuse_request(tx: Transaction, request_id: str, open_orders: Sequence[str]) -> None:
    await tx.execute(
        "UPDATE privacy_request SET state = 'refused', ended_at = now(), open_orders = $2::jsonb WHERE id = $1",
        request_id, json.dumps(list(open_orders)),
    )  # fmt: skip


async def delete_request(tx: Transaction, request_id: str) -> None:
    await tx.execute("DELETE FROM privacy_request WHERE id = $1", request_id)


async def export_customer(tx: Transaction, customer_id: str) -> dict[str, Any]:
    profiles = await tx.fetch("SELECT to_jsonb(p) AS held FROM profile p WHERE customer_id = $1", customer_id)
    addresses = await tx.fetch(
        "SELECT to_jsonb(a) - 'customer_id' AS held FROM address a WHERE customer_id = $1 ORDER BY id", customer_id
    )
    found = {"profile": [row["held"] for row in profiles], "addresses": [row["held"] for row in addresses]}
    return {kind: held for kind, held in found.items() if held}


async def delete_customer(tx: Transaction, customer_id: str) -> tuple[int, int]:
    """How many profiles, and how many addresses."""
    addresses = await tx.execute("DELETE FROM address WHERE customer_id = $1", customer_id)
    profiles = await tx.execute("DELETE FROM profile WHERE customer_id = $1", customer_id)
    await tx.execute("DELETE FROM privacy_request WHERE customer_id = $1 AND kind = 'export'", customer_id)
    return profiles, addresses


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
