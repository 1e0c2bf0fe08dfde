"""A replica that stops. It comes last: the broker remembers it for a while, with the partitions that were its own."""

import asyncio
from pathlib import Path

import pytest

from bodega.kit.app import Server
from bodega.kit.testing import Caller, Topics, eventually
from bodega.services.orders.app import create_app
from bodega.services.orders.settings import Settings
from tests.orders.conftest import LINK_SECRET, link, place
from tests.orders.making import wanted
from tests.orders.test_following import told

pytestmark = pytest.mark.service


async def test_a_service_that_stops_does_not_wait_for_who_looks_on(
    database_url: str, orders: Caller, checkout: Caller, topics: Topics, tmp_path: Path
) -> None:
    order = wanted()
    await place(checkout, order)
    secret = tmp_path / "link.secret"
    secret.write_text(LINK_SECRET.hex())
    app = create_app(
        Settings(
            database_url=database_url, kafka=topics.bootstrap, topic_prefix=topics.prefix, replica="1",
            link_secret_file=secret,
        )
    )  # fmt: skip
    server = Server(app, "127.0.0.1", 0)
    task = asyncio.create_task(server.serve())

    async def port() -> int:
        assert server.started
        return int(server.servers[0].sockets[0].getsockname()[1])

    path = f"http://127.0.0.1:{await eventually(port)}/orders/{order.order_id}/events{link(order.order_id)}"
    async with orders.session.get(path) as stream:
        changes = told(stream)
        await anext(changes)
        server.should_exit = True
        assert [state async for state in changes] == []
    await asyncio.wait_for(task, 5)
