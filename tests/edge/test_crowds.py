"""What stays open for long, or never gets finished, takes the edge from nobody."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from bodega.kit.testing import eventually
from tests.edge.stage import Edge

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="session")]

STREAMS = 500
HALF_SENT = 260
SLOW_BODIES = 210
SECONDS = 4.0

Open = Callable[[bytes, int], Awaitable[asyncio.StreamReader]]


@pytest.fixture
async def connect(edge: Edge) -> AsyncIterator[Open]:
    """Opens a connection from one of many addresses, sends what it is given, and leaves it open until the end."""
    async with AsyncExitStack() as stack:

        async def connect(data: bytes, number: int) -> asyncio.StreamReader:
            address = f"127.0.{1 + number // 250}.{1 + number % 250}"
            site = urlsplit(edge.url)
            reader, writer = await asyncio.open_connection(site.hostname, site.port, local_addr=(address, 0))
            stack.callback(writer.close)
            writer.write(data)
            return reader

        yield connect


async def _all_load_at_once(edge: Edge) -> None:
    """A page, an answer of the API and a file, none of them from memory, and then from it."""
    edge.origin.says("/", "the front page")
    edge.origin.says("/products", "all products")
    edge.origin.says("/_next/static/chunk.js", "a script")
    for _ in range(2):
        async with asyncio.timeout(SECONDS):
            answers = [await edge.get(path) for path in ("/", "/api/products", "/_next/static/chunk.js")]
        assert [answer.status for answer in answers] == [200] * 3
    await edge.cache.expire("told")


async def _forever(edge: Edge, path: str) -> None:
    async def stream(_: Request) -> Response:
        async def events() -> AsyncIterator[bytes]:
            yield b"data: here\n\n"
            await asyncio.Event().wait()

        return StreamingResponse(events(), media_type="text/event-stream")

    edge.origin.answers[path] = stream


@pytest.mark.parametrize("path", ["/orders/BDG-1/events", "/checkout/chk_1/events"])
async def test_hundreds_of_open_streams_keep_nobody_from_the_site(edge: Edge, connect: Open, path: str) -> None:
    await _forever(edge, path)

    a_few_at_a_time = asyncio.Semaphore(50)

    async def follow(number: int) -> None:
        async with a_few_at_a_time:
            reader = await connect(f"GET /api{path}?token=t HTTP/1.1\r\nHost: shop\r\n\r\n".encode(), number)
            answer = await reader.readuntil(b"data: here\n\n")
        assert answer.startswith(b"HTTP/1.1 200 ")

    await asyncio.gather(*(follow(number) for number in range(STREAMS)))
    await _all_load_at_once(edge)


async def test_a_stream_is_told_who_asks_and_ends_at_the_origin_with_its_client(edge: Edge) -> None:
    gone = asyncio.Event()

    async def stream(_: Request) -> Response:
        async def events() -> AsyncIterator[bytes]:
            try:
                yield b"data: here\n\n"
                await asyncio.Event().wait()
            finally:
                gone.set()

        return StreamingResponse(events(), media_type="text/event-stream")

    path = "/orders/BDG-2/events"
    edge.origin.answers[path] = stream
    site = urlsplit(edge.url)
    reader, writer = await asyncio.open_connection(site.hostname, site.port, local_addr=("127.0.0.9", 0))
    writer.write(
        f"GET /api{path}?token=t HTTP/1.1\r\nHost: shop\r\nCookie: bodega_access=a\r\nX-Edge-Secret: mine\r\n"
        "X-Forwarded-For: 203.0.113.1\r\n\r\n".encode()
    )
    await reader.readuntil(b"data: here\n\n")
    [asked] = edge.origin.asked_for(path)
    assert asked.headers["x-forwarded-for"].split(", ")[-1] == "127.0.0.9"
    assert asked.headers["cookie"] == "bodega_access=a"
    assert asked.headers.getlist("x-edge-secret") == ["gateway-secret-of-the-tests"]
    assert asked.headers["connection"] == "close", "nothing more may follow through the same pipe"
    writer.close()
    async with asyncio.timeout(5):
        await gone.wait()


async def test_requests_that_are_never_finished_keep_nobody_from_the_site(edge: Edge, connect: Open) -> None:
    half = b"GET / HTTP/1.1\r\nHost: shop\r\nX-Half: "
    slow = b"POST /cart/add HTTP/1.1\r\nHost: shop\r\nContent-Length: 1000\r\n\r\nx"
    await asyncio.gather(*(connect(half, number) for number in range(HALF_SENT)))
    await _all_load_at_once(edge)
    readers = await asyncio.gather(*(connect(slow, number) for number in range(SLOW_BODIES)))
    await _all_load_at_once(edge)

    async def is_ended() -> None:
        assert readers[0].at_eof()

    asyncio.ensure_future(readers[0].read())  # noqa: RUF006 - ends with the connection
    await eventually(is_ended)
