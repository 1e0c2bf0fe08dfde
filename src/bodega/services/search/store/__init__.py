"""All that knows the search engine."""

from bodega.services.search.store.index import Skeleton, Store
from bodega.services.search.store.question import ORDERS, Category, Counted, CountedOption, Found, Suggested

__all__ = ["ORDERS", "Category", "Counted", "CountedOption", "Found", "Skeleton", "Store", "Suggested"]
