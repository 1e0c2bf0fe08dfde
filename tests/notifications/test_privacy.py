"""What notifications shows of a customer, and forgets."""

import pytest

from bodega.contracts.ids import new_id
from bodega.contracts.privacy import erased_email
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials, Topics, eventually
from tests.notifications.conftest import Mailbox, becomes, listed
from tests.notifications.making import paid, refunded, somebody

pytestmark = pytest.mark.service


async def test_the_fact_that_there_was_a_mail_stays_the_person_goes(
    notifications: Caller, merchant: Caller, credentials: Credentials, mailbox: Mailbox, topics: Topics,
    database: Database,
) -> None:  # fmt: skip
    ada, customer, order = somebody(), new_id("cus"), new_id("ord")
    await topics.publish(paid(order, ada, customer_id=customer))
    sent = await becomes(merchant, ada, "sent")
    me = notifications.being(credentials.customer(customer))
    await me.put("/notifications/preferences", {"delivery_mails": False})
    users = notifications.being(credentials.service("users", "notifications"))
    path, person = f"/internal/customers/{customer}", {"email": ada.upper(), "order_ids": [order]}
    held = (await users.post(f"{path}/export", person)).json["data"]
    assert [one["recipient"] for one in held["mails"]] == [ada]
    assert held["mails"][0]["data"]["shipping_address"]["name"] == "Zoë Łukasz"
    assert held["preferences"][0]["delivery_mails"] is False

    await topics.publish_raw("orders", order, b'{"no": "event"}')  # which waits for people, with what is in it

    async def parked() -> int:
        async with database.transaction() as tx:
            return int(await tx.fetchval("SELECT count(*) FROM parked WHERE key = $1", order))

    async def waits() -> None:
        assert await parked() == 1

    await eventually(waits)
    done = [(await users.post(f"{path}/erase", person)).json for _ in range(2)]
    assert [(one["deleted"]["preferences"], one["pseudonymised"]["mails"]) for one in done] == [(1, 1), (0, 0)]
    after = await users.post(f"{path}/export", person)
    for personal in (ada, "Zoë", "Torstra", "Mug"):
        assert personal not in after.body.decode(), personal
    assert await listed(merchant, ada) == []
    assert await parked() == 0, "replayed, it would tell of somebody who is gone"
    kept = (await merchant.get(f"/admin/notifications?q={order}")).json["items"]
    assert [(one["id"], one["state"]) for one in kept] == [(sent["id"], "sent")]
    again = await merchant.post(f"/admin/notifications/{sent['id']}/resend")
    assert (again.status, again.code) == (409, "no_longer_kept")

    # A late fact: orders knows nobody's address any more, so nothing is mailed.
    await topics.publish(refunded(order, erased_email(customer), 100, 100))

    async def dropped() -> None:
        items = (await merchant.get(f"/admin/notifications?q={order}")).json["items"]
        assert sorted(one["state"] for one in items) == ["dropped", "sent"]

    await eventually(dropped)
    assert await mailbox.to(erased_email(customer)) == []
    assert len(await mailbox.to(ada)) == 1
