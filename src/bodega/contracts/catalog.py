"""Catalog: the published state of products, and prices for those who sell."""

import hashlib
import re
import unicodedata
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.envelope import Event
from bodega.contracts.fields import CategorySlug, CleanText, Line, Sku, Slug, Timestamp
from bodega.contracts.ids import ProductId
from bodega.contracts.money import Price

OPTION_PARAMETER: Final = "option."
"""Before an option's key in the parameters of the search: so no option is taken for one of the search's own."""
_KEY_LETTERS: Final = 40
"""How much of a long name its key shows."""


def folded(words: str) -> str:
    """What spellings of an option's name or value have in common that differ only in capitals or in how accents are
    encoded: `FOREST` -> `forest`."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", words).casefold()).strip()


def option_key(name: str) -> str:
    """An option's name as a part of an address: letters a to z, digits, `_` and `-`. The same for names that are
    `folded` to the same, and different for all others: `Cable length` -> `cable_length`, `Size (cm)` ->
    `size_cm-43ba15dede`.
    """
    words = folded(name)
    plain = re.sub("[^a-z0-9]+", "_", words).strip("_")
    if plain and plain.replace("_", " ") == words and len(plain) <= _KEY_LETTERS:
        return plain  # says all of the name
    digest = hashlib.blake2b(words.encode(), digest_size=5).hexdigest()
    return f"{plain[:_KEY_LETTERS]}-{digest}"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Option(_Message):
    """Something that a shopper chooses."""

    name: Line = Field(description="What can be chosen, for people", examples=["Color"])
    values: list[Line] = Field(
        description="The choices in the order in which they are shown", examples=[["Sage", "Ink"]]
    )


class Media(_Message):
    """A picture of a product, in several sizes and forms."""

    id: str = Field(
        description="Identifies the picture within the product", examples=["med_01M1DZPXYNER08K6AGV0VFCXEC"]
    )
    alt: CleanText = Field(
        default="",
        description="What is to be seen, for those who do not see it",
        examples=["Stoneware mug with a sage glaze and a bare clay foot"],
    )
    renditions: dict[str, str] = Field(
        default_factory=dict,
        description="Width in pixels and form (`w640.webp`) -> path below the media address, which names the content: "
        "what is at a path never changes",
        examples=[
            {
                "w320.jpg": "products/95d8c23fd27116fa68b46185336bfa6997eec65e.jpg",
                "w640.webp": "products/e02e9b678b91cb319f3f903d4c195253d006ecad.webp",
            }
        ],
    )
    variant_skus: list[Sku] = Field(default_factory=list, description="The variants that it shows; empty: all")
    width: int = Field(default=0, description="Of the original, in pixels; 0: not known", examples=[1600])
    height: int = Field(default=0, description="Of the original, in pixels; 0: not known", examples=[1600])


class Variant(_Message):
    """What can be put into a cart: the product in one colour and size, say."""

    sku: Sku
    options: dict[str, str] = Field(
        default_factory=dict,
        description="Which it is: each of the product's options -> the choice",
        examples=[{"Color": "Sage", "Size": "350 ml"}],
    )
    price: Price = Field(description="Of one piece, now; with or without tax as the shop's tax says")
    compare_at_price: Price | None = Field(
        default=None, description="The price before it was reduced; null: it is not", examples=[None]
    )
    weight_grams: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=0, description="Of one piece with its packaging; 0: not known", examples=[390]
    )
    barcode: str | None = Field(
        default=None, description="EAN, UPC or the like, as printed; null: none is known", examples=["2001001000042"]
    )


class Seo(_Message):
    """What search engines are told of a page."""

    title: CleanText = Field(
        default="", description="Empty: the product's title", examples=["Alba Stoneware Mug, 250 or 350 ml"]
    )
    description: CleanText = Field(
        default="",
        description="Empty: the beginning of the product's description",
        examples=["Hand-dipped stoneware mug with a bare clay foot, in two glazes and two sizes."],
    )


class Product(_Message):
    """A published product, whole."""

    id: ProductId
    slug: Slug
    title: Line = Field(description="For people", examples=["Alba Stoneware Mug"])
    brand: CleanText = Field(default="", description="Who makes it; empty: not said", examples=["Haverfold"])
    description: CleanText = Field(
        default="", description="Markdown", examples=["Thrown from speckled stoneware, *dipped by hand*."]
    )
    description_html: str = Field(
        default="",
        description="The description as sanitised HTML, safe to put into a page",
        examples=["<p>Thrown from speckled stoneware, <em>dipped by hand</em>.</p>\n"],
    )
    categories: list[CategorySlug] = Field(
        default_factory=list,
        description="Slugs of the categories that show it, the main one first",
        examples=[["kitchen-table", "coffee-tea"]],
    )
    options: list[Option] = Field(
        default_factory=list,
        description="What a shopper chooses, at most three; empty: there is one variant",
        examples=[[{"name": "Color", "values": ["Sage"]}, {"name": "Size", "values": ["250 ml", "350 ml"]}]],
    )
    variants: list[Variant] = Field(
        description="What can be bought, at least one; not each choice need exist",
        examples=[
            [
                {
                    "sku": "MUG-ALBA-SAGE-250ML",
                    "options": {"Color": "Sage", "Size": "250 ml"},
                    "price": {"amount": 1600, "currency": "EUR"},
                    "compare_at_price": None,
                    "weight_grams": 310,
                    "barcode": "2001001000035",
                },
                {
                    "sku": "MUG-ALBA-SAGE-350ML",
                    "options": {"Color": "Sage", "Size": "350 ml"},
                    "price": {"amount": 1900, "currency": "EUR"},
                    "compare_at_price": None,
                    "weight_grams": 390,
                    "barcode": "2001001000042",
                },
            ]
        ],
    )
    media: list[Media] = Field(
        default_factory=list, description="Pictures in the order in which they are shown; the first stands in lists"
    )
    seo: Seo = Field(default=Seo(), description="For search engines")
    tax_category: str = Field(
        default="standard", description="Which of a country's tax rates applies", examples=["standard"]
    )
    version: int = Field(
        description="Grows with every change and never goes back; whoever has read a higher one ignores this",
        examples=[1795500512932],
    )
    created_at: Timestamp = Field(description="When it was made, as a draft perhaps", examples=["2026-09-01T08:00:00Z"])
    updated_at: Timestamp = Field(description="When it was last changed", examples=["2026-11-24T08:48:32Z"])


class ProductUpdated(Event):
    """A product is published in this state. Carries it whole: a reader needs no other message."""

    topic: ClassVar[str] = "catalog"
    product: Product = Field(description="As it is from now on")


class ProductArchived(Event):
    """A product is no longer sold (archived, or taken back to draft)."""

    topic: ClassVar[str] = "catalog"
    product_id: ProductId
    slug: Slug
    skus: list[Sku] = Field(description="Its variants, none of which can be bought any more")
    categories: list[CategorySlug] = Field(default_factory=list, description="Those that have shown it")
    version: int = Field(description="Grows with every change; never goes back", examples=[1795500512932])


class CategoryUpdated(Event):
    """A category is new, or is now as this says. The event's subject is its slug."""

    topic: ClassVar[str] = "catalog"
    slug: CategorySlug
    title: Line = Field(description="For people", examples=["Kitchen & Table"])
    description: CleanText = Field(
        default="",
        description="A sentence or two",
        examples=["Stoneware, iron and wood for cooking well and sitting down together."],
    )
    position: int = Field(description="Where it stands among the others, lowest first")
    version: int = Field(description="Grows with every change; never goes back")


class PricesRequest(_Message):
    """`POST /internal/prices`"""

    skus: Annotated[list[Sku], Field(min_length=1, max_length=100)]


class PricedSku(_Message):
    """What a SKU costs now, and what is printed on the receipt."""

    sku: Sku
    sold: bool = Field(description="False: archived, a draft, or unknown; then only `sku` means anything")
    product_id: ProductId | None = None
    product_version: int = 0
    slug: Slug | None = None
    title: str = ""
    options: dict[str, str] = Field(default_factory=dict)
    image: str | None = Field(default=None, description="Path of a small picture below the media address")
    price: Price | None = None
    weight_grams: int = 0
    categories: list[Slug] = Field(default_factory=list)
    tax_category: str = "standard"

    @classmethod
    def of(cls, product: Product, variant: Variant) -> "PricedSku":
        """A variant of a published product, as it is sold."""
        pictures = [one for one in product.media if variant.sku in one.variant_skus] or product.media[:1]
        return cls(
            sku=variant.sku,
            sold=True,
            product_id=product.id,
            product_version=product.version,
            slug=product.slug,
            title=product.title,
            options=variant.options,
            image=pictures[0].renditions.get("w320.jpg") if pictures else None,  # JPEG: mail programs show it too
            price=variant.price,
            weight_grams=variant.weight_grams,
            categories=product.categories,
            tax_category=product.tax_category,
        )


class Prices(_Message):
    items: list[PricedSku]


class ProductsRequest(_Message):
    """`POST /internal/products`: some by id, or all published ones page by page (by id, ascending)."""

    ids: Annotated[list[ProductId], Field(max_length=100)] | None = None
    after: ProductId | None = Field(default=None, description="Page on behind this id")
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class Products(_Message):
    items: list[Product]
    archived: list[ProductArchived] = Field(default_factory=list, description="Of the ids asked for, what is not sold")
    next_after: ProductId | None = None


class Categories(_Message):
    """`GET /internal/categories`: all of them, each as its event tells of it."""

    items: list[CategoryUpdated]


ProductStatus = Literal["draft", "published", "archived"]
