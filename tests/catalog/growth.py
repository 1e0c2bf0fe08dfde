"""What lists of products cost by the size of the catalog: the figures of `[catalogue]` in docs/cost.toml.

    eval "$(./bodega env --instance test)"
    python -m tests.catalog.growth 1000 10000 100000    # fills a database of its own for each, and drops it
    python -m tests.catalog.growth --database bodega    # a shop's own, which is left as it is
    python -m tests.catalog.growth --model 1000000      # the lists alone, without the store

The store is the one that BODEGA_CATALOG_MONGO_URL names. The service is served by a process of its own; sixteen clients
ask it from another one, on the same machine. Products are those of `bodega seed`; they go past the import, and nothing
is told to anybody.
"""

import argparse
import asyncio
import itertools
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import uvicorn
from fastapi import Response
from pymongo import AsyncMongoClient

from bodega.contracts.ids import new_id
from bodega.demo.bulk.goods import goods
from bodega.kit.pagination import encode_cursor
from bodega.services.catalog import domain
from bodega.services.catalog.app import create_app
from bodega.services.catalog.domain import Product
from bodega.services.catalog.domain.lists import Entry, ProductLists
from bodega.services.catalog.flows import ReadModel
from bodega.services.catalog.schemas import ProductWrite
from bodega.services.catalog.settings import Settings
from bodega.services.catalog.store import Document, Store, _entry
from tests.catalog.conftest import in_database

PORT = 39203
CLIENTS = 16
LOT = 50
_PAGE = 20
_PAGES = 2_000
"""More than are remembered."""


def product(number: int) -> Product:
    wish = ProductWrite.model_validate(goods(number).row)
    currency = wish.variants[0].price.currency
    return domain.create(wish, product_id=new_id("prd"), key=None, body="", now=datetime.now(UTC), currency=currency)


def entry(number: int) -> Entry:
    """As the store gives it."""
    row = goods(number).row
    of_variants = {"skus": [one["sku"] for one in row["variants"]],
                   "price_from": min(one["price"]["amount"] for one in row["variants"])}  # fmt: skip
    return _entry({**row, **of_variants, "_id": new_id("prd"), "version": 1_795_500_512_932 + number})


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


class Waits:
    """How long others waited, in seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    @contextmanager
    def one(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds.append(time.perf_counter() - began)

    def __str__(self) -> str:
        """p50, p95 and the longest, in milliseconds."""
        ordered = sorted(self.seconds)
        chosen = (ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)], ordered[-1])
        return " / ".join(f"{1000 * one:.0f}" for one in chosen) + " ms"


async def fill(store: Store, count: int) -> list[str]:
    ids: list[str] = []
    for start in range(0, count, LOT):
        lot = [product(number) for number in range(start, min(start + LOT, count))]
        if refused := await store.insert_products(lot):
            raise RuntimeError(f"not an empty database: {refused}")
        ids += [one.id for one in lot]
        await store.forget_pending([one.id for one in await store.pending_after(None, LOT)])
    return ids


async def build(settings: Settings, ids: Sequence[str]) -> None:
    """The pass at a start, while somebody else reads one product of the same replica and writes one without pause."""
    store = Store(settings.mongo_url, timeout_seconds=60, pool_size=4)
    client: AsyncMongoClient[Document] = AsyncMongoClient(settings.mongo_url)
    products = client.get_default_database()["product"]
    lists, reads, writes, before = ReadModel(store, settings), Waits(), Waits(), resident_megabytes()

    async def somebody_else() -> None:
        for product_id in itertools.cycle(ids[:300]):
            with reads.one():
                assert await store.find_product(product_id) is not None
            found = await products.find_one({"_id": product_id})
            assert found is not None
            with writes.one():
                await products.replace_one({"_id": product_id, "version": found["version"]}, found)
            await asyncio.sleep(0.01)

    other = asyncio.create_task(somebody_else())
    began = time.perf_counter()
    running = asyncio.create_task(lists.run())
    await lists._built.wait()
    seconds, after = time.perf_counter() - began, resident_megabytes()
    other.cancel()
    lists.stop()
    await running
    await client.close()
    await store.close()
    print(f"build {seconds:.1f} s, {after - before:.0f} MB; meanwhile a read {reads}, a write {writes}", flush=True)


def serve(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/bare")
    async def bare() -> Response:
        """As large as a page of the bulk catalogue."""
        return Response(b"x" * 6_500, media_type="application/json")

    uvicorn.run(app, host="127.0.0.1", port=PORT, access_log=False, log_level="error")


async def ask(name: str, paths: Sequence[str], seconds: float) -> None:
    waits, turn = Waits(), itertools.cycle(paths)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{PORT}") as session:

        async def one(until: Callable[[], bool], waits: Waits) -> None:
            while until():
                with waits.one():
                    async with session.get(next(turn)) as answer:
                        await answer.read()
                        answer.raise_for_status()

        ends = time.perf_counter() + 1
        await asyncio.gather(*(one(lambda: time.perf_counter() < ends, Waits()) for _ in range(CLIENTS)))  # warms up
        began = time.perf_counter()
        ends = began + seconds
        await asyncio.gather(*(one(lambda: time.perf_counter() < ends, waits) for _ in range(CLIENTS)))
    print(f"{name}: {len(waits.seconds) / (time.perf_counter() - began):.0f}/s, {waits}", flush=True)


async def served(settings: Settings, ids: Sequence[str], seconds: float) -> None:
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(settings,))
    process.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{PORT}") as session:
            while True:
                try:
                    async with session.get("/readyz") as answer:
                        if (await answer.json())["parts"]["lists"] == "ok":
                            break
                except aiohttp.ClientConnectionError:
                    pass
                await asyncio.sleep(0.2)
        category = goods(0).row["categories"][0]
        step = max(1, len(ids) // _PAGES)
        pages = [f"/products?limit={_PAGE}&cursor={encode_cursor(one)}" for one in ids[::step][:_PAGES]]
        for name, paths in {
            "bare handler": ["/bare"],
            "newest": [f"/products?limit={_PAGE}"],
            "cheapest": [f"/products?limit={_PAGE}&sort=price"],
            "a category, dearest": [f"/products?limit={_PAGE}&sort=-price&category={category}"],
            "a page in the middle": [f"/products?limit={_PAGE}&cursor={encode_cursor(ids[len(ids) // 2])}"],
            "another page each time": pages,
        }.items():
            await ask(name, paths, seconds)
    finally:
        process.terminate()
        process.join()


async def measure(url: str, seconds: float, *, count: int | None = None, database: str = "") -> None:
    """Of a database that is there, or of one with so many products, which is dropped afterwards."""
    name = database or f"t_growth_{count}"
    settings = Settings(mongo_url=in_database(url, name))
    store = Store(settings.mongo_url, timeout_seconds=60, pool_size=4)
    await store.open()
    try:
        began = time.perf_counter()
        if count is not None:
            ids = await fill(store, count)
        else:
            ids = [one.entry.id async for lot in store.all_cards() for one in lot]
        done = "written" if count is not None else "read"
        print(f"{len(ids)} products, {done} in {time.perf_counter() - began:.0f} s", flush=True)
        await build(settings, ids)
        await served(settings, ids, seconds)
    finally:
        if count is not None:
            await store._client.drop_database(name)
        await store.close()


def model(count: int) -> None:
    """The lists alone, made of what the store would have given."""
    before = resident_megabytes()
    entries = [entry(number) for number in range(count)]
    read = resident_megabytes()
    began = time.perf_counter()
    lists = ProductLists(entries)
    seconds = time.perf_counter() - began
    moving = entries[count // 2]
    moved = time.perf_counter()
    for more in range(100):
        lists.put(moving._replace(version=more, price_from=more))
    moved = (time.perf_counter() - moved) / 100
    paged = time.perf_counter()
    for _ in range(1000):
        lists.published(category=None, brand=None, sort="newest", after=(moving.id,), limit=_PAGE + 1)
    paged = (time.perf_counter() - paged) / 1000
    print(
        f"{count} products: sorted in {seconds:.1f} s, {resident_megabytes() - before:.0f} MB, of which entries "
        f"{read - before:.0f} MB; a page {1e6 * paged:.0f} µs, a move {1000 * moved:.2f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*")
    parser.add_argument("--database", help="one that is there")
    parser.add_argument("--model", type=int, help="the lists alone, of so many products")
    parser.add_argument("--seconds", type=float, default=5, help="for each list")
    options = parser.parse_args()
    if options.model:
        model(options.model)
    if options.database:
        asyncio.run(measure(Settings().mongo_url, options.seconds, database=options.database))
    for size in options.sizes:
        asyncio.run(measure(Settings().mongo_url, options.seconds, count=size))


if __name__ == "__main__":
    main()
