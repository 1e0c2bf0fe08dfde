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
    spread: tuple[float, float]
    """Where the leftmost letter begins and the rightmost one ends, in millimetres."""


def read(pdf: bytes) -> Printed:
    """Draws the page at 200 dpi, as label printers do, and scans it."""
    with pypdfium2.PdfDocument(pdf) as document:
        (page,) = list(document)
        width, height = page.get_size()
        picture = page.render(scale=200 / 72).to_pil().convert("L")
        words = page.get_textpage()
        text = words.get_text_bounded()
        boxes = [words.get_charbox(place) for place in range(words.count_chars())]
        spread = (min(box[0] for box in boxes) / 72 * 25.4, max(box[2] for box in boxes) / 72 * 25.4)
    size = (round(width / 72 * 25.4), round(height / 72 * 25.4))
    return Printed(text, [found.text for found in zxingcpp.read_barcodes(picture)], size, spread)
