"""What a product is to those who look for it: pure rules, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bodega.contracts.catalog import CategoryUpdated, Product, folded, option_key

Sort = Literal["relevance", "price", "-price", "newest"]


@dataclass(frozen=True, slots=True)
class Stock:
    """Whether a SKU can be had, as of a version of its stock."""

    sku: str
    product_id: str | None
    in_stock: bool
    version: int


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a shopper asks for. Within one criterion any value will do; between them all must hold.

    Price, stock and options speak of one and the same variant: "green, in stock" is not met by a green one that
    is sold out beside a red one that is not. Prices are minor units of the shop's currency.
    """

    words: str = ""
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    price_min: int | None = None
    price_max: int | None = None
    in_stock: bool = False
    options: Mapping[str, tuple[str, ...]] | None = None
    """Key of the option (see `option_key`) -> wanted values."""
    sort: Sort = "relevance"


def choice(key: str, value: str) -> str:
    """A value of an option, as variants are found by it."""
    return f"{key}={folded(value)}"


def document(product: Product) -> dict[str, Any]:
    """A product as it is indexed. What is in stock is not said here: another source tells it."""
    cheapest = min(product.variants, key=lambda variant: variant.price.amount)
    picture = product.media[0] if product.media else None
    return {
        "id": product.id,
        "version": product.version,
        "deleted": False,
        "slug": product.slug,
        "title": product.title,
        "brand": product.brand,
        "categories": product.categories,
        "description": product.description,
        "option_values": sorted({value for variant in product.variants for value in variant.options.values()}),
        "codes": [code for variant in product.variants for code in (variant.sku, variant.barcode) if code is not None],
        "price": cheapest.price.amount,
        "price_to": max(variant.price.amount for variant in product.variants),
        "compare_at_price": cheapest.compare_at_price.amount if cheapest.compare_at_price else None,
        "currency": cheapest.price.currency,
        "image": {"alt": picture.alt, "renditions": picture.renditions} if picture else None,
        "created_at": product.created_at.isoformat(),
        "in_stock": False,
        "variants": [
            {
                "sku": variant.sku,
                "options": [choice(option_key(name), value) for name, value in variant.options.items()],
                "choices": [
                    {"option": option_key(name), "name": name, "value": value}
                    for name, value in variant.options.items()
                ],
                "price": variant.price.amount,
                "in_stock": False,
                "stock_version": 0,
            }
            for variant in product.variants
        ],
    }


def category_document(category: CategoryUpdated) -> dict[str, Any]:
    """A category as it is indexed, beside the products: by slug, which never looks like a product's id."""
    return {"id": category.slug, "version": category.version, "name": category.title}


def tombstone(document_id: str, version: int) -> dict[str, Any]:
    """What remains of what is gone: so that a late, older state of it does not come back."""
    return {"id": document_id, "version": version, "deleted": True}


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the index and its sources do not agree."""

    id: str
    """A product's id, or a category's slug."""
    what: Literal["missing", "older", "surplus", "stock"]


class Indexed(Protocol):
    """Of a product in the index, what is compared."""

    @property
    def version(self) -> int: ...
    @property
    def in_stock(self) -> Mapping[str, bool]: ...


def differences(
    told: Mapping[str, Product], stock: Mapping[str, Stock], kept: Mapping[str, Indexed]
) -> list[Difference]:
    """Between what the sources tell of some products and what is kept of them; one for each product at most."""
    found: list[Difference] = []
    for product_id, product in told.items():
        one = kept.get(product_id)
        if one is None:
            found.append(Difference(product_id, "missing"))
        elif one.version < product.version:
            found.append(Difference(product_id, "older"))
        elif any(stock[sku].in_stock != shown for sku, shown in one.in_stock.items() if sku in stock):
            found.append(Difference(product_id, "stock"))
    return found + [Difference(product_id, "surplus") for product_id in kept.keys() - told.keys()]


def category_differences(told: Mapping[str, CategoryUpdated], kept: Mapping[str, int]) -> list[Difference]:
    """Between the categories and the versions that are kept of them."""
    found = [
        Difference(slug, "missing" if slug not in kept else "older")
        for slug, category in told.items()
        if kept.get(slug, -1) < category.version
    ]
    return found + [Difference(slug, "surplus") for slug in kept.keys() - told.keys()]
