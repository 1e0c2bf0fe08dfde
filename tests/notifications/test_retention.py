"""What was sent is forgotten after a while: what it said, and to whom. That it was sent is not."""

from dataclasses import replace
from typing import Any

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.flow import Flows
from bodega.kit.testing import Caller, Topics
from bodega.services.notifications import service, store
from bodega.services.notifications.domain import Kind, Notice
from bodega.services.notifications.settings import Settings
from tests.conftest import MakeDatabase
from tests.notifications.conftest import Mailbox, becomes, listed
from tests.notifications.making import NUMBER, paid, somebody

pytestmark = pytest.mark.service


def notice(fact: str, kind: Kind = "order_confirmation", **other: Any) -> Notice:
    return Notice(
        kind=kind, fact=fact, recipient=f"{fact}@example.com", event_id=new_id("evt"), subject_id=f"ord_{fact}",
        data={"number": NUMBER, "contact": {"email": f"{fact}@example.com"}}, number=NUMBER, **other,
    )  # fmt: skip


@pytest.fixture
async def apart(make_database: MakeDatabase) -> Any:
    """A database where nobody else tidies up."""
    database = Database(await make_database("notifications"))
    await database.open()
    yield database
    await database.close()


async def test_words_and_address_go_after_their_time_in_slices_and_that_it_was_sent_stays(
    apart: Database, settings: Settings
) -> None:
    mailing = Flows(apart, "mailing", {}, service="notifications", owner="test")
    states = ("waiting", "sent", "parked", "dropped")
    facts = {f"{state}-{days}": (state, days) for state in states for days in (29, 31)}
    async with apart.transaction() as tx:
        for fact, (state, days) in facts.items():
            await service.tell(tx, mailing, notice(fact), settings)
            await tx.execute(
                """UPDATE notification SET state = $2, created_at = now() - make_interval(days => $3),
                          sent_at = CASE WHEN $2 = 'sent' THEN now() END WHERE fact = $1""",
                fact, state, days,
            )  # fmt: skip
    slices = []
    for _ in range(3):
        async with apart.transaction() as tx:
            slices.append(await store.bodies_for(30)(tx, 1))
    assert slices == [1, 1, 0]
    async with apart.reading() as tx:
        rows = {row["fact"]: row for row in await tx.fetch("SELECT *, to_jsonb(n)::text AS all FROM notification n")}
    assert {fact for fact, row in rows.items() if not row["data"]} == {"sent-31", "dropped-31"}
    for fact, row in rows.items():
        assert (f"{fact}@example.com" in row["all"]) == bool(row["data"]), row["all"]
        assert (row["state"], row["number"], row["subject_id"]) == (facts[fact][0], NUMBER, f"ord_{fact}")


async def test_a_fact_that_is_heard_again_after_that_is_not_told_again(apart: Database, settings: Settings) -> None:
    mailing = Flows(apart, "mailing", {}, service="notifications", owner="test")
    async with apart.transaction() as tx:
        await service.tell(tx, mailing, notice("paid"), settings)
        await tx.execute(
            "UPDATE notification SET state = 'sent', sent_at = now(), created_at = now() - interval '31 days'"
        )
        assert await store.bodies_for(30)(tx, 10) == 1
        await service.tell(tx, mailing, replace(notice("paid"), event_id=new_id("evt")), settings)
        assert await tx.fetchval("SELECT count(*) FROM notification") == 1
        assert await tx.fetchval("SELECT count(*) FROM flow") == 1


async def test_the_link_that_ends_such_mails_works_as_long_as_somebody_has_the_mail(
    apart: Database, settings: Settings
) -> None:
    """It needs the address, where there is no customer to note it for. Nothing else keeps one."""
    mailing = Flows(apart, "mailing", {}, service="notifications", owner="test")
    told = [
        notice("guest", "parcel_delivered"), notice("customer", "parcel_delivered", customer_id="cus_1"),
        notice("stock", "back_in_stock", customer_id="cus_1"), notice("text", "parcel_delivered", channel="sms"),
        notice("sent", "parcel_sent"),
    ]  # fmt: skip
    async with apart.transaction() as tx:
        for one in told:
            await service.tell(tx, mailing, one, settings)
        await tx.execute(
            "UPDATE notification SET state = 'sent', sent_at = now(), created_at = now() - interval '31 days'"
        )
        assert await store.bodies_for(30)(tx, 10) == 5
        ids = {row["fact"]: row["id"] for row in await tx.fetch("SELECT fact, id FROM notification")}
        kept = await tx.fetch("SELECT fact FROM notification WHERE recipient LIKE '%example.com' ORDER BY fact")
        assert [row["fact"] for row in kept] == ["guest", "stock"]
        for fact in ("guest", "customer", "stock"):
            await service.no_more_such_mails(tx, ids[fact])
        assert not await store.wants_delivery_mails(tx, None, "guest@example.com")
        assert not await store.wants_delivery_mails(tx, "cus_1")
        assert await store.wants_no_stock_mails(tx, "stock@example.com")


async def test_what_is_forgotten_is_still_found_by_its_order_and_cannot_be_sent_again(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics, database: Database
) -> None:
    ada, order = somebody(), new_id("ord")
    await topics.publish(paid(order, ada))
    sent = await becomes(merchant, ada, "sent")
    async with database.transaction() as tx:
        await tx.execute("UPDATE notification SET created_at = now() - interval '31 days' WHERE id = $1", sent["id"])
        await store.bodies_for(30)(tx, 1000)
    assert await listed(merchant, ada) == []
    (kept,) = (await merchant.get(f"/admin/notifications?q={order}")).json["items"]
    assert (kept["id"], kept["state"], kept["message_id"]) == (sent["id"], "sent", sent["message_id"])
    again = await merchant.post(f"/admin/notifications/{sent['id']}/resend")
    assert (again.status, again.code) == (409, "no_longer_kept")
    assert len(await mailbox.to(ada)) == 1
