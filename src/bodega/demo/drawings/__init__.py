"""The product illustrations: one drawing function per kind of object, all made in the same studio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bodega.demo.drawings import desk, kitchen, lights, objects, outdoors, pantry, textiles, woven
from bodega.demo.drawings.studio import WHOLE, Frame, Studio, Tone

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
    "beanie": Kind(woven.beanie, 1.1, 0, 0),
    "board": Kind(kitchen.board, 1.06, 10, -10),
    "bookends": Kind(desk.bookends, 1.06, 0, -70),
    "bottle": Kind(objects.bottle, 1.10, 0, 30),
    "bowl": Kind(kitchen.bowl, 1.18, 0, -70),
    "bulb": Kind(lights.bulb),
    "candle": Kind(objects.candle, 1.14, -40, -60),
    "candlestick": Kind(lights.candlestick, 1.04, 0, 20),
    "carafe": Kind(pantry.carafe, 1.12, -40, 0),
    "casserole": Kind(kitchen.casserole, 1.14, 0, -40),
    "clock": Kind(objects.clock, 1.16, 0, 20),
    "coffee_bag": Kind(kitchen.coffee_bag, 1.12, 0, 0),
    "compass": Kind(outdoors.compass, 0.94, 0, 46),
    "cushion": Kind(textiles.cushion, 1.16, 0, 10),
    "dripper": Kind(kitchen.dripper, 1.14, -10, -10),
    "duffel": Kind(woven.duffel, 1.06, 0, 10),
    "enamel_mug": Kind(outdoors.enamel_mug, 1.24, 10, -50),
    "espresso_cup": Kind(pantry.espresso_cup, 1.14, 0, -80),
    "flask": Kind(outdoors.flask, 1.12, -30, 0),
    "floor_lamp": Kind(lights.floor_lamp),
    "grinder": Kind(pantry.grinder, 1.16, -10, -10),
    "ink": Kind(desk.ink, 1.06, 0, -60),
    "jar": Kind(pantry.jar, 1.1, 0, -20),
    "kettle": Kind(kitchen.kettle, 1.14, 10, -60),
    "knife": Kind(pantry.knife, 1.06),
    "lantern": Kind(objects.lantern, 1.12, 0, 10),
    "letter_set": Kind(desk.letter_set),
    "magnifier": Kind(desk.magnifier),
    "mill": Kind(pantry.mill, 1.16, 0, -10),
    "moka": Kind(pantry.moka, 1.14, -20, 0),
    "mug": Kind(kitchen.mug, 1.28, 10, -40),
    "napkins": Kind(woven.napkins, 1.1),
    "notebook": Kind(objects.notebook, 1.08, 0, 0),
    "oven_glove": Kind(woven.oven_glove),
    "pen": Kind(objects.pen, 1.22, 0, 0),
    "pen_cup": Kind(desk.pen_cup, 1.12, -10, 10),
    "pencils": Kind(desk.pencils),
    "pendant": Kind(objects.pendant, 1.06, 0, 60),
    "picnic_blanket": Kind(woven.picnic_blanket, 1.08, 0, -20),
    "plate": Kind(pantry.plate),
    "pocket_knife": Kind(outdoors.pocket_knife),
    "press": Kind(pantry.press, 1.1, 0, 10),
    "rug": Kind(woven.rug, 0.98),
    "scarf": Kind(woven.scarf, 1.06),
    "scissors": Kind(desk.scissors),
    "skillet": Kind(pantry.skillet, 1.04),
    "socks": Kind(woven.socks),
    "string_lights": Kind(lights.string_lights),
    "table_lamp": Kind(objects.table_lamp, 1.14, 0, 20),
    "task_lamp": Kind(lights.task_lamp),
    "tea_tin": Kind(pantry.tea_tin, 1.2, 0, -20),
    "tea_towel": Kind(woven.tea_towel, 1.06),
    "teapot": Kind(kitchen.teapot, 1.26, 0, -70),
    "tent": Kind(outdoors.tent, 0.96, -10, -20),
    "throw": Kind(textiles.throw, 1.16, 0, -60),
    "tote": Kind(textiles.tote, 1.08, 0, 30),
    "towel": Kind(textiles.towel, 1.10, 0, -10),
    "tray": Kind(objects.tray, 1.14, 0, 0),
    "umbrella": Kind(textiles.umbrella, 1.08, 0, 30),
    "wall_light": Kind(lights.wall_light, 1.12, 0, -50),
    "whisk": Kind(pantry.whisk, 1.1, -40, 0),
}


def draw(kind: str, tone: str, backdrop: str, seen: Frame = WHOLE) -> str:
    """The SVG of a ``kind`` of object in the color ``tone`` (``#rrggbb``) before a ``backdrop`` of that color.

    Of the drawing only what lies in ``seen``.

    Raises KeyError for a kind that nobody has drawn.
    """
    how = KINDS[kind]
    studio = Studio()
    studio.backdrop(backdrop)
    frame = f"translate({600 + how.dx:g} {600 + how.dy:g}) scale({how.zoom:g}) translate(-600 -600)"
    with studio.group(turn=frame):
        how.paint(studio, Tone(tone))
    return studio.svg(seen)
