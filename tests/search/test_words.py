"""What shoppers type from a box or from memory: codes, words together or apart, colours, and words half typed."""

import secrets
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from bodega.kit.testing import Caller, eventually
from tests.search.conftest import PATIENCE_SECONDS, OpenStage, Stage
from tests.search.making import product, updated, variant
from tests.search.sources import Shop

pytestmark = pytest.mark.service

CODED = product(
    "Quorra Waterproof O’Brien rain-coat M8x20",
    variant("AB-12.7F3c-X99", barcode="978-3-16-148410-0"), variant("CD_34-Z", barcode="4006381333931"),
    slug="coded", brand="Tea Pot Works",
)  # fmt: skip
COLOURED = {
    "brick-mug": ("Alba Mug", {"Color": "Brick"}), "sage-mug": ("Marl Mug", {"Color": "Sage"}),
    "green-tea": ("Anchor Loose Leaf Tea", {"Blend": "Green Terrace"}),
    "reed-cup": ("Reed Pen Cup", {"Color": "Green"}), "skillet": ("Ember Cast Iron Skillet", {}),
    "candlestick": ("Vigil Candlestick", {"Color": "Black"}),
    "pan": ("Farrier Pan", {"Color": "Matt Black"}), "napkins": ("Sorrel Napkins", {"Color": "Stone"}),
    "stoneware-bowl": ("Marl Stoneware Bowl", {"Color": "Chalk"}), "teapot": ("Amber Teapot", {}),
    "glass": ("Vintner Wine Glass", {}), "red-lamp": ("Bolete Lamp", {"Color": "Crimson"}),
    "tray": ("Ledge Tray", {"Wood": "Oak"}), "throw": ("Fell Throw", {"Fabric": "Merino"}),
    "clock": ("Half Past Desk Clock", {}), "desk-lamp": ("Fathom Task Lamp", {}),
}  # fmt: skip
MENTIONED = {
    "green-tea": "Enough for a mug.",
    "candlestick": "Its wide pan catches the drips.", "clock": "Stands beside any lamp.", "desk-lamp": "For a desk.",
}  # fmt: skip
OTHERS = [
    product(
        title,
        {**variant(f"SKU-{slug.upper()}"), "options": options},
        slug=slug,
        description=MENTIONED.get(slug, ""),
    )
    for slug, (title, options) in COLOURED.items()
]


@pytest.fixture(scope="module")
async def search(open_stage: OpenStage) -> AsyncIterator[Caller]:
    async with open_stage("words", Shop()) as stage:
        await stage.topics.publish(*(updated(one) for one in (CODED, *OTHERS)))

        async def filled() -> None:
            assert (await stage.search.get("/search")).json["total"] == len(OTHERS) + 1

        await eventually(filled, within_seconds=PATIENCE_SECONDS)
        yield stage.search


async def found(search: Caller, words: str) -> list[str]:
    answer = await search.get(f"/search?q={quote(words)}")
    assert answer.status == 200
    return [item["slug"] for item in answer.json["items"]]


async def suggested(search: Caller, words: str) -> list[str]:
    answer = await search.get(f"/search/suggest?q={quote(words)}")
    assert answer.status == 200
    return [item["slug"] for item in answer.json["products"]]


CODES = [
    "AB-12.7F3c-X99", "ab-12.7f3c-x99", "AB127F3CX99", "ab 12 7f3c x99", "AB-12", "AB-12.7F", "ab127f", "ab12.7f3c-x",
    "AB–12", "AB/12/7F3C/X99", "CD_34-Z", "cd34z", "cd 34", "978-3-16-148410-0", "9783161484100", "978 3 16 148410 0",
    "978-3-16", "97831", "4006381333931", "400 6381 333931", "40063",
]  # fmt: skip


@pytest.mark.parametrize("code", CODES)
async def test_a_code_is_found_by_its_beginning_and_with_any_separators(search: Caller, code: str) -> None:
    assert await found(search, code) == ["coded"]
    assert await suggested(search, code) == ["coded"]
    if code not in ("ab 12 7f3c x99", "cd 34", "978 3 16 148410 0", "400 6381 333931"):
        assert await found(search, f"quorra {code}") == ["coded"]


@pytest.mark.parametrize(
    "words",
    [
        "water proof", "water-proof", "waterproof", "raincoat", "rain coat", "rain-coat", "Brien", "OBrien", "o'brien",
        "O’Brien", "m8 x 20", "m8x20", "M8 x20", "m 8x20", "teapot works", "tea-pot works", "raincoat water proof",
        "quorra rain", "quorra water pro", "o brien raincoat",
    ],
)  # fmt: skip
async def test_words_are_found_together_or_apart(search: Caller, words: str) -> None:
    assert "coded" in await found(search, words)
    assert (await found(search, f"quorra {words}"))[0] == "coded"
    assert "coded" in await suggested(search, f"quorra {words}")


async def test_tea_pot_and_teapot_are_one(search: Caller) -> None:
    for words in ("tea pot", "teapot", "tea-pot", "Tea Pot", "teapots"):
        assert "teapot" in await found(search, words), words


@pytest.mark.parametrize(
    ("words", "slugs"),
    [
        ("red", {"brick-mug", "red-lamp"}), ("red mug", {"brick-mug"}), ("gray bowl", set()), ("wooden tray", {"tray"}),
        ("wood", {"tray"}), ("woollen throw", {"throw"}), ("metal skillet", {"skillet"}),
        ("beige napkins", {"napkins"}),
        ("red lamp", {"red-lamp"}), ("red wine", {"glass"}), ("white bowl", {"stoneware-bowl"}),
        ("ceramic bowl", {"stoneware-bowl"}),
    ],
)  # fmt: skip
async def test_a_family_of_colours_or_materials_finds_what_belongs_to_it(
    search: Caller, words: str, slugs: set[str]
) -> None:
    answer = (await search.get(f"/search?q={quote(words)}")).json
    if slugs and words != "red wine":
        assert not answer["corrected"]
        assert {item["slug"] for item in answer["items"]} == slugs
    else:  # nothing has both words: what has one of them is shown
        assert answer["corrected"]
        assert answer["suggestion"] is None
        assert answer["items"][0]["slug"] in {"stoneware-bowl", "glass"}


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("green mug", "sage-mug"), ("black pan", "pan"), ("red mug", "brick-mug"), ("desk lamp", "desk-lamp"),
        ("pan", "pan"), ("mug green", "sage-mug"),
    ],
)  # fmt: skip
async def test_what_is_called_so_stands_before_what_only_mentions_it(search: Caller, words: str, first: str) -> None:
    assert (await found(search, words))[0] == first


@pytest.mark.parametrize("words", ["stonw", "stonew", "stonewr", "stoneware b", "stonwa", "stonware"])
async def test_a_word_may_be_misspelled_before_it_is_finished(search: Caller, words: str) -> None:
    assert (await suggested(search, words))[0] == "stoneware-bowl"
    assert (await found(search, words))[0] == "stoneware-bowl"


async def test_only_a_word_that_no_product_has_is_taken_for_a_misspelled_one(search: Caller) -> None:
    """Reed is one letter from red, and cup is what others call a mug."""
    assert "reed-cup" not in await found(search, "red mug")
    for words in ("red clock", "red tray"):
        assert "reed-cup" not in await found(search, words), words
    answer = (await search.get("/search?q=red%20lanp")).json
    assert [item["slug"] for item in answer["items"]] == ["red-lamp"]
    assert answer["suggestion"] == "red lamp"


async def test_what_has_some_of_the_words_is_better_than_nothing(search: Caller) -> None:
    answer = (await search.get("/search?q=crimson%20candlestick%20xyzzyqq")).json
    assert {item["slug"] for item in answer["items"]} == {"candlestick", "red-lamp"}
    assert (answer["corrected"], answer["popular_categories"]) == (True, [])
    assert (await search.get("/search?q=xyzzyqq%20quuxqx")).json["total"] == 0


@pytest.mark.parametrize("beginning", ["q", "16", "0", "1"])
async def test_any_code_is_found_by_any_beginning(stage: Stage, beginning: str) -> None:
    """The codes are numbered: where all begin with 16, the last word of `16...-A.16` begins each of them."""
    tag = beginning + secrets.token_hex(3)
    skus = [f"{tag}-A.{n:02}_b" for n in range(20)]
    await stage.topics.publish(
        *(updated(product(f"Thing {sku}", variant(sku), slug=f"t{tag}{n}")) for n, sku in enumerate(skus))
    )

    async def all_are_found() -> None:
        assert (await stage.search.get(f"/search?q={tag}")).json["total"] == len(skus)

    await eventually(all_are_found, within_seconds=PATIENCE_SECONDS)
    for n, sku in enumerate(skus):
        for words in (sku, sku.replace("-", "").replace(".", "").replace("_", ""), sku.upper(), sku[: len(tag) + 5]):
            assert (await found(stage.search, words))[0] == f"t{tag}{n}", words
            assert (await suggested(stage.search, words))[0] == f"t{tag}{n}", words
            if beginning == "q":
                assert await found(stage.search, words) == [f"t{tag}{n}"], words
