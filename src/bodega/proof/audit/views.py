"""Views: what shoppers are shown of a product is what its sources say: in the index, in the cart, on its page.

Sources are the catalog's documents and inventory's rows. All products are looked at up to `ALL_UP_TO`; of more, a
sample spread evenly over their ids.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import aiohttp
from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from bodega.kit.currencies import minor_digits
from bodega.proof.audit.finding import Finding, Row

ALL_UP_TO = 500
"""So many products are all looked at; of more, so many."""
INDEX_RULE = "the index is as its sources"
CART_RULE = "the cart shows what the sources say"
PAGE_RULE = "the page shows what the sources say"

_AT_ONCE = 6
_TIMEOUT = aiohttp.ClientTimeout(total=60)
_TRIES = {429: 60, 503: 3}
"""How often a page is asked for again that the edge refuses: for its limit, or because it is in trouble."""
_DATA = re.compile(r'<script type="application/ld\+json"[^>]*>(.*?)</script>', re.DOTALL)

Shown = Mapping[str, Mapping[str, object]]
"""By SKU: what is shown of it."""


@dataclass(frozen=True)
class Product:
    """As the catalog keeps it. `prices`: by SKU, in minor units."""

    id: str
    slug: str
    version: int
    is_sold: bool
    was_sold: bool
    currency: str
    prices: Mapping[str, int]
    written_at: datetime


@dataclass
class Views:
    """What the sources and the views say. None: that view was not asked for."""

    products: Sequence[Product] = ()
    published: int = 0
    """Of all, not of the sample."""
    left_out: int = 0
    documents: Mapping[str, Mapping[str, Any]] | None = None
    live_documents: int = 0
    category_versions: Mapping[str, int] = field(default_factory=dict)
    indexed_categories: Mapping[str, int] = field(default_factory=dict)
    snapshots: Mapping[str, tuple[Any, Any]] | None = None
    """By SKU: the cart's words about product and stock."""
    pages: Mapping[str, Shown | str] | None = None
    """By product: what its page shows; a string: why it shows nothing."""
    pending: frozenset[str] = frozenset()
    """Products of which an event is about to tell."""
    untold: frozenset[str] = frozenset()
    """Categories of which one is."""
    marks: set[str] | None = None
    """Orders that the carts have heard to be paid."""


@dataclass(frozen=True)
class Engines:
    """Where sources and views are. None: that one is not looked at."""

    mongo: str
    search: str | None = None
    search_prefix: str = "bodega-"
    redis: str | None = None
    redis_prefix: str = "cart:"
    edge: str | None = None


async def read(engines: Engines, sample: int | None = None) -> Views:
    """One look at all. `sample`: of how many products.

    Raises OSError, PyMongoError, RedisError, aiohttp.ClientError.
    """
    views = Views()
    await _read_catalog(engines.mongo, views, sample or ALL_UP_TO)
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        if engines.search is not None:
            await _read_index(session, f"{engines.search}/{engines.search_prefix}products", views)
        if engines.redis is not None:
            await _read_carts(engines.redis, engines.redis_prefix, views)
        if engines.edge is not None:
            gate = asyncio.Semaphore(_AT_ONCE)
            sold = [product for product in views.products if product.is_sold]
            shown = await asyncio.gather(*(_page(session, gate, engines.edge, product) for product in sold))
            views.pages = {product.id: page for product, page in zip(sold, shown, strict=True)}
    return views


async def _read_catalog(url: str, views: Views, most: int) -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(url, appname="bodega-audit")
    try:
        database = client.get_default_database("bodega")
        listed = [one async for one in database["product"].find({}, {"status": 1})]
        views.published = sum(one["status"] == "published" for one in listed)
        ids = sorted(one["_id"] for one in listed)
        chosen = [ids[n * len(ids) // most] for n in range(most)] if len(ids) > most else ids
        views.left_out = len(ids) - len(chosen)
        found = [one async for one in database["product"].find({"_id": {"$in": chosen}})]
        views.products = [_product(one) for one in found]
        categories = [one async for one in database["category"].find({})]
        views.category_versions = {one["_id"]: one.get("version", 0) for one in categories}
        views.untold = frozenset(one["_id"] for one in categories if one.get("untold"))
        views.pending = frozenset([one.get("product_id", "") async for one in database["pending"].find({})])
    finally:
        await client.close()


def _product(document: Mapping[str, Any]) -> Product:
    return Product(
        id=document["_id"],
        slug=document["slugs"][0],
        version=document["version"],
        is_sold=document["status"] == "published",
        was_sold=document["ever_published"],
        currency=document["variants"][0]["price"]["currency"],
        prices={variant["sku"]: variant["price"]["amount"] for variant in document["variants"]},
        written_at=document["updated_at"].replace(tzinfo=UTC),
    )


async def _read_index(session: aiohttp.ClientSession, index: str, views: Views) -> None:
    async def ask(path: str, question: Mapping[str, Any]) -> Any:
        async with session.post(f"{index}/{path}", json=question, raise_for_status=True) as answer:
            return await answer.json()

    async with session.post(f"{index}/_refresh", raise_for_status=True):
        pass
    ids = [product.id for product in views.products]
    documents: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(ids), ALL_UP_TO):
        some = ids[start : start + ALL_UP_TO]
        found = await ask("_search", {"size": len(some), "query": {"terms": {"id": some}}})
        documents |= {one["_source"]["id"]: one["_source"] for one in found["hits"]["hits"]}
    views.documents = documents
    live = {"bool": {"filter": [{"term": {"deleted": False}}, {"exists": {"field": "slug"}}]}}
    views.live_documents = (await ask("_count", {"query": live}))["count"]
    found = await ask("_search", {"size": 1000, "query": {"exists": {"field": "name"}}})
    views.indexed_categories = {one["_source"]["id"]: one["_source"]["version"] for one in found["hits"]["hits"]}


@asynccontextmanager
async def _redis(url: str) -> AsyncIterator[Any]:
    client = Redis.from_url(url, decode_responses=True)
    try:
        yield client
    finally:
        await client.aclose()


async def _read_carts(url: str, prefix: str, views: Views) -> None:
    skus = [sku for product in views.products for sku in product.prices]
    async with _redis(url) as redis:
        snapshots: dict[str, tuple[Any, Any]] = {}
        for start in range(0, len(skus), ALL_UP_TO):
            some = skus[start : start + ALL_UP_TO]
            words = await redis.mget([f"{prefix}{kind}:{sku}" for kind in ("product", "stock") for sku in some])
            told = [json.loads(word)["told"] if word else None for word in words]
            snapshots |= dict(zip(some, zip(told[: len(some)], told[len(some) :], strict=True), strict=True))
        views.snapshots = snapshots
        mark = f"{prefix}paid:"
        views.marks = {key.removeprefix(mark) async for key in redis.scan_iter(f"{mark}*", count=5000)}


async def _page(session: aiohttp.ClientSession, gate: asyncio.Semaphore, edge: str, product: Product) -> Shown | str:
    """Waits where it is told to: the edge lets each address have so many pages a second."""
    refused = Counter[int]()
    async with gate:
        while True:
            async with session.get(f"{edge}/products/{product.slug}", allow_redirects=False) as answer:
                if answer.status == 200:
                    return shown_by(await answer.text(), product.currency)
                refused[answer.status] += 1
                if refused[answer.status] > _TRIES.get(answer.status, 0):
                    return f"an answer {answer.status}"
                await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))


def shown_by(page: str, currency: str) -> Shown | str:
    """What a page says, for search engines, of each variant: price in minor units, and whether it can be had."""
    shown: dict[str, Mapping[str, object]] = {}
    for text in _DATA.findall(page):
        try:
            said = json.loads(text)
        except ValueError:
            continue
        for one in [said, *said.get("hasVariant", ())] if isinstance(said, dict) else ():
            offer = one.get("offers")
            if one.get("@type") != "Product" or not isinstance(offer, dict) or "sku" not in one:
                continue
            try:
                amount: object = int(Decimal(str(offer.get("price"))).scaleb(minor_digits(currency)))
            except InvalidOperation:
                amount = offer.get("price")
            availability = str(offer.get("availability") or "not said").rpartition("/")[2]
            shown[one["sku"]] = {"price": amount, "in_stock": {"InStock": True, "OutOfStock": False}.get(
                availability, availability
            )}  # fmt: skip
    return shown or "a page without an offer"


# --- comparing --------------------------------------------------------------------------------------


def compare(views: Views, stock: Sequence[Row]) -> Iterator[Finding]:
    """What is shown against what is so. `stock`: inventory's rows."""
    left = {row["sku"]: row["on_hand"] - row["reserved"] for row in stock}
    for product in views.products:
        should = {sku: {"price": price, "in_stock": left.get(sku, 0) > 0} for sku, price in product.prices.items()}
        if views.documents is not None:
            yield from _document(product, views.documents.get(product.id), should)
        if views.pages is not None and product.is_sold:
            yield from _differing(PAGE_RULE, "edge", product.id, views.pages[product.id], should)
        if views.snapshots is not None:
            yield from _snapshots(product, views.snapshots, left)
    yield from _index(views)


def _document(product: Product, document: Mapping[str, Any] | None, should: Shown) -> Iterator[Finding]:
    is_there = document is not None and not document.get("deleted")
    if not product.is_sold:
        if is_there:
            yield Finding("search", product.id, INDEX_RULE, "it is found", "nothing: it is not sold")
        return
    if document is None or not is_there:
        yield Finding("search", product.id, INDEX_RULE, "nothing", f"version {product.version}")
        return
    shown = {one["sku"]: {"price": one["price"], "in_stock": one["in_stock"]} for one in document["variants"]}
    wrong = list(_differing(INDEX_RULE, "search", product.id, shown, should))
    amounts = [int(str(one["price"])) for one in should.values()]
    expected = {
        "version": product.version, "price": min(amounts), "price_to": max(amounts), "currency": product.currency,
        "in_stock": any(one["in_stock"] for one in should.values()),
    }  # fmt: skip
    found = {name: document.get(name) for name in expected}
    if not wrong and found != expected:
        names = [name for name in expected if found[name] != expected[name]]
        wrong = [
            Finding("search", product.id, INDEX_RULE, _said(found, names), _said(expected, names)),
        ]
    yield from wrong


def _index(views: Views) -> Iterator[Finding]:
    if views.documents is None:
        return
    if views.left_out == 0:
        known = {product.id for product in views.products if product.is_sold}
        there = {one["id"] for one in views.documents.values() if not one.get("deleted")}
        surplus = views.live_documents - len(there | known)
        if surplus > 0:
            yield Finding("search", "products", INDEX_RULE, f"{surplus} more than the catalog knows", "none more")
    elif views.live_documents != views.published:
        yield Finding("search", "products", INDEX_RULE, str(views.live_documents), str(views.published))
    for slug, version in views.category_versions.items():
        indexed = views.indexed_categories.get(slug)
        if version and indexed != version:
            yield Finding("search", slug, INDEX_RULE, f"version {indexed}", f"version {version}")


def _snapshots(
    product: Product, snapshots: Mapping[str, tuple[Any, Any]], left: Mapping[str, int]
) -> Iterator[Finding]:
    for sku, price in product.prices.items():
        word, stock = snapshots[sku]
        wrong, right = dict[str, object](), dict[str, object]()
        if word is not None and word.get("product_id") in (None, product.id):
            if bool(word["sold"]) != product.is_sold:
                wrong["sold"], right["sold"] = word["sold"], product.is_sold
            elif product.is_sold and (word.get("price") or {}).get("amount") != price:
                wrong["price"], right["price"] = (word.get("price") or {}).get("amount"), price
        available = left.get(sku, 0)
        if stock is not None and stock["in_stock"] != (available > 0):
            wrong["in_stock"], right["in_stock"] = stock["in_stock"], available > 0
        elif stock is not None and stock.get("available") not in (None, available):
            wrong["available"], right["available"] = stock["available"], available
        if wrong:
            yield Finding("cart", sku, CART_RULE, _said(wrong, wrong), _said(right, right))


def _differing(rule: str, room: str, product_id: str, shown: Shown | str, should: Shown) -> Iterator[Finding]:
    if isinstance(shown, str):
        yield Finding(room, product_id, rule, shown, _of_each(should))
    elif {sku: dict(one) for sku, one in shown.items()} != {sku: dict(one) for sku, one in should.items()}:
        wrong = {sku for sku in shown.keys() | should.keys() if shown.get(sku) != should.get(sku)}
        yield Finding(
            room, product_id, rule,
            _of_each({sku: shown.get(sku, {}) for sku in wrong}), _of_each({sku: should.get(sku, {}) for sku in wrong}),
        )  # fmt: skip


def _of_each(shown: Shown) -> str:
    return "; ".join(f"{sku}: {_said(one, one) or 'nothing'}" for sku, one in sorted(shown.items()))


def _said(values: Mapping[str, object], names: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(f"{name} {values[name]}" for name in names)
