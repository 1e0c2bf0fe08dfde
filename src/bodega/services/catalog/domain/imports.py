"""Files of products, read row by row: JSON lines, or a spreadsheet's CSV.

A row is what a merchant would send as one product. In CSV a product has one line for each of its variants, one
after the other; its own columns are read from the first of them:

    slug, title, description, brand, categories (separated by ;), status, tax_category, seo_title, seo_description,
    sku, price, compare_at_price (19.90, in the shop's currency), weight_grams, barcode, option:Color, option:Size …

Columns that are not there say nothing: what they would change stays as it is. The same holds for the variants of a
product that is known: one without a line stays, and of one that has a line only what has a column changes. So a list of
slugs, SKUs and prices is enough to change prices.
"""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from pydantic_core import from_json

from bodega.kit.currencies import minor_digits
from bodega.kit.upload import numbered_lines

ROW_BYTES: Final = 1_000_000
_OPTION: Final = "option:"
_OWN: Final = ("slug", "title", "description", "brand", "status", "tax_category")
_SEO: Final = {"seo_title": "title", "seo_description": "description"}
_PRICES: Final = ("price", "compare_at_price")
_OF_VARIANTS: Final = ("sku", *_PRICES, "weight_grams", "barcode")
_COLUMNS: Final = {*_OWN, *_SEO, *_OF_VARIANTS, "categories"}


@dataclass(frozen=True, slots=True)
class Row:
    """A product as the file has it, and where. `fault`: why it could not be read."""

    line: int
    content: dict[str, Any]
    fault: str | None = None
    by_sku: bool = False
    """Whether each of its variants is a merge-patch of the one with its SKU, and options are what the variants have."""


def json_rows(file: IO[bytes]) -> Iterator[Row]:
    for line, text in numbered_lines(file, most_bytes=ROW_BYTES):
        if text is None:
            yield Row(line, {}, f"the line is longer than {ROW_BYTES} bytes; what follows was not read")
            continue
        try:
            content = from_json(text, allow_inf_nan=False)
        except ValueError as error:
            yield Row(line, {}, f"is not JSON: {error}")
            continue
        yield Row(line, content) if isinstance(content, dict) else Row(line, {}, "is not a JSON object")


def csv_rows(file: Iterable[bytes], currency: str) -> Iterator[Row]:
    """Ends at what cannot be read as CSV: from there on the lines mean nothing."""
    reader = csv.DictReader((line.decode().removeprefix("\ufeff") for line in file), strict=True)
    try:
        columns = [name.strip() for name in reader.fieldnames or []]
        reader.fieldnames = columns
        if (fault := _fault_of(columns)) is not None:
            yield Row(1, {}, fault)
            return
        numbered = ((reader.line_num, cells) for cells in reader)
        for _, lines in itertools.groupby(numbered, key=lambda one: one[1].get("slug")):
            yield _csv_row(list(lines), columns, currency)
    except UnicodeDecodeError:
        yield Row(reader.line_num + 1, {}, "is not UTF-8; what follows was not read")
    except csv.Error as error:
        yield Row(reader.line_num, {}, f"is not CSV: {error}; what follows was not read")


def _fault_of(columns: list[str]) -> str | None:
    if unknown := [name for name in columns if name not in _COLUMNS and not name.startswith(_OPTION)]:
        return f"unknown columns: {', '.join(unknown)[:200]}"
    if "slug" not in columns or len(set(columns)) < len(columns):
        return "needs each column once, slug among them, with commas between them"
    of_variants = [name for name in columns if name in _OF_VARIANTS or name.startswith(_OPTION)]
    return f"{of_variants[0]} needs the column sku beside it" if of_variants and "sku" not in columns else None


def _csv_row(lines: list[tuple[int, dict[str, Any]]], columns: list[str], currency: str) -> Row:
    at, first = lines[0]
    for line, cells in lines:
        if None in cells or None in cells.values():
            return Row(line, {}, "has another number of cells than there are columns")
    content: dict[str, Any] = {name: first[name].strip() for name in _OWN if name in columns}
    if seo := {field: first[name].strip() for name, field in _SEO.items() if name in columns}:
        content["seo"] = seo
    if "categories" in columns:
        content["categories"] = [one.strip() for one in first["categories"].split(";") if one.strip()]
    if "sku" not in columns:
        return Row(at, content)
    variants: list[dict[str, Any]] = []
    for line, cells in lines:
        try:
            variant = _variant(cells, columns, currency)
        except ValueError as error:
            return Row(line, {"slug": first["slug"]}, str(error))
        if variant["sku"] and variant["sku"] in [one["sku"] for one in variants]:
            return Row(line, {"slug": first["slug"]}, f"has the SKU {variant['sku']} again")
        variants.append(variant)
    return Row(at, {**content, "variants": variants}, by_sku=True)


def _variant(cells: dict[str, str], columns: list[str], currency: str) -> dict[str, Any]:
    """A merge-patch: an empty cell takes away what was there. Raises ValueError, where a price cannot be read."""
    variant: dict[str, Any] = {"options": {}}
    for name in columns:
        text = cells[name].strip()
        if name.startswith(_OPTION):
            variant["options"][name.removeprefix(_OPTION).strip()] = text or None
        elif name in _PRICES:
            variant[name] = {"amount": _minor_units(name, text, currency), "currency": currency} if text else None
        elif name == "weight_grams":
            variant[name] = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else text or None
        elif name in _OF_VARIANTS:
            variant[name] = text or None
    return variant


def _minor_units(name: str, text: str, currency: str) -> int:
    """`19.90` -> 1990. Raises ValueError."""
    digits = minor_digits(currency)
    found = re.fullmatch(r"([0-9]{1,10})(?:\.([0-9]+))?", text)
    if found is None or len(found[2] or "") > digits:
        example = f"{1990 / 10**digits:.{digits}f}"
        raise ValueError(f"{name}: {text[:40]!r} is no amount in {currency}; write it as {example}")
    return int(found[1] + (found[2] or "").ljust(digits, "0"))
