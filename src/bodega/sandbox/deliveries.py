"""Webhooks under way: a queue on disk, signed when sent, tried again with growing waits until answered 2xx.

Order is not guaranteed, as with Stripe: what fails is overtaken by what comes after it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import sqlite3
import time

import aiohttp

from bodega.sandbox.database import Database
from bodega.sandbox.faults import Faults
from bodega.sandbox.settings import Settings

log = logging.getLogger(__name__)

_AT_ONCE = 16


def signature(secret: str, body: str, at: int) -> str:
    """Stripe's scheme: HMAC-SHA256 of `time.body`; the header names the time, so that old calls can be refused."""
    digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Deliveries:
    """Sends what is queued. `processor` goes to webhook_url, `carrier` to carrier_webhook_url."""

    def __init__(self, settings: Settings, database: Database, faults: Faults) -> None:
        self._settings = settings
        self._database = database
        self._faults = faults
        self._wake = asyncio.Event()
        self._running: set[int] = set()
        self._senders = {
            "processor": (settings.webhook_url, settings.webhook_secret, "Stripe-Signature"),
            "carrier": (settings.carrier_webhook_url, settings.carrier_key, "Carrier-Signature"),
        }

    def add(self, sender: str, event_id: str, kind: str, body: str, facts: dict[str, str]) -> None:
        """Queue a webhook, in the caller's transaction; nothing if there is nowhere to send it."""
        if not self._senders[sender][0]:
            return
        fault = self._faults.take("webhooks", {**facts, "type": kind, "id": event_id})
        now = time.time()
        first = now + fault.seconds if fault and fault.kind == "slow" else now
        copies = 2 if fault and fault.kind == "duplicate" else 1
        lost = fault is not None and fault.kind == "refuse"
        for _ in range(copies):
            self._database.execute(
                "INSERT INTO deliveries (sender, event_id, type, body, created, next_at, last_answer)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                sender, event_id, kind, body, now, None if lost else first, "lost on purpose" if lost else None,
            )  # fmt: skip
        self._wake.set()

    async def run(self) -> None:
        """Send for ever; cancel to stop. What was under way is sent again at the next start."""
        timeout = aiohttp.ClientTimeout(total=self._settings.webhook_timeout_seconds)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                for row in self._due():
                    self._running.add(row["seq"])
                    tasks.create_task(self._send(session, row))
                try:
                    async with asyncio.timeout(self._wait()):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    def _due(self) -> list[sqlite3.Row]:
        rows = self._database.rows(
            "SELECT * FROM deliveries WHERE next_at <= ? ORDER BY next_at LIMIT ?",
            time.time(), _AT_ONCE + len(self._running),
        )  # fmt: skip
        return [row for row in rows if row["seq"] not in self._running][: _AT_ONCE - len(self._running)]

    def _wait(self) -> float | None:
        """Seconds until something is due that is not being sent; None: until woken."""
        if len(self._running) >= _AT_ONCE:
            return None
        rows = self._database.rows(
            "SELECT seq, next_at FROM deliveries WHERE next_at IS NOT NULL ORDER BY next_at LIMIT ?",
            len(self._running) + 1,
        )
        due = [row["next_at"] for row in rows if row["seq"] not in self._running]
        return max(0.0, due[0] - time.time()) if due else None

    async def _send(self, session: aiohttp.ClientSession, row: sqlite3.Row) -> None:
        url, secret, header = self._senders[row["sender"]]
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (Bodega sandbox)",
            header: signature(secret, row["body"], int(time.time())),
        }
        try:
            try:
                status = await self._post(session, url, row, headers)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # Perhaps a kept connection that the other end closed just now: that says nothing of the event.
                status = await self._post(session, url, row, headers)
            answer, delivered = str(status), 200 <= status < 300
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            answer, delivered = f"{type(error).__name__}: {error}"[:200], False
        try:
            self._record(row, delivered, answer)
        finally:
            self._running.discard(row["seq"])
            self._wake.set()

    @staticmethod
    async def _post(session: aiohttp.ClientSession, url: str, row: sqlite3.Row, headers: dict[str, str]) -> int:
        """The status of the answer."""
        async with session.post(url, data=row["body"].encode(), headers=headers, allow_redirects=False) as response:
            await response.read()  # an answer that is not read costs its connection
            return response.status

    def _record(self, row: sqlite3.Row, delivered: bool, answer: str) -> None:
        now = time.time()
        if delivered:
            self._database.execute(
                "UPDATE deliveries SET next_at = NULL, delivered_at = ?, attempts = attempts + 1, last_answer = ?"
                " WHERE seq = ?", now, answer, row["seq"],
            )  # fmt: skip
            return
        wait = min(
            self._settings.webhook_retry_first_seconds * 2 ** min(row["attempts"], 30),
            self._settings.webhook_retry_most_seconds,
        )
        given_up = now - row["created"] > self._settings.webhook_retry_give_up_seconds
        log.warning("webhook %s %s not taken (%s)", row["type"], row["event_id"], answer)
        self._database.execute(
            "UPDATE deliveries SET next_at = ?, attempts = attempts + 1, last_answer = ? WHERE seq = ?",
            None if given_up else now + wait, answer, row["seq"],
        )  # fmt: skip
