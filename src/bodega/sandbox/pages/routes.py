"""The pages' routes. Rendered on the server; a small script reloads them when something new has come."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from bodega.kit.currencies import MINOR_DIGITS
from bodega.sandbox.carrier.api import Carrier
from bodega.sandbox.database import Database
from bodega.sandbox.mailbox import Mailbox
from bodega.sandbox.processor.api import Processor
from bodega.sandbox.processor.cards import CARDS
from bodega.sandbox.processor.machine import Charge, Intent, Method, Refund
from bodega.sandbox.settings import Settings
from bodega.sandbox.texts import Texts

STATIC = Path(__file__).with_name("static")
_POLICY = "default-src 'none'; " + "; ".join(
    f"{kind}-src 'self'" for kind in ("style", "script", "connect", "frame", "img")
)
_MOST = 50
_TO_TRY = (
    ("4242 4242 4242 4242", "is paid"),
    ("4000 0000 0000 0002", "is declined"),
    ("4000 0000 0000 9995", "does not have enough money"),
    ("4000 0025 0000 3155", "asks for 3-D Secure"),
)


class Pages:
    """Everything under / that a browser looks at."""

    def __init__(self, settings: Settings, database: Database, processor: Processor, carrier: Carrier, mailbox: Mailbox,
                 texts: Texts) -> None:  # fmt: skip
        self._settings = settings
        self._database = database
        self._processor = processor
        self._carrier = carrier
        self._mailbox = mailbox
        self._texts = texts
        self._templates = Environment(
            loader=PackageLoader("bodega.sandbox.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        self._templates.filters |= {"money": _money, "time": _time, "words": lambda text: text.replace("_", " ")}

    def routes(self) -> list[Route]:
        """The pages, and `/sandbox/version`, which changes when they do."""
        return [
            Route("/", self._overview),
            Route("/mails/{id}", self._mail),
            Route("/payments/{id}", self._payment),
            Route("/parcels/{tracking}", self._parcel),
            Route("/cards", self._cards),
            Route("/elements/card", self._card_form),
            Route("/sandbox/version", self._version),
        ]

    def _page(self, name: str, status: int = 200, **values: Any) -> Response:
        template = self._templates.get_template(name)
        text = template.render(version=self._database.version(), **values)
        return HTMLResponse(text, status, {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"})

    async def _version(self, _: Request) -> Response:
        return JSONResponse({"version": self._database.version()})

    async def _overview(self, _: Request) -> Response:
        mails = [{**dict(row), "recipients": json.loads(row["recipients"])} for row in self._mailbox.latest(_MOST)]
        intents, _more = self._processor.store.page(Intent, {"limit": _MOST})
        waiting = self._database.find("SELECT count(*) AS n FROM deliveries WHERE next_at IS NOT NULL")
        return self._page(
            "overview.html", mails=mails, texts=self._texts.latest(_MOST), intents=intents,
            parcels=self._carrier.latest(_MOST), sums=self._processor.store.sums(),
            waiting=waiting["n"] if waiting else 0, smtp=f"{self._settings.host}:{self._settings.smtp_port}",
            faults=self._database.rows(
                "SELECT target, kind, remaining FROM faults WHERE remaining IS NULL OR remaining > 0"
            ),
        )  # fmt: skip

    async def _cards(self, _: Request) -> Response:
        return self._page("cards.html", cards=CARDS)

    async def _card_form(self, request: Request) -> Response:
        parent = self._settings.site_url
        asked = request.query_params
        if asked.get("origin", parent) != parent:
            return self._page("missing.html", 404)
        text = self._templates.get_template("card_form.html").render(
            parent=parent,
            key=asked.get("key", self._settings.stripe_publishable_key),
            theme="dark" if asked.get("theme") == "dark" else "light",
            cards=_TO_TRY,
        )
        policy = f"{_POLICY}; form-action 'none'; base-uri 'none'; frame-ancestors {parent}"
        return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})

    async def _mail(self, request: Request) -> Response:
        mail = self._mailbox.find(request.path_params["id"])
        return self._page("mail.html", mail=mail) if mail else self._page("missing.html", 404)

    async def _payment(self, request: Request) -> Response:
        store = self._processor.store
        intent = store.find(Intent, request.path_params["id"])
        if intent is None:
            return self._page("missing.html", 404)
        charges, _more = store.page(Charge, {"limit": 100}, payment_intent=intent.id)
        refunds, _more = store.page(Refund, {"limit": 100}, payment_intent=intent.id)
        return self._page(
            "payment.html", intent=intent, charges=charges, refunds=refunds, cards=CARDS,
            method=store.find(Method, intent.payment_method) if intent.payment_method else None,
            ledger=self._database.rows("SELECT * FROM ledger WHERE payment_intent = ? ORDER BY seq", intent.id),
            events=self._database.rows(
                "SELECT e.id, e.type, e.created, d.attempts, d.delivered_at, d.last_answer, d.next_at FROM events e"
                " LEFT JOIN deliveries d ON d.event_id = e.id"
                " WHERE json_extract(e.doc, '$.data.object.id') = ?1"
                " OR json_extract(e.doc, '$.data.object.payment_intent') = ?1 ORDER BY e.seq", intent.id,
            ),
        )  # fmt: skip

    async def _parcel(self, request: Request) -> Response:
        row = self._carrier.find(request.path_params["tracking"])
        if row is None:
            return self._page("missing.html", 404)
        return self._page(
            "parcel.html", label=json.loads(row["doc"]), row=row, track=self._carrier.track(row),
            deliveries=self._database.rows(
                "SELECT d.* FROM deliveries d JOIN scans s ON s.id = d.event_id WHERE s.tracking = ? ORDER BY d.seq",
                row["tracking"],
            ),
        )  # fmt: skip


def _money(amount: int, currency: str) -> str:
    """Minor units as people write them."""
    code = currency.upper()
    digits = MINOR_DIGITS.get(code, 2)
    return f"{Decimal(amount).scaleb(-digits):,.{digits}f} {code}"


def _time(at: float | str | None) -> str:
    """A point in time, to the second, UTC."""
    if at is None:
        return ""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else datetime.fromtimestamp(at, UTC)
    return moment.strftime("%d %b %H:%M:%S")
