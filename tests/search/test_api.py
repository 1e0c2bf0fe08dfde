"""Search over HTTP, in the demo shop's goods."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from bodega.demo.catalogue import load
from bodega.kit.testing import Caller, eventually
from tests.search.conftest import PATIENCE_SECONDS, OpenStage
from tests.search.demo import demo_shop

pytestmark = pytest.mark.service
GOODS = load().products
IN_STOCK = sum(any(each.stock > 0 for each in one.variants) for _, one in GOODS)


@pytest.fixture(scope="module")
async def search(open_stage: OpenStage) -> AsyncIterator[Caller]:
    """Filled from its sources at its start, as a new installation beside a full catalog."""
    async with open_stage("demo", demo_shop()) as stage:

        async def filled() -> None:
            """With its stock, too, which comes after the product and decides who stands first."""
            assert (await stage.search.get("/search")).json["total"] == len(GOODS)
            assert (await stage.search.get("/search?in_stock=true")).json["total"] == IN_STOCK

        await eventually(filled, within_seconds=PATIENCE_SECONDS)
        yield stage.search


async def ask(search: Caller, query: str) -> dict[str, Any]:
    answer = await search.get(f"/search?{query}")
    assert answer.status == 200, answer.body
    return answer.json  # type: ignore[no-any-return]


def slugs(answer: dict[str, Any]) -> list[str]:
    return [item["slug"] for item in answer["items"]]


def counts(values: list[dict[str, Any]]) -> dict[str, int]:
    return {one["value"]: one["count"] for one in values}


def option(answer: dict[str, Any], parameter: str) -> dict[str, int]:
    return next(
        (counts(o["values"]) for o in answer["facets"]["options"] if o["parameter"] == f"option.{parameter}"), {}
    )


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("mugs", "alba-stoneware-mug"),  # stems
        ("brolly", "squall-umbrella"),  # synonyms
        ("dutch oven", "ember-casserole"),  # of several words
        ("rucksack", "drover-canvas-backpack"),
        ("orch", "orchard-pendant"),  # the beginning of a word
        ("oriel pend", "orchard-pendant"),  # words of two fields, the last one unfinished
        ("lámp", "fathom-task-lamp"),  # folding
        ("umbrela", "squall-umbrella"),  # typos
        ("keetle", "heron-gooseneck-kettle"),
        ("potters apron", "potters-linen-apron"),
        ("desk", "ledge-desk-tray"),  # the title counts more than the category
        ("LAMP-BOLETE-OLIVE", "bolete-table-lamp"),
        ("lamp-bolete-olive", "bolete-table-lamp"),
        ("2004001000012", "bolete-table-lamp"),
    ],
)
async def test_words_find_what_a_shopper_means(search: Caller, words: str, first: str) -> None:
    assert slugs(await ask(search, f"q={quote(words)}"))[0] == first


async def test_a_sku_or_barcode_finds_its_product_alone(search: Caller) -> None:
    for code in ("LAMP-BOLETE-OLIVE", "2004001000012"):
        assert slugs(await ask(search, f"q={code}")) == ["bolete-table-lamp"]


async def test_an_answer_shows_what_a_list_needs(search: Caller) -> None:
    (item,) = (await ask(search, "q=orchard"))["items"]
    assert item["price"] == {"amount": 11900, "currency": "EUR"}
    assert item["price_to"] == {"amount": 16900, "currency": "EUR"}
    assert item["image"] == {"alt": "Orchard Pendant Lamp", "renditions": {"w640.webp": "orchard-pendant.webp"}}
    assert (item["brand"], item["categories"], item["in_stock"]) == ("Oriel Works", ["lighting"], True)
    stocked = [found["skus"] for found in (await ask(search, "q=LAMP-BOLETE-OLIVE"))["items"]]
    assert "LAMP-BOLETE-OLIVE" in stocked[0], "whose stock can be asked for"


async def test_what_is_in_stock_comes_first(search: Caller) -> None:
    for query in ("", "q=lamp", "q=coffee"):
        shown = [item["in_stock"] for item in (await ask(search, query))["items"]]
        assert shown == sorted(shown, reverse=True)


async def test_typos_are_tolerated_only_when_nothing_is_found_without(search: Caller) -> None:
    exact, wrong = await ask(search, "q=lantern"), await ask(search, "q=lanterm")
    assert (exact["corrected"], exact["suggestion"]) == (False, None)
    assert (wrong["corrected"], wrong["suggestion"]) == (True, "lantern")
    assert slugs(wrong)[0] == "wayside-lantern"


async def test_nothing_found_is_said_plainly(search: Caller) -> None:
    for words in ("xyzzyqq", "!!!", "%F0%9F%A6%86"):
        answer = await ask(search, f"q={words}")
        assert (answer["total"], answer["items"], answer["next_cursor"]) == (0, [], None)
        popular = {(one["slug"], one["name"]) for one in answer["popular_categories"]}
        assert popular == {(category.slug, category.title) for category, _ in GOODS}
    assert (await ask(search, "q=umbrela"))["popular_categories"] == []
    assert (await ask(search, "q=lamp&price_min=99999999"))["popular_categories"] == []


async def test_filters_speak_of_one_and_the_same_variant(search: Caller) -> None:
    """PEND-ORCHARD-MUSTARD-45CM is sold out, its other sizes and colours are not."""
    assert slugs(await ask(search, "option.color=Mustard&option.size=45+cm")) == ["orchard-pendant"]
    assert slugs(await ask(search, "option.color=Mustard&option.size=45+cm&in_stock=true")) == []
    assert slugs(await ask(search, "option.color=Mustard&option.size=30+cm&in_stock=true")) == ["orchard-pendant"]
    assert slugs(await ask(search, "option.color=Mustard&price_min=12000&price_max=17000")) == ["orchard-pendant"]
    assert slugs(await ask(search, "option.color=Mustard&option.size=30+cm&price_min=12000")) == []


async def test_any_of_several_values_will_do_and_case_does_not_matter(search: Caller) -> None:
    either = set(slugs(await ask(search, "option.color=forest&option.color=WHITE")))
    one, other = (
        set(slugs(await ask(search, "option.color=Forest"))),
        set(slugs(await ask(search, "option.color=White"))),
    )
    assert either == one | other
    both = await ask(search, "category=lighting&category=textiles&limit=100")
    there = [{category.slug, *one.also_in} for category, one in GOODS]
    assert both["total"] == len([one for one in there if one & {"lighting", "textiles"}])
    made = [one.brand for _, one in GOODS]
    two = await ask(search, "brand=Oriel+Works&brand=Lindmoor")
    assert two["total"] == made.count("Oriel Works") + made.count("Lindmoor")


async def test_each_facet_is_counted_without_its_own_filter(search: Caller) -> None:
    everything = await ask(search, "")
    narrowed = await ask(search, "category=lighting&option.color=Terracotta")
    assert slugs(narrowed) == ["bolete-table-lamp"]
    for facet in ("categories", "brands"):
        assert sum(counts(everything["facets"][facet]).values()) >= len(GOODS)
    of_terracotta = await ask(search, "option.color=Terracotta&limit=100")
    by_category: dict[str, int] = {}
    for item in of_terracotta["items"]:
        for slug in item["categories"]:
            by_category[slug] = by_category.get(slug, 0) + 1
    assert counts(narrowed["facets"]["categories"]) == by_category
    assert option(narrowed, "color") == option(await ask(search, "category=lighting"), "color")
    assert counts(narrowed["facets"]["brands"]) == {"Oriel Works": 1}
    chosen = [one["value"] for facet in narrowed["facets"]["options"] for one in facet["values"] if one["selected"]]
    assert chosen == ["Terracotta"]


async def test_a_facets_count_is_what_its_value_then_finds(search: Caller) -> None:
    answer = await ask(search, "q=lamp&in_stock=true")
    for facet in answer["facets"]["options"]:
        for one in facet["values"][:5]:
            found = await ask(search, f"q=lamp&in_stock=true&{facet['parameter']}={quote(one['value'])}")
            assert found["total"] == one["count"], one
    for one in answer["facets"]["categories"]:
        assert (await ask(search, f"q=lamp&in_stock=true&category={one['value']}"))["total"] == one["count"]
    assert answer["facets"]["in_stock"] == answer["total"]


async def test_the_price_facet_ignores_the_price_filter(search: Caller) -> None:
    free, bound = await ask(search, "category=lighting"), await ask(search, "category=lighting&price_max=5000")
    assert bound["total"] < free["total"]
    assert bound["facets"]["price"] == free["facets"]["price"]


@pytest.mark.parametrize("sort", ["relevance", "price", "-price", "newest"])
@pytest.mark.parametrize("words", ["", "q=lamp", "q=lmap", "q=the"])
async def test_pages_hold_everything_once_in_one_order(search: Caller, sort: str, words: str) -> None:
    whole = await ask(search, f"{words}&sort={sort}&limit=100")
    seen: list[str] = []
    cursor = ""
    while True:
        page = await ask(search, f"{words}&sort={sort}&limit=20{cursor}")
        assert (page["total"], page["corrected"]) == (whole["total"], whole["corrected"])
        seen += slugs(page)
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == slugs(whole)
    amounts = [item["price"]["amount"] for item in whole["items"]]
    if sort in ("price", "-price"):
        assert amounts == sorted(amounts, reverse=sort == "-price")
    if sort == "newest" and not words:
        assert slugs(whole)[0] == GOODS[-1][1].slug


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=0", 422, "invalid_request"),
        ("limit=101", 422, "invalid_request"),
        ("limit=ten", 422, "invalid_request"),
        ("sort=random", 422, "invalid_request"),
        ("price_min=-1", 422, "invalid_request"),
        ("price_min=" + "9" * 5000, 422, "invalid_request"),
        ("price_min=20&price_max=10", 422, "invalid_request"),
        ("in_stock=perhaps", 422, "invalid_request"),
        ("category=Not+A+Slug", 422, "invalid_request"),
        ("category=" + "&category=".join(f"c{n}" for n in range(21)), 422, "invalid_request"),
        ("brand=", 422, "invalid_request"),
        ("brand=" + "b" * 101, 422, "invalid_request"),
        ("q=" + "a" * 201, 422, "invalid_request"),
        ("q=a%07b", 422, "invalid_request"),
        ("q=a%00b", 400, "malformed_request"),
        ("option.flavour=sour", 422, "invalid_request"),
        ("option.Color=Forest", 422, "invalid_request"),
        ("option.=Forest", 422, "invalid_request"),
        ("flavour=sour", 200, ""),
        ("Color=Forest", 200, ""),
        ("option.variants.sku=x", 422, "invalid_request"),
        ("variants.sku=x", 200, ""),
        ("option.color=.*%22%5D", 200, ""),
        ("option.color=" + "x" * 101, 422, "invalid_request"),
        ("option.color=", 422, "invalid_request"),
        ("option.color=a%07", 422, "invalid_request"),
        ("&".join(f"option.color=c{n}" for n in range(21)), 422, "invalid_request"),
        ("&".join(f"option.o{n}=1" for n in range(11)), 422, "invalid_request"),
        ("option." + "x" * 4000 + "=1", 422, "invalid_request"),
        ("x" * 4000 + "=1", 200, ""),
        ("cursor=nonsense", 400, "malformed_request"),
        ("cursor=WzEsMl0", 400, "malformed_request"),
        ("sort=price&cursor=WzAsMTAwMDAwMDAwMDAwMDAwMDAwMDAwMDAsIngiXQ", 400, "malformed_request"),
        ("cursor=WzAsMSxOYU4sMSwieCJd", 400, "malformed_request"),
        ("q=%22%3A%7B%2F%2A%5B&category=a", 200, ""),
        ("q=" + "a+" * 99, 200, ""),
        ("q=%ED%A0%80", 200, ""),
    ],
)
async def test_strange_parameters_are_refused_cleanly(search: Caller, query: str, status: int, code: str) -> None:
    answer = await search.get(f"/search?{query}")
    assert answer.status == status, answer.body
    if code:
        assert answer.code == code
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("option.flavour=sour&srsltid=x&option.gone=x&option.color=Forest", ["option.flavour", "option.gone"]),
        ("&".join(f"option.o{n}=1" for n in range(11)), ["option.o10"]),
        ("option." + "x" * 200 + "=1", ["option." + "x" * 200]),
        (
            "option.color=Forest&option.color=&option.color=a%07&option.size=",
            ["option.color/1", "option.color/2", "option.size/0"],
        ),
        ("price_min=20&price_max=10", ["price_min", "price_max"]),
        ("price_min=x&sort=y", ["price_min", "sort"]),
        ("cursor=nonsense", ["cursor"]),
        ("cursor=WzEsMl0", ["cursor"]),
    ],
)
async def test_a_refusal_names_every_parameter_that_is_at_fault(
    search: Caller, query: str, pointers: list[str]
) -> None:
    answer = await search.get(f"/search?{query}")
    assert [error["pointer"] for error in answer.json["errors"]] == [f"query/{name}" for name in pointers]


async def test_an_empty_cursor_is_none(search: Caller) -> None:
    assert slugs(await ask(search, "cursor=")) == slugs(await ask(search, ""))


async def suggest(search: Caller, words: str) -> tuple[list[str], list[str]]:
    """Slugs of products, names of categories."""
    answer = await search.get(f"/search/suggest?q={quote(words)}")
    assert answer.status == 200, answer.body
    return [one["slug"] for one in answer.json["products"]], [one["name"] for one in answer.json["categories"]]


async def test_suggestions_while_typing(search: Caller) -> None:
    answer = (await search.get("/search/suggest?q=cof")).json
    assert answer["products"][0]["slug"] == "morning-street-coffee"
    (category,) = answer["categories"]
    (name,) = {of.title for of, _ in GOODS if of.slug == "coffee-tea"}
    assert (category["slug"], category["name"]) == ("coffee-tea", name)
    assert category["count"] == len([1 for of, one in GOODS if "coffee-tea" in (of.slug, *one.also_in)])
    for words in ("", "a" * 101, "a%07"):
        assert (await search.get(f"/search/suggest?q={words}")).status == 422
    for words in ("%22%7D", ".*", "%C3%9F%E2%82%AC", "%26%7C~%23", "x" * 40):
        assert (await search.get(f"/search/suggest?q={words}")).status == 200


@pytest.mark.parametrize(
    ("words", "product"),
    [
        ("or", "orchard-pendant"),  # hardly a word
        ("pend", "orchard-pendant"),  # the beginning of any word of the title
        ("oriel pend", "orchard-pendant"),  # of the brand and of the title
        ("pend ori", "orchard-pendant"),  # each word may be unfinished
        ("lamps", "bolete-table-lamp"),  # stems
        ("brolly", "squall-umbrella"),  # synonyms
        ("lámp", "bolete-table-lamp"),  # folding
        ("umbrelka", "squall-umbrella"),  # typos
        ("lamp-bolete-olive", "bolete-table-lamp"),  # a SKU
    ],
)
async def test_a_suggestion_is_what_is_called_by_words_that_begin_so(search: Caller, words: str, product: str) -> None:
    assert product in (await suggest(search, words))[0]


async def test_categories_are_suggested_by_their_names(search: Caller) -> None:
    for words, name in (("lightin", "Lighting"), ("tea cof", "Coffee & Tea"), ("lihgting", "Lighting")):
        assert name in (await suggest(search, words))[1], words
    assert (await suggest(search, "orchard"))[1] == []


async def test_suggestions_have_in_stock_first_and_a_title_before_other_words(search: Caller) -> None:
    answer = (await search.get("/search/suggest?q=lamp")).json["products"]
    shown = [one["in_stock"] for one in answer]
    assert shown == sorted(shown, reverse=True)
    titled = ["lamp" in one["title"].lower() for one in answer if one["in_stock"]]
    assert titled == sorted(titled, reverse=True)


async def test_answers_bear_the_surrogate_keys_of_what_they_show(search: Caller) -> None:
    answer = await search.get("/search?q=orchard")
    assert answer.headers["xkey"].split() == ["search", f"product:{answer.json['items'][0]['id']}"]
    assert answer.headers["cache-control"].startswith("public")


async def test_health_and_openapi_are_there(search: Caller) -> None:
    assert (await search.get("/readyz")).json["parts"]["opensearch"] == "ok"
    document = (await search.get("/openapi.json")).json
    assert set(document["paths"]) == {"/search", "/search/suggest"}
