"""What is done to the processor from outside its API: the shopper's 3-D Secure challenge, audits, lost holds."""

from __future__ import annotations

import hmac
import json
from typing import Literal

from jinja2 import Environment, PackageLoader
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from bodega.sandbox.http import body_as, read_body
from bodega.sandbox.processor import errors, shapes
from bodega.sandbox.processor.api import Processor
from bodega.sandbox.processor.machine import Intent, Method
from bodega.sandbox.processor.params import decode


class Outcome(BaseModel):
    """How the shopper's challenge ends."""

    model_config = ConfigDict(extra="forbid")

    outcome: Literal["succeed", "fail"]


class Admin:
    """`/sandbox/challenges`, `/sandbox/payment_intents/…/expire`, `/sandbox/ledger`."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._templates = Environment(loader=PackageLoader("bodega.sandbox.pages"), autoescape=True)

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/sandbox/challenges/{id}", self._show, methods=["GET"]),
            Route("/sandbox/challenges/{id}", self._answer, methods=["POST"]),
            Route("/sandbox/payment_intents/{id}/expire", self._expire, methods=["POST"]),
            Route("/sandbox/ledger", self._ledger, methods=["GET"]),
        ]

    async def _show(self, request: Request) -> Response:
        """The bank's page. It shows who may see it: the holder of the client secret."""
        intent = self._processor.store.find(Intent, request.path_params["id"])
        secret = request.query_params.get("client_secret", "")
        if intent is None or not hmac.compare_digest(secret.encode(), intent.client_secret.encode()):
            return HTMLResponse(self._templates.get_template("missing.html").render(), 404)
        method = self._processor.store.find(Method, intent.payment_method) if intent.payment_method else None
        page = self._templates.get_template("challenge.html").render(
            intent=intent, method=method, waiting=intent.status == "requires_action",
            back=self._processor.return_address(intent),
        )  # fmt: skip
        return HTMLResponse(page)

    async def _answer(self, request: Request) -> Response:
        """JSON `{"outcome": "succeed"|"fail"}` from a test, answered by the intent; or the page's form."""
        form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        if form:
            outcome = Outcome.model_validate({"outcome": decode((await read_body(request)).decode()).get("outcome")})
        else:
            outcome = await body_as(Outcome, request)
        try:
            intent = self._processor.answer_challenge(request.path_params["id"], succeed=outcome.outcome == "succeed")
        except errors.StripeError as error:
            return JSONResponse({"error": error.body}, error.status)
        if not form:
            return JSONResponse(shapes.intent(intent, ""))
        back = self._processor.return_address(intent)
        return RedirectResponse(back or f"/payments/{intent.id}", status_code=303)

    async def _expire(self, request: Request) -> Response:
        """The bank lets go of the held money: from now on a capture is refused for good."""
        try:
            intent = self._processor.expire_authorization(request.path_params["id"])
        except errors.StripeError as error:
            return JSONResponse({"error": error.body}, error.status)
        return JSONResponse(shapes.intent(intent, ""))

    async def _ledger(self, request: Request) -> Response:
        """Sums of money for audits, of one payment with `?payment_id=`."""
        sums = self._processor.store.sums(request.query_params.get("payment_id"))
        body = {**sums, "accounts": self._processor.store.balances()}
        return Response(json.dumps(body), media_type="application/json")
