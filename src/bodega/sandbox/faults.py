"""Misbehaviour on demand: what a test asks the sandbox to do wrong, how often, and to whom.

`before` means that nothing happened behind the lost answer, `after` that it did: the case that makes naive
shops charge twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bodega.sandbox.database import Database
from bodega.sandbox.http import body_as

Target = Literal[
    "create", "confirm", "capture", "cancel", "refund", "update", "retrieve", "list",
    "smtp", "sms", "carrier.labels", "carrier.labels.find", "carrier.rates", "carrier.track", "webhooks",
]  # fmt: skip
Kind = Literal[
    "timeout_before", "timeout_after", "error_500", "error_500_after", "drop_before", "drop_after",
    "slow", "refuse", "duplicate",
]  # fmt: skip

LOSES_THE_REQUEST: Final = frozenset({"timeout_before", "drop_before"})
LOSES_THE_ANSWER: Final = frozenset({"timeout_after", "drop_after"})
OF_THE_LINE: Final = LOSES_THE_REQUEST | LOSES_THE_ANSWER | {"slow"}
"""Faults of the line rather than of the callee: a replayed answer suffers them too."""

_WITHOUT_EFFECT: Final = {
    "smtp": {"duplicate", "error_500", "error_500_after"},
    "webhooks": {"timeout_before", "timeout_after", "error_500", "error_500_after", "drop_before", "drop_after"},
}


class Fault(BaseModel):
    """One order to misbehave.

    `seconds`: how long a time-out holds the line, or how slow `slow` is. `times`: how often, null for until deleted.
    `probability`: that a call which fits is met at all. `match`: every key must equal a fact of the call: metadata
    (`payment_id`), `id`, `type` (webhooks), `reference` (carrier), `to`, `subject`, `message_id` (mail).
    `code`, `decline_code`, `message`: what a refusal says.
    """

    model_config = ConfigDict(extra="forbid")

    target: Target
    kind: Kind
    seconds: float = Field(default=30, ge=0, le=600)
    times: int | None = Field(default=1, ge=1)
    probability: float = Field(default=1, gt=0, le=1)
    match: dict[str, Any] = Field(default_factory=dict)
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None

    @model_validator(mode="after")
    def _has_an_effect(self) -> Fault:
        impossible = _WITHOUT_EFFECT.get(self.target, {"duplicate"})
        if self.kind in impossible:
            raise ValueError(f"{self.kind} means nothing for {self.target}")
        return self

    def fits(self, facts: dict[str, Any]) -> bool:
        """Whether the call with these facts is meant."""
        wanted = dict(self.match)
        wanted |= wanted.pop("metadata", {})
        return all(str(facts.get(name)) == str(value) for name, value in wanted.items())


class Faults:
    """The faults ordered and not yet used up; on disk, so that they outlive the sandbox's own death."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, fault: Fault) -> int:
        """Order a fault; returns its id."""
        cursor = self._database.execute(
            "INSERT INTO faults (target, kind, remaining, doc) VALUES (?, ?, ?, ?)",
            fault.target, fault.kind, fault.times, fault.model_dump_json(),
        )  # fmt: skip
        return int(cursor.lastrowid or 0)

    def take(self, target: str | None, facts: dict[str, Any], kinds: frozenset[str] | None = None) -> Fault | None:
        """The first fault ordered for such a call, used up by one; None if the call is to go well."""
        rows = self._database.rows(
            "SELECT id, kind, doc FROM faults WHERE target = ? AND (remaining IS NULL OR remaining > 0) ORDER BY id",
            target,
        )
        for row in rows:
            if kinds is not None and row["kind"] not in kinds:
                continue
            fault = Fault.model_validate_json(row["doc"])
            if fault.fits(facts) and secrets.SystemRandom().random() < fault.probability:
                self._database.execute(
                    "UPDATE faults SET remaining = remaining - 1, taken = taken + 1 WHERE id = ?", row["id"]
                )
                return fault
        return None

    def routes(self) -> list[Route]:
        """`/sandbox/faults`."""
        return [Route("/sandbox/faults", self._serve, methods=["GET", "POST", "DELETE"])]

    async def _serve(self, request: Request) -> Response:
        if request.method == "POST":
            fault = await body_as(Fault, request)
            return JSONResponse({"id": self.add(fault), **fault.model_dump()}, status_code=201)
        if request.method == "DELETE":
            self._database.execute("DELETE FROM faults")
            return Response(status_code=204)
        rows = self._database.rows("SELECT id, remaining, taken, doc FROM faults ORDER BY id")
        items = [
            {"id": row["id"], **Fault.model_validate_json(row["doc"]).model_dump(), "remaining": row["remaining"],
             "taken": row["taken"]}
            for row in rows
        ]  # fmt: skip
        return JSONResponse({"items": items})


async def hold(request: Request, seconds: float) -> None:
    """Keep the caller waiting; ends early when the caller hangs up."""
    try:
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass  # the caller is patient: its time is up, not ours


async def suffer(fault: Fault | None, request: Request, serve: Callable[[Request], Awaitable[Response]], *,
                 refusal: Response, broken: Response) -> Response:  # fmt: skip
    """Serve a request as the fault orders: without it, late, unheard, or not at all."""
    if fault is None:
        return await serve(request)
    if fault.kind in LOSES_THE_REQUEST:
        await hold(request, fault.seconds if fault.kind == "timeout_before" else 0)
        return Dropped()
    if fault.kind in ("error_500", "refuse"):
        return broken if fault.kind == "error_500" else refusal
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
    response = await serve(request)
    if fault.kind in LOSES_THE_ANSWER:
        await hold(request, fault.seconds if fault.kind == "timeout_after" else 0)
        return Dropped()
    return broken if fault.kind == "error_500_after" else response


class Dropped(Response):
    """No answer at all: the connection is cut."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"]["sandbox.transport"].abort()
        while (await receive())["type"] != "http.disconnect":
            pass
