"""The SMS gateway: Twilio's Messages resource (https://www.twilio.com/docs/messaging/api/message-resource)."""

from __future__ import annotations

import base64
import binascii
import re
import sqlite3
import time
from email.utils import formatdate
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bodega.sandbox import ids
from bodega.sandbox.database import Database
from bodega.sandbox.faults import Faults, suffer
from bodega.sandbox.http import read_body
from bodega.sandbox.processor.params import decode

_API = "/2010-04-01/Accounts/{sid}/Messages"


class Texts:
    """Takes text messages and keeps them. Any token goes, if the user name is the account."""

    def __init__(self, database: Database, faults: Faults) -> None:
        self._database = database
        self._faults = faults

    def routes(self) -> list[Route]:
        """Twilio's routes, and `/sandbox/texts` for tests."""
        return [
            Route(f"{_API}.json", self._create, methods=["POST"]),
            Route(f"{_API}.json", self._list, methods=["GET"]),
            Route(f"{_API}/{{id}}.json", self._retrieve, methods=["GET"]),
            Route("/sandbox/texts", self._all, methods=["GET"]),
        ]

    def latest(self, count: int) -> list[sqlite3.Row]:
        """The newest messages."""
        return self._database.rows("SELECT * FROM texts ORDER BY seq DESC LIMIT ?", count)

    async def _create(self, request: Request) -> Response:
        account = request.path_params["sid"]
        if not _authorized(request, account):
            return _error(401, 20003, "Authenticate")
        form = decode((await read_body(request)).decode("utf-8", "replace"))
        to, sender, body = (str(form.get(name, "")) for name in ("To", "From", "Body"))
        if wrong := _wrong(to, sender or str(form.get("MessagingServiceSid", "")), body):
            return _error(400, *wrong)

        async def take(_: Request) -> Response:
            return JSONResponse(_shape(self._keep(account, to, sender, body)), 201)

        fault = self._faults.take("sms", {"to": to})
        message = (fault and fault.message) or "Attempt to send to unsubscribed recipient"
        return await suffer(
            fault, request, take, broken=_error(500, 20500, "Internal Server Error"),
            refusal=_error(400, int((fault and fault.code) or 21610), message),
        )  # fmt: skip

    def _keep(self, account: str, to: str, sender: str, body: str) -> sqlite3.Row:
        identifier = f"SM{ids.letters(32).lower()}"
        self._database.execute(
            "INSERT INTO texts (id, account, created, sender, recipient, body) VALUES (?, ?, ?, ?, ?, ?)",
            identifier, account, time.time(), sender, to, body,
        )  # fmt: skip
        row = self._database.find("SELECT * FROM texts WHERE id = ?", identifier)
        assert row is not None
        return row

    async def _list(self, request: Request) -> Response:
        account = request.path_params["sid"]
        if not _authorized(request, account):
            return _error(401, 20003, "Authenticate")
        rows = self._database.rows(
            "SELECT * FROM texts WHERE account = ?1 AND (?2 IS NULL OR recipient = ?2) ORDER BY seq DESC LIMIT 100",
            account, request.query_params.get("To"),
        )  # fmt: skip
        return JSONResponse({"messages": [_shape(row) for row in rows], "page": 0, "page_size": 100})

    async def _retrieve(self, request: Request) -> Response:
        if not _authorized(request, request.path_params["sid"]):
            return _error(401, 20003, "Authenticate")
        row = self._database.find("SELECT * FROM texts WHERE id = ?", request.path_params["id"])
        return JSONResponse(_shape(row)) if row else _error(404, 20404, "The requested resource was not found")

    async def _all(self, request: Request) -> Response:
        rows = self._database.rows(
            "SELECT * FROM texts WHERE ?1 IS NULL OR recipient = ?1 ORDER BY seq DESC LIMIT 500",
            request.query_params.get("to"),
        )
        return JSONResponse({"items": [_shape(row) for row in rows]})


def _wrong(to: str, sender: str, body: str) -> tuple[int, str] | None:
    """Twilio's code and words for what cannot be sent."""
    if not re.fullmatch(r"\+[1-9]\d{6,14}", to, re.ASCII):
        return 21211, f"Invalid 'To' Phone Number: {to[:20]}"
    if not sender:
        return 21603, "A 'From' phone number is required"
    if not 0 < len(body) <= 1600:
        return 21602 if not body else 21617, "Message body is required, and at most 1600 characters"
    return None


def _authorized(request: Request, account: str) -> bool:
    kind, _, credentials = request.headers.get("authorization", "").partition(" ")
    try:
        user, _, token = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return kind.lower() == "basic" and user == account and bool(token)


def _error(status: int, code: int, message: str) -> Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": message, "more_info": more, "status": status}, status)


def _shape(row: sqlite3.Row) -> dict[str, Any]:
    at = formatdate(row["created"])
    segments = -(-len(row["body"]) // (160 if row["body"].isascii() else 70))
    return {
        "sid": row["id"], "account_sid": row["account"], "api_version": "2010-04-01", "body": row["body"],
        "date_created": at, "date_sent": at, "date_updated": at, "direction": "outbound-api", "error_code": None,
        "error_message": None, "from": row["sender"], "messaging_service_sid": None, "num_media": "0",
        "num_segments": str(segments), "price": None, "price_unit": "USD", "status": "queued", "to": row["recipient"],
        "uri": f"/2010-04-01/Accounts/{row['account']}/Messages/{row['id']}.json",
    }  # fmt: skip
