"""Long processes: what drives each payment to its wanted end, and what compares the processor's books with ours.

Whoever makes a payment due holds it from that commit on and drives it; what is left (he has died, or had no hand
free, or it was to wait) a worker claims. He does the next duty (a call to the processor), and writes what the answer
means only if nothing has happened to the payment since: `version` is the fence. An answer that is out of date is thrown
away and asked for again. Calls of a worker that was taken over cannot be stopped; their keys make them harmless.
"""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from prometheus_client import Gauge

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.deadline import forget_deadline
from bodega.kit.errors import Unavailable
from bodega.kit.loops import Periodic
from bodega.kit.telemetry import FLOW_STEPS, log, span
from bodega.kit.trouble import Backoff, doubled, jittered
from bodega.services.payments import domain, service, store
from bodega.services.payments.clients import Processor
from bodega.services.payments.domain import Change, Duty, Given, Outcome, Payment, Refund, Standing
from bodega.services.payments.errors import NotNow, ProcessorError, Refused, Unknown
from bodega.services.payments.settings import Settings
from bodega.services.payments.store import Hand, Held

_log = log()
_UNMATCHED = Gauge("payments_unmatched", "Charges at the processor that no payment explains; must be 0")
_Result = TypeVar("_Result")
_WORKERS = 4
_PAGE = 100
"""How many of the processor's charges are compared by one question."""


class Workers:
    """Drives payments: several at a time in the background, and at once for whoever has just made one due."""

    def __init__(self, database: Database, processor: Processor, settings: Settings) -> None:
        self._database = database
        self._processor = processor
        self._deadline = settings.step_deadline_seconds
        self._lease = settings.lease_seconds
        self._first = settings.retry_first_seconds
        self._most = settings.retry_most_seconds
        self._stopping = False
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._taken = 0
        self._answers: dict[str, asyncio.Event] = {}
        """By intent: set once the answer to the call that is under way is written."""

    def hand(self) -> Hand:
        """For a payment that is about to be made due. Once that is committed, `hurry` is to be told."""
        return Hand(new_id("own"), self._lease, self._database)

    # --- inline ---

    async def hurry(self, payment_id: str, within_seconds: float, held: Held | None = None) -> Payment | None:
        """Drives one payment until nothing is to be done for now, at most so long. What is under way then goes on
        by itself. `held`: it is in our hands already. Returns it, if it has come to rest in them.

        Raises: Unavailable, if the store cannot be reached.
        """
        task = self._begin(self._until_at_rest(payment_id, time.monotonic() + within_seconds, held))
        done, _ = await asyncio.wait({task}, timeout=max(within_seconds, 0))
        return task.result() if done else None

    async def _until_at_rest(self, payment_id: str, until: float, held: Held | None) -> Payment | None:
        forget_deadline()  # what the processor has said is written down, whoever still waits for it
        hand = self.hand()
        while held is not None or (time.monotonic() < until and not self._stopping):
            if held is None:
                async with self._database.reading() as tx:
                    if not await store.is_under_way(tx, payment_id):
                        return None
                held = await store.claim(hand, payment_id)
            if held is None:
                await asyncio.sleep(0.03)  # another worker has it
                continue
            at_rest, held = await self._drive(held), None
            if at_rest is not None:
                return at_rest
        return None

    def hand_if_free(self) -> Hand | None:
        """The same for what nobody waits for, with `take`. None: so many are driven already that it waits its turn."""
        return self.hand() if self._taken < _WORKERS and not self._stopping else None

    def take(self, held: Held) -> None:
        """Drives a payment that is in our hands, beside all else. Should it fail, it is found when its lease ends."""
        self._taken += 1
        self._begin(self._drive_taken(held))

    async def _drive_taken(self, held: Held) -> None:
        try:
            await self._drive(held)
        except Unavailable as error:
            _log.warning("a payment waits for the store", payment=held.payment.id, error=error)
        except Exception as error:  # as in the background
            _log.exception("a payment could not be driven", payment=held.payment.id, error=error)
        finally:
            self._taken -= 1

    def _begin(self, work: Coroutine[Any, Any, _Result]) -> asyncio.Task[_Result]:
        """Goes on whatever becomes of who has begun it; those who stop wait for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def answered(self, intent_id: str, within_seconds: float) -> None:
        """Waits until no call about this intent is under way from here, at most so long."""
        answer = self._answers.get(intent_id)
        if answer is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(answer.wait(), within_seconds)

    # --- in the background ---

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(_WORKERS):
                group.create_task(self._work())
        if self._tasks:
            await asyncio.wait(self._tasks)

    def stop(self) -> None:
        self._stopping = True
        self.wake()

    def wake(self) -> None:
        """There is something to do. Call it once that is committed."""
        self._wake.set()

    async def _work(self) -> None:
        hand = self.hand()
        backoff = Backoff(self._first, self._most)
        while not self._stopping:
            try:
                self._wake.clear()
                held = await store.claim(hand)
                backoff.reset()
                if held is None:
                    await self._sleep(self._first)
                else:
                    await self._drive(held)
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

    # --- the steps ---

    async def _drive(self, held: Held) -> Payment | None:
        """Duty after duty, until there is none, or trouble, or the payment is in other hands, or we are to stop.
        Returns it, if it is not in other hands."""
        left: Held | Payment | None = held
        while isinstance(left, Held):
            with span("payment", left.trace, service="payments", payment=left.payment.id), self._asking(left.payment):
                left = await self._do_duty(left)
        return left

    @contextlib.contextmanager
    def _asking(self, payment: Payment) -> Iterator[None]:
        intent_id, answer = payment.intent_id, asyncio.Event()
        if intent_id is not None:
            self._answers[intent_id] = answer
        try:
            yield
        finally:
            if intent_id is not None and self._answers.get(intent_id) is answer:
                del self._answers[intent_id]
            answer.set()

    async def _do_duty(self, held: Held) -> Held | Payment | None:
        """As it stands: in our hands, if we go on; given back; None: in other hands."""
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
        return await self._write(held, None if trouble else duty, outcome, trouble=trouble)

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

    async def _write(self, held: Held, done: Duty | None, outcome: Outcome, *, trouble: bool) -> Held | Payment | None:
        """Writes what the outcome means, if nothing has happened meanwhile, and gives the payment back if nothing is
        to be done now, or not by us: we are to stop."""
        before, money = held.payment, held.money
        change = domain.Change(before)
        if done is not None:
            change = domain.settle(before, money, done, outcome, refund_id=new_id("rfd"))
        after = replace(change.payment, refund=await self._next_refund(held, change))
        following = domain.duty(after, money)
        lost = trouble or change.later or isinstance(outcome, Unknown)
        troubles = _troubles(before, after, lost=lost, at_rest=following is None)
        # The first lost answer is followed up at once: mostly the next call tells what has happened.
        pausing = lost and (trouble or change.later or troubles > 1)
        going_on = following is not None and not pausing and not self._stopping
        saved = await self._save(
            held,
            replace(change, payment=replace(after, troubles=troubles)),
            busy=going_on,
            wait_seconds=None if following is None else self._pause(troubles) if pausing else 0.0,
            flush=done != "create",  # created again, with the same key, it is the same intent
        )
        if saved is not None:
            return replace(held, payment=saved) if going_on else saved
        again = None if self._stopping else await store.claim(held.hand, before.id)
        if again is None:  # nobody drives it from here on: whoever comes next need not wait for our lease
            await store.give_back(held)
        return again

    @staticmethod
    async def _next_refund(held: Held, change: Change) -> Refund | None:
        """The one that is to be done next. Read before anything is locked: whoever plans another meanwhile raises the
        payment's version."""
        if change.payment.refund is not None or change.payment.refunding <= change.payment.refunded:
            return change.payment.refund
        async with held.hand.database.reading() as tx:
            return await store.wanted_refund(tx, change.payment.id, but=change.refund.id if change.refund else None)

    @staticmethod
    async def _save(
        held: Held, change: Change, *, busy: bool, wait_seconds: float | None, flush: bool
    ) -> Payment | None:
        """By one statement, which is a transaction of its own unless something is told. None: it was in vain."""
        database = held.hand.database
        if not change.facts:
            saved = await store.save(database, held, change, busy=busy, wait_seconds=wait_seconds, flush=flush)
            return saved.payment if saved is not None else None
        async with database.transaction() as tx:
            saved = await store.save(tx, held, change, busy=busy, wait_seconds=wait_seconds)
            if saved is None:
                return None
            service.tell(tx, held.payment.order_id, change.facts, saved.sequence)
        return saved.payment

    def _pause(self, troubles: int) -> float:
        return jittered(doubled(self._first, self._most, troubles))


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
    """Compares the processor's list with ours. What differs for longer than the grace is unmatched money, and people
    must know.

    The first comparison of a process reaches back by the overlap from where the last one ended: challenges take their
    time. Those that follow read what has been made since the one before, and `_NEW` before that, and go over the whole
    overlap again, bit by bit, once in `_ROUND`: else a shop with many orders would read an hour of them each time.
    """

    _NEW = timedelta(seconds=60)
    _ROUND = timedelta(minutes=10)

    def __init__(self, database: Database, processor: Processor, settings: Settings) -> None:
        self._database = database
        self._processor = processor
        self._every = settings.reconcile_seconds
        self._overlap = timedelta(seconds=settings.sweep_overlap_seconds)
        self._grace = settings.unmatched_grace_seconds
        self._last: datetime | None = None
        """When the last comparison began. None: there was none."""
        self._again_from: datetime | None = None
        """Up to where the overlap has been looked at again."""

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
        async with self._database.reading() as tx:
            until, now = await store.swept_until(tx, self._processor.name)
        begin = now - self._overlap
        since, again_from, again_to = (until or now) - self._overlap, begin, begin
        if until is not None and self._last is not None:
            since = until - self._NEW
            again_from = max(self._again_from or begin, begin)
            again_to = min(again_from + (now - self._last) * (self._overlap / self._ROUND), since)
        seen = await self._compare_listed(since, None)
        if again_from < again_to:
            seen |= await self._compare_listed(again_from, again_to)
        async with self._database.reading() as tx:
            unmatched = await store.unmatched_ids(tx, seen_before=now)
        for intent_id in unmatched:
            if intent_id not in seen:
                await self._compare(await self._processor.retrieve(intent_id))
        async with self._database.transaction() as tx:
            await store.save_swept(tx, self._processor.name, now)
            found = await store.list_unmatched(tx, grace_seconds=self._grace, limit=100)
        self._last, self._again_from = now, again_to if again_to < since else None
        _UNMATCHED.set(len(found))
        for one in found:
            _log.error("unmatched money", intent=one.intent_id, payment=one.payment_id, status=one.status,
                       amount=one.amount.amount, currency=one.amount.currency)  # fmt: skip
        return len(found)

    async def _compare_listed(self, since: datetime, before: datetime | None) -> set[str]:
        """Those made in that time; which they are."""
        seen, page = set[str](), list[Standing]()
        async for standing in self._processor.all_since(since, before):
            seen.add(standing.intent_id)
            page.append(standing)
            if len(page) >= _PAGE:
                await self._compare_all(page)
                page.clear()
        await self._compare_all(page)
        return seen

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
