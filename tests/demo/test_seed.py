"""Seeding: idempotent, resumable after a kill at any point, and never the undoing of a sale."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from aiohttp.test_utils import TestServer

from bodega.demo import api as doors
from bodega.demo import seed as module
from bodega.demo.api import SeedError, ShopApi, covers
from bodega.demo.catalogue import CURRENCY, Catalogue, Shot, load
from bodega.demo.people import PEOPLE, Outside, PastOrder, Person
from bodega.demo.seed import Seeder, SeedReport, seed_people
from tests.demo.shop_double import MERCHANT, ShopDouble

pytestmark = pytest.mark.unit

SMALL = Catalogue(categories=load().categories[:1])
MARA, JONAS = ("mara@example.com", "another long one"), ("jonas@example.com", "a third long one")
VARIANTS = [variant for _, product in SMALL.products for variant in product.variants]
BUYERS = (
    Person(
        "mara",
        "Mara",
        {"city": "Berlin"},
        (
            PastOrder({VARIANTS[0].sku: 2, VARIANTS[1].sku: 1}, "delivered"),
            PastOrder({VARIANTS[1].sku: 1}, "refunded"),
            PastOrder({VARIANTS[2].sku: 1}, "cancelled"),
            PastOrder({VARIANTS[3].sku: 1}, "shipped"),
        ),
    ),
    Person("jonas", "Jonas", {"city": "Hamburg"}, (PastOrder({VARIANTS[4].sku: 1}, "delivered"),)),
)
SHOTS = [shot for category, product in SMALL.products for shot in product.shots(category.backdrop)]


async def paint(shot: Shot) -> bytes:
    return f"{shot.kind} {shot.tone}".encode()


async def fill(url: str, report: Callable[[str, int, int], None] | None = None) -> SeedReport:
    """The whole of seeding, with a small catalogue and quick pictures."""
    async with ShopApi(url, MERCHANT["email"], MERCHANT["password"]) as api:
        assert await api.log_in()
        seeder = Seeder(api, SMALL, paint, CURRENCY, report)
        categories = await seeder.categories()
        made, repaired = await seeder.products()
        done = SeedReport(
            categories_made=categories,
            products_made=made,
            products_repaired=repaired,
            pictures_made=await seeder.pictures(),
            skus_stocked=await seeder.stock(),
        )
        async with Outside(url, "sk_test") as outside:
            made_people, placed = await seed_people(api, url, {"mara": MARA, "jonas": JONAS}, outside)
    return replace(done, customers_made=made_people, orders_placed=placed)


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[ShopDouble, str]]:
    monkeypatch.setattr(doors, "_FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(doors, "_LONGEST_WAIT_SECONDS", 0.002)
    monkeypatch.setattr(module, "PEOPLE", BUYERS)
    monkeypatch.setattr(doors, "_PATIENCE_SECONDS", 0.05)
    double = ShopDouble()
    async with TestServer(double.app(), host="127.0.0.1") as server:
        yield double, str(server.make_url(""))


async def test_an_empty_shop_is_filled(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    heard: list[tuple[str, int, int]] = []
    report = await fill(url, lambda *step: heard.append(step))
    assert report == SeedReport(
        categories_made=1,
        products_made=len(SMALL.products),
        pictures_made=len(SHOTS),
        skus_stocked=sum(variant.stock > 0 for variant in VARIANTS),
        customers_made=2,
        orders_placed=5,
    )
    assert {found["status"] for found in double.products.values()} == {"published"}
    opened = {sku: entries[0]["delta"] for sku, entries in double.ledger.items()}
    assert opened == {v.sku: v.stock for v in VARIANTS if v.stock}
    assert double.addresses[MARA[0]][0]["default_shipping"] is True
    assert double.confirmed == {MARA[0], JONAS[0]}
    assert {stage for stage, _, _ in heard} == {"categories", "products", "pictures", "stock"}
    for stage in ("categories", "products", "pictures", "stock"):
        counts = [(done, total) for name, done, total in heard if name == stage]
        assert counts == [(i, counts[-1][1]) for i in range(1, len(counts) + 1)]
        assert counts[-1][0] == counts[-1][1]


async def test_past_orders_end_as_planned(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    await fill(url)
    ends = {(order["buyer"], tuple(order["lines"])): order["state"] for order in double.orders.values()}
    logins = {"mara": MARA, "jonas": JONAS}
    assert ends == {
        (logins[person.key][0], tuple(order.lines)): order.end for person in BUYERS for order in person.orders
    }


def test_past_orders_can_be_told_apart_and_are_of_goods_in_stock() -> None:
    left = {variant.sku: variant.stock for _, product in load().products for variant in product.variants}
    for person in PEOPLE:
        assert len({frozenset(order.lines.items()) for order in person.orders}) == len(person.orders)
        for order in person.orders:
            for sku, quantity in order.lines.items():
                left[sku] -= quantity + 5
    assert min(left[sku] for person in PEOPLE for order in person.orders for sku in order.lines) >= 0


async def test_the_first_picture_of_a_product_stays_the_first(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    await fill(url)
    for category, product in SMALL.products:
        found = next(found for found in double.products.values() if found["slug"] == product.slug)
        assert [media["alt"] for media in found["media"]] == [shot.alt for shot in product.shots(category.backdrop)]


async def test_a_second_run_writes_nothing(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    await fill(url)
    double.writes.clear()
    assert await fill(url) == SeedReport()
    assert set(double.writes) == {"POST login"}


async def test_a_second_run_does_not_bring_back_what_was_sold(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    await fill(url)
    sold = VARIANTS[0].sku
    before = double.stock(sold)
    double.adjust(sold, -5)
    await fill(url)
    assert double.stock(sold) == before - 5


async def test_what_differs_is_repaired_and_what_is_more_is_left(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    await fill(url)
    whole = double.picture()
    first, second = list(double.products.values())[:2]
    first["title"] = "Another title"
    first["variants"] = [{**variant, "price": {"amount": 1, "currency": "EUR"}} for variant in first["variants"]]
    first["media"].pop()
    second["tax_category"] = "reduced"
    double.categories["kitchen-table"]["title"] = "Kitchen"
    double.stale_writes = 2
    report = await fill(url)
    assert (report.products_made, report.products_repaired, report.pictures_made) == (0, 1, 1)
    assert second.pop("tax_category") == "reduced"
    assert double.picture() == whole


@pytest.mark.parametrize("after", range(2, 250, 11))
async def test_a_run_after_a_kill_finishes_the_work(shop: tuple[ShopDouble, str], after: int) -> None:
    double, url = shop
    double.dies_after = after
    with pytest.raises(SeedError, match="answered 500"):
        await fill(url)
    double.dies_after = None
    await fill(url)

    other = ShopDouble()
    async with TestServer(other.app(), host="127.0.0.1") as server:
        await fill(str(server.make_url("")))
    assert double.picture() == other.picture()


async def test_waits_for_inventory_to_hear_of_a_product(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    double.deaf_reads = 5
    assert (await fill(url)).skus_stocked == sum(variant.stock > 0 for variant in VARIANTS)


async def test_says_so_when_inventory_never_hears(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    double.deaf_reads = 10_000
    with pytest.raises(SeedError, match="has not heard"):
        await fill(url)


async def test_tries_again_when_the_shop_is_busy_and_logs_in_again_when_the_token_ends(
    shop: tuple[ShopDouble, str],
) -> None:
    double, url = shop
    double.busy_answers = 3
    double.tokens_end = 1
    assert (await fill(url)).products_made == len(SMALL.products)


async def test_gives_up_on_a_shop_that_stays_busy(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    double.busy_answers = 10_000
    with pytest.raises(SeedError, match="answered 503"):
        await fill(url)


async def test_uploads_by_a_form_where_the_catalog_wants_one(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    double.as_form = True
    await fill(url)
    assert sorted(double.files.values()) == sorted([await paint(shot) for shot in SHOTS])


async def test_a_customer_with_another_password_is_not_taken_over(shop: tuple[ShopDouble, str]) -> None:
    double, url = shop
    double.accounts[MARA[0]] = "the customer's own"
    with pytest.raises(SeedError, match="another password"):
        await fill(url)


async def test_an_unknown_merchant_is_said(shop: tuple[ShopDouble, str]) -> None:
    _, url = shop
    with pytest.raises(SeedError, match="no merchant"):
        await module.seed(
            url,
            merchant=(MERCHANT["email"], "wrong"),
            customers={},
            outside=None,
        )


@pytest.mark.parametrize(
    ("found", "wanted", "covered"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": [{"x": 1, "id": 7}]}, {"a": [{"x": 1}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": None}, {"a": {}}, False),
        ("text", "text", True),
    ],
)
def test_covers(found: object, wanted: object, covered: bool) -> None:
    assert covers(found, wanted) is covered
