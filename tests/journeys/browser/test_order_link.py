"""A guest's link to an order: its token goes to the shop once, in a body, and is in no address that anybody keeps."""

import re

import pytest
from playwright.async_api import Request, expect

from tests.journeys.browser.conftest import Site, at_work, go
from tests.journeys.parts import nothing_is_packed
from tests.journeys.shop import Merchant, Shopper

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.alone  # nobody's parcel is packed meanwhile
async def test_the_token_of_an_orders_link_is_in_no_address_and_survives_a_reload(
    site: Site, merchant: Merchant, guest: Shopper
) -> None:
    order = await guest.buys((await merchant.makes(stock=5))["sku"])
    page = await site.context.new_page()
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - Playwright marks the handler
    number = order.checkout["order"]["number"]
    with nothing_is_packed():
        await go(page, f"{site.url}/orders/{number}#token={order.token}")
        await page.get_by_role("heading", name="What you ordered").wait_for()
        await expect(page).to_have_url(re.compile(rf"/orders/{number}$"))
        await page.reload()
        await at_work(page)
        await page.get_by_role("heading", name="What you ordered").wait_for()
        await page.get_by_role("button", name="Cancel the order").click()
        await page.get_by_role("button", name="Yes, cancel it").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    assert any(one.url.endswith(f"/orders/{number}/events") for one in asked)
    for one in asked:
        assert order.token not in one.url.partition("#")[0]  # what stands behind it is not sent
        assert order.token not in (await one.all_headers()).get("referer", "")
    assert order.token not in await page.evaluate(
        "document.cookie + JSON.stringify({...localStorage, ...sessionStorage})"
    )


async def test_a_link_of_before_opens_the_order_by_its_id_and_loses_its_query(
    site: Site, merchant: Merchant, guest: Shopper
) -> None:
    order = await guest.buys((await merchant.makes(stock=5))["sku"])
    page = await site.open(f"/orders/{order.id}?token={order.token}")
    await page.get_by_role("heading", name="What you ordered").wait_for()
    await expect(page).to_have_url(re.compile(rf"/orders/{order.checkout['order']['number']}$"))
    await page.reload()
    await page.get_by_role("heading", name="What you ordered").wait_for()


async def test_a_wrong_link_leads_to_where_a_right_one_is_had(site: Site, merchant: Merchant, guest: Shopper) -> None:
    order = await guest.buys((await merchant.makes(stock=5))["sku"])
    page = await site.open(f"/orders/{order.id}")
    await page.get_by_role("link", name="Find your order").wait_for()
    await page.goto(f"{page.url}#token={order.token}")  # pasted into the page that could not show it
    await page.get_by_role("heading", name="What you ordered").wait_for()


@pytest.mark.without_scripts
async def test_without_scripts_the_page_says_what_can_be_done(site: Site) -> None:
    page = await site.open("/orders/BDG-TNDA-FC5E#token=x")
    await expect(page.get_by_role("main").get_by_role("link", name="send you the link again")).to_be_visible()
    await expect(page.get_by_role("main").get_by_role("link", name="contact us")).to_be_visible()
