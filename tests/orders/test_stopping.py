"""A replica that stops."""

import asyncio
from pathlib import Path

import pytest

from bodega.kit.app import Server
from bodega.kit.testing import PATIENCE_SECONDS, Caller, Credentials, Topics, eventually
from bodega.services.orders.app import create_app
from bodega.services.orders.settings import Settings
from tests.conftest import MakeDatabase
from tests.orders.conftest import LINK_SECRET, link, place
from tests.orders.making import wanted
from tests.orders.test_following import told

pytestmark = pytest.mark.service


async def test_a_service_that_stops_does_not_wait_for_who_looks_on(
    make_database: MakeDatabase, orders: Caller, topics: Topics, credentials: Credentials, tmp_path: Path
) -> None:
    """It has a database and topics of its own: the broker keeps a stopped replica's partitions for it for a while, and
    nothing that other tests say in them would be heard."""
    own = Topics(topics.bootstrap, f"{topics.prefix}stopping.")
    await own.make("orders", "payments", "shipping", "users")
    secret = tmp_path / "link.secret"
    secret.write_text(LINK_SECRET.hex())
    app = create_app(
        Settings(
            database_url=await make_database("orders"), kafka=own.bootstrap, topic_prefix=own.prefix,
            internal_jwks_file=credentials.jwks_file, allowed_callers=["checkout"], link_secret_file=secret,
        )
    )  # fmt: skip
    server = Server(app, "127.0.0.1", 0)
    task = asyncio.create_task(server.serve())

    async def port() -> int:
        assert server.started
        return int(server.servers[0].sockets[0].getsockname()[1])

    here = Caller(f"http://127.0.0.1:{await eventually(port)}", orders.session)
    order = wanted()
    await place(here.being(credentials.service("checkout", "orders")), order)
    async with here.session.get(f"{here.base}/orders/{order.order_id}/events{link(order.order_id)}") as stream:
        changes = told(stream)
        await anext(changes)
        server.should_exit = True
        assert [state async for state in changes] == []
    await asyncio.wait_for(task, PATIENCE_SECONDS)
