"""The shared cache in front of us: what bears a surrogate key is taken out of it by that key."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import aiohttp

from bodega.kit.errors import Unavailable

PATIENCE_SECONDS: Final = 2.0


class SharedCache:
    """Speaks to the cache at `url`; it takes our word by the secret in `secret_file`. All methods raise Unavailable."""

    def __init__(self, url: str, secret_file: Path | None) -> None:
        self._url = url
        self._secret_file = secret_file
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        secret = self._secret_file.read_text().strip() if self._secret_file is not None else ""
        self._session = aiohttp.ClientSession(
            headers={"X-Purge-Secret": secret}, timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def purge(self, keys: Sequence[str]) -> None:
        """What bears one of these keys is gone, and what is just being fetched with one of them is not kept.

        Of several products only the last one's fetches are refused singly; one product a call.
        """
        await self._tell("PURGE", {"X-Purge": " ".join(keys)})

    async def sweep(self, keys: Sequence[str]) -> None:
        """What bears one of these keys is gone."""
        await self._tell("PURGE", {"X-Purge": " ".join(keys), "X-Again": "1"})

    async def expire(self, key: str) -> None:
        """What bears this key is given only while its origin is away."""
        await self._tell("PURGE", {"X-Purge": key, "X-Soft": "1"})

    async def hour(self) -> str:
        """The cache's own time, for `heartbeat`."""
        return (await self._tell("HEARTBEAT", {}))["X-Hour"]

    async def heartbeat(self, hour: str) -> None:
        """Up to that `hour` the cache has been told of every change.

        It must have been asked for before one looked whether that is so: who is stopped between looking and telling
        would otherwise speak for the time in between.
        """
        await self._tell("HEARTBEAT", {"X-As-Of": hour})

    async def _tell(self, method: str, headers: dict[str, str]) -> Mapping[str, str]:
        if self._session is None:
            raise Unavailable("the shared cache is closed")
        try:
            async with self._session.request(method, self._url, headers=headers, allow_redirects=False) as answer:
                await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"the shared cache does not answer: {error!r}") from error
        if answer.status != 200:
            raise Unavailable(f"the shared cache refuses: {answer.status}")
        return answer.headers
