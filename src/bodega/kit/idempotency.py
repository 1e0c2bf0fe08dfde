"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): the same key and body again is answered again.

The key's row is inserted in the transaction of what it makes, so there is never one without the other. A
repeat that arrives meanwhile waits for that transaction's row lock, then finds the answer. Kept: 2xx, 402
and 409, for 24 h. A refusal that says nothing of the world (400, 401, 413, 415, 422, 429, 503) rolls the
row back with everything else. Scope: route and customer (or cart): two people may pick the same key.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Response

from bodega.kit.db import Transaction
from bodega.kit.errors import Conflict, Invalid

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Any string that nobody else would choose, such as a UUID. The same key and body again does "
        "nothing more and is answered as before, with `Idempotency-Replayed: true`, for a day",
        examples=["6d1f2f0e-8a35-4c53-9b0c-1f7f6f3e2f4d"],
    ),
]


class KeyReused(Invalid):
    code = "idempotency_key_reused"


class StillRunning(Conflict):
    code = "conflict"


@dataclass(frozen=True, slots=True)
class Kept:
    """What was made, or answered, for this key."""

    resource_id: str | None
    status: int | None
    headers: dict[str, str]
    body: bytes

    def response(self) -> Response:
        """The stored answer, marked as a replay."""
        return Response(
            content=self.body,
            status_code=self.status or 200,
            headers={**self.headers, "Idempotency-Replayed": "true"},
            media_type=self.headers.get("content-type", "application/json"),
        )


def fingerprint(body: bytes) -> bytes:
    """Of the body as sent. Clients repeat a request byte by byte; a re-ordered one is another request."""
    return hashlib.sha256(body).digest()


async def claim(tx: Transaction, scope: str, key: str, body: bytes, *, resource_id: str | None = None) -> Kept | None:
    """None: the key is ours, go on and make `resource_id`. Else what was made before.

    Raises: KeyReused, if it was used for another body; StillRunning, if its first request has just failed.
    """
    mine = await tx.fetchval(
        """INSERT INTO idempotency_key (scope, key, fingerprint, resource_id) VALUES ($1, $2, $3, $4)
           ON CONFLICT (scope, key) DO NOTHING RETURNING true""",
        scope, key, fingerprint(body), resource_id,
    )  # fmt: skip
    if mine:
        return None
    row = await tx.fetchrow("SELECT * FROM idempotency_key WHERE scope = $1 AND key = $2", scope, key)
    if row is None:  # its maker rolled back, or it was just pruned: the client may try again
        raise StillRunning("a request with this key has only just ended; try again")
    if row["fingerprint"] != fingerprint(body):
        raise KeyReused("this key was used for a request with another body")
    return Kept(
        resource_id=row["resource_id"], status=row["status"], headers=row["headers"] or {}, body=row["body"] or b""
    )


async def is_used(tx: Transaction, scope: str, key: str) -> bool:
    """Whether a request with this key has been taken: its answer is kept, or on its way."""
    return bool(await tx.fetchval("SELECT true FROM idempotency_key WHERE scope = $1 AND key = $2", scope, key))


async def attach(tx: Transaction, scope: str, key: str, resource_id: str) -> None:
    """Points the key to what somebody else has made in the meantime: a repeat will find that."""
    await tx.execute(
        "UPDATE idempotency_key SET resource_id = $3 WHERE scope = $1 AND key = $2", scope, key, resource_id
    )


async def keep(tx: Transaction, scope: str, key: str, status: int, body: bytes, **headers: str) -> None:
    """Stores the answer beside the key, in the transaction of what was made."""
    await tx.execute(
        "UPDATE idempotency_key SET status = $3, body = $4, headers = $5::jsonb WHERE scope = $1 AND key = $2",
        scope, key, status, body, json.dumps({name.replace("_", "-"): value for name, value in headers.items()}),
    )  # fmt: skip
