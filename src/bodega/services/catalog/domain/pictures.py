"""A picture as it came, and the files that the shop shows of it.

Whatever the file says of itself is worth nothing until it has been decoded: then its form, its size in pixels
and its orientation are known, and what is written anew carries none of its metadata (places, cameras, owners).
"""

import io
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image, ImageCms, ImageOps

from bodega.services.catalog.errors import Unreadable

WIDTHS: Final = (320, 640, 1200)
LONGEST_SIDE: Final = 16_000
"""WebP can write no longer one."""
_FORMATS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/avif": "AVIF"}
# AVIF at speed 8: 1,200 pixels take 0.2 s of a core; at the default 6 it is 1.5 s for a file 4 % larger.
_WRITTEN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "avif": ("AVIF", {"quality": 60, "speed": 8}),
    "webp": ("WEBP", {"quality": 80, "method": 4}),
    "jpg": ("JPEG", {"quality": 82, "progressive": True, "optimize": True}),
}
_MAKES: Final = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class File:
    name: str
    """Of its size and form: `w640.webp`."""
    content_type: str
    content: bytes

    @property
    def suffix(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Developed:
    """A picture in all the sizes and forms of the shop. Width and height are the original's, upright."""

    width: int
    height: int
    files: tuple[File, ...]


def develop(content: bytes, content_type: str, *, most_pixels: int) -> Developed:
    """Never larger than the original: `w1200` of a small picture is as wide as it is.

    Raises: Unreadable, if it cannot be decoded, is not what it was announced to be, or has too many pixels.
    """
    try:
        with Image.open(io.BytesIO(content), formats=list(_FORMATS.values())) as opened:
            # A JPEG with other pictures behind it, as phones and cameras save them, is MPO to Pillow; the first counts.
            form = "JPEG" if opened.format == "MPO" else opened.format
            if form != _FORMATS[content_type]:
                raise Unreadable(f"the file is {form}, it was announced as {content_type}")
            # Known from the header: nothing is decoded yet.
            if opened.width * opened.height > most_pixels or max(opened.size) > LONGEST_SIDE:
                raise Unreadable(f"the picture has more than {most_pixels} pixels, or a side of over {LONGEST_SIDE}")
            upright = ImageOps.exif_transpose(opened)
            picture = _in_srgb(upright)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise Unreadable("the file cannot be decoded as a picture") from error
    files = [
        File(f"w{width}.{suffix}", _MAKES[suffix], _encoded(sized, suffix))
        for width in WIDTHS
        for sized in [_sized(picture, width)]
        for suffix in _WRITTEN
    ]
    return Developed(picture.width, picture.height, tuple(files))


def _in_srgb(picture: Image.Image) -> Image.Image:
    transparent = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    mode = "RGBA" if transparent else "RGB"
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow's own conversion clips to white
        picture = picture.convert("I").point(lambda level: level / 256).convert("L")
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in ("RGB", "RGBA", "CMYK"):
        try:
            converted = ImageCms.profileToProfile(
                picture,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB" if picture.mode == "CMYK" else picture.mode,
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a broken profile: the colors as they stand are the best guess
        if converted is not None:
            picture = converted
    return picture.convert(mode)


def _sized(picture: Image.Image, width: int) -> Image.Image:
    if picture.width <= width:
        return picture
    height = max(1, round(picture.height * width / picture.width))
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _encoded(picture: Image.Image, suffix: str) -> bytes:
    form, options = _WRITTEN[suffix]
    if form == "JPEG" and picture.mode == "RGBA":
        paper = Image.new("RGB", picture.size, "white")
        paper.paste(picture, mask=picture.getchannel("A"))
        picture = paper
    plain = picture.copy()
    plain.info.clear()
    into = io.BytesIO()
    plain.save(into, form, **options)
    return into.getvalue()
