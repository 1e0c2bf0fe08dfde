"""Who is told what, and that a mail gets there: once in substance, whatever is lost or repeated."""

import asyncio
from typing import Any

import pytest

from bodega.contracts.ids import new_id
from bodega.contracts.orders import CHECKOUT_REPLACED, view_token
from bodega.kit.db import Database, Transaction
from bodega.kit.flow import Flows, Held, Next
from bodega.kit.http import Client
from bodega.kit.testing import Caller, Credentials, Topics, eventually
from bodega.services.notifications import service, store
from bodega.services.notifications.clients import Goods, Links, Mailer, Twilio
from bodega.services.notifications.consumers import heard_with
from bodega.services.notifications.domain import Notice
from bodega.services.notifications.flows import Mailing
from bodega.services.notifications.settings import Settings
from bodega.services.notifications.templates import Writer
from tests.events import received
from tests.locks import somebody_waits
from tests.notifications.conftest import LINK_SECRET, Mailbox, Mint, becomes, listed
from tests.notifications.making import (
    NUMBER,
    cancelled,
    declined,
    delivered,
    link_wanted,
    paid,
    password_set,
    refunded,
    registered,
    reset_wanted,
    sent,
    somebody,
    withdrawn,
)
from tests.sandbox.stand import Sandbox

pytestmark = pytest.mark.service


NO_GOODS = Goods(Client("notifications", "catalog", ""), Client("notifications", "inventory", ""))
"""Whom no mail of these tests asks."""


def ids_of(mails: list[dict[str, Any]]) -> set[str]:
    return {mail["message_id"] for mail in mails}


async def test_a_shopper_gets_the_confirmation_then_the_tracking_number_then_the_arrival(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    order, ada = new_id("ord"), somebody()
    await topics.publish(paid(order, ada))
    (confirmation,) = await mailbox.gets(ada)
    assert confirmation["subject"] == f"Your order {NUMBER}"
    assert confirmation["envelope_from"] == "shop@bodega.example"
    assert f"http://127.0.0.1:8000/orders/{NUMBER}#token={view_token(LINK_SECRET, order)}" in confirmation["links"]
    await topics.publish(sent(order, ada))
    tracking = (await mailbox.gets(ada, 2))[1]
    assert "BD123456785DE" in tracking["text"]
    await topics.publish(delivered(order, ada))
    mails = await mailbox.gets(ada, 3)
    assert mails[2]["subject"] == f"Your order {NUMBER} has arrived"
    assert len(ids_of(mails)) == 3
    await becomes(merchant, ada, "sent")
    assert [one["kind"] for one in await listed(merchant, ada)] == [
        "parcel_delivered", "parcel_sent", "order_confirmation",
    ]  # fmt: skip


async def test_the_link_of_an_order_is_sent_again_once_in_ten_minutes_however_often_it_is_wanted(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    order, ada = new_id("ord"), somebody()
    early = [link_wanted(order, ada, f"2026-11-24T10:0{minute}:00Z") for minute in range(5)]
    await topics.publish(*early, link_wanted(order, ada, "2026-11-24T10:10:00Z"))
    mails = await mailbox.gets(ada, 2)
    for mail in mails:
        assert mail["subject"] == f"The link to your order {NUMBER}"
        assert f"http://127.0.0.1:8000/orders/{NUMBER}#token={view_token(LINK_SECRET, order)}" in mail["links"]
    assert len(await listed(merchant, ada)) == 2, "the second is of the last event, so all have been handled"


async def test_a_withdrawal_is_answered_by_a_receipt_with_its_content_and_time_and_told_to_the_merchant(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    order, ada, last = new_id("ord"), somebody(), somebody()
    fact = withdrawn(order, ada, goods="1 of the 2 mugs")
    await topics.publish(fact, fact, withdrawn(order, ada, withdrawal_id=fact.data.withdrawal_id))
    await topics.publish_behind(fact, paid(new_id("ord"), last))
    await mailbox.gets(last)
    assert len(await listed(merchant, ada)) == 1
    (receipt,) = await mailbox.gets(ada)
    assert receipt["subject"] == f"Your withdrawal from order {NUMBER}"
    for content in ("Saturday, 28 November 2026, 08:48:32 UTC", "Ada <Lovelace>", ada, "1 of the 2 mugs", NUMBER,
                    fact.data.withdrawal_id):  # fmt: skip
        assert content in receipt["text"]
    assert not [link for link in receipt["links"] if "token" in link], "it opens no order"

    async def reported() -> None:
        reports = [mail for mail in await mailbox.to("merchant@bodega.example") if ada in mail["text"]]
        assert [mail["subject"] for mail in reports] == [f"Withdrawal from order {NUMBER}"]

    await eventually(reported)


async def test_a_withdrawal_that_matches_no_order_quotes_nothing_that_somebody_typed(
    notifications: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    ada = somebody()
    fact = withdrawn(
        new_id("ord"), ada, number=None, name="Buy now", typed_number="http://spam.example", goods="http://spam.example"
    )
    await topics.publish(fact)
    (mail,) = await mailbox.gets(ada)
    assert mail["subject"] == "We have received your withdrawal"
    assert fact.data.withdrawal_id in mail["text"]
    for typed in ("Buy now", "spam.example"):
        assert typed not in mail["text"]
        assert not [link for link in mail["links"] if typed in link]
    await topics.publish(withdrawn(new_id("ord"), ada, withdrawal_id=fact.data.withdrawal_id))
    assert len(await mailbox.gets(ada, 2)) == 2, "a merchant has found its order: the receipt follows"


async def test_a_fact_that_comes_four_times_under_two_ids_is_one_mail(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    order, ada = new_id("ord"), somebody()
    fact, last = paid(order, ada), somebody()
    await topics.publish(fact, fact, paid(order, ada), fact)
    await topics.publish_behind(fact, paid(new_id("ord"), last))
    await mailbox.gets(last)
    await mailbox.gets(ada)
    assert [one["kind"] for one in await listed(merchant, ada)] == ["order_confirmation"]


async def test_a_new_password_is_told_to_its_account_by_a_mail_without_a_secret(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    ada, last = somebody(), somebody()
    fact = password_set(ada)
    await topics.publish(fact, fact)
    await topics.publish_behind(fact, password_set(last))
    await mailbox.gets(last)
    assert len(await listed(merchant, ada)) == 1
    (mail,) = await mailbox.gets(ada)
    assert mail["subject"] == "Your password was changed"
    assert "http://127.0.0.1:8000/account/forgot-password" in mail["links"]
    assert not [link for link in mail["links"] if "token" in link]


async def test_a_cancellation_is_told_to_who_had_paid_and_once(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    order, unpaid, ada, bob = new_id("ord"), new_id("ord"), somebody(), somebody()
    nothing = cancelled(unpaid, bob, was_paid=False)
    again = cancelled(order, ada, was_paid=False, reason="payment_after_cancellation")
    await topics.publish(
        nothing, cancelled(order, ada, was_paid=True), again, cancelled(order, ada, was_paid=True),
        refunded(order, ada, 1000, 1000), refunded(order, ada, 1000, 1000), refunded(order, ada, 500, 1500),
    )  # fmt: skip
    for earlier in (nothing, again):
        last = somebody()
        await topics.publish_behind(earlier, paid(new_id("ord"), last))
        await mailbox.gets(last)
    mails = await mailbox.gets(ada, 3)
    assert len(await listed(merchant, ada)) == 3
    assert sorted(mail["subject"] for mail in await mailbox.to(ada)) == [
        f"Refund of €10.00 for your order {NUMBER}",
        f"Refund of €5.00 for your order {NUMBER}",
        f"Your order {NUMBER} is cancelled",
    ]
    assert len(ids_of(mails)) == 3
    assert await listed(merchant, bob) == []


async def test_a_declined_card_is_mailed_after_a_while_and_only_if_nobody_has_paid(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    left, stayed, late = (new_id("ord") for _ in range(3))
    ada, bob, eve = somebody(), somebody(), somebody()
    await topics.publish(declined(left, ada), declined(left, ada), declined(stayed, bob), declined(new_id("ord"), None))
    await topics.publish(paid(late, eve))
    await mailbox.gets(eve)
    await topics.publish(declined(late, eve))  # another topic: it may come after the payment that followed it
    assert (await becomes(merchant, bob, "waiting"))["kind"] == "payment_failed"
    await topics.publish(paid(stayed, bob))
    (mail,) = await mailbox.gets(ada)
    assert mail["subject"] == "Your payment did not go through"
    assert "insufficient funds" in mail["text"]

    async def dropped() -> None:
        for who in (bob, eve):
            states = {one["kind"]: one["state"] for one in await listed(merchant, who)}
            assert states == {"payment_failed": "dropped", "order_confirmation": "sent"}

    await eventually(dropped)
    assert [len(await mailbox.to(who)) for who in (ada, bob, eve)] == [1, 1, 1]


async def test_a_link_with_a_secret_is_minted_for_the_mail_and_kept_nowhere(
    notifications: Caller, mailbox: Mailbox, topics: Topics, mint: tuple[Mint, str], database: Database
) -> None:
    ada, bob = somebody(), somebody()
    welcome, reset = registered(ada), reset_wanted(bob)
    await topics.publish(welcome, reset)
    (first,), (second,) = await mailbox.gets(ada), await mailbox.gets(bob)
    assert f"http://127.0.0.1:8000/secret/{welcome.id}" in first["links"]
    assert first["subject"] == "Confirm your e-mail address"
    assert f"http://127.0.0.1:8000/secret/{reset.id}" in second["links"]
    async with database.transaction() as tx:
        assert not await tx.fetchval("SELECT count(*) FROM notification WHERE notification::text LIKE '%/secret/%'")
        assert not await tx.fetchval("SELECT count(*) FROM flow WHERE flow::text LIKE '%/secret/%'")


async def test_a_mail_is_sent_in_the_trace_of_the_fact_that_it_tells(
    notifications: Caller, mailbox: Mailbox, topics: Topics, mint: tuple[Mint, str]
) -> None:
    ada, trace = somebody(), "0af7651916cd43dd8448eb211c80319c"
    welcome = registered(ada)
    await topics.publish(welcome, traceparent=f"00-{trace}-b7ad6b7169203331-01")
    await mailbox.gets(ada)
    assert mint[0].traces[welcome.id] == trace


async def test_a_link_that_was_used_meanwhile_is_not_mailed(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics, mint: tuple[Mint, str]
) -> None:
    ada = somebody()
    reset = reset_wanted(ada)
    mint[0].used.add(reset.id)
    await topics.publish(reset)
    await becomes(merchant, ada, "dropped")
    assert await mailbox.to(ada) == []


@pytest.mark.parametrize("kind", ["drop_after", "timeout_after", "drop_before", "timeout_before"])
async def test_a_mail_of_unknown_fate_is_sent_again_and_still_is_one_mail(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics, kind: str
) -> None:
    ada = somebody()
    await mailbox.fault(ada, kind, seconds=0.6)
    await topics.publish(paid(new_id("ord"), ada))
    seen = await becomes(merchant, ada, "sent")
    assert seen["attempts"] == 2
    mails = await mailbox.to(ada)
    assert len(mails) == (2 if kind.endswith("after") else 1)
    assert ids_of(mails) == {seen["message_id"]}


async def test_a_server_that_says_not_now_is_asked_again(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    ada = somebody()
    await mailbox.fault(ada, "refuse", times=3)
    await topics.publish(paid(new_id("ord"), ada))
    assert (await becomes(merchant, ada, "sent"))["attempts"] == 4
    assert len(await mailbox.to(ada)) == 1


async def test_what_nobody_takes_is_parked_with_its_reason_and_can_be_sent_anew(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    ada, bob = somebody(), somebody()
    await mailbox.fault(ada, "refuse", code="550")
    await mailbox.fault(bob, "refuse", times=None)
    await topics.publish(paid(new_id("ord"), ada), paid(new_id("ord"), bob))
    refused = await becomes(merchant, ada, "parked")
    assert (refused["attempts"], refused["last_error"]) == (1, "the mail server refused the mail with 550")
    given_up = await becomes(merchant, bob, "parked")
    assert given_up["attempts"] > 2
    assert given_up["last_error"].startswith("the mail server")
    assert {refused["id"], given_up["id"]} <= {
        one["id"] for one in (await merchant.get("/admin/notifications?state=parked")).json["items"]
    }
    again = await merchant.post(f"/admin/notifications/{refused['id']}/resend")
    assert again.status == 202
    await mailbox.gets(ada)
    assert [one["state"] for one in await listed(merchant, ada)][1] == "dropped", "nobody need look at it any more"


async def test_a_worker_that_dies_after_sending_leaves_one_mail_in_substance(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, settings: Settings, database: Database
) -> None:
    """The mail is taken; that it was is never written: as after kill -9 in that instant."""
    ada = somebody()
    fact = paid(new_id("ord"), ada)
    links = Links(Client("notifications", "auth", ""))
    steps = Mailing(
        database, links, NO_GOODS, Mailer(settings), Twilio(settings), Writer(settings, LINK_SECRET), settings
    )
    dying = Flows(database, "mailing", {"send": steps.send}, service="notifications", owner="dies",
                  lease_seconds=4, step_deadline_seconds=3)  # fmt: skip
    notice = Notice(
        kind="order_confirmation", fact=f"{fact.subject}/paid", recipient=ada, event_id=fact.id,
        subject_id=fact.subject, data=fact.data.model_dump(mode="json"), number=NUMBER,
    )  # fmt: skip
    async with database.transaction() as tx:
        await service.tell(tx, dying, notice, settings)
        # Ours before anybody sees it: the lease is taken in the transaction that makes it.
        row = await tx.fetchrow("SELECT id FROM notification WHERE recipient = $1", ada)
        assert row is not None
        held = await dying.seize(tx, row["id"])
    assert held is not None
    await steps.send(held)
    assert (await becomes(merchant, ada, "waiting"))["attempts"] == 0
    await becomes(merchant, ada, "sent")
    mails = await mailbox.to(ada)
    assert (len(mails), len(ids_of(mails))) == (2, 1)


async def test_a_mail_is_tried_again_later_and_later_for_a_day_and_then_parked(
    notifications: Caller, merchant: Caller, settings: Settings, database: Database
) -> None:
    """With a shop's own times. The clock is the store's, so an hour passes by writing the flow's times earlier."""
    times = ("retry_first_seconds", "retry_most_seconds", "retry_give_up_seconds")
    usual = {name: Settings.model_fields[name].default for name in times}
    patient = settings.model_copy(update={**usual, "smtp_port": 1})  # where nobody listens
    links = Links(Client("notifications", "auth", ""))
    steps = Mailing(database, links, NO_GOODS, Mailer(patient), Twilio(patient), Writer(patient, LINK_SECRET), patient)
    # A kind of its own: nobody else drives it.
    flows = Flows(database, "a day", {"send": steps.send}, service="notifications", owner="test")
    ada, fact = somebody(), paid(new_id("ord"), "x@example.com")
    notice = Notice(
        kind="order_confirmation", fact=f"{fact.subject}/paid", recipient=ada, event_id=fact.id,
        subject_id=fact.subject, data=fact.data.model_dump(mode="json"), number=NUMBER,
    )  # fmt: skip
    async with database.transaction() as tx:
        await service.tell(tx, flows, notice, patient)
        id = await tx.fetchval("SELECT id FROM notification WHERE recipient = $1", ada)

    async def tried() -> float | None:
        """How long it waits after one more try; None: it has ended."""
        held = await flows.claim(id)
        assert held is not None
        await flows.drive(held)
        async with database.transaction() as tx:
            row = await tx.fetchrow(
                "SELECT state, extract(epoch FROM wake_at - updated_at)::float8 AS wait FROM flow WHERE id = $1", id
            )
        assert row is not None
        return row["wait"] if row["state"] == "waiting" else None

    async def passes(hours: float) -> None:
        async with database.transaction() as tx:
            await tx.execute(
                "UPDATE flow SET due_at = due_at - make_interval(secs => $2) WHERE id = $1", id, hours * 3600
            )

    assert [await tried() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    await passes(hours=23.9)
    assert await tried() == 60, "not given up within a day"
    (seen,) = await listed(merchant, ada)
    assert (seen["state"], seen["attempts"]) == ("waiting", 10)
    assert seen["last_error"] == "the mail server did not take it: SMTPConnectError"
    await passes(hours=0.1)
    assert await tried() is None
    parked = (await merchant.get(f"/admin/notifications?state=parked&q={ada}")).json["items"]
    assert [(one["attempts"], one["last_error"]) for one in parked] == [(10, seen["last_error"])]


async def test_an_arrival_is_not_told_to_who_does_not_want_to_know(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics, credentials: Credentials
) -> None:
    order, ada, customer = new_id("ord"), somebody(), new_id("cus")
    owner = notifications.being(credentials.customer(customer))
    assert (await owner.put("/notifications/preferences", {"delivery_mails": False})).status == 200
    await topics.publish(paid(order, ada, customer_id=customer))
    await mailbox.gets(ada)
    arrival, last = delivered(order, ada, customer_id=customer), somebody()
    await topics.publish(sent(order, ada), arrival)
    await topics.publish_behind(arrival, delivered(new_id("ord"), last))
    await mailbox.gets(last)
    kinds = [one["kind"] for one in await listed(merchant, ada)]
    assert kinds == ["parcel_sent", "order_confirmation"]


async def test_the_mail_server_may_be_away_and_nothing_is_lost(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics, sandbox: Sandbox,
    database: Database,
) -> None:  # fmt: skip
    """Last in this file: the mailbox goes away."""
    people = [somebody() for _ in range(5)]
    sandbox.stop()
    try:
        await topics.publish(*(paid(new_id("ord"), who) for who in people))
        for who in people:
            waiting = await becomes(merchant, who, "waiting")
        # As patient as in a shop: on a busy machine the sandbox takes its time to come back.
        async with database.transaction() as tx:
            await tx.execute("UPDATE flow SET due_at = now() + interval '1 minute' WHERE state <> 'ended'")
        assert waiting["last_error"] in (None, "the mail server did not take it: SMTPConnectError")
    finally:
        await asyncio.to_thread(sandbox.start)
    for who in people:
        await becomes(merchant, who, "sent", within_seconds=30)
        assert len(await mailbox.to(who)) == 1


async def test_a_checkout_that_is_replaced_while_its_failure_is_being_told_locks_in_one_order(
    settings: Settings, database: Database
) -> None:
    """The step holds its flow and comes to the notification; the news that its shopper has ordered anew must not do it
    the other way round. A kind of its own: nobody else drives it."""
    order, ada = new_id("ord"), somebody()
    recording = asyncio.Event()

    async def wait(held: Held) -> Next:
        async def write(tx: Transaction) -> None:
            recording.set()
            await somebody_waits(database)
            await store.note_attempt(tx, notification_id=held.id, becomes="waiting", tried=True, error="not now")

        return Next("later", write=write, wait_seconds=600)

    mailing = Flows(database, "lock order", {"wait": wait}, service="notifications", owner="test")
    handlers = {one.name: one.handler for one in heard_with(mailing, settings)}
    async with database.transaction() as tx:
        await handlers["PaymentFailed"](tx, received(declined(order, ada)))
        id = await tx.fetchval("SELECT id FROM notification WHERE recipient = $1", ada)

    async def replace() -> None:
        await recording.wait()
        async with database.transaction() as tx:
            gone = cancelled(order, ada, was_paid=False, reason=CHECKOUT_REPLACED)
            await handlers["OrderCancelled"](tx, received(gone))

    held = await mailing.claim(id)
    assert held is not None
    await asyncio.gather(mailing.drive(held), replace())
    async with database.transaction() as tx:
        states = await tx.fetch("SELECT kind, state FROM notification WHERE recipient = $1", ada)
    assert {row["kind"]: row["state"] for row in states}["payment_failed"] == "dropped"
