"""Fills an empty shop through its public API, as any merchant's client would.

Safe to run twice and to kill at any point: what is there is found by its slug, picture, SKU or lines and left alone or
repaired; what is missing is made. A product is a draft until its pictures are in. Stock is set only where the ledger
shows that nobody ever has, so that a second run does not bring back what was sold.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from bodega.demo import pictures
from bodega.demo.api import Json, SeedError, ShopApi, Stored, category_body, covers, product_body, waits
from bodega.demo.catalogue import CURRENCY, Catalogue, Shot, load
from bodega.demo.people import PEOPLE, Outside, Person, seed_orders, seed_person

Login = tuple[str, str]  # e-mail and password
Progress = Callable[[str, int, int], None]
Paint = Callable[[Shot], Awaitable[bytes]]

_AT_ONCE = 3  # pictures under way to the catalog at one time; it processes each of them


@dataclass(frozen=True)
class SeedReport:
    """What a run made; a second run on the same shop makes nothing."""

    categories_made: int = 0
    products_made: int = 0
    products_repaired: int = 0
    products_kept: int = 0
    pictures_made: int = 0
    skus_stocked: int = 0
    customers_made: int = 0
    orders_placed: int = 0
    seconds: float = 0.0


class Seeder:
    """Brings one shop to the state of one catalogue. ``paint`` makes a picture's file."""

    def __init__(
        self, api: ShopApi, catalogue: Catalogue, paint: Paint, currency: str, progress: Progress | None = None
    ) -> None:
        self._api = api
        self._catalogue = catalogue
        self._paint = paint
        self._currency = currency
        self._progress: Progress = progress or (lambda stage, done, total: None)

    async def categories(self) -> int:
        """Makes the missing ones, repairs the differing ones. How many were made."""
        known, made = await self._api.categories(), 0
        wanted = self._catalogue.categories
        for done, category in enumerate(wanted, 1):
            body = category_body(category)
            made += await self._api.ensure_category(known.get(category.slug), body)
            self._progress("categories", done, len(wanted))
        return made

    async def products(self) -> tuple[int, int]:
        """Makes the missing ones as drafts, repairs the differing ones. How many were made and repaired."""
        made = repaired = 0
        wanted = self._catalogue.products
        for done, (category, product) in enumerate(wanted, 1):
            body = product_body(category, product, self._currency)
            if await self._api.find_product(product.slug) is None and await self._api.make_product(body):
                made += 1
            else:
                repaired += await self._settle(product.slug, body)
            self._progress("products", done, len(wanted))
        return made, repaired

    async def pictures(self) -> int:
        """Uploads the missing pictures and publishes each product that has all of its own. How many were uploaded."""
        stored = {product.slug: await self._stored(product.slug) for _, product in self._catalogue.products}
        missing = {
            product.slug: [
                shot
                for shot in product.shots(category.backdrop)
                if not self._api.has_picture(stored[product.slug], shot)
            ]
            for category, product in self._catalogue.products
        }
        total, done = sum(map(len, missing.values())), 0
        places = asyncio.Semaphore(_AT_ONCE)

        async def finish(slug: str) -> None:
            nonlocal done
            async with places:
                # In order, one after the other: the first picture is the one that lists show.
                for shot in missing[slug]:
                    await self._api.add_picture(stored[slug].id, shot, await self._paint(shot))
                    done += 1
                    self._progress("pictures", done, total)
                await self._settle(slug, {"status": "published"})

        try:
            async with asyncio.TaskGroup() as group:
                for slug in missing:
                    group.create_task(finish(slug))
        except ExceptionGroup as several:
            # One is enough to say what is wrong, and it is what callers catch.
            raise several.exceptions[0] from several
        return total

    async def stock(self) -> int:
        """Sets the stock that nobody has touched yet. For how many SKUs."""
        wanted = [variant for _, product in self._catalogue.products for variant in product.variants]
        count = 0
        for done, variant in enumerate(wanted, 1):
            if variant.stock and await self._untouched(variant.sku):
                await self._api.set_stock(variant.sku, variant.stock)
                count += 1
            self._progress("stock", done, len(wanted))
        return count

    async def _stored(self, slug: str) -> Stored:
        stored = await self._api.find_product(slug)
        if stored is None:
            raise SeedError("GET", f"/admin/products/{slug}", 404, "deleted while the shop was being filled")
        return stored

    async def _settle(self, slug: str, wanted: Json) -> bool:
        """Changes the product so that it says ``wanted``; whether that took a change."""
        for _ in range(5):
            stored = await self._stored(slug)
            if covers(stored.body, wanted):
                return False
            # A stale version means that somebody else was faster: read again.
            if await self._api.change_product(stored, wanted):
                return True
        raise SeedError("PATCH", f"/admin/products/{slug}", 412, "changed by others each time it was read")

    async def _untouched(self, sku: str) -> bool:
        """As the API's, but waits for the product's event to reach inventory."""
        for wait in waits():
            untouched = await self._api.stock_untouched(sku)
            if untouched is not None:
                return untouched
            await asyncio.sleep(wait)
        raise SeedError("GET", f"/admin/inventory/{sku}/ledger", 404, "inventory has not heard of this product")


async def seed_people(
    merchant: ShopApi,
    api_url: str,
    logins: Mapping[str, Login],
    outside: Outside | None,
    progress: Progress | None = None,
) -> tuple[int, int]:
    """The customers and, with an ``outside`` in use, their orders. How many accounts and orders were made."""
    done = 0

    async def live(person: Person) -> tuple[bool, int]:
        nonlocal done
        async with ShopApi(api_url, *logins[person.key]) as api:
            made = await seed_person(api, person, outside)
            placed = 0 if outside is None else await seed_orders(api, merchant, person, outside)
        done += 1
        if progress is not None:
            progress("customers", done, len(PEOPLE))
        return made, placed

    # Side by side: most of it is waiting for mails and parcels.
    try:
        async with asyncio.TaskGroup() as group:
            lives = [group.create_task(live(person)) for person in PEOPLE]
    except ExceptionGroup as several:
        raise several.exceptions[0] from several
    return sum(life.result()[0] for life in lives), sum(life.result()[1] for life in lives)


async def seed(
    api_url: str,
    *,
    merchant: Login,
    customers: Mapping[str, Login],
    outside: Outside | None,
    currency: str = CURRENCY,
    progress: Progress | None = None,
) -> SeedReport:
    """Fills the shop behind ``api_url`` (the gateway) with the demo catalogue, its stock, its customers, their orders.

    The merchant must exist; ``currency`` is the one that the shop sells in. ``customers`` has a login for each key of
    ``PEOPLE``. Without ``outside`` (a real processor charges the cards) nothing is bought. ``progress`` is told (stage,
    done, total). Raises SeedError for an answer one cannot go on with, aiohttp.ClientError or TimeoutError if the shop
    is away for over a minute. What of the demo products a merchant has edited is set back, prices included; stock,
    other products and other customers are left alone.
    """
    started = time.monotonic()
    catalogue = await asyncio.to_thread(load)
    async with ShopApi(api_url, *merchant) as api:
        if not await api.log_in():
            raise SeedError("POST", "/auth/login", 401, f"there is no merchant {merchant[0]} with this password")
        # Rendering holds the interpreter's lock for up to two seconds a picture, so it gets processes of its own; they
        # are started at the first picture, and a shop that has all of them starts none.
        with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=multiprocessing.get_context("spawn")) as pool:

            async def paint(shot: Shot) -> bytes:
                return await asyncio.get_running_loop().run_in_executor(
                    pool, pictures.render, shot.kind, shot.tone, shot.backdrop, shot.frame
                )

            seeder = Seeder(api, catalogue, paint, currency, progress)
            categories = await seeder.categories()
            made, repaired = await seeder.products()
            uploaded = await seeder.pictures()
        stocked = await seeder.stock()
        registered, placed = await seed_people(api, api_url, customers, outside, progress)
    return SeedReport(
        categories_made=categories,
        products_made=made,
        products_repaired=repaired,
        products_kept=len(catalogue.products) - made - repaired,
        pictures_made=uploaded,
        skus_stocked=stocked,
        customers_made=registered,
        orders_placed=placed,
        seconds=time.monotonic() - started,
    )
