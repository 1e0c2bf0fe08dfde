"""Long work on the index: filling it from the sources. Safe to break off and to begin again at any point, and
to be done by two replicas at once: everything goes through the same writers as the events do."""

import asyncio

from bodega.kit.errors import Unavailable
from bodega.kit.http import RemoteProblem
from bodega.kit.telemetry import log
from bodega.services.search import domain, service
from bodega.services.search.clients import Sources
from bodega.services.search.settings import Settings
from bodega.services.search.store import Store

_log = log()


async def fill(store: Store, sources: Sources) -> int:
    """Reads everything from catalog and inventory into the index. Returns the number of products."""
    count = 0
    async for page in sources.products():
        await store.put_stock(await sources.stock([one.sku for product in page.items for one in product.variants]))
        await service.take_products(store, [domain.document(product) for product in page.items])
        count += len(page.items)
    return count


class Curator:
    """Sees that there is an index and that it is whole. Shoppers are served meanwhile."""

    def __init__(self, store: Store, sources: Sources, settings: Settings) -> None:
        self._store = store
        self._sources = sources
        self._first = settings.retry_first_seconds
        self._most = settings.retry_most_seconds
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        work = asyncio.create_task(self._work())
        stopping = asyncio.create_task(self._stopping.wait())
        done, pending = await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()

    async def _work(self) -> None:
        wait = self._first
        while True:
            try:
                if await self._store.prepare() == "incomplete":
                    count = await fill(self._store, self._sources)
                    await self._store.mark_filled()
                    _log.info("the index is filled", products=count)
                break
            except (Unavailable, RemoteProblem) as error:
                _log.warning("the index waits for its sources", error=error, wait_seconds=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._most)
        await self._stopping.wait()
