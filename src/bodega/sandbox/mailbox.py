"""The mailbox: takes every mail by SMTP, delivers none, shows all."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from bodega.sandbox import ids
from bodega.sandbox.database import Database
from bodega.sandbox.faults import LOSES_THE_ANSWER, LOSES_THE_REQUEST, Faults
from bodega.sandbox.settings import Settings

_LINK = re.compile(r"https?://[^\s<>\"')\]]+")
_HREF = re.compile(r"""href\s*=\s*["'](https?://[^"']+)["']""", re.IGNORECASE)

_HEADERS = BytesHeaderParser(policy=email.policy.default)
"""What is asked of a mail that comes in. Its parts are taken apart when somebody reads it."""

MAIL_POLICY = "default-src 'none'; img-src * data:; style-src 'unsafe-inline'; font-src data:; sandbox allow-popups"
"""A mail's HTML is a stranger's: no script, no form, no frame, no origin. Links open in a new window."""


class Mailbox:
    """The SMTP door and what came in by it."""

    def __init__(self, settings: Settings, database: Database, faults: Faults) -> None:
        self._settings = settings
        self._database = database
        self._faults = faults

    async def listen(self) -> asyncio.Server:
        """Open the SMTP port; raises OSError if it is taken."""
        loop = asyncio.get_running_loop()

        def protocol() -> SMTP:
            return SMTP(
                self, data_size_limit=self._settings.mail_max_bytes, enable_SMTPUTF8=True, hostname="sandbox",
                ident="Bodega sandbox", loop=loop,
            )  # fmt: skip

        return await loop.create_server(protocol, self._settings.host, self._settings.smtp_port)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """aiosmtpd's hook: a whole mail is here. Stored before it is acknowledged."""
        del session
        raw = envelope.original_content or b""
        message = _HEADERS.parsebytes(raw)
        subject, message_id = str(message["subject"] or ""), str(message["message-id"] or "").strip()
        facts = {"subject": subject, "message_id": message_id, "to": ",".join(envelope.rcpt_tos)}
        fault = self._faults.take("smtp", facts)
        if fault and fault.kind == "refuse":
            return fault.message or f"{fault.code or '451'} 4.3.0 The sandbox was told to refuse this mail"
        if fault and fault.kind in ("slow", "timeout_before"):
            await asyncio.sleep(fault.seconds)
        if fault and fault.kind in LOSES_THE_REQUEST:
            return _cut(server)
        identifier = ids.new("mail")
        self._database.execute(
            "INSERT INTO mails (id, received, sender, recipients, subject, message_id, raw)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            identifier, time.time(), envelope.mail_from or "", json.dumps(envelope.rcpt_tos), subject, message_id, raw,
        )  # fmt: skip
        if fault and fault.kind == "timeout_after":
            await asyncio.sleep(fault.seconds)
        if fault and fault.kind in LOSES_THE_ANSWER:
            return _cut(server)
        return f"250 2.0.0 Taken as {identifier}"

    def routes(self) -> list[Route]:
        """`/sandbox/mails`."""
        one: Callable[[str], Callable[[Request], Awaitable[Response]]] = self._one
        return [
            Route("/sandbox/mails", self._list, methods=["GET"]),
            Route("/sandbox/mails", self._clear, methods=["DELETE"]),
            Route("/sandbox/mails/{id}", one("json"), methods=["GET"]),
            Route("/sandbox/mails/{id}/raw", one("raw"), methods=["GET"]),
            Route("/sandbox/mails/{id}/html", one("html"), methods=["GET"]),
        ]

    def find(self, identifier: str) -> dict[str, Any] | None:
        """A mail, parsed."""
        row = self._database.find("SELECT * FROM mails WHERE id = ?", identifier)
        return parsed(row) if row else None

    def latest(self, count: int) -> list[sqlite3.Row]:
        """The newest mails, unparsed."""
        return self._database.rows(
            "SELECT id, received, sender, recipients, subject FROM mails ORDER BY seq DESC LIMIT ?", count
        )

    async def _list(self, request: Request) -> Response:
        """Newest first; `to`, `message_id` exactly, `subject` anywhere; pages by `limit` (up to 500) and `cursor`.
        With `envelope`, of each only when it came, to whom, and under which Message-ID."""
        query = request.query_params
        limit, cursor = query.get("limit", "100"), query.get("cursor", "")
        if not re.fullmatch(r"\d{1,4}", limit, re.ASCII) or not re.fullmatch(r"\d{0,15}", cursor, re.ASCII):
            raise HTTPException(422, "limit is a number up to 500, cursor the next_cursor of an answer")
        conditions, values = ["true"], list[Any]()
        if "to" in query:
            conditions.append("EXISTS (SELECT 1 FROM json_each(recipients) WHERE lower(value) = lower(?))")
            values.append(query["to"])
        if "subject" in query:
            conditions.append("instr(lower(subject), lower(?)) > 0")
            values.append(query["subject"])
        if "message_id" in query:
            conditions.append("trim(message_id, '<>') = trim(?, '<>')")
            values.append(query["message_id"])
        where, size = " AND ".join(conditions), min(int(limit), 500)
        rows = self._database.rows(
            f"SELECT * FROM mails WHERE {where} AND seq < ? ORDER BY seq DESC LIMIT ?",  # noqa: S608 our own words
            *values, int(cursor or 10**15), size,
        )  # fmt: skip
        count = self._database.find(f"SELECT count(*) AS n FROM mails WHERE {where}", *values)  # noqa: S608
        told = _envelope if "envelope" in query else parsed
        return JSONResponse({
            "items": [told(row) for row in rows], "total": count["n"] if count else 0,
            "next_cursor": str(rows[-1]["seq"]) if rows and len(rows) == size else None,
        })  # fmt: skip

    async def _clear(self, _: Request) -> Response:
        self._database.execute("DELETE FROM mails")
        return Response(status_code=204)

    def _one(self, form: str) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            row = self._database.find("SELECT * FROM mails WHERE id = ?", request.path_params["id"])
            if row is None:
                raise HTTPException(404, "No such mail.")
            if form == "raw":
                return Response(row["raw"], media_type="message/rfc822")
            mail = parsed(row)
            if form == "json":
                return JSONResponse(mail)
            text = f'<base target="_blank">{mail["html"]}' if mail["html"] else f"<pre>{_escape(mail['text'])}</pre>"
            return HTMLResponse(text, headers={"Content-Security-Policy": MAIL_POLICY})

        return serve


def _cut(server: SMTP) -> str:
    """End the connection without an answer: the sender cannot know."""
    if server.transport is not None:
        server.transport.abort()  # type: ignore[attr-defined]
    return "421 4.4.2 Never heard"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _parse(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def _text_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, UnicodeDecodeError, KeyError):  # a charset or an encoding that nobody knows
        return bytes(cast(bytes, part.get_payload(decode=True) or b"")).decode("utf-8", "replace")


def _envelope(row: sqlite3.Row) -> dict[str, Any]:
    """What an audit of the whole mailbox asks: no mail is taken apart for it."""
    return {
        "id": row["id"], "received_at": row["received"], "to": json.loads(row["recipients"]),
        "subject": row["subject"], "message_id": row["message_id"],
    }  # fmt: skip


def parsed(row: sqlite3.Row) -> dict[str, Any]:
    """A stored mail as JSON."""
    message = _parse(row["raw"])
    text, html = _text_of(message, "plain"), _text_of(message, "html")
    links = [link.replace("&amp;", "&") for link in _HREF.findall(html)]
    links += [link.rstrip(".,;:!?") for link in _LINK.findall(text)]
    return {
        "id": row["id"],
        "received_at": row["received"],
        "from": str(message["from"] or row["sender"]),
        "to": json.loads(row["recipients"]),
        "envelope_from": row["sender"],
        "subject": row["subject"],
        "message_id": row["message_id"],
        "date": str(message["date"] or ""),
        "text": text,
        "html": html,
        "headers": [[name, str(value)] for name, value in message.items()],
        "links": list(dict.fromkeys(links)),
        "attachments": [
            {"filename": part.get_filename(), "content_type": part.get_content_type()}
            for part in message.iter_attachments()
        ],
        "size": len(row["raw"]),
    }
