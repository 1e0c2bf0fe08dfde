"""What search answers to people."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.fields import CategorySlug, Sku, Slug
from bodega.contracts.ids import ProductId
from bodega.contracts.money import Price


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Picture(_Answer):
    """A picture in several sizes and forms."""

    alt: str = Field(
        description="What is to be seen, for those who do not see it",
        examples=["Stoneware mug with a sage glaze and a bare clay foot"],
    )
    renditions: dict[str, str] = Field(
        description="Width in pixels and form (`w640.webp`) -> path below the media address",
        examples=[
            {
                "w320.jpg": "products/95d8c23fd27116fa68b46185336bfa6997eec65e.jpg",
                "w640.webp": "products/e02e9b678b91cb319f3f903d4c195253d006ecad.webp",
            }
        ],
    )


class ProductHit(_Answer):
    """A product in a list of what was found."""

    id: ProductId
    slug: Slug
    title: str = Field(description="For people", examples=["Alba Stoneware Mug"])
    brand: str = Field(description="Who makes it; empty: not said", examples=["Haverfold"])
    categories: list[CategorySlug] = Field(
        description="Slugs of the categories that show it, the main one first",
        examples=[["kitchen-table", "coffee-tea"]],
    )
    skus: list[Sku] = Field(
        description="Its variants, to ask `GET /inventory?skus=` for stock",
        examples=[["MUG-ALBA-SAGE-250ML", "MUG-ALBA-SAGE-350ML"]],
    )
    price: Price = Field(description="Of the cheapest variant", examples=[{"amount": 1600, "currency": "EUR"}])
    price_to: Price = Field(description="Of the dearest variant; the same as `price`, if all cost the same")
    compare_at_price: Price | None = Field(
        description="What the cheapest variant cost before it was reduced; null: it is not", examples=[None]
    )
    image: Picture | None = Field(description="The first picture; null: there is none")
    in_stock: bool = Field(description="At least one variant can be had", examples=[True])


class FacetValue(_Answer):
    """One way to narrow down."""

    value: str = Field(description="Send it as the value of the parameter", examples=["Sage"])
    count: int = Field(description="How many products would be found with it", examples=[2])
    selected: bool = Field(description="It is among the chosen ones", examples=[False])


class OptionFacet(_Answer):
    """Something that a shopper chooses, and with what."""

    parameter: str = Field(description="The query parameter that filters by it", examples=["option.color"])
    name: str = Field(description="As the merchant writes it", examples=["Color"])
    count: int = Field(description="How many products have it", examples=[2])
    values: list[FacetValue] = Field(description="The commonest first")


class PriceRange(_Answer):
    """What `price_min` and `price_max` can usefully be."""

    lowest: Price = Field(description="Of the cheapest variant found", examples=[{"amount": 1600, "currency": "EUR"}])
    highest: Price = Field(description="Of the dearest variant found", examples=[{"amount": 2400, "currency": "EUR"}])


class Facets(_Answer):
    """What could be narrowed down by, the commonest first. Each is counted under all filters but its own."""

    categories: list[FacetValue] = Field(
        description="By slug, for `category`",
        examples=[
            [
                {"value": "kitchen-table", "count": 2, "selected": False},
                {"value": "coffee-tea", "count": 1, "selected": False},
            ]
        ],
    )
    brands: list[FacetValue] = Field(
        description="For `brand`", examples=[[{"value": "Haverfold", "count": 2, "selected": False}]]
    )
    options: list[OptionFacet] = Field(description="The 30 that most of the products found have, the commonest first")
    price: PriceRange | None = Field(description="Of single variants; null: nothing is found")
    in_stock: int = Field(description="How many products would be left with `in_stock=true`", examples=[2])


class CategorySuggestion(_Answer):
    """A category where the shopper may want to look."""

    slug: CategorySlug
    name: str = Field(description="For people", examples=["Kitchen & Table"])
    count: int = Field(description="How many products it has", examples=[4])


class SearchAnswer(_Answer):
    """What was found, and how to find less."""

    items: list[ProductHit] = Field(description="In the order asked for; empty: nothing was found, or no more")
    total: int = Field(description="Found in all, on every page", examples=[2])
    next_cursor: str | None = Field(
        description="Give it as `cursor` for the next page; null: this is the last",
        examples=["WzAsIDEsIDI0LjY3NzM5LCAxNzk1NTE2NTY4MDA2LCAicHJkXzAxTTFEWlBXQ1dGNFFTNEZSODRHOThQQlNLIl0"],
    )
    facets: Facets = Field(description="What the whole of what was found could be narrowed down by")
    corrected: bool = Field(
        description="Nothing has all these words: what is shown has similar ones or some of them, or none does",
        examples=[False],
    )
    suggestion: str | None = Field(
        description="What was perhaps meant; null: the words are known", examples=[None, "stoneware mug"]
    )
    popular_categories: list[CategorySuggestion] = Field(
        description="Where else to look, when the words find nothing at all; else empty", examples=[[]]
    )
    took_ms: int = Field(description="Milliseconds that the answer took", examples=[7])


class Suggestions(_Answer):
    """What somebody who is typing may be about to say."""

    products: list[ProductHit] = Field(description="The best first, at most six")
    categories: list[CategorySuggestion] = Field(description="The best first, at most six")
    took_ms: int = Field(description="Milliseconds that the answer took", examples=[3])


class DifferenceLine(_Answer):
    id: ProductId | Slug = Field(description="A product's id, or a category's slug")
    what: Literal["missing", "older", "surplus", "stock"]


class Audit(_Answer):
    """Where the index differs from catalog and inventory."""

    agrees: bool
    differences: list[DifferenceLine]


class IndexState(_Answer):
    served: str = Field(description="The index that searches read")
    rebuilding: bool = Field(description="A new one is being filled, or is about to be")
