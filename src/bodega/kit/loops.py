"""Background work: what runs beside a service's requests until it is stopped.

An error in a loop is ours (`kit.trouble`): the loop is started again, later and later, and the process goes on
answering requests.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog

from bodega.kit.errors import Unavailable
from bodega.kit.telemetry import LOOP_FAILURES, in_background, log
from bodega.kit.trouble import Backoff

_log = log()


class Loop(Protocol):
    """Runs until it is stopped, and only then ends. May raise whatever it likes: then it is run again."""

    async def run(self) -> None: ...
    def stop(self) -> Any: ...


class Periodic:
    """Calls `work` until stopped: again at once while it says that more is waiting, else after `every_seconds`."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, bool]], *, every_seconds: float) -> None:
        self.name = work.__name__.strip("_")
        self._work = work
        self._every = every_seconds
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        while not self._stopping.is_set():
            if not await self._work():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), self._every)


async def keep_running(
    service: str, loop: Loop, stopping: asyncio.Event, *, retry_first_seconds: float, retry_most_seconds: float
) -> None:
    """Runs the loop until `stopping` is set, and again whenever it fails. What has run for as long as the longest wait
    has worked: its next failure is a first one."""
    structlog.contextvars.bind_contextvars(service=service)
    name = loop.name if isinstance(loop, Periodic) else type(loop).__name__
    backoff = Backoff(retry_first_seconds, retry_most_seconds)
    clock = asyncio.get_running_loop().time
    while not stopping.is_set():
        began = clock()
        try:
            with in_background():
                await loop.run()
            return  # whoever ends in peace was stopped, some of them before the others
        except Exception as error:
            if clock() - began > retry_most_seconds:
                backoff.reset()
            wait = backoff.next()
            LOOP_FAILURES.labels(service, name).inc()
            (_log.warning if isinstance(error, Unavailable) else _log.exception)(
                "a background loop failed and will be started again", service=service, loop=name,
                error=error, wait_seconds=wait,
            )  # fmt: skip
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait)
