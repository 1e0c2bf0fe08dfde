"""What an ordinary payment costs payments, counted: nothing it does not need is asked of the store."""

import secrets
from collections import Counter

import pytest

from bodega.kit.telemetry import COST
from bodega.kit.testing import Caller, Topics
from tests.payments.conftest import Bank, Checkout
from tests.payments.making import Buy
from tests.payments.test_webhooks import about, tell

pytestmark = pytest.mark.service

OF_ITS_OWN = ("charge.succeeded", "payment_intent.amount_capturable_updated")
ON_CAPTURE = ("charge.captured", "payment_intent.succeeded")


def counted(*, relayed: bool = False) -> Counter[str]:
    """What traced work has cost payments so far: all that was done for a request or an event, or else what the relay
    has done to take its events away."""
    found: Counter[str] = Counter()
    for family in COST.collect():
        for sample in family.samples:
            at, of = sample.labels, ("background",) if relayed else ("request", "event")
            if sample.name == "traced_cost_total" and at["service"] == "payments" and at["cause"] in of:
                found[at["work"]] += int(sample.value)
    return found


async def test_an_ordinary_payment_costs_few_round_trips_and_a_commit_for_each_thing_that_must_not_be_lost(
    checkout: Checkout, payments: Caller, bank: Bank, buy: Buy, topics: Topics
) -> None:
    """Authorised on request, captured by the order's event. Its webhooks are brought by hand, in the same trace and at
    once: so they are counted, and never come while an answer is under way."""
    await bank.no_webhooks(buy)
    trace = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}
    traced = payments.being(trace)

    async def webhooks(*kinds: str) -> None:
        intent = next(iter((await bank.ledger(buy))["intents"]))
        for kind in kinds:
            assert (await tell(traced, about(intent, f"evt_{kind}_{intent}", kind))).status == 200

    before, relayed = counted(), counted(relayed=True)
    assert (await checkout.pay(buy, headers=trace)).json["status"] == "authorized"
    asked = counted() - before
    await webhooks("payment_intent.created", *OF_ITS_OWN)
    await topics.publish(buy.paid(), **trace)
    await topics.of_subject("payments", buy.order_id, "PaymentCaptured")
    await webhooks(*ON_CAPTURE)
    cost = counted() - before
    assert (asked["sql"], asked["commit"], asked["processor"]) == (6, 2, 2)
    assert (cost["sql"], cost["commit"], cost["processor"]) == (19, 4, 3)
    assert cost["notify"] <= cost["event"] == 2, "nobody is notified but the relay"
    by_the_relay = counted(relayed=True) - relayed
    assert by_the_relay["sql"] <= 4, "nobody has looked for what was to be done"
