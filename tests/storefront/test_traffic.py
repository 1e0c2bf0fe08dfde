"""What search engines, shopping services and browsers ask of the storefront besides its pages."""

import json
import re
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from tests.storefront.conftest import SITE, Storefront, product

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="session")]

MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
GOOGLE = "{http://base.google.com/ns/1.0}"
KEPT = "public, max-age=0, s-maxage=3600"


def many(count: int) -> dict[str, dict[str, Any]]:
    return {
        f"thing-{number}": product(f"thing-{number}", id=f"prd_01M862Q5N3E2TBV7W1GKEP{number:04}")
        for number in range(count)
    }


def said_about(page: str) -> dict[str, dict[str, Any]]:
    """The structured data of a page, by type."""
    found = [json.loads(one) for one in re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)]
    assert all(one.pop("@context") == "https://schema.org" for one in found)
    flat = [part for one in found for part in one.get("@graph", [one])]
    return {one["@type"]: one for one in flat}


# --- search engines -------------------------------------------------------------------------------------------


async def test_robots_are_told_of_the_site_map_and_kept_out_of_what_is_a_shoppers_own(storefront: Storefront) -> None:
    answer = await storefront.get("/robots.txt")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    lines = (await answer.text()).splitlines()
    assert f"Sitemap: {SITE}/sitemap.xml" in lines
    assert {"Disallow: /cart", "Disallow: /checkout", "Disallow: /account", "Disallow: /orders/"} <= set(lines)


async def located(storefront: Storefront, path: str) -> list[str]:
    answer = await storefront.get(path)
    assert answer.status == 200, path
    assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"
    assert answer.headers["Cache-Control"] == KEPT
    return [one.text or "" for one in ElementTree.fromstring(await answer.text()).iter(f"{MAP}loc")]


async def test_the_site_map_leads_to_every_page_that_is_for_search_engines(storefront: Storefront) -> None:
    storefront.api.products = many(5)
    parts = await located(storefront, "/sitemap.xml")
    assert len(parts) == 4, "the pages, and three parts of two products at most"
    assert all(part.startswith(f"{SITE}/sitemap/") for part in parts)
    pages = [page for part in parts for page in await located(storefront, part.removeprefix(SITE))]
    assert len(pages) == len(set(pages))
    assert {f"{SITE}/", f"{SITE}/categories/kitchen", *(f"{SITE}/products/{slug}" for slug in many(5))} <= set(pages)
    for page in pages:
        path = page.removeprefix(SITE)
        answer = await storefront.get(path)
        text = await answer.text()
        assert answer.status == 200, path
        assert 'name="robots" content="noindex' not in text, path
        assert f'<link rel="canonical" href="{page.removesuffix("/")}' in text, path


async def test_what_tells_of_all_products_bears_one_key_and_no_key_for_each(storefront: Storefront) -> None:
    storefront.api.products = many(5)
    for path in ("/sitemap.xml", "/sitemap/products/first.xml", "/feed/products.xml"):
        keys = set((await storefront.get(path)).headers["xkey"].split())
        assert {"products", "pages"} <= keys, path
        assert not {key for key in keys if key.startswith("product:")}, path
    assert "categories" in (await storefront.get("/sitemap/pages.xml")).headers["xkey"].split()


@pytest.mark.parametrize("part", ["nothing.xml", "first", "%00.xml", "first.xml.gz", "__proto__"])
async def test_a_part_that_the_site_map_does_not_have_is_not_found(storefront: Storefront, part: str) -> None:
    assert (await storefront.get(f"/sitemap/products/{part}")).status == 404


async def test_without_the_api_nothing_is_kept_for_search_engines(storefront: Storefront) -> None:
    storefront.api.fails = True
    for path in ("/sitemap.xml", "/sitemap/pages.xml", "/sitemap/products/first.xml", "/feed/products.xml"):
        answer = await storefront.get(path)
        assert (answer.status, answer.headers["Cache-Control"]) == (500, "no-store"), path


# --- structured data ------------------------------------------------------------------------------------------


async def test_a_product_says_what_it_costs_whether_it_can_be_had_and_how_it_comes(storefront: Storefront) -> None:
    storefront.api.products["mug"] = product(
        options=[],
        variants=[{"sku": "MUG", "options": {}, "price": {"amount": 1600, "currency": "EUR"}, "compare_at_price": None,
                   "weight_grams": 390, "barcode": "4006381333931"}],
    )  # fmt: skip
    page = await storefront.get("/products/mug")
    about = said_about(await page.text())["Product"]
    assert (about["sku"], about["gtin"], about["brand"]["name"]) == ("MUG", "4006381333931", "Haverfold")
    offer = about["offers"]
    assert (offer["price"], offer["priceCurrency"]) == ("16.00", "EUR")
    assert offer["availability"] == "https://schema.org/InStock"
    [sent] = offer["shippingDetails"]
    assert (sent["shippingRate"]["value"], sent["shippingDestination"]["addressCountry"]) == ("4.90", "DE")
    assert sent["deliveryTime"]["transitTime"] == {
        "@type": "QuantitativeValue",
        "minValue": 1,
        "maxValue": 2,
        "unitCode": "DAY",
    }
    assert offer["hasMerchantReturnPolicy"]["merchantReturnDays"] == 30
    assert page.headers["Cache-Control"] == KEPT, "stock is live, but the page goes when it flips"


async def test_each_variant_of_a_product_is_an_offer_of_its_own(storefront: Storefront) -> None:
    storefront.api.sold_out = {"MUG-L"}
    group = said_about(await (await storefront.get("/products/mug")).text())["ProductGroup"]
    assert {one["sku"]: one["offers"]["availability"].rpartition("/")[2] for one in group["hasVariant"]} == {
        "MUG-S": "InStock", "MUG-L": "OutOfStock",
    }  # fmt: skip
    assert [one["offers"]["url"] for one in group["hasVariant"]] == [
        f"{SITE}/products/mug?variant=MUG-S", f"{SITE}/products/mug?variant=MUG-L",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("price", "currency", "written"),
    [(1600, "EUR", "16.00"), (1600, "JPY", "1600"), (5, "EUR", "0.05"), (16000, "KWD", "16.000")],
)
async def test_a_price_has_the_decimals_of_its_currency(
    storefront: Storefront, price: int, currency: str, written: str
) -> None:
    money = {"amount": price, "currency": currency}
    storefront.api.products["mug"] = product(
        variants=[{"sku": "M", "options": {}, "price": money, "compare_at_price": None}]
    )
    offer = said_about(await (await storefront.get("/products/mug")).text())["Product"]["offers"]
    assert (offer["price"], offer["priceCurrency"]) == (written, currency)


async def test_goods_worth_enough_are_announced_with_free_delivery(storefront: Storefront) -> None:
    for price, rate in ((4999, "4.90"), (5000, "0.00")):
        money = {"amount": price, "currency": "EUR"}
        storefront.api.products["mug"] = product(
            variants=[{"sku": "M", "options": {}, "price": money, "compare_at_price": None}]
        )
        offer = said_about(await (await storefront.get("/products/mug")).text())["Product"]["offers"]
        assert offer["shippingDetails"][0]["shippingRate"]["value"] == rate


@pytest.mark.parametrize(
    ("barcode", "gtin"),
    [("4006381333931", "4006381333931"), ("4006381333932", None), ("036000291452", "036000291452"),
     ("96385074", "96385074"),
     ("400 6381-333931", "4006381333931"), ("A-1", None), ("", None), (None, None), ("12345", None)],
)  # fmt: skip
async def test_a_barcode_is_announced_only_if_it_is_a_gtin(
    storefront: Storefront, barcode: str | None, gtin: str | None
) -> None:
    money = {"amount": 1, "currency": "EUR"}
    storefront.api.products["mug"] = product(
        variants=[{"sku": "M", "options": {}, "price": money, "compare_at_price": None, "barcode": barcode}]
    )
    assert said_about(await (await storefront.get("/products/mug")).text())["Product"].get("gtin") == gtin


async def test_a_page_whose_stock_cannot_be_asked_is_shown_without_it_and_not_kept(storefront: Storefront) -> None:
    storefront.api.inventory_fails = True
    page = await storefront.get("/products/mug")
    assert (page.status, page.headers["Cache-Control"]) == (200, "no-store")
    assert "availability" not in said_about(await page.text())["ProductGroup"]["hasVariant"][0]["offers"]


async def test_what_a_merchant_writes_cannot_end_the_structured_data(storefront: Storefront) -> None:
    group = said_about(await (await storefront.get("/products/mug")).text())["ProductGroup"]
    assert group["name"] == "A mug </script><script>alert(1)</script>"


async def test_pages_say_where_they_stand_and_the_first_one_whose_shop_it_is(storefront: Storefront) -> None:
    trail = said_about(await (await storefront.get("/products/mug")).text())["BreadcrumbList"]["itemListElement"]
    assert [one["item"] for one in trail] == [f"{SITE}/", f"{SITE}/categories/kitchen", f"{SITE}/products/mug"]
    assert [one["position"] for one in trail] == [1, 2, 3]
    home = said_about(await (await storefront.get("/")).text())
    assert home["OnlineStore"]["name"] == "Bodega"
    assert home["OnlineStore"]["address"]["streetAddress"] == "Speicherstr. 1"
    assert home["WebSite"]["potentialAction"]["target"]["urlTemplate"] == f"{SITE}/search?q={{search_term_string}}"


# --- shopping services ----------------------------------------------------------------------------------------


async def items(storefront: Storefront) -> dict[str, dict[str, str]]:
    answer = await storefront.get("/feed/products.xml")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, KEPT)
    root = ElementTree.fromstring(await answer.text())
    found = [{each.tag.removeprefix(GOOGLE): each.text or "" for each in item} for item in root.iter("item")]
    return {one["id"]: one for one in found}


async def test_the_feed_has_an_item_for_each_variant_of_every_page_of_the_catalog(storefront: Storefront) -> None:
    storefront.api.products = many(5)
    for number, one in enumerate(storefront.api.products.values()):
        one["variants"] = [{**variant, "sku": f"{variant['sku']}-{number}"} for variant in one["variants"]]
    storefront.api.sold_out = {"MUG-L-4"}
    found = await items(storefront)
    assert found.keys() == {f"MUG-{size}-{number}" for size in "SL" for number in range(5)}
    assert found["MUG-L-4"]["availability"] == "out_of_stock"
    assert found["MUG-S-4"]["availability"] == "in_stock"
    assert found["MUG-S-4"]["link"] == f"{SITE}/products/thing-4?variant=MUG-S-4"
    assert (
        found["MUG-S-4"]["item_group_id"]
        == found["MUG-L-4"]["item_group_id"]
        == storefront.api.products["thing-4"]["id"]
    )
    assert (found["MUG-S-4"]["price"], found["MUG-S-4"]["size"]) == ("16.00 EUR", "S")


async def test_the_feed_is_xml_whatever_merchants_write(storefront: Storefront) -> None:
    written = 'Ding & <b>\u0007 "x" \U0001f600 ]]>'
    storefront.api.products["mug"] = product(
        title=written, brand=written, description_html="<p>A &amp; B&nbsp;&lt;3</p><p>C</p>"
    )
    item = (await items(storefront))["MUG-S"]
    assert item["title"] == written.replace("\u0007", "") + ", S"
    assert item["description"] == "A & B <3 C"


async def test_a_reduced_price_is_a_sale_and_a_barcode_of_the_shops_own_no_gtin(storefront: Storefront) -> None:
    euro = {"currency": "EUR"}
    storefront.api.products["mug"] = product(
        media=[{"id": "m1", "alt": "", "variant_skus": [], "renditions": {"w1200.jpg": "aa/1.jpg"}}],
        variants=[{"sku": "M", "options": {}, "price": {"amount": 900, **euro},
                   "compare_at_price": {"amount": 1200, **euro},
                   "barcode": "2001001000042", "weight_grams": 310}],
    )  # fmt: skip
    item = (await items(storefront))["M"]
    assert (item["price"], item["sale_price"]) == ("12.00 EUR", "9.00 EUR")
    assert (item["identifier_exists"], item.get("gtin")) == ("no", None)
    assert (item["image_link"], item["shipping_weight"]) == (f"{SITE}/media/aa/1.jpg", "310 g")
    assert "item_group_id" not in item


async def test_a_feed_whose_stock_cannot_be_asked_is_refused_rather_than_guessed(storefront: Storefront) -> None:
    storefront.api.inventory_fails = True
    answer = await storefront.get("/feed/products.xml")
    assert (answer.status, answer.headers["Cache-Control"], answer.headers["Retry-After"]) == (503, "no-store", "60")


# --- browsers -------------------------------------------------------------------------------------------------


async def test_browsers_find_the_shops_icons(storefront: Storefront) -> None:
    home = await (await storefront.get("/")).text()
    linked = set(re.findall(r'<link rel="(?:icon|apple-touch-icon|manifest)" href="([^"?]*)', home))
    assert {"/favicon.ico", "/icon.svg", "/apple-icon.png", "/manifest.webmanifest"} <= linked
    manifest = json.loads(await (await storefront.get("/manifest.webmanifest")).text())
    assert manifest["name"] == "Bodega"
    for path in {"/favicon.ico", "/apple-icon.png", *(icon["src"] for icon in manifest["icons"])}:
        answer = await storefront.get(path)
        assert (answer.status, answer.headers["Cache-Control"]) == (200, KEPT), path
        if path != "/icon.svg":
            Image.open(BytesIO(await answer.read())).verify()
