"""Waiting for what comes by itself, and showing how far a measurement is."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from bodega.proof.bench.errors import BenchError

Result = TypeVar("Result")

Progress = Callable[[str, float, float], None]
"""Is told (what is being done, how much of it is done, of how much)."""

_TICK_SECONDS: Final = 0.5


async def until(
    check: Callable[[], Awaitable[Result | None]], *, what: str, within_seconds: float, every_seconds: float
) -> Result:
    """The first result of `check` that is not None. Raises BenchError, which says `what` did not come."""
    deadline = time.monotonic() + within_seconds
    while (found := await check()) is None:
        if time.monotonic() > deadline:
            raise BenchError(f"For {within_seconds:.0f} s this has been waited for: {what}.")
        await asyncio.sleep(every_seconds)
    return found


@asynccontextmanager
async def showing(progress: Progress, stage: str, seconds: float) -> AsyncIterator[None]:
    """Tells twice a second how much of `seconds` is over, and at the end that all of it is."""
    began = time.monotonic()

    async def tell() -> None:
        while True:
            progress(stage, min(time.monotonic() - began, seconds), seconds)
            await asyncio.sleep(_TICK_SECONDS)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
    progress(stage, seconds, seconds)
