"""Makes products and stock for the tests of search."""

from datetime import UTC, datetime
from typing import Any

from bodega.contracts.catalog import CategoryUpdated, Product, ProductArchived, ProductUpdated
from bodega.contracts.envelope import CloudEvent, event
from bodega.contracts.ids import new_id
from bodega.contracts.inventory import InventoryAdjusted

BORN = datetime(2026, 1, 1, tzinfo=UTC)


def euro(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def variant(sku: str, price: int = 1000, **other: Any) -> dict[str, Any]:
    options = {name: other.pop(name) for name in list(other) if name[0].isupper()}
    return {"sku": sku, "options": options, "price": euro(price), **other}


def product(title: str, *variants: dict[str, Any], **other: Any) -> Product:
    product_id = other.pop("id", new_id("prd"))
    slug = title.lower().replace(" ", "-").replace("'", "")
    return Product.model_validate(
        {
            "id": product_id, "slug": slug, "title": title, "version": 1, "created_at": BORN, "updated_at": BORN,
            "variants": list(variants) or [variant(product_id[-12:])], **other,
        }
    )  # fmt: skip


def category(slug: str, title: str, version: int = 1) -> CategoryUpdated:
    return CategoryUpdated(slug=slug, title=title, position=1, version=version)


def renamed(one: CategoryUpdated) -> CloudEvent[CategoryUpdated]:
    return event(one, subject=one.slug, sequence=one.version)


def updated(one: Product) -> CloudEvent[ProductUpdated]:
    return event(ProductUpdated(product=one), subject=one.id, sequence=one.version)


def archived(one: Product, version: int) -> CloudEvent[ProductArchived]:
    skus = [variant.sku for variant in one.variants]
    fact = ProductArchived(product_id=one.id, slug=one.slug, skus=skus, categories=one.categories, version=version)
    return event(fact, subject=one.id, sequence=version)


def stock(
    sku: str, version: int, in_stock: bool, *, product_id: str | None = None, flipped: bool = True
) -> CloudEvent[InventoryAdjusted]:
    fact = InventoryAdjusted(
        sku=sku, product_id=product_id, version=version, shown="many" if in_stock else 0, in_stock=in_stock,
        in_stock_flipped=flipped, delta=1, reason="counted",
    )  # fmt: skip
    return event(fact, subject=sku, sequence=version)
