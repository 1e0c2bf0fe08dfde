"""Signed in for longer than an access token lives: nothing is lost, with scripts and without."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from bodega.kit.testing import Caller, eventually
from tests.journeys.browser.conftest import Site, go
from tests.journeys.browser.test_shopping import GOOD, add, pay, say_where
from tests.journeys.conftest import PASSWORD
from tests.journeys.shop import Merchant, unique

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def signs_up(site: Site, api: Caller) -> None:
    """The browser has the cookies of somebody who has just registered."""
    email = f"{unique('kim')}@example.com"
    wish = {"email": email, "password": PASSWORD, "name": "Kim Muster", "cookies": True}
    answer = await site.context.request.post(f"{site.url}/api/auth/register", data=wish, headers={"Origin": site.url})
    assert answer.status == 201, await answer.text()


async def ten_minutes_pass(site: Site) -> None:
    """What browsers do then: the access token's cookie is at the end of its age, the others are not."""
    await site.context.clear_cookies(name="bodega_access")


async def is_on_sale(page_of: Site, slug: str) -> Page:
    async def is_shown() -> Page:
        page = await page_of.open(f"/products/{slug}")
        assert await page.get_by_role("button", name="Add to cart").is_visible()
        return page

    return await eventually(is_shown, every_seconds=0.3)


async def test_cart_drawer_and_checkout_go_on_after_the_access_token_has_run_out(
    site: Site, api: Caller, merchant: Merchant
) -> None:
    first, second = [(await merchant.makes())["slug"] for _ in range(2)]
    await signs_up(site, api)
    page = await is_on_sale(site, first)
    await add(page)

    await ten_minutes_pass(site)
    page = await is_on_sale(site, second)
    await add(page)
    lines = page.get_by_role("dialog").get_by_role("listitem")
    await expect(lines).to_have_count(2)

    await ten_minutes_pass(site)
    await go(page, f"{site.url}/cart")
    await expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(2)

    await ten_minutes_pass(site)
    await page.get_by_role("link", name="Check out").click()
    await expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    await ten_minutes_pass(site)
    await say_where(page, f"{unique('kim')}@example.com")
    await expect(page.get_by_role("button", name=re.compile("^Pay "))).to_be_visible()
    await ten_minutes_pass(site)
    await pay(page, GOOD)
    await expect(page).to_have_url(re.compile("/orders/"), timeout=20_000)


@pytest.mark.without_scripts
async def test_without_scripts_too(site: Site, api: Caller, merchant: Merchant) -> None:
    first, second = [(await merchant.makes())["slug"] for _ in range(2)]
    await signs_up(site, api)
    page = await is_on_sale(site, first)
    await page.get_by_role("button", name="Add to cart").click()
    await expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(1)
    await ten_minutes_pass(site)
    await page.goto(f"{site.url}/cart")
    await expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(1)
    assert urlsplit(page.url).path == "/cart"
    page = await is_on_sale(site, second)
    await ten_minutes_pass(site)
    await page.get_by_role("button", name="Add to cart").click()
    await expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(2)


async def test_after_the_session_has_ended_too_one_goes_on_as_a_guest(
    site: Site, api: Caller, merchant: Merchant
) -> None:
    slug = (await merchant.makes())["slug"]
    await signs_up(site, api)
    page = await is_on_sale(site, slug)
    await add(page)
    for name in ("bodega_access", "bodega_refresh"):
        await site.context.clear_cookies(name=name)
    await go(page, f"{site.url}/cart")
    await expect(page.get_by_text("Your cart is empty.")).to_be_visible()
    page = await is_on_sale(site, slug)
    await add(page)
    await expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(1)
