"""Long processes: what drives each payment to its wanted end, and what compares the processor's books with ours.

A worker claims a payment, does its next duty (a call to the processor), and writes what the answer means only if
nothing has happened to the payment since: `version` is the fence. An answer that is out of date is thrown away
and asked for again. Calls of a worker that was taken over cannot be stopped; their keys make them harmless.
"""

import asyncio
import contextlib
import random
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

from prometheus_client import Gauge

from bodega.contracts.ids import new_id
from bodega.kit.db import Connection, Database
from bodega.kit.deadline import forget_deadline
from bodega.kit.errors import Unavailable
from bodega.kit.loops import Periodic
from bodega.kit.telemetry import FLOW_STEPS, log, span
from bodega.kit.trouble import Backoff
from bodega.services.payments import domain, service, store
from bodega.services.payments.clients import Processor
from bodega.services.payments.domain import Duty, Given, Outcome, Payment, Standing
from bodega.services.payments.errors import NotNow, ProcessorError, Refused, Unknown
from bodega.services.payments.settings import Settings
from bodega.services.payments.store import Held

_log = log()
_UNMATCHED = Gauge("payments_unmatched", "Charges at the processor that no payment explains; must be 0")
_WORKERS = 4
_PAGE = 100
"""How many of the processor's charges are compared by one question."""


class Workers:
    """Drives payments: several at a time in the background, and inline for whoever waits."""

    def __init__(self, database: Database, processor: Processor, settings: Settings) -> None:
        self._database = database
        self._processor = processor
        self._deadline = settings.step_deadline_seconds
        self._lease = settings.lease_seconds
        self._first = settings.retry_first_seconds
        self._most = settings.retry_most_seconds
        self._stopping = False
        self._wake = asyncio.Event()
        self._hurried: set[asyncio.Task[None]] = set()

    # --- inline ---

    async def hurry(self, payment_id: str, within_seconds: float) -> None:
        """Drives one payment until nothing is to be done for now, at most so long. What is under way then goes on
        by itself.

        Raises: Unavailable, if the store cannot be reached.
        """
        task = asyncio.create_task(self._until_at_rest(payment_id, time.monotonic() + within_seconds))
        self._hurried.add(task)
        task.add_done_callback(self._hurried.discard)
        done, _ = await asyncio.wait({task}, timeout=max(within_seconds, 0))
        for ended in done:
            ended.result()

    async def _until_at_rest(self, payment_id: str, until: float) -> None:
        forget_deadline()  # what the processor has said is written down, whoever still waits for it
        owner = new_id("own")
        while time.monotonic() < until and not self._stopping:
            async with self._database.reading() as tx:
                if not await store.is_under_way(tx, payment_id):
                    return
            async with self._database.transaction() as tx:
                held = await store.claim(tx, owner, self._lease, payment_id)
            if held is not None:
                await self._drive(owner, held)
            else:
                await asyncio.sleep(0.03)  # another worker has it

    # --- in the background ---

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen())
            workers = [group.create_task(self._work()) for _ in range(_WORKERS)]
            await asyncio.wait(workers)
            listening.cancel()
        if self._hurried:
            await asyncio.wait(self._hurried)

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _work(self) -> None:
        owner = new_id("own")
        backoff = Backoff(self._first, self._most)
        while not self._stopping:
            try:
                self._wake.clear()
                async with self._database.transaction() as tx:
                    held = await store.claim(tx, owner, self._lease)
                backoff.reset()
                if held is None:
                    await self._sleep(self._first)
                else:
                    await self._drive(owner, held)
            except Unavailable as error:
                wait = backoff.next()
                _log.warning("payments wait for the store", error=error, wait_seconds=wait)
                await self._sleep(wait)
            except Exception as error:  # one payment must not stop the others; its lease makes it wait
                _log.exception("a payment could not be driven", error=error)

    async def _sleep(self, seconds: float) -> None:
        if not self._stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), seconds)

    async def _listen(self) -> None:
        """Hears of new work as soon as it is committed. Should this fail, the workers look for themselves."""
        while True:
            connection: Connection | None = None
            try:
                connection = await self._database.connect()
                lost = asyncio.Event()
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                await connection.add_listener(store.WORK, self._on_notify)
                await lost.wait()
            except Exception as error:  # by default an error is ours
                _log.warning("payments do not hear of new work", error=error)
            finally:
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(self._most)

    def _on_notify(self, *_: Any) -> None:
        self._wake.set()

    # --- the steps ---

    async def _drive(self, owner: str, held: Held | None) -> None:
        """Duty after duty, until there is none, or trouble, or the payment is in other hands, or we are to stop."""
        while held is not None:
            with span("payment", held.trace, service="payments", payment=held.payment.id):
                held = await self._do_duty(owner, held)

    async def _do_duty(self, owner: str, held: Held) -> Held | None:
        """The payment as it stands, if this worker goes on."""
        duty = domain.duty(held.payment, held.money)
        outcome: Outcome = None
        trouble = False
        if duty is not None:
            try:
                outcome = await self._call(duty, held.payment)
            except NotNow as error:
                _log.warning("the processor says: not now", payment=held.payment.id, duty=duty, error=error)
                trouble = True
            except Unavailable:
                raise
            except Exception as error:  # whatever it is, the payment must survive it
                _log.exception("a duty failed", payment=held.payment.id, duty=duty, error=error)
                trouble = True
            FLOW_STEPS.labels("payments", "payment", duty, _word(outcome, trouble)).inc()
        return await self._write(owner, held, None if trouble else duty, outcome, trouble=trouble)

    async def _call(self, duty: Duty, payment: Payment) -> Outcome:
        """Raises: NotNow."""
        try:
            async with asyncio.timeout(self._deadline):
                return await self._ask(duty, payment)
        except TimeoutError:
            return Unknown("no answer in time", stored=False)
        except (Refused, Unknown) as outcome:
            _log.info("the processor does not say yes", payment=payment.id, duty=duty, error=outcome)
            return outcome

    async def _ask(self, duty: Duty, payment: Payment) -> Outcome:  # noqa: PLR0911 - one call a line
        processor = self._processor
        match duty:
            case "create":
                return await processor.create(payment)
            case "find":
                return await processor.find(payment)
            case "confirm":
                return await processor.confirm(payment)
            case "retrieve":
                return await processor.retrieve(str(payment.intent_id))
            case "capture":
                return await processor.capture(payment)
            case "cancel":
                return await processor.cancel(payment)
            case "refund" if payment.refund is not None:
                await processor.refund(payment, payment.refund)
                return Given()
            case "find_refund" if payment.refund is not None:
                return Given() if await processor.find_refund(payment, payment.refund) else None
        return None

    async def _write(
        self, owner: str, held: Held, done: Duty | None, outcome: Outcome, *, trouble: bool
    ) -> Held | None:
        """Writes what the outcome means, if nothing has happened meanwhile, and gives the payment back if nothing is
        to be done now, or not by us: we are to stop. Returns it as it stands, if this worker goes on."""
        async with self._database.transaction() as tx:
            locked = await store.lock_held(tx, held)
            if locked is None:
                again = None if self._stopping else await store.claim(tx, owner, self._lease, held.payment.id)
                if again is None:  # nobody drives it from here on: whoever comes next need not wait for our lease
                    await store.give_back(tx, owner, held.payment.id)
                return again
            before, money = locked.payment, locked.money
            change = domain.Change(before)
            if done is not None:
                change = domain.settle(before, money, done, outcome, refund_id=new_id("rfd"))
            await service.apply(tx, change)
            # The refund that follows the one just done.
            left = change.payment.refunding > change.payment.refunded
            after = replace(change.payment, refund=await store.wanted_refund(tx, before.id) if left else None)
            following = domain.duty(after, money)
            lost = trouble or change.later or isinstance(outcome, Unknown)
            troubles = _troubles(before, after, lost=lost, at_rest=following is None)
            # The first lost answer is followed up at once: mostly the next call tells what has happened.
            pausing = lost and (trouble or change.later or troubles > 1)
            going_on = following is not None and not pausing and not self._stopping
            payment = await store.save_payment(
                tx,
                replace(after, troubles=troubles),
                busy=going_on,
                lease_seconds=self._lease,
                wait_seconds=None if following is None else self._pause(troubles) if pausing else 0.0,
            )
        return Held(payment, money, held.trace) if going_on else None

    def _pause(self, troubles: int) -> float:
        longest = min(self._first * 2.0 ** min(troubles, 20), self._most)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def _troubles(before: Payment, after: Payment, *, lost: bool, at_rest: bool) -> int:
    """How often in a row the processor has not helped. `created` and `unknown` may follow each other for ever, so
    going from one to the other is no progress."""
    if lost:
        return before.troubles + 1
    progress = before.state != after.state and after.state not in ("created", "unknown")
    return 0 if at_rest or progress else before.troubles


def _word(outcome: Outcome, trouble: bool) -> str:
    if trouble:
        return "not_now"
    return type(outcome).__name__.lower() if isinstance(outcome, ProcessorError) else "done"


class Sweep:
    """Compares the processor's list with ours, from where the last comparison ended. What differs for longer than
    the grace is unmatched money, and people must know."""

    def __init__(self, database: Database, processor: Processor, settings: Settings) -> None:
        self._database = database
        self._processor = processor
        self._every = settings.reconcile_seconds
        self._overlap = timedelta(seconds=settings.sweep_overlap_seconds)
        self._grace = settings.unmatched_grace_seconds

    def loop(self) -> Periodic:
        async def compare() -> bool:
            try:
                await self.once()
            except ProcessorError as error:
                _log.warning("the comparison with the processor is put off", error=error)
            return False

        return Periodic(compare, every_seconds=self._every)

    async def once(self) -> int:
        """One comparison; how much money is unmatched, by number of charges.

        Raises: Unknown, NotNow, Unavailable.
        """
        async with self._database.transaction() as tx:
            until, now = await store.swept_until(tx, self._processor.name)
        since = (until or now) - self._overlap
        page: list[Standing] = []
        async for standing in self._processor.all_since(since):
            page.append(standing)
            if len(page) >= _PAGE:
                await self._compare_all(page)
                page.clear()
        await self._compare_all(page)
        async with self._database.reading() as tx:
            older = await store.unmatched_ids(tx, seen_before=since)
        for intent_id in older:
            await self._compare(await self._processor.retrieve(intent_id))
        async with self._database.transaction() as tx:
            await store.save_swept(tx, self._processor.name, now)
            found = await store.list_unmatched(tx, grace_seconds=self._grace, limit=100)
        _UNMATCHED.set(len(found))
        for one in found:
            _log.error("unmatched money", intent=one.intent_id, payment=one.payment_id, status=one.status,
                       amount=one.amount.amount, currency=one.amount.currency)  # fmt: skip
        return len(found)

    async def _compare_all(self, page: list[Standing]) -> None:
        """Most agree, and are looked at together; what differs is looked at again by itself, with its rows locked."""
        if not page:
            return
        async with self._database.reading() as tx:
            differing = await service.differing(tx, page)
        for standing in page:
            if standing.intent_id in differing:
                await self._compare(standing)

    async def _compare(self, standing: Standing) -> None:
        async with self._database.transaction() as tx:
            await service.compare(tx, standing)
