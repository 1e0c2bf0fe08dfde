"""A trace goes on where its request goes: to the services that are asked, into the events, and out of them again."""

import asyncio
import json
import os
import sys

import pytest
from fastapi import APIRouter, Request

from bodega.kit.app import Db
from bodega.kit.bus import Message
from bodega.kit.db import Database, Transaction
from bodega.kit.flow import Flows, Held, Next
from bodega.kit.http import Client
from bodega.kit.inbox import Hears, Inbox, Received
from bodega.kit.telemetry import span, trace_headers
from bodega.kit.testing import serving
from tests.kit.collector import collecting
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
        said = await tx.fetchrow("SELECT headers, body FROM outbox")
    assert said is not None
    assert heard[0].split("-")[1] == TRACE
    assert said["headers"]["traceparent"].split("-")[1] == TRACE
    assert json.loads(said["body"])["traceparent"] == said["headers"]["traceparent"], "its envelope says so, too"


async def test_a_request_without_a_trace_begins_one(database: Database) -> None:
    room = APIRouter()

    @room.post("/count")
    async def count(db: Db) -> Number:
        async with db.transaction() as tx:
            tx.emit(counted("a"))
        return Number(value=1)

    async with serving(service(database, room)) as caller:
        strange = {"traceparent": "00-strange", "baggage": "a=" + "b" * 1000}
        for headers in ({}, strange):
            assert (await caller.post("/count", headers=headers)).status == 200
    async with database.transaction() as tx:
        said = [row["headers"] for row in await tx.fetch("SELECT headers FROM outbox")]
    assert [list(one) for one in said] == [["traceparent"]] * 2, "nothing of a stranger's goes on in our events"
    first, second = (one["traceparent"].split("-") for one in said)
    assert len(first[1]) == 32
    assert first[1] != second[1]


async def test_whoever_drives_a_flow_goes_on_in_the_trace_that_began_it(database: Database) -> None:
    async def tells(held: Held) -> Next:
        async def write(tx: Transaction) -> None:
            tx.emit(counted(held.id))

        return Next("done", write=write, ended=True)

    flows = Flows(database, "count", {"tell": tells}, service="counter", owner="one")
    with span("a request", PARENT):
        async with database.transaction() as tx:
            await flows.start(tx, "flow-1", "tell", {}, inline=False)
    held = await flows.claim()
    assert held is not None
    await flows.drive(held)
    async with database.transaction() as tx:
        said = await tx.fetchval("SELECT headers FROM outbox")
    assert said["traceparent"].split("-")[1] == TRACE


async def test_who_hears_an_event_goes_on_in_its_trace(database: Database) -> None:
    traces: list[str] = []

    async def hear(tx: Transaction, event: Received[Counted]) -> None:
        traces.append(trace_headers()["traceparent"].split("-")[1])

    inbox = Inbox(database, "counter", {"Counted": Hears("Counted", Counted, hear)})
    event = counted("a")
    await inbox.receive(Message(topic="orders", key=event.key, body=event.to_bytes(), headers=PARENT))
    assert traces == [TRACE]


ROOM = """
import asyncio, sys
from bodega.kit.testing import serving
from tests.kit.making import service

async def main() -> None:
    async with serving(service(None)) as room:
        assert (await room.get("/livez", headers={"traceparent": sys.argv[1]})).status == 200

asyncio.run(main())
"""


async def test_a_collector_is_told_where_there_is_one() -> None:
    """A process of its own: how traces go out is decided once in each."""
    async with collecting() as collector:
        room = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ROOM, PARENT["traceparent"],
            env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url},
        )  # fmt: skip
        assert await asyncio.wait_for(room.wait(), 30) == 0
    assert collector.traces == {"bodega-counter": {TRACE}}
