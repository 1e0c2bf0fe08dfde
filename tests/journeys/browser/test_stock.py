"""What is left is asked for by the page that a shopper has open: it knows more than the page that is kept."""

import pytest
from playwright.async_api import Page, expect

from bodega.kit.testing import eventually
from tests.journeys.browser.conftest import Site
from tests.journeys.shop import Merchant

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def comes_from_memory(page: Page) -> None:
    """Once the edge has it: what is purged just now may be asked for again."""

    async def check() -> None:
        answer = await page.reload()
        assert answer is not None
        assert answer.headers["x-cache"] == "HIT"

    await eventually(check)


async def test_an_open_page_says_by_itself_that_the_product_has_sold_out_and_that_it_is_back(
    site: Site, merchant: Merchant
) -> None:
    product = await merchant.makes(stock=3)
    await site.context.clock.install()
    page = await site.open(f"/products/{product['slug']}")
    await comes_from_memory(page)
    await expect(page.get_by_text("Only 3 left.")).to_be_visible()
    for on_hand, words in ((0, "This one is sold out for now."), (40, "In stock.")):
        await merchant.stocks(product["sku"], on_hand)
        await page.clock.fast_forward(30_000)  # it looks again every half minute
        await expect(page.get_by_text(words)).to_be_visible()
        await expect(page.get_by_role("button", name="Sold out")).to_have_count(0 if on_hand else 1)


async def test_a_kept_page_shows_to_the_next_who_comes_what_is_left_now(site: Site, merchant: Merchant) -> None:
    product = await merchant.makes(stock=9)
    page = await site.open(f"/products/{product['slug']}")
    await comes_from_memory(page)
    await expect(page.get_by_text("In stock.")).to_be_visible()
    await merchant.stocks(product["sku"], 4)
    await comes_from_memory(page)
    await expect(page.get_by_text("Only 4 left.")).to_be_visible()
    await merchant.stocks(product["sku"], 0)
    await page.reload()
    await expect(page.get_by_role("button", name="Sold out")).to_be_visible()
