"""Catalog in MongoDB: the only file here that knows its protocol.

`product`   one document each: its current and former slugs in `slugs`, its SKUs in `skus`, both unique over all
            products. A write replaces the document if it still has the version that was read.
`category`  by slug. A write marks it `untold` and gives it its next version, all in the one document.
`upload`    pictures that were announced and are not yet part of a product.
`relay`     one document: which replica publishes the events, until when, and when another was last ready to.
`change`    one document: which products were written last, so that every replica's lists follow.
`pending`   writes that the world has yet to hear of, announced before they are made: nothing spans two documents
            here, and so the announcement may be there without the write, but never the write without it.
"""

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from sys import intern
from typing import Any, ParamSpec, TypeVar

from bson.regex import Regex
from pymongo import ASCENDING, AsyncMongoClient, ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, ConnectionFailure, DuplicateKeyError, OperationFailure
from pymongo.write_concern import WriteConcern

from bodega.contracts.catalog import CategoryUpdated
from bodega.contracts.ids import uuid7
from bodega.kit.errors import Unavailable
from bodega.kit.telemetry import count, trace_headers
from bodega.services.catalog.domain import Product, next_version, slugs_alike
from bodega.services.catalog.domain.lists import SEPARATOR, Entry
from bodega.services.catalog.domain.pictures import WIDTHS
from bodega.services.catalog.errors import CategoryNotFound, ProductNotFound, SkuTaken, SlugTaken
from bodega.services.catalog.schemas import CardPicture, CategoryView, ProductSummary

Given = ParamSpec("Given")
Found = TypeVar("Found")
Document = dict[str, Any]
_LEADER = "leader"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_DUPLICATE_KEY = 11000
_SLUGS_AT_ONCE = 50
_SUMMARY = {"description": False, "description_html": False}
"""What lists do not need."""
_ENTRY = {"version": 1, "status": 1, "price_from": 1, "categories": 1, "brand": 1, "title": 1, "skus": 1}
_CARD = {
    **_ENTRY,
    "slugs": {"$slice": 1},
    "variants.price": 1,
    "variants.compare_at_price": 1,
    "media": {"$slice": 1},
}
_BY_ID = [("_id", ASCENDING)]
_SLICE = 250
"""Of a pass over all products: some tenths of a second of the stand-in's time, if there are 100,000 ..."""
_QUIET_SLICE = 1_000
"""... and while nobody else asks this process for anything: more of them share the stand-in's look at all ids."""
_PAUSE_SECONDS = 0.02
"""Between two slices: the stand-in's lock is not fair, and who waits for it must have woken up before we ask again."""
_PASS_MILLISECONDS = 600_000
_TRIES = 3
_IDS_AT_ONCE = 200
_LARGE = f"w{WIDTHS[-1]}."
"""Of a picture, what no card is wide enough for."""
_PRODUCTS = "products"
_OWN_QUESTIONS = frozenset({"last_change", "changes_since", "lead", "pending_after", "untold_categories", "ping"})
"""What this process asks the whole time, even if nobody wants anything."""
_FEW_CHANGES = 10
_KEPT_CHANGES = 100
"""Of the last records, how many can be read: who has not looked for longer reads all products again."""
_MOST_WRITTEN = 2_000


@dataclass(frozen=True, slots=True)
class Announced:
    """A picture that is to come. `key` and `body`: of the request that announced it."""

    media_id: str
    product_id: str
    content_type: str
    size_bytes: int
    alt: str
    variant_skus: list[str]
    body: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """A write of which the world is to hear. `version`: the product's, once the write is there."""

    id: str
    product_id: str
    version: int
    at: datetime
    trace: dict[str, str]


@dataclass(frozen=True, slots=True)
class Lead:
    """Which replica publishes. `until`: when its lease ends; each renewal moves it. `asked_at`: when another one last
    asked for the place (in 1970, if never)."""

    mine: bool
    until: datetime
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class KeptCategory:
    category: CategoryView
    created_key: str
    created_body: str
    version: int

    def told(self) -> CategoryUpdated:
        """What the world hears of it."""
        return CategoryUpdated(**self.category.model_dump(), version=self.version)


@dataclass(frozen=True, slots=True)
class Card:
    """A product as lists show it. `json`: a ProductSummary, written out once, since it is asked for far more often than
    it changes."""

    entry: Entry
    json: bytes

    @property
    def version(self) -> int:
        return self.entry.version


@dataclass(frozen=True, slots=True)
class Address:
    """Where the page of a product is."""

    product_id: str
    slug: str
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What was written up to the record `mark`: the versions by product."""

    mark: str
    versions: dict[str, int]


class KeyTaken(Exception):
    """The Idempotency-Key, or the id made from it, has made something already."""


def _answering(method: Callable[Given, Coroutine[Any, Any, Found]]) -> Callable[Given, Coroutine[Any, Any, Found]]:
    @wraps(method)
    async def call(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        count("mongo")
        if method.__name__ not in _OWN_QUESTIONS:
            args[0].asked += 1  # type: ignore[attr-defined]
        try:
            return await method(*args, **kwargs)
        except (DuplicateKeyError, BulkWriteError):
            raise  # an answer, not a trouble
        except (ConnectionFailure, OperationFailure) as error:  # the store's own trouble, too: tried again, it may work
            raise Unavailable("the database does not answer", store=type(error).__name__) from error

    return call


class Store:
    """Open it in the service's lifespan, close it at its end."""

    def __init__(self, url: str, *, timeout_seconds: float, pool_size: int) -> None:
        milliseconds = int(timeout_seconds * 1000)
        self._url = url
        self._patience: dict[str, Any] = {
            "waitQueueTimeoutMS": milliseconds,
            "connectTimeoutMS": milliseconds,
            "serverSelectionTimeoutMS": milliseconds,
            "appname": "bodega-catalog",
        }
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(
            url, tz_aware=True, maxPoolSize=pool_size, socketTimeoutMS=milliseconds, **self._patience
        )
        # Acknowledged means on disk at a majority of the replicas: what the world hears of must not be forgotten.
        durable = WriteConcern(w="majority", j=True)
        database: AsyncDatabase[Document] = self._client.get_default_database("bodega", write_concern=durable)
        self._products = database["product"]
        self._categories = database["category"]
        self._uploads = database["upload"]
        self._pending = database["pending"]
        self._relay = database["relay"]
        self._changes = database["change"]
        self.written = asyncio.Event()
        """Set after every write to a product or a category: there is something to tell."""
        self.recorded = asyncio.Event()
        """Set after every record of this process: there is something for the lists."""
        self.asked = 0
        """How often somebody has asked anything, but for what the lists and the relay ask without end."""
        self._written: dict[str, Card] = {}

    @_answering
    async def open(self) -> None:
        """Makes the indexes, each for the questions that name exactly its fields: the stand-in of a laptop answers
        only those without looking at every document."""
        for fields in (["slugs"], ["skus"], ["created_key"], ["_id", "version"]):
            await self._products.create_index([(field, ASCENDING) for field in fields], unique=True)
        await self._uploads.create_index([("at", ASCENDING)])

    async def close(self) -> None:
        await self._client.close()

    @_answering
    async def ping(self) -> None:
        """Raises Unavailable."""
        await self._client.admin.command("ping")

    # --- products, read ---------------------------------------------------------------------------------

    @_answering
    async def find_product(self, reference: str) -> Product | None:
        """By id, or by a slug that it has or had."""
        if not reference.startswith("prd_"):
            return await self.find_by_slug(reference)
        document = await self._products.find_one({"_id": reference})
        return _product(document) if document is not None else None

    @_answering
    async def find_by_slug(self, slug: str) -> Product | None:
        """By a slug that it has or had."""
        document = await self._products.find_one({"slugs": slug})
        return _product(document) if document is not None else None

    @_answering
    async def products_by_slug(self, slugs: Sequence[str]) -> dict[str, Product]:
        """By the slugs asked for, which they have or had; those that nobody has are missing."""
        found = await self._many({"slugs": {"$in": list(slugs)}})
        asked = set(slugs)
        return {slug: one for one in found for slug in (one.slug, *one.former_slugs) if slug in asked}

    async def get_product(self, reference: str) -> Product:
        """Raises ProductNotFound."""
        product = await self.find_product(reference)
        if product is None:
            raise ProductNotFound("no product has this id or slug")
        return product

    @_answering
    async def get_product_by_key(self, created_key: str) -> Product:
        """The one that an Idempotency-Key has made. Raises ProductNotFound."""
        document = await self._products.find_one({"created_key": created_key})
        if document is None:
            raise ProductNotFound("this key has made nothing")
        return _product(document)

    @_answering
    async def products_by_id(self, ids: Sequence[str]) -> list[Product]:
        """In the order of the ids; what is not there is left out."""
        found = {document["_id"]: document for document in await self._by_id(ids, {})}
        return [_product(found[one]) for one in dict.fromkeys(ids) if one in found]

    @_answering
    async def products_by_sku(self, skus: Sequence[str]) -> list[Product]:
        return await self._many({"skus": {"$in": list(skus)}}, projection=_SUMMARY)

    # --- for the lists -----------------------------------------------------------------------------------

    async def all_cards(self) -> AsyncIterator[list[Card]]:
        """Every product, whatever its status, some at a time, by id: a pass over the whole collection. What is written
        meanwhile may come in either state, and what is made meanwhile may be missing. Raises Unavailable."""
        async for documents in self._slices(_CARD):
            yield [_card(document) for document in documents]

    def written_card(self, product_id: str, version: int) -> Card | None:
        """What this process has written of the product, if it is at least of this version: what has been acknowledged
        need not be read. Told once."""
        card = self._written.pop(product_id, None)
        return card if card is not None and card.version >= version else None

    def _keep_written(self, document: Document) -> None:
        card = _card(document)
        self._written.pop(card.entry.id, None)
        self._written[card.entry.id] = card
        if len(self._written) > _MOST_WRITTEN:
            del self._written[next(iter(self._written))]

    @_answering
    async def cards(self, ids: Sequence[str]) -> dict[str, Card]:
        """By id, what is there of them."""
        found = await self._by_id(ids, _CARD)
        return {document["_id"]: _card(document) for document in found}

    @_answering
    async def addresses(self, ids: Sequence[str]) -> dict[str, Address]:
        """By id, what is there of them."""
        found = await self._by_id(ids, {"slugs": {"$slice": 1}, "updated_at": True, "version": True})
        return {one["_id"]: Address(one["_id"], one["slugs"][0], one["updated_at"], one["version"]) for one in found}

    async def _by_id(self, ids: Sequence[str], projection: Mapping[str, Any]) -> list[Document]:
        """A few at a time: some servers answer one command of a collection after the other."""
        found: list[Document] = []
        for start in range(0, len(ids), _IDS_AT_ONCE):
            chosen = {"_id": {"$in": list(ids[start : start + _IDS_AT_ONCE])}}
            found += await self._products.find(chosen, projection).to_list()
        return found

    @_answering
    async def last_change(self) -> str:
        """The mark of the last write that was recorded. Compare it, nothing else."""
        found = await self._changes.find_one({"_id": _PRODUCTS}, {"last": True})
        return str(found["last"]) if found is not None else ""

    @_answering
    async def changes_since(self, mark: str) -> Changes | None:
        """Every write that was recorded after the one of this mark; None: it is too long ago, or the store has lost
        it."""
        for kept in (_FEW_CHANGES, _KEPT_CHANGES):
            found = await self._changes.find_one({"_id": _PRODUCTS}, {"last": True, "log": {"$slice": -kept}})
            if found is None:
                return None if mark else Changes("", {})
            if found["last"] == mark:
                return Changes(mark, {})
            recorded = [line.split() for line in found["log"]]
            marks = [line[0] for line in recorded]
            whole = kept == _KEPT_CHANGES and len(recorded) < kept
            if mark in marks or (not mark and whole):
                later = recorded[marks.index(mark) + 1 :] if mark else recorded
                # By their versions: the relay may record a write once more when a later one is recorded already.
                versions = sorted(_versioned(one) for _, *products in later for one in products)
                return Changes(found["last"], dict(versions))
        return None

    @_answering
    async def record(self, products: Iterable[tuple[str, int]]) -> None:
        """Tells the lists of every replica which products have been written (id and version). Before a write is
        acknowledged, or told to the world, it is recorded."""
        written = [f"{product_id}:{version}" for product_id, version in products]
        if written:
            mark = str(uuid7())
            # One text for each record: the server writes the document anew each time, value by value.
            line = {"$each": [" ".join([mark, *written])], "$slice": -_KEPT_CHANGES}
            last = {"$push": {"log": line}, "$set": {"last": mark}}
            await self._changes.update_one({"_id": _PRODUCTS}, last, upsert=True)
            self.recorded.set()

    async def pictures(self) -> AsyncIterator[list[str]]:
        """Product by product, whatever its status: the paths that it, or an order of it, may show. Raises
        Unavailable."""
        async for documents in self._slices({"media.renditions": True, "former_images": True}):
            for document in documents:
                shown = [path for media in document.get("media", ()) for _, path in media["renditions"]]
                yield [*shown, *document.get("former_images", ())]

    async def _slices(self, projection: Mapping[str, Any]) -> AsyncIterator[list[Document]]:
        """Every product, by id, so few at a time that others' questions come in between: the stand-in answers one
        command of a collection after the other, and reads all of an answer into its memory first.

        One question for both kinds of server. MongoDB walks the index from `min` on. The stand-in passes over `min`
        and `hint`, but tries a regular expression on the ids of its index, and reads no more documents than the limit.
        """
        # A stand-in that has just started reads its whole index once: longer than anybody else would wait.
        client: AsyncMongoClient[Document] = AsyncMongoClient(
            self._url, tz_aware=True, maxPoolSize=1, socketTimeoutMS=_PASS_MILLISECONDS, **self._patience
        )
        last: str | None = None
        size = _SLICE
        try:
            products = client.get_default_database("bodega")[self._products.name]
            while True:
                asked = self.asked
                documents = await _slice_behind(last, size, products, projection)
                for document in documents:
                    if last is not None and document["_id"] <= last:
                        raise RuntimeError("the database does not keep to the order of the index that it was told")
                    last = document["_id"]
                if documents:
                    yield documents
                if len(documents) < size:
                    return
                size = _SLICE if self.asked != asked else max(_SLICE, min(2 * size, _QUIET_SLICE))
                await asyncio.sleep(_PAUSE_SECONDS)
        except (ConnectionFailure, OperationFailure) as error:
            raise Unavailable("the database does not answer", store=type(error).__name__) from error
        finally:
            await client.close()

    async def _many(self, chosen: Document, *, projection: Mapping[str, Any] | None = None) -> list[Product]:
        return [_product(document) for document in await self._products.find(chosen, projection).to_list()]

    # --- products, written ------------------------------------------------------------------------------

    async def insert_product(self, product: Product) -> None:
        """Raises: KeyTaken, SlugTaken, SkuTaken."""
        await self._announced(product, lambda: self._insert(product))

    async def replace_product(self, product: Product, *, version: int) -> bool:
        """False, if it no longer is of that version. Raises: SlugTaken, SkuTaken."""
        return await self._announced(product, lambda: self._replace(product, version))

    @_answering
    async def _announced(self, product: Product, write: Callable[[], Awaitable[bool]]) -> bool:
        """Announces a write, then does it. What fails for sure is taken back; of what may have happened, the
        announcement stays, and the relay finds out."""
        entry = _announcement(product)
        await self._pending.insert_one(entry)
        try:
            written = await write()
        except DuplicateKeyError as error:
            await self.forget_pending([entry["_id"]])
            raise await self._taken(product) from error
        if written:
            self._keep_written(_document(product))
            await self.record([(product.id, product.version)])
        else:
            await self.forget_pending([entry["_id"]])
        self.written.set()
        return written

    @_answering
    async def insert_products(self, products: Sequence[Product]) -> dict[str, Exception]:
        """All that can be; by id, what keeps the others out: KeyTaken, SlugTaken, SkuTaken."""
        if not products:
            return {}
        entries = [_announcement(product) for product in products]
        documents = [_document(product) for product in products]
        await self._pending.insert_many(entries)
        refused: dict[str, Exception] = {}
        try:
            await self._products.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            failed = error.details["writeErrors"]
            if any(one["code"] != _DUPLICATE_KEY for one in failed):
                raise
            await self.forget_pending([entries[one["index"]]["_id"] for one in failed])
            refused = {products[one["index"]].id: await self._taken(products[one["index"]]) for one in failed}
        made = [one for one in documents if one["_id"] not in refused]
        for one in made:
            self._keep_written(one)
        await self.record((one["_id"], one["version"]) for one in made)
        self.written.set()
        return refused

    async def _insert(self, product: Product) -> bool:
        await self._products.insert_one(_document(product))
        return True

    async def _replace(self, product: Product, version: int) -> bool:
        result = await self._products.replace_one({"_id": product.id, "version": version}, _document(product))
        return result.matched_count == 1

    async def _taken(self, product: Product) -> Exception:
        """Which of the unique values it was: asked, as servers word it differently."""

        async def others(field: str, values: list[str]) -> list[Document]:
            found = await self._products.find({field: {"$in": values}}, {field: True}).to_list()
            return [document for document in found if document["_id"] != product.id]

        if await others("created_key", [product.created_key]):
            return KeyTaken()
        if await others("slugs", [product.slug]):
            free = await self.free_slug(product.slug)
            return SlugTaken(
                f"Another product has or had the slug {product.slug}. {free} is free.",
                slug=product.slug,
                suggested=free,
            )
        theirs = {sku for document in await others("skus", product.skus) for sku in document["skus"]}
        skus = [sku for sku in product.skus if sku in theirs]
        return SkuTaken(f"other products have {', '.join(skus)}" if skus else "another product has a SKU", skus=skus)

    @_answering
    async def free_slug(self, wanted: str) -> str:
        """This one, or the next of those like it that no product has or had."""
        alike = slugs_alike(wanted)
        while True:
            asked = list(itertools.islice(alike, _SLUGS_AT_ONCE))
            found = await self._products.find({"slugs": {"$in": asked}}, {"slugs": True}).to_list()
            taken = {slug for document in found for slug in document["slugs"]}
            for slug in asked:
                if slug not in taken:
                    return slug

    # --- what the world is to hear of -------------------------------------------------------------------

    @_answering
    async def pending_after(self, entry_id: str | None, limit: int) -> list[Pending]:
        """In the order of announcement."""
        beyond = {"_id": {"$gt": entry_id}} if entry_id is not None else {}
        cursor = self._pending.find(beyond).sort([("_id", ASCENDING)]).limit(limit)
        return [
            Pending(
                id=one["_id"],
                product_id=one["product_id"],
                version=one["version"],
                at=one["at"],
                trace=dict(one["trace"]),
            )
            for one in await cursor.to_list()
        ]

    @_answering
    async def forget_pending(self, entry_ids: Iterable[str]) -> None:
        await self._pending.delete_many({"_id": {"$in": list(entry_ids)}})

    # --- who publishes -----------------------------------------------------------------------------------

    @_answering
    async def lead(self, replica: str, *, now: datetime, lease: timedelta) -> Lead:
        """Takes or keeps the place of the replica that publishes, for the length of a lease, unless another one has it.

        Replicas' clocks decide when somebody takes over, and nothing else: the broker refuses who has been replaced.
        """
        free = {"_id": _LEADER, "$or": [{"replica": replica}, {"until": {"$lt": now}}]}
        mine = {"$set": {"replica": replica, "until": now + lease}}
        after = ReturnDocument.AFTER
        try:
            found = await self._relay.find_one_and_update(free, mine, upsert=True, return_document=after)
        except DuplicateKeyError:  # it is there, and it is another's
            asked = {"$set": {"asked_at": now}}
            found = await self._relay.find_one_and_update({"_id": _LEADER}, asked, return_document=after) or {}
        return Lead(found.get("replica") == replica, found.get("until", _NEVER), found.get("asked_at", _NEVER))

    @_answering
    async def resign(self, replica: str) -> None:
        """Gives the place up, if it has it."""
        await self._relay.update_one({"_id": _LEADER, "replica": replica}, {"$set": {"until": _NEVER}})

    # --- categories -------------------------------------------------------------------------------------

    @_answering
    async def categories(self) -> list[KeptCategory]:
        """All, in the order in which they are shown."""
        found = [_category(document) for document in await self._categories.find().to_list()]
        return sorted(found, key=lambda one: (one.category.position, one.category.slug))

    @_answering
    async def find_category(self, slug: str) -> KeptCategory | None:
        document = await self._categories.find_one({"_id": slug})
        return _category(document) if document is not None else None

    async def get_category(self, slug: str) -> KeptCategory:
        """Raises CategoryNotFound."""
        found = await self.find_category(slug)
        if found is None:
            raise CategoryNotFound("no category has this slug")
        return found

    @_answering
    async def known_categories(self, slugs: Sequence[str]) -> set[str]:
        documents = await self._categories.find({"_id": {"$in": list(slugs)}}, {"_id": True}).to_list()
        return {document["_id"] for document in documents}

    @_answering
    async def insert_category(self, kept: KeptCategory) -> bool:
        """False, if there is one with this slug."""
        content = kept.category.model_dump(exclude={"slug"})
        try:
            await self._categories.insert_one(
                {
                    "_id": kept.category.slug,
                    **content,
                    "created_key": kept.created_key,
                    "created_body": kept.created_body,
                    "version": kept.version,
                    "untold": True,
                }
            )
        except DuplicateKeyError:
            return False
        self.written.set()
        return True

    @_answering
    async def update_category(self, category: CategoryView) -> None:
        """Raises CategoryNotFound."""
        content = category.model_dump(exclude={"slug"})
        matched = 0
        while not matched:  # again, if another writer was faster
            before = await self._categories.find_one({"_id": category.slug}, {"version": True})
            if before is None:
                raise CategoryNotFound("no category has this slug")
            version = next_version(before.get("version", 0), datetime.now(UTC))
            result = await self._categories.update_one(
                {"_id": category.slug, "version": before.get("version")},
                {"$set": {**content, "version": version, "untold": True}},
            )
            matched = result.matched_count
        self.written.set()

    @_answering
    async def untold_categories(self) -> list[KeptCategory]:
        """Those of whose last write the world has yet to hear."""
        return [_category(document) for document in await self._categories.find({"untold": True}).to_list()]

    @_answering
    async def category_told(self, slug: str, version: int) -> None:
        """Unless it was written again in the meantime."""
        await self._categories.update_one({"_id": slug, "version": version}, {"$unset": {"untold": True}})

    # --- pictures under way -----------------------------------------------------------------------------

    @_answering
    async def insert_upload(self, upload: Announced) -> bool:
        """False, if there is one with this id."""
        try:
            await self._uploads.insert_one(
                {
                    "_id": upload.media_id,
                    "product_id": upload.product_id,
                    "content_type": upload.content_type,
                    "size_bytes": upload.size_bytes,
                    "alt": upload.alt,
                    "variant_skus": upload.variant_skus,
                    "body": upload.body,
                    "at": upload.at,
                }
            )
        except DuplicateKeyError:
            return False
        return True

    @_answering
    async def find_upload(self, media_id: str) -> Announced | None:
        document = await self._uploads.find_one({"_id": media_id})
        return _announced(document) if document is not None else None

    @_answering
    async def uploads_before(self, moment: datetime, limit: int) -> list[Announced]:
        documents = await self._uploads.find({"at": {"$lt": moment}}).limit(limit).to_list()
        return [_announced(document) for document in documents]

    @_answering
    async def delete_upload(self, media_id: str) -> None:
        await self._uploads.delete_one({"_id": media_id})


def _versioned(written: str) -> tuple[str, int]:
    product_id, _, version = written.partition(":")
    return product_id, int(version)


async def _slice_behind(
    last: str | None, size: int, products: AsyncCollection[Document], projection: Mapping[str, Any]
) -> list[Document]:
    """Tried again a few times: the stand-in has been seen to miss a piece of its file ("Chunk not found") while others
    wrote, and to find it again at the next question. So the pass need not begin anew."""
    question = products.find({"_id": _behind(last)}, projection).hint(_BY_ID).limit(size)
    if last is not None:
        question = question.min([("_id", last)])
    for _ in range(_TRIES):
        with contextlib.suppress(OperationFailure):
            return await question.clone().to_list()
    return await question.to_list()


def _behind(last: str | None) -> Regex[str]:
    """Ids that sort behind this one, which is ASCII; None: all. For `a7`:
    `^(?:a(?:7.|[^\\x00-\\x37])|[^\\x00-\\x61])`. A value of its own kind, since the stand-in compiles `{"$regex": …}`
    anew for every id that it tries."""
    pattern = "."
    for letter in reversed(last or ""):
        pattern = f"(?:{re.escape(letter)}{pattern}|[^\\x00-\\x{ord(letter):02x}])"
    return Regex(f"^{pattern}")


def _announcement(product: Product) -> Document:
    """The announcement of a write."""
    return {
        "_id": str(uuid7()),
        "product_id": product.id,
        "version": product.version,
        "at": datetime.now(UTC),
        "trace": list(trace_headers().items()),
    }


def _entry(document: Document) -> Entry:
    brand = intern(document["brand"])
    return Entry(
        id=document["_id"],
        version=document["version"],
        status=document["status"],
        price_from=document["price_from"],
        categories=tuple(intern(slug) for slug in document["categories"]),
        brand=brand,
        words=SEPARATOR.join([document["title"], brand, *document["skus"]]).lower(),
    )


def _card(document: Document) -> Card:
    variants = document["variants"]
    cheapest = min(variants, key=lambda one: one["price"]["amount"])
    dearest = max(variants, key=lambda one: one["price"]["amount"])
    pictures = document["media"]
    summary = ProductSummary(
        id=document["_id"],
        slug=document["slugs"][0],
        title=document["title"],
        brand=document["brand"],
        skus=document["skus"],
        price_from=cheapest["price"],
        price_to=dearest["price"],
        compare_at_price=cheapest["compare_at_price"],
        image=_picture(pictures[0]) if pictures else None,
    )
    return Card(_entry(document), summary.model_dump_json().encode())


def _picture(media: Document) -> CardPicture:
    small = {name: path for name, path in media["renditions"] if not name.startswith(_LARGE)}
    return CardPicture(alt=media["alt"], renditions=small or dict(media["renditions"]))


def _document(product: Product) -> Document:
    """Names that people choose are values here, never field names: those may not hold every character."""
    document = product.model_dump(exclude={"id", "slug", "former_slugs"})
    document["_id"] = product.id
    document["slugs"] = [product.slug, *product.former_slugs]
    document["skus"] = product.skus
    document["price_from"] = min(variant.price.amount for variant in product.variants)
    for variant in document["variants"]:
        variant["options"] = list(variant["options"].items())
    for media in document["media"]:
        media["renditions"] = list(media["renditions"].items())
    return document


def _product(document: Document) -> Product:
    content = dict(document)
    content["id"] = content.pop("_id")
    content["slug"], *content["former_slugs"] = content.pop("slugs")
    for variant in content["variants"]:
        variant["options"] = dict(variant["options"])
    for media in content["media"]:
        media["renditions"] = dict(media["renditions"])
    return Product.model_validate(content)


def _category(document: Document) -> KeptCategory:
    return KeptCategory(
        category=CategoryView(
            slug=document["_id"],
            title=document["title"],
            description=document["description"],
            position=document["position"],
        ),
        created_key=document["created_key"],
        created_body=document["created_body"],
        version=document.get("version", 0),  # none yet: made before categories were told of
    )


def _announced(document: Document) -> Announced:
    return Announced(
        media_id=document["_id"],
        product_id=document["product_id"],
        content_type=document["content_type"],
        size_bytes=document["size_bytes"],
        alt=document["alt"],
        variant_skus=document["variant_skus"],
        body=document["body"],
        at=document["at"],
    )
