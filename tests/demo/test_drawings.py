"""The pictures: drawn by code, the same on every machine, and different where the goods differ."""

import io
from itertools import combinations
from xml.etree import ElementTree

import pytest
import resvg_py
from PIL import Image

from bodega.demo import pictures
from bodega.demo.catalogue import Category, Product, load
from bodega.demo.drawings import KINDS, draw
from bodega.demo.drawings.studio import Tone, curve, disc, mix, n

pytestmark = pytest.mark.unit

CATALOGUE = load()


def test_numbers_have_one_decimal_and_no_needless_zero() -> None:
    assert (n(3), n(3.04), n(-2.26)) == ("3", "3", "-2.3")


def test_tones_mix_towards_light_and_shade() -> None:
    assert mix("#000000", "#ffffff", 0.5) == "#808080"
    tone = Tone("#808080")
    assert tone.dark(0.3) < tone.base < tone.light(0.3)
    assert tone.dark(0) == tone.light(0) == tone.base


def test_a_curve_goes_through_its_points() -> None:
    assert curve([(0, 0), (10, 10), (20, 0)]).count("C") == 2
    assert curve([(0, 0), (10, 10), (20, 0)]).endswith("20 0")


def test_a_disc_is_closed() -> None:
    assert disc(0, 0, 5, 5).endswith("Z")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_is_drawn_the_same_twice_and_can_be_rendered(kind: str) -> None:
    svg = draw(kind, "#8fa085", "#e6dccf")
    assert draw(kind, "#8fa085", "#e6dccf") == svg
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    # Text would need fonts, which differ between machines; a linked file would be somebody else's.
    assert not [element for element in root.iter() if element.tag.endswith(("}text", "}image", "}use"))]
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=64, height=64, skip_system_fonts=True))
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.size == (64, 64)
        assert len(set(picture.convert("L").tobytes())) > 40, "there is something to be seen"


def test_every_kind_is_of_a_product_and_every_product_has_its_kind() -> None:
    assert {product.picture.kind for _, product in CATALOGUE.products} == set(KINDS)


@pytest.mark.parametrize(
    ("category", "product"),
    [pytest.param(category, product, id=product.slug) for category, product in CATALOGUE.products],
)
def test_the_colors_of_a_product_can_be_told_apart(category: Category, product: Product) -> None:
    def channels(color: str) -> list[int]:
        return [int(color[i : i + 2], 16) for i in (1, 3, 5)]

    shots = [shot for shot in product.shots(category.backdrop) if shot.skus]
    for one, other in combinations(shots, 2):
        distance = sum(abs(a - b) for a, b in zip(channels(one.tone), channels(other.tone), strict=True))
        assert distance >= 40, f"{one.name} and {other.name}"
        assert draw(one.kind, one.tone, one.backdrop) != draw(other.kind, other.tone, other.backdrop)


def test_the_file_is_the_same_twice_and_of_a_size_for_the_web() -> None:
    first = pictures.render("umbrella", "#8c2f39", "#d9dcd2")
    assert pictures.render("umbrella", "#8c2f39", "#d9dcd2") == first
    assert 20_000 < len(first) < 400_000
    with Image.open(io.BytesIO(first)) as picture:
        assert (picture.format, picture.size, picture.mode) == ("JPEG", (pictures.PIXELS, pictures.PIXELS), "RGB")


def test_a_kind_that_nobody_has_drawn_is_refused() -> None:
    with pytest.raises(KeyError):
        draw("unicorn", "#ffffff", "#ffffff")
