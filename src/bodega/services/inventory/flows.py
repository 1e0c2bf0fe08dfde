"""What happens by the clock: reservations that nobody took hold of end, and their units go back on sale."""

from bodega.kit.db import Database
from bodega.kit.loops import Periodic
from bodega.services.inventory import service

_BATCH = 50  # a transaction holds the locks of all its rows: few enough that nobody notices


def expiry(database: Database, *, poll_seconds: float) -> Periodic:
    """Looks for lapsed reservations. Several replicas share the work (SKIP LOCKED)."""

    async def expire() -> bool:
        async with database.transaction() as tx:
            return await service.expire(tx, _BATCH) >= _BATCH

    return Periodic(expire, every_seconds=poll_seconds)
