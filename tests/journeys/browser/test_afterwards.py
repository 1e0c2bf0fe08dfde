"""What a shopper is told beside buying: that something is back, and what is missing for free delivery."""

import pytest
from playwright.async_api import expect

from bodega.kit.testing import Caller, eventually
from tests.journeys.browser.conftest import Site, go
from tests.journeys.browser.test_every_page import is_for_everybody
from tests.journeys.shop import Merchant, Outside, unique

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_who_finds_something_sold_out_is_written_to_when_it_is_back(
    site: Site, size: str, merchant: Merchant, outside: Outside
) -> None:
    product = await merchant.makes(title=unique("Lamp"), stock=0)
    email = f"{unique('ida')}@example.com".lower()
    page = await site.open(f"/products/{product['slug']}")
    asking = page.get_by_role("region", name="Tell me when it is back")
    await expect(asking).to_be_visible()
    await expect(page.get_by_text("arrives")).to_have_count(0)  # nothing is promised of what is not there
    await is_for_everybody(page)
    await asking.get_by_label("E-mail").fill(email)
    await asking.get_by_label("E-mail").press("Enter")
    done = asking.get_by_role("status")
    await expect(done).to_have_text("We will send you one e-mail as soon as it is back.")
    await expect(done).to_be_focused()
    await merchant.stocks(product["sku"], 5)

    async def written() -> str:
        mails = await outside.mails_to(email)
        assert [mail["subject"] for mail in mails] == [f"{product['title']} is back in stock"]
        return str(mails[0]["text"])

    assert f"/products/{product['slug']}?variant={product['sku']}" in await eventually(written)


async def test_what_is_back_in_the_meantime_is_said_where_one_asks_for_it(site: Site, merchant: Merchant) -> None:
    product = await merchant.makes(stock=0)
    page = await site.open(f"/products/{product['slug']}")
    asking = page.get_by_role("region", name="Tell me when it is back")
    await asking.get_by_label("E-mail").fill("ida@example.com")
    await merchant.stocks(product["sku"], 5)
    await asking.get_by_role("button", name="Tell me").click()
    await expect(asking.get_by_role("alert")).to_have_text("This is in stock again. You can order it now.")


async def test_cart_and_drawer_say_what_is_missing_for_free_delivery(
    site: Site, size: str, merchant: Merchant, api: Caller
) -> None:
    (option, *_) = (await api.get("/shipping/options")).json["options"]
    free_from = option["free_from"]["amount"]
    product = await merchant.makes(price=free_from - 150, stock=9)
    page = await site.open(f"/products/{product['slug']}")
    await page.get_by_role("button", name="Add to cart").click()
    missing = "€1.50 more for free delivery within Germany."
    await expect(page.get_by_role("dialog").get_by_text(missing)).to_be_visible()
    await go(page, f"{site.url}/cart")
    await expect(page.get_by_text(missing)).to_be_visible()
    await page.get_by_label("Quantity").select_option("2")
    await expect(page.get_by_text("Delivery within Germany is free.")).to_be_visible()
    await expect(page.get_by_role("progressbar")).to_have_count(0)
