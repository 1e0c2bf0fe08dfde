"""A picture as it came, and the files that the shop shows of it.

Whatever the file says of itself is worth nothing until it has been decoded: then its form, its size in pixels
and its orientation are known, and what is written anew carries none of its metadata (places, cameras, owners).
"""

import io
import struct
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image, ImageCms, ImageOps

from bodega.services.catalog.errors import Unreadable

WIDTHS: Final = (320, 640, 1200)
LONGEST_SIDE: Final = 16_000
"""WebP can write no longer one."""
_FORMATS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/avif": "AVIF"}
_TAKEN: Final = "Please save it as JPEG, PNG, WebP or AVIF and upload that."
_SIGNATURES: Final = (
    (4, b"ftyphe", "a HEIC picture, as iPhones save them"), (4, b"ftypmif1", "a HEIF picture"),
    (4, b"ftypmsf1", "a HEIF picture"), (4, b"ftypcrx", "a camera's raw picture"), (4, b"ftypqt", "a film"),
    (4, b"ftypisom", "a film"), (4, b"ftypmp4", "a film"), (0, b"GIF8", "a GIF picture"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"II*\x00", "a TIFF or raw picture"), (0, b"MM\x00*", "a TIFF or raw picture"), (0, b"BM", "a BMP picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"), (4, b"JXL ", "a JPEG XL picture"), (4, b"jP  ", "a JPEG 2000 picture"),
    (0, b"%PDF", "a PDF document"), (0, b"<svg", "an SVG drawing"), (0, b"<?xml", "an SVG drawing"),
    (0, b"\x00\x00\x01\x00", "an icon"), (0, b"PK", "a ZIP archive"), (0, b"<!doctype", "a web page"),
    (0, b"<html", "a web page"),
)  # fmt: skip
"""What people upload instead of a picture of ours, by the bytes at a place near the beginning."""
# AVIF at speed 8: 1,200 pixels take 0.2 s of a core; at the default 6 it is 1.5 s for a file 4 % larger.
_WRITTEN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "avif": ("AVIF", {"quality": 60, "speed": 8}),
    "webp": ("WEBP", {"quality": 80, "method": 4}),
    "jpg": ("JPEG", {"quality": 82, "progressive": True, "optimize": True}),
}
_MAKES: Final = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg"}


_BROKEN: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    KeyError,
    TypeError,
    IndexError,
    OverflowError,
    struct.error,
)
"""With what Pillow's decoders and its reader of EXIF data end when bytes are not as they should be."""


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

    Raises: Unreadable, in words, if it cannot be decoded, is not what it was announced to be, or has too many pixels.
    """
    try:
        with Image.open(io.BytesIO(content), formats=list(_FORMATS.values())) as opened:
            # A JPEG with other pictures behind it, as phones and cameras save them, is MPO to Pillow; the first counts.
            form = "JPEG" if opened.format == "MPO" else opened.format
            if form != _FORMATS[content_type]:
                right = next(name for name, one in _FORMATS.items() if one == form)
                raise Unreadable(
                    f"The file is a picture of the type {right}, but was announced as {content_type}. "
                    f"Please upload it as {right}."
                )
            # Known from the header: nothing is decoded yet.
            if opened.width * opened.height > most_pixels or max(opened.size) > LONGEST_SIDE:
                raise Unreadable(
                    f"The picture has {opened.width} x {opened.height} pixels. At most {most_pixels / 1e6:g} million, "
                    f"and {LONGEST_SIDE} on a side, are accepted. Please upload a smaller one."
                )
            picture = _in_srgb(_upright(opened))
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise Unreadable(_what_else(content)) from error
    files = [
        File(f"w{width}.{suffix}", _MAKES[suffix], _encoded(sized, suffix))
        for width in WIDTHS
        for sized in [_sized(picture, width)]
        for suffix in _WRITTEN
    ]
    return Developed(picture.width, picture.height, tuple(files))


def _what_else(content: bytes) -> str:
    """Why a file is no picture of ours, in words."""
    head = content[:64].lstrip(b"\xef\xbb\xbf\t\r\n ").lower()
    for place, sign, name in _SIGNATURES:
        if content[place:].startswith(sign) or (sign.startswith(b"<") and head.startswith(sign)):
            return f"The file is {name}, which the shop cannot show. {_TAKEN}"
    return "The file is damaged or not a picture. Please save it again as JPEG, PNG, WebP or AVIF."


def _upright(picture: Image.Image) -> Image.Image:
    """Turned as its EXIF data say; as it stands, if they cannot be read: viewers show it so, too."""
    picture.load()  # what is broken in the picture itself is found here
    try:
        return ImageOps.exif_transpose(picture)
    except (*_BROKEN, ZeroDivisionError):
        return picture


def _in_srgb(picture: Image.Image) -> Image.Image:
    transparent = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    mode = "RGBA" if transparent else "RGB"
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow's own conversion clips to white
        picture = picture.convert("I").point(lambda level: level / 256).convert("L")
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in ("P", "PA"):  # the profile speaks of the palette's colours
        picture = picture.convert(mode)
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
