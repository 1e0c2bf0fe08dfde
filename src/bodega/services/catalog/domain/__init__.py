"""What a product is, and how it may change: pure rules, no I/O.

    draft <──> published <──> archived

Each command answers with the product after it, with its next version; one that changes nothing answers with
the product as it is. Shoppers hear of a product from its first publication on.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import nh3
from anyascii import anyascii
from markdown_it import MarkdownIt
from pydantic import BaseModel, Field, ValidationError

from bodega.contracts import catalog
from bodega.contracts.catalog import (
    Media,
    Option,
    ProductArchived,
    ProductStatus,
    ProductUpdated,
    Seo,
    Variant,
    folded,
    option_key,
)
from bodega.contracts.fields import Slug
from bodega.kit.errors import Invalid, in_words, of_fields
from bodega.services.catalog.schemas import MEDIA_PER_PRODUCT, ProductChanges, ProductWrite, VariantWrite

Form = TypeVar("Form", bound=BaseModel)
SMALL = "w320.jpg"
"""The picture that is told with a price, and kept by carts and orders."""
SLUG_LENGTH = 100
PRODUCT_BYTES = 800_000
"""A product travels whole in one message, and the broker takes a megabyte."""

_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_TAGS = {"p", "br", "hr", "em", "strong", "a", "ul", "ol", "li", "blockquote", "code", "pre",
         "h1", "h2", "h3", "h4", "h5", "h6"}  # fmt: skip


class Product(catalog.Product):
    """A product as its owner knows it: what everybody may see, and what only we need."""

    status: ProductStatus = "draft"
    former_slugs: list[Slug] = Field(default_factory=list)
    former_images: list[str] = Field(default_factory=list)
    """Small pictures that are no longer its own: orders of it, and the mails about them, go on showing them."""
    ever_published: bool = False
    created_key: str
    """The Idempotency-Key that made it, with its owner; without one, its id. Unique, so that one key makes one."""
    created_body: str = ""
    """Fingerprint of the request that made it."""

    @property
    def skus(self) -> list[str]:
        return [variant.sku for variant in self.variants]


def next_version(previous: int, now: datetime) -> int:
    """Grows even if the store has lost its last moment: by then the clock has gone on."""
    return max(previous + 1, int(now.timestamp() * 1000))


def create(wish: ProductWrite, *, product_id: str, key: str | None, body: str, now: datetime, currency: str) -> Product:
    """Raises Invalid."""
    slug = wish.slug or slug_of(wish.title)
    if slug is None:
        raise Invalid.field("/slug", "No slug can be made from the title. Please give one.")
    now = _whole_milliseconds(now)
    blank = Product(
        id=product_id, slug=slug, title=wish.title, variants=[], version=next_version(0, now),
        created_at=now, updated_at=now, created_key=key or product_id, created_body=body,
    )  # fmt: skip
    return _checked(_filled(blank, wish), wish, currency)


def edit(product: Product, wish: ProductWrite, *, now: datetime, currency: str) -> Product:
    """The product as wished, whole. Raises Invalid."""
    return _next(product, _checked(_filled(product, wish), wish, currency), now)


def archive(product: Product, *, now: datetime) -> Product:
    return _next(product, product.model_copy(update={"status": "archived"}), now)


def add_media(product: Product, media: Media, *, now: datetime) -> Product:
    """Once, however often it is asked. Raises Invalid."""
    if any(one.id == media.id for one in product.media):
        return product
    if len(product.media) >= MEDIA_PER_PRODUCT:
        raise Invalid.field("/media", f"A product has at most {MEDIA_PER_PRODUCT} pictures.")
    return _next(product, product.model_copy(update={"media": [*product.media, media]}), now)


def remove_media(product: Product, media_id: str, *, now: datetime) -> Product:
    left = [one for one in product.media if one.id != media_id]
    changed = {"media": left, "former_images": _former_images(product, left)}
    return _next(product, product.model_copy(update=changed), now)


def touch(product: Product, *, now: datetime) -> Product:
    """The same, told anew."""
    return product.model_copy(update={"version": next_version(product.version, now)})


def fact(product: Product) -> ProductUpdated | ProductArchived | None:
    """What the world may know of the product as it stands; None: it has never been shown to anybody."""
    if product.status == "published":
        return ProductUpdated(product=catalog.Product.model_validate(product.model_dump()))
    if not product.ever_published:
        return None
    return archived_fact(product)


def archived_fact(product: Product) -> ProductArchived:
    return ProductArchived(
        product_id=product.id,
        slug=product.slug,
        skus=product.skus,
        categories=product.categories,
        version=product.version,
    )


def patched(product: Product, changes: ProductChanges) -> ProductWrite:
    """The product as a merchant would write it, with a merge-patch (RFC 7396) applied. Raises Invalid."""
    written = product.model_dump(include=set(ProductWrite.model_fields))
    written["media"] = [one.model_dump(include={"id", "alt", "variant_skus"}) for one in product.media]
    return written_as(ProductWrite, merge_patch(written, changes.model_dump(exclude_unset=True)))


def with_whole_variants(content: dict[str, Any], before: Product | None) -> dict[str, Any]:
    """A product's content whose variants are merge-patches by SKU, with whole variants in their stead. Those that the
    content does not name stay, those that nobody knows stand last; the options are what all of them have, in the order
    in which they were and came."""
    variants: dict[Any, Any] = {one.sku: one.model_dump() for one in before.variants} if before is not None else {}
    for patch in content["variants"]:
        variants[patch["sku"]] = merge_patch(variants.get(patch["sku"]), patch)
    used: dict[str, list[str]] = {option.name: [] for option in before.options} if before is not None else {}
    for variant in variants.values():
        for name, value in variant["options"].items():
            used.setdefault(name, []).append(value)
    known = {option.name: option.values for option in before.options} if before is not None else {}
    options = [
        {"name": name, "values": [one for one in dict.fromkeys([*known.get(name, []), *values]) if one in values]}
        for name, values in used.items()
        if values
    ]
    return {**content, "variants": list(variants.values()), "options": options}


def written_as(form: type[Form], content: Any) -> Form:
    """Raises Invalid, with a pointer for each thing that is wrong."""
    try:
        return form.model_validate(content)
    except ValidationError as error:
        errors = [
            {"pointer": "".join(f"/{part}" for part in one["loc"]), "message": in_words(one)}
            for one in error.errors()[:50]
        ]
        raise of_fields(errors) from error


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def differences(before: Product | None, after: Product) -> list[str]:
    """The fields that a merchant would name."""
    names = [*ProductWrite.model_fields]
    if before is None:
        return [name for name in names if getattr(after, name)]
    return [name for name in names if getattr(before, name) != getattr(after, name)]


def slug_of(title: str) -> str | None:
    """`Café au lait!` -> `cafe-au-lait`, `Лампа` -> `lampa`; None, if nothing is left."""
    plain = anyascii(unicodedata.normalize("NFC", title)).lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:SLUG_LENGTH].strip("-") or None


def slugs_alike(wanted: str) -> Iterator[str]:
    """`cafe-au-lait`, then `cafe-au-lait-2` and so on, without end."""
    for number in itertools.count(1):
        suffix = f"-{number}" if number > 1 else ""
        yield wanted[: SLUG_LENGTH - len(suffix)].rstrip("-") + suffix


@lru_cache(maxsize=1_000)
def html_of(markdown: str) -> str:
    """Markdown as HTML that may stand on a page: nothing that runs, no address but http, https and mailto. An import
    that changes products asks for each text twice: when its rows are checked and when they are written."""
    return nh3.clean(
        _MARKDOWN.render(markdown),
        tags=_TAGS,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )


def _filled(product: Product, wish: ProductWrite) -> Product:
    slug = wish.slug or product.slug
    former = [one for one in [*product.former_slugs, product.slug] if one != slug]
    media = product.media
    if wish.media is not None:
        known = {one.id: one for one in product.media}
        media = [
            known[one.id].model_copy(update={"alt": one.alt, "variant_skus": one.variant_skus})
            for one in wish.media
            if one.id in known
        ]
    return product.model_copy(
        update={
            "title": wish.title,
            "slug": slug,
            "former_slugs": list(dict.fromkeys(former)),
            "brand": wish.brand,
            "description": wish.description,
            "description_html": html_of(wish.description),
            "categories": wish.categories,
            "options": [Option(name=one.name, values=one.values) for one in wish.options],
            "variants": [Variant.model_validate(one.model_dump()) for one in wish.variants],
            "media": media,
            "former_images": _former_images(product, media),
            "seo": Seo(title=wish.seo.title, description=wish.seo.description),
            "tax_category": wish.tax_category,
            "status": wish.status,
            "ever_published": product.ever_published or wish.status == "published",
        }
    )


def _former_images(product: Product, media: Sequence[Media]) -> list[str]:
    """Once only these pictures are left."""
    shown = [one.renditions[SMALL] for one in product.media if SMALL in one.renditions]
    left = {one.renditions.get(SMALL) for one in media}
    gone = [path for path in shown if path not in left] if product.ever_published else []
    return list(dict.fromkeys([*product.former_images, *gone]))


def _next(before: Product, after: Product, now: datetime) -> Product:
    if after == before:
        return before
    now = _whole_milliseconds(now)
    ever = before.ever_published or after.status == "published"
    return after.model_copy(
        update={"version": next_version(before.version, now), "updated_at": now, "ever_published": ever}
    )


def _whole_milliseconds(now: datetime) -> datetime:
    """As the store keeps it, so that what was written is what is read."""
    return now.astimezone(UTC).replace(microsecond=now.microsecond // 1000 * 1000)


def _checked(product: Product, wish: ProductWrite, currency: str) -> Product:
    errors = [{"pointer": pointer, "message": message} for pointer, message in _faults(product, wish, currency)]
    if not errors and len(product.model_dump_json()) > PRODUCT_BYTES:
        errors = [{"pointer": "", "message": f"The product is larger than {PRODUCT_BYTES} bytes."}]
    if errors:
        raise Invalid(f"{errors[0]['pointer']}: {errors[0]['message']}", errors=errors[:50])
    return product


def _faults(product: Product, wish: ProductWrite, currency: str) -> Iterator[tuple[str, str]]:
    yield from _doubles("/categories", wish.categories)
    yield from _doubles("/options", [option_key(option.name) for option in wish.options])
    for index, option in enumerate(wish.options):
        yield from _doubles(f"/options/{index}/values", [folded(value) for value in option.values])
    yield from _doubles("/variants", [variant.sku for variant in wish.variants])
    chosen: set[tuple[str | None, ...]] = set()
    for index, variant in enumerate(wish.variants):
        yield from _variant_faults(f"/variants/{index}", variant, wish, currency)
        choice = tuple(variant.options.get(option.name) for option in wish.options)
        if choice in chosen:
            yield f"/variants/{index}/options", "Another variant has the same values."
        chosen.add(choice)
    if wish.media is not None:
        known = {one.id: one for one in product.media}
        yield from _doubles("/media", [one.id for one in wish.media])
        for index, one in enumerate(wish.media):
            if one.id not in known:
                yield f"/media/{index}/id", "The product has no such picture."
            yield from sku_faults(f"/media/{index}/variant_skus", one.variant_skus, product)


def _variant_faults(
    pointer: str, variant: VariantWrite, wish: ProductWrite, currency: str
) -> Iterator[tuple[str, str]]:
    for name in variant.options.keys() - {option.name for option in wish.options}:
        yield f"{pointer}/options", f"The product has no option {name}."
    for option in wish.options:
        value = variant.options.get(option.name)
        if value is None:
            yield f"{pointer}/options", f"This variant has no value for {option.name}."
        elif value not in option.values:
            yield f"{pointer}/options", f"{value} is not a value of {option.name}."
    if variant.price.currency != currency:
        yield f"{pointer}/price/currency", f"This shop sells in {currency}."
    before = variant.compare_at_price
    if before is not None and before.currency != currency:
        yield f"{pointer}/compare_at_price/currency", f"This shop sells in {currency}."
    elif before is not None and before.amount <= variant.price.amount:
        yield f"{pointer}/compare_at_price", "This must be more than the price."


def sku_faults(pointer: str, skus: Sequence[str], product: Product) -> Iterator[tuple[str, str]]:
    """What is wrong with the SKUs that a picture names."""
    known = set(product.skus)
    for index, sku in enumerate(skus):
        if sku not in known:
            yield f"{pointer}/{index}", "The product has no such SKU."


def _doubles(pointer: str, values: Sequence[str]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield f"{pointer}/{index}", "This appears twice."
        seen.add(value)
