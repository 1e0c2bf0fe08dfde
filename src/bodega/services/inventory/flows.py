"""What happens by the clock: reservations that nobody took hold of end, and their units go back on sale."""

import asyncio
import contextlib

from bodega.kit.db import Database
from bodega.kit.errors import Unavailable
from bodega.kit.telemetry import log
from bodega.services.inventory import service

_BATCH = 50  # a transaction holds the locks of all its rows: few enough that nobody notices
_log = log()


class Expiry:
    """Looks for lapsed reservations until stopped. Several replicas share the work (SKIP LOCKED)."""

    def __init__(self, database: Database, *, poll_seconds: float) -> None:
        self._database = database
        self._poll = poll_seconds
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                async with self._database.transaction() as tx:
                    ended = await service.expire(tx, _BATCH)
            except Unavailable as error:
                _log.warning("expired reservations wait for the store", error=error)
                ended = 0
            if ended < _BATCH:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), self._poll)
