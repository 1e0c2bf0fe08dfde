"""Catalog and inventory, as search sees them: two small servers that check what they are sent."""

from dataclasses import dataclass, field

from fastapi import FastAPI, Request

from bodega.contracts.catalog import Categories, CategoryUpdated, Product, ProductArchived, Products, ProductsRequest
from bodega.contracts.inventory import Availabilities, Availability, AvailabilityRequest
from bodega.kit.auth import InternalTokens
from bodega.kit.testing import Credentials


@dataclass
class Shop:
    """What the two sources hold to be true."""

    products: dict[str, Product] = field(default_factory=dict)
    archived: dict[str, ProductArchived] = field(default_factory=dict)
    stock: dict[str, Availability] = field(default_factory=dict)
    categories: dict[str, CategoryUpdated] = field(default_factory=dict)
    asked: int = 0

    def sells(self, *products: Product) -> None:
        for one in products:
            self.products[one.id] = one
            self.archived.pop(one.id, None)

    def archives(self, one: Product, version: int) -> None:
        del self.products[one.id]
        skus = [variant.sku for variant in one.variants]
        self.archived[one.id] = ProductArchived(product_id=one.id, slug=one.slug, skus=skus, version=version)

    def names(self, *categories: CategoryUpdated) -> None:
        self.categories |= {one.slug: one for one in categories}

    def has(self, sku: str, version: int, in_stock: bool) -> None:
        self.stock[sku] = Availability(sku=sku, shown=5 if in_stock else 0, in_stock=in_stock, version=version)


def catalog(shop: Shop, credentials: Credentials) -> FastAPI:
    app = FastAPI()
    tokens = InternalTokens("catalog", None, credentials.jwks_file, frozenset({"search"}))

    @app.post("/internal/products")
    async def products(asked: ProductsRequest, request: Request) -> Products:
        tokens.verify(request.headers["authorization"].removeprefix("Bearer "))
        shop.asked += 1
        if asked.ids is not None:
            return Products(
                items=[shop.products[one] for one in asked.ids if one in shop.products],
                archived=[shop.archived[one] for one in asked.ids if one in shop.archived],
            )
        behind = [shop.products[one] for one in sorted(shop.products) if asked.after is None or one > asked.after]
        page = behind[: asked.limit]
        return Products(items=page, next_after=page[-1].id if len(behind) > asked.limit else None)

    @app.get("/internal/categories")
    async def categories(request: Request) -> Categories:
        tokens.verify(request.headers["authorization"].removeprefix("Bearer "))
        return Categories(items=list(shop.categories.values()))

    return app


def inventory(shop: Shop, credentials: Credentials) -> FastAPI:
    app = FastAPI()
    tokens = InternalTokens("inventory", None, credentials.jwks_file, frozenset({"search"}))

    @app.post("/internal/availability")
    async def availability(asked: AvailabilityRequest, request: Request) -> Availabilities:
        tokens.verify(request.headers["authorization"].removeprefix("Bearer "))
        unknown = {sku: Availability(sku=sku, shown=0, in_stock=False, version=0) for sku in asked.skus}
        return Availabilities(items=[shop.stock.get(sku, unknown[sku]) for sku in asked.skus])

    return app
