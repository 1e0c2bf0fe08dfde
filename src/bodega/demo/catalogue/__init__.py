"""The demo shop's goods: one TOML file per category, read into frozen models that refuse what a shop could not sell."""

from __future__ import annotations

import tomllib
from functools import cached_property
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bodega.demo.drawings.studio import SIZE, WHOLE, Frame

CURRENCY = "EUR"

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Color = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Cents = Annotated[int, Field(gt=0, strict=True, description="Minor units of the currency that the shop sells in.")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Seo(_Frozen):
    """What a search engine shows."""

    title: str
    description: str


class Option(_Frozen):
    """What a shopper chooses: a name and the values to choose from."""

    name: str
    values: tuple[str, ...]


class Variant(_Frozen):
    """One thing that can be bought. ``options`` names a value for each option of the product."""

    sku: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    options: dict[str, str]
    price: Cents
    compare_at: Cents | None = None
    weight_grams: Annotated[int, Field(gt=0)]
    barcode: Annotated[str, Field(pattern=r"^2\d{12}$", description="EAN-13 of the range for use inside a shop.")]
    stock: Annotated[int, Field(ge=0, description="On hand when the shop opens.")]


class Shot(_Frozen):
    """One picture to draw: of which kind of object, in which color, for which variants (none: all of them)."""

    name: str
    kind: str
    tone: Color
    backdrop: Color
    alt: str
    skus: tuple[str, ...]
    frame: Frame = WHOLE


class Detail(_Frozen):
    """A second picture of a product that has one color: the drawing from close by.

    Around (``x``, ``y``) in the drawing's units; ``share`` of its side is seen.
    """

    alt: str
    x: float
    y: float
    share: Annotated[float, Field(gt=0.3, lt=1)]

    @property
    def frame(self) -> Frame:
        """Moved where it would reach over the drawing's edge."""
        side = self.share * SIZE
        left, top = (min(max(at - side / 2, 0), SIZE - side) for at in (self.x, self.y))
        return left, top, side


class Picture(_Frozen):
    """How a product is drawn: once in ``tone``, or once for each value of ``option`` in the color of that value.

    ``{value}`` in ``alt`` stands for the value in lower case.
    """

    kind: str
    alt: str
    tone: Color | None = None
    option: str | None = None
    tones: dict[str, Color] = {}


class Product(_Frozen):
    """A product as its category's file has it."""

    slug: Slug
    title: str
    brand: str
    also_in: tuple[Slug, ...] = ()
    description: str
    seo: Seo
    picture: Picture
    detail: Detail | None = None
    options: tuple[Option, ...] = ()
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)]

    def shots(self, backdrop: str) -> tuple[Shot, ...]:
        """The pictures of this product before the category's ``backdrop``, in the order of the option's values.

        Raises KeyError if a value has no color, ValueError if the picture has neither tone nor option.
        """
        how = self.picture
        if how.option is None:
            if how.tone is None:
                raise ValueError(f"{self.slug}: the picture needs a tone or an option")
            skus = tuple(variant.sku for variant in self.variants)
            whole = Shot(
                name=f"{self.slug}.jpg", kind=how.kind, tone=how.tone, backdrop=backdrop, alt=how.alt, skus=skus
            )
            if self.detail is None:
                return (whole,)
            # Of no variant in particular: it shows each of them.
            close = {"name": f"{self.slug}-close.jpg", "alt": self.detail.alt, "skus": (), "frame": self.detail.frame}
            return whole, whole.model_copy(update=close)
        values = next(option.values for option in self.options if option.name == how.option)
        return tuple(
            Shot(
                name=f"{self.slug}-{''.join(c if c.isalnum() else '-' for c in value.lower())}.jpg",
                kind=how.kind,
                tone=how.tones[value],
                backdrop=backdrop,
                alt=how.alt.format(value=value.lower()),
                skus=tuple(variant.sku for variant in self.variants if variant.options[how.option] == value),
            )
            for value in values
        )


class Category(_Frozen):
    """A shelf of the shop, and what stands on it. ``backdrop`` is the color of the paper behind its pictures."""

    slug: Slug
    title: str
    description: str
    position: int
    backdrop: Color
    products: tuple[Product, ...]


class Catalogue(_Frozen):
    """All categories, by position."""

    categories: tuple[Category, ...]

    @cached_property
    def products(self) -> tuple[tuple[Category, Product], ...]:
        """Each product once, with the category whose file holds it."""
        return tuple((category, product) for category in self.categories for product in category.products)


def load() -> Catalogue:
    """Reads every ``*.toml`` beside this file. Raises pydantic.ValidationError or tomllib.TOMLDecodeError."""
    found = [
        Category.model_validate(tomllib.loads(entry.read_text(encoding="utf-8")))
        for entry in files(__name__).iterdir()
        if entry.name.endswith(".toml")
    ]
    return Catalogue(categories=tuple(sorted(found, key=lambda category: (category.position, category.slug))))
