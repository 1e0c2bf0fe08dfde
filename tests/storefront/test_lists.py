"""A category and the search, opened by addresses to which others have added something."""

import html
import random
import re
from urllib.parse import quote

import pytest

from tests.storefront.conftest import Storefront

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="session")]
LISTS = ["/categories/kitchen", "/search"]


async def left_out(storefront: Storefront, address: str) -> str | None:
    """What the page says that it has left out. The product must be on the page."""
    answer = await storefront.get(address)
    assert answer.status == 200, address
    page = html.unescape(re.sub(r"<!--.*?-->", "", await answer.text()))
    assert 'href="/products/mug"' in page, address
    found = re.search(r"We left out what cannot be used here: ([^<]*)\.<", page)
    return found[1] if found else None


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "", "utm_source=mail", "gclid=x", "gad_source=1", "gad_campaignid=1", "srsltid=x", "_kx=x", "mkt_tok=x",
        "_hsenc=x", "li_fat_id=x", "epik=x", "ref=friend", "v=3", "gone_option=XL", "Color=Forest", "color[]=Forest",
        "variants.sku=x", "__proto__=x", "constructor=x", "toString=x", "a%26b=c", "a%23=b", "x%2Fy%2F0=z",
        "%FF=%FF", "%00=x", "x=%00",
        "limit=0", "limit=abc", "=x", "&&", "x" * 4000 + "=1", "&".join(f"o{n}=1" for n in range(300)),
        "srsltid=x&option.color=Forest&cursor=&q=", "color=Gone", "size=Gone", "optionXcolor=x",
    ],
)  # fmt: skip
async def test_a_parameter_that_others_add_is_passed_over(storefront: Storefront, path: str, query: str) -> None:
    assert await left_out(storefront, f"{path}?{query}") is None


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("price_min=abc", "lowest price “abc”"),
        ("price_max=-1", "highest price “-1”"),
        ("price_max=9999999999999", "highest price “9999999999999”"),
        ("price_min=1e400", "lowest price “1e400”"),
        ("price_min=50&price_max=10", "lowest price “50”, highest price “10”"),
        ("sort=bogus", "order “bogus”"),
        ("in_stock=perhaps", "availability “perhaps”"),
        ("cursor=old", "place in the list"),
        ("cursor=WzEsMl0", "place in the list"),
        ("page=2", "page “2”"),
        ("q=a%07b", "words “a\ufffdb”"),
        ("q=" + "a" * 201, "words “" + "a" * 40 + "…”"),
        ("option.color=Gone", "Color “Gone”"),
        ("option.color=Forest&option.color=Gone", "Color “Gone”"),
        ("option.color=Forest&option.color=" + "c" * 101, "Color “" + "c" * 40 + "…”"),
        ("option.gone=XL", "filter “XL”"),
        ("option.=XL", "filter “XL”"),
        ("option.Color=XL", "filter “XL”"),
        ("brand=Gone", "brand “Gone”"),
        ("sort=bogus&price_min=abc&srsltid=x&option.color=Forest&page=3&cursor=old", "order “bogus”"),
    ],
)
async def test_a_filter_that_cannot_be_used_is_left_out_and_named(
    storefront: Storefront, path: str, query: str, said: str
) -> None:
    told = await left_out(storefront, f"{path}?{query}")
    assert told is not None
    assert said.replace("\ufffd", "") in told.replace("\x07", "").replace("\ufffd", "")


async def test_a_category_that_is_gone_is_left_out_of_the_search_and_means_nothing_in_another(
    storefront: Storefront,
) -> None:
    assert await left_out(storefront, "/search?category=gone") == "category “gone”"
    assert await left_out(storefront, "/search?category=Not+A+Slug") == "category “Not A Slug”"
    assert await left_out(storefront, "/categories/kitchen?category=gone") is None


async def test_what_is_left_out_is_in_no_link_of_the_page(storefront: Storefront) -> None:
    page = await (await storefront.get("/categories/kitchen?srsltid=x&sort=bogus&color=x&option.color=Forest")).text()
    links = re.findall(r'href="(/categories/kitchen\?[^"]*)"', page)
    assert links
    assert not [link for link in links if re.search("srsltid|bogus|[?;]color", link)]


async def test_what_nothing_fits_is_still_nothing(storefront: Storefront) -> None:
    for path in LISTS:
        answer = await storefront.get(f"{path}?price_min=99")
        page = await answer.text()
        assert answer.status == 200
        assert "Nothing" in page
        assert "We left out" not in page


async def test_a_page_with_a_passed_over_parameter_may_be_kept_as_the_one_without(storefront: Storefront) -> None:
    plain, added = [await storefront.get(f"/categories/kitchen{query}") for query in ("", "?srsltid=x")]
    assert added.headers["Cache-Control"] == plain.headers["Cache-Control"]
    assert added.headers["xkey"] == plain.headers["xkey"]


async def test_no_query_string_hides_the_products(storefront: Storefront) -> None:
    known = [
        "q",
        "price_min",
        "price_max",
        "in_stock",
        "sort",
        "cursor",
        "page",
        "limit",
        "category",
        "brand",
        "color",
        "option.color",
        "option.size",
        "option.",
    ]
    values = [
        "1",
        "-1",
        "abc",
        "1e9",
        "true",
        "price",
        "Forest",
        "Ä",
        "\x07",
        "\x00",
        "%",
        "&=",
        "[]",
        "😀",
        "../",
        "<b>",
    ]
    values += ["", "a" * 300]
    chance = random.Random(9)
    for _ in range(60):
        pairs = [
            (chance.choice(known) if chance.random() < 0.7 else chance.choice(values), chance.choice(values))
            for _ in range(chance.randrange(1, 9))
        ]
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
        for path in LISTS:
            answer = await storefront.get(f"{path}?{query}")
            assert answer.status == 200, query
            assert "cannot be searched for" not in await answer.text(), query
