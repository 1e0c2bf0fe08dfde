"""A large catalogue: what its products are, and how they get into a shop, whatever happens on the way."""

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp.test_utils import TestServer

from bodega.contracts.ids import new_id
from bodega.demo import api as doors
from bodega.demo.api import SeedError
from bodega.demo.bulk import seeding
from bodega.demo.bulk.goods import MOST, categories, goods, slug_of
from bodega.demo.bulk.seeding import BulkReport, seed_bulk
from bodega.services.catalog import domain
from bodega.services.catalog.schemas import CategoryWrite, ProductWrite
from tests.demo.shop_double import MERCHANT, ShopDouble

pytestmark = pytest.mark.unit

SOME = [*range(400), MOST // 2, MOST - 1]


def test_a_product_is_the_same_each_time_and_on_each_machine() -> None:
    told = json.dumps([[one.row, one.stock] for one in map(goods, range(200))], sort_keys=True)
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == "f29a0a80d7020fcc"


def test_the_catalog_takes_every_product() -> None:
    slugs = {CategoryWrite.model_validate(one).slug for one in categories()}
    for number in SOME:
        wish = ProductWrite.model_validate(goods(number).row)
        made = domain.create(wish, product_id=new_id("prd"), key=None, body="", now=datetime.now(UTC), currency="EUR")
        assert made.slug == slug_of(number)
        assert set(made.categories) <= slugs


def test_no_two_share_a_slug_a_sku_or_a_barcode() -> None:
    variants = [variant for number in SOME for variant in goods(number).row["variants"]]
    assert len({slug_of(number) for number in SOME}) == len(SOME)
    assert len({variant["sku"] for variant in variants}) == len(variants)
    assert len({variant["barcode"] for variant in variants}) == len(variants)


def test_barcodes_have_a_valid_check_digit() -> None:
    for number in SOME:
        for variant in goods(number).row["variants"]:
            digits = [int(digit) for digit in variant["barcode"]]
            # GS1 General Specifications, 7.9: the weighted sum of an EAN-13 is a multiple of ten.
            assert len(digits) == 13
            assert (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def test_the_goods_are_of_every_kind() -> None:
    found = [goods(number) for number in range(400)]
    assert {one.row["categories"][0] for one in found} == {one["slug"] for one in categories()}
    assert {len(one.row["variants"]) for one in found} >= {1, 2, 3, 4, 6}
    assert any(not one.in_stock for one in found)
    assert any(0 < on_hand < 10 for one in found for on_hand in one.stock.values())
    assert any("compare_at_price" in variant for one in found for variant in one.row["variants"])
    assert len({one.row["title"] for one in found}) > 390


# --- into the shop ----------------------------------------------------------------------------------


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[ShopDouble, str]]:
    monkeypatch.setattr(doors, "_FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(doors, "_LONGEST_WAIT_SECONDS", 0.002)
    monkeypatch.setattr(doors, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(seeding, "PRODUCTS_AT_ONCE", 10)
    monkeypatch.setattr(seeding, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(seeding, "_LOOK_SECONDS", 0.01)
    double = ShopDouble()
    async with TestServer(double.app(), host="127.0.0.1") as server:
        yield double, str(server.make_url(""))


async def fill(url: str, products: int, progress: seeding.Progress | None = None) -> BulkReport:
    return await seed_bulk(
        url, merchant=(MERCHANT["email"], MERCHANT["password"]), products=products, progress=progress
    )


def whole(double: ShopDouble, products: int) -> bool:
    """Whether the shop has these products, each once, and their stock."""
    wanted = [goods(number) for number in range(products)]
    slugs = sorted(found["slug"] for found in double.products.values())
    stock = {sku: on_hand for one in wanted for sku, on_hand in one.stock.items() if on_hand}
    return (
        slugs == sorted(one.row["slug"] for one in wanted)
        and {sku: double.stock(sku) for sku in double.ledger} == stock
    )


async def test_an_empty_shop_gets_the_products_their_stock_and_their_categories(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    heard: list[tuple[str, int, int]] = []
    report = await fill(url, 97, lambda *told: heard.append(told))
    assert (report.products_made, report.products_kept) == (97, 0)
    assert whole(double, 97)
    assert [one["slug"] for one in categories()] == [*double.categories]
    done = [done for stage, done, total in heard if stage == "products" and total == 97]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 97)


async def test_a_second_run_makes_nothing_and_a_larger_one_only_the_difference(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    await fill(url, 97)
    again = await fill(url, 97)
    assert (again.products_made, again.products_kept, again.skus_stocked) == (0, 97, 0)
    more = await fill(url, 205)
    assert (more.products_made, more.products_kept) == (108, 97)
    assert whole(double, 205)
    assert (await fill(url, 20)).products_made == 0  # fewer than there are: all of those are there
    assert whole(double, 205)


async def test_only_the_last_requests_are_sent_once_more(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    await fill(url, 400)
    double.writes.clear()
    await fill(url, 410)
    assert double.writes["POST import"] < 15  # of products and of stock; the first run sent 80


@pytest.mark.parametrize("after", range(2, 46, 4))
async def test_a_run_after_a_kill_finishes_the_work(shop: tuple[ShopDouble, str], after: int) -> None:
    double, url = shop
    double.dies_after = after
    with pytest.raises(SeedError, match="answered 500"):
        await fill(url, 200)
    double.dies_after = None
    await fill(url, 200)
    assert whole(double, 200)


async def test_what_was_sold_since_does_not_come_back(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    await fill(url, 20)
    sold = next(sku for sku, on_hand in goods(19).stock.items() if on_hand)
    double.adjust(sold, -1)
    await fill(url, 40)
    assert double.stock(sold) == goods(19).stock[sold] - 1


async def test_it_waits_for_inventory_and_says_so_when_inventory_never_hears(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    double.deaf_imports = 3
    await fill(url, 20)
    assert whole(double, 20)
    double.deaf_imports = 10_000
    with pytest.raises(SeedError, match="has not heard of WH-"):
        await fill(url, 40)


async def test_it_ends_only_when_search_finds_every_product(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    double.lost_in_search = 2
    with pytest.raises(SeedError, match="38 of 40 products are found"):
        await fill(url, 40)
    double.lost_in_search = 0
    assert (await fill(url, 40)).products_kept == 40


async def test_an_unknown_merchant_is_said(shop: tuple[ShopDouble, str]) -> None:
    _, url = shop
    with pytest.raises(SeedError, match="no merchant"):
        await seed_bulk(url, merchant=(MERCHANT["email"], "wrong"), products=1)
