"""What payments hears of orders and shipments, and what it does about it."""

import asyncio

import pytest

from bodega.kit.db import Database
from bodega.kit.testing import Credentials, Topics, eventually, outbox_is_empty, serving
from bodega.services.payments.app import create_app
from bodega.services.payments.settings import Settings
from tests.conftest import MakeDatabase
from tests.payments.conftest import Bank, Checkout, accounts
from tests.payments.making import TOTAL, Buy

pytestmark = pytest.mark.service


async def sums_become(bank: Bank, buy: Buy, attempt: int = 1, **expected: int) -> None:
    async def check() -> None:
        ledger = await bank.ledger(buy, attempt)
        assert {name: ledger[name] for name in expected} == expected

    await eventually(check)


async def test_an_accepted_payment_is_captured_and_told(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, database: Database
) -> None:
    await checkout.pay(buy)
    await topics.publish(buy.paid())
    await checkout.becomes("captured", buy)
    assert (await bank.ledger(buy))["captured"] == TOTAL
    assert await accounts(database, buy) == {"shopper": -TOTAL, "shop": TOTAL}
    told = await topics.of_subject("payments", buy.order_id, "PaymentAuthorized", "PaymentCaptured")
    assert [one["type"] for one in told] == ["PaymentAuthorized", "PaymentCaptured"]
    assert [int(one["sequence"]) for one in told] == [1, 2]


async def test_many_orders_that_are_paid_at_once_are_all_captured(
    checkout: Checkout, bank: Bank, topics: Topics
) -> None:
    """More than are driven as soon as they are heard of: the rest waits its turn."""
    buys = [Buy() for _ in range(12)]
    for buy in buys:
        await bank.fault("capture", "slow", buy, seconds=0.3)
    await asyncio.gather(*(checkout.pay(buy) for buy in buys))
    await topics.publish(*(buy.paid() for buy in buys))
    for buy in buys:
        await checkout.becomes("captured", buy)
        assert (await bank.ledger(buy))["captured"] == TOTAL


async def test_what_becomes_of_a_payment_is_told_in_the_trace_of_who_wished_for_it(
    checkout: Checkout, buy: Buy, topics: Topics
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    await checkout.pay(buy, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    await topics.publish(buy.paid())  # in another trace
    told = await topics.of_subject("payments", buy.order_id, "PaymentAuthorized", "PaymentCaptured")
    assert [one["traceparent"].split("-")[1] for one in told] == [trace, trace]


async def test_told_twice_and_by_two_events_it_is_captured_once(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, database: Database
) -> None:
    await checkout.pay(buy)
    once = buy.paid()
    await topics.publish(once, once, buy.paid(), once)
    await checkout.becomes("captured", buy)
    await topics.publish(buy.paid())
    await _heard_all(checkout, topics, after=buy)
    await outbox_is_empty(database)
    told = await topics.of_subject("payments", buy.order_id, "PaymentCaptured")
    assert [one["type"] for one in told].count("PaymentCaptured") == 1
    assert (await bank.ledger(buy))["captured"] == TOTAL


async def _heard_all(checkout: Checkout, topics: Topics, *, after: Buy) -> None:
    """Whatever was published about an order is handled once what follows it in its partition is."""
    later = Buy()
    await checkout.pay(later)
    await topics.publish_behind(after.cancelled(), later.cancelled())
    await checkout.becomes("voided", later)


async def test_a_cancelled_order_lets_its_authorisation_go(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, database: Database
) -> None:
    await checkout.pay(buy)
    await topics.publish(buy.cancelled())
    await checkout.becomes("voided", buy)
    assert (await bank.ledger(buy))["held"] == 0
    assert await accounts(database, buy) == {}
    await topics.of_subject("payments", buy.order_id, "PaymentVoided")


async def test_a_cancelled_order_gets_back_what_was_captured(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, database: Database
) -> None:
    await checkout.pay(buy)
    await topics.publish(buy.paid())
    await checkout.becomes("captured", buy)
    await topics.publish(buy.cancelled(), buy.cancelled())
    await checkout.becomes("refunded", buy)
    assert (await bank.ledger(buy))["refunded"] == TOTAL
    assert await accounts(database, buy) == {}
    told = await topics.of_subject("payments", buy.order_id, "PaymentRefunded")
    assert [one["type"] for one in told] == ["PaymentAuthorized", "PaymentCaptured", "PaymentRefunded"]


async def test_a_late_attempt_for_a_cancelled_order_finds_the_tombstone(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics
) -> None:
    await topics.publish(buy.cancelled())

    await _heard_all(checkout, topics, after=buy)
    answer = await checkout.pay(buy, attempt=3)
    assert (answer.status, answer.code) == (409, "already_ended")
    assert (await bank.ledger(buy, 3))["intents"] == {}


async def test_a_cancel_that_races_the_authorisation_leaves_nothing_held(
    checkout: Checkout, bank: Bank, topics: Topics
) -> None:
    buys = [Buy() for _ in range(6)]
    await asyncio.gather(*(checkout.pay(buy) for buy in buys), *(topics.publish(buy.cancelled()) for buy in buys))
    for buy in buys:
        await sums_become(bank, buy, held=0, captured=0)


async def test_a_slow_authorisation_after_the_cancel_is_let_go(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics
) -> None:
    await bank.fault("confirm", "slow", buy, seconds=0.7)
    paying = asyncio.create_task(checkout.pay(buy))
    await checkout.becomes("created", buy)
    await topics.publish(buy.cancelled())
    await paying
    await checkout.becomes("voided", buy)
    await sums_become(bank, buy, held=0, captured=0)
    told = await topics.of_subject("payments", buy.order_id, "PaymentVoided")
    assert "PaymentCaptured" not in [one["type"] for one in told]


async def test_the_accepted_attempt_is_captured_and_every_other_given_up(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics
) -> None:
    await checkout.pay(buy, "pm_card_threeDSecure2Required")
    await checkout.pay(buy, attempt=2)
    await topics.publish(buy.paid(attempt=2))
    await checkout.becomes("captured", buy, 2)
    assert await checkout.status(buy) == "voided"
    answer = await checkout.pay(buy, attempt=3)
    assert (answer.status, answer.code) == (409, "already_ended")


async def test_a_capture_refused_for_good_is_told_and_the_order_may_cancel(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, database: Database
) -> None:
    await checkout.pay(buy, "pm_card_sandboxCaptureRefused")
    await topics.publish(buy.paid())
    await checkout.becomes("capture_failed", buy)
    await topics.publish(buy.cancelled())
    await checkout.becomes("voided", buy)
    assert await accounts(database, buy) == {}
    told = await topics.of_subject("payments", buy.order_id, "PaymentVoided")
    assert [one["type"] for one in told] == ["PaymentAuthorized", "PaymentCaptureFailed", "PaymentVoided"]


async def test_a_hold_that_the_bank_lets_go_fails_the_capture(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics
) -> None:
    await checkout.pay(buy)
    intent = next(iter((await bank.ledger(buy))["intents"]))
    await bank.ask("POST", f"/sandbox/payment_intents/{intent}/expire")
    await checkout.becomes("voided", buy)
    await topics.publish(buy.paid())
    told = await topics.of_subject("payments", buy.order_id, "PaymentCaptureFailed")
    assert [one["type"] for one in told] == ["PaymentAuthorized", "PaymentVoided", "PaymentCaptureFailed"]


async def test_a_payment_that_an_order_lives_on_is_not_given_up_by_hand(
    checkout: Checkout, buy: Buy, topics: Topics
) -> None:
    await checkout.pay(buy)
    await topics.publish(buy.paid())
    await checkout.becomes("captured", buy)
    answer = await checkout.http.post(f"/internal/payments/{buy.payment_id()}/void")
    assert (answer.status, answer.code) == (409, "already_paid")


async def test_where_the_shop_waits_for_the_shipment_the_money_is_taken_then(
    settings: Settings, credentials: Credentials, bank: Bank, topics: Topics, make_database: MakeDatabase
) -> None:
    buy, elsewhere = Buy(), Topics(topics.bootstrap, topics.prefix + "patient.")
    await elsewhere.make("orders", "payments", "shipping")
    await elsewhere.open()
    changes = {
        "capture_on": "shipment", "topic_prefix": elsewhere.prefix, "database_url": await make_database("payments")
    }  # fmt: skip
    async with serving(create_app(settings.model_copy(update=changes))) as caller:
        patient = Checkout(caller.being(credentials.service("checkout", "payments")))
        await patient.pay(buy)
        await elsewhere.publish(buy.paid())

        async def accepted() -> None:
            assert (await patient.pay(buy, attempt=2)).code == "already_ended"

        await eventually(accepted)
        assert await patient.status(buy) == "authorized"
        await elsewhere.publish(buy.shipped())
        await patient.becomes("captured", buy)
    await elsewhere.close()
    assert (await bank.ledger(buy))["captured"] == TOTAL
