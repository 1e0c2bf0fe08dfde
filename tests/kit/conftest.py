"""A room of the kit's own: a counter, as small as a room can be, on the real engines."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from bodega.kit.db import Database
from tests.conftest import MakeDatabase, engine, topics_for

topics = topics_for("kit")


@pytest.fixture(scope="package")
async def kit_url(make_database: MakeDatabase) -> str:
    """A database with the kit's tables (any room's) and a table of the tests'."""
    url = await make_database("users")
    name = url.rpartition("/")[2]
    admin = engine("BODEGA_TEST_ADMIN_URL").rpartition("/")[0] + "/" + name
    connection = await asyncpg.connect(admin)
    await connection.execute(
        """CREATE TABLE counter (
             id text PRIMARY KEY,
             value int NOT NULL,
             parent text REFERENCES counter (id) DEFERRABLE INITIALLY DEFERRED);
           GRANT ALL ON counter TO PUBLIC"""
    )
    await connection.close()
    return url


@pytest.fixture
async def database(kit_url: str) -> AsyncIterator[Database]:
    database = Database(kit_url)
    await database.open()
    async with database.transaction() as tx:
        for table in ("outbox", "inbox", "parked", "flow", "idempotency_key", "counter"):
            await tx.execute(f"DELETE FROM {table}")
    yield database
    await database.close()
