"""The demo shop's goods: what a shop could not sell, or would be ashamed of, fails here."""

import re
from collections import Counter
from itertools import product as combinations

import pytest
from markdown_it import MarkdownIt

from bodega.contracts.catalog import Option as PublishedOption
from bodega.contracts.catalog import Variant as PublishedVariant
from bodega.demo.catalogue import Catalogue, Category, Product, load
from bodega.demo.seed import product_body

pytestmark = pytest.mark.unit

CATALOGUE = load()
PRODUCTS = [pytest.param(category, product, id=product.slug) for category, product in CATALOGUE.products]


def test_is_a_shop_of_some_size() -> None:
    assert len(CATALOGUE.categories) == 6
    assert len(CATALOGUE.products) >= 60
    assert all(len(category.products) >= 10 for category in CATALOGUE.categories)
    assert sum(len(product.variants) for _, product in CATALOGUE.products) >= 150


def test_loading_twice_gives_the_same_in_the_order_of_positions() -> None:
    assert load() == CATALOGUE
    positions = [category.position for category in CATALOGUE.categories]
    assert positions == sorted(set(positions))


@pytest.mark.parametrize("of", ["slugs", "titles", "skus", "barcodes", "picture names"])
def test_unique_over_the_shop(of: str) -> None:
    found = {
        "slugs": [product.slug for _, product in CATALOGUE.products]
        + [category.slug for category in CATALOGUE.categories],
        "titles": [product.title for _, product in CATALOGUE.products],
        "skus": [variant.sku for _, product in CATALOGUE.products for variant in product.variants],
        "barcodes": [variant.barcode for _, product in CATALOGUE.products for variant in product.variants],
        "picture names": [
            shot.name for category, product in CATALOGUE.products for shot in product.shots(category.backdrop)
        ],
    }[of]
    assert [value for value, times in Counter(found).items() if times > 1] == []


def test_stock_has_the_cases_that_a_shop_must_handle() -> None:
    stocks = [[variant.stock for variant in product.variants] for _, product in CATALOGUE.products]
    assert any(set(levels) == {0} for levels in stocks), "a product that is sold out everywhere"
    assert any(0 in levels and max(levels) > 0 for levels in stocks), "a product with one variant sold out"
    assert any(2 in levels for levels in stocks), "a variant of which two are left"


def check_digit(twelve: str) -> int:
    """Of an EAN-13: digits weighted 1 and 3 in turn, from the left."""
    return -sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(twelve)) % 10


def test_check_digit_of_a_known_barcode() -> None:
    assert check_digit("400638133393") == 1


@pytest.mark.parametrize(("category", "product"), PRODUCTS)
class TestProduct:
    def test_variants_are_each_combination_of_the_options_once(self, category: Category, product: Product) -> None:
        names = [option.name for option in product.options]
        wanted = [
            dict(zip(names, values, strict=True))
            for values in combinations(*(option.values for option in product.options))
        ]
        assert [variant.options for variant in product.variants] == wanted

    def test_barcodes_are_internal_and_check(self, category: Category, product: Product) -> None:
        for variant in product.variants:
            assert 20 <= int(variant.barcode[:2]) <= 29
            assert int(variant.barcode[12]) == check_digit(variant.barcode[:12])

    def test_prices_and_weights_are_sane(self, category: Category, product: Product) -> None:
        for variant in product.variants:
            assert 500 <= variant.price <= 50_000
            assert variant.price % 50 == 0
            assert variant.compare_at is None or variant.price < variant.compare_at < 2 * variant.price
            assert 10 <= variant.weight_grams <= 20_000

    def test_text_is_one_that_would_be_published(self, category: Category, product: Product) -> None:
        assert 60 <= len(product.description.split()) <= 150
        assert 5 <= len(product.title) <= 60
        assert 10 <= len(product.seo.title) <= 60
        assert 80 <= len(product.seo.description) <= 160
        html = MarkdownIt("commonmark", {"html": False}).render(product.description)
        assert html.count("<li>") >= 3
        assert re.search(r"\d+ ?(g|cm|ml|l|mm|kg)\b", html), "sizes are given"

    def test_stands_on_shelves_that_exist(self, category: Category, product: Product) -> None:
        shelves = {known.slug for known in CATALOGUE.categories}
        assert set(product.also_in) <= shelves - {category.slug}

    def test_pictures_show_each_variant_and_say_what_is_to_be_seen(self, category: Category, product: Product) -> None:
        shots = product.shots(category.backdrop)
        shown = [sku for shot in shots for sku in shot.skus]
        assert sorted(shown) == sorted(variant.sku for variant in product.variants)
        assert len({shot.alt for shot in shots}) == len(shots) >= 2
        assert all(20 <= len(shot.alt) <= 125 and "{" not in shot.alt for shot in shots)

    def test_is_what_the_catalog_can_publish(self, category: Category, product: Product) -> None:
        body = product_body(category, product)
        for variant in body["variants"]:
            PublishedVariant.model_validate(variant)
        for option in body["options"]:
            PublishedOption.model_validate(option)


def test_a_color_without_its_tone_is_noticed() -> None:
    whole = CATALOGUE.products[0][1]
    torn = whole.model_copy(update={"picture": whole.picture.model_copy(update={"tones": {}})})
    with pytest.raises(KeyError):
        torn.shots("#ffffff")


def test_a_catalogue_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Catalogue(categories=()).categories = ()  # type: ignore[misc]
