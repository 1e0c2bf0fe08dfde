"""Streams are counted while they are open: by process, by who holds the token, and by client address."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
import pytest
from fastapi import APIRouter, Request, Response

from bodega.kit.db import Database
from bodega.kit.live import Live, State, client_network
from bodega.kit.testing import eventually, serving
from tests.kit.making import service

pytestmark = pytest.mark.unit


@dataclass
class Followed:
    """A service with one thing to follow, and the ways to open streams of it."""

    base: str
    open: AsyncExitStack

    async def follow(self, holder: str = "me", address: str = "127.0.0.1") -> aiohttp.ClientResponse:
        """A stream that stays open until the test ends, or closes it."""
        session = await self.open.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0)))
        )
        return await session.get(f"{self.base}/events", params={"holder": holder})


async def _followed(**limits: int) -> AsyncIterator[Followed]:
    live = Live(Database("postgresql://nobody"), "changes", event="thing", heartbeat_seconds=60, **limits)
    router = APIRouter()

    async def read() -> State:
        return State(1, b"1", final=False)

    @router.get("/events")
    async def events(request: Request, holder: str) -> Response:
        return live.answer("thing", await read(), read, request=request, holder=holder, last_event_id=None)

    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(serving(service(None, router)))
        yield Followed(caller.base, await stack.enter_async_context(AsyncExitStack()))
        live.stop()


@pytest.fixture
async def followed() -> AsyncIterator[Followed]:
    async for one in _followed(per_holder=2, per_address=4, streams_at_most=6):
        yield one


async def _refused(answer: aiohttp.ClientResponse, status: int, code: str) -> None:
    assert (answer.status, (await answer.json(content_type=None))["code"]) == (status, code)
    assert int(answer.headers["Retry-After"]) > 0


async def test_one_holder_has_a_few_streams_wherever_they_are_opened(followed: Followed) -> None:
    assert [(await followed.follow("me", f"127.0.1.{n}")).status for n in (1, 2)] == [200, 200]
    await _refused(await followed.follow("me", "127.0.1.3"), 429, "too_many_requests")
    assert (await followed.follow("somebody else", "127.0.1.3")).status == 200


async def test_one_address_has_a_few_more_whoever_opens_them(followed: Followed) -> None:
    assert [(await followed.follow(f"holder {n}")).status for n in range(4)] == [200] * 4
    await _refused(await followed.follow("the fifth"), 429, "too_many_requests")
    assert (await followed.follow("the fifth", "127.0.1.1")).status == 200


async def test_a_process_has_no_more_than_it_can_bear(followed: Followed) -> None:
    assert [(await followed.follow(f"holder {n}", f"127.0.1.{n}")).status for n in range(1, 7)] == [200] * 6
    await _refused(await followed.follow("the seventh", "127.0.1.7"), 503, "unavailable")


async def test_a_refused_stream_is_not_counted_and_one_whose_client_has_gone_is_free_at_once(
    followed: Followed,
) -> None:
    first, _ = await followed.follow(), await followed.follow()
    for _ in range(3):
        await _refused(await followed.follow(), 429, "too_many_requests")
    first.close()

    async def is_free() -> None:
        assert (await followed.follow()).status == 200

    await eventually(is_free)
    await _refused(await followed.follow(), 429, "too_many_requests")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "", True),
    ],
)
def test_a_household_is_one_client(one: str, other: str, same: bool) -> None:
    assert (client_network(one) == client_network(other)) is same
