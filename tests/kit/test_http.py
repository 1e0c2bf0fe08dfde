"""Calls between services keep to their time, are repeated where that is harmless, and stop asking the dead."""

import asyncio
import time

import pytest
from fastapi import APIRouter, Request, Response

from bodega.kit.errors import Conflict, Timeout, Unavailable
from bodega.kit.http import DEADLINE_HEADER, Client, RemoteProblem
from bodega.kit.testing import Caller, serving
from tests.kit.making import Number, service

pytestmark = pytest.mark.unit


class Callee:
    """A service that fails as it is told."""

    def __init__(self) -> None:
        self.calls = 0
        self.failures = 0
        self.seconds = 0.0
        self.deadlines: list[int] = []
        router = APIRouter()

        @router.post("/add")
        async def add(request: Request, response: Response) -> Number:
            self.calls += 1
            self.deadlines.append(int(request.headers[DEADLINE_HEADER]))
            await asyncio.sleep(self.seconds)
            if self.failures > 0:
                self.failures -= 1
                raise Unavailable("not now")
            return Number(value=self.calls)

        @router.post("/refuse")
        async def refuse() -> Number:
            self.calls += 1
            raise Conflict("no", code="out_of_stock", left=2)

        self.app = service(None, router)


async def client_to(caller: Caller, **options: float) -> Client:
    client = Client("one", "two", caller.base, **options)  # type: ignore[arg-type]
    await client.open()
    return client


async def test_what_is_idempotent_is_tried_again() -> None:
    callee = Callee()
    callee.failures = 2
    async with serving(callee.app) as caller:
        client = await client_to(caller)
        assert (await client.post("/add", None, Number)).value == 3
        await client.close()


async def test_what_is_not_idempotent_is_sent_once() -> None:
    callee = Callee()
    callee.failures = 1
    async with serving(callee.app) as caller:
        client = await client_to(caller)
        with pytest.raises(Unavailable):
            await client.post("/add", None, Number, idempotent=False)
        assert callee.calls == 1
        await client.close()


async def test_a_refusal_is_a_decision_and_is_not_tried_again() -> None:
    callee = Callee()
    async with serving(callee.app) as caller:
        client = await client_to(caller)
        with pytest.raises(RemoteProblem) as refused:
            await client.post("/refuse", None, Number)
        assert (refused.value.status, refused.value.code, refused.value.document["left"]) == (409, "out_of_stock", 2)
        assert callee.calls == 1
        await client.close()


async def test_an_answer_that_takes_too_long_is_given_up() -> None:
    callee = Callee()
    callee.seconds = 0.8
    async with serving(callee.app) as caller:
        client = await client_to(caller, timeout_seconds=0.1, attempts=1)
        began = time.monotonic()
        with pytest.raises(Timeout):
            await client.post("/add", None, Number)
        assert time.monotonic() - began < 0.7
        await client.close()


async def test_the_callee_is_told_how_long_the_caller_will_wait() -> None:
    callee = Callee()
    async with serving(callee.app) as caller:
        client = await client_to(caller, timeout_seconds=2)
        await client.post("/add", None, Number)
        assert 0 < callee.deadlines[0] <= 2000
        await client.close()


async def test_a_service_that_fails_again_and_again_is_left_alone_for_a_while() -> None:
    callee = Callee()
    callee.failures = 1000
    async with serving(callee.app) as caller:
        client = await client_to(caller, breaker_threshold=3, breaker_seconds=0.2, attempts=1)
        for _ in range(6):
            with pytest.raises(Unavailable):
                await client.post("/add", None, Number)
        assert callee.calls == 3, "the breaker is open"
        callee.failures = 0
        await asyncio.sleep(0.25)
        assert (await client.post("/add", None, Number)).value == 4
        await client.close()


async def test_refusals_do_not_open_the_breaker() -> None:
    callee = Callee()
    async with serving(callee.app) as caller:
        client = await client_to(caller, breaker_threshold=2, attempts=1)
        for _ in range(5):
            with pytest.raises(RemoteProblem):
                await client.post("/refuse", None, Number)
        assert callee.calls == 5
        await client.close()


async def test_an_error_that_nobody_expected_is_a_problem_without_a_stack_trace() -> None:
    router = APIRouter()

    @router.get("/fail")
    async def fail() -> Number:
        raise KeyError("secret detail")

    async with serving(service(None, router)) as caller:
        answer = await caller.get("/fail")
    assert (answer.status, answer.code) == (500, "internal")
    assert b"secret" not in answer.body
