"""The product illustrations: one drawing function per kind of object, all made in the same studio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bodega.demo.drawings import kitchen, objects, textiles
from bodega.demo.drawings.studio import Studio, Tone

__all__ = ["KINDS", "Kind", "draw"]


@dataclass(frozen=True)
class Kind:
    """A kind of object: how it is drawn and framed (enlarged by ``zoom``, then moved by ``dx`` and ``dy``)."""

    paint: Callable[[Studio, Tone], None]
    zoom: float = 1.0
    dx: float = 0
    dy: float = 0


KINDS: dict[str, Kind] = {
    "apron": Kind(textiles.apron, 1.08, 0, 40),
    "backpack": Kind(textiles.backpack, 1.06, 0, 14),
    "board": Kind(kitchen.board, 1.06, 10, -10),
    "bottle": Kind(objects.bottle, 1.10, 0, 30),
    "bowl": Kind(kitchen.bowl, 1.18, 0, -70),
    "candle": Kind(objects.candle, 1.14, -40, -60),
    "casserole": Kind(kitchen.casserole, 1.14, 0, -40),
    "clock": Kind(objects.clock, 1.16, 0, 20),
    "coffee_bag": Kind(kitchen.coffee_bag, 1.12, 0, 0),
    "cushion": Kind(textiles.cushion, 1.16, 0, 10),
    "dripper": Kind(kitchen.dripper, 1.14, -10, -10),
    "kettle": Kind(kitchen.kettle, 1.14, 10, -60),
    "lantern": Kind(objects.lantern, 1.12, 0, 10),
    "mug": Kind(kitchen.mug, 1.28, 10, -40),
    "notebook": Kind(objects.notebook, 1.08, 0, 0),
    "pen": Kind(objects.pen, 1.22, 0, 0),
    "pendant": Kind(objects.pendant, 1.06, 0, 60),
    "table_lamp": Kind(objects.table_lamp, 1.14, 0, 20),
    "teapot": Kind(kitchen.teapot, 1.26, 0, -70),
    "throw": Kind(textiles.throw, 1.16, 0, -60),
    "tote": Kind(textiles.tote, 1.08, 0, 30),
    "towel": Kind(textiles.towel, 1.10, 0, -10),
    "tray": Kind(objects.tray, 1.14, 0, 0),
    "umbrella": Kind(textiles.umbrella, 1.08, 0, 30),
}


def draw(kind: str, tone: str, backdrop: str) -> str:
    """The SVG of a ``kind`` of object in the color ``tone`` (``#rrggbb``) before a ``backdrop`` of that color.

    Raises KeyError for a kind that nobody has drawn.
    """
    how = KINDS[kind]
    studio = Studio()
    studio.backdrop(backdrop)
    frame = f"translate({600 + how.dx:g} {600 + how.dy:g}) scale({how.zoom:g}) translate(-600 -600)"
    with studio.group(turn=frame):
        how.paint(studio, Tone(tone))
    return studio.svg()
