"""From a drawing to the file that is uploaded. Slow (half a second to two seconds each): run it in other processes."""

from __future__ import annotations

import io

import resvg_py
from PIL import Image

from bodega.demo.drawings import draw
from bodega.demo.drawings.studio import WHOLE, Frame

CONTENT_TYPE = "image/jpeg"
PIXELS = 900  # the drawing takes most of the time of a first start, and that grows with the surface
_QUALITY = 92  # of 100; below 90 the soft backdrops show steps


def render(kind: str, tone: str, backdrop: str, frame: Frame = WHOLE) -> bytes:
    """A JPEG of ``PIXELS`` x ``PIXELS``; the same arguments give the same bytes. Colors are ``#rrggbb``."""
    png = resvg_py.svg_to_bytes(
        svg_string=draw(kind, tone, backdrop, frame), width=PIXELS, height=PIXELS, skip_system_fonts=True
    )
    with Image.open(io.BytesIO(bytes(png))) as picture:
        out = io.BytesIO()
        picture.convert("RGB").save(out, "JPEG", quality=_QUALITY, subsampling=0, optimize=True, progressive=True)
    return out.getvalue()
