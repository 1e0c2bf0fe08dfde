"""Who waits for whom in a database, for tests that stop one transaction in its midst until another has come."""

from bodega.kit.db import Database
from bodega.kit.testing import eventually


async def locks_awaited(database: Database) -> int:
    """How many connections to this database wait for a lock; what happens in other databases is not counted."""
    async with database.transaction() as tx:
        count: int = await tx.fetchval(
            """SELECT count(*) FROM pg_stat_activity
                WHERE wait_event_type = 'Lock' AND datname = current_database()"""
        )
    return count


async def somebody_waits(database: Database) -> None:
    """Returns as soon as a transaction in this database waits for another."""

    async def check() -> None:
        assert await locks_awaited(database) > 0

    await eventually(check, every_seconds=0.01)
