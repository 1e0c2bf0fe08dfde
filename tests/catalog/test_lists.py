"""Lists come from memory, and are what MongoDB would answer at the same moment."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from bson.regex import Regex
from fastapi import FastAPI
from pymongo import AsyncMongoClient, monitoring
from pymongo.asynchronous.collection import AsyncCollection

from bodega.contracts.catalog import Media, ProductStatus
from bodega.contracts.ids import new_id
from bodega.kit.errors import Unavailable
from bodega.kit.loops import keep_running
from bodega.kit.testing import Caller, Credentials, eventually, serving
from bodega.services.catalog import flows, service
from bodega.services.catalog import store as stores
from bodega.services.catalog.app import create_app
from bodega.services.catalog.domain.lists import Entry, ProductLists, Sort
from bodega.services.catalog.flows import ReadModel
from bodega.services.catalog.schemas import CategoryWrite, ProductWrite
from bodega.services.catalog.settings import Settings
from bodega.services.catalog.store import Card, Store, _behind
from tests.catalog.conftest import in_database
from tests.catalog.growth import product as bulk_product
from tests.catalog.making import euro, mug
from tests.conftest import RUN

pytestmark = pytest.mark.service
Json = dict[str, Any]
SORTS: tuple[Sort, ...] = ("newest", "price", "-price")
CATEGORIES = ("cups", "plates", "new")
BRANDS = ("Oriel Works", "Haverfold")


@pytest.fixture
async def own(settings: Settings) -> AsyncIterator[Settings]:
    """A database that no other catalog knows."""
    url = in_database(settings.mongo_url, f"t_catalog_{RUN}_lists")
    yield settings.model_copy(update={"mongo_url": url, "relay_poll_seconds": 0.05, "relay_shared_poll_seconds": 0.05})
    client: AsyncMongoClient[Json] = AsyncMongoClient(url)
    await client.drop_database(client.get_default_database().name)
    await client.close()


@pytest.fixture
async def store(own: Settings) -> AsyncIterator[Store]:
    store = Store(own.mongo_url, timeout_seconds=5, pool_size=4)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def documents(own: Settings) -> AsyncIterator[AsyncCollection[Json]]:
    client: AsyncMongoClient[Json] = AsyncMongoClient(own.mongo_url)
    yield client.get_default_database()["product"]
    await client.close()


@asynccontextmanager
async def following(store: Store, settings: Settings) -> AsyncIterator[ReadModel]:
    """As in the service: what fails is tried again."""
    lists, stopping = ReadModel(store, settings), asyncio.Event()
    running = asyncio.create_task(
        keep_running("catalog", lists, stopping, retry_first_seconds=0.01, retry_most_seconds=0.1)
    )
    try:
        yield lists
    finally:
        stopping.set()
        lists.stop()
        await running


@asynccontextmanager
async def shop(settings: Settings, credentials: Credentials, *, replica: str = "0") -> AsyncIterator[Caller]:
    """A replica, as its merchant."""
    app = create_app(settings.model_copy(update={"replica": replica}))
    async with serving_as_merchant(app, credentials) as merchant:
        yield merchant


@asynccontextmanager
async def serving_as_merchant(app: FastAPI, credentials: Credentials) -> AsyncIterator[Caller]:
    app.state.access_tokens = credentials.access_tokens()
    async with serving(app) as caller:
        yield caller.being(credentials.customer("cus_merchant", "merchant"))


def priced(amount: int, **other: Any) -> Json:
    content = mug(**other)
    content["variants"] = [{**content["variants"][0], "price": euro(amount), "compare_at_price": None}]
    content["options"][0]["values"] = ["Sand"]
    return content


async def made(merchant: Caller, content: Json) -> Json:
    answer = await merchant.post("/admin/products", content)
    assert answer.status == 201, answer.body
    product: Json = answer.json
    return product


async def changed(merchant: Caller, product: Json, **change: Any) -> None:
    answer = await merchant.patch(f"/admin/products/{product['id']}", change, headers={"If-Match": "*"})
    assert answer.status == 200, answer.body


async def listed(caller: Caller, query: str = "") -> list[Json]:
    answer = await caller.get(f"/products?limit=100&{query}")
    assert answer.status == 200, answer.body
    items: list[Json] = answer.json["items"]
    return items


def ids(items: Sequence[Json]) -> list[str]:
    return [one["id"] for one in items]


# --- the same as the store's own ----------------------------------------------------------------------


async def as_mongodb_lists(
    documents: AsyncCollection[Json], category: str | None, brand: str | None, sort: Sort
) -> list[str]:
    """The whole list, sorted by the server."""
    chosen: Json = {"status": "published"}
    chosen |= {"categories": category} if category is not None else {}
    chosen |= {"brand": brand} if brand is not None else {}
    order = {
        "newest": [("_id", -1)],
        "price": [("price_from", 1), ("_id", -1)],
        "-price": [("price_from", -1), ("_id", 1)],
    }[sort]
    return [one["_id"] for one in await documents.find(chosen, {"_id": True}).sort(order).to_list()]


async def page_by_page(lists: ReadModel, category: str | None, brand: str | None, sort: Sort, size: int) -> list[Card]:
    found: list[Card] = []
    after: Any = None
    while True:
        page = await lists.cards(category=category, brand=brand, sort=sort, after=after, limit=size)
        found += page
        if len(page) < size:
            return found
        last = page[-1].entry
        after = (last.id,) if sort == "newest" else (last.price_from, last.id)


def wish(chance: Random, number: int) -> ProductWrite:
    content = priced(
        chance.choice((0, 100, 100, 250, 900)),
        title=f"Number {number}",
        brand=chance.choice(("", *BRANDS)),
        categories=chance.sample(CATEGORIES, chance.randrange(3)),
        status=chance.choice(("published", "published", "published", "draft", "archived")),
    )
    return ProductWrite.model_validate(content)


async def write(store: Store, chance: Random, number: int, written: list[str]) -> None:
    """Any write that merchants make."""
    content = wish(chance, number)
    if not written or chance.random() < 0.4:
        product, _ = await service.create(store, content, currency="EUR")
        written.append(product.id)
    elif chance.random() < 0.2:
        await service.archive(store, chance.choice(written), if_match="*")
    else:
        whole = content.model_copy(update={"slug": None})
        await service.put(store, chance.choice(written), whole, if_match="*", currency="EUR")


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_written_each_page_is_what_mongodb_would_list(
    own: Settings, store: Store, documents: AsyncCollection[Json], seed: int
) -> None:
    chance = Random(seed)
    written: list[str] = []
    for slug in CATEGORIES:
        await service.create_category(store, CategoryWrite(slug=slug, title=slug.title()), key=None, body=b"")
    for number in range(12):  # some are there before the model is built
        await write(store, chance, number, written)
    few = own.model_copy(update={"cards_in_memory": 7})  # fewer cards than products: they are read again and again
    async with following(store, few) as lists:
        for number in range(12, 60):
            await write(store, chance, number, written)
            category = chance.choice((None, *CATEGORIES, "none"))
            brand = chance.choice((None, "", *BRANDS, "Nobody"))
            sort, size = chance.choice(SORTS), chance.choice((1, 2, 3, 5))
            expected = await as_mongodb_lists(documents, category, brand, sort)
            found = await page_by_page(lists, category, brand, sort, size)
            assert [one.entry.id for one in found] == expected, (number, category, brand, sort, size)
            stored = {one.id: one for one in await store.products_by_id(expected)}
            assert [one.version for one in found] == [stored[one].version for one in expected]
        statuses: tuple[ProductStatus | None, ...] = (None, "published", "draft", "archived")
        for status in statuses:
            of_it = documents.find({"status": status} if status else {}, {"_id": True}).sort([("_id", -1)])
            cards = await lists.all(status=status, words=None, before=None, limit=100)
            assert [one.entry.id for one in cards] == [one["_id"] for one in await of_it.to_list()]
        every = await as_mongodb_lists(documents, None, None, "newest")
        assert [one.id for one in await lists.published_after(None, 100)] == every[::-1]
        assert [one.product_id for one in await lists.addresses_after(every[-1], 100)] == every[-2::-1]


# --- by itself ----------------------------------------------------------------------------------------


def entries(chance: Random, count: int) -> Iterator[Entry]:
    for number in range(count):
        yield Entry(
            id=f"prd_{number:026d}",
            version=chance.randrange(5),
            status=chance.choice(("published", "draft")),
            price_from=chance.randrange(4),
            categories=tuple(chance.sample(CATEGORIES, chance.randrange(3))),
            brand=chance.choice(BRANDS),
            words=f"number {number}",
        )


@pytest.mark.parametrize("seed", range(5))
def test_what_is_put_and_removed_leaves_the_lists_as_if_they_had_been_made_of_it(seed: int) -> None:
    chance = Random(seed)
    there = {one.id: one for one in entries(chance, 30)}
    lists = ProductLists(there.values())
    for one in entries(chance, 60):
        if chance.random() < 0.3:
            lists.remove(one.id)
            there.pop(one.id, None)
        else:
            lists.put(one)
            there[one.id] = one
    assert len(lists) == len(there)
    anew = ProductLists(there.values())
    for category in (None, *CATEGORIES):
        for brand in (None, *BRANDS):
            for sort in SORTS:
                question: Any = {"category": category, "brand": brand, "sort": sort, "after": None, "limit": 100}
                assert lists.published(**question) == anew.published(**question)
    assert lists.all(status=None, before=None, limit=100) == anew.all(status=None, before=None, limit=100)


# --- what it costs the store --------------------------------------------------------------------------


class Overheard(monitoring.CommandListener):
    """The commands that reach MongoDB: collection, and what is asked of it."""

    def __init__(self) -> None:
        self.finds: list[tuple[str, Json]] = []
        self.scans: list[tuple[str, Json]] = []
        self.limits: list[int] = []
        """Of what was found among products."""

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        command = event.command
        asked = {"find": lambda: [command["filter"]], "update": lambda: [one["q"] for one in command["updates"]],
                 "delete": lambda: [one["q"] for one in command["deletes"]],
                 "findAndModify": lambda: [command["query"]]}.get(event.command_name, list)()  # fmt: skip
        for question in asked:
            found = (command[event.command_name], question)
            if event.command_name == "find":
                self.finds.append(found)
                self.limits += [command.get("limit", 0)] if found[0] == "product" else []
            if found[0] == "product" and not _has_unique_key(question):
                self.scans.append(found)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def _has_unique_key(question: Json) -> bool:
    """The stand-in looks at every document, unless a question names exactly the fields of a unique key, each with a
    value or with `$in`. A regular expression is tried on the ids of the index alone, unless it is written as
    `{"$regex": …}`: then it is compiled anew for each."""
    if set(question) not in ({"_id"}, {"slugs"}, {"skus"}, {"created_key"}, {"_id", "version"}):
        return False
    return all(not isinstance(value, dict) or set(value) == {"$in"} for value in question.values())


@pytest.fixture
def overheard(monkeypatch: pytest.MonkeyPatch) -> Overheard:
    listener = Overheard()

    def client(*given: Any, **options: Any) -> AsyncMongoClient[Json]:
        return AsyncMongoClient(*given, **options, event_listeners=[listener])

    monkeypatch.setattr("bodega.services.catalog.store.AsyncMongoClient", client)
    return listener


async def test_a_list_is_a_look_for_news_and_nothing_else_once_its_cards_are_known(
    own: Settings, credentials: Credentials, overheard: Overheard
) -> None:
    async with shop(own, credentials) as merchant:
        await merchant.post("/admin/categories", {"slug": "cups", "title": "Cups"})
        for number in range(9):
            await made(merchant, priced(100 * number, categories=["cups"], brand="Haverfold"))
        await eventually(lambda: everything_is_told(own))
        for query in ("", "category=cups", "brand=Haverfold&sort=price", "category=cups&brand=Haverfold&sort=-price"):
            await listed(merchant, query)
            overheard.finds.clear()
            page = await merchant.get(f"/products?limit=4&{query}")
            again = await merchant.get(f"/products?limit=4&{query}&cursor={page.json['next_cursor']}")
            assert len(page.json["items"]) == len(again.json["items"]) == 4
            looks = [question for collection, question in overheard.finds if collection == "change"]
            assert looks == [{"_id": "products"}] * len(looks)
            assert len(looks) >= 2
            assert "product" not in {collection for collection, _ in overheard.finds}


async def everything_is_told(settings: Settings) -> None:
    client: AsyncMongoClient[Json] = AsyncMongoClient(settings.mongo_url)
    waiting = await client.get_default_database()["pending"].find_one({})
    await client.close()
    assert waiting is None


async def test_cards_that_are_not_in_memory_are_read_by_their_ids_in_one_question(
    own: Settings, credentials: Credentials, overheard: Overheard
) -> None:
    async with shop(own, credentials) as merchant:
        for number in range(6):
            await made(merchant, priced(100 * number))
        await eventually(lambda: everything_is_told(own))
    async with shop(own.model_copy(update={"cards_in_memory": 0}), credentials) as merchant:
        await eventually(lambda: is_ready(merchant))
        overheard.finds.clear()
        first = await merchant.get("/products?sort=price&limit=5")
        (asked,) = [question for collection, question in overheard.finds if collection == "product"]
        assert set(asked["_id"]["$in"]) >= set(ids(first.json["items"]))


async def test_after_a_start_no_page_of_any_list_needs_the_store_for_its_cards(
    own: Settings, credentials: Credentials, overheard: Overheard
) -> None:
    async with shop(own, credentials) as merchant:
        products = [await made(merchant, priced(100 * number)) for number in range(7)]
        await eventually(lambda: everything_is_told(own))
    async with shop(own, credentials) as merchant:
        await eventually(lambda: is_ready(merchant))
        overheard.finds.clear()
        found: list[str] = []
        cursor = ""
        while cursor is not None:
            answer = await merchant.get(f"/products?sort=-price&limit=2{cursor and '&cursor=' + cursor}")
            found += ids(answer.json["items"])
            cursor = answer.json["next_cursor"]
        assert "product" not in {collection for collection, _ in overheard.finds}
        assert found == ids(products)[::-1]


class Reading(Store):
    """Counts what is read for lists, and answers only when it may."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.may_read = asyncio.Event()
        self.read: list[list[str]] = []

    async def cards(self, ids: Sequence[str]) -> dict[str, Card]:
        self.read.append(list(ids))
        await self.may_read.wait()
        return await super().cards(ids)


async def test_a_card_that_was_read_long_ago_is_shown_at_once_and_read_again_afterwards(
    own: Settings, documents: AsyncCollection[Json]
) -> None:
    store = Reading(own.mongo_url, timeout_seconds=5, pool_size=4)
    await store.open()
    product, _ = await service.create(store, ProductWrite.model_validate(priced(100)), currency="EUR")
    async with following(store, own.model_copy(update={"card_seconds": 0})) as lists:

        async def shown() -> list[bytes]:
            return [
                card.json for card in await lists.cards(category=None, brand=None, sort="price", after=None, limit=9)
            ]

        before = await shown()
        await documents.update_one({"_id": product.id}, {"$set": {"title": "By hand"}})
        assert await shown() == before  # though nothing can be read
        store.may_read.set()
        await eventually(lambda: reads(store, product.id))

        async def is_shown() -> None:
            (card,) = await shown()
            assert b"By hand" in card

        await eventually(is_shown)
    await store.close()


async def reads(store: Reading, product_id: str) -> None:
    assert [product_id] in store.read


async def is_ready(caller: Caller) -> None:
    assert (await caller.get("/readyz")).json["parts"]["lists"] == "ok"


async def test_nothing_that_pages_and_merchants_ask_for_looks_at_every_product(
    own: Settings, credentials: Credentials, overheard: Overheard
) -> None:
    async with shop(own, credentials) as merchant:
        await eventually(lambda: is_ready(merchant))
        overheard.scans.clear()  # the model has been read: the one pass over all products
        cart = merchant.being(credentials.service("cart", "catalog"))
        content = mug(slug=None, title="Twice the same")
        first, second = (
            await made(merchant, content),
            await made(merchant, {**mug(slug=None), "title": "Twice the same"}),
        )
        assert second["slug"] == f"{first['slug']}-2"
        await changed(merchant, first, title="Another")
        assert (await merchant.post("/admin/products", mug(slug=second["slug"]))).code == "slug_taken"
        assert (await merchant.post("/admin/products", {**content, "title": "Its SKUs"})).code == "sku_taken"
        rows = b'{"slug": "%s", "title": "Imported"}\n' % first["slug"].encode()
        headers = {"Content-Type": "application/x-ndjson"}
        assert (await merchant.post("/admin/products/import", raw=rows, headers=headers)).status == 200
        for path in (
            f"/products/{first['id']}", f"/products/{first['slug']}", f"/products?ids={first['id']},{second['id']}",
            "/products?limit=1", "/products?sort=price", "/products?brand=Oriel%20Works", "/catalog/products?limit=1",
            "/catalog/addresses", "/admin/products?status=published&limit=1", "/admin/products?q=imported",
        ):  # fmt: skip
            answer = await merchant.get(path)
            assert answer.status == 200, (path, answer.body)
        sku = first["variants"][0]["sku"]
        assert (await cart.post("/internal/prices", {"skus": [sku]})).status == 200
        assert (await cart.post("/internal/products", {"limit": 1})).status == 200
        assert (await cart.post("/internal/products", {"ids": [first["id"]]})).status == 200
        assert (await merchant.delete(f"/admin/products/{first['id']}", headers={"If-Match": "*"})).status == 200
        assert overheard.scans == []


async def test_a_list_that_is_asked_for_again_is_answered_as_before_until_something_is_written(
    own: Settings, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[Json] = []
    choose = ProductLists.published

    def choosing(lists: ProductLists, **question: Any) -> list[Entry]:
        chosen.append(question)
        return choose(lists, **question)

    monkeypatch.setattr(ProductLists, "published", choosing)
    async with shop(own, credentials) as merchant, shop(own, credentials, replica="1") as other:
        first, second = await made(merchant, priced(100)), await made(merchant, priced(200))
        await eventually(lambda: everything_is_told(own))
        for path in ("/products?limit=1", "/products?sort=price&brand=Oriel%20Works", "/products?sort=-price"):
            once = await merchant.get(path)
            chosen.clear()
            again = await merchant.get(path)
            assert (again.status, again.body, again.headers["xkey"]) == (200, once.body, once.headers["xkey"])
            known = await merchant.get(path, headers={"If-None-Match": once.headers["etag"]})
            assert (known.status, known.body) == (304, b"")
            assert chosen == []
            for change in ({"brand": "Haverfold"}, {"title": "Another"}, {"title": "One"}, {"brand": "Oriel Works"}):
                await changed(other, first, **change)
                newest = await merchant.get(path)
                assert chosen
                chosen.clear()
                assert (await merchant.get(path)).body == newest.body
                assert chosen == []
        assert ids(await listed(merchant)) == [second["id"], first["id"]]


async def test_an_answer_is_worked_out_again_when_its_cards_have_been_read_long_ago(
    own: Settings, credentials: Credentials, documents: AsyncCollection[Json]
) -> None:
    async with shop(own.model_copy(update={"card_seconds": 0.2}), credentials) as merchant:
        product = await made(merchant, priced(100))
        assert [one["title"] for one in await listed(merchant)] == [product["title"]]
        await documents.update_one({"_id": product["id"]}, {"$set": {"title": "By hand"}})

        async def is_shown() -> None:
            assert [one["title"] for one in await listed(merchant)] == ["By hand"]

        await eventually(is_shown)


async def test_answers_are_remembered_up_to_a_number(
    own: Settings, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows, "_MOST_ANSWERS", 3)
    app = create_app(own)
    async with serving_as_merchant(app, credentials) as merchant:
        await made(merchant, priced(100))
        await eventually(lambda: everything_is_told(own))
        for limit in (1, 2, 3, 4, 1, 5):
            assert (await merchant.get(f"/products?limit={limit}")).status == 200
        assert (await merchant.get(f"/products?limit=1&unknown={'x' * 1_500}")).status == 200
        assert list(app.state.lists._answers) == [b"limit=4", b"limit=1", b"limit=5"]


@pytest.mark.parametrize("made_before", [0, 1, 6, 7])
async def test_a_pass_over_all_products_reads_a_few_at_a_time_so_that_others_come_in_between(
    own: Settings, overheard: Overheard, monkeypatch: pytest.MonkeyPatch, made_before: int
) -> None:
    monkeypatch.setattr(stores, "_SLICE", 3)
    monkeypatch.setattr(stores, "_QUIET_SLICE", 3)
    store = Store(own.mongo_url, timeout_seconds=5, pool_size=4)
    await store.open()
    there = [
        (await service.create(store, ProductWrite.model_validate(priced(100)), currency="EUR"))[0].id
        for _ in range(made_before)
    ]
    assert [one.entry.id async for batch in store.all_cards() for one in batch] == sorted(there)
    assert len([one async for one in store.pictures()]) == made_before
    assert overheard.limits == [3] * (made_before // 3 + 1) * 2
    asked = [question["_id"] for collection, question in overheard.finds if collection == "product"]
    assert all(isinstance(one, Regex) for one in asked)
    assert overheard.scans == []
    await store.close()


async def test_a_pass_reads_more_at_a_time_while_nobody_else_asks(
    own: Settings, overheard: Overheard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_SLICE", 2)
    monkeypatch.setattr(stores, "_QUIET_SLICE", 6)
    store = Store(own.mongo_url, timeout_seconds=5, pool_size=4)
    await store.open()
    for _ in range(22):
        await service.create(store, ProductWrite.model_validate(priced(100)), currency="EUR")
    overheard.limits.clear()
    assert sum([len(batch) async for batch in store.all_cards()]) == 22
    assert overheard.limits == [2, 4, 6, 6, 6]
    overheard.limits.clear()
    others = 1
    async for batch in store.all_cards():
        if len(batch) == 4 and others:
            assert await store.find_product("prd_nobody") is None
            others = 0
    assert [limit for limit in overheard.limits if limit > 1] == [2, 4, 2, 4, 6, 6]
    await store.close()


@pytest.mark.parametrize("written", [mug(), priced(0), priced(100, media=None, brand="", categories=[])])
async def test_what_this_process_has_written_is_shown_as_it_would_be_read(store: Store, written: Json) -> None:
    await service.create_category(store, CategoryWrite(slug="cups", title="Cups"), key=None, body=b"")
    product, _ = await service.create(store, ProductWrite.model_validate(written), currency="EUR")
    assert store.written_card(product.id, product.version) == (await store.cards([product.id]))[product.id]
    assert store.written_card(product.id, product.version) is None
    again = await service.archive(store, product.id, if_match="*")
    assert store.written_card(product.id, again.version + 1) is None  # somebody else has written since
    many = [bulk_product(number) for number in range(3)]
    shown = Media(id=new_id("med"), alt="A mug", width=1, height=1, renditions={"w320.jpg": "a", "w1600.jpg": "b"})
    many[0] = many[0].model_copy(update={"media": [shown]})
    assert await store.insert_products(many) == {}
    read = await store.cards([one.id for one in many])
    assert [store.written_card(one.id, one.version) for one in many] == [read[one.id] for one in many]


@pytest.mark.parametrize("seed", range(5))
def test_the_ids_behind_one_are_those_that_sort_behind_it(seed: int) -> None:
    chance = Random(seed)
    known = ["prd_" + "".join(chance.choices("019AZ", k=chance.choice((3, 4)))) for _ in range(60)]
    for last in known:
        behind = _behind(last).try_compile()
        assert {one for one in known if behind.search(one)} == {one for one in known if one > last}
    assert all(_behind(None).try_compile().search(one) for one in known)


# --- replicas -----------------------------------------------------------------------------------------


async def test_what_one_replica_has_acknowledged_is_in_the_next_list_of_every_other(
    own: Settings, credentials: Credentials
) -> None:
    async with shop(own, credentials, replica="a") as one, shop(own, credentials, replica="b") as other:
        await listed(other)
        product = await made(one, priced(300))
        assert ids(await listed(other)) == [product["id"]]
        variant = {**product["variants"][0], "price": euro(200)}
        await changed(one, product, variants=[variant])
        assert [item["price_from"]["amount"] for item in await listed(other)] == [200]
        cheaper = await made(one, priced(100))
        assert ids(await listed(other, "sort=price")) == [cheaper["id"], product["id"]]
        await changed(other, product, brand="Haverfold")
        assert ids(await listed(one, "brand=Haverfold")) == [product["id"]]
        await changed(other, product, status="draft")
        assert ids(await listed(one)) == [cheaper["id"]]
        assert await listed(one, "brand=Haverfold") == []


async def test_many_writers_and_readers_at_once_never_see_a_list_older_than_what_was_acknowledged(
    own: Settings, credentials: Credentials
) -> None:
    async with shop(own, credentials, replica="a") as one, shop(own, credentials, replica="b") as other:
        products = [await made(one, priced(100)) for _ in range(3)]
        acknowledged = {product["id"]: 100 for product in products}

        async def raise_price(product: Json) -> None:
            for amount in range(101, 116):
                variant = {**product["variants"][0], "price": euro(amount)}
                await changed(one, product, variants=[variant])
                acknowledged[product["id"]] = amount

        async def read(caller: Caller) -> None:
            while min(acknowledged.values()) < 115:
                least = dict(acknowledged)
                shown = {item["id"]: item["price_from"]["amount"] for item in await listed(caller, "sort=price")}
                assert shown.keys() == least.keys()
                assert all(shown[product] >= amount for product, amount in least.items())

        await asyncio.gather(*map(raise_price, products), *(read(caller) for caller in (one, other, other)))


@pytest.mark.parametrize("recorded", [[2, 1], [1, 3, 2], [3, 3, 1, 2], [1, 2, 3]])
async def test_a_write_that_is_recorded_once_more_after_a_later_one_does_not_hide_that_one(
    store: Store, recorded: list[int]
) -> None:
    """The relay records again what it tells the world, in its own time."""
    product_id = new_id("prd")
    await store.record([(new_id("prd"), 1)])
    mark = await store.last_change()
    for version in recorded:
        await store.record([(product_id, version)])
    changes = await store.changes_since(mark)
    assert changes is not None
    assert changes.versions == {product_id: max(recorded)}


DIES = """
import asyncio, json, os, signal, sys
from bodega.services.catalog import flows, service
from bodega.services.catalog.schemas import ProductWrite
from bodega.services.catalog.store import Store

async def main(url, content):
    store = Store(url, timeout_seconds=5, pool_size=2)
    async def record(products):
        os.kill(os.getpid(), signal.SIGKILL)
    store.record = record
    await service.create(store, ProductWrite.model_validate(json.loads(content)), currency="EUR")

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_write_whose_process_died_before_it_was_recorded_is_listed_when_it_is_told(
    own: Settings, credentials: Credentials
) -> None:
    async with shop(own, credentials) as merchant:
        assert await listed(merchant) == []
        content = ProductWrite.model_validate(mug(title="Left behind")).model_dump_json()
        process = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", DIES, own.mongo_url, content],
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == -9, process.stderr

        async def is_listed() -> None:
            assert [one["title"] for one in await listed(merchant)] == ["Left behind"]

        await eventually(is_listed)


# --- when it is not there -----------------------------------------------------------------------------


async def test_a_catalog_that_starts_lists_what_is_there(own: Settings, credentials: Credentials) -> None:
    async with shop(own, credentials) as merchant:
        products = [await made(merchant, priced(100 * number)) for number in range(3)]
    async with shop(own, credentials) as merchant:
        assert ids(await listed(merchant)) == ids(products)[::-1]


async def test_who_has_not_looked_for_long_reads_all_products_again(
    own: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_KEPT_CHANGES", 3)
    async with following(store, own) as lists:
        await lists.cards(category=None, brand=None, sort="newest", after=None, limit=10)
        written = [
            await service.create(store, ProductWrite.model_validate(priced(100)), currency="EUR") for _ in range(9)
        ]
        cards = await lists.cards(category=None, brand=None, sort="newest", after=None, limit=10)
        assert [one.entry.id for one in cards] == [product.id for product, _ in reversed(written)]


async def test_whoever_writes_without_pause_does_not_make_the_lists_be_read_again(
    own: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    read = Store.all_cards

    async def all_cards(store: Store) -> AsyncIterator[list[Card]]:
        nonlocal reads
        reads += 1
        async for batch in read(store):
            yield batch

    monkeypatch.setattr(Store, "all_cards", all_cards)
    async with following(store, own) as lists:
        await lists.cards(category=None, brand=None, sort="newest", after=None, limit=1)
        for number in range(200):  # twice what the store remembers, one record each
            await store.record([(f"prd_{number:026d}", 1)])
        await lists.cards(category=None, brand=None, sort="newest", after=None, limit=1)
        assert reads == 1


async def test_while_the_lists_are_read_the_catalog_says_so_and_shows_products(
    own: Settings, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_read = asyncio.Event()
    read = Store.all_cards

    async def all_cards(store: Store) -> AsyncIterator[list[Card]]:
        await may_read.wait()
        async for batch in read(store):
            yield batch

    monkeypatch.setattr(Store, "all_cards", all_cards)
    async with shop(own.model_copy(update={"mongo_timeout_seconds": 0.2}), credentials) as merchant:
        product = await made(merchant, mug())
        refused = await merchant.get("/products")
        assert (refused.status, refused.code) == (503, "unavailable")
        assert (await merchant.get("/readyz")).status == 503
        assert (await merchant.get(f"/products/{product['slug']}")).status == 200
        assert (await merchant.get(f"/products?ids={product['id']}")).status == 200
        may_read.set()

        async def is_listed() -> None:
            answer = await merchant.get("/products")
            assert answer.status == 200
            assert ids(answer.json["items"]) == [product["id"]]

        await eventually(is_listed)
        await is_ready(merchant)


@asynccontextmanager
async def slow_to_read_all(url: str, seconds: float) -> AsyncIterator[str]:
    """The same server behind a door that holds its answer to the question for all products for so long."""
    there = urlsplit(url)

    async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(there.hostname, there.port)
        wait = 0.0

        async def ask() -> None:
            nonlocal wait
            while asked := await reader.read(65536):
                wait = seconds if b"price_from" in asked and b"$in" not in asked else 0
                to_server.write(asked)
            to_server.close()

        async def answer() -> None:
            while said := await from_server.read(65536):
                await asyncio.sleep(wait)
                writer.write(said)
            writer.close()

        await asyncio.gather(ask(), answer())

    door = await asyncio.start_server(through, "127.0.0.1", 0)
    port = door.sockets[0].getsockname()[1]
    yield there._replace(netloc=f"{there.netloc.rpartition('@')[0]}@127.0.0.1:{port}").geturl()
    door.close()


async def test_a_pass_over_all_products_may_take_longer_than_any_question(own: Settings, store: Store) -> None:
    product, _ = await service.create(store, ProductWrite.model_validate(mug()), currency="EUR")
    async with slow_to_read_all(own.mongo_url, 1.5) as url:
        slow = Store(url, timeout_seconds=1, pool_size=2)
        assert [card.entry.id async for batch in slow.all_cards() for card in batch] == [product.id]
        await slow.close()


async def test_what_was_changed_past_the_catalog_is_shown_after_a_while(
    own: Settings, store: Store, documents: AsyncCollection[Json]
) -> None:
    product, _ = await service.create(store, ProductWrite.model_validate(priced(100)), currency="EUR")
    async with following(store, own.model_copy(update={"card_seconds": 0.05})) as lists:

        async def shown() -> tuple[int, ...]:
            found = await lists.cards(category=None, brand=None, sort="price", after=None, limit=10)
            return tuple(one.entry.price_from for one in found)

        assert await shown() == (100,)
        await documents.update_one({"_id": product.id}, {"$set": {"price_from": 50, "version": product.version + 1}})

        async def is_shown() -> None:
            assert await shown() == (50,)

        await eventually(is_shown)
        await documents.delete_one({"_id": product.id})

        async def is_gone() -> None:
            assert await shown() == ()

        await eventually(is_gone)


class Deaf(Store):
    """A store that does not answer when it is asked for news."""

    async def last_change(self) -> str:
        raise Unavailable("the database does not answer")


async def test_a_store_that_does_not_answer_is_not_covered_by_what_is_in_memory(own: Settings, store: Store) -> None:
    async with following(store, own) as lists:
        await lists.cards(category=None, brand=None, sort="newest", after=None, limit=10)
        lists._store = Deaf(own.mongo_url, timeout_seconds=5, pool_size=1)
        with pytest.raises(Unavailable):
            await lists.cards(category=None, brand=None, sort="newest", after=None, limit=10)
        lists._store = store
