"""Files of products, read row by row: JSON lines, or a spreadsheet's CSV.

A row is what a merchant would send as one product. In CSV a product has one line for each of its variants, one
after the other; its own columns are read from the first of them:

    slug, title, description, brand, categories (separated by ;), status, tax_category, seo_title, seo_description,
    sku, price, compare_at_price (19.90, in the shop's currency), weight_grams, barcode, option:Color, option:Size …

Columns that are not there say nothing: what they would change stays as it is.
"""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from babel.numbers import get_currency_precision
from pydantic_core import from_json

ROW_BYTES: Final = 1_000_000
_OPTION: Final = "option:"
_OWN: Final = ("slug", "title", "description", "brand", "status", "tax_category")
_SEO: Final = {"seo_title": "title", "seo_description": "description"}
_VARIANT: Final = ("sku", "barcode")
_COLUMNS: Final = {*_OWN, *_SEO, *_VARIANT, "categories", "price", "compare_at_price", "weight_grams"}


@dataclass(frozen=True, slots=True)
class Row:
    """A product as the file has it, and where. `fault`: why it could not be read."""

    line: int
    content: dict[str, Any]
    fault: str | None = None


def json_rows(file: IO[bytes]) -> Iterator[Row]:
    for line in itertools.count(1):
        text = file.readline(ROW_BYTES + 1)
        if not text:
            return
        if len(text) > ROW_BYTES:
            yield Row(line, {}, f"the line is longer than {ROW_BYTES} bytes; what follows was not read")
            return
        if not text.strip():
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
        unknown = [name for name in columns if name not in _COLUMNS and not name.startswith(_OPTION)]
        if unknown or "slug" not in columns or len(set(columns)) < len(columns):
            reason = f"unknown columns: {', '.join(unknown)}" if unknown else "needs each column once, slug among them"
            yield Row(1, {}, reason)
            return
        numbered = ((reader.line_num, cells) for cells in reader)
        for _, lines in itertools.groupby(numbered, key=lambda one: one[1].get("slug")):
            yield _csv_row(list(lines), columns, currency)
    except UnicodeDecodeError:
        yield Row(reader.line_num + 1, {}, "is not UTF-8; what follows was not read")
    except csv.Error as error:
        yield Row(reader.line_num, {}, f"is not CSV: {error}; what follows was not read")


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
    named = {name: name.removeprefix(_OPTION).strip() for name in columns if name.startswith(_OPTION)}
    options: dict[str, list[str]] = {}
    variants = []
    for _, cells in lines:
        chosen = {option: cells[name].strip() for name, option in named.items() if cells[name].strip()}
        for option, value in chosen.items():
            if value not in options.setdefault(option, []):
                options[option].append(value)
        variants.append({**_variant(cells, columns, currency), "options": chosen})
    content["variants"] = variants
    content["options"] = [{"name": name, "values": values} for name, values in options.items()]
    return Row(at, content)


def _variant(cells: dict[str, str], columns: list[str], currency: str) -> dict[str, Any]:
    filled = {name: cells[name].strip() for name in columns if cells[name].strip()}
    variant: dict[str, Any] = {name: filled[name] for name in _VARIANT if name in filled}
    for name in ("price", "compare_at_price"):
        if name in filled:
            variant[name] = {"amount": _minor_units(filled[name], currency), "currency": currency}
    if "weight_grams" in filled:
        weight = filled["weight_grams"]
        variant["weight_grams"] = int(weight) if re.fullmatch(r"[0-9]{1,9}", weight) else weight
    return variant


def _minor_units(text: str, currency: str) -> int | str:
    """`19.90` -> 1990. What is no amount is given back as it is: whoever checks the product says what is wrong."""
    digits = get_currency_precision(currency)
    found = re.fullmatch(r"([0-9]{1,10})(?:\.([0-9]+))?", text)
    if found is None or len(found[2] or "") > digits:
        return text
    return int(found[1] + (found[2] or "").ljust(digits, "0"))
