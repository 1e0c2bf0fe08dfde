"""Long processes: a row with a state, a lease and a next step. Any replica takes over when its owner dies.

A step does its outside call (idempotent, with a deadline shorter than the lease), then says what comes
next; the engine writes that together with the room's own rows in one transaction that is fenced by the
epoch: whoever claims a flow raises it, and a sleeper that wakes finds that its writes match no row.
The request that starts a flow drives it inline for speed; a crash leaves it to whoever claims it after
the lease. Leases use the database's clock. (Kleppmann, "How to do distributed locking": the fence.)
Whoever drives it goes on in the trace of the request or message that has started it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from bodega.kit.db import WITHOUT_FLUSH, Database, Row, Transaction
from bodega.kit.errors import Unavailable
from bodega.kit.telemetry import FLOW_STEPS, log, span, trace_headers
from bodega.kit.trouble import Backoff, doubled, jittered

_log = log()
_TRACE = "trace"
"""Where a flow's data keeps the headers of its trace."""


class LeaseLost(Exception):
    """Somebody else owns the flow now. Whatever this owner was about to write has not been written."""


@dataclass(slots=True)
class Held:
    """A flow in the hands of its owner."""

    id: str
    kind: str
    step: str
    attempts: int
    epoch: int
    wake_at: datetime
    """As it was read: if it is another when the step is recorded, the flow was woken in the meantime."""
    due_at: datetime | None
    overdue: bool
    data: dict[str, Any]
    carried: Any = None
    """What the step before has handed on (`Next.carried`); None for whoever has taken the flow over."""


Write = Callable[[Transaction], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Next:
    """What a step decides: the next step, what it learned, and the room's own rows to write with it.

    `wait_seconds`: not before then (None: at once). `ended`: there is no next step. `due_seconds` sets the
    time, counted from now, after which steps find `overdue` true (0 keeps what is set). `carried`: what the next step
    would else read again. Only of rows that nobody changes without raising the epoch. `flush`: False for a step that
    may as well be done again: its record does not wait for the disk (`bodega.kit.db.WITHOUT_FLUSH`), and may be lost
    if the database server crashes. Then the step is done once more, whatever the steps after it have done meanwhile.
    """

    step: str
    data: Mapping[str, Any] = field(default_factory=dict)
    write: Write | None = None
    wait_seconds: float | None = None
    ended: bool = False
    due_seconds: float = 0
    carried: Any = None
    flush: bool = True


Step = Callable[[Held], Awaitable[Next]]


class Flows:
    """Starts, drives and takes over the flows of one kind."""

    def __init__(
        self,
        database: Database,
        kind: str,
        steps: Mapping[str, Step],
        *,
        service: str,
        owner: str,
        lease_seconds: float = 10.0,
        step_deadline_seconds: float = 7.0,
        retry_first_seconds: float = 1.0,
        retry_most_seconds: float = 60.0,
        poll_seconds: float = 1.0,
        workers: int = 4,
    ) -> None:
        if step_deadline_seconds >= lease_seconds:
            raise ValueError("a step's deadline must be shorter than the lease")
        self.database = database
        self.kind = kind
        self.steps = steps
        self.service = service
        self.owner = owner
        self.lease = lease_seconds
        self.deadline = step_deadline_seconds
        self.first = retry_first_seconds
        self.most = retry_most_seconds
        self.poll = poll_seconds
        self.workers = workers
        self._stopping = False
        self._wake = asyncio.Event()
        self._driving = 0
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    async def start(
        self,
        tx: Transaction,
        flow_id: str,
        step: str,
        data: Mapping[str, Any],
        *,
        inline: bool = True,
        due_seconds: float | None = None,
        carried: Any = None,
        wait_seconds: float = 0,
    ) -> Held | None:
        """A new flow, in the caller's transaction. `inline`: already leased to the caller, who drives it
        after the commit. False: whoever comes first takes it, after `wait_seconds`. `carried`: as in Next. None, if it
        exists already."""
        trace = trace_headers()
        row = await tx.fetchrow(
            """INSERT INTO flow (id, kind, state, step, owner, epoch, lease_until, data, due_at, wake_at)
               VALUES ($1, $2, 'running', $3, CASE WHEN $5 THEN $4 END, 1,
                       CASE WHEN $5 THEN now() + make_interval(secs => $6) END, $7::jsonb,
                       now() + make_interval(secs => $8), now() + make_interval(secs => $9))
               ON CONFLICT (id) DO NOTHING RETURNING *, false AS overdue""",
            flow_id, self.kind, step, self.owner, inline, self.lease,
            json.dumps({**data, **({_TRACE: trace} if trace else {})}), due_seconds, wait_seconds,
        )  # fmt: skip
        if not inline:  # before the commit a worker would find nothing, and sleep on
            tx.after_commit(partial(self._wake_in, wait_seconds) if wait_seconds else self._wake.set)
        return _held(row, carried) if row is not None else None

    async def claim(self, flow_id: str | None = None) -> Held | None:
        """Takes a flow whose lease has run out and whose time has come: this one, or any. None: nothing to do.

        One that stands at a step of another release is left to the processes of that release (ADR 0015)."""
        # One statement for each: a condition for both would let no index find those that are due.
        which = "id = $4::text" if flow_id is not None else "wake_at <= now() AND $4::text IS NULL"
        row = await self.database.fetchrow(
            f"""UPDATE flow SET owner = $2, epoch = epoch + 1, state = 'running',
                       lease_until = now() + make_interval(secs => $3), updated_at = now()
                 WHERE id = (SELECT id FROM flow
                              WHERE kind = $1 AND state <> 'ended' AND {which}
                                AND (lease_until IS NULL OR lease_until < now()) AND step = ANY($5::text[])
                              ORDER BY wake_at LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING *, coalesce(due_at <= now(), false) AS overdue""",  # noqa: S608 - constants
            self.kind, self.owner, self.lease, flow_id, list(self.steps),
        )  # fmt: skip
        return _held(row) if row is not None else None

    async def wake(self, tx: Transaction, flow_id: str, **news: Any) -> bool:
        """Something that the flow waits for has happened: it is due now. `news` is merged into its data
        without taking the lease; its owner reads it with its next step, which comes at once."""
        touched = await tx.execute(
            """UPDATE flow SET wake_at = now(), data = data || $2::jsonb, updated_at = now()
                WHERE id = $1 AND state <> 'ended'""",
            flow_id, json.dumps(news),
        )  # fmt: skip
        tx.after_commit(self._wake.set)
        return touched > 0

    async def seize(self, tx: Transaction, flow_id: str, **news: Any) -> Held | None:
        """Takes the flow whoever holds it, for what must not wait: a shopper cancels, or pays with another card.
        The epoch fences off the present owner. Should we die, it is due as soon as the lease is over, however long it
        was to wait before. None, if it has ended."""
        row = await tx.fetchrow(
            """UPDATE flow SET owner = $2, epoch = epoch + 1, state = 'running', attempts = 0,
                      lease_until = now() + make_interval(secs => $3), data = data || $4::jsonb,
                      wake_at = now(), updated_at = now()
                WHERE id = $1 AND state <> 'ended'
            RETURNING *, coalesce(due_at <= now(), false) AS overdue""",
            flow_id, self.owner, self.lease, json.dumps(news),
        )  # fmt: skip
        return _held(row) if row is not None else None

    async def lock(self, tx: Transaction, *flow_ids: str) -> None:
        """Locks flows before the rows that they are about are locked. Everywhere a flow comes first, as where a step is
        recorded: two transactions that took them the other way round would wait for each other."""
        await tx.execute("SELECT 1 FROM flow WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE", list(flow_ids))

    async def set_due(self, tx: Transaction, held: Held, seconds: float) -> None:
        """In the hands of its owner: from so many seconds from now on it is overdue, and not before."""
        held.due_at = await tx.fetchval(
            """UPDATE flow SET due_at = now() + make_interval(secs => $3), updated_at = now()
                WHERE id = $1 AND epoch = $2 RETURNING due_at""",
            held.id, held.epoch, seconds,
        )  # fmt: skip
        held.overdue = False

    async def end(self, tx: Transaction, flow_id: str) -> bool:
        """Ends the flow from outside, whoever holds it: what it worked for is decided. False: it had ended."""
        touched = await tx.execute(
            """UPDATE flow SET state = 'ended', epoch = epoch + 1, owner = NULL, lease_until = NULL, updated_at = now()
                WHERE id = $1 AND state <> 'ended'""",
            flow_id,
        )
        return touched > 0

    async def drive(self, held: Held) -> None:
        """Runs steps until the flow waits, or ends, or fails for now (and is tried again later).

        A flow that was seized at a step of another release is given back at once, due for a process that knows it.
        Raises: LeaseLost, if somebody else has taken over.
        """
        if held.step not in self.steps:
            await self._leave_to_another(held)
            return
        going_on: Held | None = held
        self._driving += 1
        self._at_rest.clear()
        try:
            while going_on is not None:
                with span(f"{self.kind} {going_on.step}", going_on.data.get(_TRACE, {}), service=self.service):
                    going_on = await self._take_step(going_on)
        finally:
            self._driving -= 1
            if not self._driving:
                self._at_rest.set()

    async def _take_step(self, held: Held) -> Held | None:
        """The flow, if another step follows at once. Raises LeaseLost."""
        step = self.steps[held.step]
        try:
            async with asyncio.timeout(self.deadline):
                decided = await step(held)
            going_on = await self._record(held, decided)
        except LeaseLost:
            raise
        except Exception as error:  # a step may fail in any way; the flow must survive all of them
            FLOW_STEPS.labels(self.service, self.kind, held.step, "failed").inc()
            expected = isinstance(error, Unavailable | TimeoutError | OSError)
            (_log.warning if expected else _log.exception)(
                "a step failed and will be tried again", flow=held.id, step=held.step, attempt=held.attempts + 1,
                error=error,
            )  # fmt: skip
            await self._retry_later(held)
            return None
        FLOW_STEPS.labels(self.service, self.kind, held.step, "done").inc()
        return going_on

    async def _record(self, held: Held, decided: Next) -> Held | None:
        leased = not decided.ended and decided.wait_seconds is None
        state = "ended" if decided.ended else "running" if leased else "waiting"
        record = (
            f"""UPDATE flow SET step = $3, attempts = CASE WHEN step = $3 THEN attempts + 1 ELSE 0 END,
                      data = data || $4::jsonb, state = $5, updated_at = now(),
                      owner = CASE WHEN $6 THEN owner END,
                      lease_until = CASE WHEN $6 THEN now() + make_interval(secs => $7) END,
                      wake_at = CASE WHEN wake_at = $10 THEN now() + make_interval(secs => $8) ELSE now() END,
                      due_at = CASE WHEN $9::float8 > 0 THEN now() + make_interval(secs => $9) ELSE due_at END
                WHERE id = $1 AND epoch = $2 AND step = $11 AND state <> 'ended'
            RETURNING *, coalesce(due_at <= now(), false) AS overdue,
                      extract(epoch FROM wake_at - now())::float8 AS wait
                      {"" if decided.flush else f", {WITHOUT_FLUSH}"}""",  # noqa: S608 - a constant
            held.id, held.epoch, decided.step, json.dumps(dict(decided.data)), state, leased, self.lease,
            decided.wait_seconds or 0.0, float(decided.due_seconds), held.wake_at, held.step,
        )  # fmt: skip
        if decided.write is None:
            row = await self.database.fetchrow(*record)
            if row is None:
                raise LeaseLost(held.id)
        else:
            async with self.database.transaction() as tx:
                row = await tx.fetchrow(*record)
                if row is None:
                    raise LeaseLost(held.id)
                await decided.write(tx)
        if state == "waiting":
            self._wake_in(row["wait"])
        return _held(row, decided.carried) if leased else None

    async def _leave_to_another(self, held: Held) -> None:
        _log.info("a flow is left to another release", flow=held.id, kind=self.kind, step=held.step)
        FLOW_STEPS.labels(self.service, self.kind, held.step, "left").inc()
        row = await self.database.fetchrow(
            """UPDATE flow SET state = 'waiting', owner = NULL, lease_until = NULL, wake_at = now(), updated_at = now()
                WHERE id = $1 AND epoch = $2 AND state <> 'ended' RETURNING id""",
            held.id, held.epoch,
        )  # fmt: skip
        if row is None:
            raise LeaseLost(held.id)

    def _wake_in(self, seconds: float) -> None:
        """A wait shorter than the poll would else last as long as the poll."""
        if seconds < self.poll:
            asyncio.get_running_loop().call_later(seconds, self._wake.set)

    async def _retry_later(self, held: Held) -> None:
        wait = jittered(doubled(self.first, self.most, held.attempts))
        row = await self.database.fetchrow(
            """UPDATE flow SET attempts = attempts + 1, state = 'waiting', owner = NULL, lease_until = NULL,
                      wake_at = CASE WHEN wake_at = $4 THEN now() + make_interval(secs => $3) ELSE now() END,
                      updated_at = now()
                WHERE id = $1 AND epoch = $2 AND state <> 'ended'
            RETURNING extract(epoch FROM wake_at - now())::float8 AS wait""",
            held.id, held.epoch, wait, held.wake_at,
        )  # fmt: skip
        if row is None:
            raise LeaseLost(held.id)
        self._wake_in(row["wait"])

    async def run(self) -> None:
        """Claims and drives what is due until stopped, several at a time; then what is still driven comes to rest, and
        the leases that are left are given back, so that another replica need not wait for them."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.workers):
                    group.create_task(self._worker())
            await self._at_rest.wait()
        finally:
            if self._stopping:
                await self._give_back()

    async def _worker(self) -> None:
        backoff = Backoff(self.first, self.most)
        while not self._stopping:
            try:
                held = await self.claim()
                backoff.reset()
                if held is None:
                    await self._sleep(self.poll)
                else:
                    await self.drive(held)
            except LeaseLost as lost:
                _log.warning("a flow was taken over while we worked on it", flow=str(lost))
            except Exception as error:  # by default an error is ours
                wait = backoff.next()
                (_log.warning if isinstance(error, Unavailable) else _log.exception)(
                    "flows wait", kind=self.kind, error=error, wait_seconds=wait
                )
                await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return
        if not self._stopping:
            self._wake.clear()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _give_back(self) -> None:
        """Without a store they are not given back, and run out by themselves."""
        try:
            async with self.database.transaction() as tx:
                await tx.execute(
                    """UPDATE flow SET lease_until = NULL, owner = NULL, epoch = epoch + 1
                        WHERE kind = $1 AND owner = $2 AND state <> 'ended'""",
                    self.kind, self.owner,
                )  # fmt: skip
        except Unavailable as error:
            _log.warning("leases are left to run out", kind=self.kind, error=error)


def _held(row: Row, carried: Any = None) -> Held:
    return Held(
        id=row["id"],
        kind=row["kind"],
        step=row["step"],
        attempts=row["attempts"],
        epoch=row["epoch"],
        wake_at=row["wake_at"],
        due_at=row["due_at"],
        overdue=row["overdue"],
        data=row["data"],
        carried=carried,
    )
