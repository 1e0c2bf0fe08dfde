"""Each page, at both sizes: for everybody to use (axe), within the policy, without a word of complaint."""

import json
from functools import partial

import pytest
from playwright.async_api import Page, expect

from bodega.kit.testing import eventually
from bodega.platform import pages
from tests.journeys.browser.conftest import Site
from tests.journeys.conftest import PASSWORD
from tests.journeys.shop import Merchant, Shopper, unique

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = pages.STOREFRONT / "node_modules" / "axe-core" / "axe.min.js"
FOR_EVERYBODY = (
    "/", "/search", "/search?q=nothingatall", "/cart", "/checkout", "/account/sign-in", "/account/sign-up",
    "/account/forgot-password", "/account/reset-password", "/account/verify-email", "/nowhere", "/find-order",
    "/imprint", "/terms", "/privacy", "/withdrawal", "/returns", "/shipping", "/contact", "/withdraw",
)  # fmt: skip
FOR_CUSTOMERS = ("/account", "/account/orders", "/account/addresses", "/account/notifications", "/account/security")


COLOURS_HAVE_SETTLED = """(async () => {
  const changing = () => document.getAnimations().filter((one) => one instanceof CSSTransition);
  do {
    await new Promise(requestAnimationFrame);
    await Promise.allSettled(changing().map((one) => one.finished));
  } while (changing().length);
})()"""


async def is_for_everybody(page: Page) -> None:
    await page.wait_for_load_state("load")  # not "networkidle": an order's page listens for as long as it is open
    await expect(page.get_by_text("…", exact=False).filter(visible=True)).to_have_count(0)  # nothing is still looked up
    # A button that can be pressed from now on changes its colour for a moment: nobody reads it meanwhile.
    await page.emulate_media(reduced_motion="reduce")
    await page.evaluate(COLOURS_HAVE_SETTLED)
    # Evaluated by the browser's debugger, so that the page's policy stays as it is for shoppers.
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice']})")
    told = [
        {"rule": fault["id"], "help": fault["help"], "where": [node["target"] for node in fault["nodes"]][:3]}
        for fault in found["violations"]
    ]
    assert not told, f"{page.url}: {json.dumps(told, indent=1)}"
    await is_legible_in_the_dark(page)
    await fits_the_window(page)


async def _is_dark(page: Page) -> None:
    background = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert background == "rgb(24, 22, 19)", "the page is not dark"


async def is_legible_in_the_dark(page: Page) -> None:
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    await eventually(partial(_is_dark, page))
    await page.evaluate(COLOURS_HAVE_SETTLED)  # the page's ground changes at once, its words by a transition
    found = await page.evaluate("axe.run({runOnly: {type: 'rule', values: ['color-contrast', 'link-in-text-block']}})")
    told = [
        (fault["id"], node["target"], node["failureSummary"])
        for fault in found["violations"]
        for node in fault["nodes"]
    ]
    assert not told, f"{page.url} in the dark: {json.dumps(told[:5], indent=1)}"
    await page.emulate_media(color_scheme="light", reduced_motion="no-preference")


async def fits_the_window(page: Page) -> None:
    overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{page.url} is {overflow} pixels wider than the window"


@pytest.mark.parametrize("path", FOR_EVERYBODY)
async def test_the_pages_for_everybody(site: Site, size: str, path: str) -> None:
    await is_for_everybody(await site.open(path))


async def test_the_page_of_a_product_without_pictures(site: Site, size: str, merchant: Merchant) -> None:
    product = await merchant.makes()
    await is_for_everybody(await site.open(f"/products/{product['slug']}"))


async def test_the_pages_of_a_category_and_of_a_product_with_pictures(
    site: Site, size: str, merchant: Merchant
) -> None:
    slug = "journey-room"
    await merchant.api.post("/admin/categories", {"slug": slug, "title": "Journey room", "description": "For tests."})
    product = await merchant.makes(categories=[slug])
    await merchant.pictures(product)
    for path in (f"/categories/{slug}", f"/products/{product['slug']}"):
        page = await site.open(path)
        await is_for_everybody(page)
        broken = await page.evaluate(
            "[...document.images].filter((it) => it.complete && !it.naturalWidth).map((it) => it.src)"
        )
        assert not broken
        await page.close()


async def test_a_word_that_does_not_end_breaks_no_page(site: Site, size: str, merchant: Merchant) -> None:
    word = "Donaudampfschiff" * 10
    slug = unique("long")
    category = {"slug": slug, "title": word[:100], "description": word}
    assert (await merchant.api.post("/admin/categories", category)).status == 201
    product = await merchant.makes(title=word, brand=word[:80], categories=[slug])
    paths = ["/", f"/categories/{slug}", f"/products/{product['slug']}", f"/search?q={word[:32]}"]
    for path in paths:
        page = await site.open(path)
        await fits_the_window(page)
    page = await site.open(f"/products/{product['slug']}")
    await page.get_by_role("button", name="Add to cart").click()
    await expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(1)
    for path in ("/cart", "/checkout"):
        page = await site.open(path)
        await expect(page.get_by_text(word).first).to_be_attached()  # on a phone the checkout's summary is folded
        await fits_the_window(page)


async def test_the_cart_the_checkout_and_an_order(site: Site, size: str, merchant: Merchant, guest: Shopper) -> None:
    product = await merchant.makes(stock=5)
    page = await site.open(f"/products/{product['slug']}")
    await page.get_by_role("button", name="Add to cart").click()
    await page.get_by_role("dialog").get_by_role("link", name="Check out").wait_for()
    await is_for_everybody(page)
    for path in ("/cart", "/checkout"):
        page = await site.open(path)
        if path == "/checkout" and size == "phone":
            await page.get_by_role("button", name="Show your order").click()
        await page.get_by_text(product["title"]).first.wait_for()
        await is_for_everybody(page)
    order = await guest.buys(product["sku"])
    page = await site.open(f"/orders/{order.id}#token={order.token}")
    await page.get_by_role("heading", name="What you ordered").wait_for()
    await is_for_everybody(page)


async def test_the_customers_own_pages(site: Site, size: str, customer: Shopper) -> None:
    page = await site.open("/account/sign-in")
    await page.get_by_label("E-mail").fill(customer.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", level=1, name="Hello").wait_for()
    for path in FOR_CUSTOMERS:
        page = await site.open(path)
        await page.get_by_role("heading", level=1).wait_for()
        await is_for_everybody(page)
        await page.close()


async def test_nothing_moves_while_a_page_of_the_account_is_loaded(
    site: Site, size: str, merchant: Merchant, customer: Shopper
) -> None:
    """Cumulative layout shift of at most 0.02, as the browser counts it."""
    product = await merchant.makes(stock=5)
    await customer.buys(product["sku"])
    await site.context.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => {"
        "for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;"
        "}).observe({type: 'layout-shift', buffered: true});"
    )
    page = await site.open("/account/sign-in")
    await page.get_by_label("E-mail").fill(customer.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", level=1, name="Hello").wait_for()
    for path in (*FOR_CUSTOMERS, "/checkout", "/cart"):
        page = await site.open(path)
        await page.get_by_role("heading", level=1).wait_for()
        await expect(page.get_by_text("…", exact=False).filter(visible=True)).to_have_count(0)
        shift = await page.evaluate("window.shift")
        assert shift <= 0.02, (path, shift)
        await page.close()
