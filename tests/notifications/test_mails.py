"""The mails' words and looks, and their headers."""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from bodega.contracts.catalog import PricedSku
from bodega.contracts.ids import new_id
from bodega.contracts.money import Money
from bodega.contracts.orders import view_token
from bodega.kit.testing import eventually
from bodega.services.notifications import clients, domain
from bodega.services.notifications.clients import Mailer
from bodega.services.notifications.domain import KINDS, Kind, Notice, Notification
from bodega.services.notifications.errors import Delayed
from bodega.services.notifications.settings import Settings
from bodega.services.notifications.templates import Writer, money
from tests.notifications import making

pytestmark = pytest.mark.unit

ORDER = new_id("ord")
SECRET = b"s" * 32
GOODS = PricedSku.model_validate({
    "sku": "MUG-1", "sold": True, "slug": "mug", "title": "Mug <Sand & Sea>", "options": {"Colour": "Sand"},
})  # fmt: skip
FACTS: dict[Kind, Any] = {
    "order_confirmation": making.paid(ORDER, "ada@example.com"),
    "order_cancelled": making.cancelled(ORDER, "ada@example.com", was_paid=True),
    "order_refunded": making.refunded(ORDER, "ada@example.com", 1000, 2500),
    "order_link": making.link_wanted(ORDER, "ada@example.com"),
    "parcel_sent": making.sent(ORDER, "ada@example.com"),
    "parcel_delivered": making.delivered(ORDER, "ada@example.com"),
    "payment_failed": making.declined(ORDER, "ada@example.com"),
    "verify_email": making.registered("ada@example.com"),
    "reset_password": making.reset_wanted("ada@example.com"),
    "password_changed": making.password_set("ada@example.com"),
    "back_in_stock": making.stock_is("MUG-1", new_id("prd"), 2, 5),
    "withdrawal_received": making.withdrawn(ORDER, "ada@example.com"),
    "withdrawal_reported": making.withdrawn(ORDER, "ada@example.com"),
}


def notification_of(notice: Notice) -> Notification:
    return Notification(
        id=new_id("ntf"), notice=notice, state="waiting", attempts=0, last_error=None, sent_at=None,
        message_id=domain.message_id("f", notice.recipient, "a@b.example"),
        created_at=datetime(2026, 11, 24, 10, tzinfo=UTC),
    )  # fmt: skip


def written(
    kind: Kind, *, recipient: str = "ada@example.com", link: str | None = None, merchant: str = "", **data: Any
) -> EmailMessage:
    fact = FACTS[kind]
    notice = Notice(
        kind=kind, fact="f", recipient=recipient, event_id=fact.id, subject_id=fact.subject,
        data={**fact.data.model_dump(mode="json"), **data}, number=getattr(fact.data, "number", None),
    )  # fmt: skip
    settings = Settings(site_url="http://127.0.0.1:8000", shop_name="Bodega", merchant_line=merchant)
    return Writer(settings, SECRET).write(
        notification_of(notice), link, goods=GOODS if kind == "back_in_stock" else None
    )


def parts(mail: EmailMessage) -> tuple[str, str]:
    text, html = mail.iter_parts()
    return text.get_content(), html.get_content()


@pytest.mark.parametrize("kind", KINDS)
def test_every_mail_has_words_for_both_kinds_of_reader_and_needs_nothing_from_elsewhere(kind: Kind) -> None:
    mail = written(kind, link="http://127.0.0.1:8000/secret/1" if kind in ("verify_email", "reset_password") else None)
    text, html = parts(mail)
    for content in (text, html):
        assert "{{" not in content
        assert "None" not in content
        assert "http://127.0.0.1:8000/" in content
    assert not re.search(r"<(img|link|script)\b", html), "a mail without pictures fetches nothing"
    body = html.partition("<body")[2]
    assert 'style="' in body
    assert "flex" not in body
    assert max(len(line) for line in mail.as_bytes().split(b"\n")) <= 998
    assert mail["Message-ID"].endswith("@b.example>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert (mail["List-Unsubscribe"] is not None) == (kind in ("parcel_delivered", "back_in_stock"))
    assert (mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click") == (
        kind in ("parcel_delivered", "back_in_stock")
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_mail_says_who_sells_and_leads_to_the_legal_pages(kind: Kind) -> None:
    link = "http://127.0.0.1:8000/secret/1"
    for content in parts(written(kind, link=link, merchant="Haverfold & Sons, Hamburg, VAT ID DE123456789")):
        for page in ("terms", "withdrawal", "privacy", "imprint"):
            assert f"http://127.0.0.1:8000/{page}" in content
        assert "Haverfold & Sons, Hamburg, VAT ID DE123456789" in content.replace("&amp;", "&")
    text, _ = parts(written(kind, link=link))
    assert "Haverfold" not in text
    assert "\n\nTerms" not in text, "nothing stands in place of a merchant who is not filled in"


UNPAID: tuple[Kind, ...] = ("verify_email", "reset_password", "password_changed", "payment_failed")
"""What anybody can have mailed to anybody, by typing an address."""


@pytest.mark.parametrize("kind", UNPAID)
def test_what_anybody_can_have_mailed_to_anybody_repeats_nothing_that_was_typed(kind: Kind) -> None:
    typed = "Your card was charged. To cancel: https://evil.example/refund"
    mail = written(
        kind,
        link="http://127.0.0.1:8000/secret/1",
        **({"name": typed} if "name" in FACTS[kind].data.model_fields_set else {}),
    )
    for content in (mail["Subject"], *parts(mail)):
        assert "evil.example" not in content
        assert "card was charged" not in content


def test_the_confirmation_says_what_was_bought_for_how_much_and_where_it_goes() -> None:
    mail = written("order_confirmation")
    assert mail["Subject"] == "Your order BDG-7K3M-9Q2X"
    assert mail["From"] == "Bodega <shop@bodega.example>"
    text, html = parts(mail)
    link = f"http://127.0.0.1:8000/orders/BDG-7K3M-9Q2X#token={view_token(SECRET, ORDER)}"
    for content in (text, html):
        for said in (
            "€24.00",
            "€59.00",
            "€4.90",
            "€87.90",
            "€14.03",
            "Zoë Łukasz",
            "Torstraße 9",
            "10119 Berlin",
            link,
        ):
            assert said in content, said
    assert "2 x Mug <Sand & Sea>, Colour: Sand" in text
    assert "Mug &lt;Sand &amp; Sea&gt;" in html, "what a merchant wrote is text, not markup"


def test_the_tracking_mail_has_the_number_the_link_and_the_days() -> None:
    text, html = parts(written("parcel_sent"))
    for content in (text, html):
        assert "BD123456785DE" in content
        assert "http://127.0.0.1:7080/parcels/BD123456785DE" in content
        assert "Tuesday, 1 December" in content
        assert "Wednesday, 2 December" in content


@pytest.mark.parametrize(
    ("locale", "amount", "date"),
    [("en-IE", "€87.90", "Tuesday, 1 December"), ("en-US", "€87.90", "Tuesday, December 1"),
     ("en-DE", "87,90\N{NO-BREAK SPACE}€", "Tuesday, 1 December"), ("de-DE", "€87.90", "Tuesday, 1 December"),
     ("en-XX", "€87.90", "Tuesday, 1 December")],
)  # fmt: skip
def test_money_and_days_are_written_as_the_reader_does(locale: str, amount: str, date: str) -> None:
    contact = {"email": "ada@example.com", "locale": locale}
    assert amount in parts(written("order_confirmation", contact=contact))[0]
    assert date in parts(written("parcel_sent", contact=contact))[0]


def test_pictures_are_shown_where_there_are_some_and_say_nothing_that_is_not_written() -> None:
    lines = [dict(line) for line in FACTS["order_confirmation"].data.model_dump(mode="json")["lines"]]
    lines[0]["image"] = "ab/mug-w320.jpg"
    html = parts(written("order_confirmation", lines=lines))[1]
    (picture,) = re.findall(r"<img[^>]*>", html)
    assert 'src="http://127.0.0.1:8000/media/ab/mug-w320.jpg"' in picture
    assert 'alt=""' in picture


def test_a_net_shops_confirmation_adds_the_tax_and_a_discount_is_taken_off() -> None:
    totals = {"items": making.euro(8300), "shipping": making.euro(0), "discount": making.euro(300),
              "tax": making.euro(1520), "tax_included": False, "total": making.euro(9520)}  # fmt: skip
    text, html = parts(written("order_confirmation", totals=totals))
    assert "Tax:      €15.20" in text
    assert "Discount: -€3.00" in text
    assert "Shipping: free" in text
    assert "incl." not in html


@pytest.mark.parametrize(
    ("tax", "rates", "said"),
    [
        (1403, ["0.19"], "incl. €14.03 VAT"),
        (1403, ["0.19", "0.07"], "7 % and 19 %"),
        (1403, ["0.19", "0.190"], "19 %"),
        (0, ["0"], None),
    ],
)
def test_vat_is_named_with_its_rates_and_an_export_without_tax_says_nothing_of_it(
    tax: int, rates: list[str], said: str | None
) -> None:
    fact = FACTS["order_confirmation"].data.model_dump(mode="json")
    lines = [{**fact["lines"][0], "tax_rate": rate, "tax": making.euro(100 if float(rate) else 0)} for rate in rates]
    totals = {**fact["totals"], "tax": making.euro(tax)}
    for content in parts(written("order_confirmation", lines=lines, totals=totals)):
        if said is None:
            assert not [word for word in ("VAT", "incl.", "Tax:") if word in content]
        else:
            assert said in content


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        ({"line1": "1 Market St", "city": "San Francisco", "region": "California", "postal_code": "94105",
          "country": "US", "company": "Example LLC"},
         ["Example LLC", "1 Market St", "San Francisco, CA 94105", "United States"]),
        ({"line1": "10 Downing St", "city": "London", "postal_code": "SW1A 2AA", "country": "GB"},
         ["10 Downing St", "London", "SW1A 2AA", "United Kingdom"]),
        ({"line1": "Weg 1", "line2": "3. Etage", "city": "Berlin", "postal_code": "10119", "country": "DE"},
         ["Weg 1", "3. Etage", "10119 Berlin", "Germany"]),
        ({"line1": "Via Roma 1", "city": "Roma", "region": "RM", "postal_code": "00184", "country": "IT"},
         ["Via Roma 1", "00184 Roma RM", "Italy"]),
        ({"line1": "Rruga 1", "city": "Pristina", "postal_code": "10000", "country": "XK"}, ["Rruga 1", "Kosovo"]),
    ],
)  # fmt: skip
def test_an_address_is_written_as_its_country_writes_it(address: dict[str, str], lines: list[str]) -> None:
    text, html = parts(written("order_confirmation", shipping_address={"name": "Kim Muster", **address}))
    at = [text.index(line) for line in ("Kim Muster", *lines)]
    assert at == sorted(at)
    assert all(line in html for line in lines)


def test_a_confirmation_promises_the_days_and_says_preparing_and_not_on_its_way() -> None:
    days = {"promised_from": "2026-12-01", "promised_to": "2026-12-02"}
    for content in parts(written("order_confirmation", **days)):
        assert "Tuesday, 1 December" in content
        assert "preparing" in content
        assert "on its way" not in content
    assert "should arrive" not in parts(written("order_confirmation"))[0]


def test_a_cancellation_after_a_full_refund_says_that_the_money_was_refunded() -> None:
    assert "refunded your payment" in parts(written("order_cancelled", reason="refunded"))[0]
    assert "has been released" in parts(written("order_cancelled", reason="customer_request"))[0]


@pytest.mark.parametrize("recipient", ["x,ada@example.com", 'a"b@example.com', "ada@exämple.com"])
def test_a_strange_address_stays_one_address(recipient: str) -> None:
    mail = written("order_confirmation", recipient=recipient)
    assert len(mail["To"].addresses) == 1
    assert mail["To"].addresses[0].username == recipient.rpartition("@")[0]


def test_amounts_are_written_as_their_currency_is() -> None:
    assert money(Money(amount=2400, currency="EUR")) == "€24.00"
    assert money(Money(amount=2400, currency="JPY")) == "JP¥2,400"
    assert money(Money(amount=1, currency="KWD")).endswith("0.001")


def test_the_message_id_depends_on_fact_and_recipient_alone_and_gives_neither_away() -> None:
    one = domain.message_id("ord_1/paid", "ada@example.com", "shop@bodega.example")
    assert one == domain.message_id("ord_1/paid", "ada@example.com", "shop@bodega.example")
    assert one != domain.message_id("ord_1/paid", "bob@example.com", "shop@bodega.example")
    assert one != domain.message_id("ord_2/paid", "ada@example.com", "shop@bodega.example")
    assert re.fullmatch(r"<[0-9a-f]{40}@bodega\.example>", one)


def test_one_writer_writes_each_subject_anew_and_as_its_reader_writes_money() -> None:
    writer = Writer(Settings(), SECRET)

    def subject(locale: str, amount: int) -> str:
        fact = making.refunded(ORDER, "ada@example.com", amount, amount)
        data = fact.data.model_dump(mode="json")
        data["contact"]["locale"] = locale
        notice = Notice(
            kind="order_refunded", fact="f", recipient="ada@example.com", event_id=fact.id, subject_id=ORDER, data=data
        )
        return str(writer.write(notification_of(notice), None)["Subject"])

    said = [subject(locale, amount) for locale, amount in (("en-IE", 123456), ("en-CH", 123456), ("en-IE", 500))]
    assert [re.sub(r"Refund of (.*) for .*", r"\1", one) for one in said] == ["€1,234.56", "€\xa01’234.56", "€5.00"]


@dataclass
class Server:
    """A mail server that takes everything: what it was told on each connection."""

    connections: list[list[bytes]] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    taken: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = list[bytes]()
        self.connections.append(said)
        self.writers.append(writer)
        writer.write(b"220 mail.example\r\n")
        while line := await reader.readline():
            said.append(line.upper().strip())
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                self.taken += 1
            writer.write(b"250 ok\r\n")
        writer.close()


async def test_mails_in_a_row_share_a_connection_and_one_that_the_server_has_closed_is_not_used() -> None:
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        mailer = Mailer(Settings(smtp_host="127.0.0.1", smtp_port=listening.sockets[0].getsockname()[1]))
        mail = written("password_changed")
        for _ in range(3):
            await mailer.send(mail, "ada@example.com")
        assert (len(server.connections), server.taken) == (1, 3)
        server.writers[0].close()

        async def noticed() -> None:
            assert not any(line.is_connected for line, _ in mailer._kept)

        await eventually(noticed)
        await mailer.send(mail, "ada@example.com")
        assert (len(server.connections), server.taken) == (2, 4)
        await asyncio.gather(*(mailer.send(mail, "ada@example.com") for _ in range(3)))
        assert (len(server.connections), server.taken) == (4, 7), "nobody shares a connection with another mail"
        await mailer.close()

    async def all_ended() -> None:
        assert [said[-1] for said in server.connections] == [b"DATA", b"QUIT", b"QUIT", b"QUIT"]

    await eventually(all_ended)


async def test_a_connection_that_nobody_uses_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_KEPT_SECONDS", 0.05)
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        mailer = Mailer(Settings(smtp_host="127.0.0.1", smtp_port=listening.sockets[0].getsockname()[1]))
        await mailer.send(written("password_changed"), "ada@example.com")

        async def ended() -> None:
            assert server.connections[0][-1] == b"QUIT"

        await eventually(ended)
        await mailer.send(written("password_changed"), "ada@example.com")
        assert len(server.connections) == 2
        await mailer.close()


async def test_a_mail_servers_password_is_never_sent_in_clear() -> None:
    """Whoever stands between us and the mail server takes STARTTLS out of what it offers; then no mail goes out."""
    said: list[bytes] = []

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        while line := await reader.readline():
            said.append(line)
            offers = line.upper().startswith(b"EHLO")
            writer.write(b"250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n" if offers else b"250 ok\r\n")

    async with await asyncio.start_server(server, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        settings = Settings(smtp_host="127.0.0.1", smtp_port=port, smtp_username="shop", smtp_password="opensesame")
        with pytest.raises(Delayed):
            await Mailer(settings).send(written("reset_password", link="http://x"), "ada@example.com")
    assert said
    assert [line for line in said if line.upper().startswith((b"AUTH", b"MAIL"))] == []


@pytest.mark.parametrize(
    ("username", "chosen", "is_so"),
    [(None, "auto", "auto"), ("shop", "auto", "starttls"), ("shop", "tls", "tls"), (None, "starttls", "starttls")],
)
def test_with_a_user_name_the_mail_servers_connection_is_encrypted(
    username: str | None, chosen: Any, is_so: str
) -> None:
    assert Settings(smtp_username=username, smtp_security=chosen).smtp_security == is_so
