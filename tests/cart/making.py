"""What the tests of the cart room put into carts, and the services that the cart asks."""

import itertools
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Response

from bodega.contracts.catalog import PricedSku, Prices, PricesRequest, Product
from bodega.contracts.ids import new_id
from bodega.contracts.inventory import Availabilities, Availability, AvailabilityRequest
from bodega.kit.auth import Caller, InternalTokens
from bodega.kit.testing import Credentials


def euro(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


_versions = itertools.count(int(time.time() * 1000))


def version_now() -> int:
    """As the catalog counts: milliseconds, and never the same twice."""
    return next(_versions)


@dataclass
class Shop:
    """Catalog and inventory as other rooms of a small shop: real HTTP, our tokens, and faults on demand."""

    products: dict[str, PricedSku] = field(default_factory=dict)
    stock: dict[str, Availability] = field(default_factory=dict)
    down: bool = False
    asked: list[tuple[str, list[str]]] = field(default_factory=list)

    def sells(self, amount: int = 1200, shown: int | str = "many", **other: Any) -> str:
        """A new SKU."""
        sku = f"SKU-{secrets.token_hex(6)}"
        self.products[sku] = PricedSku.model_validate(
            {"sku": sku, "sold": True, "product_id": new_id("prd"), "product_version": version_now(), "slug": "mug",
             "title": "Mug", "options": {"Colour": "Sand"}, "image": "media/mug.jpg", "price": euro(amount), **other}
        )  # fmt: skip
        self.stock[sku] = Availability.model_validate(
            {"sku": sku, "shown": shown, "in_stock": shown != 0, "version": 1}
        )
        return sku

    def reprice(self, sku: str, amount: int) -> None:
        old = self.products[sku]
        new = {**old.model_dump(), "price": euro(amount), "product_version": version_now()}
        self.products[sku] = PricedSku.model_validate(new)

    def product(self, sku: str, *, also: tuple[str, ...] = (), without: bool = False) -> Product:
        """The whole product as ProductUpdated carries it; `without` the variant."""
        priced = self.products[sku]
        variants = [] if without else [{"sku": sku, "price": priced.price, "options": priced.options}]
        variants += [{"sku": other, "price": euro(1), "options": {}} for other in also]
        return Product.model_validate(
            {"id": priced.product_id, "slug": "mug", "title": priced.title, "version": priced.product_version,
             "variants": variants, "created_at": "2026-11-24T00:00:00Z", "updated_at": "2026-11-24T00:00:00Z"}
        )  # fmt: skip

    def _answers(self, whom: str, skus: list[str], response: Response) -> bool:
        self.asked.append((whom, skus))
        if self.down:
            response.status_code = 503
        return not self.down

    def app(self, name: str, credentials: Credentials) -> FastAPI:
        """One of the two services."""
        app = FastAPI()
        app.state.internal_tokens = InternalTokens(name, None, credentials.jwks_file, frozenset({"cart"}))

        @app.post("/internal/prices")
        async def prices(wanted: PricesRequest, _: Caller, response: Response) -> Prices:
            if not self._answers("catalog", wanted.skus, response):
                return Prices(items=[])
            return Prices(items=[self.products.get(sku, PricedSku(sku=sku, sold=False)) for sku in wanted.skus])

        @app.post("/internal/availability")
        async def availability(wanted: AvailabilityRequest, _: Caller, response: Response) -> Availabilities:
            if not self._answers("inventory", wanted.skus, response):
                return Availabilities(items=[])
            return Availabilities(
                items=[
                    self.stock.get(sku, Availability(sku=sku, shown=0, in_stock=False, version=0))
                    for sku in wanted.skus
                ]
            )

        return app
