"""The storefront's server as it is shipped, in front of a small API of the tests' own."""

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import pytest
import pytest_asyncio
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from bodega.contracts.catalog import option_key
from bodega.contracts.problems import TITLES
from bodega.kit.app import create_service
from bodega.kit.testing import eventually, serving
from bodega.platform import pages
from bodega.services.search import routes
from bodega.services.search.domain import Criteria, Reading
from bodega.services.search.settings import Settings
from bodega.services.search.store import Counted, CountedOption, Found

SITE = "http://shop.test"
MUG_ID = "prd_01M862Q5N3E2TBV7W1GKEP0HMD"
MERCHANT: dict[str, Any] = {
    "name": "Haverfold & Sons GmbH", "street": "Speicherstr. 1", "postal_code": "20457", "city": "Hamburg",
    "represented_by": "Ada Lovelace (managing director)", "register_entry": "Amtsgericht Hamburg, HRB 12345",
    "vat_id": "DE123456789", "email": "shop@haverfold.example", "phone": "+49 40 123456", "return_days": 30,
}  # fmt: skip
EUR_16 = {"amount": 1600, "currency": "EUR"}


def product(slug: str = "mug", **changes: Any) -> dict[str, Any]:
    return {
        "id": "prd_01M862Q5N3E2TBV7W1GKEP0HMD", "slug": slug, "title": "A mug </script><script>alert(1)</script>",
        "brand": "Haverfold", "description": "Holds tea.", "description_html": "<p>Holds tea.</p>", "version": 7,
        "categories": ["kitchen"], "options": [{"name": "Size", "values": ["S", "L"]}], "media": [],
        "variants": [
            {"sku": "MUG-S", "options": {"Size": "S"}, "price": EUR_16, "compare_at_price": None},
            {"sku": "MUG-L", "options": {"Size": "L"}, "price": EUR_16, "compare_at_price": None},
        ],
        "seo": {}, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", **changes,
    }  # fmt: skip


@dataclass
class Api:
    """What the API answers, and what it was asked."""

    products: dict[str, dict[str, Any]] = field(default_factory=lambda: {"mug": product()})
    fails: bool = False
    sold_out: set[str] = field(default_factory=set)
    inventory_fails: bool = False
    failing: set[str] = field(default_factory=set)
    """Paths that cannot be asked."""
    left: dict[str, int] = field(default_factory=dict)
    """How many there are of a SKU; of others there are many."""
    cart: list[dict[str, Any]] = field(default_factory=list)
    """Its lines."""
    tax: dict[str, Any] = field(default_factory=dict)
    """What is otherwise than in Germany."""
    lookup_status: int = 202
    withdrawal_status: int = 202
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    queries: list[tuple[str, str]] = field(default_factory=list)
    """Of what path it was asked what."""
    purges: list[dict[str, str]] = field(default_factory=list)
    """What it was told as the edge, of which it refuses the first."""

    def __post_init__(self) -> None:
        self.shelf = Shelf()

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def record(request: Request, call_next: Any) -> Response:
            body = await request.json() if request.method in ("POST", "PATCH") else None
            self.asked.append((request.method, request.url.path, dict(request.headers), body))
            self.queries.append((request.url.path, request.url.query))
            if self.fails or request.url.path in self.failing:
                return JSONResponse({"code": "unavailable"}, 503)
            answer: Response = await call_next(request)
            return answer

        def public(content: Any, xkey: str, version: int = 1) -> JSONResponse:
            headers = {"Cache-Control": "public, max-age=0, s-maxage=60", "xkey": xkey, "X-Data-Version": str(version)}
            return JSONResponse(content, headers=headers)

        def keys_of(products: list[dict[str, Any]]) -> str:
            """Of a part of the whole catalog, with each product's own, though the catalog leaves those out."""
            return " ".join(["products", *(f"product:{one['id']}" for one in products)])

        @app.api_route("/edge", methods=["PURGE"])
        async def purge(request: Request) -> Response:
            self.purges.append(dict(request.headers))
            return Response(status_code=503 if len(self.purges) == 1 else 200)

        @app.get("/categories")
        async def categories() -> Response:
            items = [{"slug": "kitchen", "title": "Kitchen", "description": "Pots.", "position": 1}]
            return public({"items": items, "next_cursor": None}, "categories")

        @app.get("/catalog/products")
        async def catalog(cursor: int = 0) -> Response:
            """Two a page."""
            items = list(self.products.values())
            page, rest = items[cursor : cursor + 2], items[cursor + 2 :]
            return public({"items": page, "next_cursor": str(cursor + 2) if rest else None}, keys_of(page))

        @app.get("/catalog/addresses")
        async def addresses(cursor: str = "p0") -> Response:
            """Two a page."""
            if not re.fullmatch(r"p\d+", cursor):
                return JSONResponse({"code": "bad_cursor"}, 400)
            start, found = int(cursor[1:]), list(self.products.values())
            page, rest = found[start : start + 2], found[start + 2 :]
            items = [{"slug": one["slug"], "updated_at": one["updated_at"]} for one in page]
            return public({"items": items, "next_cursor": f"p{start + 2}" if rest else None}, keys_of(page))

        @app.get("/inventory")
        async def inventory(skus: str) -> Response:
            if self.inventory_fails:
                return JSONResponse({"code": "unavailable"}, 503)
            left = {**self.left, **dict.fromkeys(self.sold_out, 0)}
            items = [
                {"sku": sku, "in_stock": left.get(sku) != 0, "available": left.get(sku)} for sku in skus.split(",")
            ]
            return JSONResponse({"items": items}, headers={"Cache-Control": "no-store"})

        @app.get("/tax/{country}")
        async def tax(country: str) -> Response:
            body = {"country": country, "prices_include_tax": True, "rate": "0.19", **self.tax}
            return JSONResponse(body, headers={"Cache-Control": "public, max-age=0, s-maxage=60"})

        @app.get("/shipping/options")
        async def options(grams: int = 1000) -> Response:
            price = 490 if grams <= 2000 else 690
            standard = {
                "id": "standard", "name": "Standard", "carrier": "Parcel",
                "price": {"amount": price, "currency": "EUR"},
                "free_from": {"amount": 5000, "currency": "EUR"}, "first_day": 1, "last_day": 2,
                "promised_from": "2026-12-01", "promised_to": "2026-12-02",
            }  # fmt: skip
            body = {"country": "DE", "order_before": "2026-11-30T14:00:00Z", "options": [standard]}
            return JSONResponse(body, headers={"Cache-Control": "public, max-age=0, s-maxage=10"})

        @app.get("/products")
        async def by_id(ids: str) -> Response:
            known = {one["id"]: one for one in self.products.values()}
            found = [known[one] for one in ids.split(",") if one in known]
            items = [summary(one) for one in found]
            return public({"items": items, "next_cursor": None}, " ".join(f"product:{one['id']}" for one in found))

        @app.get("/products/{slug}")
        async def read(slug: str) -> Response:
            if slug == "old-mug":
                return public(self.products["mug"], "product:prd_01M862Q5N3E2TBV7W1GKEP0HMD", 7)
            if slug not in self.products:
                return JSONResponse({"code": "not_found"}, 404)
            return public(self.products[slug], f"product:{self.products[slug]['id']}", self.products[slug]["version"])

        @app.get("/cart")
        async def cart() -> Response:
            found = {"id": None, "version": 0, "revision": None, "lines": self.cart, "pieces": 0, "subtotal": EUR_16,
                     "stale": False}  # fmt: skip
            return JSONResponse(found, headers={"Cache-Control": "private, no-store"})

        @app.post("/orders/lookup")
        async def look_up() -> Response:
            return JSONResponse({"code": "refused"} if self.lookup_status >= 400 else None, self.lookup_status)

        @app.post("/orders/withdrawals")
        async def withdraw() -> Response:
            made = {"id": "wdr_01M7Z4Q8T2V5X9B3D6F8H0K2M4", "received_at": "2026-11-28T08:48:32.123456Z"}
            return JSONResponse(made if self.withdrawal_status < 400 else {"code": "refused"}, self.withdrawal_status)

        @app.post("/cart")
        async def add() -> Response:
            return JSONResponse({}, 201, headers={"Set-Cookie": "bodega_cart=abc; HttpOnly; Path=/"})

        # The search's own door with a shelf of one product behind it: its refusals are the ones that the pages get.
        store = {"store": self.shelf, "sources": None, "curator": None, "herald": None}
        search = create_service(
            "search", Settings(), [routes.public], titles=TITLES, description="", ready={}, state=store
        )
        app.mount("", search)
        return app


def summary(product: dict[str, Any]) -> dict[str, Any]:
    """A product in the catalog's lists."""
    price = product["variants"][0]["price"]
    return {
        **{name: product[name] for name in ("id", "slug", "title", "brand")},
        "skus": [variant["sku"] for variant in product["variants"]], "price_from": price, "price_to": price,
        "compare_at_price": None, "image": None,
    }  # fmt: skip


def hit(product: dict[str, Any]) -> dict[str, Any]:
    """A product as search's store keeps it."""
    price = product["variants"][0]["price"]
    return {
        **{name: product[name] for name in ("id", "slug", "title", "brand", "categories")},
        "variants": [{"sku": variant["sku"]} for variant in product["variants"]], "price": price["amount"],
        "price_to": price["amount"], "compare_at_price": None, "currency": price["currency"], "image": None,
        "in_stock": True,
    }  # fmt: skip


class Shelf:
    """Search's store with one product in it, and what a test adds."""

    def __init__(self) -> None:
        self.others: list[dict[str, Any]] = []
        """More hits, found by category and brand alone."""

    of_product: ClassVar[dict[str, str]] = {"Color": "Forest", "Size": "45 cm"}

    async def known_options(self, keys: Collection[str]) -> set[str]:
        return {option_key(name) for name in self.of_product} & set(keys)

    async def search(
        self, asked: Criteria, reading: Reading, *, limit: int, after: Sequence[Any] | None = None
    ) -> Found:
        fits = {
            "category": "kitchen" in asked.categories or not asked.categories,
            "brand": "Haverfold" in asked.brands or not asked.brands,
            "price": (asked.price_min or 0) <= 1600 <= (asked.price_max or 1600),
            **{
                name: value in (asked.options or {}).get(option_key(name), [value])
                for name, value in self.of_product.items()
            },
        }

        def count(facet: str, value: str) -> list[Counted]:
            return [Counted(value, 1)] if all(does for name, does in fits.items() if name != facet) else []

        mug = {"id": MUG_ID, "slug": "mug", "title": "A mug", "brand": "Haverfold", "categories": ["kitchen"],
               "price": 1600, "price_to": 1600, "compare_at_price": None, "currency": "EUR", "image": None,
               "in_stock": True, "variants": [{"sku": "MUG-S"}, {"sku": "MUG-L"}]}  # fmt: skip
        hits = [mug] if all(fits.values()) and after is None else []
        hits += [
            one
            for one in self.others
            if not asked.options
            and set(asked.categories) <= set(one["categories"])
            and (not asked.brands or one["brand"] in asked.brands)
            and (asked.price_min or 0) <= one["price"]
        ]
        return Found(
            matched=1, total=len(hits) if after is None else int(all(fits.values())), products=hits,
            last=[1, 1.0, 1, MUG_ID] if hits else None,
            categories=count("category", "kitchen"), brands=count("brand", "Haverfold"),
            options=[
                CountedOption(option_key(name), name, 1, counted)
                for name, value in self.of_product.items() if (counted := count(name, value))
            ],
        )  # fmt: skip

    async def category_names(self, ids: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(ids, "Kitchen")


@dataclass
class Storefront:
    """The running server, and the API behind it."""

    url: str
    api: Api
    session: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        answer = await self.session.get(f"{self.url}{path}", headers=headers, allow_redirects=False)
        await answer.read()
        return answer


@asynccontextmanager
async def served(folder: Path, api: Api, merchant: dict[str, Any]) -> AsyncIterator[Storefront]:
    """The built storefront of a merchant, in front of an API of the tests' own."""
    if not pages.are_built():
        pytest.fail("the pages are not built: run the tests by ./bodega test")
    secret = folder / "secret"
    secret.write_text("of-the-purger\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with serving(api.app()) as behind, aiohttp.ClientSession() as session:
        settings = {"PORT": str(port), "API_URL": behind.base, "EDGE_SECRET": "of-the-edge", "SITE_URL": SITE,
                    "LOCALE": "en-IE", "CARD_ORIGIN": "http://cards.test", "MERCHANT": json.dumps(merchant),
                    "EDGE_URL": f"{behind.base}/edge", "PURGE_SECRET_FILE": str(secret)}  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            pages.node(), "server.ts", cwd=pages.STOREFRONT,
            env={"PATH": os.environ["PATH"], "NODE_ENV": "production",
                 **{f"BODEGA_STOREFRONT_{name}": value for name, value in settings.items()}},
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}"

        async def is_alive() -> None:
            try:
                async with session.get(f"{url}/livez") as answer:
                    assert answer.status == 200
            except aiohttp.ClientError as error:
                raise AssertionError("it does not listen yet") from error

        async def has_told_the_edge() -> None:
            assert len(api.purges) == 2

        try:
            await eventually(is_alive, within_seconds=20)
            await eventually(has_told_the_edge)
            yield Storefront(url, api, session)
        finally:
            process.terminate()
            await process.wait()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Storefront]:
    async with served(tmp_path_factory.mktemp("edge"), Api(), MERCHANT) as storefront:
        yield storefront


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def bare(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Storefront]:
    """Of a merchant who has filled in nothing."""
    async with served(tmp_path_factory.mktemp("bare"), Api(), {}) as storefront:
        yield storefront


@pytest.fixture
def storefront(server: Storefront) -> Storefront:
    """The server, its API as new."""
    server.api.products, server.api.fails = {"mug": product()}, False
    server.api.sold_out, server.api.inventory_fails = set(), False
    server.api.lookup_status = server.api.withdrawal_status = 202
    server.api.failing, server.api.left, server.api.tax = set(), {}, {}
    server.api.cart = []
    server.api.shelf.others.clear()
    server.api.asked.clear()
    server.api.queries.clear()
    return server
