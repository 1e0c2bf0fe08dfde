"""What search does. The two writers may run at once, and in any order.

Each leaves its own word first and looks for the other's then, so that whoever comes second sees the first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bodega.services.search.domain import Criteria, Stock
from bodega.services.search.store import Category, Counted, Found, Store, Suggested


async def take_products(store: Store, documents: Sequence[Mapping[str, Any]]) -> None:
    """Catalog's word."""
    await store.put(documents)
    owners = {one["sku"]: product["id"] for product in documents for one in product.get("variants", ())}
    by_product: dict[str, list[Stock]] = {}
    for stock in await store.find_stock(list(owners)) if owners else ():
        by_product.setdefault(owners[stock.sku], []).append(stock)
    await store.show_stock(by_product)


async def take_stock(store: Store, stock: Sequence[Stock]) -> None:
    """Inventory's word. It may not know the product yet; then the index may."""
    await store.put_stock(stock)
    ownerless = sorted({one.sku for one in stock if one.product_id is None})
    owners = await store.find_owners(ownerless) if ownerless else {}
    by_product: dict[str, list[Stock]] = {}
    for one in sorted(stock, key=lambda one: one.version):  # of one SKU, the last one is shown
        owner = one.product_id or owners.get(one.sku)
        if owner is not None:
            by_product.setdefault(owner, []).append(one)
    await store.show_stock(by_product)


async def search(
    store: Store, criteria: Criteria, *, limit: int, fuzzy: bool, after: Sequence[Any] | None
) -> tuple[Found, bool]:
    """What is found, and whether only by reading the words generously.

    Typos are tolerated when nothing is found without: else a lamb would be found beside every lamp.
    """
    found = await store.search(criteria, fuzzy=fuzzy, limit=limit, after=after)
    if found.matched or fuzzy or not criteria.words:
        return found, fuzzy
    return await store.search(criteria, fuzzy=True, limit=limit, after=None), True


async def suggest(store: Store, words: str, *, limit: int) -> Suggested:
    found = await store.suggest(words, fuzzy=False, limit=limit)
    if found.products or found.categories:
        return found
    return await store.suggest(words, fuzzy=True, limit=limit)


async def named(store: Store, counted: Sequence[Counted]) -> list[Category]:
    """Categories for people; one whose name has yet to be told is left out."""
    names = await store.category_names([one.value for one in counted]) if counted else {}
    return [Category(one.value, names[one.value], one.count) for one in counted if one.value in names]
