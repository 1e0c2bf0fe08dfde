"""Idempotency keys with Stripe's meaning (https://docs.stripe.com/api/idempotent_requests).

The first answer that came from an endpoint which *ran* is kept, also a 500, and replayed for the same key and
parameters; other parameters get 400, a second request while the first runs 409. An answer given before anything
ran (bad parameters, no such key) is not kept. Kept for 24 hours; one account, one scope.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from bodega.sandbox.database import Database
from bodega.sandbox.processor import errors


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer given before."""

    status: int
    body: str
    request_id: str


class Keys:
    """The keys seen, on disk, and those being worked on, in memory (they die with the work)."""

    def __init__(self, database: Database, hours: float) -> None:
        self._database = database
        self._seconds = hours * 3600
        self._running: set[str] = set()

    @staticmethod
    def fingerprint(method: str, path: str, params: dict[str, Any]) -> str:
        """What makes two requests the same."""
        text = json.dumps([method, path, params], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def begin(self, key: str, fingerprint: str) -> Kept | None:
        """The answer kept for the key, or None: then the caller must `keep` or not, and `end`.

        Raises StripeError: 400 for other parameters, 409 while the first request runs.
        """
        if key in self._running:
            raise errors.StripeError(
                409, "idempotency_error",
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                "submitted twice, and the other request is still going through): "
                f"{key}. Please try again later.",
                kept=False, code="idempotency_key_in_use", headers={"Stripe-Should-Retry": "true"},
            )  # fmt: skip
        self._database.execute("DELETE FROM idempotency_keys WHERE created < ?", time.time() - self._seconds)
        row = self._database.find("SELECT * FROM idempotency_keys WHERE key = ?", key)
        if row is None:
            self._running.add(key)
            return None
        if row["fingerprint"] != fingerprint:
            raise errors.StripeError(
                400, "idempotency_error",
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.", kept=False,
            )  # fmt: skip
        return Kept(row["status"], row["body"], row["request_id"])

    def keep(self, key: str, fingerprint: str, status: int, body: str, request_id: str) -> None:
        """Remember an answer; in the transaction of what it did, so that neither exists without the other."""
        self._database.execute(
            "INSERT INTO idempotency_keys (key, fingerprint, status, body, request_id, created)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            key, fingerprint, status, body, request_id, time.time(),
        )  # fmt: skip

    def end(self, key: str) -> None:
        """The work is done, however it ended."""
        self._running.discard(key)
