"""A trace goes on where its request goes: to the services that are asked, into the events, and out of them again."""

import pytest
from fastapi import APIRouter, Request

from bodega.kit.app import Db
from bodega.kit.bus import Message
from bodega.kit.db import Database, Transaction
from bodega.kit.http import Client
from bodega.kit.inbox import Hears, Inbox, Received
from bodega.kit.telemetry import trace_headers
from bodega.kit.testing import serving
from tests.kit.making import Counted, Number, counted, service

pytestmark = pytest.mark.service

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


async def test_a_request_goes_on_in_its_calls_and_in_its_events(database: Database) -> None:
    callee, caller = APIRouter(), APIRouter()
    heard: list[str] = []

    @callee.post("/add")
    async def add(request: Request) -> Number:
        heard.append(request.headers["traceparent"])
        return Number(value=1)

    async with serving(service(None, callee)) as other:
        client = Client("one", "two", other.base)
        await client.open()

        @caller.post("/count")
        async def count(db: Db) -> Number:
            async with db.transaction() as tx:
                tx.emit(counted("a"))
            return await client.post("/add", None, Number)

        async with serving(service(database, caller)) as room:
            assert (await room.post("/count", headers=PARENT)).status == 200
        await client.close()
    async with database.transaction() as tx:
        said = await tx.fetchval("SELECT headers FROM outbox")
    assert heard[0].split("-")[1] == TRACE
    assert said["traceparent"].split("-")[1] == TRACE


async def test_who_hears_an_event_goes_on_in_its_trace(database: Database) -> None:
    traces: list[str] = []

    async def hear(tx: Transaction, event: Received[Counted]) -> None:
        traces.append(trace_headers()["traceparent"].split("-")[1])

    inbox = Inbox(database, "counter", {"Counted": Hears("Counted", Counted, hear)})
    event = counted("a")
    await inbox.receive(Message(topic="orders", key=event.key, body=event.to_bytes(), headers=PARENT))
    assert traces == [TRACE]
