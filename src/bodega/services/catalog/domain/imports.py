"""Files of products, read row by row: JSON lines, or a sheet as spreadsheet programs save it.

A row is what a merchant would send as one product. In CSV a product has one line for each of its variants, one
after the other; its own columns are read from the first of them:

    slug, title, description, brand, categories (separated by ; or ,), status, tax_category, seo_title, seo_description,
    sku, price, compare_at_price (19.90, in the shop's currency), weight_grams, barcode, option:Color, option:Size …

Columns that are not there say nothing: what they would change stays as it is. The same holds for the variants of a
product that is known: one without a line stays, and of one that has a line only what has a column changes. So a list of
slugs, SKUs and prices is enough to change prices.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from babel.numbers import get_currency_symbol
from pydantic_core import from_json

from bodega.kit.currencies import minor_digits
from bodega.kit.sheets import Sheet, SheetFault, SheetRow, heading, whole_number
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
            yield Row(line, {}, f"The line is longer than {ROW_BYTES} bytes; what follows was not read.")
            continue
        try:
            content = from_json(text, allow_inf_nan=False)
        except ValueError as error:
            yield Row(line, {}, f"The line is not JSON: {error}.")
            continue
        yield Row(line, content) if isinstance(content, dict) else Row(line, {}, "The line is not a JSON object.")


def csv_rows(file: IO[bytes], currency: str) -> Iterator[Row]:
    """Ends at what cannot be read as CSV: from there on the lines mean nothing."""
    try:
        sheet = Sheet(file, _column)
        if (fault := _fault_of(sheet.columns)) is not None:
            yield Row(sheet.line, {}, fault)
            return
        for _, lines in itertools.groupby(sheet.rows(), key=lambda one: one.cells["slug"]):
            yield _csv_row(list(lines), sheet.columns, currency)
    except SheetFault as fault:
        yield Row(fault.line, {}, str(fault))


def _column(text: str) -> str | None:
    """`Compare at price` -> `compare_at_price`, `Option: Color` -> `option:Color`."""
    kind, colon, name = text.partition(":")
    if colon and heading(kind) == "option" and name.strip():
        return f"{_OPTION}{name.strip()}"
    name = heading(text)
    return name if name in _COLUMNS else None


def _fault_of(columns: list[str]) -> str | None:
    if "slug" not in columns:
        return "The column slug is missing: it says which product a row is about."
    of_variants = [name for name in columns if name in _OF_VARIANTS or name.startswith(_OPTION)]
    return f"{of_variants[0]} needs the column sku beside it." if of_variants and "sku" not in columns else None


def _csv_row(lines: list[SheetRow], columns: list[str], currency: str) -> Row:
    for one in lines:
        if one.fault is not None:
            return Row(one.line, {}, one.fault)
    at, first = lines[0].line, lines[0].cells
    content: dict[str, Any] = {name: first[name] for name in _OWN if name in columns}
    if seo := {field: first[name] for name, field in _SEO.items() if name in columns}:
        content["seo"] = seo
    if "categories" in columns:
        content["categories"] = [one.strip() for one in re.split("[;,]", first["categories"]) if one.strip()]
    if "sku" not in columns:
        return Row(at, content)
    variants: list[dict[str, Any]] = []
    for one in lines:
        try:
            variant = _variant(one.cells, columns, currency)
        except ValueError as error:
            return Row(one.line, {"slug": first["slug"]}, str(error))
        if variant["sku"] and variant["sku"] in [known["sku"] for known in variants]:
            fault = f"The SKU {variant['sku']} appears in an earlier line of this product."
            return Row(one.line, {"slug": first["slug"]}, fault)
        variants.append(variant)
    return Row(at, {**content, "variants": variants}, by_sku=True)


def _variant(cells: dict[str, str], columns: list[str], currency: str) -> dict[str, Any]:
    """A merge-patch: an empty cell takes away what was there. Raises ValueError, where a price cannot be read."""
    variant: dict[str, Any] = {"options": {}}
    for name in columns:
        text = cells[name]
        if name.startswith(_OPTION):
            variant["options"][name.removeprefix(_OPTION)] = text or None
        elif name in _PRICES:
            variant[name] = {"amount": _minor_units(name, text, currency), "currency": currency} if text else None
        elif name == "weight_grams":
            grams = whole_number(text)
            variant[name] = grams if grams is not None else text or None
        elif name in _OF_VARIANTS:
            variant[name] = text or None
    return variant


def _minor_units(name: str, text: str, currency: str) -> int:
    """`19.90`, `19,90`, `1.234,50`, `€ 19.90` -> minor units. Raises ValueError, also where nobody can tell thousands
    from decimals (`1,234`)."""
    digits = minor_digits(currency)
    plain = text.replace(currency, "").replace(get_currency_symbol(currency, locale="en"), "").strip()
    if (amount := _decimal(plain, digits)) is None:
        example = f"{1990 / 10**digits:.{digits}f}"
        raise ValueError(f"{name}: {text[:40]!r} is not an amount in {currency}; write it as {example}.")
    return amount


def _decimal(text: str, digits: int) -> int | None:
    """In units of the last of so many decimals; None, if it is no number, or may be two."""
    lone = re.fullmatch(r"[0-9]{1,3}([.,])[0-9]{3}", text)
    if lone and digits and not (digits == 3 and lone[1] == "."):
        return None  # thousands or decimals: who knows? (A point is what the guide asks for.)
    plain = re.fullmatch(r"([0-9]{1,10})(?:[.,]([0-9]+))?", text)
    grouped = re.fullmatch(r"([0-9]{1,3}([.,'’ \u00a0\u202f])[0-9]{3}(?:\2[0-9]{3}){0,2})(?:(?!\2)[.,]([0-9]+))?", text)
    if grouped and (not plain or digits == 0):
        whole, part = re.sub("[^0-9]", "", grouped[1]), grouped[3] or ""
    elif plain:
        whole, part = plain[1], plain[2] or ""
    else:
        return None
    return int(whole + part.ljust(digits, "0")) if len(part) <= digits else None
