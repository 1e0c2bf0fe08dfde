"""What search does. The two writers may run at once, and in any order.

Each leaves its own word first and looks for the other's then, so that whoever comes second sees the first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bodega.services.search.domain import Criteria, Stock
from bodega.services.search.store import Category, Counted, Found, Store, Suggested


async def take_products(store: Store, documents: Sequence[Mapping[str, Any]]) -> None:
    """Catalog's word. Two of the products may name one SKU: it has changed hands, and one of them has yet to say so."""
    await store.put(documents)
    named = [(one["sku"], product["id"]) for product in documents for one in product.get("variants", ())]
    if not named:
        return
    known = {one.sku: one for one in await store.find_stock(sorted({sku for sku, _ in named}))}
    by_product: dict[str, list[Stock]] = {}
    for sku, product_id in named:
        if sku in known:
            by_product.setdefault(product_id, []).append(known[sku])
    await store.show_stock(by_product)


async def take_stock(store: Store, stock: Sequence[Stock]) -> None:
    """Inventory's word. It may not know yet whose the SKU is, or have yet to hear that it has changed hands; then the
    index may."""
    await store.put_stock(stock)
    owners = await store.find_owners(sorted({one.sku for one in stock}))
    by_product: dict[str, list[Stock]] = {}
    for one in sorted(stock, key=lambda one: one.version):  # of one SKU, the last one is shown
        for owner in {*owners.get(one.sku, ()), *([one.product_id] if one.product_id is not None else [])}:
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
