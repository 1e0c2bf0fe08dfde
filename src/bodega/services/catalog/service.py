"""What catalog does. A use case is one write to one document, which MongoDB makes whole or not at all."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from bodega.contracts.catalog import Media
from bodega.contracts.ids import new_id
from bodega.kit.errors import Conflict, Invalid, Problem, StaleVersion, Unavailable, sentence
from bodega.kit.idempotency import KeyReused
from bodega.kit.upload import blocks
from bodega.services.catalog import domain
from bodega.services.catalog.clients import PICTURES, ObjectStorage
from bodega.services.catalog.domain import Product
from bodega.services.catalog.domain.imports import Row
from bodega.services.catalog.domain.pictures import Developed
from bodega.services.catalog.errors import ImportRefused, MediaNotFound, NotUploaded, SkuTaken, SlugTaken
from bodega.services.catalog.flows import Darkroom
from bodega.services.catalog.schemas import (
    MEDIA_PER_PRODUCT,
    CategoryView,
    CategoryWrite,
    ImportReport,
    MediaUpload,
    ProductChanges,
    ProductWrite,
    RowChange,
    RowError,
)
from bodega.services.catalog.settings import Settings
from bodega.services.catalog.store import Announced, KeptCategory, KeyTaken, Store

_ANY_VERSION = "*"
_OF_THE_ROW = (Invalid, Conflict, StaleVersion)
"""Problems that are a row's own. Any other one ends the import; what it has written, it will leave alone the next
time."""
ROWS_AT_ONCE = 25
"""Of an import: few enough that others' requests do not wait for us."""
_NOTHING_MADE: Mapping[int, Product] = {}
REPORTED = 1_000
"""How many rows an import's report names."""
KEPT_FROM_CHECK = 1_000
"""Of an import's new products, how many are kept from the check until they are written, and not made once more: some
ten kilobytes each."""
_TRIES = 20
"""How often a change that suits every version is tried again after a faster one."""


async def create(
    store: Store, wish: ProductWrite, *, currency: str, key: str | None = None, body: bytes = b""
) -> tuple[Product, bool]:
    """The new product; or the one that this key has made before, as it stands now, and True.

    Without a slug it gets one made from its title, with a number behind it where that is taken.
    The key is part of the product's document: there is never one without the other.
    Raises: Invalid, SlugTaken, SkuTaken, KeyReused.
    """
    await _check_categories(store, wish)
    for _ in range(_TRIES):
        product = domain.create(
            wish, product_id=new_id("prd"), key=key, body=_fingerprint(body), now=datetime.now(UTC), currency=currency
        )
        if wish.slug is None:
            product = product.model_copy(update={"slug": await store.free_slug(product.slug)})
        try:
            await store.insert_product(product)
        except KeyTaken:
            before = await store.get_product_by_key(product.created_key)
            if before.created_body != product.created_body:
                raise KeyReused("this key was used for a request with another body") from None
            return before, True
        except SlugTaken:
            if wish.slug is not None:
                raise
            continue  # somebody has taken it in the meantime: the next one
        return product, False
    raise Unavailable("others are creating products with this title at the same time")


async def put(store: Store, reference: str, wish: ProductWrite, *, if_match: str, currency: str) -> Product:
    """Raises: ProductNotFound, StaleVersion, Invalid, SlugTaken, SkuTaken."""
    product = await _get_matching(store, reference, if_match)
    await _check_categories(store, wish)
    return await _save(store, product, domain.edit(product, wish, now=datetime.now(UTC), currency=currency))


async def patch(store: Store, reference: str, changes: ProductChanges, *, if_match: str, currency: str) -> Product:
    """Raises: ProductNotFound, StaleVersion, Invalid, SlugTaken, SkuTaken."""
    product = await _get_matching(store, reference, if_match)
    wish = domain.patched(product, changes)
    await _check_categories(store, wish)
    return await _save(store, product, domain.edit(product, wish, now=datetime.now(UTC), currency=currency))


async def archive(store: Store, reference: str, *, if_match: str) -> Product:
    """Raises: ProductNotFound, StaleVersion."""
    product = await _get_matching(store, reference, if_match)
    return await _save(store, product, domain.archive(product, now=datetime.now(UTC)))


async def _get_matching(store: Store, reference: str, if_match: str) -> Product:
    product = await store.get_product(reference)
    if if_match not in (_ANY_VERSION, f'"{product.version}"'):
        raise _stale(product)
    return product


async def _save(store: Store, before: Product, after: Product) -> Product:
    if after.version == before.version or await store.replace_product(after, version=before.version):
        return after
    raise _stale(await store.get_product(before.id))


def _stale(product: Product) -> StaleVersion:
    return StaleVersion("read it again, then repeat your change", current_version=product.version)


async def _check_categories(store: Store, wish: ProductWrite) -> None:
    _refuse_unknown_categories(wish, await store.known_categories(wish.categories) if wish.categories else set())


def _refuse_unknown_categories(wish: ProductWrite, known: set[str]) -> None:
    errors = [
        {"pointer": f"/categories/{index}", "message": f"There is no category {slug}."}
        for index, slug in enumerate(wish.categories)
        if slug not in known
    ]
    if errors:
        raise Invalid(errors[0]["message"], errors=errors)


# --- import -----------------------------------------------------------------------------------------


async def import_products(
    store: Store, read: Callable[[], Iterator[Row]], *, dry_run: bool, partial: bool, currency: str
) -> ImportReport:
    """Makes the products of a file; a row whose slug is known changes that product, as a merge-patch.

    The file is read twice: all rows are checked before the first is written. What others write in between may
    still make a row fail, and then the report says so.
    Raises: ImportRefused, if a row is at fault and not `partial` or `dry_run`: then nothing was written.
    """
    categories = {one.category.slug for one in await store.categories()}
    made: dict[int, Product] = {}
    checked = await _check(store, read(), categories, currency, made)
    if dry_run:
        return checked.shown(dry_run=True)
    if checked.faults and not partial:
        failed = len(checked.faulty_lines)
        raise ImportRefused(
            f"{failed} rows have errors; nothing was written", errors=checked.faults[:REPORTED], failed=failed
        )
    good = (row for row in read() if row.line not in checked.faulty_lines)
    written = await _write(store, good, categories, currency, made, checked.only_faults())
    return written.shown(dry_run=False)


async def _check(
    store: Store, rows: Iterator[Row], categories: set[str], currency: str, made: dict[int, Product]
) -> "Tally":
    """What would become of the rows; `made`: the first of the new products, by line."""
    report = Tally()
    taken = Taken()
    for block in blocks(rows, ROWS_AT_ONCE):
        wished = await _wished(store, block, categories, currency)
        skus = [sku for _, _, after in wished if isinstance(after, Product) for sku in after.skus]
        owners = {sku: other for other in await store.products_by_sku(skus) for sku in other.skus}
        for row, before, after in wished:
            try:
                if isinstance(after, Problem):
                    raise after
                taken.take(owners, row.line, after)
            except _OF_THE_ROW as problem:
                report.fault(row, problem)
            else:
                report.count(row, before, after)
                if before is None and len(made) < KEPT_FROM_CHECK:
                    made[row.line] = after
    return report


async def _write(
    store: Store, rows: Iterator[Row], categories: set[str], currency: str, made: dict[int, Product], report: "Tally"
) -> "Tally":
    """Makes the new products of a block in one go, changes the others one by one. `made`: as `_check` has left it."""
    for block in blocks(rows, ROWS_AT_ONCE):
        wished = await _wished(store, block, categories, currency, made)
        new = [after for _, before, after in wished if before is None and isinstance(after, Product)]
        refused = await store.insert_products(new)
        for row, before, after in wished:
            try:
                if isinstance(after, Problem):
                    raise after
                if after.id in refused:
                    raise refused[after.id]
                saved = await _save(store, before, after) if before is not None else after
            except _OF_THE_ROW as problem:
                report.fault(row, problem)
            else:
                report.count(row, before, saved)
    return report


async def _wished(
    store: Store, rows: Sequence[Row], categories: set[str], currency: str, made: Mapping[int, Product] = _NOTHING_MADE
) -> list[tuple[Row, Product | None, Product | Problem]]:
    """Of each row its product as it is, if it is, and as it would be, or what is wrong with it."""
    known = await store.products_by_slug([slug for row in rows if (slug := _slug(row)) is not None])
    wished: list[tuple[Row, Product | None, Product | Problem]] = []
    for row in rows:
        before = known.get(_slug(row) or "")
        if before is None and row.line in made:
            wished.append((row, None, made[row.line]))
            continue
        try:
            wished.append((row, before, _imported(row, before, categories, currency)))
        except _OF_THE_ROW as problem:
            wished.append((row, before, problem))
    return wished


def _slug(row: Row) -> str | None:
    """Of the product that the row speaks of, if that can be told."""
    slug = row.content.get("slug") or domain.slug_of(str(row.content.get("title", "")))
    return slug if isinstance(slug, str) else None


def _imported(row: Row, before: Product | None, categories: set[str], currency: str) -> Product:
    """The product as the row would have it. Raises Invalid."""
    if row.fault is not None:
        raise Invalid.field("", row.fault)
    content = domain.with_whole_variants(row.content, before) if row.by_sku else row.content
    if before is None:
        wish = domain.written_as(ProductWrite, content)
    else:
        changes = {name: value for name, value in content.items() if name != "slug"}
        wish = domain.patched(before, domain.written_as(ProductChanges, changes))
    _refuse_unknown_categories(wish, categories)
    now = datetime.now(UTC)
    if before is None:
        return domain.create(wish, product_id=new_id("prd"), key=None, body="", now=now, currency=currency)
    return domain.edit(before, wish, now=now, currency=currency)


class Taken:
    """The slugs and SKUs that a file's rows have claimed so far."""

    def __init__(self) -> None:
        self._slugs: dict[str, int] = {}
        self._skus: dict[str, int] = {}

    def take(self, owners: Mapping[str, Product], line: int, product: Product) -> None:
        """`owners`: who has the product's SKUs in the shop. Raises: Invalid, SkuTaken."""
        if product.slug in self._slugs:
            raise Invalid.field("/slug", f"Line {self._slugs[product.slug]} already has this slug.")
        for sku in product.skus:
            if sku in self._skus:
                raise Invalid.field("/variants", f"Line {self._skus[sku]} already has the SKU {sku}.")
        for sku in product.skus:
            if sku in owners and owners[sku].id != product.id:
                raise SkuTaken(f"the product {owners[sku].slug} has one of the SKUs")
        self._slugs[product.slug] = line
        self._skus.update(dict.fromkeys(product.skus, line))


class Tally:
    """What has become of the rows."""

    def __init__(self) -> None:
        self._counts = {"created": 0, "updated": 0, "unchanged": 0}
        self._changes: list[RowChange] = []
        self.faults: list[RowError] = []
        self.faulty_lines: set[int] = set()

    def fault(self, row: Row, problem: Problem) -> None:
        slug = row.content.get("slug")
        self.faulty_lines.add(row.line)
        wrong = problem.extra.get("errors") or [{"pointer": "", "message": sentence(problem.detail)}]
        self.faults += [
            RowError(
                line=row.line,
                slug=slug if isinstance(slug, str) else None,
                pointer=one["pointer"],
                message=one["message"],
            )
            for one in wrong
        ]

    def count(self, row: Row, before: Product | None, after: Product) -> None:
        if before is not None and before.version == after.version:
            self._counts["unchanged"] += 1
            return
        self._counts["created" if before is None else "updated"] += 1
        self._changes.append(
            RowChange(
                line=row.line,
                slug=after.slug,
                action="create" if before is None else "update",
                fields=domain.differences(before, after),
            )
        )

    def only_faults(self) -> "Tally":
        """For the second reading."""
        left = Tally()
        left.faults, left.faulty_lines = list(self.faults), set(self.faulty_lines)
        return left

    def shown(self, *, dry_run: bool) -> ImportReport:
        return ImportReport(
            dry_run=dry_run,
            **self._counts,
            failed=len(self.faulty_lines),
            changes=self._changes[:REPORTED],
            errors=self.faults[:REPORTED],
        )


# --- categories -------------------------------------------------------------------------------------


async def create_category(
    store: Store, wish: CategoryWrite, *, key: str | None, body: bytes
) -> tuple[CategoryView, bool]:
    """The new category; or the one that this key has made before, as it stands now, and True.

    Raises: SlugTaken, KeyReused.
    """
    kept = KeptCategory(
        CategoryView(**wish.model_dump()),
        created_key=key or "",
        created_body=_fingerprint(body),
        version=domain.next_version(0, datetime.now(UTC)),
    )
    if await store.insert_category(kept):
        return kept.category, False
    before = await store.get_category(wish.slug)
    if key is None or before.created_key != key:
        raise SlugTaken(f"there is already a category {wish.slug}", slug=wish.slug)
    if before.created_body != kept.created_body:
        raise KeyReused("this key was used for a request with another body")
    return before.category, True


# --- pictures ---------------------------------------------------------------------------------------


async def announce_media(
    store: Store, reference: str, wish: MediaUpload, *, key: str | None, body: bytes, settings: Settings
) -> tuple[Announced, bool]:
    """A picture that is to come; the same key announces the same one again (and True).

    Raises: ProductNotFound, Invalid, KeyReused.
    """
    product = await store.get_product(reference)
    errors = [
        {"pointer": pointer, "message": message}
        for pointer, message in domain.sku_faults("/variant_skus", wish.variant_skus, product)
    ]
    if wish.size_bytes > settings.picture_bytes:
        errors.append({"pointer": "/size_bytes", "message": f"at most {settings.picture_bytes} bytes are accepted"})
    if len(product.media) >= MEDIA_PER_PRODUCT:
        errors.append({"pointer": "", "message": f"a product has at most {MEDIA_PER_PRODUCT} pictures"})
    if errors:
        raise Invalid(errors[0]["message"], errors=errors)
    upload = Announced(
        media_id=_media_id(product.id, key),
        product_id=product.id,
        content_type=wish.content_type,
        size_bytes=wish.size_bytes,
        alt=wish.alt,
        variant_skus=wish.variant_skus,
        body=_fingerprint(body),
        at=datetime.now(UTC),
    )
    if await store.insert_upload(upload):
        return upload, False
    before = await store.find_upload(upload.media_id)
    if before is not None and before.body != upload.body:
        raise KeyReused("this key was used for a request with another body")
    return before or upload, True


async def complete_media(
    store: Store, storage: ObjectStorage, darkroom: Darkroom, reference: str, media_id: str
) -> Product:
    """Looks at what was uploaded, makes the shop's files of it and adds it to the product. Asking twice is harmless.

    Raises: ProductNotFound, MediaNotFound, NotUploaded, Unreadable, Invalid; Unavailable.
    """
    product = await store.get_product(reference)
    if any(media.id == media_id for media in product.media):
        return product
    upload = await store.find_upload(media_id)
    if upload is None or upload.product_id != product.id:
        raise MediaNotFound("no picture with this id was announced for the product")
    content = await storage.uploaded(media_id, size_bytes=upload.size_bytes)
    if content is None:
        raise NotUploaded("nothing has been uploaded to the address that was given")
    developed = await darkroom.develop(media_id, content, upload.content_type)
    media = Media(
        id=media_id,
        alt=upload.alt,
        variant_skus=upload.variant_skus,
        width=developed.width,
        height=developed.height,
        renditions=await _show(storage, developed),
    )
    product = await _change(store, product.id, lambda it: domain.add_media(it, media, now=datetime.now(UTC)))
    await storage.discard_upload(media_id)
    await store.delete_upload(media_id)
    return product


async def delete_media(store: Store, reference: str, media_id: str) -> Product:
    """Its files stay for now: another product may show the same picture, whose names come from its content. What
    nobody shows is swept up later.

    Raises: ProductNotFound, MediaNotFound.
    """
    product = await store.get_product(reference)
    if all(media.id != media_id for media in product.media):
        raise MediaNotFound("the product has no picture with this id")
    return await _change(store, product.id, lambda it: domain.remove_media(it, media_id, now=datetime.now(UTC)))


async def _show(storage: ObjectStorage, developed: Developed) -> dict[str, str]:
    paths = {
        file.name: f"{PICTURES}{hashlib.sha256(file.content).hexdigest()[:40]}.{file.suffix}"
        for file in developed.files
    }
    await asyncio.gather(*(storage.show(paths[file.name], file) for file in developed.files))
    return paths


async def _change(store: Store, product_id: str, change: Callable[[Product], Product]) -> Product:
    """A change that suits every version: a faster one is read, and it is tried again."""
    for _ in range(_TRIES):
        product = await store.get_product(product_id)
        changed = change(product)
        if changed.version == product.version or await store.replace_product(changed, version=product.version):
            return changed
    raise _stale(await store.get_product(product_id))


def _media_id(product_id: str, key: str | None) -> str:
    if key is None:
        return new_id("med")
    return new_id("med", UUID(bytes=hashlib.sha256(f"{product_id} {key}".encode()).digest()[:16], version=5))


def _fingerprint(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
