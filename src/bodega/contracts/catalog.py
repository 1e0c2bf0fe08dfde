"""Catalog: the published state of products, and prices for those who sell."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.envelope import Event
from bodega.contracts.fields import CleanText, Line, Sku, Slug, Timestamp
from bodega.contracts.ids import ProductId
from bodega.contracts.money import Price


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Option(_Message):
    name: Line = Field(description="What can be chosen", examples=["Colour"])
    values: list[Line] = Field(description="In the order in which they are shown", examples=[["Sand", "Slate"]])


class Media(_Message):
    id: str = Field(description="Identifies the picture within the product")
    alt: CleanText = Field(default="", description="What is to be seen, for those who do not see it")
    renditions: dict[str, str] = Field(
        default_factory=dict, description="Name of size and form (`w640.webp`) -> path below the media address"
    )
    variant_skus: list[Sku] = Field(default_factory=list, description="The variants that it shows; empty: all")
    width: int = Field(default=0, description="Of the original, in pixels; 0: not known")
    height: int = Field(default=0, description="Of the original, in pixels; 0: not known")


class Variant(_Message):
    sku: Sku
    options: dict[str, str] = Field(default_factory=dict, description="Option name -> value")
    price: Price
    compare_at_price: Price | None = Field(default=None, description="The price before, if it is reduced")
    weight_grams: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    barcode: str | None = None


class Seo(_Message):
    title: CleanText = ""
    description: CleanText = ""


class Product(_Message):
    """A published product, whole."""

    id: ProductId
    slug: Slug
    title: Line
    brand: CleanText = ""
    description: CleanText = Field(default="", description="Markdown")
    description_html: str = Field(default="", description="The description as sanitised HTML")
    categories: list[Slug] = Field(default_factory=list)
    options: list[Option] = Field(default_factory=list)
    variants: list[Variant]
    media: list[Media] = Field(default_factory=list)
    seo: Seo = Seo()
    tax_category: str = Field(default="standard", description="Which rate of tax applies")
    version: int = Field(description="Grows with every change; never goes back")
    created_at: Timestamp
    updated_at: Timestamp


class ProductUpdated(Event):
    """A product is published in this state. Carries it whole: a reader needs no other message."""

    topic: ClassVar[str] = "catalog"
    product: Product


class ProductArchived(Event):
    """A product is no longer sold (archived, or taken back to draft)."""

    topic: ClassVar[str] = "catalog"
    product_id: ProductId
    slug: Slug
    skus: list[Sku]
    categories: list[Slug] = Field(default_factory=list)
    version: int


class CategoryUpdated(Event):
    """A category is new, or is now as this says. The event's subject is its slug."""

    topic: ClassVar[str] = "catalog"
    slug: Slug
    title: Line
    description: CleanText = ""
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


ProductStatus = Literal["draft", "published", "archived"]
