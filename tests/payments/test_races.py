"""Two cards, a webhook beside the browser, a refund beside a cancellation. Their guards: tests/races.toml."""

import asyncio

import pytest

from bodega.contracts.ids import new_id
from bodega.contracts.payments import AuthorizePayment, RefundRequest
from bodega.kit.testing import PATIENCE_SECONDS, eventually
from bodega.services.payments import service, store
from bodega.services.payments.flows import Workers
from bodega.services.payments.service import Admission
from bodega.services.payments.settings import Settings
from bodega.services.payments.store import Hand
from tests.locks import so_many_wait, somebody_waits
from tests.payments.conftest import Bank
from tests.payments.making import TOTAL, Buy, euro
from tests.payments.workplace import Sleeper, Workplace

pytestmark = pytest.mark.service


async def test_of_two_cards_for_one_order_at_once_one_is_asked(workplace: Workplace, buy: Buy) -> None:
    """No payment can be written until both wait: whoever does not wait for the other has looked for one by then, and
    found none."""

    async def wish(attempt: int) -> Admission:
        wanted = AuthorizePayment.model_validate(buy.wanted(attempt=attempt))
        async with workplace.database.transaction() as tx:
            return await service.authorize(tx, wanted, Hand(new_id("own"), 60, workplace.database))

    async with workplace.database.transaction() as tx:
        # The order is known already: else whoever makes its row first would keep the other waiting for that.
        await tx.execute("INSERT INTO order_money (order_id) VALUES ($1)", buy.order_id)
    async with workplace.database.transaction() as tx:
        await tx.execute("LOCK TABLE payment IN SHARE MODE")
        wishing = [asyncio.create_task(wish(attempt)) for attempt in (1, 2)]
        await so_many_wait(workplace.database, 2)
    outcomes = await asyncio.gather(*wishing, return_exceptions=True)
    admitted = [one for one in outcomes if isinstance(one, Admission)]
    assert len([one for one in admitted if one.held is not None]) == 1, "two cards are asked for the money of one order"
    assert len(admitted) == 2, "the second attempt failed instead of finding the first"
    assert [one.in_the_way for one in admitted if one.held is None] == [True]


async def test_a_webhook_and_a_browser_that_report_one_authorisation_make_one(
    settings: Settings, workplace: Workplace, bank: Bank, buy: Buy
) -> None:
    """Whoever the webhook has woken falls asleep over the processor's answer, and for longer than the lease. The
    browser comes back from the bank, and what it asks is answered and written. Then the first one wakes."""
    hasty = settings.model_copy(update={"lease_seconds": 0.3, "step_deadline_seconds": 60})
    sleeper: Sleeper = workplace.processor(settings, Sleeper)
    sleeper.sleeps_after = "retrieve"
    processor = workplace.processor(settings)
    await workplace.begin(buy, card="pm_card_threeDSecure2Required")
    await Workers(workplace.database, processor, settings).hurry(buy.payment_id(), PATIENCE_SECONDS)
    challenged = await workplace.payment(buy)
    assert (challenged.state, challenged.intent_id is not None) == ("action_required", True)
    await bank.challenge(buy, "succeed")

    async with workplace.database.transaction() as tx:
        await service.hear_webhook(tx, "0198e0c4-0000-7000-8000-000000000001", challenged.intent_id, "authorized")
    of_webhook = asyncio.create_task(Workers(workplace.database, sleeper, hasty).hurry(buy.payment_id(), 60))
    await asyncio.wait_for(sleeper.asleep.wait(), PATIENCE_SECONDS)
    async with workplace.database.transaction() as tx:
        await service.ask_again(tx, buy.payment_id())
    await Workers(workplace.database, processor, settings).hurry(buy.payment_id(), PATIENCE_SECONDS)
    answered = await workplace.payment(buy)
    assert answered.state == "authorized"

    sleeper.morning.set()
    (outcome,) = await asyncio.gather(of_webhook, return_exceptions=True)
    assert await workplace.told(buy) == ["PaymentAuthorized"], "one authorisation was published and booked twice"
    assert not isinstance(outcome, Exception), "who came late did not see that the answer was written, and failed"
    assert await workplace.payment(buy) == answered


async def test_a_refund_and_a_cancellation_at_once_give_back_what_was_taken_and_no_more(
    settings: Settings, workplace: Workplace, bank: Bank, buy: Buy
) -> None:
    """A worker has seen that all money of a cancelled order is to go back. Before this is written, a merchant gives a
    part back."""
    workers = Workers(workplace.database, workplace.processor(settings), settings)
    id = buy.payment_id()
    await workplace.begin(buy)
    await workers.hurry(id, PATIENCE_SECONDS)
    async with workplace.database.transaction() as tx:
        await service.accept(tx, buy.order_id, id, capture_now=True)
    await workers.hurry(id, PATIENCE_SECONDS)
    assert (await workplace.payment(buy)).state == "captured"

    async with workplace.database.transaction() as tx:
        await service.cancel_order(tx, buy.order_id)
    held = await store.claim(workers.hand(), id)
    assert held is not None
    async with workplace.database.transaction() as tx:
        await service.refund(tx, id, new_id("rfd"), RefundRequest.model_validate({"amount": euro(500)}))
        workers.take(held)
        await somebody_waits(workplace.database)

    async def is_given_back() -> None:
        assert (await workplace.payment(buy)).state == "refunded"

    await eventually(is_given_back)
    async with workplace.database.reading() as tx:
        planned = sorted(one.refund.amount for one in await store.refunds_of(tx, buy.order_id))
    assert planned == [500, TOTAL - 500], "more was promised back than had been taken"
    assert (await bank.ledger(buy))["refunded"] == TOTAL
