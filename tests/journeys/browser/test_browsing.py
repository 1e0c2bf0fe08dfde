"""Looking around: pictures, prices, what is left, filters and where a page ends, as a browser lays them out."""

import re
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from bodega.kit.testing import Caller, eventually
from tests.journeys.browser.conftest import SIZES, Site
from tests.journeys.browser.test_every_page import is_for_everybody
from tests.journeys.shop import Merchant, euro, unique

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOLERANCE = 0.15


async def box(locator: Locator) -> dict[str, float]:
    found = await locator.bounding_box()
    assert found is not None, "it is not to be seen"
    return {"x": found["x"], "y": found["y"], "width": found["width"], "height": found["height"]}


async def in_view(locator: Locator) -> None:
    await expect(locator).to_be_in_viewport(ratio=0.9)


# --- the product's page -----------------------------------------------------------------------------


async def test_on_a_phone_price_and_button_are_at_hand_wherever_one_has_scrolled_to(
    site: Site, size: str, merchant: Merchant
) -> None:
    product = await merchant.makes(price=1900, stock=9, description="Long. " * 900)
    page = await site.open(f"/products/{product['slug']}")
    bar = page.get_by_role("button", name="Add · €19.00")
    await expect(page.get_by_role("button", name="Add to cart")).to_be_enabled()
    await expect(bar).to_have_count(0)
    await page.mouse.wheel(0, 4000)
    if size == "desktop":
        await expect(page.get_by_role("button", name="Add to cart")).not_to_be_in_viewport()
        await expect(bar).not_to_be_visible()
        return
    await in_view(bar)
    of_bar = await box(bar)
    assert 0 <= SIZES[size]["height"] - of_bar["y"] - of_bar["height"] < 30, "it stands at the lower edge"
    await bar.click()
    await expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(1)


async def test_pictures_and_choice_stand_side_by_side_from_700_pixels_on(site: Site, merchant: Merchant) -> None:
    product = await merchant.makes(stock=9)
    await merchant.pictures(product)
    page = await site.open(f"/products/{product['slug']}")
    pictures, choice = page.get_by_role("list", name="Pictures"), page.get_by_role("button", name="Add to cart")
    for width, height in ((700, 1000), (768, 1024), (1280, 800)):
        await page.set_viewport_size({"width": width, "height": height})
        of_pictures, of_choice = await box(pictures), await box(choice)
        assert of_pictures["x"] + of_pictures["width"] <= of_choice["x"], width
        await in_view(choice)
    await page.set_viewport_size({"width": 699, "height": 1000})
    assert (await box(pictures))["y"] + (await box(pictures))["height"] <= (await box(choice))["y"]


# How wide a picture is by its `sizes`, as the browser reads them, and how wide it is.
_WIDTHS = """(images) => images.map((image) => {
  const wide = image.sizes.split(/,(?![^(]*\\))/).map((each) => each.trim()).map((each) => {
    const [, condition, length] = /^(\\(.*\\))\\s+(\\S+)$/.exec(each) ?? [null, null, each];
    return condition === null || matchMedia(condition).matches ? length : null;
  }).find(Boolean);
  const rule = document.body.appendChild(document.createElement("div"));
  rule.style.setProperty("width", wide);
  const said = rule.getBoundingClientRect().width;
  rule.remove();
  return [said, image.getBoundingClientRect().width];
})"""


@pytest.mark.parametrize("width", [320, 390, 600, 699, 700, 900, 1024, 1280, 1600])
async def test_a_picture_of_the_gallery_is_asked_for_as_wide_as_it_is_shown(
    site: Site, merchant: Merchant, width: int
) -> None:
    product = await merchant.makes(stock=9)
    for _ in range(2):
        await merchant.pictures(product)
    page = await site.open(f"/products/{product['slug']}")
    await page.set_viewport_size({"width": width, "height": 900})
    images = page.get_by_role("list", name="Pictures").locator("img")
    for said, shown in await images.evaluate_all(_WIDTHS):
        assert abs(said - shown) <= TOLERANCE * shown, (width, said, shown)


async def test_a_picture_is_enlarged_and_the_focus_comes_back(site: Site, size: str, merchant: Merchant) -> None:
    product = await merchant.makes(stock=9)
    await merchant.pictures(product)
    page = await site.open(f"/products/{product['slug']}")
    picture = page.get_by_role("list", name="Pictures").get_by_role("link").first
    before = (await box(picture.locator("img")))["width"]
    await picture.focus()
    await page.keyboard.press("Enter")
    large = page.get_by_role("dialog", name="Large picture")
    await expect(large).to_be_visible()
    assert (await box(large.locator("img")))["width"] > 1.5 * before
    await is_for_everybody(page)
    await page.keyboard.press("Escape")
    await expect(large).to_have_count(0)
    await expect(picture).to_be_focused()
    await picture.click()
    await large.get_by_role("button", name="Close the large picture").click()
    await expect(large).to_have_count(0)
    await expect(picture).to_be_focused()


@pytest.mark.without_scripts
async def test_without_scripts_a_picture_leads_to_itself(site: Site, merchant: Merchant) -> None:
    product = await merchant.makes(stock=9)
    await merchant.pictures(product)
    page = await site.open(f"/products/{product['slug']}")
    leads_to = await page.get_by_role("list", name="Pictures").get_by_role("link").first.get_attribute("href")
    answer = await page.request.get(f"{site.url}{leads_to}")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")


async def test_the_page_promises_when_it_comes_and_what_that_costs(site: Site, merchant: Merchant) -> None:
    cheap, dear = await merchant.makes(price=1900, stock=9), await merchant.makes(price=9900, stock=9)
    for product, cost in (
        (cheap, r"^Delivery €\d+\.\d\d, free on orders from €\d+\.\d\d\.$"),
        (dear, r"^Free delivery\.$"),
    ):
        page = await site.open(f"/products/{product['slug']}")
        await expect(page.get_by_text(re.compile(r"[Aa]rrives (Mon|Tue|Wed|Thu|Fri|Sat) \d+"))).to_be_visible()
        await expect(page.get_by_text(re.compile(cost))).to_be_visible()
        await expect(page.get_by_text("Incl. VAT, plus shipping")).to_be_visible()


async def test_related_goods_are_to_be_seen_and_lead_on(site: Site, size: str, merchant: Merchant) -> None:
    category = await _category(merchant)
    one, other = [await merchant.makes(stock=3, categories=[category]) for _ in range(2)]
    await _are_found(merchant, category, 2)
    page = await site.open(f"/products/{one['slug']}")
    await expect(page.get_by_role("heading", name="More in Shelf")).to_be_visible()
    card = page.locator("article article").filter(has=page.get_by_role("link", name=other["title"]))
    await expect(card).to_contain_text("Only 3 left")
    await is_for_everybody(page)
    await card.get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(other["title"])


# --- filters ----------------------------------------------------------------------------------------


async def _category(merchant: Merchant) -> str:
    slug = unique("shelf")
    made = await merchant.api.post("/admin/categories", {"slug": slug, "title": "Shelf", "position": 999})
    assert made.status == 201, made.body
    return slug


async def _coloured(merchant: Merchant, category: str, colours: list[str], **options: str) -> None:
    """A product of several colours, with options that have one value each, and plenty of all."""
    slug = unique("vase")
    options_of = [
        {"name": "Color", "values": colours},
        *({"name": name, "values": [value]} for name, value in options.items()),
    ]
    variants = [
        {"sku": f"{slug}-{number}", "options": {"Color": colour, **options}, "price": euro(1500), "weight_grams": 300}
        for number, colour in enumerate(colours)
    ]
    body: dict[str, Any] = {
        "title": f"Vase {slug}", "slug": slug, "brand": "Journey", "description": "For flowers.",
        "categories": [category], "options": options_of, "variants": variants, "status": "published",
    }  # fmt: skip
    made = await merchant.api.post("/admin/products", body)
    assert made.status == 201, made.body
    for variant in variants:
        await merchant.stocks(str(variant["sku"]), 40)


async def _are_found(merchant: Merchant, category: str, number: int) -> None:
    """Once the search knows so many products of a category, and that they can be had."""

    async def are() -> None:
        answer = await merchant.api.get(f"/search?category={category}&in_stock=true")
        assert answer.json["total"] == number

    await eventually(are)


async def _shelf(merchant: Merchant) -> str:
    category = await _category(merchant)
    for number in range(6):
        rare = {"Nib": "Fine"} if number == 0 else {}
        await _coloured(merchant, category, ["Sage", "White"] if number < 4 else ["Red", "Navy"], **rare)
    await _are_found(merchant, category, 6)
    return category


async def test_on_a_phone_filters_are_a_sheet_that_says_how_many_products_it_leaves(
    site: Site, size: str, merchant: Merchant
) -> None:
    page = await site.open(f"/categories/{await _shelf(merchant)}")
    sheet = page.locator("#filters")
    if size == "phone":
        await expect(sheet).not_to_be_visible()
        await page.get_by_role("button", name="Filters").click()
    await expect(sheet).to_be_visible()
    await is_for_everybody(page)
    await sheet.get_by_role("link", name="Sage").click()
    await expect(page.get_by_text("4 products", exact=True)).to_be_attached()
    if size == "phone":
        await expect(sheet).to_be_visible()  # whoever chooses one often chooses another
        await sheet.get_by_role("button", name="Show 4 products").click()
        await expect(sheet).not_to_be_visible()
    await in_view(page.get_by_role("article").first.get_by_role("heading"))
    if size == "phone":
        await page.get_by_role("button", name="Filters (1)").press("Enter")
        await page.keyboard.press("Escape")
        await expect(sheet).not_to_be_visible()
        await expect(page.get_by_role("button", name="Filters (1)")).to_be_focused()


@pytest.mark.without_scripts
async def test_without_scripts_the_sheet_opens_and_the_first_product_stands_in_view_after_choosing(
    site: Site, size: str, merchant: Merchant
) -> None:
    page = await site.open(f"/categories/{await _shelf(merchant)}")
    if size == "phone":
        await page.get_by_role("button", name="Filters").click()
    await page.locator("#filters").get_by_role("link", name="Sage").click()
    await expect(page.get_by_text("4 products", exact=True)).to_be_attached()
    await in_view(page.get_by_role("article").first.get_by_role("heading"))


async def test_only_what_makes_a_difference_is_a_filter_and_colours_are_shown(site: Site, merchant: Merchant) -> None:
    category = await _shelf(merchant)
    page = await site.open(f"/categories/{category}")
    sheet = page.locator("#filters")
    await expect(sheet.get_by_role("group").filter(has_text="Color")).to_have_count(1)
    await expect(sheet.get_by_role("link", name="Sage").locator("svg circle[fill]")).to_have_count(1)
    await expect(sheet.get_by_text("Nib")).to_have_count(0)  # of one product in six
    await expect(sheet.get_by_text("Availability")).to_have_count(0)  # all can be had
    await expect(page.get_by_label("Sort by").locator("option").first).to_have_text("Featured")
    page = await site.open(f"/categories/{category}?option.nib=Fine")
    await expect(page.locator("#filters").get_by_role("link", name="Fine (chosen)")).to_have_count(1)
    page = await site.open("/search?q=vase")
    await expect(page.get_by_label("Sort by").locator("option").first).to_have_text("Best match")


# --- where a page ends --------------------------------------------------------------------------------


async def test_nobody_has_to_turn_back_from_a_page_that_ends(
    site: Site, size: str, api: Caller, merchant: Merchant
) -> None:
    product = await merchant.makes(stock=40)
    offers = "You might like"
    for path in ("/nowhere", "/products/nothing-at-all", "/search?q=zzzzqqqq&price_min=90000", "/cart"):
        page = await site.open(path)
        await expect(page.get_by_role("heading", name=offers)).to_be_visible()
        await expect(page.get_by_role("main").get_by_role("article").first).to_be_visible()
        await is_for_everybody(page)
        await page.close()
    page = await site.open(f"/products/{product['slug']}")
    await page.get_by_role("button", name="Add to cart").click()
    drawer = page.get_by_role("dialog")
    await expect(drawer.get_by_text("Incl. VAT, plus shipping")).to_be_visible()
    await drawer.get_by_role("button", name="Remove").click()
    await expect(drawer.get_by_role("heading", name=offers)).to_be_visible()
    await is_for_everybody(page)


# --- one grid -----------------------------------------------------------------------------------------


async def test_every_page_stands_in_the_grid_of_header_and_footer(site: Site, merchant: Merchant) -> None:
    product = await merchant.makes(stock=9)
    page = await site.open(f"/products/{product['slug']}")
    await page.get_by_role("button", name="Add to cart").click()
    await page.get_by_role("dialog").get_by_role("link", name="Check out").wait_for()
    for path in ("/", "/search", f"/products/{product['slug']}", "/cart", "/checkout", "/imprint"):
        page = await site.open(path)
        await page.get_by_role("heading", level=1).wait_for()
        edges = await page.evaluate(
            "['header .wrap', 'main .wrap', 'footer .wrap'].map((each) => {"
            "const { x, width } = document.querySelector(each).getBoundingClientRect(); return [x, width]; })"
        )
        assert edges[0] == edges[1] == edges[2], path


# --- tax ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("country", ["DE", "US"])
async def test_a_total_names_the_tax_in_it_with_its_rate_and_none_where_there_is_none(
    site: Site, merchant: Merchant, country: str
) -> None:
    product = await merchant.makes(price=1900, stock=9)
    page = await site.open(f"/products/{product['slug']}")
    await page.get_by_role("button", name="Add to cart").click()
    await page.get_by_role("dialog").get_by_role("link", name="Check out").click()
    await page.get_by_label("E-mail").fill("ada@example.com")
    await page.get_by_label("Country").select_option(country)
    await page.get_by_label("Name").fill("Ada Lovelace")
    await page.get_by_label("Street and number").fill("Torstrasse 1")
    if country == "US":
        await page.get_by_label("State").fill("CA")
    await page.get_by_label(re.compile("Postal code|ZIP", re.I)).fill("94105" if country == "US" else "10119")
    await page.get_by_label(re.compile("Town|City", re.I)).fill("San Francisco" if country == "US" else "Berlin")
    await page.get_by_role("button", name="Continue to shipping").click()
    order = page.get_by_role("complementary", name="Your order")
    if country == "US":
        await expect(order.get_by_text("Tax (7.25%)")).to_be_visible()
        await expect(order.get_by_text("VAT")).to_have_count(0)
    else:
        await expect(order.get_by_text("Including VAT (19%)")).to_be_visible()
