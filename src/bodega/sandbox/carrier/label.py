"""The shipping label: a PDF of 100 x 150 mm with a Code 39 barcode of the tracking number."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any

_BARRED = str.maketrans(
    {"Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ħ": "H", "ħ": "h", "ı": "i", "Œ": "OE", "œ": "oe", "Ŧ": "T", "ŧ": "t"}
)
"""European letters that Unicode does not take apart into a plain one and an accent."""


def _plain(text: str) -> str:
    """The letters that a PDF's built-in fonts have. Accents that they lack are dropped; another script's letters are
    question marks, so that they are missed."""
    taken_apart = (
        letter if letter <= "\xff" else unicodedata.normalize("NFKD", letter)
        for letter in unicodedata.normalize("NFC", text).translate(_BARRED)
    )  # fmt: skip
    plain = "".join(part for part in "".join(taken_apart) if not unicodedata.combining(part))
    return plain.encode("latin-1", "replace").decode("latin-1")


def draw(label: dict[str, Any]) -> bytes:
    """The PDF of a label."""
    # Imported at the first label: it costs more than the whole start of the sandbox.
    from fpdf import FPDF

    pdf = FPDF(unit="mm", format=(100, 150))
    pdf.set_auto_page_break(False)
    pdf.set_margin(6)
    pdf.set_title(f"Label {label['tracking_number']}")
    pdf.set_creation_date(datetime.fromisoformat(label["created_at"]))  # the same label is the same bytes
    pdf.add_page()
    pdf.set_line_width(0.4)
    pdf.rect(4, 4, 92, 142)
    pdf.set_font("helvetica", "B", 16)
    pdf.text(7, 13, "SANDBOX PARCEL")
    pdf.set_font("helvetica", "", 10)
    pdf.text(68, 13, label["service"].upper()[:14])
    pdf.line(4, 17, 96, 17)
    _address(pdf, "From", label["from"], 22, 8)
    pdf.line(4, 48, 96, 48)
    _address(pdf, "To", label["to"], 54, 12)
    pdf.line(4, 96, 96, 96)
    pdf.set_font("helvetica", "", 8)
    weight = sum(parcel["weight_grams"] for parcel in label["parcels"])
    pdf.text(7, 102, _plain(f"Reference {label['reference'][:40]}   {len(label['parcels'])} parcel(s)   {weight} g"))
    pdf.code39(f"*{label['tracking_number']}*", x=10, y=108, w=0.98, h=24)
    pdf.set_font("courier", "B", 13)
    pdf.text(28, 140, label["tracking_number"])
    return bytes(pdf.output())


def _address(pdf: Any, title: str, address: dict[str, Any], y: float, size: int) -> None:
    pdf.set_font("helvetica", "", 7)
    pdf.text(7, y, title)
    pdf.set_font("helvetica", "B" if title == "To" else "", size)
    city = f"{address['postal_code']} {address['city']}"
    for line in (address["name"], address["line1"], address.get("line2"), city, address["country"]):
        if line:
            y += size * 0.5
            pdf.text(7, y, _plain(line)[:46])
