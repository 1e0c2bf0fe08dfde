"""The rules of products, and of their pictures."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from pydantic import ValidationError

from bodega.contracts.catalog import ProductArchived, ProductUpdated
from bodega.contracts.ids import new_id
from bodega.contracts.money import HIGHEST_PRICE, MOST, Price
from bodega.kit.errors import Invalid
from bodega.services.catalog import domain
from bodega.services.catalog.domain import Product
from bodega.services.catalog.domain.pictures import develop
from bodega.services.catalog.errors import Unreadable
from bodega.services.catalog.schemas import CategoryWrite, ProductChanges, ProductWrite, VariantWrite
from tests.catalog.making import mug, picture

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)


def wish(**other: Any) -> ProductWrite:
    return ProductWrite.model_validate(mug(**other))


def product(**other: Any) -> Product:
    return domain.create(wish(**other), product_id=new_id("prd"), key=None, body="", now=NOW, currency="EUR")


def same_again(one: Product, **change: Any) -> ProductWrite:
    return domain.patched(one, ProductChanges.model_validate(change))


@given(st.integers(min_value=0, max_value=2**50), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_a_version_grows_whatever_the_clock_says(previous: int, now: datetime) -> None:
    version = domain.next_version(previous, now.replace(tzinfo=UTC))
    assert version > previous
    assert version >= int(now.replace(tzinfo=UTC).timestamp() * 1000)


def test_a_product_as_it_is_can_be_written_again_and_is_no_new_version() -> None:
    before = product()
    assert domain.edit(before, same_again(before), now=NOW + timedelta(days=1), currency="EUR") is before


def test_an_edit_is_a_new_version_even_in_the_same_millisecond() -> None:
    before = product()
    after = domain.edit(before, same_again(before, title="Other"), now=NOW, currency="EUR")
    assert after.version == before.version + 1
    assert after.created_at == before.created_at


def test_a_product_keeps_every_slug_it_ever_had() -> None:
    one = product(slug="a")
    for slug in ("b", "c", "a", "b"):
        one = domain.edit(one, same_again(one, slug=slug), now=NOW, currency="EUR")
    assert one.slug == "b"
    assert sorted(one.former_slugs) == ["a", "c"]


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Café au lait!", "cafe-au-lait"),
        ("  --A  B--", "a-b"),
        ("日本", "riben"),
        ("Лампа № 2", "lampa-no-2"),
        ("Größe", "grosse"),
        ("--", None),
        ("x" * 200, "x" * 100),
    ],
)
def test_a_slug_is_made_from_the_title(title: str, slug: str | None) -> None:
    assert domain.slug_of(title) == slug


def test_the_world_hears_of_a_product_from_its_first_publication_on() -> None:
    draft = product(status="draft")
    assert domain.fact(draft) is None
    published = domain.edit(draft, same_again(draft, status="published"), now=NOW, currency="EUR")
    assert isinstance(domain.fact(published), ProductUpdated)
    for status in ("draft", "archived"):
        taken_back = domain.edit(published, same_again(published, status=status), now=NOW, currency="EUR")
        told = domain.fact(taken_back)
        assert isinstance(told, ProductArchived)
        assert (told.version, told.skus) == (taken_back.version, published.skus)


def test_what_is_told_holds_nothing_that_is_only_ours() -> None:
    told = domain.fact(product())
    assert isinstance(told, ProductUpdated)
    assert not {"status", "created_key", "former_slugs"} & set(told.model_dump()["product"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values, st.dictionaries(st.text(), json_values))
def test_a_merge_patch_applied_twice_is_as_once(target: Any, patch: dict[str, Any]) -> None:
    once = domain.merge_patch(target, patch)
    assert domain.merge_patch(once, patch) == once
    assert all(name not in once for name, value in patch.items() if value is None)


def test_the_examples_of_rfc_7396() -> None:
    assert domain.merge_patch({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}) == {"a": {"b": "d"}}
    assert domain.merge_patch({"a": [{"b": "c"}]}, {"a": [1]}) == {"a": [1]}
    assert domain.merge_patch({"e": None}, {"a": 1}) == {"e": None, "a": 1}
    assert domain.merge_patch({}, {"a": {"bb": {"ccc": None}}}) == {"a": {"bb": {}}}


@given(st.text(max_size=300))
def test_no_markdown_makes_a_page_run_anything(text: str) -> None:
    html = domain.html_of(text + "<img src=x onerror=alert(1)><svg/onload=alert(1)>[a](javascript:alert(1))")
    assert "<img" not in html
    assert "<svg" not in html
    assert 'href="javascript' not in html


def test_a_product_too_large_for_one_message_is_refused() -> None:
    names = [f"{number:03}" + "é" * 57 for number in range(100)]
    options = [{"name": f"{nth}" + "é" * 59, "values": names} for nth in range(3)]
    variants = [
        {"sku": f"S{number:063}", "price": {"amount": 1, "currency": "EUR"},
         "options": {option["name"]: names[number] for option in options}}
        for number in range(100)
    ]  # fmt: skip
    large = wish(options=options, variants=variants, description="&" * 20_000)
    assert len(domain.create(large, product_id=new_id("prd"), key=None, body="", now=NOW, currency="EUR").skus) == 100
    with pytest.raises(Invalid, match="larger than"):
        domain._checked(
            product().model_copy(update={"description_html": "x" * domain.PRODUCT_BYTES}), wish(), currency="EUR"
        )


def test_the_same_picture_has_the_same_names() -> None:
    first, second = (develop(picture(), "image/jpeg", most_pixels=10**7) for _ in range(2))
    assert first == second


def test_a_small_picture_is_not_blown_up() -> None:
    developed = develop(picture(200, 100), "image/jpeg", most_pixels=10**7)
    assert (developed.width, developed.height, len(developed.files)) == (200, 100, 9)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_darkroom_fail_otherwise_than_by_refusing(content: bytes) -> None:
    for head in (b"", picture(10, 10)[:100], picture(10, 10, "PNG")[:60], picture(10, 10, "WEBP")[:30]):
        for kind in ("image/jpeg", "image/png", "image/webp"):
            with pytest.raises(Unreadable):
                develop(head + content, kind, most_pixels=10**6)


def test_a_jpeg_with_other_pictures_behind_it_is_the_first_of_them() -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(
        file, "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8), "blue")], quality=95
    )
    developed = develop(file.getvalue(), "image/jpeg", most_pixels=10**6)
    assert (developed.width, developed.height) == (40, 30)
    red, _, blue = Image.open(io.BytesIO(developed.files[-1].content)).convert("RGB").getpixel((20, 15))  # type: ignore[misc]
    assert red > 200 > 50 > blue


@pytest.mark.parametrize(
    ("mode", "form"),
    [("1", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGB", "PNG"), ("RGBA", "PNG"), ("I;16", "PNG"),
     ("L", "JPEG"), ("RGB", "JPEG"), ("CMYK", "JPEG"), ("L", "WEBP"), ("RGBA", "WEBP"), ("L", "AVIF"), ("RGB", "AVIF")],
)  # fmt: skip
def test_light_and_dark_stay_so_in_every_kind_of_picture(mode: str, form: str) -> None:
    grey = Image.new("L", (64, 64), 0)
    grey.paste(255, (32, 0, 64, 64))
    grey.paste(64 if mode != "1" else 0, (0, 0, 32, 64))
    made = Image.new("I;16", grey.size) if mode == "I;16" else grey.convert("RGB" if mode == "CMYK" else mode)
    if mode == "I;16":
        made.paste(64 * 257, (0, 0, 32, 64))
        made.paste(255 * 257, (32, 0, 64, 64))
    file = io.BytesIO()
    (made.convert("CMYK") if mode == "CMYK" else made).save(file, form)
    developed = develop(file.getvalue(), f"image/{form.lower()}", most_pixels=10**6)
    shown = Image.open(io.BytesIO(developed.files[-1].content)).convert("L")
    assert abs(int(shown.getpixel((8, 32))) - int(grey.getpixel((8, 32)))) < 16  # type: ignore[arg-type]
    assert int(shown.getpixel((56, 32))) > 239  # type: ignore[arg-type]


def saved(form: str, made: Image.Image | None = None, **options: Any) -> bytes:
    into = io.BytesIO()
    (made or Image.new("RGB", (40, 30), "red")).save(into, form, **options)
    return into.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIC"),
        (b"\x00\x00\x00\x18ftypheix\x00\x00\x00\x00mif1heic", "HEIC"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "HEIF"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  ", "film"),
        (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom", "raw"),
        (saved("GIF"), "GIF"), (saved("TIFF"), "TIFF"), (saved("BMP"), "BMP"), (saved("ICO"), "icon"),
        (saved("JPEG2000"), "JPEG 2000"), (saved("PDF"), "PDF"),
        (b"MM\x00*\x00\x00\x00\x08", "TIFF"), (b"8BPS\x00\x01" + bytes(40), "Photoshop"),
        (b"\xff\x0a" + bytes(20), "JPEG XL"), (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b'<?xml version="1.0"?><svg/>', "SVG"), (b"\xef\xbb\xbf\n<svg xmlns='x'/>", "SVG"),
        (b"<!DOCTYPE html>", "page"),
        (b"PK\x03\x04", "ZIP"), (b"", "damaged"), (b"hello", "damaged"), (saved("JPEG")[:300], "damaged"),
        (saved("PNG")[:60], "damaged"), (saved("WEBP")[:50], "damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
@pytest.mark.parametrize("kind", ["image/jpeg", "image/png", "image/webp", "image/avif"])
def test_what_is_no_picture_of_the_shops_is_refused_by_its_name_and_with_what_can_be_done(
    content: bytes, said: str, kind: str
) -> None:
    with pytest.raises(Unreadable) as refusal:
        develop(content, kind, most_pixels=10**6)
    words = refusal.value.detail
    assert said in words or "announced as" in words
    assert words[0].isupper()
    assert words.endswith(".")
    assert "Please" in words


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\x00\x00", b"Exif\x00\x00II*\x00", b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
        b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x02\x00\xff\xff\xff\x7f\x08\x00\x00\x00",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x05\x00\x01\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x63\x00\x00\x00\x00\x00\x00\x00",
        b"Exif\x00\x00" + bytes(range(256)) * 4, b"not exif at all",
    ],
    ids=range(9),
)  # fmt: skip
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_whose_exif_data_are_broken_is_taken_as_it_stands(exif: bytes, form: str) -> None:
    developed = develop(saved(form, exif=exif), f"image/{form.lower()}", most_pixels=10**6)
    assert (developed.width, developed.height) == (40, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_picture_is_turned_as_the_camera_was_held(orientation: int, form: str) -> None:
    """The upper left corner of the scene is red, wherever the file has it."""
    scene = Image.new("RGB", (60, 40), "white")
    scene.paste((255, 0, 0), (0, 0, 20, 20))
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = saved(form, scene.transpose(back[orientation]) if orientation > 1 else scene, exif=exif)
    developed = develop(file, f"image/{form.lower()}", most_pixels=10**6)
    assert (developed.width, developed.height) == (60, 40)
    red, green, _ = Image.open(io.BytesIO(developed.files[-1].content)).convert("RGB").getpixel((8, 8))  # type: ignore[misc]
    assert (red > 200, green < 60) == (True, True)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "L"])
def test_a_colour_profile_of_any_kind_does_no_harm(mode: str) -> None:
    """Its own, one that is broken, and one of another kind of picture."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    made = Image.new("RGB", (40, 30), (200, 30, 30)).convert(mode)
    form = "JPEG" if mode == "CMYK" else "PNG"
    plain = Image.open(
        io.BytesIO(develop(saved(form, made), f"image/{form.lower()}", most_pixels=10**6).files[-1].content)
    )
    for profile in (srgb, lab, b"no profile", srgb[:200], b""):
        developed = develop(saved(form, made, icc_profile=profile), f"image/{form.lower()}", most_pixels=10**6)
        shown = Image.open(io.BytesIO(developed.files[-1].content)).convert("RGB")
        for seen, wanted in zip(shown.getpixel((20, 15)), plain.convert("RGB").getpixel((20, 15)), strict=True):  # type: ignore[arg-type]
            assert abs(seen - wanted) < 12


@given(st.integers(0, HIGHEST_PRICE), st.integers(1, 999), st.integers(1, 100), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_no_price_that_can_be_written_makes_a_sum_that_money_cannot_hold(
    amount: int, pieces: int, lines: int, currency: str
) -> None:
    variant = {**mug()["variants"][0], "compare_at_price": None, "price": {"amount": amount, "currency": currency}}
    price = VariantWrite.model_validate(variant).price
    total = Price(amount=(price * pieces).amount * lines, currency=currency)
    assert Price(amount=total.amount * 2, currency=currency).amount <= MOST


def test_a_price_above_the_highest_is_refused_where_it_is_written() -> None:
    for field in ("price", "compare_at_price"):
        variant = {**mug()["variants"][0], field: {"amount": HIGHEST_PRICE + 1, "currency": "EUR"}}
        with pytest.raises(ValidationError, match="enter a lower price"):
            VariantWrite.model_validate(variant)


@pytest.mark.parametrize("sku", [".", ".."])
def test_a_sku_that_web_addresses_drop_is_refused(sku: str) -> None:
    with pytest.raises(ValidationError, match="web addresses"):
        VariantWrite.model_validate({**mug()["variants"][0], "sku": sku})


@pytest.mark.parametrize(
    "text", ["\u200b", "\u200d\ufe0f", "\u2060", "\u3164", "\u2800", "\ufeff", "Mug \u202e", "\u2066a"]
)
def test_text_that_shows_nothing_or_turns_other_text_is_refused_in_every_field(text: str) -> None:
    for change in (
        {"title": text}, {"brand": text}, {"seo": {"title": text}}, {"seo": {"description": text}},
        {"options": [{"name": text, "values": ["a"]}]}, {"options": [{"name": "a", "values": [text]}]},
    ):  # fmt: skip
        with pytest.raises(ValidationError, match="invisible"):
            ProductWrite.model_validate(mug(**change))
        with pytest.raises(ValidationError, match="invisible"):
            ProductChanges.model_validate(change)
    for category in ({"title": text}, {"title": "Mugs", "description": text}):
        with pytest.raises(ValidationError, match="invisible"):
            CategoryWrite.model_validate({"slug": "mugs", **category})


@pytest.mark.parametrize("text", ["می\u200cخواهم", "👩\u200d🍳", "—", "カップ", "5″"])
def test_text_that_can_be_read_is_taken_as_it_is(text: str) -> None:
    assert ProductWrite.model_validate(mug(title=text)).title == text
