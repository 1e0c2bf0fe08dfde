"""The relay: takes what transactions have put into the outbox to the broker. One per service at a time.

It holds an advisory lock on a connection that the server ends when it has been silent for 15 s, so a
relay that sleeps or hangs loses its place. It deletes only what the broker has acknowledged: a crash
between the two sends again, and the consumers' inboxes know it already. It deletes all of that, also where
the broker has not taken a whole batch: else a broker that loses one message in ten would never be done.

It deletes only while nobody holds `DELETING` alone. A backup of the running shop does so for a moment, in all
databases: whatever an outbox no longer has then was on its topic before (ADR 0014).
"""

import asyncio
import contextlib
from collections.abc import Sequence

from bodega.kit.bus import Message, PartlyTaken, Producer
from bodega.kit.db import OUTBOX, Connection, Database, Row
from bodega.kit.telemetry import OUTBOX_LAG, OUTBOX_SENT, count, log, span
from bodega.kit.trouble import Backoff

_LOCK = 0x0B0DE6A  # one key: the lock is per database, and a database is one service's
DELETING = 0x0B0DE6B
"""An advisory lock, shared by who deletes from the outbox of this database."""
_BATCH = 500
_log = log()


class Relay:
    def __init__(
        self,
        database: Database,
        producer: Producer,
        *,
        service: str,
        topic_prefix: str = "",
        poll_seconds: float = 1.0,
        retry_first_seconds: float = 0.2,
        retry_most_seconds: float = 10.0,
    ) -> None:
        self._database = database
        self._producer = producer
        self._service = service
        self._prefix = topic_prefix
        self._poll = poll_seconds
        self._backoff = Backoff(retry_first_seconds, retry_most_seconds)
        self._stopping = False
        self._wake = asyncio.Event()
        self.leading = False

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Publishes until stopped, whatever becomes of the store and the broker in the meantime."""
        with self._database.notices.subscribed(OUTBOX, self._on_notice):
            await self._run()

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._take_turn()
            except Exception as error:  # whatever it is, it is ours: what waits to be published is sound
                wait = self._backoff.next()
                _log.warning("the relay waits", service=self._service, error=error, wait_seconds=wait)
                self._hear_anew()
                await self._sleep(wait)

    async def _take_turn(self) -> None:
        """Until it is stopped, or something breaks: then another replica may try."""
        # What is deleted need not be on disk: after a crash it is sent again, and the inboxes know it.
        connection = await self._database.connect(idle_session_timeout="15s", synchronous_commit="off")
        try:
            await self._producer.open()
            await self._lead(connection)
        finally:
            self.leading = False
            await self._producer.close()
            connection.terminate()

    def _on_notice(self, _: str | None) -> None:
        if self.leading:
            self._wake.set()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._hear_anew()

    def _hear_anew(self) -> None:
        """Whoever has woken us until now was heard. A stop is heard always."""
        if not self._stopping:
            self._wake.clear()

    async def _lead(self, connection: Connection) -> None:
        """Takes the lock, then publishes until something breaks."""
        while not self._stopping:
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
                break
            await self._sleep(self._poll)
        self.leading = True
        while not self._stopping:
            self._hear_anew()
            sent = await self.publish(connection)
            self._backoff.reset()
            if not sent:
                await self._sleep(self._poll)

    async def publish(self, connection: Connection) -> int:
        """One batch, in order; how many were sent. Raises Trouble if the broker did not take all of them. What it did
        take is deleted, but for what comes after the first that it did not take of a key: that is sent again with it,
        so that no key's order has a hole."""
        rows = await connection.fetch(
            """SELECT position, topic, key, body, headers, extract(epoch FROM now() - created_at)::float8 AS age
                 FROM outbox ORDER BY position LIMIT $1""",
            _BATCH,
        )
        OUTBOX_LAG.labels(self._service).set(rows[0]["age"] if rows else 0)
        if not rows:
            return 0
        with span("publish", rows[0]["headers"], service=self._service):
            count("sql", 2)
        try:
            await self._producer.send(
                [
                    Message(topic=self._prefix + row["topic"], key=row["key"], body=row["body"], headers=row["headers"])
                    for row in rows
                ]
            )
        except PartlyTaken as partly:
            await self._delete(connection, _done(rows, partly.taken))
            raise
        await self._delete(connection, rows)
        return len(rows)

    async def _delete(self, connection: Connection, rows: Sequence[Row]) -> None:
        """What the broker has."""
        if rows:
            await connection.execute(
                """WITH let AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared($2))
                   DELETE FROM outbox USING let WHERE position = ANY($1)""",
                [row["position"] for row in rows], DELETING,
            )  # fmt: skip
            OUTBOX_SENT.labels(self._service).inc(len(rows))
            self._backoff.reset()


def _done(rows: Sequence[Row], taken: Sequence[bool]) -> list[Row]:
    """What need not be sent again."""
    waiting: set[tuple[str, str]] = set()
    done: list[Row] = []
    for row, is_taken in zip(rows, taken, strict=True):
        of = row["topic"], row["key"]
        if is_taken and of not in waiting:
            done.append(row)
        else:
            waiting.add(of)
    return done
