"""Pages of results: each product once, whatever is written in between; and a cursor is of one query."""

import secrets

import pytest

from bodega.kit.testing import eventually
from tests.search.conftest import PATIENCE_SECONDS, Stage
from tests.search.making import archived, product, renamed, stock, updated, variant
from tests.search.making import category as of_category

pytestmark = pytest.mark.service
PRODUCTS = 24
PAGE = 4


def unique() -> str:
    return "page" + secrets.token_hex(4).translate(str.maketrans("0123456789", "ghijklmnop"))


async def is_found(stage: Stage, query: str, total: int) -> None:
    async def found() -> None:
        assert (await stage.search.get(f"/search?{query}")).json["total"] == total

    await eventually(found, within_seconds=PATIENCE_SECONDS)


async def sells(stage: Stage, word: str) -> list[str]:
    """Products that have the word in different places, beside more or fewer other words. Their slugs."""
    made = []
    for number in range(PRODUCTS):
        title = (
            f"{word} {'tall ' * (number % 3)}{number}" if number % 2 else f"Jug {number} of {'clay ' * (number % 5)}"
        )
        made.append(
            product(
                title.strip(), variant(f"{word}-{number}", 1000 + number % 5, Shade=f"{word} {number % 4}"),
                slug=f"{word}-{number}", description=f"A jug {'for water ' * (number % 7)}and {word} too.",
            )
        )  # fmt: skip
    await stage.topics.publish(*(updated(one) for one in made))
    await stage.topics.publish(
        *(stock(f"{word}-{number}", 1, number % 3 > 0, product_id=one.id) for number, one in enumerate(made))
    )
    await is_found(stage, f"q={word}", PRODUCTS)
    await is_found(stage, f"q={word}&in_stock=true", PRODUCTS - PRODUCTS // 3)
    return [one.slug for one in made]


@pytest.mark.parametrize("sort", ["relevance", "price", "-price", "newest"])
@pytest.mark.parametrize("query", ["", " jug", " watter"])
async def test_pages_show_each_product_once_while_others_are_written(stage: Stage, sort: str, query: str) -> None:
    word = unique()
    slugs = await sells(stage, word)
    asked = f"q={word}{query}&sort={sort}&limit={PAGE}".replace(" ", "%20")
    if query == " watter":  # nothing has it as it stands
        slugs = [slug for number, slug in enumerate(slugs) if number % 7]
    whole = (await stage.search.get(f"{'/search?' + asked}".replace(f"limit={PAGE}", "limit=100"))).json
    seen: list[str] = []
    cursor = ""
    others = 0
    while True:
        page = (await stage.search.get(f"/search?{asked}{cursor}")).json
        seen += [item["slug"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
        # Others come, in every place of the order and with the same words, and one of them goes again.
        more = [
            product(
                f"{word} {'jug ' * (number % 4)}water", variant(f"{word}-{secrets.token_hex(4)}", 900 + 40 * number),
                slug=f"other-{secrets.token_hex(4)}", description=f"{word} jug water " * (number % 3 * 20),
            )
            for number in range(6)
        ]  # fmt: skip
        await stage.topics.publish(*(updated(one) for one in more), archived(more[0], 2))
        others += len(more) - 1
        await is_found(stage, f"q={word}", PRODUCTS + others)
    assert [slug for slug in seen if not slug.startswith("other-")] == [item["slug"] for item in whole["items"]]
    assert sorted(item["slug"] for item in whole["items"]) == sorted(slugs)
    assert len(set(seen)) == len(seen)


async def test_a_cursor_of_another_query_is_refused(stage: Stage) -> None:
    word = unique()
    await sells(stage, word)
    await stage.topics.publish(renamed(of_category("jugs", "Jugs")))
    first = f"q={word}&sort=price&price_min=1&option.shade={word}+1&option.shade={word}+2"
    cursor = (await stage.search.get(f"/search?{first}&limit=2")).json["next_cursor"]
    again = f"option.shade={word}+2&option.shade={word}+1&price_min=1&sort=price&q={word}"
    for same in (first, again, f"{first}&limit=7", f"{first}&utm_source=x"):
        assert (await stage.search.get(f"/search?{same}&cursor={cursor}")).status == 200, same
    for other in (
        f"q={word}&sort=price&price_min=1", first.replace("sort=price", "sort=-price"),
        first.replace(word, word + "x", 1), f"{first}&price_max=99999", f"{first}&in_stock=true",
        f"{first}&category=jugs", f"{first}&brand=B", first.replace("+2", "+3"), "sort=price", "",
    ):  # fmt: skip
        answer = await stage.search.get(f"/search?{other}&cursor={cursor}")
        assert (answer.status, answer.code) == (400, "cursor_of_another_list"), other
        assert [error["pointer"] for error in answer.json["errors"]] == ["query/cursor"]
