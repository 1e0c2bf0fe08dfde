"""Who waits for whom in a database, for tests that stop one transaction in its midst until another has come."""

from bodega.kit.db import Database


async def locks_awaited(database: Database) -> int:
    """How many connections to this database wait for a lock; what happens in other databases is not counted."""
    async with database.transaction() as tx:
        count: int = await tx.fetchval(
            """SELECT count(*) FROM pg_stat_activity
                WHERE wait_event_type = 'Lock' AND datname = current_database()"""
        )
    return count
