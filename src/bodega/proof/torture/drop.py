"""A thing that everybody wants, of which there are a few now and then: those who wait for it buy at the same moment."""

import asyncio
from contextlib import suppress
from typing import Final

PIECES: Final = 3
"""So many are there at each drop: fewer than wait for it."""
_PATIENCE_SECONDS: Final = 20.0


class Drop:
    """Between the merchant, who announces it, and the buyers, who wait for it."""

    def __init__(self, sku: str) -> None:
        self.sku = sku
        self._there = asyncio.Event()

    def happens(self) -> None:
        """Whoever waits goes on at once."""
        self._there.set()
        self._there = asyncio.Event()

    async def comes(self) -> None:
        """Returns at the next drop, or when one has waited for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._there.wait()
