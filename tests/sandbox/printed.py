"""What is on a printed label, as a scanner and a person read it."""

from dataclasses import dataclass

import pypdfium2
import zxingcpp


@dataclass(frozen=True)
class Printed:
    """The only page of a label. Sizes in millimetres."""

    text: str
    barcodes: list[str]
    size: tuple[int, int]


def read(pdf: bytes) -> Printed:
    """Draws the page at 200 dpi, as label printers do, and scans it."""
    with pypdfium2.PdfDocument(pdf) as document:
        (page,) = list(document)
        width, height = page.get_size()
        picture = page.render(scale=200 / 72).to_pil().convert("L")
        text = page.get_textpage().get_text_bounded()
    size = (round(width / 72 * 25.4), round(height / 72 * 25.4))
    return Printed(text, [found.text for found in zxingcpp.read_barcodes(picture)], size)
