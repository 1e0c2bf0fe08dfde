"""What catalog takes from people and answers to them."""

import unicodedata
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from bodega.contracts.catalog import Product, ProductStatus
from bodega.contracts.fields import CategorySlug, CleanText, Line, Sku, Slug, Timestamp
from bodega.contracts.ids import ProductId
from bodega.contracts.money import HIGHEST_PRICE, Price
from bodega.contracts.wording import Worded

MEDIA_PER_PRODUCT = 30
VARIANTS_PER_PRODUCT = 100

ContentType = Literal["image/jpeg", "image/png", "image/webp", "image/avif"]
_BLANK_LETTERS: Final = "\u115f\u1160\u2800\u3164\uffa0"
"""Fillers that Unicode counts as letters or symbols, and that show nothing."""
_DIRECTIONS: Final = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Controls that turn the direction of text, also of the text behind it on a page."""


def _legible(text: str) -> str:
    """Refuse a text that shows nothing although it is not empty, or that turns the direction of others."""
    for character in text:
        if character in _DIRECTIONS:
            raise ValueError(
                f"This contains U+{ord(character):04X}, an invisible character that turns the direction of text. "
                "Please remove it."
            )
    if text and all(one in _BLANK_LETTERS or unicodedata.category(one)[0] in "CMZ" for one in text):
        raise ValueError("This contains only invisible characters. Please write something that can be read.")
    return text


def _addressable(sku: str) -> str:
    """Refuse what every URL parser removes from a path: such a SKU could not be reached by an address."""
    if sku in (".", ".."):
        raise ValueError("a SKU must not be '.' or '..', because web addresses drop them; add a letter or a digit")
    return sku


def _affordable(price: Price) -> Price:
    if price.amount > HIGHEST_PRICE:
        raise ValueError(f"the amount must be at most {HIGHEST_PRICE} minor units; enter a lower price")
    return price


Legible = AfterValidator(_legible)
SalePrice = Annotated[Price, AfterValidator(_affordable)]
Word = Annotated[Line, StringConstraints(max_length=60), Legible]
Alt = Annotated[
    CleanText,
    StringConstraints(max_length=500, strip_whitespace=True),
    Field(
        description="What is to be seen, for those who do not see it",
        examples=["Stoneware mug with a sage glaze and a bare clay foot"],
    ),
]
MediaId = Annotated[
    str,
    StringConstraints(pattern=r"^med_[0-9A-Z]{26}$"),
    Field(description="Names the picture within its product", examples=["med_01M1DZPXYNER08K6AGV0VFCXEC"]),
    Worded("This is not the id of a picture. It looks like med_01M1DZPXYNER08K6AGV0VFCXEC."),
]
TaxCategory = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z_]{0,29}$"),
    Field(
        description="Which of a country's tax rates applies, as the merchant's table names them", examples=["standard"]
    ),
    Worded("A tax category has up to 30 small letters and underscores, such as standard."),
]
Status = Annotated[
    ProductStatus,
    Field(
        description="`draft`: only merchants see it; `published`: it is sold; `archived`: it was sold, and nobody else "
        "gets its SKUs",
        examples=["published"],
    ),
]
Position = Annotated[
    int,
    Field(strict=True, ge=0, le=100_000, description="Categories with smaller ones are shown first", examples=[1]),
]
ShownSkus = Annotated[
    list[Sku],
    Field(
        max_length=VARIANTS_PER_PRODUCT,
        description="The variants that it shows; empty: all",
        examples=[["MUG-ALBA-SAGE-250ML", "MUG-ALBA-SAGE-350ML"]],
    ),
]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Wish(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# --- what merchants write ---------------------------------------------------------------------------


Title = Annotated[Line, Legible, Field(description="What shoppers read above it", examples=["Alba Stoneware Mug"])]
ProductSlug = Annotated[
    Slug,
    Field(
        description="The name in the address of its page; old ones lead to the present one. Left out: kept, or made "
        "from the title",
        examples=["alba-stoneware-mug"],
    ),
]
Markdown = Annotated[
    CleanText,
    StringConstraints(max_length=20_000),
    Field(
        description="Markdown; HTML in it is shown as text",
        examples=["Thrown from speckled stoneware, *dipped by hand*."],
    ),
]
Brand = Annotated[
    CleanText,
    StringConstraints(max_length=100, strip_whitespace=True),
    Legible,
    Field(description="Who makes it; empty: not said", examples=["Haverfold"]),
]
Categories = Annotated[
    list[CategorySlug],
    Field(
        max_length=20,
        description="Slugs of the categories that show it, the main one first",
        examples=[["kitchen-table", "coffee-tea"]],
    ),
]
CategoryTitle = Annotated[Line, Field(description="What shoppers read above it", examples=["Kitchen & Table"])]
CategoryWords = Annotated[
    CleanText,
    StringConstraints(max_length=2_000),
    Field(
        description="A sentence or two below the title",
        examples=["Stoneware, iron and wood for cooking well and sitting down together."],
    ),
]


class OptionWrite(_Wish):
    """Something that a shopper chooses."""

    name: Word = Field(description="What can be chosen", examples=["Color"])
    values: Annotated[list[Word], Field(min_length=1, max_length=VARIANTS_PER_PRODUCT)] = Field(
        description="The choices in the order in which they are shown", examples=[["Sage", "Ink"]]
    )


class VariantWrite(_Wish):
    """What can be put into a cart: the product in one colour and size, say."""

    sku: Annotated[Sku, AfterValidator(_addressable)] = Field(
        description="Names this variant in stock, carts and orders: unique over the shop, for ever",
        examples=["MUG-ALBA-SAGE-350ML"],
    )
    options: dict[Word, Word] = Field(
        default_factory=dict,
        description="A choice for each of the product's options; no two variants have the same",
        examples=[{"Color": "Sage", "Size": "350 ml"}],
    )
    price: SalePrice = Field(
        description="Of one piece, in the shop's currency, at most 10^10 minor units; with tax, unless the shop's "
        "prices are net"
    )
    compare_at_price: SalePrice | None = Field(
        default=None,
        description="The price before it was reduced: shown crossed out, and more than `price`",
        examples=[None],
    )
    weight_grams: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = Field(
        default=0, description="Of one piece with its packaging: what sending costs hangs on it", examples=[390]
    )
    barcode: (
        Annotated[
            str,
            StringConstraints(pattern=r"^[0-9A-Za-z -]{1,64}$"),
            Worded("A barcode has 1 to 64 digits, letters (A to Z), spaces or hyphens."),
        ]
        | None
    ) = Field(default=None, description="EAN, UPC or the like: the search finds it", examples=["2001001000042"])


class MediaEdit(_Wish):
    """What is said of a picture that has been uploaded."""

    id: MediaId
    alt: Alt = ""
    variant_skus: ShownSkus = []


class SeoWrite(_Wish):
    """What search engines are told of the page."""

    title: Annotated[CleanText, StringConstraints(max_length=200), Legible] = Field(
        default="", description="Empty: the product's title", examples=["Alba Stoneware Mug, 250 or 350 ml"]
    )
    description: Annotated[CleanText, StringConstraints(max_length=500), Legible] = Field(
        default="",
        description="Empty: the beginning of the product's description",
        examples=["Hand-dipped stoneware mug with a bare clay foot, in two glazes and two sizes."],
    )


class ProductWrite(_Wish):
    """A product, whole, but for its pictures' files: those are uploaded."""

    title: Title
    slug: ProductSlug | None = None
    description: Markdown = ""
    brand: Brand = ""
    categories: Categories = []
    options: Annotated[list[OptionWrite], Field(max_length=3)] = Field(
        default_factory=list,
        description="What a shopper chooses; empty: there is one variant",
        examples=[[{"name": "Color", "values": ["Sage"]}, {"name": "Size", "values": ["350 ml"]}]],
    )
    variants: Annotated[list[VariantWrite], Field(min_length=1, max_length=VARIANTS_PER_PRODUCT)] = Field(
        description="What can be bought, at least one; not each choice need exist"
    )
    media: Annotated[list[MediaEdit], Field(max_length=MEDIA_PER_PRODUCT)] | None = Field(
        default=None,
        description="The pictures in their order, the first stands in lists; one that is missing here goes. Left out: "
        "as they are",
        examples=[None],
    )
    seo: SeoWrite = Field(default=SeoWrite(), description="For search engines")
    tax_category: TaxCategory = "standard"
    status: Status = "draft"


class ProductChanges(_Wish):
    """A merge-patch (RFC 7396) of a product: what is given replaces, null resets, lists are replaced whole."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "Alba Stoneware Mug", "brand": None, "status": "published"}]}
    )

    title: Title | None = None
    slug: ProductSlug | None = None
    description: Markdown | None = None
    brand: Brand | None = None
    categories: Categories | None = None
    options: Annotated[list[OptionWrite], Field(max_length=3)] | None = Field(
        default=None, description="What a shopper chooses; the variants must fit"
    )
    variants: Annotated[list[VariantWrite], Field(max_length=VARIANTS_PER_PRODUCT)] | None = Field(
        default=None, description="All that can be bought: one that is missing here is gone"
    )
    media: Annotated[list[MediaEdit], Field(max_length=MEDIA_PER_PRODUCT)] | None = Field(
        default=None, description="The pictures in their order: one that is missing here is gone"
    )
    seo: SeoWrite | None = Field(default=None, description="For search engines")
    tax_category: Annotated[str, Field(description="As in a whole product", examples=["standard"])] | None = None
    status: Status | None = None


class CategoryWrite(_Wish):
    """A category, whole."""

    slug: CategorySlug = Field(
        description="The name in the address of its page. It stays: pages and products refer to it",
        examples=["kitchen-table"],
    )
    title: Annotated[CategoryTitle, Legible]
    description: Annotated[CategoryWords, Legible] = ""
    position: Position = 0


class CategoryChanges(_Wish):
    """A merge-patch (RFC 7396) of a category: what is given replaces, null resets."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Kitchen & Table", "position": 1}]})

    slug: CategorySlug | None = Field(default=None, description="The same as in the path, if at all")
    title: Annotated[CategoryTitle, Legible] | None = None
    description: Annotated[CategoryWords, Legible] | None = None
    position: Position | None = None


class MediaUpload(_Wish):
    """A picture's file that is about to come."""

    filename: Annotated[Line, StringConstraints(max_length=200)] = Field(
        description="What the file is called where it comes from; for people", examples=["alba-sage.jpg"]
    )
    content_type: ContentType = Field(
        description="Must be the file's, and its `Content-Type` when it is uploaded", examples=["image/jpeg"]
    )
    size_bytes: Annotated[int, Field(strict=True, ge=1)] = Field(
        description="Exactly: the place takes no other", examples=[182734]
    )
    alt: Alt = ""
    variant_skus: ShownSkus = []


# --- what is answered -------------------------------------------------------------------------------


class CardPicture(_Answer):
    """A picture in the sizes that a list shows it in."""

    alt: str = Field(
        description="What is to be seen, for those who do not see it",
        examples=["Stoneware mug with a sage glaze and a bare clay foot"],
    )
    renditions: dict[str, str] = Field(
        description="Width in pixels and form (`w640.webp`) -> path below the media address, which names the content: "
        "what is at a path never changes",
        examples=[
            {
                "w320.jpg": "products/95d8c23fd27116fa68b46185336bfa6997eec65e.jpg",
                "w640.webp": "products/e02e9b678b91cb319f3f903d4c195253d006ecad.webp",
            }
        ],
    )


class ProductSummary(_Answer):
    """A product in a list: what its card shows."""

    id: ProductId
    slug: Slug
    title: str = Field(description="For people", examples=["Alba Stoneware Mug"])
    brand: str = Field(description="Who makes it; empty: not said", examples=["Haverfold"])
    skus: list[Sku] = Field(
        description="Its variants, to ask `GET /inventory?skus=` for stock",
        examples=[["MUG-ALBA-SAGE-250ML", "MUG-ALBA-SAGE-350ML"]],
    )
    price_from: Price = Field(
        description="The price of the cheapest variant", examples=[{"amount": 1600, "currency": "EUR"}]
    )
    price_to: Price = Field(description="The price of the dearest variant; the same, if all cost the same")
    compare_at_price: Price | None = Field(
        description="What the cheapest variant cost before it was reduced; null: it is not", examples=[None]
    )
    image: CardPicture | None = Field(description="The first picture; null: there is none")


class ProductAddress(_Answer):
    """Where the page of a product is."""

    slug: Slug
    updated_at: Timestamp = Field(description="When the product was last changed", examples=["2026-11-24T08:48:32Z"])


class ProductView(Product):
    """A product as shoppers see it."""


class CategoryView(_Answer):
    """A shelf of the shop."""

    slug: CategorySlug
    title: CategoryTitle
    description: CategoryWords
    position: Position


class AdminProductView(Product):
    """A product as merchants see it."""

    status: Status
    former_slugs: list[Slug] = Field(
        description="Earlier ones: their pages lead to the present one", examples=[["alba-mug"]]
    )


class AdminProductSummary(ProductSummary):
    """A product in the merchant's list."""

    categories: list[CategorySlug] = Field(
        description="Slugs of the categories that show it, the main one first",
        examples=[["kitchen-table", "coffee-tea"]],
    )
    status: Status
    version: int = Field(description="Grows with every change and never goes back", examples=[1795500512932])


class Upload(_Answer):
    """The request that takes the file to the object storage."""

    method: Literal["PUT"] = Field(default="PUT", description="As HTTP has it")
    url: str = Field(
        description="Where the file goes: signed, good for a quarter of an hour",
        examples=["http://127.0.0.1:7333/uploads/med_01M1DZPXYNER08K6AGV0VFCXEC?X-Amz-Signature=5d0c"],
    )
    headers: dict[str, str] = Field(description="To be sent with the file", examples=[{"Content-Type": "image/jpeg"}])


class UploadPlace(_Answer):
    """Where to put a picture. Then call `…/media/{media_id}/complete`."""

    media_id: MediaId
    upload: Upload = Field(description="Send the file so")


class RowError(_Answer):
    """What is wrong with a row of an import."""

    line: int = Field(description="Of the file, counted from 1", examples=[17])
    slug: str | None = Field(
        description="Of the row's product; null: it could not be read", examples=["alba-stoneware-mug"]
    )
    pointer: str = Field(description="Which field (RFC 6901)", examples=["/variants/0/price/currency"])
    message: str = Field(description="What is wrong with it, for people", examples=["This shop sells in EUR."])


class RowChange(_Answer):
    """What a row of an import does."""

    line: int = Field(description="Of the file, counted from 1", examples=[18])
    slug: Slug
    action: Literal["create", "update"] = Field(description="Whether the slug was known", examples=["update"])
    fields: list[str] = Field(description="What differs from before", examples=[["title", "variants"]])


class ImportReport(_Answer):
    """What an import did, or would do."""

    dry_run: bool = Field(description="True: nothing was written", examples=[False])
    created: int = Field(description="Products that are new", examples=[12])
    updated: int = Field(description="Products that are no longer as they were", examples=[3])
    unchanged: int = Field(description="Products that were already as the file says", examples=[9])
    failed: int = Field(description="Rows with errors", examples=[0])
    changes: list[RowChange] = Field(description="The first 1,000 that do something, in the file's order")
    errors: list[RowError] = Field(description="The first 1,000, in the file's order", examples=[[]])
