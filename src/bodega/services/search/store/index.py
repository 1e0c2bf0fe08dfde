"""The indexes in the search engine: made, written, asked, renewed.

Three names stand for them, and nobody uses any other: `products` is what shoppers search, `products-next` is what
a rebuild is filling (there is none as a rule), `stock` is what inventory has told of each SKU. The products' index
itself is called `products-<hash of its definition>-<number>`.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from opensearchpy import AsyncOpenSearch
from opensearchpy.exceptions import SerializationError, TransportError
from opensearchpy.serializer import JSONSerializer
from pydantic_core import from_json, to_json

from bodega.kit.errors import Unavailable
from bodega.kit.telemetry import count, log
from bodega.services.search.domain import FAMILIES, Criteria, Reading, Stock
from bodega.services.search.errors import IndexNotThere, Refused
from bodega.services.search.store import question, scripts
from bodega.services.search.store.definition import PRODUCTS, STOCK, fingerprint
from bodega.services.search.store.question import Found, Suggested

_log = log()

Standing = Literal["complete", "incomplete", "outdated", "half-renewed"]
_FILLED = {"_meta": {"filled": True}}
RETRIES = 10
"""How often a script is run again because another writer was faster. Two writers, so one or two would do."""
PAGE = 500
OWNERS_AT_MOST = 10_000
_TOLD_AT_MOST = 100_000
"""As many as the engine gives in one answer; a flood of news is of fewer SKUs."""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Of a product in the index, what an audit compares."""

    id: str
    version: int
    in_stock: Mapping[str, bool]
    """By SKU."""


class _Json(JSONSerializer):
    """Writes a question, which is some 7 kB, in a quarter of the time that the standard library takes, and reads the
    answer in half of it."""

    def loads(self, s: str) -> Any:
        try:
            return from_json(s)
        except ValueError as error:
            raise SerializationError(s, error) from error

    def dumps(self, data: Any) -> str | bytes:
        return data if isinstance(data, (str, bytes)) else to_json(data).decode()


class Store:
    def __init__(
        self,
        url: str,
        *,
        prefix: str,
        timeout_seconds: float,
        refresh_milliseconds: int,
        search_milliseconds: int = 1000,
    ) -> None:
        self._url = url
        self._timeout = timeout_seconds
        self._milliseconds = search_milliseconds
        self._refresh = f"{refresh_milliseconds}ms"
        self._products = f"{prefix}products"
        self._next = f"{prefix}products-next"
        self._stock = f"{prefix}stock"
        self._told: OrderedDict[str, None] = OrderedDict()
        """SKUs whose stock is known to be in the index: they need not be asked for again. The latest last."""
        self._engine: AsyncOpenSearch

    async def open(self) -> None:
        self._engine = AsyncOpenSearch(
            [self._url], timeout=self._timeout, max_retries=1, maxsize=20, serializer=_Json()
        )

    async def close(self) -> None:
        await self._engine.close()

    async def ping(self) -> None:
        """Raises Unavailable, if nothing can be searched: an index is known a moment before it works."""
        await self._ask({"size": 0})

    # --- made and renewed ---------------------------------------------------------------------------

    async def prepare(self) -> Standing:
        """Makes what is missing. Any number of replicas may do so at once.

        `incomplete`: has yet to be filled from the sources. `outdated`: was made by another definition; it still
        serves, but a rebuild is due. `half-renewed`: a rebuild has been begun and not ended.
        """
        async with _trouble_is_unavailable():
            if not await self._behind(self._stock):
                self._told.clear()
                await self._make(f"{self._stock}-{fingerprint(STOCK)}", STOCK, self._stock)
            served = await self._behind(self._products)
            if served is None:
                served = await self._make(f"{self._stem}-1", PRODUCTS, self._products)
            if not served.startswith(self._stem):
                return "outdated"
            if not await self._is_filled(served):
                return "incomplete"
            return "complete" if await self._behind(self._next) is None else "half-renewed"

    async def state(self) -> tuple[str, bool]:
        """The index that is served, and whether a new one is being filled. Raises IndexNotThere."""
        async with _trouble_is_unavailable():
            served, building = await self._behind(self._products), await self._behind(self._next)
        if served is None:
            raise IndexNotThere("the index has not been made yet")
        return served, building is not None

    async def mark_filled(self) -> None:
        """The served index is whole."""
        async with _trouble_is_unavailable():
            await self._engine.indices.put_mapping(index=self._products, body=_FILLED)

    async def begin_rebuild(self) -> None:
        """From now on, what is written to the served index is written to the next one as well.

        A rebuild that is under way, or was left half done, is joined: filling twice does no harm.
        """
        async with _trouble_is_unavailable():
            served = await self._behind(self._products)
            if served is None:
                raise IndexNotThere("the index has not been made yet")
            building = await self._behind(self._next)
            if building is not None and not building.startswith(self._stem):
                await self._engine.indices.delete(index=building)  # begun by another release
            await self._drop_retired()
            number = int(served.rpartition("-")[2]) + 1
            await self._make(f"{self._stem}-{number}", PRODUCTS, self._next)
            await self._carry_tombstones()

    async def end_rebuild(self) -> None:
        """The next index is served, at one blow. The one before is kept until the next rebuild: searches that
        have begun end in it."""
        async with _trouble_is_unavailable():
            served, building = await self._behind(self._products), await self._behind(self._next)
            if building is None:
                return  # another replica was faster
            await self._engine.indices.put_mapping(index=building, body=_FILLED)
            await self._engine.indices.refresh(index=building)
            actions = [
                {"remove": {"index": served, "alias": self._products}},
                {"add": {"index": building, "alias": self._products}},
                {"remove": {"index": building, "alias": self._next}},
            ]
            # 404: another replica has switched in the meantime.
            await self._engine.indices.update_aliases(body={"actions": actions}, params={"ignore": 404})

    async def refresh(self) -> None:
        """Searches find from now on what has been written up to now."""
        async with _trouble_is_unavailable():
            await self._engine.indices.refresh(index=self._products)

    async def widen(self) -> None:
        """Lets an index of an earlier definition take documents of ours, where the two get along.

        Where they do not, what it refuses is left out of it: the rebuild brings it.
        """
        async with _trouble_is_unavailable():
            body = {"dynamic": "strict", "properties": PRODUCTS["mappings"]["properties"]}
            await self._engine.indices.put_mapping(index=self._products, body=body, params={"ignore": 400})

    async def _carry_tombstones(self) -> None:
        """The sources know what is sold; of what no longer is, only the index before can tell."""
        await self._engine.indices.refresh(index=self._products)
        buried = {"index": self._products, "query": {"term": {"deleted": True}}}
        body = {"conflicts": "proceed", "source": buried, "dest": {"index": self._next, "op_type": "create"}}
        await self._engine.reindex(body=body, params={"timeout": "10m"}, request_timeout=600)

    async def _drop_retired(self) -> None:
        found = await self._engine.indices.get_alias(index=f"{self._products}-*")
        for name, standing in found.items():
            if not standing["aliases"]:
                await self._engine.indices.delete(index=name, params={"ignore": 404})

    @property
    def _stem(self) -> str:
        return f"{self._products}-{fingerprint(PRODUCTS, FAMILIES)}"

    async def _behind(self, alias: str) -> str | None:
        """The index that an alias stands for."""
        answer = await self._engine.indices.get_alias(name=alias, params={"ignore": 404})
        return None if "error" in answer else str(next(iter(answer)))

    async def _make(self, name: str, definition: Mapping[str, Any], alias: str) -> str:
        body = {
            "settings": {**definition["settings"], "refresh_interval": self._refresh},
            "mappings": definition["mappings"],
            "aliases": {alias: {}},
        }
        try:
            await self._engine.indices.create(index=name, body=body)
        except TransportError as error:
            if error.error != "resource_already_exists_exception":  # another replica was faster
                raise
        return name

    async def _is_filled(self, name: str) -> bool:
        mapping = await self._engine.indices.get_mapping(index=name)
        return bool(mapping[name]["mappings"].get("_meta", {}).get("filled"))

    # --- written ------------------------------------------------------------------------------------

    async def put(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Products and categories, each unless a version as new or newer is there; what is known of a product's
        stock is carried over."""
        await self._script(
            [
                (one["id"], {"script": _script(scripts.PUT, document=one), "scripted_upsert": True,
                             "upsert": {}})
                for one in documents
            ]
        )  # fmt: skip

    async def show_stock(self, by_product: Mapping[str, Sequence[Stock]]) -> None:
        """Says in the products what is in stock; SKUs and products that are not there are passed over."""
        await self._script(
            [
                (product_id, {"script": _script(scripts.SHOW_STOCK, stock={
                    one.sku: {"in_stock": one.in_stock, "version": one.version} for one in stock})})
                for product_id, stock in by_product.items()
            ]
        )  # fmt: skip

    async def put_stock(self, stock: Sequence[Stock]) -> None:
        """Each unless a version as new or newer is there."""
        lines: list[Mapping[str, Any]] = []
        for one in stock:
            lines += [
                {"index": {"_id": one.sku, "version": one.version, "version_type": "external"}},
                {"product_id": one.product_id, "in_stock": one.in_stock},
            ]
        await self._bulk(self._stock, lines, harmless={"version_conflict_engine_exception"})

    async def untold(self, skus: Sequence[str]) -> set[str]:
        """Of these SKUs, those of which inventory has never told anything."""
        unsure = [sku for sku in skus if sku not in self._told]
        if unsure:
            for one in await self.find_stock(unsure):
                self._told[one.sku] = None
        for sku in skus:
            if sku in self._told:
                self._told.move_to_end(sku)
        unknown = set(skus) - self._told.keys()
        while len(self._told) > _TOLD_AT_MOST:
            self._told.popitem(last=False)
        return unknown

    async def find_stock(self, skus: Sequence[str]) -> list[Stock]:
        """What inventory has told of these SKUs, up to this instant (not: up to the last refresh)."""
        async with _trouble_is_unavailable():
            answer = await self._engine.mget(index=self._stock, body={"ids": list(skus)})
        return [
            Stock(one["_id"], one["_source"]["product_id"], one["_source"]["in_stock"], one["_version"])
            for one in answer["docs"]
            if one.get("found")
        ]

    async def find_owners(self, skus: Sequence[str]) -> dict[str, list[str]]:
        """SKU -> ids of the products that name it: one, but for a moment after it has changed hands. What has been
        written is refreshed first."""
        async with _trouble_is_unavailable():
            await self._engine.indices.refresh(index=self._products)
            query = {"nested": {"path": "variants", "query": {"terms": {"variants.sku": list(skus)}}}}
            body = {"size": OWNERS_AT_MOST, "_source": ["variants.sku"], "query": query}
            answer = await self._engine.search(index=self._products, body=body)
        wanted = set(skus)
        owners: dict[str, list[str]] = {}
        for hit in answer["hits"]["hits"]:
            for one in hit["_source"]["variants"]:
                if one["sku"] in wanted:
                    owners.setdefault(one["sku"], []).append(hit["_id"])
        return owners

    async def skeletons(self, after: str | None, until: str | None) -> AsyncIterator[Skeleton]:
        """The products with ids in (after, until], by id."""
        async with _trouble_is_unavailable():
            await self._engine.indices.refresh(index=self._products)
        while True:
            answer = await self._ask(question.skeletons(after, until, PAGE))
            for hit in answer["hits"]["hits"]:
                kept = hit["_source"]
                after = kept["id"]
                stock = {one["sku"]: one["in_stock"] for one in kept["variants"]}
                yield Skeleton(kept["id"], kept["version"], stock)
            if len(answer["hits"]["hits"]) < PAGE:
                return

    async def categories(self) -> dict[str, int]:
        """Slug -> version of all that are known by name."""
        async with _trouble_is_unavailable():
            await self._engine.indices.refresh(index=self._products)
        answer = await self._ask(question.categories())
        return {hit["_source"]["id"]: hit["_source"]["version"] for hit in answer["hits"]["hits"]}

    async def _script(self, updates: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Runs scripts on documents, in what is being rebuilt and in what is served.

        In this order: what does not find the next index comes either before the rebuild, which will read it from
        the sources, or after it, and then the served index is the next one.
        """
        lines: list[Mapping[str, Any]] = []
        for document_id, update in updates:
            lines += [{"update": {"_id": document_id, "retry_on_conflict": RETRIES}}, update]
        await self._bulk(self._next, lines, harmless={"document_missing_exception", "index_not_found_exception"})
        try:
            await self._bulk(self._products, lines, harmless={"document_missing_exception"})
        except Refused as error:
            if await self._is_ours(self._products):
                raise
            # An index of an earlier definition serves until the rebuild, which brings what it cannot take.
            _log.info("the index of an earlier release does not take a document", error=error)

    async def _is_ours(self, alias: str) -> bool:
        """Whether the index behind an alias was made by this definition."""
        async with _trouble_is_unavailable():
            name = await self._behind(alias)
        return name is not None and name.startswith(self._stem)

    async def _bulk(self, alias: str, lines: Sequence[Mapping[str, Any]], *, harmless: set[str]) -> None:
        """Raises Unavailable, if it should be tried again; Refused, if that would not help."""
        if not lines:
            return
        body = b"\n".join(map(to_json, lines)) + b"\n"
        async with _trouble_is_unavailable():
            # Without require_alias a missing alias would become an index of that name.
            answer = await self._engine.bulk(index=alias, body=body, params={"require_alias": "true"})
        if not answer["errors"]:
            return
        for item in answer["items"]:
            (outcome,) = item.values()
            problem = outcome.get("error")
            if problem is None or problem["type"] in harmless:
                continue
            if outcome["status"] == 400:
                raise Refused(f"{outcome['_id']}: {problem['type']}: {problem.get('reason')}")
            raise Unavailable(f"{outcome['_id']}: {problem['type']}: {problem.get('reason')}")

    # --- asked --------------------------------------------------------------------------------------

    async def search(
        self, criteria: Criteria, reading: Reading, *, limit: int, after: Sequence[Any] | None = None
    ) -> Found:
        bodies = question.search(criteria, reading, limit=limit, after=after, milliseconds=self._milliseconds)
        return question.read_search(await self._ask_all(bodies), criteria)

    async def unknown_words(self, words: Sequence[str]) -> frozenset[int]:
        """The places of those that no product has as they are written."""
        answers = await self._ask_all([question.with_word(words, place) for place in range(len(words))])
        return frozenset(place for place, answer in enumerate(answers) if not answer["hits"]["total"]["value"])

    async def suggest(self, words: str, reading: Reading, *, limit: int) -> Suggested:
        return question.read_suggest(
            await self._ask_all(question.suggest(words, reading, limit=limit, milliseconds=self._milliseconds)),
            limit=limit,
        )

    async def category_names(self, slugs: Sequence[str]) -> dict[str, str]:
        """What is not known by name is missing."""
        async with _trouble_is_unavailable():
            body = {"ids": list(slugs)}
            answer = await self._engine.mget(index=self._products, body=body, params={"_source": "name"})
        found = {one["_id"]: one["_source"] for one in answer["docs"] if one.get("found")}
        return {slug: kept["name"] for slug, kept in found.items() if "name" in kept}

    async def known_options(self, keys: Collection[str]) -> set[str]:
        """Those that a product of the shop has."""
        wanted = list(keys)
        answers = await self._ask_all([question.with_option(key) for key in wanted])
        return {key for key, answer in zip(wanted, answers, strict=True) if answer["hits"]["total"]["value"]}

    async def _ask(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        async with _trouble_is_unavailable():
            answer: Mapping[str, Any] = await self._engine.search(index=self._products, body=body)
            return answer

    async def _ask_all(self, bodies: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """In one request to the engine, which works on its parts side by side."""
        if not bodies:
            return []
        async with _trouble_is_unavailable():
            lines = [line for body in bodies for line in ({}, body)]
            answer = await self._engine.msearch(index=self._products, body=lines)
        parts: Sequence[Mapping[str, Any]] = answer["responses"]
        for part in parts:
            if "error" in part:  # of one part: the request itself has gone well
                raise Unavailable(f"the search engine: {part['status']} {part['error']['type']}")
        return parts


def _script(source: str, **params: Any) -> dict[str, Any]:
    return {"lang": "painless", "source": source, "params": params}


@asynccontextmanager
async def _trouble_is_unavailable() -> AsyncIterator[None]:
    count("search engine")
    try:
        yield
    except TransportError as error:
        if error.error == "index_not_found_exception":
            raise IndexNotThere("the index has not been made yet") from error
        status = error.status_code  # "N/A", "TIMEOUT": the connection broke
        if not isinstance(status, int) or status >= 500 or status in (409, 429):
            raise Unavailable(f"the search engine: {status} {error.error}") from error
        raise
