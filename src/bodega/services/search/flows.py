"""Long work on the index: filling it from the sources, renewing it, comparing it with them.

Safe to break off and to begin again at any point, and to be done by two replicas at once: all goes through the
same writers as the events do, and none of it lets an older version win.
"""

import asyncio
from collections.abc import Mapping, Sequence

from bodega.contracts.catalog import CategoryUpdated, Product
from bodega.kit.errors import Unavailable
from bodega.kit.http import RemoteProblem
from bodega.kit.surrogates import SharedCache
from bodega.kit.telemetry import log
from bodega.kit.trouble import Backoff
from bodega.services.search import domain, service
from bodega.services.search.clients import PRODUCTS_AT_ONCE, Sources
from bodega.services.search.domain import Difference, Stock
from bodega.services.search.settings import SELDOMEST_MILLISECONDS, Settings
from bodega.services.search.store import Skeleton, Store

_log = log()
_REST = 5
"""So many times as long as a refresh takes it is to the next one, if that is no longer than a second."""
_SELDOMEST_SECONDS = SELDOMEST_MILLISECONDS / 1000


async def fill(store: Store, sources: Sources) -> int:
    """Reads everything from catalog and inventory into the index. Returns the number of products."""
    await store.put([domain.category_document(category) for category in await sources.categories()])
    count = 0
    async for page in sources.products():
        await store.put_stock(await sources.stock(_skus(page.items)))
        await service.take_products(store, [domain.document(product) for product in page.items])
        count += len(page.items)
    return count


async def rebuild(store: Store, sources: Sources) -> int:
    """A new index, filled while the old one serves. Returns the number of products."""
    await store.begin_rebuild()
    count = await fill(store, sources)
    await store.end_rebuild()
    return count


async def audit(store: Store, sources: Sources, *, mend: bool) -> list[Difference]:
    """Where the index differs from its sources; if wished, what differs is mended on the way.

    What is just changing may be named although its event is under way; mending it too does no harm.
    """
    categories = {one.slug: one for one in await sources.categories()}
    known = await store.categories()
    differences = domain.category_differences(categories, known)
    if mend:
        await _mend_categories(store, differences, categories, known)
    after: str | None = None
    async for page in sources.products():
        told = {product.id: product for product in page.items}
        stock = await sources.stock(_skus(page.items))
        until = page.items[-1].id if page.next_after is not None else None
        kept = {one.id: one async for one in store.skeletons(after, until)}
        differing = domain.differences(told, {one.sku: one for one in stock}, kept)
        if mend:
            await _mend(store, sources, differing, told, stock, kept)
        differences += differing
        after = page.next_after
    return differences


async def _mend_categories(
    store: Store,
    differing: Sequence[Difference],
    told: Mapping[str, CategoryUpdated],
    kept: Mapping[str, int],
) -> None:
    await store.put(
        [
            domain.category_document(told[one.id])
            if one.id in told
            else domain.tombstone(one.id, kept[one.id] + 1)  # catalog forgets none: it was never to be sold
            for one in differing
        ]
    )


async def _mend(
    store: Store,
    sources: Sources,
    differing: Sequence[Difference],
    told: Mapping[str, Product],
    stock: Sequence[Stock],
    kept: Mapping[str, Skeleton],
) -> None:
    wrong = {one.id for one in differing}
    if any(one.what == "stock" for one in differing):
        await store.put_stock(stock)
    await service.take_products(store, [domain.document(told[one]) for one in wrong if one in told])
    surplus = sorted(wrong - told.keys())
    for start in range(0, len(surplus), PRODUCTS_AT_ONCE):
        ids = surplus[start : start + PRODUCTS_AT_ONCE]
        known = await sources.products_by_id(ids)
        # What was published while we looked is there; what catalog has never heard of cannot be sold.
        await service.take_products(store, [domain.document(product) for product in known.items])
        ended = {one.product_id: one.version for one in known.archived}
        sold = {product.id for product in known.items}
        await service.take_products(
            store,
            [domain.tombstone(one, max(ended.get(one, 0), kept[one].version + 1)) for one in ids if one not in sold],
        )


def _skus(products: Sequence[Product]) -> list[str]:
    return [variant.sku for product in products for variant in product.variants]


class Herald:
    """Takes from the edge what the index has made old, once searches find what is new. `run()` until `stop()`.

    A change is told at once; those that follow within one refresh's time are told together. A flood of them makes each
    refresh dearer, and so they are made more seldom, once a second at least.
    """

    def __init__(self, store: Store, edge: SharedCache | None, settings: Settings) -> None:
        self._store = store
        self._edge = edge
        self._gather_seconds = settings.refresh_milliseconds / 1000
        self._retry_seconds = settings.retry_first_seconds
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._changed.set()  # what was written before a start may not have been told

    def stop(self) -> None:
        self._stopping.set()
        self._changed.set()

    def mark(self) -> None:
        """Something was written. Returns at once."""
        self._changed.set()

    async def run(self) -> None:
        clock = asyncio.get_running_loop().time
        next_refresh = clock()
        while not self._stopping.is_set():
            await self._changed.wait()
            await self._pause(next_refresh - clock())
            self._changed.clear()
            if self._edge is None:
                continue
            try:
                began = clock()
                await self._store.refresh()
                next_refresh = began + max(self._gather_seconds, min(_REST * (clock() - began), _SELDOMEST_SECONDS))
                await self._edge.purge(["search"])
            except Unavailable as error:
                _log.warning("the edge has not been told of what changed", error=error)
                self._changed.set()
                await self._pause(self._retry_seconds)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


class Curator:
    """Sees that there is an index and that it is whole, and renews it when asked. Shoppers are served meanwhile."""

    def __init__(self, store: Store, sources: Sources, herald: Herald, settings: Settings) -> None:
        self._store = store
        self._sources = sources
        self._herald = herald
        self._first = settings.retry_first_seconds
        self._most = settings.retry_most_seconds
        self._stopping = asyncio.Event()
        self._wanted = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    def want_rebuild(self) -> None:
        """Returns at once."""
        self._wanted.set()

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
        """Does what is due, for as long as it takes; then waits for wishes."""
        backoff = Backoff(self._first, self._most)
        while True:
            try:
                await self._make_whole()
                backoff.reset()
                await self._wanted.wait()
                count = await rebuild(self._store, self._sources)
                self._wanted.clear()
                self._herald.mark()
                _log.info("the index is renewed", products=count)
            except (Unavailable, RemoteProblem) as error:
                wait = backoff.next()
                _log.warning("the index waits for its engine or its sources", error=error, wait_seconds=wait)
                await asyncio.sleep(wait)

    async def _make_whole(self) -> None:
        match await self._store.prepare():
            case "incomplete":
                count = await fill(self._store, self._sources)
                await self._store.mark_filled()
                self._herald.mark()
                _log.info("the index is filled", products=count)
            case "outdated":
                await self._store.widen()
                self.want_rebuild()
            case "half-renewed":  # whoever was at it may be dead
                self.want_rebuild()
            case "complete":
                pass
