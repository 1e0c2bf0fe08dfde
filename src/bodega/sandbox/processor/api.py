"""Stripe's HTTP API: one operation per endpoint, run in one transaction with the answer that its key remembers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bodega.sandbox import ids
from bodega.sandbox.database import Database
from bodega.sandbox.deliveries import Deliveries
from bodega.sandbox.faults import LOSES_THE_ANSWER, LOSES_THE_REQUEST, OF_THE_LINE, Dropped, Fault, Faults, hold
from bodega.sandbox.http import read_body
from bodega.sandbox.processor import API_VERSION, errors, machine, shapes
from bodega.sandbox.processor.cards import BY_NUMBER, CARDS, Decline, passes_luhn
from bodega.sandbox.processor.idempotency import Keys
from bodega.sandbox.processor.machine import Charge, Intent, Method, Refund, Step
from bodega.sandbox.processor.params import (
    BILLING,
    EXPAND,
    PAGE,
    SHIPPING,
    Reader,
    any_hash,
    boolean,
    check_amount,
    currency,
    decode,
    hash_of,
    integer,
    list_of,
    metadata,
    one_of,
    read,
    text,
)  # fmt: skip
from bodega.sandbox.processor.store import Store
from bodega.sandbox.settings import Settings

log = logging.getLogger(__name__)

_CARD_OPTIONS: Final = hash_of({"card": any_hash})
_INTENT_FIELDS: Final[dict[str, Reader]] = {
    "allowed_payment_method_types": list_of(text(50)), "excluded_payment_method_types": list_of(text(50)),
    "customer": text(255), "description": text(1000, empty=True), "metadata": metadata, "payment_method": text(255),
    "payment_method_options": _CARD_OPTIONS, "payment_method_types": list_of(text(50)),
    "receipt_email": text(800, empty=True), "setup_future_usage": one_of("off_session", "on_session"),
    "shipping": SHIPPING, "statement_descriptor": text(22, empty=True),
    "statement_descriptor_suffix": text(22, empty=True), "transfer_group": text(500), "expand": EXPAND,
}  # fmt: skip
_CONFIRM_FIELDS: Final[dict[str, Reader]] = {
    "error_on_requires_action": boolean, "mandate_data": any_hash,
    "off_session": one_of("true", "false", "one_off", "recurring"), "return_url": text(5000), "use_stripe_sdk": boolean,
}  # fmt: skip
_CREATE: Final[dict[str, Reader]] = _INTENT_FIELDS | _CONFIRM_FIELDS | {
    "amount": integer(1), "currency": currency, "confirm": boolean,
    "automatic_payment_methods": hash_of(
        {"enabled": boolean, "allow_redirects": one_of("always", "never")}, required=("enabled",)
    ),
    "capture_method": one_of("automatic", "automatic_async", "manual"),
    "confirmation_method": one_of("automatic", "manual"),
}  # fmt: skip
_WITHOUT_TYPES: Final = "2026-09-30"
"""Since that version of its API Stripe refuses `payment_method_types`."""
_REASON: Final = one_of("duplicate", "fraudulent", "requested_by_customer")


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked."""

    path: Mapping[str, str]
    params: dict[str, Any]
    request_id: str
    key: str | None
    fault: Fault | None
    now: int = field(default_factory=lambda: int(time.time()))


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; `body` is JSON text, so that a replay is the same to the byte."""

    status: int
    body: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Operation:
    """An endpoint: which faults aim at it, what it takes, what it does. `publishable`: Stripe.js may call it."""

    run: Callable[[Call], dict[str, Any]]
    readers: Mapping[str, Reader]
    required: tuple[str, ...] = ()
    target: str | None = None
    publishable: bool = False


class Processor:
    """The card processor."""

    def __init__(self, settings: Settings, database: Database, faults: Faults, deliveries: Deliveries) -> None:
        self._settings = settings
        self._database = database
        self._faults = faults
        self._deliveries = deliveries
        self._keys = Keys(database, settings.idempotency_hours)
        self._hold_seconds = int(settings.authorization_days * 86400)
        self.store = Store(database)

    def routes(self) -> list[Route]:
        """Everything under /v1."""
        update = {"amount": integer(1), "currency": currency, "capture_method": _CREATE["capture_method"]}
        retrieve: dict[str, Reader] = {"expand": EXPAND}
        by_intent: dict[str, Reader] = {**PAGE, "payment_intent": text(255), "customer": text(255)}
        cancel_reason = one_of("duplicate", "fraudulent", "requested_by_customer", "abandoned")
        card = hash_of({"number": text(30), "exp_month": integer(), "exp_year": integer(), "cvc": text(4),
                        "token": text(255)})  # fmt: skip
        table: list[tuple[str, str, Operation]] = [
            ("POST", "/payment_intents", Operation(self._create, _CREATE, ("amount", "currency"), "create")),
            ("GET", "/payment_intents", Operation(
                self._list_intents, {**PAGE, "customer": text(255)}, target="list")),
            ("GET", "/payment_intents/{id}", Operation(
                self._retrieve, {**retrieve, "client_secret": text(255)}, target="retrieve", publishable=True)),
            ("POST", "/payment_intents/{id}", Operation(self._update, {**_INTENT_FIELDS, **update}, target="update")),
            ("POST", "/payment_intents/{id}/confirm", Operation(
                self._confirm, {
                    **_CONFIRM_FIELDS, "payment_method": text(255), "payment_method_options": _CARD_OPTIONS,
                    "payment_method_types": list_of(text(50)), "allowed_payment_method_types": list_of(text(50)),
                    "excluded_payment_method_types": list_of(text(50)), "receipt_email": text(800, empty=True),
                    "setup_future_usage": _CREATE["setup_future_usage"], "shipping": SHIPPING,
                    "capture_method": _CREATE["capture_method"], "expand": EXPAND, "client_secret": text(255),
                }, target="confirm", publishable=True)),
            ("POST", "/payment_intents/{id}/capture", Operation(
                self._capture, {
                    "amount_to_capture": integer(1), "metadata": metadata, "expand": EXPAND, "final_capture": boolean,
                    "statement_descriptor": text(22), "statement_descriptor_suffix": text(22),
                }, target="capture")),
            ("POST", "/payment_intents/{id}/cancel", Operation(
                self._cancel, {"cancellation_reason": cancel_reason, "expand": EXPAND}, target="cancel")),
            ("GET", "/charges", Operation(self._list_charges, by_intent, target="list")),
            ("GET", "/charges/{id}", Operation(self._retrieve_charge, retrieve, target="retrieve")),
            ("POST", "/refunds", Operation(
                self._refund, {
                    "amount": integer(1), "charge": text(255), "payment_intent": text(255), "metadata": metadata,
                    "reason": _REASON, "expand": EXPAND,
                }, target="refund")),
            ("GET", "/refunds", Operation(self._list_refunds, {**by_intent, "charge": text(255)}, target="list")),
            ("GET", "/refunds/{id}", Operation(self._retrieve_refund, retrieve, target="retrieve")),
            ("POST", "/payment_methods", Operation(
                self._create_method, {
                    "type": one_of("card"), "card": card, "billing_details": BILLING, "metadata": metadata,
                    "expand": EXPAND, "allow_redisplay": one_of("always", "limited", "unspecified"),
                }, ("type", "card"), publishable=True)),
            ("GET", "/payment_methods/{id}", Operation(self._retrieve_method, retrieve, target="retrieve")),
            ("GET", "/events", Operation(
                self._list_events, {**PAGE, "type": text(100), "types": list_of(text(100)),
                                    "delivery_success": boolean}, target="list")),
            ("GET", "/events/{id}", Operation(self._retrieve_event, retrieve, target="retrieve")),
            ("GET", "/balance", Operation(self._balance, retrieve, target="retrieve")),
        ]  # fmt: skip
        routes = [
            Route(f"/v1{path}", partial(self._serve, operation), methods=[method]) for method, path, operation in table
        ]
        everything = ["GET", "POST", "DELETE", "PUT", "PATCH"]
        return [*routes, Route("/v1/{rest:path}", self._unrecognized, methods=everything)]

    # --- one request --------------------------------------------------------------------------------------------

    async def _serve(self, operation: Operation, request: Request) -> Response:
        request_id = ids.new("req")
        try:
            return await self._answer(operation, request, request_id)
        except errors.StripeError as error:
            return self._respond(self._of_error(error), request, request_id)

    async def _answer(self, operation: Operation, request: Request, request_id: str) -> Response:
        publishable = self._authenticate(request)
        self._check_version(request)
        raw = self._decoded(request, (await read_body(request)).decode("utf-8", "replace"))
        if publishable and not (operation.publishable and self._may_publishable(request, raw)):
            raise errors.StripeError(
                403, "invalid_request_error", "This API call cannot be made with a publishable API key. Please use a "
                "secret API key.", kept=False, code="secret_key_required",
            )  # fmt: skip
        if raw.get("card") and isinstance(raw["card"], dict) and "number" in raw["card"] and not publishable:
            raise errors.invalid(
                "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use test "
                "tokens that map to the test card you are using.", status=402,
            )  # fmt: skip
        facts = self._facts(request, raw)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if key is not None and not 0 < len(key) <= 255:
            raise errors.invalid("An idempotency key has 1 to 255 characters.")
        if fault := self._faults.take(operation.target, facts, LOSES_THE_REQUEST):
            await hold(request, fault.seconds if fault.kind == "timeout_before" else 0)
            return Dropped()
        if key is None:
            fault = self._faults.take(operation.target, facts)
            answer = await self._run(operation, request, raw, request_id, None, "", fault)
            return await self._send(fault, answer, request, request_id, request_id)
        fingerprint = Keys.fingerprint(request.method, request.url.path, raw)
        kept = self._keys.begin(key, fingerprint)
        if kept is not None:
            fault = self._faults.take(operation.target, facts, OF_THE_LINE)
            answer = Answer(kept.status, kept.body, {"Idempotent-Replayed": "true"})
            if kept.status >= 500:
                answer.headers["Stripe-Should-Retry"] = "false"
            return await self._send(fault, answer, request, request_id, kept.request_id)
        try:
            fault = self._faults.take(operation.target, facts)
            answer = await self._run(operation, request, raw, request_id, key, fingerprint, fault)
        finally:
            self._keys.end(key)
        return await self._send(fault, answer, request, request_id, request_id)

    async def _run(self, operation: Operation, request: Request, raw: dict[str, Any], request_id: str,
                   key: str | None, fingerprint: str, fault: Fault | None) -> Answer:  # fmt: skip
        """Run the endpoint and keep its answer in one transaction; an error rolls back, and then is kept alone."""
        if fault and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)

        def keep(answer: Answer) -> None:
            if key is not None:
                self._keys.keep(key, fingerprint, answer.status, answer.body, request_id)

        try:
            params = read(raw, operation.readers, operation.required)
            if fault and fault.kind == "error_500":
                raise errors.broken()
            with self._database.transaction():
                call = Call(request.path_params, params, request_id, key, fault)
                done: dict[str, Any] | errors.StripeError
                done = self._guarded(operation, call)
                if fault and fault.kind == "error_500_after":
                    done = errors.broken()
                answer = self._of_error(done) if isinstance(done, errors.StripeError) else self._of_body(done)
                keep(answer)
            return answer
        except errors.StripeError as error:
            answer = self._of_error(error)
            if error.kept:
                keep(answer)
            return answer

    def _guarded(self, operation: Operation, call: Call) -> dict[str, Any] | errors.StripeError:
        """The object, expanded as asked; or the error that a step ended with, whose effect stays."""
        try:
            return self._expand(operation.run(call), call.params.get("expand", []))
        except _Declined as declined:
            return declined.error

    async def _send(self, fault: Fault | None, answer: Answer, request: Request, request_id: str, original: str) -> (
        Response
    ):  # fmt: skip
        if fault and fault.kind in LOSES_THE_ANSWER:
            await hold(request, fault.seconds if fault.kind == "timeout_after" else 0)
            return Dropped()
        if "Idempotent-Replayed" in answer.headers and fault and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if "idempotency-key" in request.headers:
            answer.headers["Idempotency-Key"] = request.headers["idempotency-key"]
            answer.headers["Original-Request"] = original
        return self._respond(answer, request, request_id)

    def _respond(self, answer: Answer, request: Request, request_id: str) -> Response:
        version = request.headers.get("stripe-version", API_VERSION)
        headers = {"Request-Id": request_id, "Stripe-Version": version, **answer.headers}
        return Response(answer.body, answer.status, headers, media_type="application/json")

    @staticmethod
    def _of_body(body: dict[str, Any]) -> Answer:
        return Answer(200, _written(body), {})

    def _of_error(self, error: errors.StripeError) -> Answer:
        body = dict(error.body)
        if isinstance(identifier := body.get("payment_intent"), str):
            intent = self.store.find(Intent, identifier)
            body["payment_intent"] = shapes.intent(intent, self._settings.base_url) if intent else identifier
        return Answer(error.status, _written({"error": body}), dict(error.headers))

    def _authenticate(self, request: Request) -> bool:
        """True for a publishable key, False for the secret one; raises StripeError 401."""
        kind, _, credentials = request.headers.get("authorization", "").partition(" ")
        given = credentials.strip()
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                given = ""
        if not given:
            raise errors.StripeError(
                401, "invalid_request_error", "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').", kept=False,
                headers={"WWW-Authenticate": 'Basic realm="Stripe"'},
            )  # fmt: skip
        if given == self._settings.stripe_secret_key:
            return False
        if given == self._settings.stripe_publishable_key:
            return True
        shown = f"{given[:8]}{'*' * 8}{given[-4:]}" if len(given) > 16 else "*" * 8
        raise errors.StripeError(
            401, "invalid_request_error", f"Invalid API Key provided: {shown}", kept=False,
            headers={"WWW-Authenticate": 'Basic realm="Stripe"'},
        )  # fmt: skip

    def _decoded(self, request: Request, body: str) -> dict[str, Any]:
        """The parameters, nested; raises StripeError for those that the request's API version no longer has."""
        raw = decode(body if request.method == "POST" else request.url.query)
        version = request.headers.get("stripe-version", API_VERSION)
        if "payment_method_types" in raw and version >= _WITHOUT_TYPES:
            raise errors.invalid(
                "`payment_method_types` is no longer supported. Use dynamic payment methods, or "
                "`allowed_payment_method_types`.", param="payment_method_types",
                code="payment_method_types_no_longer_supported",
            )  # fmt: skip
        return raw

    def _may_publishable(self, request: Request, raw: dict[str, Any]) -> bool:
        """Stripe.js makes payment methods, and reads and confirms the intent whose client secret it holds."""
        if "id" not in request.path_params:
            return True
        intent = self.store.find(Intent, request.path_params["id"])
        return intent is not None and raw.get("client_secret") == intent.client_secret

    def _check_version(self, request: Request) -> None:
        version = request.headers.get("stripe-version", API_VERSION)
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.\w+)?(; ?\w+=v\d+)*", version):
            raise errors.invalid(f"Invalid Stripe API version: {version[:50]}")

    def _facts(self, request: Request, raw: dict[str, Any]) -> dict[str, Any]:
        """What a fault can match: the intent's metadata, the request's, and the id."""
        identifier = request.path_params.get("id") or raw.get("payment_intent") or ""
        if isinstance(charge := raw.get("charge"), str) and (found := self.store.find(Charge, charge)):
            identifier = found.payment_intent
        intent = self.store.find(Intent, identifier) if isinstance(identifier, str) else None
        own = raw.get("metadata")
        return {
            **(intent.metadata if intent else {}), **(own if isinstance(own, dict) else {}), "id": identifier,
        }  # fmt: skip

    async def _unrecognized(self, request: Request) -> Response:
        url = f"{request.method}: {request.url.path}"
        error = errors.invalid(f"Unrecognized request URL ({url}).", status=404)
        return self._respond(self._of_error(error), request, ids.new("req"))

    # --- steps --------------------------------------------------------------------------------------------------

    def _apply(self, step: Step, call: Call, method: Method | None = None) -> dict[str, Any]:
        """Store, book and tell what a step has changed; returns the intent. Raises _Declined if it ended so."""
        if step.error and step.intent.last_payment_error and method:
            shown = shapes.method(method)
            step.intent.last_payment_error["payment_method"] = shown
            step.error.body["payment_method"] = shown
        self._store_step(step, call.now, call.request_id, call.key)
        if step.error:
            step.error.body["payment_intent"] = step.intent.id
            raise _Declined(step.error)
        return shapes.intent(step.intent, self._settings.base_url)

    def _store_step(self, step: Step, now: int, request_id: str | None = None, key: str | None = None) -> None:
        url = self._settings.base_url
        self.store.save(step.intent)
        bodies = {"payment_intent": shapes.intent(step.intent, url)}
        if step.charge:
            self.store.save(step.charge)
            bodies["charge"] = shapes.charge(step.charge, url)
        if step.refund:
            self.store.save(step.refund)
            bodies["refund"] = shapes.refund(step.refund)
        for journal in step.journals:
            self.store.book(journal, step.intent, now)
        for kind in step.events:
            event = shapes.event(ids.new("evt"), kind, now, bodies[kind.partition(".")[0]], request_id, key)
            body = self.store.add_event(event)
            self._deliveries.add("processor", event["id"], kind, body, step.intent.metadata)

    def _intent(self, identifier: str) -> Intent:
        intent = self.store.find(Intent, identifier)
        if intent is None:
            raise errors.missing("payment_intent", identifier, "intent")
        return intent

    def _method(self, name: str | None, now: int) -> Method | None:
        """The payment method of that id; a test card's name makes a new one, as at Stripe."""
        if name is None:
            return None
        name = name.replace("tok_", "pm_card_", 1) if name.startswith("tok_") else name
        if name in CARDS:
            method = Method(ids.new("pm"), now, name, exp_month=12, exp_year=time.gmtime(now).tm_year + 3)
            self.store.save(method)
            return method
        found = self.store.find(Method, name)
        if found is None:
            raise errors.missing("PaymentMethod", name, "payment_method", status=400)
        return found

    # --- payment intents ----------------------------------------------------------------------------------------

    def _create(self, call: Call) -> dict[str, Any]:
        params = call.params
        check_amount(params["amount"], params["currency"])
        automatic = self._automatic(params)
        for name in ("return_url", "off_session", "error_on_requires_action", "mandate_data"):
            if name in params and not params.get("confirm"):
                raise errors.invalid(
                    f"You cannot provide `{name}` when `confirm` is not `true`. You may pass it when confirming.",
                    param=name,
                )  # fmt: skip
        if call.fault and call.fault.kind == "refuse":
            raise _refusal(call.fault, "This account cannot currently make charges.", "account_invalid")
        identifier = ids.new("pi")
        intent = Intent(
            id=identifier, created=call.now, amount=params["amount"], currency=params["currency"],
            client_secret=f"{identifier}_secret_{ids.letters(25)}",
            automatic_payment_methods=automatic,
            **{name: params[name] for name in _PLAIN if name in params},
        )  # fmt: skip
        self._options(intent, params)
        method = self._method(params.get("payment_method"), call.now)
        step = machine.create(intent, method)
        intent.metadata = {key: value for key, value in intent.metadata.items() if value}
        body = self._apply(step, call)
        return self._confirmed(intent, method, call) if params.get("confirm") else body

    @staticmethod
    def _automatic(params: dict[str, Any]) -> dict[str, Any] | None:
        """Which methods are taken: what the dashboard allows (the default at Stripe since 2023), or the types named."""
        ways = ("allowed_payment_method_types", "excluded_payment_method_types", "automatic_payment_methods",
                "payment_method_types")  # fmt: skip
        named = [name for name in ways if params.get(name)]
        if len(named) > 1:
            raise errors.invalid(f"You may only specify one of these parameters: {', '.join(named)}.", param=named[1])
        types = params.get("allowed_payment_method_types") or params.get("payment_method_types")
        if (types and "card" not in types) or "card" in (params.get("excluded_payment_method_types") or []):
            raise errors.invalid("No valid payment method types: the sandbox takes cards alone.", param=named[0])
        if types:
            return None
        return {"allow_redirects": "always", "enabled": True} | (params.get("automatic_payment_methods") or {})

    def _options(self, intent: Intent, params: dict[str, Any]) -> None:
        asked = ((params.get("payment_method_options") or {}).get("card") or {}).get("request_three_d_secure")
        if asked is not None:
            intent.request_three_d_secure = str(asked)

    def _confirmed(self, intent: Intent, method: Method | None, call: Call) -> dict[str, Any]:
        if method is None and intent.payment_method:
            method = self.store.find(Method, intent.payment_method)
        if "return_url" in call.params:
            intent.return_url = call.params["return_url"]
        fault = call.fault or self._faults.take("confirm", {**intent.metadata, "id": intent.id}, frozenset({"refuse"}))
        forced = None
        if fault and fault.kind == "refuse":
            forced = Decline(
                fault.code or "card_declined", fault.decline_code or "do_not_honor",
                fault.message or "Your card was declined.",
            )  # fmt: skip
        off_session = call.params.get("off_session", "false") != "false"
        fails = off_session or call.params.get("error_on_requires_action")
        step = machine.confirm(
            intent, method, call.now, self._hold_seconds, forced=forced, on_action="fail" if fails else "wait"
        )
        return self._apply(step, call, method)

    def _retrieve(self, call: Call) -> dict[str, Any]:
        return shapes.intent(self._intent(call.path["id"]), self._settings.base_url)

    def _list_intents(self, call: Call) -> dict[str, Any]:
        found, more = self.store.page(Intent, call.params, customer=call.params.get("customer"))
        return shapes.page("/v1/payment_intents", [shapes.intent(it, self._settings.base_url) for it in found], more)

    def _update(self, call: Call) -> dict[str, Any]:
        intent = self._intent(call.path["id"])
        own = ("expand", "payment_method_options")
        changes = {name: value for name, value in call.params.items() if name not in own}
        if "amount" in changes or "currency" in changes:
            check_amount(changes.get("amount", intent.amount), changes.get("currency", intent.currency))
        method = self._method(changes.get("payment_method"), call.now)
        step = machine.update(intent, changes, method)
        self._options(intent, call.params)
        return self._apply(step, call)

    def _confirm(self, call: Call) -> dict[str, Any]:
        intent = self._intent(call.path["id"])
        method = self._method(call.params.get("payment_method"), call.now)
        if intent.status in machine.CONFIRMABLE:
            for name in ("receipt_email", "shipping", "setup_future_usage", "capture_method"):
                if name in call.params:
                    setattr(intent, name, call.params[name])
            self._options(intent, call.params)
        return self._confirmed(intent, method, call)

    def _capture(self, call: Call) -> dict[str, Any]:
        intent = self._intent(call.path["id"])
        charge = self.store.find_charge_of(intent)
        if call.fault and call.fault.kind == "refuse" and charge and intent.status == "requires_capture":
            step = machine.lose_authorization(intent, charge, call.now)
            if step.error and call.fault.message:
                step.error.body["message"] = call.fault.message
            if step.error and call.fault.code:
                step.error.body["code"] = call.fault.code
        else:
            step = machine.capture(intent, charge, call.params.get("amount_to_capture"), call.now)
        intent.metadata |= call.params.get("metadata", {})
        return self._apply(step, call)

    def _cancel(self, call: Call) -> dict[str, Any]:
        intent = self._intent(call.path["id"])
        if call.fault and call.fault.kind == "refuse":
            raise _refusal(call.fault, "This PaymentIntent cannot be canceled now.", "payment_intent_unexpected_state")
        reason = call.params.get("cancellation_reason")
        return self._apply(machine.cancel(intent, self.store.find_charge_of(intent), reason, call.now), call)

    # --- charges, refunds, methods, events ----------------------------------------------------------------------

    def _retrieve_charge(self, call: Call) -> dict[str, Any]:
        charge = self.store.find(Charge, call.path["id"])
        if charge is None:
            raise errors.missing("charge", call.path["id"], "id")
        return shapes.charge(charge, self._settings.base_url)

    def _list_charges(self, call: Call) -> dict[str, Any]:
        found, more = self.store.page(Charge, call.params, payment_intent=call.params.get("payment_intent"))
        return shapes.page("/v1/charges", [shapes.charge(it, self._settings.base_url) for it in found], more)

    def _refund(self, call: Call) -> dict[str, Any]:
        params = call.params
        if ("charge" in params) == ("payment_intent" in params):
            raise errors.invalid("One of the following params should be provided for this request: payment_intent or "
                                 "charge.", code="parameter_missing")  # fmt: skip
        if "charge" in params:
            charge = self.store.find(Charge, params["charge"])
            if charge is None:
                raise errors.missing("charge", params["charge"], "charge")
            intent = self._intent(charge.payment_intent)
        else:
            found = self.store.find(Intent, params["payment_intent"])
            if found is None:
                raise errors.missing("payment_intent", params["payment_intent"], "payment_intent")
            intent, charge = found, self.store.find_charge_of(found)
        if charge and charge.status == "failed":
            charge = None
        if call.fault and call.fault.kind == "refuse":
            raise _refusal(call.fault, "This charge cannot be refunded now.", "charge_not_refundable")
        step = machine.refund(
            intent, charge, params.get("amount"), params.get("reason"), params.get("metadata", {}), call.now
        )
        self._apply(step, call)
        assert step.refund is not None
        return shapes.refund(step.refund)

    def _retrieve_refund(self, call: Call) -> dict[str, Any]:
        refund = self.store.find(Refund, call.path["id"])
        if refund is None:
            raise errors.missing("refund", call.path["id"], "id")
        return shapes.refund(refund)

    def _list_refunds(self, call: Call) -> dict[str, Any]:
        found, more = self.store.page(
            Refund, call.params, payment_intent=call.params.get("payment_intent"), charge=call.params.get("charge")
        )
        return shapes.page("/v1/refunds", [shapes.refund(it) for it in found], more)

    def _create_method(self, call: Call) -> dict[str, Any]:
        given = call.params["card"]
        if "token" in given:
            method = self._method(given["token"], call.now)
            assert method is not None
        else:
            method = self._method_of_number(given, call.now)
        method.billing = call.params.get("billing_details") or {}
        method.metadata = call.params.get("metadata", {})
        self.store.save(method)
        return shapes.method(method)

    def _method_of_number(self, given: dict[str, Any], now: int) -> Method:
        number = re.sub(r"[ -]", "", given.get("number") or "")
        today = time.gmtime(now)
        if not re.fullmatch(r"[0-9]{12,19}", number) or not passes_luhn(number):
            raise errors.declined("Your card number is incorrect.", code="incorrect_number", param="number")
        month, year = given.get("exp_month", 0), given.get("exp_year", 0)
        year += 2000 if year < 100 else 0
        if not 1 <= month <= 12:
            raise errors.declined("Your card's expiration month is invalid.", code="invalid_expiry_month",
                                  param="exp_month")  # fmt: skip
        if not (today.tm_year, today.tm_mon) <= (year, month) <= (today.tm_year + 50, 12):
            raise errors.declined("Your card's expiration year is invalid.", code="invalid_expiry_year",
                                  param="exp_year")  # fmt: skip
        if not re.fullmatch(r"[0-9]{3,4}", given.get("cvc") or "000"):
            raise errors.declined("Your card's security code is invalid.", code="invalid_cvc", param="cvc")
        if number not in BY_NUMBER:
            raise errors.declined("Your card was declined. Your request was in test mode, but used a non test card. "
                                  "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
                                  code="card_declined", decline_code="test_mode_live_card")  # fmt: skip
        return Method(ids.new("pm"), now, BY_NUMBER[number], month, year)

    def _retrieve_method(self, call: Call) -> dict[str, Any]:
        name = call.path["id"]
        if name not in CARDS and self.store.find(Method, name) is None:
            raise errors.missing("PaymentMethod", name, "payment_method")
        method = self._method(name, call.now)
        assert method is not None
        return shapes.method(method)

    def _list_events(self, call: Call) -> dict[str, Any]:
        found, more = self.store.list_events(call.params)
        return shapes.page("/v1/events", found, more)

    def _retrieve_event(self, call: Call) -> dict[str, Any]:
        event = self.store.find_event(call.path["id"])
        if event is None:
            raise errors.missing("event", call.path["id"], "id")
        return event

    def _balance(self, call: Call) -> dict[str, Any]:
        sums = {code: accounts.get("merchant", 0) for code, accounts in self.store.balances().items()} or {"eur": 0}
        available = [{"amount": n, "currency": code, "source_types": {"card": n}} for code, n in sums.items()]
        pending = [{**each, "amount": 0, "source_types": {"card": 0}} for each in available]
        return {"object": "balance", "available": available, "livemode": False, "pending": pending}

    def _expand(self, body: dict[str, Any], paths: list[str]) -> dict[str, Any]:
        for path in paths:
            self._expand_path(body, path.split("."), path)
        return body

    def _expand_path(self, node: Any, parts: list[str], whole: str) -> None:
        if isinstance(node, list):
            for each in node:
                self._expand_path(each, parts, whole)
            return
        if not isinstance(node, dict) or parts[0] not in node:
            raise errors.invalid(f"This property cannot be expanded ({whole}).", param="expand")
        value = node[parts[0]]
        if isinstance(value, str):
            node[parts[0]] = value = self._by_id(value, whole)
        if len(parts) > 1 and value is not None:
            self._expand_path(value, parts[1:], whole)

    def _by_id(self, identifier: str, whole: str) -> dict[str, Any]:
        url = self._settings.base_url
        if intent := self.store.find(Intent, identifier):
            return shapes.intent(intent, url)
        if charge := self.store.find(Charge, identifier):
            return shapes.charge(charge, url)
        if method := self.store.find(Method, identifier):
            return shapes.method(method)
        if refund := self.store.find(Refund, identifier):
            return shapes.refund(refund)
        raise errors.invalid(f"This property cannot be expanded ({whole}).", param="expand")

    # --- what the outside does ----------------------------------------------------------------------------------

    def answer_challenge(self, identifier: str, *, succeed: bool) -> Intent:
        """The shopper answers the bank. Raises StripeError if no answer is awaited."""
        with self._database.transaction():
            intent = self._intent(identifier)
            method = self.store.find(Method, intent.payment_method) if intent.payment_method else None
            now = int(time.time())
            if method is None:
                raise errors.refused("This PaymentIntent waits for nothing.", code="payment_intent_unexpected_state")
            step = machine.answer_challenge(intent, method, now, self._hold_seconds, succeed=succeed)
            if intent.last_payment_error:
                intent.last_payment_error["payment_method"] = shapes.method(method)
            self._store_step(step, now)
        return intent

    def expire_authorization(self, identifier: str) -> Intent:
        """The bank lets the held money go. Raises StripeError if none is held."""
        with self._database.transaction():
            intent = self._intent(identifier)
            charge = self.store.find_charge_of(intent)
            if intent.status != "requires_capture" or charge is None:
                raise errors.refused(f"No money is held: the status is {intent.status}.")
            now = int(time.time())
            self._store_step(machine.lose_authorization(intent, charge, now), now)
        return intent

    def expire_lapsed(self) -> None:
        """Let go every hold that is older than the bank keeps it."""
        for intent in self.store.find_lapsed(int(time.time()) - self._hold_seconds):
            self.expire_authorization(intent.id)

    def return_address(self, intent: Intent) -> str | None:
        """Where the shopper goes after the challenge, with Stripe's parameters."""
        if not intent.return_url:
            return None
        result = "succeeded" if intent.status in ("requires_capture", "succeeded") else "failed"
        query = {
            "payment_intent": intent.id, "payment_intent_client_secret": intent.client_secret, "redirect_status": result
        }  # fmt: skip
        return f"{intent.return_url}{'&' if '?' in intent.return_url else '?'}{urlencode(query)}"


_PLAIN: Final = (
    "allowed_payment_method_types", "excluded_payment_method_types", "payment_method_types", "capture_method",
    "confirmation_method", "customer", "description", "metadata", "receipt_email", "setup_future_usage", "shipping",
    "statement_descriptor", "statement_descriptor_suffix", "transfer_group", "return_url",
)  # fmt: skip


class _Declined(Exception):
    """A step that changed things and yet ended with an error: committed, not rolled back."""

    def __init__(self, error: errors.StripeError) -> None:
        super().__init__(str(error))
        self.error = error


def _written(body: dict[str, Any]) -> str:
    return to_json(body, indent=2).decode()


def _refusal(fault: Fault, message: str, code: str) -> errors.StripeError:
    return errors.refused(fault.message or message, code=fault.code or code)
