"""Notifications over HTTP."""

from typing import Any
from urllib.parse import quote

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.testing import Caller, Credentials, Topics
from tests.notifications.conftest import Mailbox, becomes, listed
from tests.notifications.making import NUMBER, paid, somebody

pytestmark = pytest.mark.service


async def test_a_customer_says_what_to_be_told(notifications: Caller, credentials: Credentials) -> None:
    customer = notifications.being(credentials.customer(new_id("cus")))
    assert (await customer.get("/notifications/preferences")).json == {"delivery_mails": True, "text_messages": None}
    for wish in (False, True, False):
        assert (await customer.put("/notifications/preferences", {"delivery_mails": wish})).json[
            "delivery_mails"
        ] is wish
    assert (await customer.get("/notifications/preferences")).json == {"delivery_mails": False, "text_messages": None}
    other = notifications.being(credentials.customer(new_id("cus")))
    assert (await other.get("/notifications/preferences")).json == {"delivery_mails": True, "text_messages": None}


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [({}, "/delivery_mails"), ({"delivery_mails": "perhaps"}, "/delivery_mails"),
     ({"delivery_mails": True, "news": True}, "/news")],
)  # fmt: skip
async def test_a_wish_that_makes_no_sense_is_refused_by_name(
    notifications: Caller, credentials: Credentials, wish: dict[str, Any], pointer: str
) -> None:
    customer = notifications.being(credentials.customer(new_id("cus")))
    answer = await customer.put("/notifications/preferences", wish)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, pointer)


async def test_who_may_see_what(notifications: Caller, credentials: Credentials) -> None:
    customer = notifications.being(credentials.customer(new_id("cus")))
    assert (await notifications.get("/notifications/preferences")).code == "unauthenticated"
    assert (await notifications.get("/admin/notifications")).code == "unauthenticated"
    assert (await customer.get("/admin/notifications")).code == "forbidden"
    assert (await customer.post(f"/admin/notifications/{new_id('ntf')}/resend")).code == "forbidden"


async def test_support_sees_what_was_sent_and_sends_it_again(
    notifications: Caller, credentials: Credentials, mailbox: Mailbox, topics: Topics
) -> None:
    ada = somebody()
    support = notifications.being(credentials.customer(new_id("cus"), "customer", "support"))
    await topics.publish(paid(new_id("ord"), ada))
    original = await becomes(support, ada, "sent")
    again = await support.post(f"/admin/notifications/{original['id']}/resend")
    assert (again.status, again.json["resend_of"]) == (202, original["id"])


async def test_the_merchant_finds_what_was_sent_to_whom_and_sends_it_again_once_per_key(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    ada = somebody()
    await topics.publish(paid(new_id("ord"), ada))
    original = await becomes(merchant, ada, "sent")
    assert original["number"] == NUMBER
    bare = NUMBER.replace("-", "")
    for typed in (NUMBER, NUMBER.lower(), bare, f" {bare.lower()} ", NUMBER.replace("-", "\u2013")):
        found = (await merchant.get(f"/admin/notifications?q={quote(typed)}&kind=order_confirmation")).json["items"]
        assert original["id"] in [one["id"] for one in found], typed
    path, key = f"/admin/notifications/{original['id']}/resend", {"Idempotency-Key": new_id("key")}
    first = await merchant.post(path, headers=key)
    second = await merchant.post(path, headers=key)
    assert first.status == second.status == 202
    assert first.json["id"] == second.json["id"] != original["id"]
    assert second.headers["idempotency-replayed"] == "true"
    assert first.json["resend_of"] == original["id"]
    mails = await mailbox.gets(ada, 2)
    assert len({mail["message_id"] for mail in mails}) == 2, "a mail of its own, or the reader's client would hide it"
    assert len(await listed(merchant, ada)) == 2


async def test_what_is_still_to_be_sent_is_not_sent_again(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    ada = somebody()
    await mailbox.fault(ada, "refuse", times=4)
    await topics.publish(paid(new_id("ord"), ada))
    waiting = await becomes(merchant, ada, "waiting")
    assert (await merchant.post(f"/admin/notifications/{waiting['id']}/resend")).code == "still_to_be_sent"
    assert (await merchant.post(f"/admin/notifications/{new_id('ntf')}/resend")).code == "not_found"
    assert (await merchant.post("/admin/notifications/x/resend")).code == "invalid_request"


@pytest.mark.parametrize("query", ["?q=%00", "?cursor=bm9wZQ", "?limit=0", "?limit=1000", "?state=lost", "?q=%25%25"])
async def test_strange_questions_are_refused_or_find_nothing(merchant: Caller, query: str) -> None:
    answer = await merchant.get(f"/admin/notifications{query}")
    assert answer.status in (400, 422) or answer.json["items"] == []


async def test_the_list_is_paged_newest_first(merchant: Caller, topics: Topics, mailbox: Mailbox) -> None:
    people = [somebody() for _ in range(3)]
    await topics.publish(*(paid(new_id("ord"), who) for who in people))
    for who in people:
        await becomes(merchant, who, "sent")
    first = (await merchant.get("/admin/notifications?limit=2")).json
    second = (await merchant.get(f"/admin/notifications?limit=2&cursor={first['next_cursor']}")).json
    ids = [one["id"] for one in (*first["items"], *second["items"])]
    assert ids == sorted(set(ids), reverse=True)


async def test_health_and_openapi_are_there(notifications: Caller) -> None:
    assert (await notifications.get("/readyz")).json["parts"]["postgres"] == "ok"
    document = (await notifications.get("/openapi.json")).json
    assert {"/notifications/preferences", "/admin/notifications"} <= set(document["paths"])
