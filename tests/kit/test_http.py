"""Calls between services keep to their time, are repeated where that is harmless, and stop asking the dead.

Each is tried over HTTP and, as where services share a process, in memory: who calls cannot tell which.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from bodega.kit.app import create_service
from bodega.kit.auth import Caller as ServiceCaller
from bodega.kit.auth import InternalTokens
from bodega.kit.deadline import remaining_seconds
from bodega.kit.errors import Busy, Conflict, NotFound, Timeout, Unavailable
from bodega.kit.http import DEADLINE_HEADER, Client, RemoteProblem
from bodega.kit.settings import ServiceSettings
from bodega.kit.testing import PATIENCE_SECONDS, Credentials, serving
from bodega.kit.transport import Hatch
from tests.kit.making import Number, service

pytestmark = pytest.mark.unit


class Callee:
    """A service that fails as it is told."""

    def __init__(self) -> None:
        self.calls = 0
        self.failures = 0
        self.is_busy = False
        self.seconds = 0.0
        self.deadlines: list[int] = []
        router = APIRouter()

        @router.post("/add")
        async def add(request: Request, response: Response) -> Number:
            self.calls += 1
            self.deadlines.append(int(request.headers[DEADLINE_HEADER]))
            await asyncio.sleep(self.seconds)
            if self.is_busy:
                raise Busy
            if self.failures > 0:
                self.failures -= 1
                raise Unavailable("not now")
            return Number(value=self.calls)

        @router.post("/refuse")
        async def refuse() -> Number:
            self.calls += 1
            raise Conflict("no", code="out_of_stock", left=2)

        self.app = service(None, router)


Reach = Callable[..., Awaitable[Client]]


@asynccontextmanager
async def in_memory(app: FastAPI) -> AsyncIterator[str]:
    hatch = Hatch("two", app, set())
    hatch.open()
    yield "memory://two"
    hatch.close()


@asynccontextmanager
async def over_http(app: FastAPI) -> AsyncIterator[str]:
    async with serving(app) as caller:
        yield caller.base


@pytest.fixture(params=[over_http, in_memory])
async def reach(request: pytest.FixtureRequest) -> AsyncIterator[Reach]:
    """A client of a service, which serves until the test ends."""
    async with AsyncExitStack() as stack:

        async def reach(app: FastAPI, tokens: Any = None, **options: Any) -> Client:
            client = Client("one", "two", await stack.enter_async_context(request.param(app)), tokens, **options)
            await client.open()
            stack.push_async_callback(client.close)
            return client

        yield reach


async def test_what_is_idempotent_is_tried_again(reach: Reach) -> None:
    callee = Callee()
    callee.failures = 2
    client = await reach(callee.app)
    assert (await client.post("/add", None, Number)).value == 3


async def test_what_is_not_idempotent_is_sent_once(reach: Reach) -> None:
    callee = Callee()
    callee.failures = 1
    client = await reach(callee.app)
    with pytest.raises(Unavailable):
        await client.post("/add", None, Number, idempotent=False)
    assert callee.calls == 1


async def test_a_refusal_is_a_decision_and_is_not_tried_again(reach: Reach) -> None:
    callee = Callee()
    client = await reach(callee.app)
    with pytest.raises(RemoteProblem) as refused:
        await client.post("/refuse", None, Number)
    assert (refused.value.status, refused.value.code, refused.value.document["left"]) == (409, "out_of_stock", 2)
    assert callee.calls == 1


async def test_an_answer_that_takes_too_long_is_given_up(reach: Reach) -> None:
    callee = Callee()
    callee.seconds = 0.5
    client = await reach(callee.app, timeout_seconds=0.1, attempts=1)
    with pytest.raises(Timeout):  # with more patience it would have got a number
        await client.post("/add", None, Number)


async def test_the_callee_is_told_how_long_the_caller_will_wait(reach: Reach) -> None:
    callee = Callee()
    client = await reach(callee.app, timeout_seconds=2)
    await client.post("/add", None, Number)
    assert 0 < callee.deadlines[0] <= 2000


async def test_a_service_that_fails_again_and_again_is_left_alone_for_a_while(reach: Reach) -> None:
    callee = Callee()
    callee.failures = 1000
    client = await reach(callee.app, breaker_threshold=3, breaker_seconds=1.5, attempts=1)
    for _ in range(6):
        with pytest.raises(Unavailable):
            await client.post("/add", None, Number)
    assert callee.calls == 3, "the breaker is open"
    callee.failures = 0
    await asyncio.sleep(1.55)
    assert (await client.post("/add", None, Number)).value == 4


async def test_refusals_do_not_open_the_breaker(reach: Reach) -> None:
    callee = Callee()
    client = await reach(callee.app, breaker_threshold=2, attempts=1)
    for _ in range(5):
        with pytest.raises(RemoteProblem):
            await client.post("/refuse", None, Number)
    assert callee.calls == 5


async def test_a_service_that_is_busy_is_not_one_that_fails(reach: Reach) -> None:
    """Who asked us is told the same: to come again. And the breaker stays as it is."""
    callee = Callee()
    callee.is_busy = True
    client = await reach(callee.app, breaker_threshold=2, attempts=1)
    for _ in range(5):
        with pytest.raises(Busy) as told:
            await client.post("/add", None, Number)
        assert "Nothing was changed" not in told.value.detail, "who knows what we have done before"
    assert callee.calls == 5
    callee.is_busy = False
    assert (await client.post("/add", None, Number)).value == 6


async def test_what_went_wrong_is_told_in_a_sentence() -> None:
    router = APIRouter()

    @router.get("/gone")
    async def gone() -> Number:
        raise NotFound("no counter has this id")

    async with serving(service(None, router)) as caller:
        answer = await caller.get("/gone")
    assert (answer.status, answer.json["detail"]) == (404, "No counter has this id.")


async def test_an_error_that_nobody_expected_is_a_problem_without_a_stack_trace() -> None:
    router = APIRouter()

    @router.get("/fail")
    async def fail() -> Number:
        raise KeyError("secret detail")

    async with serving(service(None, router)) as caller:
        answer = await caller.get("/fail")
    assert (answer.status, answer.code) == (500, "internal")
    assert b"secret" not in answer.body


async def test_only_who_bears_a_token_for_this_service_is_let_in(reach: Reach, credentials: Credentials) -> None:
    router = APIRouter()

    @router.get("/internal/who")
    async def who(caller: ServiceCaller) -> dict[str, str]:
        return {"name": caller.name}

    settings = ServiceSettings(internal_jwks_file=credentials.jwks_file, allowed_callers=["checkout"])
    app = create_service("two", settings, [router], titles={}, description="", state={}, ready={})

    async def as_seen(bearer: InternalTokens | None) -> bytes:
        return await (await reach(app, bearer)).send("GET", "/internal/who")

    def of(name: str) -> InternalTokens:
        return InternalTokens(name, credentials.key_file(name), None, frozenset())

    assert await as_seen(of("checkout")) == b'{"name":"checkout"}'
    with pytest.raises(RemoteProblem) as refused:
        await as_seen(None)
    assert refused.value.status == 401
    with pytest.raises(Unavailable):
        await as_seen(of("cart"))


@pytest.mark.parametrize(
    ("status", "code", "raised"),
    [
        (401, "unauthenticated", Unavailable),
        (403, "forbidden", Unavailable),
        (401, "access_expired", RemoteProblem),
        (403, "confirm_identity", RemoteProblem),
        (404, "not_found", RemoteProblem),
    ],
)
async def test_a_service_that_does_not_know_us_is_in_trouble_and_has_decided_nothing(
    reach: Reach, credentials: Credentials, status: int, code: str, raised: type[Exception]
) -> None:
    router = APIRouter()

    @router.get("/answer")
    async def answer() -> Response:
        return JSONResponse({"code": code}, status)

    app = create_service("two", ServiceSettings(), [router], titles={}, description="", state={}, ready={})
    us = InternalTokens("checkout", credentials.key_file("checkout"), None, frozenset())
    with pytest.raises(raised):
        await (await reach(app, us)).send("GET", "/answer")


async def test_what_was_begun_is_ended_when_the_caller_has_given_up(reach: Reach) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()
    router = APIRouter()

    @router.post("/slow")
    async def slow(request: Request) -> Number:
        begun.set()
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        ended.set()
        return Number(value=1)

    client = await reach(service(None, router), attempts=1, timeout_seconds=5)
    asking = asyncio.create_task(client.post("/slow", None, Number))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(ended.wait(), PATIENCE_SECONDS)


async def test_the_callee_knows_the_deadline_and_nothing_else_of_the_callers_context(reach: Reach) -> None:
    secret: ContextVar[str] = ContextVar("secret", default="nothing")
    router = APIRouter()

    @router.get("/context")
    async def context() -> dict[str, Any]:
        return {"secret": secret.get(), "left": remaining_seconds(60)}

    client = await reach(service(None, router), timeout_seconds=2)
    secret.set("the caller's")
    seen = json.loads(await client.send("GET", "/context"))
    assert seen["secret"] == "nothing"
    assert 1 < seen["left"] <= 2


async def test_addresses_arrive_as_they_were_meant(reach: Reach) -> None:
    router = APIRouter()

    @router.get("/things/{name}")
    async def thing(name: str, request: Request) -> dict[str, Any]:
        return {"name": name, "query": dict(request.query_params), "raw": request.scope["raw_path"].decode()}

    client = await reach(service(None, router))
    seen = json.loads(await client.send("GET", "/things/Kaffee%20und%20Käse?q=a%26b&r=c+d"))
    assert seen == {
        "name": "Kaffee und Käse",
        "query": {"q": "a&b", "r": "c d"},
        "raw": "/things/Kaffee%20und%20K%C3%A4se",
    }


async def test_an_answer_that_breaks_off_is_no_answer(reach: Reach) -> None:
    router = APIRouter()

    @router.get("/breaks")
    async def breaks() -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"half of "
            raise RuntimeError("it breaks off")

        return StreamingResponse(parts())

    client = await reach(service(None, router), attempts=1)
    with pytest.raises(Unavailable):
        await client.send("GET", "/breaks")


async def test_who_does_not_serve_cannot_be_reached() -> None:
    for address in ("memory://nobody", "http://127.0.0.1:9"):
        client = Client("one", "two", address, attempts=1)
        await client.open()
        with pytest.raises(Unavailable, match="cannot be reached"):
            await client.send("GET", "/")
        await client.close()
