"""Text messages: to who has agreed, about what they have agreed to; one per fact, whatever is lost on the way."""

import secrets
from typing import Any

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.testing import Caller, Credentials, Topics, eventually
from tests.notifications.conftest import Mailbox, becomes, listed
from tests.notifications.making import NUMBER, delivered, paid, sent, somebody

pytestmark = pytest.mark.service


def telephone() -> str:
    """A number of this test alone."""
    return f"+49151{secrets.randbelow(10**10):010}"


async def agreed(owner: Caller, phone: str, *, shipped: bool = True, was_delivered: bool = True) -> None:
    texts = {"phone": phone, "shipped": shipped, "delivered": was_delivered}
    answer = await owner.put("/notifications/preferences", {"delivery_mails": True, "text_messages": texts})
    assert answer.json["text_messages"] == texts


@pytest.fixture
def customer() -> str:
    return new_id("cus")


@pytest.fixture
def owner(notifications: Caller, credentials: Credentials, customer: str) -> Caller:
    return notifications.being(credentials.customer(customer))


async def bought(topics: Topics, mailbox: Mailbox, customer: str) -> tuple[str, str]:
    """An order of the customer's that notifications has heard of, and its address."""
    order, ada = new_id("ord"), somebody()
    await topics.publish(paid(order, ada, customer_id=customer))
    await mailbox.gets(ada)
    return order, ada


async def test_who_has_agreed_is_told_of_the_parcel_once_by_mail_and_once_by_text(
    owner: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics, customer: str
) -> None:
    phone = telephone()
    await agreed(owner, phone)
    order, ada = new_id("ord"), somebody()
    whose = {"customer_id": customer}
    await topics.publish(*(fact(order, ada, **whose) for fact in (sent, sent, delivered, delivered)))
    await mailbox.gets(ada, 2)  # what orders has to say of it has not come yet, and is not needed
    await becomes(merchant, phone.replace("+", "%2B"), "sent")

    async def both() -> list[dict[str, Any]]:
        texts = await mailbox.texts(phone)
        assert len(texts) == 2
        return texts

    on_its_way, arrived = sorted(text["body"] for text in await eventually(both))[::-1]
    assert on_its_way == (
        f"Bodega: your order {NUMBER} is on its way. Sandbox Parcel: http://127.0.0.1:7080/parcels/BD123456785DE"
    )
    assert arrived.startswith(f"Bodega: your order {NUMBER} has arrived. http://127.0.0.1:8000/orders/{NUMBER}#token=")
    seen = (await merchant.get(f"/admin/notifications?channel=sms&q={phone.replace('+', '%2B')}")).json["items"]
    assert [(one["kind"], one["channel"], one["recipient"]) for one in seen] == [
        ("parcel_delivered", "sms", phone), ("parcel_sent", "sms", phone),
    ]  # fmt: skip


async def test_each_kind_is_agreed_to_by_itself_and_taken_back_at_any_time(
    owner: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics, customer: str
) -> None:
    phone = telephone()
    await agreed(owner, phone, shipped=False)
    kept = await owner.put("/notifications/preferences", {"delivery_mails": True})
    assert kept.json["text_messages"]["phone"] == phone, "who says nothing of texts leaves them as they are"
    order, ada = await bought(topics, mailbox, customer)
    await topics.publish(sent(order, ada, customer_id=customer))
    await mailbox.gets(ada, 2)
    withdrawn = await owner.put("/notifications/preferences", {"delivery_mails": True, "text_messages": None})
    assert withdrawn.json["text_messages"] is None
    await topics.publish(delivered(order, ada, customer_id=customer))
    await mailbox.gets(ada, 3)
    assert await listed(merchant, phone.replace("+", "%2B")) == []


@pytest.mark.parametrize(
    ("kind", "attempts"),
    [("timeout_after", 2), ("drop_after", 2), ("error_500_after", 2), ("drop_before", 2), ("error_500", 2)],
)
async def test_a_text_of_unknown_fate_is_not_sent_twice(
    owner: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics, customer: str, kind: str, attempts: int
) -> None:
    phone = telephone()
    await agreed(owner, phone)
    await mailbox.fault(phone, kind, target="sms", seconds=0.6)
    order, ada = await bought(topics, mailbox, customer)
    await topics.publish(sent(order, ada, customer_id=customer))
    seen = await becomes(merchant, phone.replace("+", "%2B"), "sent")
    assert seen["attempts"] == attempts
    assert len(await mailbox.texts(phone)) == 1


@pytest.mark.parametrize(
    ("code", "state", "error"),
    [("21610", "dropped", "the recipient wants no text messages"),
     ("21211", "parked", "the SMS gateway refused it with 21211")],
)  # fmt: skip
async def test_who_wants_none_gets_none_and_what_cannot_be_sent_is_shown(
    owner: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics, customer: str, code: str, state: str, error: str
) -> None:
    phone = telephone()
    await agreed(owner, phone)
    await mailbox.fault(phone, "refuse", target="sms", code=code)
    order, ada = await bought(topics, mailbox, customer)
    await topics.publish(sent(order, ada, customer_id=customer))
    seen = await becomes(merchant, phone.replace("+", "%2B"), state)
    assert (seen["attempts"], seen["last_error"]) == (1, error)
    assert await mailbox.texts(phone) == []


@pytest.mark.parametrize(
    "phone", ["0151 12345678", "+0151123456", "+49", "+4915112345678901234", "+49 151 12345678 ext. 5"]
)
async def test_a_number_that_cannot_be_one_is_refused(owner: Caller, phone: str) -> None:
    wish = {"delivery_mails": True, "text_messages": {"phone": phone, "shipped": True, "delivered": True}}
    answer = await owner.put("/notifications/preferences", wish)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/text_messages/phone")


# --- unsubscribing ------------------------------------------------------------------------------------

ONE_CLICK = b"List-Unsubscribe=One-Click"


async def arrived(topics: Topics, mailbox: Mailbox, ada: str, **other: Any) -> str:
    """The id and signature that end the link of the mail that a parcel has arrived."""
    order = new_id("ord")
    await topics.publish(paid(order, ada, **other))
    before = len(await mailbox.gets(ada))
    await topics.publish(delivered(order, ada, **other))
    mail = (await mailbox.gets(ada, before + 1))[-1]
    headers = {name.lower(): str(value) for name, value in mail["headers"]}
    header = headers["list-unsubscribe"]
    assert headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert header.strip("<>") in mail["text"], "for those whose mail client has no button"
    before_id, _, link = str(header).strip("<>").rpartition("/")
    assert before_id == "http://127.0.0.1:8000/api/notifications/unsubscribe"
    return link


async def test_a_customer_unsubscribes_by_the_button_of_the_mail_client(
    notifications: Caller, owner: Caller, mailbox: Mailbox, topics: Topics, customer: str
) -> None:
    link = await arrived(topics, mailbox, somebody(), customer_id=customer)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for wrong in (link[:-1], link.replace("ntf_", "ntf_0")[:-20], link.partition("?")[0]):
        refused = await notifications.post(f"/notifications/unsubscribe/{wrong}", raw=ONE_CLICK, headers=form)
        assert refused.status in (404, 422)
        assert (await notifications.get(f"/notifications/unsubscribe/{wrong}")).status in (404, 422)
    looked = await notifications.get(f"/notifications/unsubscribe/{link}")
    assert looked.status == 200
    assert b'<form method="post"><button>' in looked.body, "who follows the link by hand is asked, signed in or not"
    assert (await owner.get("/notifications/preferences")).json["delivery_mails"] is True, "looking changes nothing"
    for _ in range(2):
        done = await notifications.post(f"/notifications/unsubscribe/{link}", raw=ONE_CLICK, headers=form)
        assert done.status == 204
    assert (await owner.get("/notifications/preferences")).json["delivery_mails"] is False


async def test_a_guest_who_has_unsubscribed_gets_no_more_of_these_mails_and_all_others(
    notifications: Caller, merchant: Caller, mailbox: Mailbox, topics: Topics
) -> None:
    ada = somebody()
    link = await arrived(topics, mailbox, ada)
    browser = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html,*/*;q=0.8"}
    done = await notifications.post(f"/notifications/unsubscribe/{link}", raw=b"", headers=browser)
    assert (done.status, b"You will get no more of these e-mails" in done.body) == (200, True)
    assert "form-action 'self'" in done.headers["content-security-policy"]
    order, marker = new_id("ord"), somebody()
    await topics.publish(paid(order, ada), delivered(order, ada), delivered(order, marker))
    await mailbox.gets(marker)
    await mailbox.gets(ada, 3)
    assert {one["kind"] for one in await listed(merchant, ada)} == {"order_confirmation", "parcel_delivered"}
    assert len(await mailbox.to(ada)) == 3
