"""The shop's doors as the seeding uses them: everything that knows a path or a field's name of the API is here."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from bodega.demo import pictures
from bodega.demo.catalogue import CURRENCY, Category, Product, Shot, Variant

Json = dict[str, Any]

_REQUEST_SECONDS = 30.0
_IMPORT_SECONDS = 130.0  # longer than the gateway waits
_PATIENCE_SECONDS = 60.0  # how long a dependency may be away, or an event on its way, before we give up
_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 3.0


class SeedError(Exception):
    """The API answered what the seeding cannot go on with. The message says to what, and with which answer."""

    def __init__(self, method: str, path: str, status: int, answer: object) -> None:
        super().__init__(f"{method} {path} answered {status}: {answer}")
        self.status = status


@dataclass(frozen=True)
class Stored:
    """A product as the catalog has it."""

    id: str
    etag: str
    body: Json


def waits() -> Iterable[float]:
    """Seconds to wait between tries: doubling, up to a longest; ends when patience does."""
    wait, left = _FIRST_WAIT_SECONDS, _PATIENCE_SECONDS
    while left > 0:
        yield wait
        left -= wait
        wait = min(wait * 2, _LONGEST_WAIT_SECONDS)


def category_body(category: Category) -> Json:
    """What `POST /admin/categories` takes."""
    return {
        "slug": category.slug,
        "title": category.title,
        "description": category.description,
        "position": category.position,
    }


def product_body(category: Category, product: Product, currency: str = CURRENCY) -> Json:
    """What `POST /admin/products` takes, without the status. Prices are the same number in any currency."""

    def variant_body(variant: Variant) -> Json:
        body: Json = {
            "sku": variant.sku,
            "options": dict(variant.options),
            "price": {"amount": variant.price, "currency": currency},
            "weight_grams": variant.weight_grams,
            "barcode": variant.barcode,
        }
        if variant.compare_at is not None:
            body["compare_at_price"] = {"amount": variant.compare_at, "currency": currency}
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
        self.email = email
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

    async def ensure_category(self, known: Json | None, body: Json) -> bool:
        """Makes a category, or repairs the known one where it differs. Whether it was made."""
        if known is None:
            await self._do("POST", "/admin/categories", body)
        elif not covers(known, body):
            await self._do("PATCH", f"/admin/categories/{body['slug']}", body)
        return known is None

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

    async def import_products(self, rows: bytes) -> Json:
        """Makes and changes products; `rows` are JSON lines, all good or none written. The report."""
        return await self._import("/admin/products/import", rows)

    async def import_stock(self, rows: bytes) -> Json:
        """Sets what is on hand; `rows` are JSON lines. The report, in which each row that is at fault is named."""
        return await self._import("/admin/inventory/import?partial=true", rows)

    async def found(self, categories: Iterable[str]) -> tuple[int, int]:
        """How many products search finds in any of these categories, and how many of them in stock."""
        query = "&".join(f"category={slug}" for slug in categories)
        answer = await self._do("GET", f"/search?limit=1&{query}")
        return answer["total"], answer["facets"]["in_stock"]

    async def addresses(self) -> list[Json]:
        """The addresses of whose credentials these are."""
        answer = await self._do("GET", "/users/me/addresses")
        return list(answer["items"])

    async def add_address(self, address: Json) -> None:
        """Adds an address and makes it the default for shipping and billing."""
        await self._do("POST", "/users/me/addresses", {**address, "default_shipping": True, "default_billing": True})

    async def is_confirmed(self) -> bool:
        """Whether the e-mail of whose credentials these are is proven."""
        return bool((await self._do("GET", "/users/me"))["email_verified"])

    async def confirm(self, token: str) -> None:
        """Proves the e-mail. That the link was used already is as good."""
        status, _, answer = await self._send("POST", "/auth/email/verify", {"token": token})
        if status != 409:
            self._good("POST", "/auth/email/verify", status, answer)

    async def order_ids(self) -> list[str]:
        """Of all orders of whose credentials these are."""
        ids: list[str] = []
        path = "/orders?limit=50"
        while True:
            answer = await self._do("GET", path)
            ids += [item["id"] for item in answer["items"]]
            if answer["next_cursor"] is None:
                return ids
            path = f"/orders?limit=50&cursor={answer['next_cursor']}"

    async def order(self, order_id: str) -> Json:
        """One's own order."""
        return await self._do("GET", f"/orders/{order_id}")

    async def order_of_customer(self, order_id: str) -> Json:
        """Anybody's order, as the merchant sees it."""
        return await self._do("GET", f"/admin/orders/{order_id}")

    async def buy(self, lines: Mapping[str, int], address: Json, payment_method: str) -> str:
        """Puts the lines (SKU -> pieces) into an empty cart and checks out. The order's id."""
        cart: dict[str, str] = {}
        await self._do("DELETE", "/cart")  # what an interrupted run has left in it
        for sku, quantity in lines.items():
            body = {"sku": sku, "quantity": quantity}
            status, headers, answer = await self._send("POST", "/cart", body, cart)
            self._good("POST", "/cart", status, answer)
            if token := headers.get("Cart-Token"):
                cart = {"Cart-Token": token}
        quote = await self._do("POST", "/checkout/quote", {"shipping_address": address}, cart)
        wish = {
            "email": self.email,
            "shipping_address": address,
            "shipping_option": quote["shipping_option"],
            "payment_method": payment_method,
            "expected_total": quote["totals"]["total"],
        }
        answer = await self._do("POST", "/checkout", wish, cart)
        for wait in waits():
            if answer["order"] is not None and answer["status"] == "completed":
                return str(answer["order"]["id"])
            await asyncio.sleep(wait)
            answer = await self._do("GET", f"/checkout/{answer['checkout_id']}", None, cart)
        raise SeedError("POST", "/checkout", 202, answer)

    async def cancel(self, order_id: str) -> None:
        """Cancels one's own order, if it still can be."""
        path = f"/orders/{order_id}/cancel"
        status, _, answer = await self._send("POST", path)
        if status != 409:
            self._good("POST", path, status, answer)

    # --- transport ----------------------------------------------------------------------------------------------

    async def _do(
        self, method: str, path: str, body: Json | None = None, headers: Mapping[str, str] | None = None
    ) -> Json:
        status, _, answer = await self._send(method, path, body, headers)
        return self._good(method, path, status, answer)

    async def _import(self, path: str, rows: bytes) -> Json:
        status, _, answer = await self._send("POST", path, rows, {"Content-Type": "application/x-ndjson"})
        return self._good("POST", path, status, answer)

    @staticmethod
    def _good(method: str, path: str, status: int, answer: object) -> Json:
        if not 200 <= status < 300:
            raise SeedError(method, path, status, answer)
        return answer if isinstance(answer, dict) else {}

    async def _send(
        self, method: str, path: str, body: Json | bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], object]:
        """One request, repeated while the answer is "later" or there is none; logs in again when the token ran out."""
        # The same key for every repetition of this request: a POST whose answer was lost takes effect once.
        send = {**(headers or {}), "Idempotency-Key": str(uuid.uuid4())} if method == "POST" else dict(headers or {})
        content: Json = {"data": body} if isinstance(body, bytes) else {"json": body}
        limit = aiohttp.ClientTimeout(total=_IMPORT_SECONDS if isinstance(body, bytes) else _REQUEST_SECONDS)
        renewed = False
        for wait in waits():
            if self._token is not None and path != "/auth/login":
                send["Authorization"] = f"Bearer {self._token}"
            try:
                async with self._session.request(
                    method, self._url + path, headers=send, timeout=limit, **content
                ) as reply:
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
        for wait in waits():
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
