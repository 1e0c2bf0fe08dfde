"""What the purger does: hears of changes, takes what is old from the edge, and tells the edge that it listens.

The edge trusts its memory of what changes only as long as it hears a heartbeat. So the heartbeat is a promise: every
change that the broker has told of has been purged. After anything that could break it (a start, a new connection, an
edge that did not answer) all that expires before the next one.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from prometheus_client import Histogram

from bodega.contracts.catalog import CategoryUpdated, ProductArchived, ProductUpdated
from bodega.contracts.inventory import (
    SHOWN_UP_TO,
    InventoryAdjusted,
    InventoryCommitted,
    InventoryReleased,
    InventoryReserved,
    InventoryShort,
)
from bodega.kit.errors import Unavailable
from bodega.kit.inbox import Hears, Received
from bodega.kit.surrogates import SharedCache
from bodega.kit.telemetry import log

TOLD: Final = "told"
"""The key that the edge itself gives to whatever it keeps only as long as it is told of changes."""
ALL_PRODUCTS: Final = "products"
"""The key of what tells of the whole catalog (site map, product feed): it would not hold a key for each product."""
HEARTBEAT_SECONDS: Final = 1.0
CURRENT_WITHIN_SECONDS: Final = 2.0
SWEEP_AFTER_SECONDS: Final = 0.5
"""An answer that passed the edge's guard in the very moment of the purge has long been stored by then."""
SWEPT_AT_ONCE: Final = 100
FEW: Final = 5
"""Up to so many pieces of a product are named in lists; the storefront's `FEW` must not be more."""

_TICK_SECONDS: Final = 0.1
_PURGING: Final = Histogram(
    "edge_purge_seconds", "From hearing of a change to the edge's word that what shows it is gone",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1),
)  # fmt: skip
_log = log()

StockChanged = InventoryReserved | InventoryReleased | InventoryCommitted | InventoryAdjusted | InventoryShort


def _fewest(stock: StockChanged) -> int:
    """How many pieces could be had before or after the change, whichever is fewer."""
    after = stock.available if stock.available is not None else SHOWN_UP_TO if stock.shown == "many" else stock.shown
    match stock:
        case InventoryReleased():
            return after - stock.quantity
        case InventoryAdjusted():
            return min(after, after - stock.delta)
        case InventoryReserved():
            return after
        case _:
            return SHOWN_UP_TO  # units left that nobody could have had any more, or none at all


class Hearing(Protocol):
    """What brings the changes (the kit's Consumer)."""

    connections: int

    async def is_current(self, within_seconds: float) -> bool: ...


class Purger:
    """Purges at once, sweeps once more a moment later, and sends the heartbeat. `run()` until `stop()`."""

    def __init__(self, edge: SharedCache) -> None:
        self._edge = edge
        self._sweeps: list[tuple[float, tuple[str, ...]]] = []
        self._trusted: int | None = None  # the connection of whose changes the edge has missed none
        self._next_heartbeat = 0.0
        self._stopping = asyncio.Event()
        self.hearing: Hearing | None = None

    @property
    def is_trusted(self) -> bool:
        """Whether the edge keeps what changes by our word."""
        return self._trusted is not None

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Ten times a second does what is due."""
        while not self._stopping.is_set():
            try:
                await self._do_what_is_due()
            except Unavailable as error:
                if self._trusted is not None:
                    _log.warning("the edge cannot be told", error=error)
                self._trusted = None
            try:
                await asyncio.wait_for(self._stopping.wait(), _TICK_SECONDS)
            except TimeoutError:
                continue

    async def purge(self, keys: Sequence[str]) -> None:
        """Raises Unavailable, if the edge does not answer."""
        try:
            with _PURGING.time():
                await self._edge.purge(keys)
        except Unavailable:
            self._trusted = None
            raise
        self._sweeps.append((self._now() + SWEEP_AFTER_SECONDS, tuple(keys)))

    async def _do_what_is_due(self) -> None:
        due = [keys for at, keys in self._sweeps if at <= self._now()]
        if due:
            # Sweeps that fail are not repeated: then all expires.
            self._sweeps = self._sweeps[len(due) :]
            keys = list(dict.fromkeys(key for of_one in due for key in of_one))
            for start in range(0, len(keys), SWEPT_AT_ONCE):
                await self._edge.sweep(keys[start : start + SWEPT_AT_ONCE])
        if self._now() < self._next_heartbeat or self.hearing is None:
            return
        hour = await self._edge.hour()
        connection = self.hearing.connections
        if not await self.hearing.is_current(CURRENT_WITHIN_SECONDS):
            return
        if self._trusted != connection:
            await self._edge.expire(TOLD)
            self._trusted = connection
        await self._edge.heartbeat(hour)
        self._next_heartbeat = self._now() + HEARTBEAT_SECONDS

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    # --- what is heard --------------------------------------------------------------------------------

    async def product_updated(self, event: Received[ProductUpdated]) -> None:
        """Its own answers, and every list that it is in or may come into."""
        product = event.data.product
        categories = (f"category:{slug}" for slug in product.categories)
        await self.purge([f"product:{product.id}", *categories, "listing", ALL_PRODUCTS])

    async def product_archived(self, event: Received[ProductArchived]) -> None:
        """A list that it was in bears its key."""
        await self.purge([f"product:{event.data.product_id}", ALL_PRODUCTS])

    async def category_updated(self, event: Received[CategoryUpdated]) -> None:
        """Every page names the categories. They change so seldom that all pages may go."""
        await self.purge(["categories"])

    async def stock_changed(self, event: Received[StockChanged]) -> None:
        """What sold out or came back, and each number of few pieces: pages name it. Above that they only say that there
        are some."""
        stock = event.data
        if stock.product_id is None:
            return
        if stock.in_stock_flipped:
            await self.purge([f"product:{stock.product_id}", ALL_PRODUCTS])
        elif _fewest(stock) <= FEW:
            await self.purge([f"product:{stock.product_id}"])

    def hears(self) -> tuple[Hears, ...]:
        stock = (InventoryReserved, InventoryReleased, InventoryCommitted, InventoryAdjusted, InventoryShort)
        return (
            Hears("ProductUpdated", ProductUpdated, self.product_updated),
            Hears("ProductArchived", ProductArchived, self.product_archived),
            Hears("CategoryUpdated", CategoryUpdated, self.category_updated),
            *(Hears(kind.__name__, kind, self.stock_changed) for kind in stock),
        )
