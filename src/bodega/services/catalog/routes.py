"""The HTTP door of catalog: parse, authorise, call, shape the answer."""

import hashlib
import json
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, StringConstraints, TypeAdapter, ValidationError

from bodega.contracts.catalog import (
    Categories,
    PricedSku,
    Prices,
    PricesRequest,
    ProductArchived,
    Products,
    ProductsRequest,
    ProductStatus,
)
from bodega.contracts.catalog import Product as PublishedProduct
from bodega.contracts.fields import CategorySlug, CleanText
from bodega.contracts.ids import ProductId
from bodega.kit.app import RawBody, but, problems
from bodega.kit.auth import Caller, Merchant
from bodega.kit.errors import (
    Forbidden,
    Invalid,
    PreconditionRequired,
    StaleVersion,
    Unauthenticated,
)
from bodega.kit.idempotency import IdempotencyKey, KeyReused
from bodega.kit.pagination import Cursor, Page, PageSize, decode_cursor, encode_cursor, foreign_cursor
from bodega.kit.sheets import CSV, TSV
from bodega.kit.upload import JSON_LINES, media_type, spooled
from bodega.services.catalog import domain, service
from bodega.services.catalog.clients import ObjectStorage
from bodega.services.catalog.domain import Product
from bodega.services.catalog.domain.imports import Row, csv_rows, json_rows
from bodega.services.catalog.domain.lists import After, Sort
from bodega.services.catalog.errors import (
    CategoryNotFound,
    ImportRefused,
    MediaNotFound,
    NotUploaded,
    ProductNotFound,
    SkuTaken,
    SlugTaken,
    Unreadable,
)
from bodega.services.catalog.flows import Answer, Darkroom, ReadModel
from bodega.services.catalog.schemas import (
    AdminProductSummary,
    AdminProductView,
    CategoryChanges,
    CategoryView,
    CategoryWrite,
    ImportReport,
    MediaId,
    MediaUpload,
    ProductAddress,
    ProductChanges,
    ProductSummary,
    ProductView,
    ProductWrite,
    Upload,
    UploadPlace,
)
from bodega.services.catalog.settings import Settings
from bodega.services.catalog.store import Card, Store


class _Remembering(APIRoute):
    """Answers a question that was answered before as it was then, if that is still right: reading and checking what is
    asked, and writing out the answer, would cost some three times as much."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        work = super().get_route_handler()

        async def handle(request: Request) -> Response:
            lists: ReadModel = request.app.state.lists
            answer = await lists.answered(request.scope["query_string"])
            return _sent(answer, request.headers.get("if-none-match")) if answer is not None else await work(request)

        return handle


lists = APIRouter(tags=["catalog"], route_class=_Remembering)
public = APIRouter(tags=["catalog"])
admin = APIRouter(prefix="/admin", tags=["catalog (merchant)"])
internal = APIRouter(prefix="/internal", include_in_schema=False)

IDS_AT_ONCE = 100
ADDRESSES_A_PAGE = 5_000
LONGEST_REMEMBERED = 1_500
"""Of a question to a list, in bytes: as long as a cursor and every filter."""
Shown = TypeVar("Shown", bound=BaseModel)
_PRODUCT_ID: TypeAdapter[str] = TypeAdapter(ProductId)


async def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


async def _storage(request: Request) -> ObjectStorage:
    storage: ObjectStorage = request.app.state.storage
    return storage


async def _darkroom(request: Request) -> Darkroom:
    darkroom: Darkroom = request.app.state.darkroom
    return darkroom


async def _lists(request: Request) -> ReadModel:
    lists: ReadModel = request.app.state.lists
    return lists


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _if_match(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=100,
            description="The `ETag` with which you read the product: if somebody has changed it since, nothing is done "
            "(412)",
            examples=['"1795500512932"'],
        ),
    ] = None,
) -> str:
    if if_match is None:
        raise PreconditionRequired("send the ETag that you read as If-Match")
    return if_match


Kept = Annotated[Store, Depends(_store)]
Lists = Annotated[ReadModel, Depends(_lists)]
Storage = Annotated[ObjectStorage, Depends(_storage)]
Dark = Annotated[Darkroom, Depends(_darkroom)]
CatalogSettings = Annotated[Settings, Depends(_settings)]
IfMatch = Annotated[str, Depends(_if_match)]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=2000, include_in_schema=False)]
ProductRef = Annotated[
    str, Path(description="The product's id (`prd_…`) or its slug", examples=["prd_01M1DZPWCWF4QS4FR84G98PBSK"])
]
CategoryRef = Annotated[CategorySlug, Path(description="The category's slug", examples=["kitchen-table"])]
Ids = Annotated[
    str | None,
    Query(
        max_length=4000,
        description="Ids of products, up to 100 with commas between them: these and no others, in this order; what is "
        "not sold is left out",
        examples=["prd_01M1DZPWCWF4QS4FR84G98PBSK"],
    ),
]


# --- shoppers ---------------------------------------------------------------------------------------


@lists.get("/products", response_model=Page[ProductSummary])
async def list_products(
    request: Request,
    store: Kept,
    lists: Lists,
    settings: CatalogSettings,
    category: Annotated[CategorySlug | None, Query(description="Only what this category shows (its slug)")] = None,
    brand: Annotated[
        CleanText | None,
        StringConstraints(max_length=100),
        Query(description="Only this maker's, written exactly so", examples=["Haverfold"]),
    ] = None,
    ids: Ids = None,
    sort: Annotated[
        Sort, Query(description="`price`: the cheapest first; `-price`: the dearest. Each by its cheapest variant")
    ] = "newest",
    limit: PageSize = 24,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """What is sold."""
    next_cursor = None
    revision = lists.revision
    if ids is not None:
        wanted = _ids(ids)
        there = await store.cards(wanted)
        cards = [there[one] for one in dict.fromkeys(wanted) if one in there and there[one].entry.status == "published"]
    else:
        after = _position(cursor, sort) if cursor else None
        found = await lists.cards(category=category, brand=brand, sort=sort, after=after, limit=limit + 1)
        cards = found[:limit]
        next_cursor = _cursor(cards[-1], sort) if len(found) > limit else None
    keys = [f"product:{card.entry.id}" for card in cards]
    if ids is None:
        keys.insert(0, f"category:{category}" if category is not None else "listing")
    headers = _cacheable(
        settings, etag=_etag_of([*(f"{card.entry.id}:{card.version}" for card in cards), next_cursor or ""]), keys=keys,
        version=max((card.version for card in cards), default=0),
    )  # fmt: skip
    # The cards are written out already: nothing of them is looked at again.
    items, more = b",".join(card.json for card in cards), json.dumps(next_cursor).encode()
    answer = Answer(b'{"items":[%s],"next_cursor":%s}' % (items, more), headers)
    question = request.scope["query_string"]
    if ids is None and len(question) <= LONGEST_REMEMBERED:
        lists.remember(question, answer, cards, revision=revision)
    return _sent(answer, if_none_match)


@public.get(
    "/products/{product_ref}",
    response_model=ProductView,
    responses={**problems(ProductNotFound), 301: {"description": "The slug is an old one; Location has the present"}},
)
async def read_product(
    product_ref: ProductRef,
    store: Kept,
    settings: CatalogSettings,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> ProductView | Response:
    """A product, by id or slug. An old slug leads to the present one."""
    product = await store.get_product(product_ref)
    if product.status != "published":
        raise ProductNotFound("no product has this id or slug")
    headers = _cacheable(settings, etag=f'"{product.version}"', keys=[f"product:{product.id}"], version=product.version)
    if product_ref not in (product.id, product.slug):
        # Relative, since the same path is served below /api as well.
        return Response(status_code=301, headers={**headers, "Location": product.slug})
    return _unless_known(ProductView.model_validate(product.model_dump()), headers, if_none_match, response)


@public.get("/catalog/products", response_model=Page[ProductView])
async def read_catalog(
    lists: Lists, settings: CatalogSettings, response: Response, limit: PageSize = 100, cursor: Cursor = None
) -> Page[ProductView]:
    """The whole catalog, for feeds: every published product in full, page by page, in the order in which they were
    made."""
    found = await lists.published_after(_id_in(decode_cursor(cursor, str)[0]) if cursor else None, limit + 1)
    page = found[:limit]
    response.headers.update(_of_all_products(settings))
    return Page[ProductView](
        items=[ProductView.model_validate(product.model_dump()) for product in page],
        next_cursor=encode_cursor(page[-1].id) if len(found) > limit else None,
    )


@public.get("/catalog/addresses", response_model=Page[ProductAddress])
async def read_addresses(
    lists: Lists, settings: CatalogSettings, response: Response, cursor: Cursor = None
) -> Page[ProductAddress]:
    """The addresses of all published products, for site maps: 5,000 a page, in the order in which they were made."""
    after = _id_in(decode_cursor(cursor, str)[0]) if cursor else None
    found = await lists.addresses_after(after, ADDRESSES_A_PAGE + 1)
    page = found[:ADDRESSES_A_PAGE]
    response.headers.update(_of_all_products(settings))
    return Page[ProductAddress](
        items=[ProductAddress(slug=one.slug, updated_at=one.updated_at) for one in page],
        next_cursor=encode_cursor(page[-1].product_id) if len(found) > ADDRESSES_A_PAGE else None,
    )


@public.get("/categories", response_model=Page[CategoryView], responses={200: but(next_cursor=None)})
async def list_categories(
    store: Kept, settings: CatalogSettings, response: Response, if_none_match: IfNoneMatch = None
) -> Page[CategoryView] | Response:
    """All categories, in the order in which they are shown."""
    page = Page[CategoryView](items=[one.category for one in await store.categories()])
    headers = _cacheable(settings, etag=_etag_of([page.model_dump_json()]), keys=["categories"], version=0)
    return _unless_known(page, headers, if_none_match, response)


# --- the merchant: products -------------------------------------------------------------------------


@admin.get("/products", responses=problems(Unauthenticated, Forbidden))
async def list_all_products(
    lists: Lists,
    _: Merchant,
    status: Annotated[
        ProductStatus | None, Query(description="Only what is so; left out: all", examples=["draft"])
    ] = None,
    q: Annotated[
        CleanText | None,
        StringConstraints(max_length=100),
        Query(description="A part of the title, the brand or a SKU, or a whole slug", examples=["stoneware"]),
    ] = None,
    limit: PageSize = 20,
    cursor: Cursor = None,
) -> Page[AdminProductSummary]:
    """All products, drafts and archived ones too, newest first."""
    before = _id_in(decode_cursor(cursor, str)[0]) if cursor else None
    found = await lists.all(status=status, words=q, before=before, limit=limit + 1)
    page = found[:limit]
    return Page[AdminProductSummary](
        items=[_admin_summary(one) for one in page],
        next_cursor=encode_cursor(page[-1].entry.id) if len(found) > limit else None,
    )


@admin.post(
    "/products",
    status_code=201,
    responses=problems(Unauthenticated, Forbidden, SlugTaken, SkuTaken, KeyReused),
)
async def create_product(
    wish: ProductWrite,
    store: Kept,
    merchant: Merchant,
    settings: CatalogSettings,
    body: RawBody,
    response: Response,
    key: IdempotencyKey = None,
) -> AdminProductView:
    """Makes a product; a draft, if nothing else is said."""
    scope = f"{merchant.subject} {key}" if key is not None else None
    product, replayed = await service.create(store, wish, currency=settings.currency, key=scope, body=body)
    response.headers["Location"] = f"/admin/products/{product.id}"
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return _admin_view(product, response)


@admin.get("/products/{product_ref}", responses=problems(Unauthenticated, Forbidden, ProductNotFound))
async def read_any_product(product_ref: ProductRef, store: Kept, _: Merchant, response: Response) -> AdminProductView:
    """A product, whatever its status, by id or slug. Its ETag is what a change must bring as If-Match."""
    return _admin_view(await store.get_product(product_ref), response)


_CHANGE = problems(Unauthenticated, Forbidden, ProductNotFound, SlugTaken, SkuTaken, StaleVersion, PreconditionRequired)


@admin.put("/products/{product_ref}", responses=_CHANGE)
async def put_product(
    product_ref: ProductRef,
    wish: ProductWrite,
    store: Kept,
    _: Merchant,
    if_match: IfMatch,
    settings: CatalogSettings,
    response: Response,
) -> AdminProductView:
    """Replaces a product. Pictures stay as they are, if nothing is said of them."""
    product = await service.put(store, product_ref, wish, if_match=if_match, currency=settings.currency)
    return _admin_view(product, response)


@admin.patch("/products/{product_ref}", responses=_CHANGE)
async def patch_product(
    product_ref: ProductRef,
    changes: ProductChanges,
    store: Kept,
    _: Merchant,
    if_match: IfMatch,
    settings: CatalogSettings,
    response: Response,
) -> AdminProductView:
    """Changes a product by a merge-patch (RFC 7396)."""
    product = await service.patch(store, product_ref, changes, if_match=if_match, currency=settings.currency)
    return _admin_view(product, response)


@admin.delete(
    "/products/{product_ref}",
    responses={
        200: but(status="archived"),
        **problems(Unauthenticated, Forbidden, ProductNotFound, StaleVersion, PreconditionRequired),
    },
)
async def archive_product(
    product_ref: ProductRef, store: Kept, _: Merchant, if_match: IfMatch, response: Response
) -> AdminProductView:
    """Takes a product off the shelves. It stays known: orders, its slugs and its SKUs refer to it."""
    return _admin_view(await service.archive(store, product_ref, if_match=if_match), response)


IMPORT_PATH = "/admin/products/import"
_ROWS = (
    '{"slug": "alba-egg-cup", "title": "Alba Egg Cup", '
    '"variants": [{"sku": "EGGCUP-ALBA", "price": {"amount": 900, "currency": "EUR"}}]}\n'
    '{"slug": "alba-stoneware-mug", "brand": "Haverfold"}\n'
)


@admin.post(
    "/products/import",
    responses=problems(Unauthenticated, Forbidden, ImportRefused),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string"}, "example": example}
                for kind, example in (
                    (JSON_LINES, _ROWS),
                    (CSV, "slug,title,sku,price\nalba-egg-cup,Alba Egg Cup,EGGCUP-ALBA,9.00\n"),
                )
            },
        }
    },
)
async def import_products(
    request: Request,
    store: Kept,
    _: Merchant,
    settings: CatalogSettings,
    dry_run: Annotated[bool, Query(description="Only say what would be done")] = False,
    partial: Annotated[bool, Query(description="Write the good rows, even if others are at fault")] = False,
) -> ImportReport:
    """Makes and changes many products: JSON lines, each as for `POST /admin/products`, or CSV with a line for each
    variant. A row whose slug is known changes that product, as a merge-patch; in CSV each of its variants, too: one
    without a line stays, what has no column stays, an empty cell empties. So `slug,sku,price` is a list of prices."""
    kind = media_type(request, JSON_LINES, CSV, TSV)
    async with spooled(request, most_bytes=settings.import_bytes) as file:

        def rows() -> Iterator[Row]:
            file.seek(0)
            return json_rows(file) if kind == JSON_LINES else csv_rows(file, settings.currency)

        return await service.import_products(store, rows, dry_run=dry_run, partial=partial, currency=settings.currency)


# --- the merchant: pictures -------------------------------------------------------------------------


@admin.post(
    "/products/{product_ref}/media",
    status_code=201,
    responses=problems(Unauthenticated, Forbidden, ProductNotFound, KeyReused),
)
async def announce_media(
    product_ref: ProductRef,
    wish: MediaUpload,
    store: Kept,
    storage: Storage,
    _: Merchant,
    settings: CatalogSettings,
    body: RawBody,
    response: Response,
    key: IdempotencyKey = None,
) -> UploadPlace:
    """Where to put a picture's file. It becomes one of the product's when it is completed."""
    upload, replayed = await service.announce_media(store, product_ref, wish, key=key, body=body, settings=settings)
    response.headers["Location"] = f"/admin/products/{upload.product_id}"
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    url = await storage.place_for(upload.media_id, upload.content_type, upload.size_bytes)
    return UploadPlace(media_id=upload.media_id, upload=Upload(url=url, headers={"Content-Type": upload.content_type}))


@admin.post(
    "/products/{product_ref}/media/{media_id}/complete",
    responses=problems(Unauthenticated, Forbidden, ProductNotFound, MediaNotFound, NotUploaded, Unreadable),
)
async def complete_media(
    product_ref: ProductRef,
    media_id: MediaId,
    store: Kept,
    storage: Storage,
    darkroom: Dark,
    _: Merchant,
    response: Response,
) -> AdminProductView:
    """Looks at what was uploaded and makes the shop's sizes of it, in AVIF, WebP and JPEG. Asking twice is harmless."""
    product = await service.complete_media(store, storage, darkroom, product_ref, media_id)
    return _admin_view(product, response)


@admin.delete(
    "/products/{product_ref}/media/{media_id}",
    responses=problems(Unauthenticated, Forbidden, ProductNotFound, MediaNotFound),
)
async def delete_media(
    product_ref: ProductRef, media_id: MediaId, store: Kept, _: Merchant, response: Response
) -> AdminProductView:
    """Takes a picture away from a product."""
    return _admin_view(await service.delete_media(store, product_ref, media_id), response)


# --- the merchant: categories -----------------------------------------------------------------------


@admin.post("/categories", status_code=201, responses=problems(Unauthenticated, Forbidden, SlugTaken, KeyReused))
async def create_category(
    wish: CategoryWrite,
    store: Kept,
    merchant: Merchant,
    body: RawBody,
    response: Response,
    key: IdempotencyKey = None,
) -> CategoryView:
    """Makes a category."""
    scope = f"{merchant.subject} {key}" if key is not None else None
    category, replayed = await service.create_category(store, wish, key=scope, body=body)
    response.headers["Location"] = f"/admin/categories/{category.slug}"
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return category


@admin.put("/categories/{slug}", responses=problems(Unauthenticated, Forbidden, CategoryNotFound))
async def put_category(slug: CategoryRef, wish: CategoryWrite, store: Kept, _: Merchant) -> CategoryView:
    """Replaces a category; the last writer wins."""
    category = CategoryView(**wish.model_dump())
    _check_same(slug, category.slug)
    await store.update_category(category)
    return category


@admin.patch("/categories/{slug}", responses=problems(Unauthenticated, Forbidden, CategoryNotFound))
async def patch_category(slug: CategoryRef, changes: CategoryChanges, store: Kept, _: Merchant) -> CategoryView:
    """Changes a category by a merge-patch (RFC 7396); the last writer wins."""
    before = (await store.get_category(slug)).category
    merged = domain.merge_patch(before.model_dump(), changes.model_dump(exclude_unset=True))
    category = CategoryView(**domain.written_as(CategoryWrite, merged).model_dump())
    _check_same(slug, category.slug)
    await store.update_category(category)
    return category


def _check_same(slug: str, wished: str) -> None:
    if wished != slug:
        raise Invalid.field("/slug", "A category keeps its slug: pages and products refer to it.")


# --- other services ---------------------------------------------------------------------------------


@internal.post("/prices")
async def read_prices(asked: PricesRequest, store: Kept, _: Caller) -> Prices:
    """What SKUs cost now, in the order asked."""
    sold = {
        variant.sku: (product, variant)
        for product in await store.products_by_sku(asked.skus)
        if product.status == "published"
        for variant in product.variants
    }
    return Prices(
        items=[
            PricedSku.of(*sold[sku]) if sku in sold else PricedSku(sku=sku, sold=False)
            for sku in dict.fromkeys(asked.skus)
        ]
    )


@internal.post("/products")
async def read_products(asked: ProductsRequest, store: Kept, lists: Lists, _: Caller) -> Products:
    """Some by id, or all that are published, page by page."""
    if asked.ids is None:
        found = await lists.published_after(asked.after, asked.limit + 1)
        page = found[: asked.limit]
        return Products(items=_published(page), next_after=page[-1].id if len(found) > asked.limit else None)
    found = await store.products_by_id(asked.ids)
    archived: list[ProductArchived] = [domain.archived_fact(one) for one in found if one.status != "published"]
    return Products(items=_published(one for one in found if one.status == "published"), archived=archived)


@internal.get("/categories")
async def read_categories(store: Kept, _: Caller) -> Categories:
    """All of them, as their events tell of them."""
    return Categories(items=[one.told() for one in await store.categories()])


# --- shapes -----------------------------------------------------------------------------------------


def _ids(ids: str) -> list[str]:
    wanted = [one.strip() for one in ids.split(",") if one.strip()]
    if len(wanted) > IDS_AT_ONCE:
        raise Invalid.field("query/ids", f"At most {IDS_AT_ONCE} ids can be asked for at once.")
    try:
        return [_PRODUCT_ID.validate_python(one) for one in wanted]
    except ValidationError as error:
        raise Invalid.field("query/ids", "This is not a list of product ids.") from error


def _id_in(position: str) -> str:
    try:
        return _PRODUCT_ID.validate_python(position)
    except ValidationError as error:
        raise foreign_cursor() from error


def _position(cursor: str, sort: Sort) -> After:
    if sort == "newest":
        return (_id_in(decode_cursor(cursor, str)[0]),)
    price, product_id = decode_cursor(cursor, int, str)
    if not 0 <= price <= 10**12:
        raise foreign_cursor()
    return (price, _id_in(product_id))


def _cursor(last: Card, sort: Sort) -> str:
    entry = last.entry
    return encode_cursor(entry.id) if sort == "newest" else encode_cursor(entry.price_from, entry.id)


def _etag_of(parts: Sequence[str]) -> str:
    return f'"{hashlib.sha256(" ".join(parts).encode()).hexdigest()[:32]}"'


def _cacheable(settings: Settings, *, etag: str, keys: Sequence[str], version: int) -> dict[str, str]:
    """For the edge: kept until something with one of these keys is purged; browsers ask each time."""
    return {
        "ETag": etag,
        "Cache-Control": f"public, max-age=0, s-maxage={settings.shared_cache_seconds}",
        "xkey": " ".join(keys),
        "X-Data-Version": str(version),
    }


def _of_all_products(settings: Settings) -> dict[str, str]:
    """Of an answer about the whole catalog: one key that every change of any product purges, instead of thousands."""
    seconds = settings.shared_cache_seconds
    return {"Cache-Control": f"public, max-age=0, s-maxage={seconds}", "xkey": "products"}


def _sent(answer: Answer, if_none_match: str | None) -> Response:
    if _is_known(answer.headers, if_none_match):
        return Response(status_code=304, headers=answer.headers)
    return Response(answer.body, media_type="application/json", headers=answer.headers)


def _is_known(headers: Mapping[str, str], if_none_match: str | None) -> bool:
    return if_none_match is not None and headers["ETag"] in (tag.strip() for tag in if_none_match.split(","))


def _unless_known(
    shown: Shown, headers: dict[str, str], if_none_match: str | None, response: Response
) -> Shown | Response:
    if _is_known(headers, if_none_match):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return shown


def _admin_summary(card: Card) -> AdminProductSummary:
    entry = card.entry
    return AdminProductSummary(
        **json.loads(card.json), categories=list(entry.categories), status=entry.status, version=entry.version
    )


def _admin_view(product: Product, response: Response) -> AdminProductView:
    response.headers["ETag"] = f'"{product.version}"'
    response.headers["Cache-Control"] = "no-store"
    return AdminProductView.model_validate(product.model_dump())


def _published(products: Iterable[Product]) -> list[PublishedProduct]:
    return [PublishedProduct.model_validate(one.model_dump()) for one in products]
