"""The two sources: catalog says what a product is, inventory what is in stock."""

from collections.abc import AsyncIterator, Sequence

from bodega.contracts.catalog import Categories, CategoryUpdated, Products, ProductsRequest
from bodega.contracts.inventory import Availabilities, AvailabilityRequest
from bodega.kit.app import client_for
from bodega.kit.http import Client
from bodega.services.search.domain import Stock
from bodega.services.search.settings import Settings

PRODUCTS_AT_ONCE = 100
SKUS_AT_ONCE = 500


class Sources:
    """Asked when the index is filled, rebuilt or audited; while it runs, they speak by their events."""

    def __init__(self, settings: Settings) -> None:
        self._catalog = client_for("catalog", "search", settings)
        self._inventory = client_for("inventory", "search", settings)

    @property
    def clients(self) -> Sequence[Client]:
        return (self._catalog, self._inventory)

    async def products(self) -> AsyncIterator[Products]:
        """All that is published, by id, ascending, page by page."""
        after = None
        while True:
            asked = ProductsRequest(after=after, limit=PRODUCTS_AT_ONCE)
            page = await self._catalog.post("/internal/products", asked, Products)
            yield page
            after = page.next_after
            if after is None:
                return

    async def categories(self) -> list[CategoryUpdated]:
        """All, whether they have products or not."""
        return (await self._catalog.get("/internal/categories", Categories)).items

    async def products_by_id(self, ids: Sequence[str]) -> Products:
        """At most 100. What catalog does not know at all is missing from the answer."""
        return await self._catalog.post("/internal/products", ProductsRequest(ids=list(ids)), Products)

    async def stock(self, skus: Sequence[str]) -> list[Stock]:
        """What inventory does not know is missing from the answer."""
        found: list[Stock] = []
        for start in range(0, len(skus), SKUS_AT_ONCE):
            asked = AvailabilityRequest(skus=list(skus[start : start + SKUS_AT_ONCE]))
            answer = await self._inventory.post("/internal/availability", asked, Availabilities)
            found += [
                Stock(one.sku, one.product_id, one.in_stock, one.version) for one in answer.items if one.version > 0
            ]
        return found
