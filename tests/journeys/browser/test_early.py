"""Whoever is quicker than the page's scripts gets what they chose: on a slow line that is everybody."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, Route, expect

from bodega.kit.testing import Caller
from tests.journeys.browser.conftest import Site, at_work
from tests.journeys.browser.test_shopping import is_found
from tests.journeys.shop import Merchant, euro, unique

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def slow(site: Site, path: str) -> AsyncIterator[tuple[Page, Callable[[], Awaitable[None]]]]:
    """A page whose scripts come when they are let through."""
    may_come = asyncio.Event()

    async def hold(route: Route) -> None:
        await may_come.wait()
        await route.continue_()

    page = await site.context.new_page()
    await page.route("**/_next/static/**/*.js", hold)
    await page.goto(site.url + path, wait_until="domcontentloaded")

    async def let_through() -> None:
        may_come.set()
        await at_work(page)

    yield page, let_through
    may_come.set()
    await page.close()


@pytest.fixture
async def lantern(merchant: Merchant) -> str:
    """The slug of a product in two sizes, 20 and 25 euros; also the beginning of its SKUs."""
    slug = unique("early")
    sizes = [
        {"sku": f"{slug}-{size}", "options": {"Size": size}, "price": euro(price), "weight_grams": 400}
        for size, price in (("Small", 2000), ("Large", 2500))
    ]
    options = [{"name": "Size", "values": ["Small", "Large"]}]
    await merchant.makes(title=f"Lantern {slug}", slug=slug, options=options, variants=sizes, stock=9)
    await merchant.stocks(f"{slug}-Large", 9)
    return slug


async def test_the_variant_and_quantity_that_are_shown_are_bought(site: Site, size: str, lantern: str) -> None:
    async with slow(site, f"/products/{lantern}") as (page, let_through):
        await page.get_by_text("Large", exact=True).click()
        await page.get_by_label("Quantity", exact=True).select_option("3")
        await let_through()
        await expect(page.get_by_role("main").get_by_text("€25.00").first).to_be_visible()
        await expect(page.get_by_label("Quantity", exact=True)).to_have_value("3")
        await page.get_by_role("button", name="Add to cart").click()
        drawer = page.get_by_role("dialog")
        await expect(drawer.get_by_role("listitem").filter(has_text="Large")).to_be_visible()
        await expect(drawer.get_by_label(f"Quantity of Lantern {lantern}")).to_have_value("3")


async def test_a_button_pressed_before_buys_what_is_shown_as_well(site: Site, size: str, lantern: str) -> None:
    async with slow(site, f"/products/{lantern}") as (page, _):
        await page.get_by_text("Large", exact=True).click()
        await page.get_by_label("Quantity", exact=True).select_option("2")
        await page.get_by_role("button", name="Add to cart").click()
        await page.wait_for_url("**/cart", wait_until="domcontentloaded")
        line = page.get_by_role("main").get_by_role("listitem").filter(has_text="Large")
        await expect(line.get_by_label(f"Quantity of Lantern {lantern}")).to_have_value("2")


async def test_a_quantity_changed_in_the_cart_is_changed(site: Site, size: str, lantern: str) -> None:
    page = await site.open(f"/products/{lantern}")
    await page.get_by_role("button", name="Add to cart").click()
    await expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(1)
    async with slow(site, "/cart") as (cart, let_through):
        quantity = cart.get_by_role("main").get_by_label(f"Quantity of Lantern {lantern}")
        await quantity.select_option("4")
        await let_through()
        await expect(cart.get_by_role("main").get_by_text("€80.00").first).to_be_visible()
        await expect(quantity).to_have_value("4")


async def test_words_typed_into_the_search_are_answered(site: Site, size: str, api: Caller, lantern: str) -> None:
    await is_found(api, lantern, products=1, in_stock=1)
    async with slow(site, "/") as (page, let_through):
        await page.get_by_role("combobox", name="Search the shop").fill(lantern)
        await let_through()
        await expect(page.get_by_role("option", name=re.compile(f"Lantern {lantern}"))).to_be_visible()


async def test_an_order_of_the_list_chosen_before_is_followed(site: Site, size: str, api: Caller, lantern: str) -> None:
    await is_found(api, lantern, products=1, in_stock=1)
    async with slow(site, f"/search?q={lantern}") as (page, let_through):
        await page.get_by_label("Sort by").select_option("price")
        await let_through()
        await page.wait_for_url("**sort=price**")


@pytest.mark.parametrize("path", ["/account/sign-in", "/account/sign-up", "/account/forgot-password"])
async def test_no_form_sends_what_is_typed_as_an_address(site: Site, size: str, path: str) -> None:
    async with slow(site, path) as (page, let_through):
        await page.get_by_label("E-mail").fill("somebody@example.com")
        await page.get_by_label("E-mail").press("Enter")
        form = page.get_by_role("main").locator("form")
        await expect(form.get_by_role("button")).to_be_disabled()
        assert page.url == site.url + path
        await let_through()
        await expect(page.get_by_label("E-mail")).to_have_value("somebody@example.com")
        await expect(form.get_by_role("button")).to_be_enabled()
