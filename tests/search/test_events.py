"""What search does about what others say, over Kafka."""

import secrets
import statistics
import time
from typing import Any

import pytest

from bodega.kit.testing import Caller, eventually
from tests.search.conftest import Stage
from tests.search.making import archived, category, product, renamed, stock, updated, variant

pytestmark = pytest.mark.service


def word() -> str:
    """A word that no other test uses."""
    return "w" + "".join(secrets.choice("bcdfghjklmnpqrtvwxz") for _ in range(9))


async def shown(search: Caller, query: str, check: Any) -> dict[str, Any]:
    async def once() -> dict[str, Any]:
        answer = await search.get(f"/search?{query}")
        assert answer.status == 200, answer.body  # 503, while the shards of a new index are being allocated
        assert check(answer.json), answer.body
        return dict(answer.json)

    return await eventually(once)


@pytest.mark.alone
async def test_a_published_product_is_found_within_a_second(stage: Stage) -> None:
    delays = []
    for _ in range(5):
        name = word()
        started = time.monotonic()
        await stage.topics.publish(updated(product(f"Mug {name}")))
        await shown(stage.search, f"q={name}", lambda answer: answer["total"] == 1)
        delays.append(time.monotonic() - started)
    print("seconds from the event to being found:", [round(one, 3) for one in delays])
    assert statistics.median(delays) < 1


async def test_an_archived_product_is_gone_and_does_not_come_back(stage: Stage) -> None:
    name = word()
    one = product(f"Mug {name}", version=5)
    await stage.topics.publish(updated(one))
    await shown(stage.search, f"q={name}", lambda answer: answer["total"] == 1)
    late = one.model_copy(update={"version": 6})
    await stage.topics.publish(archived(one, 7), updated(late))
    await shown(stage.search, f"q={name}", lambda answer: answer["total"] == 0)
    same = product(f"Bowl {name}", id=one.id, version=7)
    await stage.topics.publish(updated(same))
    marker = word()
    await stage.topics.publish_behind(updated(same), updated(product(f"Cup {marker}")))
    await shown(stage.search, f"q={marker}", lambda answer: answer["total"] == 1)
    assert (await stage.search.get(f"/search?q={name}")).json["total"] == 0


async def test_selling_out_and_coming_back_is_shown(stage: Stage) -> None:
    name, sku = word(), word()
    one = product(f"Mug {name}", variant(sku))
    await stage.topics.publish(updated(one))
    for version, in_stock in ((1, True), (2, False), (3, True)):
        await stage.topics.publish(stock(sku, version, in_stock, product_id=one.id))
        await shown(stage.search, f"q={name}", lambda a, w=in_stock: [one["in_stock"] for one in a["items"]] == [w])


async def test_stock_told_before_the_product_is_shown_with_it(stage: Stage) -> None:
    name, sku = word(), word()
    one = product(f"Mug {name}", variant(sku))
    await stage.topics.publish(stock(sku, 1, True, product_id=one.id))
    await stage.topics.publish(updated(one))
    await shown(stage.search, f"q={name}", lambda answer: answer["total"] == 1 and answer["items"][0]["in_stock"])


async def test_stock_of_a_product_that_inventory_does_not_know_is_shown(stage: Stage) -> None:
    name, sku = word(), word()
    await stage.topics.publish(updated(product(f"Mug {name}", variant(sku))))
    await shown(stage.search, f"q={name}", lambda answer: answer["total"] == 1)
    await stage.topics.publish(stock(sku, 1, True, product_id=None))
    await shown(stage.search, f"q={name}", lambda answer: answer["items"][0]["in_stock"])


async def test_first_news_of_a_sku_counts_even_if_nothing_flipped(stage: Stage) -> None:
    name, sku = word(), word()
    one = product(f"Mug {name}", variant(sku))
    await stage.topics.publish(updated(one), stock(sku, 4, True, product_id=one.id, flipped=False))
    await shown(stage.search, f"q={name}", lambda answer: answer["total"] == 1 and answer["items"][0]["in_stock"])


async def test_a_categorys_new_name_is_suggested_at_once_and_an_older_one_never_again(stage: Stage) -> None:
    slug, first, second = f"c-{word()}", word(), word()
    await stage.topics.publish(updated(product(f"Mug {word()}", categories=[slug])))

    async def suggested(name: str) -> list[dict[str, Any]]:
        answer = await stage.search.get(f"/search/suggest?q={name}")
        assert answer.status == 200, answer.body
        return list(answer.json["categories"])

    async def is_called(name: str) -> None:
        assert await suggested(name[:5]) == [{"slug": slug, "name": name, "count": 1}]

    await stage.topics.publish(renamed(category(slug, first, version=3)))
    await eventually(lambda: is_called(first))
    await stage.topics.publish(renamed(category(slug, second, version=5)))
    await eventually(lambda: is_called(second))
    late, last = category(slug, first, version=4), category(slug, f"{second} too", version=6)
    again = renamed(last)
    await stage.topics.publish(renamed(late), renamed(category(slug, first, version=5)), again, again)
    await eventually(lambda: is_called(last.title))
    assert await suggested(first) == []


async def test_a_message_that_cannot_be_read_is_parked_and_the_next_one_is_taken(stage: Stage) -> None:
    name = word()
    one = product(f"Mug {name}")
    await stage.topics.publish_raw("catalog", one.id, b'{"type": "ProductUpdated", "id": "broken"}')
    await stage.topics.publish(updated(one))
    await shown(stage.search, f"q={name}", lambda answer: answer["total"] == 1)
    parked = await stage.topics.read("search.parked", lambda found: any(one["id"] == "broken" for one in found))
    assert [one for one in parked if one["id"] == "broken"]


async def test_a_flood_of_news_of_few_products_ends_as_the_newest_says(stage: Stage) -> None:
    name = word()
    products = [product(f"Mug {name}", variant(f"{name}-{n}-A"), variant(f"{name}-{n}-B")) for n in range(5)]
    news: list[Any] = []
    for version in range(2, 10):
        for n, one in enumerate(products):
            newer = one.model_copy(update={"version": version, "title": f"Mug {name} v{version}"})
            news += [updated(newer), updated(one)]
            for letter in "AB":
                news.append(stock(f"{name}-{n}-{letter}", version, version % 2 == 1, product_id=one.id))
                news.append(stock(f"{name}-{n}-{letter}", version - 1, version % 2 == 0, product_id=one.id))
    gone = products[4]
    await stage.topics.publish(*news, archived(gone, 11))

    def newest(answer: dict[str, Any]) -> bool:
        titles = [(one["title"], one["in_stock"]) for one in answer["items"]]
        return titles == [(f"Mug {name} v9", True)] * 4

    await shown(stage.search, f"q={name}", newest)
