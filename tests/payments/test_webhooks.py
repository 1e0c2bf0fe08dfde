"""The processor's webhooks: signed, repeated, late, in any order. Hints to ask, and nothing else."""

import json
import time
from typing import Any

import pytest

from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller, Topics, eventually, outbox_is_empty
from bodega.sandbox.deliveries import signature
from bodega.services.payments import store
from bodega.services.payments.domain import Duty, Payment
from bodega.services.payments.flows import Workers
from tests.payments.conftest import Bank, Checkout
from tests.payments.making import TOTAL, Buy
from tests.sandbox.stand import WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.service


async def tell(payments: Caller, event: dict[str, Any], *, secret: str = WEBHOOK_SECRET, age: int = 0) -> Answered:
    body = json.dumps(event)
    signed = signature(secret, body, int(time.time()) - age)
    return await payments.post("/payments/webhooks/stripe", raw=body.encode(), headers={"Stripe-Signature": signed})


def about(intent: str, event_id: str, kind: str = "payment_intent.canceled", **other: Any) -> dict[str, Any]:
    thing = {"id": intent, "object": "payment_intent", "status": "canceled", **other}
    return {"id": event_id, "object": "event", "type": kind, "data": {"object": thing}}


async def versions(database: Database, buy: Buy) -> int:
    async with database.transaction() as tx:
        return (await store.get_payment(tx, buy.payment_id())).version


async def at_rest(database: Database, buy: Buy) -> None:
    """What its webhooks have told has been dealt with."""

    async def check() -> None:
        async with database.transaction() as tx:
            assert not await store.is_under_way(tx, buy.payment_id())

    await eventually(check)


async def all_have_come(processor: Sandbox, bank: Bank, buy: Buy, at_least: int = 1) -> None:
    """The processor's webhooks about the payment, each as often as it is sent."""
    intent = next(iter((await bank.ledger(buy))["intents"]))

    async def check() -> None:
        events = (await processor.stripe().v1.events.list_async({"limit": 100})).data
        mine = [one for one in events if intent in str(one.data.object)]
        assert len(mine) >= at_least
        assert not any(one.pending_webhooks for one in mine)

    await eventually(check)
    await processor.hang_up()


async def test_a_challenge_answered_at_the_bank_is_learnt_by_webhook(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics
) -> None:
    await checkout.pay(buy, "pm_card_threeDSecure2Required")
    await bank.challenge(buy, "succeed")
    await checkout.becomes("authorized", buy)
    told = await topics.of_subject("payments", buy.order_id, "PaymentAuthorized")
    assert [one["type"] for one in told] == ["PaymentAuthorized"]


async def test_every_webhook_twice_changes_nothing(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, database: Database, processor: Sandbox
) -> None:
    match = {"payment_id": buy.payment_id()}
    await bank.ask("POST", "/sandbox/faults", {"target": "webhooks", "kind": "duplicate", "match": match, "times": 9})
    await checkout.pay(buy)
    await topics.publish(buy.paid())
    await checkout.becomes("captured", buy)
    await topics.publish(buy.cancelled())
    await checkout.becomes("refunded", buy)
    await all_have_come(processor, bank, buy)
    await at_rest(database, buy)
    await outbox_is_empty(database)
    told = await topics.of_subject("payments", buy.order_id, "PaymentRefunded")
    assert [one["type"] for one in told] == ["PaymentAuthorized", "PaymentCaptured", "PaymentRefunded"]
    assert (await bank.ledger(buy))["refunded"] == TOTAL


async def test_late_webhooks_find_what_is_true_by_then(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, database: Database, processor: Sandbox
) -> None:
    match = {"payment_id": buy.payment_id()}
    late = {"target": "webhooks", "kind": "slow", "seconds": 0.8, "match": match, "times": 3}
    await bank.ask("POST", "/sandbox/faults", late)
    await checkout.pay(buy)
    await topics.publish(buy.paid())
    await checkout.becomes("captured", buy)
    await all_have_come(processor, bank, buy, at_least=3)
    await at_rest(database, buy)
    assert await checkout.status(buy) == "captured"
    assert (await bank.ledger(buy))["captured"] == TOTAL


async def test_what_a_webhook_says_is_asked_and_not_believed(
    checkout: Checkout, payments: Caller, bank: Bank, buy: Buy
) -> None:
    await checkout.pay(buy)
    intent = next(iter((await bank.ledger(buy))["intents"]))
    answer = await tell(payments, about(intent, "evt_that_lies"))
    assert (answer.status, answer.json) == (200, {"received": True})
    await checkout.becomes("authorized", buy)


async def test_the_same_webhook_again_is_not_even_asked_about(
    checkout: Checkout, payments: Caller, bank: Bank, buy: Buy, database: Database
) -> None:
    await checkout.pay(buy)
    intent = next(iter((await bank.ledger(buy))["intents"]))
    await tell(payments, about(intent, f"evt_{intent}"))
    await at_rest(database, buy)
    before = await versions(database, buy)
    for _ in range(3):
        assert (await tell(payments, about(intent, f"evt_{intent}"))).status == 200
    assert await versions(database, buy) == before


async def test_an_ordinary_payment_asks_the_processor_three_times_whatever_its_webhooks_say(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, database: Database, processor: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """To make the intent, to confirm it and to take the money. Its own webhooks, five of them, tell nothing that these
    calls have not told."""
    asked: list[str] = []
    call = Workers._call

    async def noted(workers: Workers, duty: Duty, payment: Payment) -> Any:
        if payment.id == buy.payment_id():
            asked.append(duty)
        return await call(workers, duty, payment)

    monkeypatch.setattr(Workers, "_call", noted)
    await checkout.pay(buy)
    await topics.publish(buy.paid())
    await checkout.becomes("captured", buy)
    await all_have_come(processor, bank, buy, at_least=5)
    await at_rest(database, buy)
    assert asked == ["create", "confirm", "capture"]


async def test_refunds_made_by_hand_at_the_processor_are_learnt(
    checkout: Checkout, bank: Bank, buy: Buy, topics: Topics, processor: Any
) -> None:
    await checkout.pay(buy)
    await topics.publish(buy.paid())
    await checkout.becomes("captured", buy)
    intent = next(iter((await bank.ledger(buy))["intents"]))
    await processor.stripe().v1.refunds.create_async({"payment_intent": intent, "amount": 500})
    await processor.hang_up()
    await checkout.becomes("partly_refunded", buy)
    told = await topics.of_subject("payments", buy.order_id, "PaymentRefunded")
    assert told[-1]["data"]["refunded_total"]["amount"] == 500


@pytest.mark.parametrize(("secret", "age"), [("whsec_of_somebody", 0), (WEBHOOK_SECRET, 301)])
async def test_a_signature_that_is_wrong_or_old_is_refused(payments: Caller, secret: str, age: int) -> None:
    answer = await tell(payments, about("pi_1", "evt_forged"), secret=secret, age=age)
    assert (answer.status, answer.code) == (400, "bad_signature")


async def test_a_body_that_was_changed_is_refused(payments: Caller) -> None:
    body = json.dumps(about("pi_1", "evt_changed"))
    signed = signature(WEBHOOK_SECRET, body, int(time.time()))
    answer = await payments.post(
        "/payments/webhooks/stripe", raw=body.replace("pi_1", "pi_2").encode(), headers={"Stripe-Signature": signed}
    )
    assert (answer.status, answer.code) == (400, "bad_signature")
    assert (await payments.post("/payments/webhooks/stripe", raw=body.encode())).code == "bad_signature"


async def test_webhooks_about_strangers_are_taken_and_forgotten(payments: Caller) -> None:
    assert (await tell(payments, about("pi_of_somebody", "evt_stranger"))).status == 200
    customer = {
        "id": "evt_c",
        "object": "event",
        "type": "customer.created",
        "data": {"object": {"id": "cus_1", "object": "customer"}},
    }
    assert (await tell(payments, customer)).status == 200
    assert (await tell(payments, {"id": "evt_x"})).status == 400
