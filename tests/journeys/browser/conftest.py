"""A real browser in front of the shop, at two sizes, that fails a test for whatever a page complains of."""

import fcntl
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)

from bodega.kit.testing import Caller
from bodega.platform import pages
from tests.conftest import engine

SIZES: dict[str, ViewportSize] = {
    "phone": {"width": 390, "height": 844},
    "desktop": {"width": 1280, "height": 900},
}
# What a page may say aloud: an answer that refuses is a part of its work (a declined card, somebody not signed in).
_EXPECTED = "Failed to load resource: the server responded with a status of 4"
# How long a state is waited for, in milliseconds: on a machine that is shared it comes late, and comes.
_PATIENCE_MS = 30_000
expect.set_options(timeout=_PATIENCE_MS)
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@dataclass
class Site:
    """The shop as a browser sees it."""

    url: str
    context: BrowserContext
    has_scripts: bool = True
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str) -> Page:
        """A new page at a path of the shop, when its scripts are at work."""
        page = await self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        answer = await page.goto(self.url + path)
        assert answer is not None
        assert answer.status < 500, (path, answer.status)
        if self.has_scripts:
            await at_work(page)
        return page

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning") and not said.text.startswith(_EXPECTED):
            self.complaints.append(f"{said.location.get('url')}: {said.text}")


async def at_work(page: Page) -> None:
    """The page's scripts have begun. Before, a button does what it does without scripts."""
    await expect(page.locator("html")).to_have_attribute("data-scripts", "on")


async def go(page: Page, url: str) -> None:
    """To another address, until its scripts are at work."""
    await page.goto(url)
    await at_work(page)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    home = Path(os.environ.get("BODEGA_HOME") or pages.STOREFRONT.parent / ".bodega") / "browser"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "unpacked-by").open("w") as turn:  # by one of the processes that run side by side; the others wait
        fcntl.flock(turn, fcntl.LOCK_EX)
        program = pages.chromium(home)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield running
        await running.close()


@pytest.fixture(params=list(SIZES))
def size(request: pytest.FixtureRequest) -> str:
    """Each test that asks for it runs at the size of a phone and of a desktop."""
    return str(request.param)


@pytest.fixture
async def site(browser: Browser, api: Caller, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """A browser of somebody new. `api`: the shop is open."""
    chosen = request.getfixturevalue("size") if "size" in request.fixturenames else "desktop"
    scripts = request.node.get_closest_marker("without_scripts") is None
    context = await browser.new_context(viewport=SIZES[chosen], java_script_enabled=scripts, locale="en-IE")
    context.set_default_timeout(_PATIENCE_MS)
    site = Site(engine("BODEGA_ORDERS_SITE_URL"), context, scripts)
    yield site
    if getattr(request.node, "failed", False):
        folder = Path(tempfile.mkdtemp(prefix="bodega-browser-"))
        for number, page in enumerate(context.pages):
            await page.screenshot(path=folder / f"{request.node.name}-{number}.png", full_page=True)
    await context.close()
    assert not site.complaints, site.complaints


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> object:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    item.failed = report.failed  # type: ignore[attr-defined]
