"""Products that a page offers: related ones, those where a page has come to an end; each with what is left of it."""

import html
import re
from typing import Any

import pytest

from tests.storefront.conftest import Storefront, hit, product

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="session")]

MUG = "product:prd_01M862Q5N3E2TBV7W1GKEP0HMD"
LISTS = ["/", "/categories/kitchen", "/search", "/search?q=mug"]
ENDS = [("/search?q=x&price_min=90000", 200), ("/categories/kitchen?price_min=90000", 200), ("/cart", 200)]
STANDING = [("/cart", 200), ("/nowhere", 404)]


def add(storefront: Storefront, slug: str, amount: int = 1600, **changes: Any) -> str:
    """A product that the catalog and the search know. Returns its key."""
    number = len(storefront.api.products)
    price = {"amount": amount, "currency": "EUR"}
    variants = [{"sku": f"{slug}-1", "options": {}, "price": price, "compare_at_price": None}]
    facts = {"title": slug.title(), "variants": variants, "options": [], **changes}
    one = product(slug, id=f"prd_01M862Q5N3E2TBV7W1GKEP0{number:03d}", **facts)
    storefront.api.products[slug] = one
    storefront.api.shelf.others.append(hit(one))
    return f"product:{one['id']}"


def cards(page: str) -> dict[str, str]:
    """What stands on each card of a page: by slug, in the page's order. Scripts have not run."""
    shown = re.sub(r"<script[\s\S]*?</script>|<!--.*?-->", "", page)
    found = re.findall(r'<article class="group[\s\S]*?</article>', shown)
    texts = {}
    for card in found:
        slug = re.search(r'href="/products/([^"]+)"', card)
        assert slug is not None
        texts[slug[1]] = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", card)).split())
    return texts


async def shown(storefront: Storefront, path: str) -> dict[str, str]:
    answer = await storefront.get(path)
    assert answer.status == 200, path
    return cards(await answer.text())


async def test_related_goods_stand_in_the_page_the_nearest_first_and_never_the_product_itself(
    storefront: Storefront,
) -> None:
    add(storefront, "dear-bowl", 90000, brand="Other")
    add(storefront, "cheap-bowl", 1700, brand="Other")
    add(storefront, "same-brand", 5000)
    add(storefront, "mug-of-another-brand", 5000, brand="Other", title="Another mug")
    add(storefront, "elsewhere", 1600, categories=["garden"])
    page = await (await storefront.get("/products/mug")).text()
    assert "More in" in page
    assert list(cards(page)) == ["same-brand", "mug-of-another-brand", "cheap-bowl", "dear-bowl"]


async def test_a_page_with_related_goods_bears_the_keys_of_those_that_it_shows_and_of_no_list(
    storefront: Storefront,
) -> None:
    """A key of the search's would have each product's page made anew with every change of any product."""
    keys = [add(storefront, f"bowl-{number}") for number in range(6)]
    page = await storefront.get("/products/mug")
    borne = set(page.headers["xkey"].split())
    assert borne - {"categories", "pages", MUG} == set(keys[:4])
    assert page.headers["Cache-Control"].startswith("public")


async def test_a_related_product_that_the_search_still_takes_for_there_is_left_out_once_it_is_sold_out(
    storefront: Storefront,
) -> None:
    for slug in ("bowl", "plate"):
        add(storefront, slug)
    storefront.api.sold_out = {"bowl-1"}
    assert list(await shown(storefront, "/products/mug")) == ["plate"]


async def test_a_related_product_costs_what_the_catalog_says(storefront: Storefront) -> None:
    add(storefront, "bowl", 1600)
    storefront.api.products["bowl"]["variants"][0]["price"] = {"amount": 1750, "currency": "EUR"}
    assert "€17.50" in (await shown(storefront, "/products/mug"))["bowl"]


@pytest.mark.parametrize("state", ["nothing related", "all sold out", "no search", "no category"])
async def test_without_related_goods_there_is_no_heading_and_no_space_for_them(
    storefront: Storefront, state: str
) -> None:
    if state != "nothing related":
        add(storefront, "bowl")
    if state == "all sold out":
        storefront.api.sold_out = {"bowl-1"}
    if state == "no search":
        storefront.api.failing = {"/search"}
    if state == "no category":
        storefront.api.products["mug"] = product(categories=[])
    page = await storefront.get("/products/mug")
    assert page.status == 200
    assert "More in" not in await page.text()
    # What could not be asked is there for the next who comes.
    assert page.headers["Cache-Control"].startswith("no-store" if state == "no search" else "public")


@pytest.mark.parametrize("path", [*LISTS, "/products/bowl"])
@pytest.mark.parametrize(
    ("left", "said"),
    [
        ({"MUG-S": 2, "MUG-L": 1}, "Only 3 left"),
        ({"MUG-S": 0, "MUG-L": 5}, "Only 5 left"),
        ({"MUG-S": 1, "MUG-L": 5}, None),  # six in all
        ({"MUG-S": 0}, None),  # of the large one there are many
        ({}, None),
    ],
)
async def test_a_card_says_how_many_are_left_where_they_are_few(
    storefront: Storefront, path: str, left: dict[str, int], said: str | None
) -> None:
    add(storefront, "bowl")
    storefront.api.left = left
    text = (await shown(storefront, path))["mug"]
    assert "Sold out" not in text
    assert re.findall(r"Only \d+ left", text) == ([said] if said else [])


@pytest.mark.parametrize("path", ["/categories/kitchen", "/search", "/search?q=mug"])
async def test_a_sold_out_product_is_marked_in_a_list_and_left_out_where_goods_are_offered(
    storefront: Storefront, path: str
) -> None:
    add(storefront, "bowl")
    storefront.api.sold_out = {"MUG-S", "MUG-L"}
    found = await shown(storefront, path)
    assert "Sold out" in found["mug"]
    assert "left" not in found["bowl"]
    for other in ("/", "/products/bowl", "/cart"):
        assert "mug" not in await shown(storefront, other), other


@pytest.mark.parametrize("path", [*LISTS, "/products/bowl"])
async def test_a_page_that_cannot_ask_what_is_left_claims_nothing_and_is_not_kept(
    storefront: Storefront, path: str
) -> None:
    add(storefront, "bowl")
    storefront.api.inventory_fails = True
    page = await storefront.get(path)
    assert page.status == 200
    assert page.headers["Cache-Control"] == "no-store"
    for text in cards(await page.text()).values():
        assert "left" not in text
        assert "Sold out" not in text


@pytest.mark.parametrize(("path", "status"), ENDS)
async def test_a_page_that_ends_offers_goods_that_can_be_had(storefront: Storefront, path: str, status: int) -> None:
    for slug in ("bowl", "plate", "gone"):
        add(storefront, slug)
    storefront.api.sold_out = {"gone-1"}
    page = await storefront.get(path)
    assert page.status == status
    assert list(cards(await page.text())) == ["mug", "bowl", "plate"]


@pytest.mark.parametrize(("path", "status"), STANDING)
@pytest.mark.parametrize("failing", [{"/search"}, {"/products"}, {"/categories", "/products", "/search"}])
async def test_a_page_that_ends_stands_without_goods_when_they_cannot_be_asked_for(
    storefront: Storefront, path: str, status: int, failing: set[str]
) -> None:
    storefront.api.failing = failing
    page = await storefront.get(path)
    assert page.status == status
    text = await page.text()
    assert "<h1" in text
    assert "You might like" not in text


async def test_only_a_page_that_ends_asks_for_its_goods(storefront: Storefront) -> None:
    """Next makes the page for what is missing along with each page, so the browser asks for what stands on it."""
    for path in ("/imprint", "/checkout", "/account/sign-in", "/nowhere"):
        assert (await storefront.get(path)).status in (200, 404)
    assert [path for path, _ in storefront.api.queries if path in ("/search", "/inventory")] == []
