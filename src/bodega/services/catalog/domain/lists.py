"""The lists of the shop, in memory: which products are in each, and in which order. Pure, no I/O.

Every combination of filters that is asked for has its own sorted lists of ids, so that any page of any list is a slice
behind a bisection. A list of a hundred thousand ids takes less than a megabyte; inserting into it moves less than that.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from itertools import product as pairs
from typing import Any, Literal, NamedTuple, TypeVar

from bodega.contracts.catalog import ProductStatus

Sort = Literal["newest", "price", "-price"]
SEPARATOR = "\0"
After = tuple[str] | tuple[int, str]
"""The last one before the page: its id, or its price and id."""
Shelf = tuple[str | None, str | None]
"""A category and a brand; None: any."""
Place = TypeVar("Place", str, tuple[int, str])
_ALL: Shelf = (None, None)


class Entry(NamedTuple):
    """What decides where a product stands. `words`: title, brand and SKUs in small letters, by which merchants find it;
    `SEPARATOR` between them."""

    id: str
    version: int
    status: ProductStatus
    price_from: int
    categories: tuple[str, ...]
    brand: str
    words: str

    def place(self) -> tuple[Any, ...]:
        """Whoever changes it moves the product from list to list or within one."""
        return self.status, self.price_from, self.categories, self.brand

    def shelves(self) -> Iterator[Shelf]:
        """The lists for shoppers that it is in: none, unless it is published."""
        if self.status == "published":
            yield from pairs((None, *dict.fromkeys(self.categories)), (None, self.brand))


class _Orders:
    """The published products of a shelf. `dear`: by price downwards, then by id; read backwards it is `price`."""

    __slots__ = ("dear", "ids")

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.dear: list[tuple[int, str]] = []


class ProductLists:
    """Answers as MongoDB would over the same documents."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries: dict[str, Entry] = {one.id: one for one in entries}
        self._shelves: dict[Shelf, _Orders] = {}
        self._of_status: dict[str | None, list[str]] = {None: sorted(self._entries)}
        for product_id in self._of_status[None]:
            entry = self._entries[product_id]
            self._of_status.setdefault(entry.status, []).append(product_id)
            place = (-entry.price_from, product_id)
            for shelf in entry.shelves():
                orders = self._shelves.setdefault(shelf, _Orders())
                orders.ids.append(product_id)
                orders.dear.append(place)
        for orders in self._shelves.values():
            orders.dear.sort()

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, product_id: str) -> Entry | None:
        return self._entries.get(product_id)

    def put(self, entry: Entry) -> None:
        """Puts it where it belongs now, wherever it was."""
        before = self._entries.get(entry.id)
        if before is not None and before.place() == entry.place():
            self._entries[entry.id] = entry
            return
        self.remove(entry.id)
        self._entries[entry.id] = entry
        for status in (None, entry.status):
            insort(self._of_status.setdefault(status, []), entry.id)
        place = (-entry.price_from, entry.id)
        for shelf in entry.shelves():
            orders = self._shelves.setdefault(shelf, _Orders())
            insort(orders.ids, entry.id)
            insort(orders.dear, place)

    def remove(self, product_id: str) -> None:
        entry = self._entries.pop(product_id, None)
        if entry is None:
            return
        for status in (None, entry.status):
            _take(self._of_status[status], product_id)
        place = (-entry.price_from, product_id)
        for shelf in entry.shelves():
            orders = self._shelves[shelf]
            _take(orders.ids, product_id)
            _take(orders.dear, place)
            if not orders.ids and shelf != _ALL:
                del self._shelves[shelf]

    def published(
        self, *, category: str | None, brand: str | None, sort: Sort, after: After | None, limit: int
    ) -> list[Entry]:
        """A page for shoppers."""
        orders = self._shelves.get((category, brand))
        if orders is None:
            return []
        if sort == "newest":  # ids sort by time of birth
            return self._named(_before(orders.ids, str(after[-1]) if after is not None else None, limit))
        place = (-int(after[0]), str(after[-1])) if after is not None else None
        page = _behind(orders.dear, place, limit) if sort == "-price" else _before(orders.dear, place, limit)
        return self._named(product_id for _, product_id in page)

    def published_after(self, product_id: str | None, limit: int) -> list[Entry]:
        """All published ones, page by page, by id."""
        orders = self._shelves.get(_ALL)
        return self._named(_behind(orders.ids, product_id, limit)) if orders is not None else []

    def all(self, *, status: ProductStatus | None, before: str | None, limit: int | None = None) -> list[Entry]:
        """A page for merchants, newest first; without a limit all of it."""
        ids = self._of_status.get(status, [])
        return self._named(_before(ids, before, len(ids) if limit is None else limit))

    def _named(self, ids: Iterable[str]) -> list[Entry]:
        return [self._entries[one] for one in ids]


def _take(ordered: list[Place], place: Place) -> None:
    del ordered[bisect_left(ordered, place)]


def _behind(ordered: Sequence[Place], place: Place | None, limit: int) -> Sequence[Place]:
    start = bisect_right(ordered, place) if place is not None else 0
    return ordered[start : start + limit]


def _before(ordered: Sequence[Place], place: Place | None, limit: int) -> Sequence[Place]:
    """Backwards."""
    end = bisect_left(ordered, place) if place is not None else len(ordered)
    return ordered[max(0, end - limit) : end][::-1]
