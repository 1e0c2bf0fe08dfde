"""HTTP between services, and what every request passes on its way in.

Out: `Client`, with a timeout inside the caller's remaining budget, retries of what is idempotent with
jitter, and a circuit breaker. In: `Front`, which bounds and checks the body before any route sees it.
"""

import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, TypeVar

import stamina
import structlog
from opentelemetry import trace
from prometheus_client import Histogram
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from pydantic import BaseModel
from pydantic_core import from_json

from bodega.kit import cookies, security
from bodega.kit.auth import InternalTokens
from bodega.kit.deadline import remaining_seconds, set_deadline, unset_deadline
from bodega.kit.errors import (
    MANY_ASK,
    BadRequest,
    Busy,
    Forbidden,
    Problem,
    Timeout,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
    sentence,
)
from bodega.kit.telemetry import REQUESTS, count, log, span, trace_headers
from bodega.kit.transport import App, Receive, Send, transport_to

DEADLINE_HEADER = "Bodega-Deadline-Ms"
BODY_LIMIT_BYTES = 1_000_000
_ABOUT_US = ("/livez", "/readyz", "/metrics")
_ALWAYS_LET_IN = ("/internal/", *(f"{path}/" for path in _ABOUT_US))
_BUSY_SECONDS_AT_MOST = 3

_log = log()
_calls = Histogram("http_call_seconds", "Calls to other services", ["caller", "callee", "outcome"])
Answer = TypeVar("Answer", bound=BaseModel)
Scope = MutableMapping[str, Any]


class RemoteProblem(Exception):
    """Another service answered with a problem of its own: 4xx, a decision, not trouble."""

    def __init__(self, callee: str, status: int, document: Mapping[str, Any]) -> None:
        super().__init__(f"{callee} answered {status} {document.get('code', '')}")
        self.callee = callee
        self.status = status
        self.code = str(document.get("code", ""))
        self.document = document


class _Retryable(Exception):
    def __init__(self, why: Problem) -> None:
        self.why = why


class _Crowded(_Retryable):
    """The other side works, and has more to do than it can: nothing that a breaker should make worse."""


class Client:
    """Calls one other service. All its calls share a way there, a breaker and a token."""

    def __init__(
        self,
        caller: str,
        callee: str,
        base_url: str,
        tokens: InternalTokens | None = None,
        *,
        timeout_seconds: float = 3.0,
        attempts: int = 3,
        breaker_threshold: int = 10,
        breaker_seconds: float = 2.0,
    ) -> None:
        self._caller = caller
        self._callee = callee
        self._transport = transport_to(base_url)
        self._tokens = tokens
        self._timeout = timeout_seconds
        self._attempts = attempts
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=breaker_threshold, default_ttl=breaker_seconds, exclude=[RemoteProblem, _Crowded]
        )

    async def open(self) -> None:
        await self._transport.open()

    async def close(self) -> None:
        await self._transport.close()

    async def get(self, path: str, answer: type[Answer], *, headers: Mapping[str, str] | None = None) -> Answer:
        return answer.model_validate_json(await self.send("GET", path, headers=headers))

    async def post(
        self,
        path: str,
        body: BaseModel | None,
        answer: type[Answer],
        *,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
    ) -> Answer:
        """`idempotent`: the same again does no harm (an id fixed by the caller); if not, it is sent once."""
        raw = body.model_dump_json().encode() if body is not None else b""
        return answer.model_validate_json(
            await self.send("POST", path, body=raw, headers=headers, idempotent=idempotent)
        )

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
    ) -> bytes:
        """The body of a 2xx answer.

        Raises: RemoteProblem on 4xx; Unavailable on 5xx, on a broken connection, with the breaker open, where another
        service does not let us in; Busy, if the other side is; Timeout, when the budget is spent.
        """
        budget = remaining_seconds(self._timeout * self._attempts)
        started = time.monotonic()
        outcome = "ok"
        try:
            async for attempt in stamina.retry_context(
                on=_Retryable,
                attempts=self._attempts if idempotent else 1,
                timeout=max(budget, 0.001),
                wait_initial=0.05,
                wait_max=0.5,
                wait_jitter=0.1,
            ):
                with attempt:
                    return await self._attempt(method, path, body, headers or {})
        except _Retryable as failed:
            outcome = failed.why.code
            raise failed.why from failed.__cause__
        except RemoteProblem as refused:
            outcome = str(refused.status)
            raise
        finally:
            _calls.labels(self._caller, self._callee, outcome).observe(time.monotonic() - started)
        raise AssertionError("unreachable")

    async def _attempt(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        left = remaining_seconds(self._timeout)
        if left <= 0:
            raise Timeout(f"no time is left to ask {self._callee}")
        count("call" if self._tokens is not None else self._callee)
        sent = {DEADLINE_HEADER: str(max(1, int(left * 1000))), **trace_headers(), **headers}
        if self._tokens is not None:
            sent["Authorization"] = f"Bearer {self._tokens.token_for(self._callee)}"
        if body:
            sent["Content-Type"] = "application/json"
        try:
            async with await self._breakers.get_breaker(self._callee):
                try:
                    status, content = await self._transport.ask(method, path, sent, body, left)
                except TimeoutError as error:
                    raise _Retryable(Timeout(f"{self._callee} did not answer in time")) from error
                except OSError as error:
                    raise _Retryable(Unavailable(f"{self._callee} cannot be reached")) from error
                if status < 300:
                    return content
                document = _document(content)
                if status == Busy.status and document.get("code") == Busy.code:
                    raise _Crowded(Busy(MANY_ASK))
                if status >= 500 or status == 429 or self._is_not_let_in(status, document):
                    raise _Retryable(Unavailable(f"{self._callee} answered {status}"))
                raise RemoteProblem(self._callee, status, document)
        except OpenedState as error:
            raise _Retryable(Unavailable(f"{self._callee} has failed too often just now")) from error

    def _is_not_let_in(self, status: int, document: Mapping[str, Any]) -> bool:
        """Whether the other service does not believe who we are: a wrong clock or key of ours or of theirs, and no
        decision about what we ask for."""
        refusals = {(Unauthenticated.status, Unauthenticated.code), (Forbidden.status, Forbidden.code)}
        return self._tokens is not None and (status, document.get("code")) in refusals


def _document(content: bytes) -> Mapping[str, Any]:
    try:
        document = from_json(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


PROBLEM_TYPE = "https://bodega.example/problems/"


def problem_body(problem: Problem, titles: Mapping[str, str]) -> bytes:
    document = {
        "type": PROBLEM_TYPE + problem.code,
        "title": titles.get(problem.code, problem.code.replace("_", " ").capitalize()),
        "status": problem.status,
        "code": problem.code,
        **({"detail": sentence(problem.detail)} if problem.detail else {}),
        **problem.extra,
    }
    return json.dumps(document, default=_jsonable).encode()


def _jsonable(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return str(value)


def problem_headers(problem: Problem) -> dict[str, str]:
    headers = {"content-type": "application/problem+json", "cache-control": "no-store"}
    if problem.retry_after_seconds is not None:
        headers["retry-after"] = str(problem.retry_after_seconds)
    return headers


class Crowd:
    """The requests that have no answer yet: `at_once` at most. A stream has its answer when it begins."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.inside = 0


class Entry:
    """One request's way into the crowd, and out of it. May be left more than once."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._is_inside = False

    def enter(self, path: str) -> None:
        """Raises Busy, if there are enough inside: nothing of the request has been read."""
        if f"{path}/".startswith(_ALWAYS_LET_IN):
            return
        if self._crowd.inside >= self._crowd.at_once:
            raise Busy(retry_after_seconds=random.randint(1, _BUSY_SECONDS_AT_MOST))  # noqa: S311 - jitter
        self._crowd.inside += 1
        self._is_inside = True

    def leave(self) -> None:
        self._crowd.inside -= self._is_inside
        self._is_inside = False


class Front:
    """Before any route: size, form and sanity of the request, the deadline, the trace, the metrics.

    So many requests are worked on at once (`Crowd`). Who comes from another service was let in there, and what is half
    done is not thrown away here; whether we live, and how we are, is answered always.

    A HEAD is answered as the GET of the same address, without its body (RFC 9110, 9.3.2): no route need name it.

    After: whatever escaped becomes a 500 problem and a log entry with its trace; never a stack trace.
    """

    def __init__(
        self,
        app: App,
        *,
        service: str,
        titles: Mapping[str, str],
        requests_at_once: int,
        raw_paths: tuple[str, ...] = (),
        tls: bool = False,
    ) -> None:
        self._app = app
        self._crowd = Crowd(requests_at_once)
        self._tls = tls
        """Whether the site has TLS: then our cookies bear prefixes (`kit.cookies`)."""
        self._service = service
        self._titles = titles
        self._raw_paths = raw_paths
        """Where bodies are not JSON (webhooks whose signature covers the bytes; streamed imports)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500
        begun = False
        entry = Entry(self._crowd)

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                entry.leave()
                if self._tls:
                    message["headers"] = _cookies_through(message.get("headers", ()), b"set-cookie", cookies.sent)
            await send(message)

        if self._tls:
            scope["headers"] = _cookies_through(scope["headers"], b"cookie", cookies.received)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        token = set_deadline(_seconds_given(headers))
        client = security.set_client(scope["client"][0] if scope.get("client") else None)
        try:
            with (
                structlog.contextvars.bound_contextvars(service=self._service),
                span(f"{scope['method']} {scope['path']}", headers, cause="request", service=self._service),
            ):
                try:
                    entry.enter(scope["path"])
                    receiving = await self._checked(scope, headers, receive)
                    if scope["method"] == "HEAD":

                        async def gone() -> MutableMapping[str, Any]:
                            return await receiving() if not begun else {"type": "http.disconnect"}  # ends a stream

                        inner = {**scope, "method": "GET"}
                        await self._app(inner, gone, sending)
                        scope["route"] = inner.get("route")
                    else:
                        await self._app(scope, receiving, sending)
                except Problem as problem:
                    if begun:
                        raise
                    await _answer(sending, problem, self._titles)
                except Exception as error:  # the last line: no request may take the service down or see a trace
                    _log.exception("unhandled", service=self._service, path=scope["path"], error=error)
                    if begun:
                        raise
                    await _answer(sending, Problem("It has been logged with this trace.", **_trace_id()), self._titles)
                finally:
                    _record_staff(scope, status)
        finally:
            entry.leave()
            security.unset_client(client)
            unset_deadline(token)
            self._observe(scope, status, time.perf_counter() - started)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        path = getattr(scope.get("route"), "path", "unmatched")
        if path not in _ABOUT_US:
            REQUESTS.labels(self._service, scope["method"], path, str(status)).observe(seconds)

    async def _checked(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Receive:
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            raise BadRequest("the address contains a NUL character")
        if any(f"{scope['path']}/".startswith(f"{path}/") for path in self._raw_paths):
            return receive
        body = await _whole_body(headers, receive)
        if body:
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind not in ("application/json", "application/merge-patch+json"):
                raise UnsupportedMedia(f"the body is {kind or 'of no stated type'}; send application/json")
            _check_json(body)

        async def replay() -> MutableMapping[str, Any]:
            nonlocal body
            if body is None:
                return await receive()
            message = {"type": "http.request", "body": body, "more_body": False}
            body = None
            return message

        return replay


def _cookies_through(
    headers: Iterable[tuple[bytes, bytes]], name: bytes, change: Callable[[str], str]
) -> list[tuple[bytes, bytes]]:
    return [
        (key, change(value.decode("latin-1")).encode("latin-1") if key.lower() == name else value)
        for key, value in headers
    ]


def _record_staff(scope: Scope, status: int) -> None:
    """Whatever staff change, in any service, is a security event that names who did it."""
    staff = scope.get("state", {}).get("staff")
    if staff is not None and scope["method"] not in ("GET", "HEAD", "OPTIONS"):
        security.record(
            "authz_admin", "success" if status < 400 else "failure", actor=staff.subject, session=staff.session,
            action=security.action_of(scope), status=status,
            **{name: str(value) for name, value in scope.get("path_params", {}).items()},
        )  # fmt: skip


async def _whole_body(headers: Mapping[str, str], receive: Receive) -> bytes | None:
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > BODY_LIMIT_BYTES:
        raise TooLarge(f"at most {BODY_LIMIT_BYTES} bytes are accepted")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("the request ended early")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_LIMIT_BYTES:
            raise TooLarge(f"at most {BODY_LIMIT_BYTES} bytes are accepted")
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def _check_json(body: bytes) -> None:
    try:
        parsed = from_json(body, allow_inf_nan=False)  # refuses lone surrogates and runaway depth
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if b"\\u0000" in body and _has_nul(parsed):
        raise BadRequest("the body contains a NUL character")


def _has_nul(value: Any) -> bool:
    match value:
        case str():
            return "\x00" in value
        case list():
            return any(_has_nul(inner) for inner in value)
        case dict():
            return any(_has_nul(key) or _has_nul(inner) for key, inner in value.items())
        case _:
            return False


def _seconds_given(headers: Mapping[str, str]) -> float | None:
    given = headers.get(DEADLINE_HEADER.lower(), "")
    return int(given) / 1000 if given.isdigit() and len(given) <= 9 else None


def _trace_id() -> dict[str, str]:
    context = trace.get_current_span().get_span_context()
    return {"trace_id": format(context.trace_id, "032x")} if context.is_valid else {}


async def _answer(send: Send, problem: Problem, titles: Mapping[str, str]) -> None:
    headers = [(name.encode(), value.encode()) for name, value in problem_headers(problem).items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": problem_body(problem, titles)})
