"""What search answers to people."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.fields import Slug
from bodega.contracts.ids import ProductId
from bodega.contracts.money import Price


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Picture(_Answer):
    alt: str = Field(description="What is to be seen", examples=["Domed pendant lamp in forest with a brass cap, lit"])
    renditions: dict[str, str] = Field(
        description="Name of size and form -> path below the media address", examples=[{"w640.webp": "9f/2c.webp"}]
    )


class ProductHit(_Answer):
    """A product in a list of what was found."""

    id: ProductId = Field(examples=["prd_06F2Q8Z4V1W5T7X9Y3A2B4C6D8"])
    slug: Slug = Field(examples=["orchard-pendant"])
    title: str = Field(examples=["Orchard Pendant Lamp"])
    brand: str = Field(examples=["Oriel Works"])
    categories: list[Slug] = Field(examples=[["lighting"]])
    price: Price = Field(description="Of the cheapest variant")
    price_to: Price = Field(description="Of the dearest variant; the same as `price`, if all cost the same")
    compare_at_price: Price | None = Field(description="What the cheapest variant cost before, if it is reduced")
    image: Picture | None = Field(description="The first picture, if there is one")
    in_stock: bool = Field(description="At least one variant can be had", examples=[True])


class FacetValue(_Answer):
    value: str = Field(description="Send it as the value of the parameter", examples=["Forest"])
    count: int = Field(description="How many products would be found with it", examples=[2])
    selected: bool = Field(description="It is among the chosen ones", examples=[False])


class OptionFacet(_Answer):
    parameter: str = Field(description="The query parameter that filters by it", examples=["color"])
    name: str = Field(description="For people", examples=["Color"])
    values: list[FacetValue]


class PriceRange(_Answer):
    lowest: Price
    highest: Price


class Facets(_Answer):
    """What could be narrowed down by, the commonest first. Each is counted under all filters but its own."""

    categories: list[FacetValue]
    brands: list[FacetValue]
    options: list[OptionFacet]
    price: PriceRange | None = Field(description="Of single variants; null: nothing is found")
    in_stock: int = Field(description="How many products would be left with `in_stock=true`", examples=[4])


class CategorySuggestion(_Answer):
    slug: Slug = Field(examples=["coffee-tea"])
    name: str = Field(description="For people", examples=["Coffee tea"])
    count: int = Field(description="How many products it has", examples=[4])


class SearchAnswer(_Answer):
    items: list[ProductHit]
    total: int = Field(description="Found in all", examples=[3])
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null: the last")
    facets: Facets
    corrected: bool = Field(
        description="Nothing has these words: what is shown has similar ones, or none does", examples=[False]
    )
    suggestion: str | None = Field(description="What was perhaps meant", examples=["lantern"])
    popular_categories: list[CategorySuggestion] = Field(
        description="Where else to look, when the words find nothing at all; else empty"
    )
    took_ms: int = Field(description="Milliseconds that the answer took", examples=[7])


class Suggestions(_Answer):
    """What somebody who is typing may be about to say."""

    products: list[ProductHit]
    categories: list[CategorySuggestion]
    took_ms: int = Field(description="Milliseconds that the answer took", examples=[3])


class DifferenceLine(_Answer):
    product_id: ProductId
    what: Literal["missing", "older", "surplus", "stock"]


class Audit(_Answer):
    """Where the index differed from catalog and inventory. It does no longer: what differed has been mended."""

    agrees: bool
    differences: list[DifferenceLine]


class IndexState(_Answer):
    served: str = Field(description="The index that searches read")
    rebuilding: bool = Field(description="A new one is being filled, or is about to be")
