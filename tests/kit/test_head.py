"""Whatever answers GET answers HEAD: the same status and headers, and nothing after them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from bodega.kit.errors import NotFound
from bodega.kit.testing import serving
from tests.kit.making import Number, service

pytestmark = pytest.mark.unit
CHANGING = {"date", "x-request-id", "content-length", "transfer-encoding"}


@pytest.mark.parametrize("path", ["/one", "/empty", "/missing", "/nowhere", "/livez", "/readyz", "/one?value=x"])
async def test_head_has_the_status_and_the_headers_of_get_and_no_body(path: str) -> None:
    router = APIRouter()

    @router.get("/one")
    async def one(response: Response, value: int = 1) -> Number:
        response.headers["ETag"] = '"1"'
        return Number(value=value)

    @router.get("/empty", status_code=204, response_class=Response)
    async def empty() -> None:
        return None

    @router.get("/missing")
    async def missing() -> Number:
        raise NotFound("there is none")

    async with serving(service(None, router)) as caller:
        of_get = await caller.get(path)
        async with caller.session.head(caller.base + path) as of_head:
            assert of_head.status == of_get.status
            assert await of_head.read() == b""
            named = {name.lower(): value for name, value in of_head.headers.items()}
    assert {n: v for n, v in named.items() if n not in CHANGING} == {
        n: v for n, v in of_get.headers.items() if n not in CHANGING
    }
    if of_get.body:
        assert named["content-length"] == str(len(of_get.body))


async def test_head_of_what_only_changes_is_refused() -> None:
    router = APIRouter()

    @router.post("/change")
    async def change() -> Number:
        return Number(value=1)

    async with serving(service(None, router)) as caller, caller.session.head(caller.base + "/change") as answer:
        assert answer.status == 405


async def test_head_of_a_stream_opens_none() -> None:
    router = APIRouter()
    ended = asyncio.Event()

    @router.get("/events")
    async def events() -> Response:
        async def told() -> AsyncIterator[bytes]:
            try:
                yield b"data: 1\n\n"
                await asyncio.Event().wait()
            finally:
                ended.set()

        return StreamingResponse(told(), media_type="text/event-stream")

    async with serving(service(None, router)) as caller, asyncio.timeout(10):
        async with caller.session.head(caller.base + "/events") as answer:
            assert (answer.status, answer.content_type) == (200, "text/event-stream")
        await ended.wait()
