"""PostgreSQL: a pool, and the transaction that a request or a message is.

One request or message is one transaction, committed before the answer: the door opens it with
`async with database.transaction() as tx`, the use case works in it, and the answer is shaped after the
block has ended. (A commit in a FastAPI dependency after `yield` would run when the client has
already read 201.)
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import cache
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from bodega.kit.deadline import remaining_seconds
from bodega.kit.errors import MANY_ASK, Busy, Unavailable
from bodega.kit.notices import Notice, Notices
from bodega.kit.telemetry import count, nobody_waits, trace_headers
from bodega.kit.trouble import is_of_the_store

_READS = re.compile(r"\s*(SELECT|WITH)\b")
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|FOR (NO )?(KEY )?SHARE|pg_notify|nextval|pg_advisory\w*)\b")
"""What leaves something behind, or holds something."""
_NOTHING_DONE = ("INSERT 0 0", "UPDATE 0", "DELETE 0")

OUTBOX = "outbox"
"""The channel of notices that events wait to be published."""

WITHOUT_FLUSH = "set_config('synchronous_commit', 'off', true)"
"""In a statement's select list: the commit does not wait for the disk. If the database server crashes within the next
second, what the transaction has written may be lost (not if only we do): for what is simply done again then. Nothing
that it writes is torn, and no other transaction is lost that waited for the disk after it.
https://www.postgresql.org/docs/current/wal-async-commit.html"""

_LAST_WORDS_SECONDS = 0.5
"""After its deadline a request may still read how far it has come. All that it reads then shares this time: the gateway
does not wait much longer for its answer."""
_LEAST_SECONDS = 0.05
_GIVING_UP_SECONDS = 0.2
"""How long it is waited for that a transaction is rolled back, and that a statement is cancelled."""

Connection = Any  # asyncpg's pool hands out a proxy that has no common static type with Connection
Row = asyncpg.Record


class Outgoing(Protocol):
    """What `Transaction.emit` takes: an event in its envelope."""

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def topic(self) -> str: ...
    def to_bytes(self, *, traceparent: str | None = None) -> bytes: ...


class NotAlone(Exception):
    """This must not be done in a transaction that events of other keys share."""


class Transaction:
    """An open transaction. Its events become rows of the outbox in the same commit."""

    def __init__(self, connection: Connection, *, timeout_seconds: float) -> None:
        """`timeout_seconds`: how long a statement may take; less, where less is left to the request."""
        self.connection = connection
        self._timeout = timeout_seconds
        self.writes = 0
        """How many statements have changed something, or may have. With any, its commit waits for the disk."""
        self.flushes = True
        """False: its commit does not wait for the disk."""
        self.shared = False
        """Whether events of several keys take effect in it (`Hears.shares`)."""
        self._outgoing: list[Outgoing] = []
        self._after: list[Callable[[], None]] = []
        self.notices: dict[Notice, None] = {}

    def keep_to_itself(self) -> None:
        """Asked before what locks or ends something that belongs to other keys, too. Raises NotAlone in a transaction
        that is shared; then each of its events gets one of its own, and this is asked again."""
        if self.shared:
            raise NotAlone

    def after_commit(self, call: Callable[[], None]) -> None:
        """Something to do in this process once, and only if, the transaction has committed. It may not fail."""
        self._after.append(call)

    def committed(self) -> None:
        for call in self._after:
            call()

    def notify(self, channel: str, key: str = "") -> None:
        """Tells whoever waits for this, in every replica, once the transaction has committed (`kit.notices`)."""
        self.writes += 1
        self.notices[channel, key] = None

    def emit(self, event: Outgoing) -> None:
        """A fact that is true if, and only if, this transaction commits."""
        self.writes += 1
        self._outgoing.append(event)

    async def commit_without_flush(self) -> None:
        """Its commit does not wait for the disk: see WITHOUT_FLUSH. Not for a transaction that emits events, since one
        that was published cannot be lost."""
        await self.fetchval(f"SELECT {WITHOUT_FLUSH}")

    def _note(self, sql: str) -> None:
        count("sql")
        if not _only_reads(sql):
            self.writes += 1
        if WITHOUT_FLUSH in sql:
            self.flushes = False
        if "pg_notify" in sql:
            count("notify")

    async def fetch(self, sql: str, *args: Any) -> list[Row]:
        self._note(sql)
        rows: list[Row] = await self.connection.fetch(sql, *args, timeout=_within(self._timeout))
        return rows

    async def fetchrow(self, sql: str, *args: Any) -> Row | None:
        self._note(sql)
        row: Row | None = await self.connection.fetchrow(sql, *args, timeout=_within(self._timeout))
        return row

    async def fetchval(self, sql: str, *args: Any) -> Any:
        self._note(sql)
        return await self.connection.fetchval(sql, *args, timeout=_within(self._timeout))

    async def execute(self, sql: str, *args: Any) -> int:
        """Runs one statement; the number of rows that it touched."""
        before = self.writes
        self._note(sql)
        tag: str = await self.connection.execute(sql, *args, timeout=_within(self._timeout))
        if tag in _NOTHING_DONE and not sql.lstrip().startswith("WITH"):  # the tag is the last part's alone
            self.writes = before
        touched = tag.rpartition(" ")[2]
        return int(touched) if touched.isdigit() else 0

    async def flush(self) -> None:
        """Writes the outbox rows. Last in the transaction, while the rows' locks are held: so the
        identity that orders the outbox grows in the order of each aggregate's changes."""
        if not self._outgoing:
            return
        if not self.flushes:
            raise RuntimeError("an event may be published before its transaction is on the disk")
        trace = trace_headers()
        count("event", len(self._outgoing))
        await self.execute(
            """
            INSERT INTO outbox (event_id, topic, key, body, headers)
            SELECT event_id, topic, key, body, $5::jsonb
              FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[])
                   WITH ORDINALITY AS t(event_id, topic, key, body, n) ORDER BY n
            """,
            [UUID(event.id) for event in self._outgoing],
            [event.topic for event in self._outgoing],
            [event.key for event in self._outgoing],
            [event.to_bytes(traceparent=trace.get("traceparent")) for event in self._outgoing],
            json.dumps(trace),
        )
        self._outgoing.clear()
        self.notify(OUTBOX)


class Reading(Transaction):
    """What may be asked without a transaction: reads, each of which sees what is committed when it begins. That is no
    less than within a transaction here (READ COMMITTED), and saves the round trips of its BEGIN and COMMIT."""

    def emit(self, event: Outgoing) -> None:
        raise RuntimeError("nothing is written where one only reads, so nothing is told")

    def notify(self, channel: str, key: str = "") -> None:
        raise RuntimeError("nothing is written where one only reads, so nothing is told")

    def _note(self, sql: str) -> None:
        if not _only_reads(sql):
            raise RuntimeError("this writes or locks: it needs a transaction")
        super()._note(sql)


@cache
def _only_reads(sql: str) -> bool:
    return _READS.match(sql) is not None and _WRITES.search(sql) is None


async def _prepare(connection: Connection) -> None:
    await connection.set_type_codec("jsonb", encoder=lambda text: text, decoder=json.loads, schema="pg_catalog")


def _within(seconds: float) -> float:
    left = remaining_seconds(seconds)
    return max(_LEAST_SECONDS, min(max(left, _LAST_WORDS_SECONDS), left + _LAST_WORDS_SECONDS))


async def _keep(_: Connection) -> None:
    """Nothing of a session outlives its transaction here (no SET, no LISTEN, no session lock in the pool), so a
    connection that goes back needs no round trip that resets it."""


class Database:
    """A service's own database. Open it in the service's lifespan, close it at its end."""

    def __init__(self, url: str, *, pool_size: int = 5, command_timeout_seconds: float = 5.0) -> None:
        """`pool_size`: connections at most. Events and background work have two fifths of them at most, so that there
        is always one for a request."""
        self.url = url
        self.notices = Notices(self)
        self._for_nobody = asyncio.Semaphore(max(1, pool_size * 2 // 5))
        self._turns = asyncio.Semaphore(pool_size)
        """Who has one finds a connection in the pool, or may make one: only the store itself can keep them waiting."""
        self._pool_size = pool_size
        self._timeout = command_timeout_seconds
        self._pool: Any = None

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=0,
            max_size=self._pool_size,
            command_timeout=self._timeout,
            init=_prepare,
            reset=_keep,
            server_settings={"application_name": "bodega", "idle_in_transaction_session_timeout": "15s"},
        )

    async def close(self) -> None:
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), 5)
            except TimeoutError:
                self._pool.terminate()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Raises Unavailable, where the store has failed and not the statement; Busy, where the request's time is over
        while others stand in line for a connection."""
        try:
            yield
        except Exception as error:
            if isinstance(error, TimeoutError) and self._turns.locked() and remaining_seconds(self._timeout) <= 0:
                raise Busy(MANY_ASK) from error
            if is_of_the_store(error):
                raise Unavailable("the database does not answer", store=type(error).__name__) from error
            raise

    @property
    def pool(self) -> Any:
        if self._pool is None:
            raise RuntimeError("Database.open() was not awaited")
        return self._pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commits at the end of the block, rolls back if it raises.

        Raises: Unavailable, if the store cannot be reached or ends the transaction for reasons of its own (a deadlock,
        a failover, a full disk); Busy, if so many ask that our time is over before we have a connection or an answer.
        """
        with self._answering():
            async with self._connection() as connection, self._begun(connection):
                tx = Transaction(connection, timeout_seconds=self._timeout)
                yield tx
                await tx.flush()
            count("sql", 2)  # BEGIN and COMMIT
            if tx.writes and tx.flushes:
                count("commit")
            tx.committed()
            self.notices.give([*tx.notices])

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        """For reads alone. Raises Unavailable, as `transaction`."""
        with self._answering():
            async with self._connection() as connection:
                reading = Reading(connection, timeout_seconds=self._timeout)
                yield reading
            reading.committed()

    async def fetchrow(self, sql: str, *args: Any) -> Row | None:
        """One statement that writes, a transaction of its own: the server commits before it answers, so the locks
        that it takes never wait for our network.

        Raises: Unavailable, as `transaction`.
        """
        with self._answering():
            count("sql")
            if WITHOUT_FLUSH not in sql:
                count("commit")
            async with self._connection() as connection:
                row: Row | None = await connection.fetchrow(sql, *args, timeout=_within(self._timeout))
                return row

    def notify(self, channel: str, key: str = "") -> None:
        """As `Transaction.notify`, of what `fetchrow` has just written."""
        self.notices.give([(channel, key)])

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(_within(self._timeout)):
                    if nobody_waits():
                        await held.enter_async_context(self._for_nobody)
                    await held.enter_async_context(self._turns)
            except TimeoutError as error:
                raise Busy(MANY_ASK) from error
            connection = await self.pool.acquire(timeout=_within(self._timeout))
            held.push_async_callback(self.pool.release, connection, timeout=_GIVING_UP_SECONDS)
            yield connection

    @asynccontextmanager
    async def _begun(self, connection: Connection) -> AsyncIterator[None]:
        """A transaction. A store that does not answer is not waited for to roll it back: it does so when it finds that
        the connection is gone."""
        transaction = connection.transaction()
        async with asyncio.timeout(_within(self._timeout)):
            await transaction.start()
        try:
            yield
        except (Exception, asyncio.CancelledError):
            try:
                async with asyncio.timeout(_GIVING_UP_SECONDS):
                    await transaction.rollback()
            except Exception:
                connection.terminate()
            raise
        await transaction.commit()

    async def connect(self, **server_settings: str) -> Connection:
        """A connection outside the pool, for what keeps one: LISTEN, an advisory lock."""
        connection = await asyncpg.connect(
            self.url, command_timeout=self._timeout, server_settings={"application_name": "bodega", **server_settings}
        )
        await _prepare(connection)
        return connection

    async def ping(self) -> None:
        """Raises Unavailable if the store does not answer."""
        async with self.reading() as tx:
            await tx.fetchval("SELECT 1")
