"""What search does. The two writers may run at once, and in any order.

Each leaves its own word first and looks for the other's then, so that whoever comes second sees the first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bodega.services.search import domain
from bodega.services.search.domain import AS_WRITTEN, Criteria, Reading, Stock
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
    store: Store, criteria: Criteria, *, limit: int, page: tuple[Reading, Sequence[Any]] | None = None
) -> tuple[Found, Reading]:
    """What is found, and how the words were read for it. `page`: how they were for the page before, and where it ended.

    What has all the words as they are written is all there is, if there is any: else a lamb would be found beside every
    lamp. If not, the words that no product has are mended, and no others: red is no misspelled reed. If that helps
    nothing either, what has some of the words is better than an empty page.
    """
    if page is not None:
        reading, after = page
        return await store.search(criteria, reading, limit=limit, after=after), reading
    found = await store.search(criteria, AS_WRITTEN, limit=limit)
    if found.matched or not criteria.words:
        return found, AS_WRITTEN
    for reading in await _more_generously(store, criteria.words):
        found = await store.search(criteria, reading, limit=limit)
        if found.matched:
            break
    return found, reading


async def suggest(store: Store, words: str, *, limit: int) -> Suggested:
    found = await store.suggest(words, AS_WRITTEN, limit=limit)
    if found.products or found.categories:
        return found
    reading, *_ = await _more_generously(store, words)
    return await store.suggest(words, reading, limit=limit)


async def _more_generously(store: Store, text: str) -> Sequence[Reading]:
    """Other readings than as it is written, in the order in which they should be tried; one at least."""
    words = domain.words_of(text)
    mended = frozenset(domain.mendable(words, await store.unknown_words(words)))
    return [
        *([Reading(mended=mended)] if mended else ()),
        *([Reading(mended=mended, any_word=True)] if len(words) > 1 or not mended else ()),
    ]


async def named(store: Store, counted: Sequence[Counted]) -> list[Category]:
    """Categories for people; one whose name has yet to be told is left out."""
    names = await store.category_names([one.value for one in counted]) if counted else {}
    return [Category(one.value, names[one.value], one.count) for one in counted if one.value in names]
