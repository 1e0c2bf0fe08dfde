"""An order that is followed: what changes is told at once, to whoever may see it, until it has ended."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from fastapi import Request

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.errors import Unavailable
from bodega.kit.live import Live, State
from bodega.kit.notices import Notices
from bodega.kit.testing import PATIENCE_SECONDS, Caller, Credentials, eventually
from tests.orders.conftest import key, place
from tests.orders.making import wanted

pytestmark = pytest.mark.service


async def told(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.content:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


async def test_a_guest_sees_the_order_change_without_asking_again_and_the_stream_ends_with_it(
    orders: Caller, checkout: Caller
) -> None:
    order = wanted()
    await place(checkout, order)
    path = f"{orders.base}/orders/{order.order_id}/events"
    async with orders.session.get(path, headers=key(order.order_id), timeout=aiohttp.ClientTimeout(total=10)) as stream:
        assert stream.content_type == "text/event-stream"
        assert stream.headers["cache-control"] == "no-store"
        changes = told(stream)
        assert (await anext(changes))["state"] == "created"
        await checkout.post(f"/internal/orders/{order.order_id}/cancel", {"reason": "customer_request"})
        last = await anext(changes)
        assert (last["state"], last["timeline"][-1]["note"]) == ("cancelled", "cancelled: customer_request")
        assert [state async for state in changes] == [], "nothing follows"
    again = {"Last-Event-ID": str(last["version"]), **key(order.order_id)}
    assert (await orders.get(f"/orders/{order.order_id}/events", headers=again)).status == 204


async def test_an_order_is_followed_by_its_owner_and_by_nobody_else(
    orders: Caller, checkout: Caller, credentials: Credentials
) -> None:
    customer = new_id("cus")
    order = wanted(customer_id=customer)
    number = (await place(checkout, order)).json["number"]
    await checkout.post(f"/internal/orders/{order.order_id}/cancel", {"reason": "customer_request"})
    owner, other = (orders.being(credentials.customer(who)) for who in (customer, new_id("cus")))
    assert b"event: order\nid: 2\n" in (await owner.get(f"/orders/{number}/events")).body
    for stranger, shown in ((orders, {}), (other, {}), (orders, {"Order-Token": "x"}), (other, key(new_id("ord")))):
        assert (await stranger.get(f"/orders/{number}/events", headers=shown)).code == "not_found"


# --- the kit's part -----------------------------------------------------------------------------------


@asynccontextmanager
async def listening(database: Database, **settings: Any) -> AsyncIterator[Live]:
    database.notices = Notices(database, retry_seconds=0.05)
    live = Live(database, "test_live", event="thing", **settings)
    listens = asyncio.Event()
    with database.notices.subscribed("test_live", lambda _: listens.set()):
        tasks = [asyncio.create_task(loop.run()) for loop in (live, database.notices)]
        await listens.wait()
        try:
            yield live
        finally:
            live.stop()
            database.notices.stop()
            await asyncio.gather(*tasks)


class Thing:
    """What is followed."""

    def __init__(self) -> None:
        self.version = 1
        self.away = False

    async def read(self) -> State:
        if self.away:
            raise Unavailable("gone")
        return State(self.version, b"%d" % self.version, self.version == 9)

    async def parts(self, live: Live) -> Any:
        request = Request({"type": "http", "client": ("127.0.0.1", 1), "headers": []})
        stream = live.answer("one", await self.read(), self.read, request=request, holder="one", last_event_id=None)
        return stream.body_iterator  # type: ignore[attr-defined]


async def test_a_stream_tells_what_changed_and_nothing_of_others(database: Database) -> None:
    thing = Thing()
    async with listening(database, heartbeat_seconds=60) as live:
        parts = await thing.parts(live)
        assert b"data: 1" in await anext(parts)
        thing.version = 9
        async with database.transaction() as tx:
            tx.notify("test_live", "another")
            tx.notify("test_live", "one")
        assert b"data: 9" in await asyncio.wait_for(anext(parts), PATIENCE_SECONDS)
        assert [part async for part in parts] == []


async def test_a_replica_that_was_cut_off_listens_again_and_its_streams_tell_what_they_missed(
    database: Database,
) -> None:
    thing = Thing()
    async with listening(database, heartbeat_seconds=60) as live:
        parts = await thing.parts(live)
        assert b"data: 1" in await anext(parts)

        async def cut_off() -> None:
            async with database.transaction() as tx:
                assert await tx.fetchval(
                    """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                        WHERE datname = current_database() AND application_name = 'bodega notices'"""
                )

        thing.version = 9  # told by nobody
        await eventually(cut_off)
        assert b"data: 9" in await asyncio.wait_for(anext(parts), PATIENCE_SECONDS)


async def test_a_stream_outlives_its_store_and_ends_in_time(database: Database) -> None:
    thing = Thing()
    async with listening(database, heartbeat_seconds=0.05, longest_seconds=0.5) as live:
        parts = await thing.parts(live)
        await anext(parts)
        thing.away = True
        assert await anext(parts) == b": the store is away\n\n"
        thing.away, thing.version = False, 2
        assert b"data: 2" in await anext(parts)
        assert {part async for part in parts} == {b": still there\n\n"}
