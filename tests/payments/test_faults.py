"""The processor loses answers, stores errors, is slow or away; workers die. Nobody is charged twice, and it ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bodega.contracts.payments import AuthorizePayment, RefundRequest
from bodega.kit.db import Database, Row, Transaction
from bodega.kit.testing import PATIENCE_SECONDS, Credentials, Topics, eventually, serving
from bodega.services.payments import service, store
from bodega.services.payments.app import create_app
from bodega.services.payments.clients import Stripe
from bodega.services.payments.domain import Change, Payment, Standing
from bodega.services.payments.flows import Sweep, Workers
from bodega.services.payments.settings import Settings
from tests.payments.conftest import Bank, Checkout, accounts
from tests.payments.making import TOTAL, Buy, euro
from tests.payments.workplace import Sleeper, Workplace
from tests.sandbox.stand import Sandbox

pytestmark = pytest.mark.service

LOST = ("timeout_before", "timeout_after", "drop_before", "drop_after", "error_500", "error_500_after")


@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("target", ["create", "confirm"])
async def test_an_authorisation_whose_answer_is_lost_ends_as_if_it_were_not(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, target: str, kind: str
) -> None:
    await bank.no_webhooks(buy)
    await bank.fault(target, kind, buy)
    await checkout.pay(buy)
    await checkout.becomes("authorized", buy)
    ledger = await bank.ledger(buy)
    assert (ledger["authorised"], ledger["held"]) == (TOTAL, TOTAL)
    assert list(ledger["intents"].values()) == ["requires_capture"]
    told = await topics.of_subject("payments", buy.order_id, "PaymentAuthorized")
    assert [one["type"] for one in told] == ["PaymentAuthorized"]


@pytest.mark.parametrize("kind", LOST)
async def test_a_capture_whose_answer_is_lost_takes_the_money_once(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, kind: str
) -> None:
    await bank.no_webhooks(buy)
    await bank.fault("capture", kind, buy)
    await checkout.pay(buy)
    await topics.publish(buy.paid())
    await checkout.becomes("captured", buy)
    assert (await bank.ledger(buy))["captured"] == TOTAL


@pytest.mark.parametrize("kind", LOST)
async def test_a_refund_whose_answer_is_lost_gives_back_once(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, kind: str
) -> None:
    await checkout.pay(buy)
    await topics.publish(buy.paid())
    await checkout.becomes("captured", buy)
    await bank.fault("refund", kind, buy)
    await checkout.http.post(
        f"/internal/payments/{buy.payment_id()}/refund", {"amount": euro(1000)}, headers={"Idempotency-Key": "part-one"}
    )
    await checkout.becomes("partly_refunded", buy)
    assert (await bank.ledger(buy))["refunded"] == 1000


@pytest.mark.parametrize("kind", LOST)
async def test_a_void_is_repeated_until_the_processor_confirms_it(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, kind: str
) -> None:
    await checkout.pay(buy)
    await bank.fault("cancel", kind, buy, times=2)
    await topics.publish(buy.cancelled())
    await checkout.becomes("voided", buy)
    assert (await bank.ledger(buy))["held"] == 0


async def test_an_outcome_in_doubt_is_answered_as_such_and_no_other_card_is_charged_meanwhile(
    checkout: Checkout, bank: Bank, buy: Buy
) -> None:
    await bank.no_webhooks(buy)
    await bank.fault("confirm", "timeout_after", buy)
    await bank.fault("retrieve", "error_500", buy, times=None)
    answer = await checkout.pay(buy)
    assert (answer.status, answer.json["status"]) == (201, "unknown")
    answer = await checkout.pay(buy, attempt=2)
    assert (answer.status, answer.code, answer.json["payment_status"]) == (409, "payment_in_progress", "unknown")
    await bank.ask("DELETE", "/sandbox/faults")
    await checkout.becomes("authorized", buy)
    assert (await bank.ledger(buy, 2))["intents"] == {}


async def test_an_order_cancelled_while_the_outcome_is_in_doubt_leaves_nothing_held(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics
) -> None:
    await bank.no_webhooks(buy)
    await bank.fault("confirm", "timeout_after", buy)
    await bank.fault("retrieve", "error_500", buy, times=None)
    await checkout.pay(buy)
    await topics.publish(buy.cancelled())
    await checkout.becomes("voided", buy)
    ledger = await bank.ledger(buy)
    assert (ledger["authorised"], ledger["held"]) == (TOTAL, 0)
    told = await topics.of_subject("payments", buy.order_id, "PaymentVoided")
    assert [one["type"] for one in told] == ["PaymentVoided"], "an authorisation that is let go is not told"


async def test_an_answer_is_given_within_the_callers_deadline(
    settings: Settings, credentials: Credentials, bank: Bank, buy: Buy
) -> None:
    """The answer says what was known at the deadline: had it waited for the processor, it would be "authorized"."""
    patient = settings.model_copy(update={"step_deadline_seconds": 30, "lease_seconds": 40})
    await bank.fault("confirm", "slow", buy, seconds=6)
    async with serving(create_app(patient)) as payments:
        checkout = Checkout(payments.being(credentials.service("checkout", "payments")))
        answer = await checkout.pay(buy, headers={"Bodega-Deadline-Ms": "600"})
        assert answer.json["status"] == "created"
        await checkout.becomes("authorized", buy)


async def test_wrong_keys_are_our_trouble_and_not_the_shoppers(
    settings: Settings, workplace: "Workplace", bank: Bank, buy: Buy
) -> None:
    wrong = workplace.processor(settings.model_copy(update={"stripe_secret_key": _secret("sk_test_of_nobody")}))
    await workplace.begin(buy)
    await Workers(workplace.database, wrong, settings).hurry(buy.payment_id(), PATIENCE_SECONDS)
    assert (await workplace.payment(buy)).state == "created"
    await workplace.wake(buy)
    await Workers(workplace.database, workplace.processor(settings), settings).hurry(buy.payment_id(), PATIENCE_SECONDS)
    assert (await workplace.payment(buy)).state == "authorized"


async def test_the_processor_may_be_away_and_come_back(
    checkout: Checkout, bank: Bank, buy: Buy, processor: Sandbox
) -> None:
    processor.stop()
    try:
        answer = await checkout.pay(buy)
        assert (answer.status, answer.json["status"]) == (201, "created")
    finally:
        processor.start()
    await checkout.becomes("authorized", buy)
    assert (await bank.ledger(buy))["authorised"] == TOTAL


# --- workers that die or sleep, on a database where nobody else works -------------------------------


def _secret(value: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(value)


@pytest.mark.parametrize("call", ["create", "confirm", "capture"])
async def test_a_worker_that_sleeps_after_its_call_is_taken_over_and_writes_nothing_when_it_wakes(
    settings: Settings, workplace: Workplace, bank: Bank, buy: Buy, call: str
) -> None:
    patient = settings.model_copy(update={"lease_seconds": 0.3, "step_deadline_seconds": 20})
    sleeper: Sleeper = workplace.processor(settings, Sleeper)
    sleeper.sleeps_after = call
    await workplace.begin(buy)
    if call == "capture":
        await Workers(workplace.database, workplace.processor(settings), settings).hurry(
            buy.payment_id(), PATIENCE_SECONDS
        )
        async with workplace.database.transaction() as tx:
            await service.accept(tx, buy.order_id, buy.payment_id(), capture_now=True)
    first = asyncio.create_task(Workers(workplace.database, sleeper, patient).hurry(buy.payment_id(), 20))
    await asyncio.wait_for(sleeper.asleep.wait(), PATIENCE_SECONDS)

    heir = Workers(workplace.database, workplace.processor(settings), settings)
    await heir.hurry(buy.payment_id(), PATIENCE_SECONDS)
    after = await workplace.payment(buy)
    expected = ("captured", ["PaymentAuthorized", "PaymentCaptured"])
    assert (after.state, await workplace.told(buy)) == (
        expected if call == "capture" else ("authorized", ["PaymentAuthorized"])
    )

    sleeper.morning.set()
    await asyncio.wait_for(first, PATIENCE_SECONDS)
    assert await workplace.payment(buy) == after, "it was fenced: not even the version has moved"
    ledger = await bank.ledger(buy)
    assert (ledger["authorised"], len(ledger["intents"])) == (TOTAL, 1)


class Killed(BaseException):
    """The process is gone: nothing that catches errors sees this."""


@dataclass
class Life:
    """Of a process: how many instants are left of it."""

    left: int

    def goes_on(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


class MortalStore(Database):
    """As a process sees it that may be killed before each of its transactions, and after each."""

    life: Life

    async def fetchrow(self, sql: str, *args: Any) -> Row | None:
        self.life.goes_on()
        row = await super().fetchrow(sql, *args)
        self.life.goes_on()
        return row

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self.life.goes_on()
        async with super().transaction() as tx:
            yield tx
        self.life.goes_on()


class MortalCaller(Stripe):
    """The processor, as a process sees it that may be killed before each call, and before it has the answer."""

    life: Life

    async def create(self, payment: Payment) -> Standing:
        return await self._survive(super().create(payment))

    async def confirm(self, payment: Payment) -> Standing:
        return await self._survive(super().confirm(payment))

    async def capture(self, payment: Payment) -> Standing:
        return await self._survive(super().capture(payment))

    async def _survive(self, call: Coroutine[Any, Any, Standing]) -> Standing:
        try:
            self.life.goes_on()
        except Killed:
            call.close()
            raise
        answer = await call
        self.life.goes_on()
        return answer


async def asks(workers: Workers, buy: Buy) -> None:
    """For an authorisation, whatever there is of it already."""
    wanted = AuthorizePayment.model_validate(buy.wanted())
    admitted = await service.begin(wanted, workers.hand())
    await workers.hurry(buy.payment_id(), PATIENCE_SECONDS, admitted.held if admitted is not None else None)


async def accepts(workers: Workers, database: Database, buy: Buy) -> None:
    async with database.transaction() as tx:
        held = await service.accept(tx, buy.order_id, buy.payment_id(), capture_now=True, taker=workers.hand())
    await workers.hurry(buy.payment_id(), PATIENCE_SECONDS, held)


async def test_a_process_may_be_killed_at_any_instant_and_another_takes_the_money_once(
    settings: Settings, workplace: Workplace, bank: Bank
) -> None:
    """Before and after each of its transactions and calls: what it held is taken over when its lease ends."""
    brief = settings.model_copy(update={"lease_seconds": 0.3})
    database, processor = MortalStore(workplace.database.url), workplace.processor(settings, MortalCaller)
    heir = Workers(workplace.database, workplace.processor(settings), settings)
    await database.open()
    instants = 0
    while True:
        buy, life = Buy(), Life(instants + 1)
        database.life = processor.life = life
        with suppress(Killed):
            mortal = Workers(database, processor, brief)
            await asks(mortal, buy)
            await accepts(mortal, database, buy)
        if life.left > 0:
            break
        instants += 1
        await asks(heir, buy)
        assert (await workplace.payment(buy)).state in ("authorized", "captured"), f"killed at instant {instants}"
        await accepts(heir, workplace.database, buy)
        assert (await workplace.payment(buy)).state == "captured", f"killed at instant {instants}"
        assert await workplace.told(buy) == ["PaymentAuthorized", "PaymentCaptured"]
        ledger = await bank.ledger(buy)
        assert (ledger["authorised"], ledger["captured"], len(ledger["intents"])) == (TOTAL, TOTAL, 1)
    await database.close()
    assert instants == 16, "two for each of five transactions and three calls"


async def test_what_was_made_for_somebody_who_died_is_his_until_his_lease_ends(
    settings: Settings, workplace: Workplace, bank: Bank, buy: Buy
) -> None:
    heir = Workers(workplace.database, workplace.processor(settings), settings)
    await workplace.begin(buy, lease_seconds=600)
    assert await store.claim(heir.hand()) is None
    async with workplace.database.transaction() as tx:
        await tx.execute("UPDATE payment SET lease_until = now() WHERE id = $1", buy.payment_id())
    running = asyncio.create_task(heir.run())

    async def is_authorized() -> None:
        assert (await workplace.payment(buy)).state == "authorized"

    await eventually(is_authorized)
    heir.stop()
    await running


async def test_a_payment_that_somebody_works_on_is_not_taken_from_him_by_the_orders_event(
    settings: Settings, workplace: Workplace, bank: Bank, buy: Buy
) -> None:
    """He finds that there is news, and takes the money."""
    patient = settings.model_copy(update={"lease_seconds": 600, "step_deadline_seconds": 60})
    sleeper: Sleeper = workplace.processor(settings, Sleeper)
    held = await workplace.begin(buy, lease_seconds=600)
    workers = Workers(workplace.database, sleeper, patient)
    working = asyncio.create_task(workers.hurry(buy.payment_id(), PATIENCE_SECONDS, held))
    await asyncio.wait_for(sleeper.asleep.wait(), PATIENCE_SECONDS)
    async with workplace.database.transaction() as tx:
        accepted = service.accept(tx, buy.order_id, buy.payment_id(), capture_now=True, taker=workers.hand())
        assert await accepted is None
    sleeper.morning.set()
    at_rest = await working
    assert at_rest is not None
    assert at_rest.state == "captured"
    assert await workplace.told(buy) == ["PaymentAuthorized", "PaymentCaptured"]


async def test_no_more_payments_are_driven_for_events_at_once_than_there_are_hands(
    settings: Settings, workplace: Workplace, bank: Bank
) -> None:
    """Nobody waits for them: the rest is left to whoever comes next, and not leased for longer than it takes."""
    patient = settings.model_copy(update={"lease_seconds": 600, "step_deadline_seconds": 60})
    sleeper: Sleeper = workplace.processor(settings, Sleeper)
    sleeper.sleeps_after = "create"
    workers, taken = Workers(workplace.database, sleeper, patient), 0
    while (hand := workers.hand_if_free()) is not None and taken < 20:
        admitted = await service.begin(AuthorizePayment.model_validate(Buy().wanted()), hand)
        assert admitted is not None
        assert admitted.held is not None
        workers.take(admitted.held)
        taken += 1
    assert 1 < taken < 20
    sleeper.morning.set()

    async def is_free_again() -> None:
        assert workers.hand_if_free() is not None

    await eventually(is_free_again)
    workers.stop()
    await workers.run()
    assert workers.hand_if_free() is None, "who stops takes nothing on"


async def _void(tx: Transaction, buy: Buy) -> None:
    await service.void(tx, buy.payment_id())


async def _accept(tx: Transaction, buy: Buy) -> None:
    await service.accept(tx, buy.order_id, buy.payment_id(), capture_now=False)


async def _ship(tx: Transaction, buy: Buy) -> None:
    await service.make_capture_due(tx, buy.order_id)


async def _cancel(tx: Transaction, buy: Buy) -> None:
    await service.cancel_order(tx, buy.order_id)


async def _ask_again(tx: Transaction, buy: Buy) -> None:
    await service.ask_again(tx, buy.payment_id())


async def _forget(tx: Transaction, buy: Buy) -> None:
    await store.pseudonymise_payments(tx, [buy.order_id], "nobody@erased.invalid")


@pytest.mark.parametrize("moves", [_void, _accept, _ship, _cancel, _ask_again, _forget])
async def test_whatever_moves_a_payment_or_its_orders_money_makes_what_a_worker_knows_out_of_date(
    settings: Settings, workplace: Workplace, bank: Bank, buy: Buy, moves: Callable[..., Awaitable[None]]
) -> None:
    """He writes by what he knows, and reads nothing again: the version says that all of it is still true."""
    held = await workplace.begin(buy, lease_seconds=600)
    async with workplace.database.transaction() as tx:
        await moves(tx, buy)
    in_vain = await store.save(workplace.database, held, Change(held.payment), busy=False, wait_seconds=None)
    assert in_vain is None


async def test_news_that_comes_during_a_call_make_its_answer_worthless(
    settings: Settings, workplace: Workplace, bank: Bank, buy: Buy
) -> None:
    sleeper: Sleeper = workplace.processor(settings, Sleeper)
    await workplace.begin(buy)
    working = asyncio.create_task(
        Workers(workplace.database, sleeper, settings).hurry(buy.payment_id(), PATIENCE_SECONDS)
    )
    await asyncio.wait_for(sleeper.asleep.wait(), PATIENCE_SECONDS)
    async with workplace.database.transaction() as tx:
        await service.cancel_order(tx, buy.order_id)
    sleeper.morning.set()
    await working
    state = (await workplace.payment(buy)).state
    assert state == "voided", "a shopper's money is held for an order that was cancelled"
    assert await workplace.told(buy) == ["PaymentVoided"]
    assert (await bank.ledger(buy))["held"] == 0


class NewsAtTheStart(Database):
    """Something is committed by others between the beginning of one transaction and its first statement."""

    news: Callable[[], Awaitable[None]] | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as tx:
            news, self.news = self.news, None
            if news is not None:
                await news()
            yield tx


async def test_news_at_the_instant_in_which_an_answer_is_written_leave_the_payment_with_nobody_else(
    settings: Settings, workplace: Workplace, bank: Bank, buy: Buy
) -> None:
    """The processor's webhook and its answer come at once. By the clock of the transaction that writes the answer the
    news are from the future: the payment stood still until the lease of its worker had run out."""
    sleeper: Sleeper = workplace.processor(settings, Sleeper)
    await workplace.begin(buy)
    database = NewsAtTheStart(workplace.database.url)
    await database.open()
    patient = settings.model_copy(update={"lease_seconds": 600, "step_deadline_seconds": 60})
    worker = Workers(database, sleeper, patient)
    await worker.hurry(buy.payment_id(), 0.5)  # whoever waited has gone; what is under way goes on
    await asyncio.wait_for(sleeper.asleep.wait(), PATIENCE_SECONDS)

    async def news() -> None:
        async with workplace.database.transaction() as tx:
            await store.hint(tx, buy.payment_id())

    database.news = news
    sleeper.morning.set()

    async def is_authorized() -> None:
        assert (await workplace.payment(buy)).state == "authorized"

    await eventually(is_authorized)
    worker.stop()
    await worker.run()
    await database.close()


async def test_a_worker_that_stops_writes_what_it_has_learnt_and_gives_the_rest_back_at_once(
    settings: Settings, workplace: Workplace, bank: Bank, buy: Buy
) -> None:
    sleeper: Sleeper = workplace.processor(settings, Sleeper)
    sleeper.sleeps_after = "create"
    await workplace.begin(buy)
    patient = settings.model_copy(update={"lease_seconds": 60, "step_deadline_seconds": 20})
    leaving = Workers(workplace.database, sleeper, patient)
    working = asyncio.create_task(leaving.hurry(buy.payment_id(), 20))
    await asyncio.wait_for(sleeper.asleep.wait(), PATIENCE_SECONDS)
    leaving.stop()
    sleeper.morning.set()
    await working
    left = await workplace.payment(buy)
    assert (left.state, left.intent_id is not None) == ("created", True), "its confirmation is left to another"
    await Workers(workplace.database, workplace.processor(settings), settings).hurry(buy.payment_id(), PATIENCE_SECONDS)
    assert (await workplace.payment(buy)).state == "authorized", "who did not wait for the end of the lease"
    assert len((await bank.ledger(buy))["intents"]) == 1


async def test_refunds_that_wait_for_each_other_are_all_done(
    settings: Settings, workplace: Workplace, bank: Bank, buy: Buy
) -> None:
    workers = Workers(workplace.database, workplace.processor(settings), settings)
    await workplace.begin(buy)
    await workers.hurry(buy.payment_id(), PATIENCE_SECONDS)
    async with workplace.database.transaction() as tx:
        await service.accept(tx, buy.order_id, buy.payment_id(), capture_now=True)
    await workers.hurry(buy.payment_id(), PATIENCE_SECONDS)
    wish = RefundRequest.model_validate({"amount": euro(1000)})
    async with workplace.database.transaction() as tx:
        for refund_id in ("rfd_1" + buy.order_id, "rfd_2" + buy.order_id):
            await service.refund(tx, buy.payment_id(), refund_id, wish)
    await workers.hurry(buy.payment_id(), PATIENCE_SECONDS)
    assert (await workplace.payment(buy)).refunded == 2000
    assert (await bank.ledger(buy))["refunded"] == 2000


# --- the sweep --------------------------------------------------------------------------------------


async def test_money_that_no_payment_explains_is_found_and_no_longer_reported_once_it_is_gone(
    checkout: Checkout, bank: Bank, processor: Sandbox
) -> None:
    shop = processor.stripe()
    stray = await shop.v1.payment_intents.create_async(
        {
            "amount": 700, "currency": "eur", "capture_method": "manual", "confirm": True,
            "payment_method": "pm_card_visa", "allowed_payment_method_types": ["card"],
            "return_url": "http://shop.test/back",
        }
    )  # fmt: skip

    async def reported() -> list[dict[str, Any]]:
        audit = (await checkout.http.get("/internal/payments/unmatched")).json
        assert audit["ledger_differs"] == []
        found: list[dict[str, Any]] = [one for one in audit["unmatched"] if one["intent_id"] == stray.id]
        return found

    async def found() -> None:
        assert [(one["status"], one["amount"]) for one in await reported()] == [("authorized", euro(700))]

    async def gone() -> None:
        assert await reported() == []

    await eventually(found)
    await shop.v1.payment_intents.cancel_async(stray.id)
    await eventually(gone)
    await processor.hang_up()


class Noting(Sweep):
    """A sweep that notes which charges it looks at by themselves. The service beside it has a sweep of its own."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.alone: set[str] = set()

    async def _compare(self, standing: Standing) -> None:
        self.alone.add(standing.intent_id)
        await super()._compare(standing)


async def test_the_sweep_looks_at_a_page_of_charges_by_one_question(
    settings: Settings, workplace: Workplace, bank: Bank
) -> None:
    """What agrees with our books is not looked at again by itself; what does not, is."""
    stripe = workplace.processor(settings)
    workers = Workers(workplace.database, stripe, settings)
    buys = [Buy() for _ in range(3)]
    for buy in buys:
        await workplace.begin(buy)
        await workers.hurry(buy.payment_id(), PATIENCE_SECONDS)
    ours = {(await workplace.payment(buy)).intent_id for buy in buys}
    first = Noting(workplace.database, stripe, settings)
    await first.once()
    assert not ours & first.alone
    gone = (await workplace.payment(buys[0])).intent_id
    await bank.ask("POST", f"/sandbox/payment_intents/{gone}/expire")
    second = Noting(workplace.database, stripe, settings)
    await second.once()
    assert ours & second.alone == {gone}


class Listed(Stripe):
    """A processor without charges that notes of which time its list was read: seconds back from now."""

    def __init__(self) -> None:
        self.read: list[tuple[float, float]] = []

    async def all_since(self, since: datetime, before: datetime | None = None) -> AsyncIterator[Standing]:
        now = datetime.now(UTC)
        self.read.append(((now - since).total_seconds(), (now - before).total_seconds() if before is not None else 0))
        for nothing in list[Standing]():
            yield nothing


async def test_the_sweep_reads_an_hour_of_charges_once_and_then_bit_by_bit(
    settings: Settings, workplace: Workplace
) -> None:
    """Whatever is read each time, a shop pays for with each order of the last hour."""
    stripe = Listed()
    hour = settings.sweep_overlap_seconds
    sweep = Sweep(workplace.database, stripe, settings)
    await sweep.once()
    assert stripe.read[0][0] >= hour
    stripe.read.clear()
    await sweep.once()
    assert sum(since - before for since, before in stripe.read) < hour / 10
    stripe.read.clear()
    for _ in range(3):
        assert sweep._last is not None
        sweep._last -= timedelta(minutes=4)  # as if so long had gone by
        await sweep.once()
    left = hour
    for since, before in sorted(stripe.read, reverse=True):
        assert since >= left - 10, f"a gap: {stripe.read}"
        left = min(left, before)
    assert left == 0, stripe.read


async def test_what_all_webhooks_missed_is_learnt_by_the_sweep(
    settings: Settings, workplace: Workplace, bank: Bank, buy: Buy
) -> None:
    """Workplace's payments get no webhooks: the processor sends them to the other service."""
    stripe = workplace.processor(settings)
    await workplace.begin(buy)
    workers = Workers(workplace.database, stripe, settings)
    await workers.hurry(buy.payment_id(), PATIENCE_SECONDS)
    intent = (await workplace.payment(buy)).intent_id
    await bank.ask("POST", f"/sandbox/payment_intents/{intent}/expire")
    await Sweep(workplace.database, stripe, settings).once()
    await workers.hurry(buy.payment_id(), PATIENCE_SECONDS)
    assert (await workplace.payment(buy)).state == "voided"


async def test_the_ledger_cannot_be_rewritten(checkout: Checkout, buy: Buy, database: Database) -> None:
    await checkout.pay(buy)
    for statement in ("UPDATE ledger SET amount = 1", "DELETE FROM ledger"):
        with pytest.raises(Exception, match="append-only"):
            async with database.transaction() as tx:
                await tx.execute(statement)
    assert await accounts(database, buy) == {"shopper": -TOTAL, "held": TOTAL}
