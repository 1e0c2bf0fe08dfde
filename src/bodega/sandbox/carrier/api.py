"""The carrier's HTTP door, its clock, and its memory.

    label bought -> picked_up -> in_transit -> out_for_delivery -> delivered     (or: voided, before it is picked up)

Bearer key in `Authorization`. An `Idempotency-Key` makes buying safe to repeat: same key and same parcel, same
label; other parcel, 409. Webhooks: `Carrier-Signature: t=…,v1=…`, HMAC-SHA256 of `t.body` with the API key.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bodega.sandbox import ids
from bodega.sandbox.carrier.label import Unprintable, check, draw, warm
from bodega.sandbox.database import Database
from bodega.sandbox.deliveries import Deliveries
from bodega.sandbox.faults import Fault, Faults, suffer
from bodega.sandbox.http import body_as, read_body
from bodega.sandbox.settings import Settings

SCANS: Final = ("picked_up", "in_transit", "out_for_delivery", "delivered")
Scan = Literal["picked_up", "in_transit", "out_for_delivery", "delivered"]
_PLACES: Final = dict(zip(SCANS, ("Depot Nord", "Hub Mitte", "Depot Süd", "Front door"), strict=True))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Address(_Strict):
    """Where a parcel starts or ends. `country`: ISO 3166 alpha-2."""

    name: str = Field(min_length=1, max_length=200)
    company: str | None = Field(default=None, max_length=200)
    line1: str = Field(min_length=1, max_length=200)
    line2: str | None = Field(default=None, max_length=200)
    postal_code: str = Field(max_length=20)
    city: str = Field(min_length=1, max_length=200)
    region: str | None = Field(default=None, max_length=200)
    country: str = Field(pattern="^[A-Z]{2}$")
    phone: str | None = Field(default=None, max_length=30)
    email: str | None = Field(default=None, max_length=254)


class Parcel(_Strict):
    """One box: grams and millimetres."""

    weight_grams: int = Field(gt=0, le=31_500)
    length_mm: int | None = Field(default=None, gt=0, le=2000)
    width_mm: int | None = Field(default=None, gt=0, le=2000)
    height_mm: int | None = Field(default=None, gt=0, le=2000)


class LabelRequest(_Strict):
    """An order for a label. `reference`: the shop's own id, by which it finds a label of unknown fate."""

    reference: str = Field(min_length=1, max_length=100)
    service: Literal["standard", "express"] = "standard"
    to: Address
    sender: Address = Field(alias="from")
    parcels: list[Parcel] = Field(min_length=1, max_length=20)


class RatesRequest(_Strict):
    """A question for prices. Only the country and the weight matter."""

    to: dict[str, Any]
    sender: dict[str, Any] = Field(alias="from", default_factory=dict)
    parcels: list[Parcel] = Field(min_length=1, max_length=20)


class Push(_Strict):
    """How far to push a parcel; one scan on without it."""

    to: Scan | None = None


class Carrier:
    """The parcel carrier."""

    def __init__(self, settings: Settings, database: Database, faults: Faults, deliveries: Deliveries) -> None:
        self._settings = settings
        self._database = database
        self._faults = faults
        self._deliveries = deliveries
        self._wake = asyncio.Event()

    def routes(self) -> list[Route]:
        """`/carrier`, and `/sandbox/parcels` for tests."""
        return [
            Route("/carrier/labels", self._guarded(self._buy, "carrier.labels"), methods=["POST"]),
            Route("/carrier/labels", self._guarded(self._find, "carrier.labels.find"), methods=["GET"]),
            Route("/carrier/labels/{id}.pdf", self._guarded(self._print, "carrier.labels.find"), methods=["GET"]),
            Route("/carrier/labels/{id}/void", self._guarded(self._void, "carrier.labels.find"), methods=["POST"]),
            Route("/carrier/rates", self._guarded(self._rates, "carrier.rates"), methods=["POST"]),
            Route("/carrier/track/{tracking}", self._guarded(self._track, "carrier.track"), methods=["GET"]),
            Route("/sandbox/parcels", self._all, methods=["GET"]),
            Route("/sandbox/parcels/{tracking}/advance", self._advance, methods=["POST"]),
        ]

    async def run(self) -> None:
        """Move the parcels along their time-line for ever; cancel to stop."""
        await asyncio.to_thread(warm)  # or else the first buyer of a label waits for its printer
        while True:
            self._wake.clear()
            row = self._database.find("SELECT min(next_scan_at) AS at FROM labels")
            try:
                async with asyncio.timeout(max(0.0, row["at"] - time.time()) if row and row["at"] else None):
                    await self._wake.wait()
            except TimeoutError:
                for due in self._database.rows("SELECT * FROM labels WHERE next_scan_at <= ?", time.time()):
                    self._scan(due)

    # --- the API ------------------------------------------------------------------------------------------------

    def _guarded(self, serve: Callable[[Request], Awaitable[Response]], target: str) -> (
        Callable[[Request], Awaitable[Response]]
    ):  # fmt: skip
        """The key, and the faults ordered for this endpoint."""

        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, f"Bearer {self._settings.carrier_key}".encode()):
                return _error(401, "unauthorized", "Bearer key missing or wrong.")
            fault = self._take(target, await read_body(request), {**request.query_params, **request.path_params})
            message = (fault and fault.message) or "The address cannot be served."
            return await suffer(
                fault, request, serve, broken=_error(500, "internal_error", "The sandbox was told to fail here."),
                refusal=_error(422, (fault and fault.code) or "address_not_serviceable", message),
            )  # fmt: skip

        return guarded

    def _take(self, target: str, body: bytes, facts: dict[str, Any]) -> Fault | None:
        try:
            given = json.loads(body or b"{}")
        except ValueError:
            given = {}  # the endpoint itself will say so
        return self._faults.take(target, {**facts, **given} if isinstance(given, dict) else facts)

    async def _buy(self, request: Request) -> Response:
        order = await body_as(LabelRequest, request)
        key = request.headers.get("idempotency-key")
        doc = order.model_dump(by_alias=True)
        fingerprint = hashlib.sha256(json.dumps(doc, sort_keys=True).encode()).hexdigest()
        if key and (row := self._database.find("SELECT * FROM labels WHERE idempotency_key = ?", key)):
            if row["fingerprint"] != fingerprint:
                return _error(409, "idempotency_mismatch", "This key was used for another parcel.")
            return JSONResponse(self._shape(row), 200, {"Idempotency-Replayed": "true"})
        try:
            check(order.to.model_dump())
        except Unprintable as error:
            return _error(422, "address_not_printable", str(error))
        now = time.time()
        identifier = ids.new("lbl")
        doc["cost"] = {"amount": _price(order.to.country, order.parcels, order.service), "currency": "EUR"}
        self._database.execute(
            "INSERT INTO labels (id, tracking, reference, idempotency_key, fingerprint, status, created, next_scan_at,"
            " doc) VALUES (?, ?, ?, ?, ?, 'label_created', ?, ?, ?)",
            identifier, _tracking_number(), order.reference, key, fingerprint, now, self._scan_time(now, 0),
            json.dumps(doc),
        )  # fmt: skip
        self._wake.set()
        row = self._database.find("SELECT * FROM labels WHERE id = ?", identifier)
        assert row is not None
        return JSONResponse(self._shape(row), 201)

    async def _find(self, request: Request) -> Response:
        reference = request.query_params.get("reference", "")
        rows = self._database.rows("SELECT * FROM labels WHERE reference = ? ORDER BY seq", reference)
        return JSONResponse({"items": [self._shape(row) for row in rows]})

    async def _print(self, request: Request) -> Response:
        row = self._label(request)
        return Response(draw(self._shape(row)), media_type="application/pdf")

    async def _void(self, request: Request) -> Response:
        row = self._label(request)
        if row["status"] not in ("label_created", "voided"):
            return _error(409, "already_shipped", f"The parcel is {row['status']}.")
        self._database.execute("UPDATE labels SET status = 'voided', next_scan_at = NULL WHERE id = ?", row["id"])
        return JSONResponse(self._shape(self._label(request)))

    async def _rates(self, request: Request) -> Response:
        question = await body_as(RatesRequest, request)
        country = str(question.to.get("country", "DE"))
        rates = []
        for service, name, first, last in (("standard", "Parcel", 2, 4), ("express", "Express", 1, 1)):
            rates.append({
                "service": service, "name": name,
                "cost": {"amount": _price(country, question.parcels, service), "currency": "EUR"},
                "promised_from": _working_day(first).isoformat(), "promised_to": _working_day(last).isoformat(),
            })  # fmt: skip
        return JSONResponse({"rates": rates})

    async def _track(self, request: Request) -> Response:
        row = self._database.find("SELECT * FROM labels WHERE tracking = ?", request.path_params["tracking"])
        if row is None:
            return _error(404, "not_found", "No such parcel.")
        return JSONResponse(self.track(row))

    def _label(self, request: Request) -> sqlite3.Row:
        row = self._database.find("SELECT * FROM labels WHERE id = ?", request.path_params["id"])
        if row is None:
            raise HTTPException(404, "No such label.")
        return row

    # --- the parcels' way ---------------------------------------------------------------------------------------

    async def _all(self, request: Request) -> Response:
        reference = request.query_params.get("reference")
        rows = self._database.rows(
            "SELECT * FROM labels WHERE ?1 IS NULL OR reference = ?1 ORDER BY seq DESC LIMIT 500", reference
        )
        return JSONResponse({"items": [self._shape(row) for row in rows]})

    async def _advance(self, request: Request) -> Response:
        """Push a parcel one scan on, or `{"to": "delivered"}`."""
        push = await body_as(Push, request)
        tracking = request.path_params["tracking"]
        while True:
            row = self.find(tracking)
            if row is None:
                return _error(404, "not_found", "No such parcel.")
            if row["status"] == "voided":
                return _error(409, "voided", "The label was voided.")
            if row["status"] == "delivered" or (push.to and self._reached(row["status"], push.to)):
                return JSONResponse(self.track(row))
            self._scan(row)
            if push.to is None:
                return JSONResponse(self.track(self.find(tracking) or row))

    @staticmethod
    def _reached(status: str, wanted: str) -> bool:
        return status in SCANS and SCANS.index(status) >= SCANS.index(wanted)

    def _scan(self, row: sqlite3.Row) -> None:
        """The next scan of a parcel, told by webhook."""
        place = SCANS.index(row["status"]) + 1 if row["status"] in SCANS else 0
        if place >= len(SCANS):
            return
        status, now, identifier = SCANS[place], time.time(), ids.new("scan")
        following = self._scan_time(row["created"], place + 1)
        event = {
            "id": identifier, "type": f"parcel.{status}", "status": status, "tracking_number": row["tracking"],
            "label_id": row["id"], "reference": row["reference"], "at": _iso(now), "place": _PLACES[status],
        }  # fmt: skip
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO scans (id, tracking, status, at) VALUES (?, ?, ?, ?)",
                identifier, row["tracking"], status, now,
            )  # fmt: skip
            self._database.execute(
                "UPDATE labels SET status = ?, next_scan_at = ? WHERE id = ?", status, following, row["id"]
            )
            facts = {"reference": row["reference"], "tracking_number": row["tracking"]}
            self._deliveries.add("carrier", identifier, event["type"], json.dumps(event), facts)
        self._wake.set()

    def _scan_time(self, bought: float, place: int) -> float | None:
        plan = self._settings.parcel_seconds
        return bought + plan[place] if place < len(plan) else None

    def find(self, tracking: str) -> sqlite3.Row | None:
        """A label by its tracking number."""
        return self._database.find("SELECT * FROM labels WHERE tracking = ?", tracking)

    def latest(self, count: int) -> list[dict[str, Any]]:
        """The newest labels."""
        rows = self._database.rows("SELECT * FROM labels ORDER BY seq DESC LIMIT ?", count)
        return [self._shape(row) for row in rows]

    def track(self, row: sqlite3.Row) -> dict[str, Any]:
        """Where a parcel is and has been."""
        scans = self._database.rows("SELECT * FROM scans WHERE tracking = ? ORDER BY seq", row["tracking"])
        events = [
            {"status": scan["status"], "at": _iso(scan["at"]), "place": _PLACES[scan["status"]]} for scan in scans
        ]
        return {"tracking_number": row["tracking"], "label_id": row["id"], "status": row["status"], "events": events}

    def _shape(self, row: sqlite3.Row) -> dict[str, Any]:
        return {
            "label_id": row["id"], "tracking_number": row["tracking"], "status": row["status"],
            "created_at": _iso(row["created"]), "pdf_url": f"{self._settings.base_url}/carrier/labels/{row['id']}.pdf",
            **json.loads(row["doc"]),
        }  # fmt: skip


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _price(country: str, parcels: list[Parcel], service: str) -> int:
    """Cents: by weight and distance, as simple as a stand-in may be."""
    kilograms = sum(-(-parcel.weight_grams // 1000) for parcel in parcels)
    base = 449 if country == "DE" else 1149
    return (base + 60 * kilograms) * (2 if service == "express" else 1)


def _working_day(days: int) -> date:
    day = datetime.now(UTC).date()
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 6  # nobody delivers on Sundays
    return day


def _tracking_number() -> str:
    """A number that nobody can guess: 85 random bits in Crockford's base32, letters and digits that a Code 39 has.
    Whoever has it sees where the parcel is, and S10, the form of the Universal Postal Union, has room for 27 bits."""
    return "BD" + "".join(secrets.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(17))
