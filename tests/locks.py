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


async def so_many_wait(database: Database, many: int) -> None:
    """Returns as soon as so many transactions in this database wait for others."""

    async def check() -> None:
        assert await locks_awaited(database) >= many

    await eventually(check, every_seconds=0.01)


async def somebody_waits(database: Database) -> None:
    """Returns as soon as a transaction in this database waits for another."""
    await so_many_wait(database, 1)
