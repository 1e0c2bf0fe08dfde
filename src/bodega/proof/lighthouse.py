"""What Lighthouse says of the shop's pages: a middling phone on a slow network, through the edge.

Times differ from run to run and from machine to machine, so each page is looked at several times and each figure is the
median of its own.
"""

import json
import secrets
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import aiohttp

from bodega.platform import pages

FOLDER: Final = pages.STOREFRONT / "lighthouse"
_CHROME: Final = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage"
_CATEGORIES: Final = ("performance", "accessibility", "best-practices", "seo")


Reader = Literal["nobody", "guest", "customer"]
"""Whose page it is: anybody's, that of a guest with a cart, that of a customer who is signed in."""


class LighthouseError(Exception):
    """A page could not be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page to look at. `is_indexed`: whether search engines may list it; of others that is not asked."""

    name: str
    path: str
    reader: Reader = "nobody"
    is_indexed: bool = True
    is_bound: bool = True
    """Whether all of the goals hold for it, or that of its layout's steadiness alone."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Scores of 0 to 100, higher is better; the rest lower."""

    performance: float
    accessibility: float
    best_practices: float
    seo: float
    lcp_seconds: float
    """Until the largest part of the first screen is there."""
    tbt_milliseconds: float
    """For how long the page could not answer while it was loading."""
    cls: float
    """How much of the screen moved by itself, times how far."""
    machine: float
    """How fast the machine was meanwhile, by Lighthouse's own benchmark; see `MEANT_FOR`."""

    def misses(self, page: Page) -> list[str]:
        """The names of the figures that miss their goal."""
        return [
            name
            for name, is_met in GOALS.items()
            if (page.is_bound or name == "cls") and not is_met(getattr(self, name))
        ]


MEANT_FOR: Final = 1500
"""Lighthouse imitates a mid-range phone by slowing the processor down four times. That is right for a machine whose
benchmark is at least this (docs/throttling.md of Lighthouse); on a slower one the imitated phone is slower, too."""

GOALS: Final[dict[str, Callable[[float], bool]]] = {
    "performance": lambda value: value >= 95,
    "accessibility": lambda value: value >= 100,
    "best_practices": lambda value: value >= 100,
    "seo": lambda value: value >= 100,
    "lcp_seconds": lambda value: value <= 2.5,
    "cls": lambda value: value <= 0.02,
}


def install() -> None:
    """Fetch Lighthouse and what it needs, as its lock names them. Raises pages.PagesError."""
    pages.run("npm", "ci", "--prefix", str(FOLDER))


def is_installed() -> bool:
    return (FOLDER / "node_modules" / "lighthouse").exists()


class Visit:
    """The pages to measure, and the cookies that each of them needs."""

    def __init__(self, shop: "_Shop", found: list[Page], cart: Mapping[str, str]) -> None:
        self.pages = found
        self._shop = shop
        self._cart = cart

    async def cookies(self, page: Page) -> Mapping[str, str]:
        """What to send with a request for this page now. An access token lives for minutes and many measurements take
        longer, so the customer's session is renewed each time.

        Raises: LighthouseError; aiohttp.ClientError.
        """
        match page.reader:
            case "nobody":
                return {}
            case "guest":
                return self._cart
            case "customer":
                await self._shop.ask("POST", "/auth/refresh")
                return self._shop.cookies()


@asynccontextmanager
async def visit(site: str) -> AsyncIterator[Visit]:
    """The pages, with a product in a cart and a customer signed in, who is erased at the end.

    Raises LighthouseError, if the shop has nothing to show or does not answer.
    """
    password = secrets.token_urlsafe(24)
    account = {"email": f"lighthouse-{secrets.token_hex(8)}@example.com", "password": password, "name": "Lighthouse"}
    jar = aiohttp.CookieJar(unsafe=True)  # of addresses, too
    try:
        async with aiohttp.ClientSession(headers={"Origin": site}, cookie_jar=jar) as session:
            shop = _Shop(session, f"{site}/api")
            category = _first(await shop.ask("GET", "/categories"))["slug"]
            product = _first(await shop.ask("GET", "/search?in_stock=true&limit=1"))["slug"]
            sku = (await shop.ask("GET", f"/products/{product}"))["variants"][0]["sku"]
            await shop.ask("POST", "/cart", {"sku": sku, "quantity": 1})
            cart = shop.cookies()
            await shop.ask("POST", "/auth/register", {**account, "cookies": True})
            found = [
                Page("home", "/"),
                Page("category", f"/categories/{category}"),
                Page("product", f"/products/{product}"),
                Page("cart", "/cart", "guest", is_indexed=False),
                *(
                    Page(f"account{rest}", f"/account{rest}", "customer", is_indexed=False, is_bound=False)
                    for rest in ("", "/orders", "/addresses", "/notifications", "/security")
                ),
            ]
            yield Visit(shop, found, cart)
            await shop.ask("POST", "/auth/refresh")
            await shop.ask("DELETE", "/users/me", {"password": password})
    except aiohttp.ClientError as error:
        raise LighthouseError(f"The shop does not answer: {error}") from error


@dataclass(frozen=True, slots=True)
class _Shop:
    session: aiohttp.ClientSession
    url: str

    def cookies(self) -> dict[str, str]:
        """Those that a browser sends with a page."""
        return {cookie.key: cookie.value for cookie in self.session.cookie_jar if cookie["path"] == "/"}

    async def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        async with self.session.request(method, self.url + path, json=body) as answer:
            if answer.status >= 400:
                raise LighthouseError(f"{method} {path} answered {answer.status}: {await answer.text()}")
            return await answer.json(content_type=None)


def look(site: str, page: Page, sent: Mapping[str, str], *, chrome: str) -> Figures:
    """One look at a page. `sent`: its cookies. Raises LighthouseError."""
    with tempfile.TemporaryDirectory(prefix="bodega-lighthouse-") as folder:
        report, headers = Path(folder) / "report.json", Path(folder) / "headers.json"
        cookies = "; ".join(f"{name}={value}" for name, value in sent.items())
        headers.write_text(json.dumps({"Cookie": cookies} if cookies else {}))
        try:
            pages.run(
                "node", str(FOLDER / "node_modules" / "lighthouse" / "cli" / "index.js"), site + page.path,
                "--output=json", f"--output-path={report}", f"--chrome-flags={_CHROME}", f"--extra-headers={headers}",
                f"--only-categories={','.join(_CATEGORIES)}", "--quiet", "--no-enable-error-reporting",
                *([] if page.is_indexed else ["--skip-audits=is-crawlable"]),
                environment={"CHROME_PATH": chrome},
            )  # fmt: skip
            return _figures(json.loads(report.read_text()))
        except (pages.PagesError, OSError, ValueError) as error:
            raise LighthouseError(f"{page.path} could not be measured: {error}") from error


def median(looks: list[Figures]) -> Figures:
    """Of each figure its own."""
    return Figures(*(statistics.median(getattr(one, name) for one in looks) for name in Figures.__slots__))


def _figures(report: Mapping[str, Any]) -> Figures:
    """Raises LighthouseError, if the page itself could not be loaded."""
    if problem := report.get("runtimeError"):
        raise LighthouseError(f"{report['requestedUrl']}: {problem['message']}")
    scores = {name: round(report["categories"][name]["score"] * 100) for name in _CATEGORIES}
    measured = {name: audit.get("numericValue") for name, audit in report["audits"].items()}
    return Figures(
        performance=scores["performance"],
        accessibility=scores["accessibility"],
        best_practices=scores["best-practices"],
        seo=scores["seo"],
        lcp_seconds=measured["largest-contentful-paint"] / 1000,
        tbt_milliseconds=measured["total-blocking-time"],
        cls=measured["cumulative-layout-shift"],
        machine=report["environment"]["benchmarkIndex"],
    )


def _first(answer: Any) -> Any:
    if not answer["items"]:
        raise LighthouseError("The shop has nothing to show. `./bodega seed` fills it.")
    return answer["items"][0]
