"""The journey by hand: every step of it in a real browser, on a phone and on a desktop."""

import re

import pytest
from playwright.async_api import Page, expect

from bodega.kit.testing import Caller, eventually
from tests.journeys.browser.conftest import Site, at_work, go
from tests.journeys.conftest import PASSWORD
from tests.journeys.parts import nothing_is_packed
from tests.journeys.shop import Merchant, Outside, unique

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOOD = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 9995"
SECURE = "4000 0027 6000 3184"


async def add(page: Page) -> None:
    await at_work(page)
    await page.get_by_role("button", name="Add to cart").click()
    await expect(page.get_by_role("dialog").get_by_role("link", name="Check out")).to_be_visible()


async def say_where(page: Page, email: str | None = None) -> None:
    if email is not None:
        await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Name").fill("Ada Lovelace")
    await page.get_by_label("Street and number").fill("Torstrasse 1")
    await page.get_by_label("Postal code").fill("10119")
    await page.get_by_label("Town or city").fill("Berlin")
    await page.get_by_role("button", name="Continue to shipping").click()


async def pay(page: Page, card: str) -> None:
    form = page.frame_locator("iframe")
    await form.get_by_label("Card number").fill(card)
    await form.get_by_label("Expires").fill("12 / 39")
    await form.get_by_label("Security code").fill("123")
    await page.get_by_role("button", name=re.compile("^Pay ")).click()


async def is_followed_to(page: Page, words: str) -> None:
    """The order's page says so by itself; nobody reloads it."""
    await expect(page.get_by_role("heading", level=1)).to_contain_text(words, timeout=20_000)


async def is_sent(page: Page, number: str, merchant: Merchant, outside: Outside) -> None:
    """The page says that it is on its way once the carrier has scanned it, and not before."""

    async def has_a_label() -> str:
        (shipment,) = await merchant.shipment_of(number)
        assert shipment["tracking_number"] is not None
        return str(shipment["tracking_number"])

    await outside.picks_up(await eventually(has_a_label))
    await is_followed_to(page, "on its way")


async def test_a_shopper_finds_chooses_signs_up_pays_and_follows_the_order(
    site: Site, size: str, api: Caller, merchant: Merchant, outside: Outside
) -> None:
    word = unique("brass").replace("-", "")
    sizes = [{"sku": f"{word}-{s}", "options": {"Size": s}, "price": {"amount": 2000 + 500 * n, "currency": "EUR"},
              "weight_grams": 400} for n, s in enumerate(("Small", "Large"))]  # fmt: skip
    made = await merchant.api.post(
        "/admin/products",
        {"title": f"Lantern {word}", "slug": word, "brand": "Journey", "description": "Shines.", "categories": [],
         "options": [{"name": "Size", "values": ["Small", "Large"]}], "variants": sizes, "status": "published"},
    )  # fmt: skip
    assert made.status == 201, made.body
    await merchant.stocks(f"{word}-Large", 9)
    await is_found(api, word, products=1, in_stock=1)

    page = await site.open("/")
    await page.get_by_role("searchbox", name="Search the shop").or_(page.get_by_role("combobox")).first.fill(word[:-1])
    await page.get_by_role("option", name=re.compile(f"Lantern {word}")).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Lantern {word}")
    await page.get_by_text("Large", exact=True).click()
    await expect(page.get_by_text("€25.00")).to_be_visible()
    await add(page)
    await page.get_by_label(f"Quantity of Lantern {word}").select_option("3")
    await expect(page.get_by_text("€75.00").first).to_be_visible()

    email = f"{unique('bea')}@example.com"
    await go(page, f"{site.url}/account/sign-up?next=/checkout")
    await page.get_by_label("Name").fill("Bea Arbeit")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Create the account").click()
    await expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    await expect(page.get_by_label("E-mail")).to_have_value(email)

    await say_where(page)
    await pay(page, DECLINED)
    await expect(page.get_by_text("please try another card")).to_be_visible()
    await pay(page, GOOD)
    await page.wait_for_url("**/orders/**")
    number = re.search(r"/orders/([A-Z0-9-]+)", page.url)
    assert number is not None
    await is_sent(page, number[1], merchant, outside)

    mails = await outside.has_mails(email, "confirm", "on its way")
    assert any(number[1] in str(mail) for mail in mails)
    await go(page, f"{site.url}/account/orders")
    await page.get_by_role("link", name=number[1]).click()
    await is_followed_to(page, "on its way")
    await go(page, f"{site.url}/cart")
    await expect(page.get_by_text("Your cart is empty.")).to_be_visible()


@pytest.mark.alone  # nobody's parcel is packed meanwhile
async def test_a_guest_with_3d_secure_comes_back_from_the_bank_to_an_order_and_cancels_it(
    site: Site, size: str, merchant: Merchant, outside: Outside
) -> None:
    product = await merchant.makes(price=3000, stock=5)
    email = f"{unique('gil')}@example.com"
    page = await site.open(f"/products/{product['slug']}")
    await add(page)
    await page.get_by_role("dialog").get_by_role("link", name="Check out").click()
    await say_where(page, email)
    await pay(page, SECURE)
    async with page.expect_response("**/api/checkout/*/confirm"):
        await page.get_by_role("button", name="Complete").click()
    with nothing_is_packed():
        await page.wait_for_url("**/orders/**")
        await page.get_by_role("button", name="Cancel the order").click()
        await page.get_by_role("button", name="Yes, cancel it").click()
        await is_followed_to(page, "cancelled")
    await outside.has_mails(email, "cancelled")


async def test_a_challenge_that_fails_leaves_the_purchase_open_for_another_card(site: Site, merchant: Merchant) -> None:
    product = await merchant.makes(price=3000, stock=5)
    page = await site.open(f"/products/{product['slug']}")
    await add(page)
    await page.get_by_role("dialog").get_by_role("link", name="Check out").click()
    await say_where(page, f"{unique('hal')}@example.com")
    await pay(page, SECURE)
    await page.get_by_role("button", name="Fail").click()
    await expect(page.get_by_role("heading", name="Your bank could not confirm the payment")).to_be_visible()
    await pay(page, GOOD)
    await page.wait_for_url("**/orders/**")


async def is_found(api: Caller, words: str, *, products: int, in_stock: int) -> None:
    """Once the search knows of all of them, and of their stock: within a second of the change."""

    async def known() -> None:
        found = (await api.get(f"/search?q={words}")).json
        assert (found["total"], found["facets"]["in_stock"]) == (products, in_stock)

    await eventually(known)


async def test_filters_and_sorting_are_addresses_that_can_be_sent_to_a_friend(
    site: Site, api: Caller, merchant: Merchant
) -> None:
    word = unique("tin").replace("-", "")
    for price in (1000, 3000):
        await merchant.makes(
            title=f"{word} {price}", slug=f"{word}-{price}", price=price, stock=3 if price > 2000 else 0
        )
    await is_found(api, word, products=2, in_stock=1)
    page = await site.open(f"/search?q={word}")
    await expect(page.get_by_text("2 products", exact=True)).to_be_visible()
    await page.get_by_role("complementary", name="Filters").get_by_role("link", name=re.compile("^In stock")).click()
    await expect(page.get_by_text("1 product", exact=True)).to_be_visible()
    friend = await site.open(page.url.removeprefix(site.url))
    await expect(friend.get_by_role("heading", name=f"{word} 3000")).to_be_visible()
    await expect(friend.get_by_role("heading", name=f"{word} 1000")).to_have_count(0)
    await friend.get_by_role("link", name=re.compile("In stock.*remove")).click()
    await friend.get_by_label("Sort by").select_option("-price")
    await expect(friend.locator("article h3").first).to_have_text(f"{word} 3000")


async def test_several_filters_are_chosen_in_a_row_without_the_page_jumping_away(
    site: Site, size: str, api: Caller, merchant: Merchant
) -> None:
    word = unique("zinc").replace("-", "")
    for color in ("Red", "Blue", "Grey"):
        sku = f"{word}-{color}"
        await merchant.makes(
            title=sku, slug=sku.lower(), options=[{"name": "Color", "values": [color]}],
            variants=[{"sku": sku, "options": {"Color": color}, "price": {"amount": 900, "currency": "EUR"}}], stock=0,
        )  # fmt: skip
    await is_found(api, word, products=3, in_stock=0)
    page = await site.open(f"/search?q={word}")
    await page.evaluate("scrollTo(0, 90)")
    if size == "phone":
        await page.get_by_role("button", name="Filters").click()
    filters = page.locator("#filters")
    for chosen, color in enumerate(("Red", "Blue"), start=1):
        await filters.get_by_role("link", name=re.compile(f"^{color}")).filter(visible=True).click()
        await expect(page.get_by_text(f"{chosen} product", exact=False).filter(visible=True).first).to_be_visible()
        assert await page.evaluate("scrollY") > 0


async def test_the_picture_is_of_what_is_chosen(site: Site, size: str, merchant: Merchant) -> None:
    word = unique("jug")
    price = {"amount": 900, "currency": "EUR"}
    skus = {color: f"{word}-{color}" for color in ("Red", "Blue")}
    product = await merchant.makes(
        title=word, slug=word, options=[{"name": "Color", "values": list(skus)}],
        variants=[{"sku": sku, "options": {"Color": color}, "price": price} for color, sku in skus.items()],
    )  # fmt: skip
    await merchant.stocks(skus["Blue"], 3)
    for color, sku in skus.items():
        await merchant.pictures(product, alt=f"{color} jug", variant_skus=[sku])
    page = await site.open(f"/products/{word}")
    first = page.get_by_role("list", name="Pictures").get_by_role("img").first
    await expect(first).to_have_accessible_name("Red jug")
    await page.get_by_text("Blue", exact=True).click()
    await expect(first).to_have_accessible_name("Blue jug")
    await expect(first).to_be_in_viewport()
    page = await site.open(f"/products/{word}?variant={skus['Blue']}")
    await expect(page.get_by_role("list", name="Pictures").get_by_role("img").first).to_have_accessible_name("Blue jug")


async def test_a_search_with_a_typing_error_finds_what_was_meant(site: Site, api: Caller, merchant: Merchant) -> None:
    # Of letters alone and no longer than words are, for such are mended: codes are not.
    word = "ceramic" + "".join(chr(ord("a") + int(digit, 16)) for digit in unique("")[1:7])
    await merchant.makes(title=f"{word} teapot", slug=word)
    await is_found(api, word, products=1, in_stock=1)
    page = await site.open(f"/search?q={word.replace('ceramic', 'cermic')}")
    await expect(page.get_by_role("heading", name=f"{word} teapot")).to_be_visible()


@pytest.mark.without_scripts
async def test_without_scripts_one_can_browse_search_and_fill_a_cart(
    site: Site, api: Caller, merchant: Merchant
) -> None:
    product = await merchant.makes(price=1200, stock=5)
    await is_found(api, product["title"], products=1, in_stock=1)
    page = await site.open("/")
    await page.get_by_label("Search the shop").fill(product["title"])
    await page.get_by_label("Search the shop").press("Enter")
    await page.get_by_role("link", name=product["title"]).click()
    await page.get_by_label("Quantity").select_option("2")
    await page.get_by_role("button", name="Add to cart").click()
    await expect(page.get_by_role("heading", name="Cart")).to_be_visible()
    await expect(page.get_by_text("€24.00").first).to_be_visible()
    await page.get_by_role("button", name="Remove").click()
    await expect(page.get_by_text("Your cart is empty.")).to_be_visible()


async def test_a_forgotten_password_is_replaced_by_the_link_in_the_mail(site: Site, outside: Outside) -> None:
    email = f"{unique('ina')}@example.com"
    page = await site.open("/account/sign-up")
    await page.get_by_label("Name").fill("Ina")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Create the account").click()
    await expect(page.get_by_role("heading", name="Hello, Ina.")).to_be_visible()

    await page.get_by_role("button", name="Send me another e-mail").click()
    await expect(page.get_by_text("Another e-mail is on its way.")).to_be_visible()
    await go(page, await link_in(outside, email, "verify-email"))
    await expect(page.get_by_text("Your e-mail address is confirmed.")).to_be_visible()
    await go(page, f"{site.url}/account/forgot-password")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_role("button", name="Send me a link").click()
    await go(page, await link_in(outside, email, "reset-password"))
    await page.get_by_label("New password").fill("another long sentence")
    await page.get_by_role("button", name="Change the password").click()
    await page.get_by_role("main").get_by_role("link", name="Sign in").click()
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill("another long sentence")
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Hello, Ina.")).to_be_visible()


async def link_in(outside: Outside, email: str, path: str) -> str:
    """The address in the newest mail that leads to a page of the account."""

    async def find() -> str:
        for mail in await outside.mails_to(email):
            whole = (await outside.sandbox.get(f"/sandbox/mails/{mail['id']}")).json
            found = re.search(rf"https?://\S+/account/{path}#token=[\w.~-]+", whole["text"])
            if found:
                return found[0]
        raise AssertionError(f"no mail to {email} leads to {path}")

    return await eventually(find)
