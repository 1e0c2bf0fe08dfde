"""What happens by the clock: wishes for a new password are answered, seals and sessions run out, keys rotate."""

import time

from bodega.kit.db import Database
from bodega.kit.loops import Periodic
from bodega.kit.telemetry import log
from bodega.services.auth import service, store
from bodega.services.auth.service import Tools

_BATCH = 50
_ROTATION_SECONDS = 600
_log = log()


class Chores:
    """Several replicas share the work, or do it twice without harm."""

    def __init__(self, database: Database, tools: Tools) -> None:
        self._database = database
        self._tools = tools
        self._rotate_at = 0.0

    def loop(self) -> Periodic:
        return Periodic(self._do_chores, every_seconds=self._tools.settings.chores_poll_seconds)

    async def _do_chores(self) -> bool:
        """Whether more may be waiting to be answered."""
        settings = self._tools.settings
        async with self._database.transaction() as tx:
            answered = await service.answer_wishes(tx, _BATCH)
        async with self._database.transaction() as tx:
            answered += await service.tell_due_proofs(tx, _BATCH)
        async with self._database.transaction() as tx:
            await store.delete_late_seals(tx, settings.successor_seconds)
        if time.monotonic() >= self._rotate_at:
            async with self._database.transaction() as tx:
                if await service.rotate_keys(tx, self._tools):
                    _log.info("the signing keys have rotated")
            self._rotate_at = time.monotonic() + _ROTATION_SECONDS
        return answered >= _BATCH
