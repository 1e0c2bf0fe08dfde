"""The way from a cart to a paid order, with all that may come between: each refusal is said where the shopper is."""

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.journeys.browser.conftest import Site, go
from tests.journeys.browser.test_shopping import DECLINED, GOOD, SECURE, add, pay, say_where
from tests.journeys.conftest import PASSWORD
from tests.journeys.shop import ADDRESS, Merchant, Shopper, unique

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAY = re.compile(r"^Pay ")


async def has_focus(locator: Locator) -> None:
    await expect(locator).to_be_focused()
    await expect(locator).to_be_in_viewport()


async def picture(page: Page, name: str) -> None:
    """Kept where BODEGA_PICTURES says, to be looked at."""
    if folder := os.environ.get("BODEGA_PICTURES"):
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def to_payment(site: Site, slug: str, email: str) -> Page:
    page = await site.open(f"/products/{slug}")
    await add(page)
    await page.get_by_role("dialog").get_by_role("link", name="Check out").click()
    await say_where(page, email)
    await expect(page.get_by_role("button", name=PAY)).to_be_visible()
    return page


async def test_a_stranger_buys_on_a_phone_and_is_told_each_time_what_happened(site: Site, merchant: Merchant) -> None:
    """Short stock, a changed price, a declined card and a 3-D Secure challenge that fails once, on one way."""
    word = unique("ruler").replace("-", "")
    product = await merchant.makes(title=f"Steel {word}", slug=word, price=1200, stock=9)
    await merchant.pictures(product)
    product["etag"] = (await merchant.api.get(f"/admin/products/{product['id']}")).headers["etag"]
    page = await site.open("/")
    await page.set_viewport_size({"width": 375, "height": 667})
    await picture(page, "01-home")
    await go(page, f"{site.url}/search?q={word}")
    await page.get_by_role("link", name=re.compile(word)).first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Steel {word}")
    await expect(page.get_by_text("In stock.")).to_be_visible()  # the page's scripts are at work
    await picture(page, "02-product")
    await page.get_by_label("Quantity", exact=True).select_option("5")
    await add(page)
    await picture(page, "03-drawer")
    await page.get_by_role("dialog").get_by_role("link", name="Check out").click()

    await merchant.stocks(product["sku"], 2)  # others have bought while the address was typed
    await say_where(page, f"{unique('stranger')}@example.com")
    refusal = page.get_by_role("main").get_by_role("alert")
    if not await page.get_by_role("button", name=PAY).is_visible():
        await expect(refusal.or_(page.get_by_role("button", name=PAY))).to_be_visible()
    if await page.get_by_role("button", name=PAY).is_visible():
        await pay(page, GOOD)
    await expect(refusal).to_contain_text(f"only 2 of “Steel {word}” left; you wanted 5")
    assert product["sku"] not in await refusal.inner_text()
    await has_focus(refusal)
    await picture(page, "04-short-stock")
    await refusal.get_by_role("button", name="Take 2").click()
    await expect(page.get_by_role("button", name="Pay €28.90")).to_be_visible()
    await picture(page, "05-took-two")

    await merchant.reprices(product, 1300)
    await pay(page, GOOD)
    await expect(refusal).to_contain_text(f"“Steel {word}” is now €13.00 (was €12.00).")
    await expect(refusal).to_contain_text("The total is now €30.90 (was €28.90).")
    await has_focus(refusal)
    await expect(page.get_by_role("button", name="Pay €28.90")).to_be_visible()  # nothing has changed silently
    await picture(page, "06-new-price")
    await page.get_by_role("button", name="Accept €30.90").click()
    await has_focus(page.get_by_role("button", name="Pay €30.90"))

    await pay(page, DECLINED)
    await expect(refusal).to_contain_text("please try another card")
    await has_focus(refusal)
    await picture(page, "07-declined")

    await pay(page, SECURE)
    await page.get_by_role("button", name="Fail").click()
    heading = page.get_by_role("heading", level=1)
    await expect(heading).to_have_text("Your bank could not confirm the payment")
    await has_focus(heading)
    await expect(page.get_by_text("Your items are kept for you until")).to_have_count(1)
    await expect(page.get_by_text("€30.90").first).to_be_visible()
    await picture(page, "08-challenge-failed")
    await pay(page, SECURE)
    await page.get_by_role("button", name="Complete").click()
    await page.wait_for_url("**/orders/**")
    await expect(heading).to_contain_text("Ada")
    await has_focus(heading)
    await picture(page, "09-order")
    await expect(page.get_by_text("2 × ", exact=False).first).to_be_visible()


async def test_what_is_changed_after_a_declined_card_is_what_is_bought(site: Site, merchant: Merchant) -> None:
    product = await merchant.makes(price=1500, stock=5)
    page = await to_payment(site, product["slug"], f"{unique('old')}@example.com")
    await pay(page, DECLINED)
    await expect(page.get_by_text("please try another card")).to_be_visible()
    email = f"{unique('new')}@example.com"
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Street and number").fill("Neue Strasse 2")
    await page.get_by_role("button", name="Continue to shipping").click()
    await page.get_by_label("Express").click()
    await expect(page.get_by_role("button", name="Pay €24.90")).to_be_visible()
    await pay(page, GOOD)
    await page.wait_for_url("**/orders/**")
    await expect(page.get_by_text(email).first).to_be_visible()
    await expect(page.get_by_text("Neue Strasse 2")).to_be_visible()
    await expect(page.get_by_text("€24.90").first).to_be_visible()


async def test_with_the_keyboard_alone_the_focus_is_always_where_the_eye_is(
    site: Site, size: str, merchant: Merchant
) -> None:
    """What `document.activeElement` is after each step, from the product to the order."""
    product = await merchant.makes(price=1000, stock=5)
    other = await merchant.makes(price=1000, stock=5)
    page = await site.open(f"/products/{other['slug']}")
    await add(page)
    await go(page, f"{site.url}/products/{product['slug']}")
    button = page.get_by_role("button", name="Add to cart")
    await button.focus()
    await page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog")
    await expect(drawer).to_be_visible()
    await expect(drawer.locator(":focus")).to_have_count(1)
    await page.keyboard.press("Escape")
    await has_focus(button)

    await go(page, f"{site.url}/cart")
    await page.get_by_role("button", name=f"Remove {other['title']}").press("Enter")
    await has_focus(page.get_by_role("button", name=f"Remove {product['title']}"))
    await go(page, f"{site.url}/checkout")
    await page.get_by_label("E-mail").fill(f"{unique('keys')}@example.com")
    for label, text in (("Name", "Ada Lovelace"), ("Street and number", "Torstrasse 1"), ("Town or city", "Berlin")):
        await page.get_by_label(label).fill(text)
    await page.get_by_role("button", name="Continue to shipping").press("Enter")
    await has_focus(page.get_by_label("Postal code"))
    await page.get_by_label("Postal code").fill("10119")
    await page.get_by_role("button", name="Continue to shipping").press("Enter")
    await has_focus(page.get_by_role("heading", name="Shipping"))

    form = page.frame_locator("iframe")
    for number in (DECLINED, GOOD):
        await form.get_by_label("Card number").fill(number)
        await form.get_by_label("Expires").fill("12 / 39")
        await form.get_by_label("Security code").fill("123")
        await page.get_by_role("button", name=PAY).press("Enter")
        if number == DECLINED:
            await has_focus(page.get_by_role("main").get_by_role("alert"))
    await page.wait_for_url("**/orders/**")
    await has_focus(page.get_by_role("heading", level=1))


async def test_a_customer_with_one_address_sees_it_once_and_a_guest_can_sign_in_from_the_checkout(
    site: Site, size: str, merchant: Merchant, customer: Shopper
) -> None:
    kept = {**ADDRESS, "default_shipping": True, "default_billing": False}
    assert (await customer.api.post("/users/me/addresses", kept)).status == 201
    product = await merchant.makes(price=1000, stock=5)
    page = await site.open(f"/products/{product['slug']}")
    await add(page)
    await go(page, f"{site.url}/checkout")
    await page.get_by_role("main").get_by_role("link", name="Sign in").click()
    await page.get_by_label("E-mail").fill(customer.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("radio", name=re.compile(ADDRESS["line1"]))).to_be_checked()
    await expect(page.get_by_label("Street and number")).to_have_count(0)
    await expect(page.get_by_role("searchbox")).to_have_count(0)  # nothing leads away from the purchase
    await page.get_by_role("button", name="Continue to shipping").click()
    await expect(page.get_by_role("button", name="Pay €14.90")).to_be_visible()
    await page.get_by_label("Another address").check()
    await expect(page.get_by_label("Street and number")).to_be_visible()
    await expect(page.get_by_role("button", name=PAY)).to_have_count(0)  # it must be quoted anew


@pytest.mark.parametrize("quantity", [1, 10, 11, 99, 100, 151, 999])
async def test_a_cart_shows_as_many_pieces_as_there_are(site: Site, merchant: Merchant, quantity: int) -> None:
    product = await merchant.makes(price=100, stock=2000)
    page = await site.open(f"/products/{product['slug']}")
    await expect(page.get_by_text("In stock.")).to_be_visible()  # the page's scripts are at work
    picker = page.get_by_label("Quantity", exact=True)
    if quantity > 10:
        await picker.select_option("More …")
        await picker.fill(str(quantity))
        await picker.press("Enter")
    else:
        await picker.select_option(str(quantity))
    await add(page)
    for _ in range(2):
        await expect(page.get_by_label(f"Quantity of {product['title']}")).to_have_value(str(quantity))
        await go(page, f"{site.url}/cart")


@pytest.mark.parametrize("left", [1, 2, 9])
async def test_a_picker_ends_at_what_is_left_and_a_cart_with_more_is_corrected_by_one_press(
    site: Site, merchant: Merchant, left: int
) -> None:
    product = await merchant.makes(price=1200, stock=50)
    page = await site.open(f"/products/{product['slug']}")
    await expect(page.get_by_text("In stock.")).to_be_visible()  # the page's scripts are at work
    await page.get_by_label("Quantity", exact=True).select_option("10")
    await add(page)
    await merchant.stocks(product["sku"], left)
    await go(page, f"{site.url}/products/{product['slug']}")
    await expect(page.get_by_label("Quantity", exact=True).locator("option")).to_have_count(left)
    page = await site.open("/cart")
    await expect(page.get_by_text(f"Only {left} left, and your cart has 10.")).to_be_visible()
    picker = page.get_by_label(f"Quantity of {product['title']}")
    await expect(picker).to_have_value("10")
    await page.get_by_role("button", name=f"Take {left}").click()
    await expect(picker).to_have_value(str(left))
    await expect(picker).to_be_focused()
    await expect(page.get_by_text("Only")).to_have_count(0)


async def test_a_page_whose_stream_is_refused_for_a_while_hears_the_end_of_the_payment_all_the_same(
    site: Site, merchant: Merchant
) -> None:
    """Too many windows are open: a browser closes such a stream for good, the page asks again."""
    refusals = [429, 429]

    async def refuse(route: Route) -> None:
        if refusals:
            await route.fulfill(status=refusals.pop())
        else:
            await route.continue_()

    async def say_nothing(route: Route) -> None:
        await route.fulfill(status=409, content_type="application/problem+json", body='{"code": "no_action_pending"}')

    product = await merchant.makes(price=1500, stock=5)
    page = await to_payment(site, product["slug"], f"{unique('patient')}@example.com")
    await site.context.route("**/api/checkout/*/events*", refuse)
    await site.context.route("**/api/checkout/*/confirm", say_nothing)  # so the stream alone can tell
    await pay(page, SECURE)
    await page.get_by_role("button", name="Complete").click()
    await page.wait_for_url("**/orders/**")
    assert not refusals
