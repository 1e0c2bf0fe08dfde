"""Whom the cart asks: the catalog for prices, inventory for stock. Neither is waited for long, neither is needed."""

import time
from collections.abc import Mapping, Sequence

from bodega.contracts.catalog import Prices, PricesRequest
from bodega.contracts.inventory import Availabilities, AvailabilityRequest
from bodega.kit.app import client_for
from bodega.kit.errors import Unavailable
from bodega.kit.http import Client, RemoteProblem
from bodega.kit.telemetry import log
from bodega.services.cart.domain import ProductWord, StockWord
from bodega.services.cart.settings import Settings

_log = log()


class Services:
    def __init__(self, settings: Settings) -> None:
        patience = {"timeout_seconds": settings.lookup_timeout_seconds, "attempts": 1}
        self._catalog = client_for("catalog", "cart", settings, **patience)
        self._inventory = client_for("inventory", "cart", settings, **patience)

    @property
    def clients(self) -> Sequence[Client]:
        return (self._catalog, self._inventory)

    async def products(self, skus: Sequence[str], known: Mapping[str, ProductWord]) -> dict[str, ProductWord]:
        """In one call; nothing, if the catalog is away."""
        if not skus:
            return {}
        asked = time.time()
        try:
            answer = await self._catalog.post("/internal/prices", PricesRequest(skus=list(skus)), Prices)
        except Unavailable:
            return {}  # http_call_seconds counts it: a line for every look at a cart would flood the log
        except RemoteProblem as error:
            _log.error("the catalog refuses the cart's question", error=error)
            return {}
        return words_of(answer, known, at=asked)

    async def stock(self, skus: Sequence[str]) -> dict[str, StockWord]:
        """In one call; nothing, if inventory is away."""
        if not skus:
            return {}
        asked = time.time()
        try:
            answer = await self._inventory.post(
                "/internal/availability", AvailabilityRequest(skus=list(skus)), Availabilities
            )
        except Unavailable:
            return {}  # http_call_seconds counts it: a line for every look at a cart would flood the log
        except RemoteProblem as error:
            _log.error("inventory refuses the cart's question", error=error)
            return {}
        return {item.sku: StockWord(version=item.version, at=asked, told=item) for item in answer.items}


def words_of(answer: Prices, known: Mapping[str, ProductWord], *, at: float) -> dict[str, ProductWord]:
    """The catalog's answer of a moment, by SKU. Of what is not sold it tells nothing, not even whose it is; the shopper
    still wants to read what it was."""
    words = {}
    for item in answer.items:
        before = known.get(item.sku)
        told = item
        if not item.sold and before is not None and before.told is not None:
            told = before.told.model_copy(update={"sold": False})
        words[item.sku] = ProductWord(owner=item.product_id or "", version=item.product_version, at=at, told=told)
    return words
