"""What catalog takes from people and answers to them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bodega.contracts.catalog import Media, Product, ProductStatus
from bodega.contracts.fields import CleanText, Line, Sku, Slug
from bodega.contracts.ids import ProductId
from bodega.contracts.money import Price

MEDIA_PER_PRODUCT = 30
VARIANTS_PER_PRODUCT = 100

ContentType = Literal["image/jpeg", "image/png", "image/webp", "image/avif"]
Word = Annotated[Line, StringConstraints(max_length=60)]
Brand = Annotated[CleanText, StringConstraints(max_length=100, strip_whitespace=True)]
Alt = Annotated[CleanText, StringConstraints(max_length=500, strip_whitespace=True)]
MediaId = Annotated[str, StringConstraints(pattern=r"^med_[0-9A-Z]{26}$")]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Wish(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# --- what merchants write ---------------------------------------------------------------------------


class OptionWrite(_Wish):
    name: Word = Field(description="What can be chosen", examples=["Color"])
    values: Annotated[list[Word], Field(min_length=1, max_length=VARIANTS_PER_PRODUCT)] = Field(
        description="In the order in which they are shown", examples=[["Sand", "Slate"]]
    )


class VariantWrite(_Wish):
    sku: Sku = Field(description="Unique over the shop, for ever", examples=["MUG-SAND"])
    options: dict[Word, Word] = Field(
        default_factory=dict, description="A value for each of the product's options", examples=[{"Color": "Sand"}]
    )
    price: Price = Field(description="In the shop's currency")
    compare_at_price: Price | None = Field(default=None, description="The price before, if it is reduced")
    weight_grams: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = Field(
        default=0, description="With its packaging", examples=[420]
    )
    barcode: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z -]{1,64}$")] | None = Field(
        default=None, description="EAN, UPC or the like", examples=["2004001000012"]
    )


class MediaEdit(_Wish):
    id: MediaId = Field(description="One of the product's pictures", examples=["med_06F2Q8Z4V1W5T7X9Y3A2B4C6D8"])
    alt: Alt = Field(default="", description="What is to be seen", examples=["A sand-coloured mug"])
    variant_skus: Annotated[list[Sku], Field(max_length=VARIANTS_PER_PRODUCT)] = Field(
        default_factory=list, description="The variants that it shows; empty: all"
    )


class SeoWrite(_Wish):
    title: Annotated[CleanText, StringConstraints(max_length=200)] = Field(
        default="", description="For search engines; empty: the product's title", examples=["Stoneware Mug, 300 ml"]
    )
    description: Annotated[CleanText, StringConstraints(max_length=500)] = Field(
        default="", description="For search engines", examples=["A mug that keeps its warmth."]
    )


class ProductWrite(_Wish):
    """A product, whole, but for its pictures' files: those are uploaded."""

    title: Line = Field(description="What it is called", examples=["Dune Mug"])
    slug: Slug | None = Field(
        default=None,
        description="Its address in the shop. Left out: kept, or made from the title. Old ones lead to the new one",
        examples=["dune-mug"],
    )
    description: Annotated[CleanText, StringConstraints(max_length=20_000)] = Field(
        default="", description="Markdown; HTML in it is shown as text", examples=["Thrown by hand. *Dishwasher safe.*"]
    )
    brand: Brand = Field(default="", description="Who makes it", examples=["Oriel Works"])
    categories: Annotated[list[Slug], Field(max_length=20)] = Field(
        default_factory=list, description="Slugs of existing categories, the main one first", examples=[["kitchen"]]
    )
    options: Annotated[list[OptionWrite], Field(max_length=3)] = Field(
        default_factory=list, description="What a shopper chooses"
    )
    variants: Annotated[list[VariantWrite], Field(min_length=1, max_length=VARIANTS_PER_PRODUCT)] = Field(
        description="What can be bought: at least one"
    )
    media: Annotated[list[MediaEdit], Field(max_length=MEDIA_PER_PRODUCT)] | None = Field(
        default=None, description="The pictures in their order, the first is the one in lists. Left out: as they are"
    )
    seo: SeoWrite = Field(default=SeoWrite(), description="For search engines")
    tax_category: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,29}$")] = Field(
        default="standard", description="Which rate of tax applies", examples=["standard"]
    )
    status: ProductStatus = Field(default="draft", description="Only published products are seen by shoppers")


class ProductChanges(_Wish):
    """A merge-patch (RFC 7396) of a product: what is given replaces, null resets, lists are replaced whole."""

    title: Line | None = Field(default=None, examples=["Dune Mug"])
    slug: Slug | None = Field(default=None, examples=["dune-mug"])
    description: Annotated[CleanText, StringConstraints(max_length=20_000)] | None = None
    brand: Brand | None = None
    categories: Annotated[list[Slug], Field(max_length=20)] | None = None
    options: Annotated[list[OptionWrite], Field(max_length=3)] | None = None
    variants: Annotated[list[VariantWrite], Field(max_length=VARIANTS_PER_PRODUCT)] | None = None
    media: Annotated[list[MediaEdit], Field(max_length=MEDIA_PER_PRODUCT)] | None = None
    seo: SeoWrite | None = None
    tax_category: str | None = None
    status: ProductStatus | None = Field(default=None, examples=["published"])


class CategoryWrite(_Wish):
    slug: Slug = Field(description="Its address in the shop; stays", examples=["kitchen"])
    title: Line = Field(description="What it is called", examples=["Kitchen & Table"])
    description: Annotated[CleanText, StringConstraints(max_length=2_000)] = Field(
        default="", description="A sentence or two", examples=["For everyday meals."]
    )
    position: Annotated[int, Field(strict=True, ge=0, le=100_000)] = Field(
        default=0, description="Smaller ones are shown first", examples=[1]
    )


class CategoryChanges(_Wish):
    """A merge-patch of a category."""

    slug: Slug | None = Field(default=None, description="The same as in the address, if at all")
    title: Line | None = None
    description: Annotated[CleanText, StringConstraints(max_length=2_000)] | None = None
    position: Annotated[int, Field(strict=True, ge=0, le=100_000)] | None = None


class MediaUpload(_Wish):
    filename: Annotated[Line, StringConstraints(max_length=200)] = Field(
        description="What the file is called where it comes from", examples=["mug-sand.jpg"]
    )
    content_type: ContentType = Field(description="What the file will be; it is checked", examples=["image/jpeg"])
    size_bytes: Annotated[int, Field(strict=True, ge=1)] = Field(
        description="How large the file is; it is checked", examples=[182734]
    )
    alt: Alt = Field(default="", description="What is to be seen", examples=["A sand-coloured mug"])
    variant_skus: Annotated[list[Sku], Field(max_length=VARIANTS_PER_PRODUCT)] = Field(
        default_factory=list, description="The variants that it shows; empty: all"
    )


# --- what is answered -------------------------------------------------------------------------------


class ProductSummary(_Answer):
    """A product in a list."""

    id: ProductId
    slug: Slug = Field(examples=["dune-mug"])
    title: str = Field(examples=["Dune Mug"])
    brand: str = Field(examples=["Oriel Works"])
    categories: list[Slug] = Field(examples=[["kitchen"]])
    skus: list[Sku] = Field(description="Its variants, to ask for stock", examples=[["MUG-SAND"]])
    price_from: Price = Field(description="The price of the cheapest variant")
    price_to: Price = Field(description="The price of the dearest variant")
    compare_at_price: Price | None = Field(description="What the cheapest variant cost before, if it is reduced")
    image: Media | None = Field(description="The first picture")
    version: int = Field(description="Grows with every change", examples=[1795500000000])


class ProductView(Product):
    """A product as shoppers see it."""


class CategoryView(_Answer):
    slug: Slug = Field(examples=["kitchen"])
    title: str = Field(examples=["Kitchen & Table"])
    description: str = Field(examples=["For everyday meals."])
    position: int = Field(examples=[1])


class AdminProductView(Product):
    """A product as merchants see it."""

    status: ProductStatus
    former_slugs: list[Slug] = Field(description="Earlier addresses, which lead to the present one")


class AdminProductSummary(ProductSummary):
    status: ProductStatus


class Upload(_Answer):
    method: Literal["PUT"] = "PUT"
    url: str = Field(description="Where the file goes; works once signed, for a quarter of an hour")
    headers: dict[str, str] = Field(description="To be sent with the file", examples=[{"Content-Type": "image/jpeg"}])


class UploadPlace(_Answer):
    """Where to put a picture. Then call `…/media/{media_id}/complete`."""

    media_id: MediaId
    upload: Upload


class RowError(_Answer):
    """What is wrong with a row of an import."""

    line: int = Field(description="Of the file, counted from 1", examples=[17])
    slug: str | None = Field(description="Of the row's product, if it could be read", examples=["dune-mug"])
    pointer: str = Field(description="Which field", examples=["/variants/0/price"])
    message: str = Field(description="What is wrong with it")


class RowChange(_Answer):
    """What a row of an import does."""

    line: int = Field(examples=[17])
    slug: Slug = Field(examples=["dune-mug"])
    action: Literal["create", "update"]
    fields: list[str] = Field(description="What changes", examples=[["title", "variants"]])


class ImportReport(_Answer):
    dry_run: bool = Field(description="True: nothing was written")
    created: int = Field(examples=[12])
    updated: int = Field(examples=[3])
    unchanged: int = Field(examples=[9])
    failed: int = Field(description="Rows with errors", examples=[0])
    changes: list[RowChange] = Field(description="The first 1,000")
    errors: list[RowError] = Field(description="The first 1,000")
