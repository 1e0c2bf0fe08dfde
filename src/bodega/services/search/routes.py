"""The HTTP door of search: parse, call, shape the answer."""

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, StringConstraints, TypeAdapter, ValidationError

from bodega.contracts.catalog import OPTION_PARAMETER, folded
from bodega.contracts.fields import CategorySlug, CleanText
from bodega.contracts.money import Price
from bodega.kit.app import problems
from bodega.kit.auth import Caller
from bodega.kit.errors import BadRequest, Invalid
from bodega.kit.pagination import Cursor, PageSize, decode_cursor, encode_cursor, foreign_cursor
from bodega.services.search import flows, service
from bodega.services.search.clients import Sources
from bodega.services.search.domain import AS_WRITTEN, Criteria, Difference, Reading, Sort
from bodega.services.search.errors import CursorOfAnotherList, UnknownFilter
from bodega.services.search.flows import Curator, Herald
from bodega.services.search.schemas import (
    Audit,
    CategorySuggestion,
    DifferenceLine,
    Facets,
    FacetValue,
    IndexState,
    OptionFacet,
    Picture,
    PriceRange,
    ProductHit,
    SearchAnswer,
    Suggestions,
)
from bodega.services.search.settings import Settings
from bodega.services.search.store import ORDERS, Category, Counted, Found, Store

public = APIRouter(tags=["search"])
internal = APIRouter(prefix="/internal", include_in_schema=False)

OPTIONS_AT_ONCE = 10
VALUES_AT_ONCE = 20
SUGGESTED = 6
_OPTION_KEY = re.compile("[a-z0-9_-]{1,60}")


async def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


async def _sources(request: Request) -> Sources:
    sources: Sources = request.app.state.sources
    return sources


async def _curator(request: Request) -> Curator:
    curator: Curator = request.app.state.curator
    return curator


async def _herald(request: Request) -> Herald:
    herald: Herald = request.app.state.herald
    return herald


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


Word = Annotated[CleanText, StringConstraints(min_length=1, max_length=100)]
_WORDS: TypeAdapter[list[str]] = TypeAdapter(list[Word])


Kept = Annotated[Store, Depends(_store)]


async def _options(request: Request, store: Kept) -> dict[str, tuple[str, ...]]:
    """The parameters of the options' own name space. The answer to a request with faults names all of them, so that a
    client can leave them out and ask again."""
    wanted: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name.startswith(OPTION_PARAMETER):
            wanted.setdefault(name, []).append(value)
    if not wanted:
        return {}
    surplus = list(wanted)[OPTIONS_AT_ONCE:]
    _refuse(Invalid, {f"query/{name}": f"At most {OPTIONS_AT_ONCE} options can be chosen at once." for name in surplus})
    keys = {name: name.removeprefix(OPTION_PARAMETER) for name in wanted}
    known = await store.known_options([key for key in keys.values() if _OPTION_KEY.fullmatch(key)])
    _refuse(
        UnknownFilter,
        {f"query/{name}": "No product has this option." for name, key in keys.items() if key not in known},
    )
    faults: dict[str, str] = {}
    for name, values in wanted.items():
        if len(values) > VALUES_AT_ONCE:
            faults[f"query/{name}"] = f"At most {VALUES_AT_ONCE} values can be chosen at once."
            continue
        try:
            _WORDS.validate_python(values)
        except ValidationError as error:
            faults |= {f"query/{name}/{fault['loc'][0]}": fault["msg"] for fault in error.errors()}
    _refuse(Invalid, faults)
    return {keys[name]: tuple(values) for name, values in wanted.items()}


def _refuse(kind: type[Invalid], faults: Mapping[str, str]) -> None:
    """Raises an error that names them all. `faults`: pointer -> message."""
    if faults:
        errors = [{"pointer": pointer, "message": message} for pointer, message in faults.items()]
        raise kind(next(iter(faults.values())), errors=errors)


Asked = Annotated[Sources, Depends(_sources)]
Heralding = Annotated[Herald, Depends(_herald)]
Curating = Annotated[Curator, Depends(_curator)]
SearchSettings = Annotated[Settings, Depends(_settings)]
Options = Annotated[dict[str, tuple[str, ...]], Depends(_options)]
Words = Annotated[CleanText, StringConstraints(max_length=200, strip_whitespace=True)]
Amount = Annotated[int | None, Query(ge=0, le=10**12)]


@public.get("/search", response_model=SearchAnswer, responses=problems(BadRequest, CursorOfAnotherList, UnknownFilter))
async def search_products(
    store: Kept,
    settings: SearchSettings,
    options: Options,
    # Not made by a factory: its signature would be looked into at each request, which took a twelfth of it.
    category: Annotated[
        list[CategorySlug],
        Query(
            max_length=VALUES_AT_ONCE,
            description="Slugs of categories; of several, any will do",
            examples=[["kitchen-table"]],
        ),
    ] = [],  # noqa: B006
    brand: Annotated[
        list[Word],
        Query(
            max_length=VALUES_AT_ONCE,
            description="Makers, written exactly so; of several, any will do",
            examples=[["Haverfold"]],
        ),
    ] = [],  # noqa: B006
    q: Annotated[
        Words,
        Query(
            description="Words, or how a SKU or barcode begins; the last word may be unfinished. Empty: everything",
            examples=["stoneware mug"],
        ),
    ] = "",
    price_min: Annotated[
        Amount, Query(description="At least this, in minor units of the shop's currency", examples=[1000])
    ] = None,
    price_max: Annotated[
        Amount, Query(description="At most this, in minor units of the shop's currency", examples=[2500])
    ] = None,
    in_stock: Annotated[bool, Query(description="True: only what can be had now")] = False,
    sort: Annotated[
        Sort, Query(description="`relevance`: what is in stock first, then the best match (without words: the newest)")
    ] = "relevance",
    limit: PageSize = 24,
    cursor: Cursor = None,
) -> Response:
    """Products by words and filters, with what they could be narrowed down by.

    Products' options are filtered by the parameters that the answer names, which begin with `option.`:
    `option.color=Forest&option.color=White&option.size=45 cm`. Several values of one parameter: any of them. Options
    that no product has are refused, all by name; other parameters are passed over.

    If nothing has all the words as written, those that no product has may be misspelled, and `suggestion` says what
    was perhaps meant; if that finds nothing either, some of the words are enough.
    """
    started = time.perf_counter()
    if price_min is not None and price_max is not None and price_min > price_max:
        _refuse(
            Invalid,
            {"query/price_min": "This is more than price_max.", "query/price_max": "This is less than price_min."},
        )
    criteria = Criteria(
        words=q, categories=tuple(category), brands=tuple(brand), price_min=price_min, price_max=price_max,
        in_stock=in_stock, options=options, sort=sort,
    )  # fmt: skip
    found, reading = await service.search(store, criteria, limit=limit, page=_position(cursor, criteria))
    keys = ["search", *(f"product:{product['id']}" for product in found.products)]
    answer = SearchAnswer(
        items=[_hit(product) for product in found.products],
        total=found.total,
        next_cursor=_cursor(found, reading, criteria) if len(found.products) == limit else None,
        facets=_facets(found, criteria, settings.currency),
        corrected=reading != AS_WRITTEN,
        suggestion=found.suggestion,
        popular_categories=_categories(await service.named(store, found.popular)),
        took_ms=_milliseconds_since(started),
    )
    return _written(answer, _cacheable(settings, keys, is_whole=found.is_whole))


@public.get("/search/suggest", response_model=Suggestions)
async def suggest(
    store: Kept,
    settings: SearchSettings,
    q: Annotated[
        CleanText,
        StringConstraints(min_length=1, max_length=100, strip_whitespace=True),
        Query(description="What has been typed so far", examples=["stonew"]),
    ],
) -> Response:
    """Products and categories, while somebody types."""
    started = time.perf_counter()
    found = await service.suggest(store, q, limit=SUGGESTED)
    keys = ["search", *(f"product:{product['id']}" for product in found.products)]
    answer = Suggestions(
        products=[_hit(product) for product in found.products],
        categories=_categories(found.categories),
        took_ms=_milliseconds_since(started),
    )
    return _written(answer, _cacheable(settings, keys))


# --- operators --------------------------------------------------------------------------------------


@internal.post("/rebuild", status_code=202)
async def rebuild(store: Kept, curator: Curating, _: Caller) -> IndexState:
    """Renews the index from the sources. Goes on after the answer, and after a restart, until `/internal/index`
    tells of another index than this answer does."""
    served, _building = await store.state()
    curator.want_rebuild()
    return IndexState(served=served, rebuilding=True)


@internal.get("/index")
async def read_index(store: Kept, _: Caller) -> IndexState:
    """Which index is served now."""
    served, rebuilding = await store.state()
    return IndexState(served=served, rebuilding=rebuilding)


@internal.get("/audit")
async def read_audit(store: Kept, sources: Asked, _: Caller) -> Audit:
    """Compares the index with the sources, and changes nothing."""
    return _audit(await flows.audit(store, sources, mend=False))


@internal.post("/audit")
async def mend(store: Kept, sources: Asked, herald: Heralding, _: Caller) -> Audit:
    """Compares the index with the sources, and mends what differs. The answer says how it was before."""
    differences = await flows.audit(store, sources, mend=True)
    if differences:
        herald.mark()
    return _audit(differences)


# --- shapes -----------------------------------------------------------------------------------------


def _written(answer: BaseModel, headers: Mapping[str, str]) -> Response:
    """Its fields were checked when it was made: FastAPI would check them again, which took a sixth of a request."""
    return Response(answer.model_dump_json(), media_type="application/json", headers=dict(headers))


def _position(cursor: str | None, criteria: Criteria) -> tuple[Reading, list[Any]] | None:
    """How the words were read for the page before, and where it ended."""
    if not cursor:
        return None
    query, number, position = decode_cursor(cursor, str, int, str)
    if query != criteria.fingerprint():
        raise CursorOfAnotherList
    after = decode_cursor(position, *ORDERS[criteria.sort][1])
    if any(isinstance(value, float) and not math.isfinite(value) for value in after):
        raise foreign_cursor()
    try:
        return Reading.of_number(number), after
    except ValueError as error:
        raise foreign_cursor() from error


def _cursor(found: Found, reading: Reading, criteria: Criteria) -> str:
    assert found.last is not None
    return encode_cursor(criteria.fingerprint(), reading.number, encode_cursor(*found.last))


def _cacheable(settings: Settings, keys: Sequence[str], *, is_whole: bool = True) -> dict[str, str]:
    seconds = settings.shared_cache_seconds if settings.edge_url and is_whole else 0
    return {"Cache-Control": f"public, max-age=0, s-maxage={seconds}", "xkey": " ".join(keys)}


def _milliseconds_since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)


def _hit(product: Mapping[str, Any]) -> ProductHit:
    def price(amount: int) -> Price:
        return Price(amount=amount, currency=product["currency"])

    before, picture = product["compare_at_price"], product["image"]
    return ProductHit(
        id=product["id"],
        slug=product["slug"],
        title=product["title"],
        brand=product["brand"],
        categories=product["categories"],
        skus=[variant["sku"] for variant in product["variants"]],
        price=price(product["price"]),
        price_to=price(product["price_to"]),
        compare_at_price=price(before) if before is not None else None,
        image=Picture(**picture) if picture is not None else None,
        in_stock=product["in_stock"],
    )


def _categories(categories: Sequence[Category]) -> list[CategorySuggestion]:
    return [CategorySuggestion(**asdict(one)) for one in categories]


def _audit(differences: Sequence[Difference]) -> Audit:
    return Audit(agrees=not differences, differences=[DifferenceLine(**asdict(one)) for one in differences])


def _facets(found: Found, criteria: Criteria, currency: str) -> Facets:
    prices = [Price(amount=amount, currency=currency) for amount in found.price_range or ()]
    return Facets(
        categories=_values(found.categories, criteria.categories),
        brands=_values(found.brands, criteria.brands),
        options=[
            OptionFacet(
                parameter=OPTION_PARAMETER + one.key,
                name=one.name,
                count=one.count,
                values=_values(one.values, (criteria.options or {}).get(one.key)),
            )
            for one in found.options
        ],
        price=PriceRange(lowest=prices[0], highest=prices[1]) if prices else None,
        in_stock=found.in_stock,
    )


def _values(counted: Sequence[Counted], chosen: Sequence[str] | None) -> list[FacetValue]:
    those = {folded(value) for value in chosen or ()}
    return [FacetValue(value=one.value, count=one.count, selected=folded(one.value) in those) for one in counted]
