"""Fills an empty shop through its public API, as any merchant's client would.

Safe to run twice and to kill at any point: what is there is found by its slug, picture or SKU and left alone or
repaired; what is missing is made. A product is a draft until its pictures are in. Stock is set only where the ledger
shows that nobody ever has, so that a second run does not bring back what was sold.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from bodega.demo import pictures
from bodega.demo.catalogue import CURRENCY, Catalogue, Category, Product, Shot, Variant, load

Json = dict[str, Any]
Progress = Callable[[str, int, int], None]
Paint = Callable[[Shot], Awaitable[bytes]]

CUSTOMER_NAME = "Mara Lindqvist"
CUSTOMER_ADDRESS: Json = {
    "name": CUSTOMER_NAME,
    "line1": "Prinzenallee 12",
    "postal_code": "13357",
    "city": "Berlin",
    "country": "DE",
}

_REQUEST_SECONDS = 30.0
_PATIENCE_SECONDS = 60.0  # how long a dependency may be away, or an event on its way, before we give up
_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 3.0
_AT_ONCE = 3  # pictures under way to the catalog at one time; it processes each of them


class SeedError(Exception):
    """The API answered what the seeding cannot go on with. The message says to what, and with which answer."""

    def __init__(self, method: str, path: str, status: int, answer: object) -> None:
        super().__init__(f"{method} {path} answered {status}: {answer}")
        self.status = status


@dataclass(frozen=True)
class SeedReport:
    """What a run made; a second run on the same shop makes nothing."""

    categories_made: int = 0
    products_made: int = 0
    products_repaired: int = 0
    products_kept: int = 0
    pictures_made: int = 0
    skus_stocked: int = 0
    customer_made: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Stored:
    """A product as the catalog has it."""

    id: str
    etag: str
    body: Json


def _waits() -> Iterable[float]:
    """Seconds to wait between tries: doubling, up to a longest; ends when patience does."""
    wait, left = _FIRST_WAIT_SECONDS, _PATIENCE_SECONDS
    while left > 0:
        yield wait
        left -= wait
        wait = min(wait * 2, _LONGEST_WAIT_SECONDS)


# --- the API's shapes: everything that knows a path or a field's name is in this part ----------------------------


def category_body(category: Category) -> Json:
    """What `POST /admin/categories` takes."""
    return {
        "slug": category.slug,
        "title": category.title,
        "description": category.description,
        "position": category.position,
    }


def product_body(category: Category, product: Product) -> Json:
    """What `POST /admin/products` takes, without the status."""

    def variant_body(variant: Variant) -> Json:
        body: Json = {
            "sku": variant.sku,
            "options": dict(variant.options),
            "price": {"amount": variant.price, "currency": CURRENCY},
            "weight_grams": variant.weight_grams,
            "barcode": variant.barcode,
        }
        if variant.compare_at is not None:
            body["compare_at_price"] = {"amount": variant.compare_at, "currency": CURRENCY}
        return body

    return {
        "title": product.title,
        "slug": product.slug,
        "description": product.description.strip(),
        "brand": product.brand,
        "categories": [category.slug, *product.also_in],
        "options": [{"name": option.name, "values": list(option.values)} for option in product.options],
        "variants": [variant_body(variant) for variant in product.variants],
        "seo": {"title": product.seo.title, "description": product.seo.description},
    }


class ShopApi:
    """The few routes that seeding needs. Tries again when something is away or asks for patience; use as a context.

    Every call raises SeedError for an answer that is no success (but for the ones that its docstring names), and
    aiohttp.ClientError or TimeoutError when nobody answers for a minute.
    """

    def __init__(self, api_url: str, email: str, password: str) -> None:
        self._url = api_url.rstrip("/")
        self._credentials = {"email": email, "password": password}
        self._token: str | None = None
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def log_in(self) -> bool:
        """False if these credentials are not known."""
        status, _, answer = await self._send("POST", "/auth/login", self._credentials)
        if status == 401:
            return False
        self._token = str(self._good("POST", "/auth/login", status, answer)["access_token"])
        return True

    async def register(self, name: str) -> None:
        """Makes the account of this client's credentials."""
        await self._do("POST", "/auth/register", {**self._credentials, "name": name})

    async def categories(self) -> dict[str, Json]:
        """All categories, by slug."""
        answer = await self._do("GET", "/categories")
        return {item["slug"]: item for item in answer["items"]}

    async def make_category(self, body: Json) -> None:
        await self._do("POST", "/admin/categories", body)

    async def change_category(self, slug: str, body: Json) -> None:
        await self._do("PATCH", f"/admin/categories/{slug}", body)

    async def find_product(self, slug: str) -> Stored | None:
        """The product with this slug, drafts too, or None."""
        path = f"/admin/products/{slug}"
        status, headers, answer = await self._send("GET", path)
        if status == 404:
            return None
        body = self._good("GET", path, status, answer)
        return Stored(id=body["id"], etag=headers["ETag"], body=body)

    async def make_product(self, body: Json) -> bool:
        """Makes a draft. False if somebody else has made one with this slug meanwhile."""
        body = {**body, "status": "draft"}
        status, _, answer = await self._send("POST", "/admin/products", body)
        if status == 409 and await self.find_product(body["slug"]) is not None:
            return False
        self._good("POST", "/admin/products", status, answer)
        return True

    async def change_product(self, stored: Stored, changes: Json) -> bool:
        """Merges ``changes`` into the product. False if it is no longer the one that was read."""
        path = f"/admin/products/{stored.id}"
        status, _, answer = await self._send("PATCH", path, changes, {"If-Match": stored.etag})
        if status == 412:
            return False
        self._good("PATCH", path, status, answer)
        return True

    async def add_picture(self, product_id: str, shot: Shot, content: bytes) -> None:
        """Asks where to upload the picture, uploads it there, and has it processed."""
        path = f"/admin/products/{product_id}/media"
        place = await self._do(
            "POST",
            path,
            {
                "filename": shot.name,
                "content_type": pictures.CONTENT_TYPE,
                "size_bytes": len(content),
                "alt": shot.alt,
                "variant_skus": list(shot.skus),
            },
        )
        await self._upload(place["upload"], shot.name, content)
        await self._do("POST", f"{path}/{place['media_id']}/complete")

    @staticmethod
    def has_picture(stored: Stored, shot: Shot) -> bool:
        """Whether the product has this picture, processed."""
        return any(
            media["alt"] == shot.alt and set(media.get("variant_skus", ())) == set(shot.skus)
            for media in stored.body.get("media", ())
        )

    async def stock_untouched(self, sku: str) -> bool | None:
        """Whether nobody ever changed this SKU's stock; None if inventory has not heard of it yet."""
        path = f"/admin/inventory/{sku}/ledger"
        status, _, answer = await self._send("GET", path)
        if status == 404:
            return None
        return all(entry["delta"] == 0 for entry in self._good("GET", path, status, answer)["items"])

    async def set_stock(self, sku: str, on_hand: int) -> None:
        await self._do("PUT", f"/admin/inventory/{sku}", {"on_hand": on_hand})

    async def addresses(self) -> list[Json]:
        """The addresses of whose credentials these are."""
        answer = await self._do("GET", "/users/me/addresses")
        return list(answer["items"])

    async def add_address(self, address: Json) -> None:
        """Adds an address and makes it the default for shipping and billing."""
        await self._do("POST", "/users/me/addresses", {**address, "default_shipping": True, "default_billing": True})

    # --- transport ----------------------------------------------------------------------------------------------

    async def _do(self, method: str, path: str, body: Json | None = None) -> Json:
        status, _, answer = await self._send(method, path, body)
        return self._good(method, path, status, answer)

    @staticmethod
    def _good(method: str, path: str, status: int, answer: object) -> Json:
        if not 200 <= status < 300:
            raise SeedError(method, path, status, answer)
        return answer if isinstance(answer, dict) else {}

    async def _send(
        self, method: str, path: str, body: Json | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], object]:
        """One request, repeated while the answer is "later" or there is none; logs in again when the token ran out."""
        # The same key for every repetition of this request: a POST whose answer was lost takes effect once.
        send = {**(headers or {}), "Idempotency-Key": str(uuid.uuid4())} if method == "POST" else dict(headers or {})
        renewed = False
        for wait in _waits():
            if self._token is not None and path != "/auth/login":
                send["Authorization"] = f"Bearer {self._token}"
            try:
                async with self._session.request(method, self._url + path, json=body, headers=send) as reply:
                    status, answered = reply.status, reply.headers.copy()
                    answer = await reply.json(content_type=None) if reply.status != 204 else None
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
                lost: Exception = error
            except ValueError:
                # Not JSON: an answer of something between us and the service.
                lost = SeedError(method, path, status, "not JSON")
            else:
                if status == 401 and self._token is not None and not renewed and path != "/auth/login":
                    renewed = await self.log_in()
                    if renewed:
                        continue
                if status not in {429, 502, 503, 504}:
                    return status, answered, answer
                lost = SeedError(method, path, status, answer)
                wait = max(wait, _seconds(answered.get("Retry-After")))  # noqa: PLW2901
            await asyncio.sleep(wait)
        raise lost

    async def _upload(self, where: Json, name: str, content: bytes) -> None:
        """Puts the file where the catalog said: a PUT with headers, or a form with fields."""
        for wait in _waits():
            data: bytes | aiohttp.FormData = content
            if fields := where.get("fields"):
                data = aiohttp.FormData()
                for field, value in fields.items():
                    data.add_field(field, str(value))
                data.add_field("file", content, filename=name, content_type=pictures.CONTENT_TYPE)
            try:
                async with self._session.request(
                    where["method"], where["url"], data=data, headers=where.get("headers") or {}
                ) as reply:
                    if reply.status < 300:
                        return
                    lost: Exception = SeedError(
                        where["method"], "(upload of a picture)", reply.status, (await reply.text())[:500]
                    )
                    if reply.status < 500:
                        raise lost
            except (aiohttp.ClientConnectionError, TimeoutError) as error:
                lost = error
            await asyncio.sleep(wait)
        raise lost

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("ShopApi is used as a context: async with ShopApi(...) as api")
        return self._http


def _seconds(retry_after: str | None) -> float:
    """Of a Retry-After header; 0 if there is none or it is a date."""
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else 0.0


# --- the work -----------------------------------------------------------------------------------------------------


def covers(found: object, wanted: object) -> bool:
    """Whether ``found`` says all that ``wanted`` says. It may say more: the shop adds ids, versions and times."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(covers(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(covers(one, other) for one, other in zip(found, wanted, strict=True))
        )
    return found == wanted


class Seeder:
    """Brings one shop to the state of one catalogue. ``paint`` makes a picture's file."""

    def __init__(self, api: ShopApi, catalogue: Catalogue, paint: Paint, progress: Progress | None = None) -> None:
        self._api = api
        self._catalogue = catalogue
        self._paint = paint
        self._progress: Progress = progress or (lambda stage, done, total: None)

    async def categories(self) -> int:
        """Makes the missing ones, repairs the differing ones. How many were made."""
        known, made = await self._api.categories(), 0
        wanted = self._catalogue.categories
        for done, category in enumerate(wanted, 1):
            body = category_body(category)
            if category.slug not in known:
                await self._api.make_category(body)
                made += 1
            elif not covers(known[category.slug], body):
                await self._api.change_category(category.slug, body)
            self._progress("categories", done, len(wanted))
        return made

    async def products(self) -> tuple[int, int]:
        """Makes the missing ones as drafts, repairs the differing ones. How many were made and repaired."""
        made = repaired = 0
        wanted = self._catalogue.products
        for done, (category, product) in enumerate(wanted, 1):
            body = product_body(category, product)
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
        for wait in _waits():
            untouched = await self._api.stock_untouched(sku)
            if untouched is not None:
                return untouched
            await asyncio.sleep(wait)
        raise SeedError("GET", f"/admin/inventory/{sku}/ledger", 404, "inventory has not heard of this product")


async def seed_customer(api: ShopApi) -> bool:
    """The demo customer with an address. Whether the account was made now."""
    made = not await api.log_in()
    if made:
        await api.register(CUSTOMER_NAME)
        if not await api.log_in():
            raise SeedError("POST", "/auth/login", 401, "the customer exists with another password")
    if not any(covers(address, CUSTOMER_ADDRESS) for address in await api.addresses()):
        await api.add_address(CUSTOMER_ADDRESS)
    return made


async def seed(
    api_url: str,
    *,
    merchant_email: str,
    merchant_password: str,
    customer_email: str,
    customer_password: str,
    progress: Progress | None = None,
) -> SeedReport:
    """Fills the shop behind ``api_url`` (the gateway) with the demo catalogue, its stock and its customer.

    The merchant must exist. ``progress`` hears (stage, done, total). Raises SeedError for an answer one cannot go on
    with, aiohttp.ClientError or TimeoutError if the shop is away for over a minute. What of the demo products a
    merchant has edited is set back, prices included; stock, other products and other customers are left alone.
    """
    started = time.monotonic()
    catalogue = await asyncio.to_thread(load)
    # Rendering holds the interpreter's lock for up to two seconds a picture, so it gets processes of its own; they are
    # started at the first picture, and a shop that has all of them starts none.
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=multiprocessing.get_context("spawn")) as pool:

        async def paint(shot: Shot) -> bytes:
            return await asyncio.get_running_loop().run_in_executor(
                pool, pictures.render, shot.kind, shot.tone, shot.backdrop, shot.frame
            )

        async with ShopApi(api_url, merchant_email, merchant_password) as api:
            if not await api.log_in():
                raise SeedError("POST", "/auth/login", 401, f"there is no merchant {merchant_email} with this password")
            seeder = Seeder(api, catalogue, paint, progress)
            categories = await seeder.categories()
            made, repaired = await seeder.products()
            uploaded = await seeder.pictures()
            stocked = await seeder.stock()
    async with ShopApi(api_url, customer_email, customer_password) as api:
        customer = await seed_customer(api)
    if progress is not None:
        progress("customer", 1, 1)
    return SeedReport(
        categories_made=categories,
        products_made=made,
        products_repaired=repaired,
        products_kept=len(catalogue.products) - made - repaired,
        pictures_made=uploaded,
        skus_stocked=stocked,
        customer_made=customer,
        seconds=time.monotonic() - started,
    )
