"""The mailbox and the SMS gateway, and the pages that show them."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

import aiohttp
import aiosmtplib
import pytest

from tests.sandbox.stand import CARRIER_KEY, PARCEL, Sandbox

pytestmark = pytest.mark.unit


def mail(to: str, subject: str = "Your order", message_id: str = "<1@shop.test>") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Bodega <shop@bodega.test>", to, subject
    message["Message-ID"] = message_id
    message.set_content("Thank you. Track it: http://127.0.0.1:8000/orders/1?a=1&b=2.\n")
    message.add_alternative('<h1>Thänk you</h1><a href="http://shop.test/x?a=1&amp;b=2">Order</a>', subtype="html")
    return message


async def send(sandbox: Sandbox, message: EmailMessage, timeout: float = 5) -> None:
    await aiosmtplib.send(message, hostname="127.0.0.1", port=sandbox.smtp_port, timeout=timeout, start_tls=False)


async def test_takes_and_shows_a_mail(sandbox: Sandbox, ask: Any) -> None:
    await send(sandbox, mail("Ann@Example.test", "Grüße", "<a@shop.test>"))
    for query in ("to=ann@example.test", "subject=grüße", "message_id=a@shop.test", "message_id=%3Ca@shop.test%3E"):
        _, found = await ask("GET", f"/sandbox/mails?{query}")
        assert found["total"] == 1, query
    it = found["items"][0]
    assert (it["subject"], it["to"], it["message_id"]) == ("Grüße", ["Ann@Example.test"], "<a@shop.test>")
    assert it["links"] == ["http://shop.test/x?a=1&b=2", "http://127.0.0.1:8000/orders/1?a=1&b=2"]
    assert "Thänk you" in it["html"]
    assert (await ask("GET", f"/sandbox/mails/{it['id']}/raw"))[1].startswith(b"From: Bodega")


async def test_tells_only_the_envelopes_of_many_mails(sandbox: Sandbox, ask: Any) -> None:
    await send(sandbox, mail("envelope@example.test", "Hello", "<envelope@shop.test>"))
    _, found = await ask("GET", "/sandbox/mails?envelope&to=envelope@example.test")
    (it,) = found["items"]
    assert (it["to"], it["message_id"]) == (["envelope@example.test"], "<envelope@shop.test>")
    assert it.keys() == {"id", "received_at", "to", "subject", "message_id"}


async def test_a_mails_html_can_do_nothing(sandbox: Sandbox, http: aiohttp.ClientSession, ask: Any) -> None:
    await send(sandbox, mail("csp@example.test"))
    _, found = await ask("GET", "/sandbox/mails?to=csp@example.test")
    async with http.get(f"{sandbox.url}/sandbox/mails/{found['items'][0]['id']}/html") as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy


async def test_refuses_for_now(sandbox: Sandbox, ask: Any) -> None:
    await ask("POST", "/sandbox/faults", {"target": "smtp", "kind": "refuse", "match": {"to": "busy@example.test"}})
    with pytest.raises(aiosmtplib.SMTPDataError) as refused:
        await send(sandbox, mail("busy@example.test"))
    assert refused.value.code == 451
    await send(sandbox, mail("busy@example.test"))
    assert (await ask("GET", "/sandbox/mails?to=busy@example.test"))[1]["total"] == 1


@pytest.mark.parametrize(("kind", "kept"), [("drop_after", 1), ("drop_before", 0)])
async def test_the_sender_does_not_know(sandbox: Sandbox, ask: Any, kind: str, kept: int) -> None:
    to = f"{kind}@example.test"
    await ask("POST", "/sandbox/faults", {"target": "smtp", "kind": kind, "match": {"to": to}})
    with pytest.raises(aiosmtplib.SMTPException):
        await send(sandbox, mail(to))
    assert (await ask("GET", f"/sandbox/mails?to={to}"))[1]["total"] == kept


async def test_text_messages(sandbox: Sandbox, http: aiohttp.ClientSession, ask: Any) -> None:
    url = f"{sandbox.url}/2010-04-01/Accounts/AC1/Messages.json"
    auth = {"Authorization": aiohttp.encode_basic_auth("AC1", "token")}
    text = {"To": "+4917012345678", "From": "+4930123", "Body": "Your parcel is on its way"}
    async with http.post(url, data=text, headers=auth) as answer:
        sent = await answer.json()
        assert answer.status == 201
    assert (sent["to"], sent["status"], sent["sid"][:2]) == ("+4917012345678", "queued", "SM")
    async with http.post(url, data={**text, "To": "0170"}, headers=auth) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, 21211)
    async with http.post(url, data=text) as answer:
        assert answer.status == 401
    _, known = await ask("GET", "/sandbox/texts?to=%2B4917012345678")
    assert [it["sid"] for it in known["items"]] == [sent["sid"]]


async def test_the_pages_show_it_all(sandbox: Sandbox, shop: Any, ask: Any) -> None:
    await send(sandbox, mail("<pages@example.test>", "<script>alert(1)</script>", "<pages@shop.test>"))
    paid = await shop.v1.payment_intents.create_async(
        {"amount": 1234, "currency": "eur", "allowed_payment_method_types": ["card"], "confirm": True,
         "payment_method": "pm_card_visa", "metadata": {"order_number": "BDG-1"}}
    )  # fmt: skip
    _, label = await ask("POST", "/carrier/labels", PARCEL, Authorization=f"Bearer {CARRIER_KEY}")
    _, before = await ask("GET", "/sandbox/version")
    status, page = await ask("GET", "/")
    assert status == 200
    assert b"12.34 EUR" in page
    assert b"BDG-1" in page
    assert label["tracking_number"].encode() in page
    assert b"&lt;script&gt;alert(1)" in page
    assert b"<script>alert" not in page
    _, mails = await ask("GET", "/sandbox/mails?message_id=pages@shop.test")
    for path in (f"/mails/{mails['items'][0]['id']}", f"/payments/{paid.id}", f"/parcels/{label['tracking_number']}"):
        assert (await ask("GET", path))[0] == 200, path
    assert (await ask("GET", "/mails/none"))[0] == 404
    for asset in ("style.css", "refresh.js", "icon.svg"):
        assert (await ask("GET", f"/static/{asset}"))[0] == 200
    assert (await ask("GET", "/sandbox/version"))[1]["version"] >= before["version"]
