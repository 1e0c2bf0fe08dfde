"""All that knows the search engine."""

from bodega.services.search.store.index import Skeleton, Store
from bodega.services.search.store.question import ORDERS, Counted, Found

__all__ = ["ORDERS", "Counted", "Found", "Skeleton", "Store"]
