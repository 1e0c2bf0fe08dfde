"""The studio in which every product is drawn: backdrop, light, shadow, and the shapes that objects are made of.

All lengths are SVG user units on a square of ``SIZE`` x ``SIZE``; the light comes from the upper left. Nothing here is
random and nothing is text (fonts differ between machines), so that the same drawing gives the same bytes everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

SIZE = 1200
Frame = tuple[float, float, float]  # left, top and side of the square that is seen
WHOLE: Frame = (0, 0, SIZE)
Point = tuple[float, float]
Stop = tuple[float, str] | tuple[float, str, float]

_WARM_BLACK = "#1d1713"
_WARM_WHITE = "#fffaf2"
_SHADOW = "#3a2c20"


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def mix(one: str, other: str, share: float) -> str:
    """``#rrggbb`` between two colors; ``share`` 0 is the first, 1 the other."""
    return "#" + "".join(
        f"{round(a + (b - a) * share):02x}" for a, b in zip(_channels(one), _channels(other), strict=True)
    )


@dataclass(frozen=True)
class Tone:
    """A color of a material, and what light and shade make of it."""

    base: str

    def light(self, share: float) -> str:
        """The color with ``share`` (0 to 1) of light on it."""
        return mix(self.base, _WARM_WHITE, share)

    def dark(self, share: float) -> str:
        """The color with ``share`` (0 to 1) of shade on it."""
        return mix(self.base, _WARM_BLACK, share)


OAK = Tone("#c89f6c")
WALNUT = Tone("#7b5338")
BRASS = Tone("#c9a257")
STEEL = Tone("#b9bcbd")
LEATHER = Tone("#9a5f35")
IRON = Tone("#34332f")
PAPER = Tone("#f3ecdd")


def n(value: float) -> str:
    """A number as SVG wants it: one decimal, no trailing zero. Fixed digits keep the drawing's bytes the same."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def curve(points: Sequence[Point]) -> str:
    """Cubic segments of a smooth line through ``points`` (Catmull-Rom), to follow the path's present point."""
    segments = []
    for i in range(len(points) - 1):
        before = points[i - 1] if i else points[i]
        start, end = points[i], points[i + 1]
        after = points[i + 2] if i + 2 < len(points) else end
        segments.append(
            f"C{n(start[0] + (end[0] - before[0]) / 6)} {n(start[1] + (end[1] - before[1]) / 6)} "
            f"{n(end[0] - (after[0] - start[0]) / 6)} {n(end[1] - (after[1] - start[1]) / 6)} {n(end[0])} {n(end[1])}"
        )
    return " ".join(segments)


def mirrored(points: Sequence[Point], cx: float) -> list[Point]:
    """The same line on the other side of x = ``cx``, and in the other direction, as an outline goes on."""
    return [(2 * cx - x, y) for x, y in reversed(points)]


def box(x: float, y: float, width: float, height: float, radius: float = 0) -> str:
    """Path of a rectangle with round corners."""
    r = min(radius, width / 2, height / 2)
    return (
        f"M{n(x + r)} {n(y)} H{n(x + width - r)} Q{n(x + width)} {n(y)} {n(x + width)} {n(y + r)} "
        f"V{n(y + height - r)} Q{n(x + width)} {n(y + height)} {n(x + width - r)} {n(y + height)} "
        f"H{n(x + r)} Q{n(x)} {n(y + height)} {n(x)} {n(y + height - r)} V{n(y + r)} Q{n(x)} {n(y)} {n(x + r)} {n(y)} Z"
    )


def disc(cx: float, cy: float, rx: float, ry: float) -> str:
    """Path of an ellipse."""
    return f"M{n(cx - rx)} {n(cy)} a{n(rx)} {n(ry)} 0 1 0 {n(2 * rx)} 0 a{n(rx)} {n(ry)} 0 1 0 {n(-2 * rx)} 0 Z"


def _bounds(d: str) -> tuple[float, float, float, float]:
    """A box (left, top, right, bottom) that holds the path ``d``: that of all its points, control points included."""
    x = y = 0.0
    xs: list[float] = []
    ys: list[float] = []
    for command, rest in re.findall(r"([MLHVCSQAaZ])([^MLHVCSQAaZ]*)", d):
        values = [float(value) for value in re.findall(r"-?[0-9.]+", rest)]
        if command == "H":
            x = values[0]
        elif command == "V":
            y = values[0]
        elif command in "Aa" and values:
            end_x, end_y = values[5:7] if command == "A" else (x + values[5], y + values[6])
            # An arc reaches past its chord by at most its radii.
            xs += [min(x, end_x), max(x, end_x)]
            ys += [min(y, end_y) - values[1], max(y, end_y) + values[1]]
            x, y = end_x, end_y
        elif values:
            xs += values[0::2]
            ys += values[1::2]
            x, y = values[-2:]
        xs.append(x)
        ys.append(y)
    return min(xs), min(ys), max(xs), max(ys)


class Studio:
    """One picture in the making: collects definitions and markup, gives the SVG."""

    def __init__(self) -> None:
        self._defs: list[str] = []
        self._body: list[str] = []
        self._ids = 0

    def svg(self, frame: Frame = WHOLE) -> str:
        """What of the drawing lies in ``frame``, as SVG text."""
        left, top, side = frame
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{n(left)} {n(top)} {n(side)} {n(side)}" '
            f'width="{SIZE}" height="{SIZE}">'
            f"<defs>{''.join(self._defs)}</defs>{''.join(self._body)}</svg>"
        )

    # --- paint ------------------------------------------------------------------------------------

    def _define(self, head: str, inside: str, tag: str) -> str:
        self._ids += 1
        self._defs.append(f'<{tag} id="d{self._ids}" {head}>{inside}</{tag}>')
        return f"url(#d{self._ids})"

    @staticmethod
    def _stops(stops: Sequence[Stop]) -> str:
        return "".join(
            f'<stop offset="{stop[0]:.3f}" stop-color="{stop[1]}"'
            + (f' stop-opacity="{stop[2]:.3f}"' if len(stop) == 3 else "")
            + "/>"
            for stop in stops
        )

    def linear(self, start: Point, end: Point, stops: Sequence[Stop]) -> str:
        """Paint that changes from ``start`` to ``end``."""
        head = f'gradientUnits="userSpaceOnUse" x1="{n(start[0])}" y1="{n(start[1])}" x2="{n(end[0])}" y2="{n(end[1])}"'
        return self._define(head, self._stops(stops), "linearGradient")

    def radial(self, center: Point, radius: float, stops: Sequence[Stop], squash: float = 1) -> str:
        """Paint that changes from ``center`` outwards; ``squash`` flattens the circle vertically."""
        head = f'gradientUnits="userSpaceOnUse" cx="{n(center[0])}" cy="{n(center[1] / squash)}" r="{n(radius)}"'
        if squash != 1:
            head += f' gradientTransform="scale(1 {squash:.3f})"'
        return self._define(head, self._stops(stops), "radialGradient")

    def across(self, left: float, right: float, tone: Tone, gloss: float = 0.5) -> str:
        """Paint of a round body lit from the left: highlight, falling off to a core shadow and a reflected edge."""
        return self.linear(
            (left, 0),
            (right, 0),
            [
                (0, tone.dark(0.34)),
                (0.06, tone.dark(0.16)),
                (0.22, tone.light(0.10 + 0.28 * gloss)),
                (0.32, tone.light(0.06 + 0.16 * gloss)),
                (0.52, tone.base),
                (0.76, tone.dark(0.24)),
                (0.92, tone.dark(0.44)),
                (1, tone.dark(0.30)),
            ],
        )

    def stripes(self, width: float, height: float, inside: str, transform: str = "") -> str:
        """Paint that repeats the markup ``inside`` on tiles of ``width`` x ``height``."""
        head = f'width="{n(width)}" height="{n(height)}" patternUnits="userSpaceOnUse"'
        if transform:
            head += f' patternTransform="{transform}"'
        return self._define(head, inside, "pattern")

    def blur(self, radius: float, reach: tuple[int, int] = (60, 60)) -> str:
        """Filter that softens what it is put on, to ``reach`` percent of its width and height around it."""
        x, y = reach
        region = f'x="-{x}%" y="-{y}%" width="{100 + 2 * x}%" height="{100 + 2 * y}%"'
        return self._define(region, f'<feGaussianBlur stdDeviation="{n(radius)}"/>', "filter")

    def grain(self, across: float, along: float, strength: float, color: str, seed: int = 1, cut: float = 0.47) -> str:
        """Filter that replaces what it is put on by noise of ``color``: wood, cloth, clay.

        ``across`` and ``along`` are cycles per unit in x and y; unequal ones give fibers.
        ``cut`` is the share of the noise that stays empty: from 0.6 up only specks are left.
        """
        red, green, blue = (channel / 255 for channel in _channels(color))
        matrix = f"0 0 0 0 {red:.3f} 0 0 0 0 {green:.3f} 0 0 0 0 {blue:.3f} {strength:.2f} 0 0 0 {-strength * cut:.3f}"
        return self._define(
            'x="0" y="0" width="100%" height="100%" color-interpolation-filters="sRGB"',
            f'<feTurbulence type="fractalNoise" baseFrequency="{across:.4f} {along:.4f}" numOctaves="2" seed="{seed}"/>'
            f'<feColorMatrix values="{matrix}"/>',
            "filter",
        )

    # --- marks ------------------------------------------------------------------------------------

    def path(self, d: str, fill: str = "none", **attributes: str | float) -> None:
        """One shape. ``stroke_width`` becomes ``stroke-width``, and so on."""
        extra = "".join(
            f' {name.replace("_", "-")}="{n(value) if isinstance(value, int | float) and value > 1 else value}"'
            for name, value in attributes.items()
        )
        self._body.append(f'<path d="{d}" fill="{fill}"{extra}/>')

    @contextmanager
    def group(
        self, *, clip: str = "", turn: str = "", blur: float = 0, reach: tuple[int, int] = (60, 60), opacity: float = 1
    ) -> Iterator[None]:
        """What is drawn inside is cut to the path ``clip``, moved by the transform ``turn``, softened, made faint.

        ``reach``: see :meth:`blur`; low shapes need more (else the softness ends in a line), large ones less
        """
        head = ""
        if clip:
            head += f' clip-path="{self._define("", f"<path d={chr(34)}{clip}{chr(34)}/>", "clipPath")}"'
        if turn:
            head += f' transform="{turn}"'
        if blur:
            head += f' filter="{self.blur(blur, reach)}"'
        if opacity != 1:
            head += f' opacity="{opacity:.3f}"'
        self._body.append(f"<g{head}>")
        yield
        self._body.append("</g>")

    # --- set --------------------------------------------------------------------------------------

    def backdrop(self, tint: str) -> None:
        """A seamless paper backdrop of color ``tint``, lit from the upper left."""
        tone = Tone(tint)
        whole = box(0, 0, SIZE, SIZE)
        self.path(
            whole,
            self.linear(
                (0, 0),
                (0, SIZE),
                [(0, tone.base), (0.58, tone.dark(0.07)), (0.74, tone.light(0.16)), (1, tone.dark(0.02))],
            ),
        )
        light = [(0.0, "#ffffff", 0.62), (0.5, "#ffffff", 0.2), (1.0, "#ffffff", 0.0)]
        self.path(whole, self.radial((360, 330), 820, light))
        self.path(whole, self.radial((600, 600), 900, [(0.55, _SHADOW, 0.0), (1, _SHADOW, 0.2)]))

    def floor_shadow(self, cx: float, y: float, rx: float, ry: float | None = None, depth: float = 1) -> None:
        """Shadow of a standing object whose foot is the ellipse around (cx, y)."""
        ry = ry if ry is not None else rx * 0.16
        with self.group(blur=34, reach=(40, 320), opacity=0.30 * depth):
            self.path(disc(cx + rx * 0.42, y + ry * 0.5, rx * 1.25, ry * 1.35), _SHADOW)
        with self.group(blur=14, reach=(25, 150), opacity=0.42 * depth):
            self.path(disc(cx + rx * 0.10, y + ry * 0.25, rx * 1.03, ry * 1.05), _SHADOW)
        with self.group(blur=4, opacity=0.55 * depth):
            self.path(disc(cx + 2, y + ry * 0.12, rx * 0.97, ry), _WARM_BLACK)

    def flat_shadow(self, d: str, height: float = 1, turn: str = "") -> None:
        """Shadow of a flat object lying or hanging close to the backdrop; ``height`` grows with the distance."""
        for blur, move, opacity in ((38, 30, 0.28), (14, 12, 0.34), (4, 4, 0.36)):
            shift = f"translate({n(move * height)} {n(move * height * 1.15)})"
            with (
                self.group(blur=blur * height, reach=(22, 22), opacity=opacity),
                self.group(turn=f"{shift} {turn}".strip()),
            ):
                self.path(d, _SHADOW)

    # --- shapes -----------------------------------------------------------------------------------

    def shade(self, d: str, stops: Sequence[Stop], start: Point, end: Point) -> None:
        """A transparent gradient over the shape ``d``: light or shade on what is already there."""
        self.path(d, self.linear(start, end, stops))

    def speckle(self, d: str, grain: str, opacity: float = 1) -> None:
        """The noise ``grain`` inside the shape ``d``."""
        # Noise is what costs time when a picture is rendered, so only the shape's surroundings are filled with it.
        left, top, right, bottom = _bounds(d)
        with self.group(clip=d, opacity=opacity):
            self.path(box(left, top, right - left, bottom - top), "#000000", filter=grain)

    def glint(self, d: str, width: float, opacity: float = 0.5, soft: float = 6) -> None:
        """A soft reflection along the line ``d``."""
        with self.group(blur=soft, opacity=opacity):
            self.path(d, stroke="#ffffff", stroke_width=width, stroke_linecap="round")

    def tube(self, d: str, width: float, tone: Tone, gloss: float = 0.5) -> None:
        """A round rod bent along the line ``d``: handles, spouts, cords."""
        line = {"stroke_linecap": "round", "stroke_linejoin": "round"}
        self.path(d, stroke=tone.dark(0.42), stroke_width=width, **line)
        with self.group(turn=f"translate({n(-width * 0.06)} {n(-width * 0.07)})", blur=max(width * 0.06, 0.6)):
            self.path(d, stroke=tone.dark(0.08), stroke_width=width * 0.72, **line)
        with self.group(turn=f"translate({n(-width * 0.13)} {n(-width * 0.15)})", blur=max(width * 0.08, 0.6)):
            self.path(d, stroke=tone.light(0.18 + 0.4 * gloss), stroke_width=max(width * 0.2, 1.2), **line)

    def turned(
        self,
        cx: float,
        profile: Sequence[Point],
        tone: Tone,
        *,
        tilt: float = 0.16,
        gloss: float = 0.5,
        rounded: bool = True,
        fill: str = "",
        foot: float = 0.3,
    ) -> str:
        """A body of revolution around x = ``cx``, seen from slightly above. Gives the path of its outline.

        ``profile`` is (radius, y) from top to bottom; ``tilt`` is how much of a horizontal circle's depth one sees;
        ``foot`` is the share of shade at the bottom.
        """
        top_r, top_y = profile[0]
        low_r, low_y = profile[-1]
        right = [(cx + r, y) for r, y in profile]
        left = mirrored(right, cx)
        down = curve(right) if rounded else " ".join(f"L{n(x)} {n(y)}" for x, y in right)
        up = curve(left) if rounded else " ".join(f"L{n(x)} {n(y)}" for x, y in left)
        outline = (
            f"M{n(right[0][0])} {n(top_y)} {down} "
            f"A{n(low_r)} {n(low_r * tilt)} 0 0 1 {n(cx - low_r)} {n(low_y)} {up} "
            f"A{n(top_r)} {n(top_r * tilt)} 0 0 1 {n(cx + top_r)} {n(top_y)} Z"
        )
        widest = max(r for r, _ in profile)
        self.path(outline, fill or self.across(cx - widest, cx + widest, tone, gloss))
        self.shade(
            outline,
            [(0, "#ffffff", 0.10), (0.35, "#ffffff", 0.0), (0.6, _WARM_BLACK, 0.0), (1, _WARM_BLACK, foot)],
            (0, top_y),
            (0, low_y + low_r * tilt),
        )
        return outline

    def mouth(self, cx: float, y: float, radius: float, rim: float, tone: Tone, inside: Tone, tilt: float) -> str:
        """The open top of a vessel: rim and what one sees of the inner wall. Gives the path of the opening."""
        self.path(
            disc(cx, y, radius, radius * tilt),
            self.linear(
                (cx - radius, 0),
                (cx + radius, 0),
                [(0, tone.light(0.45)), (0.4, tone.light(0.25)), (1, tone.dark(0.12))],
            ),
        )
        inner = disc(cx, y + rim * 0.12, radius - rim, (radius - rim) * tilt)
        self.path(
            inner,
            self.linear(
                (cx - radius, y - 40),
                (cx + radius, y + 60),
                [(0, inside.dark(0.52)), (0.55, inside.dark(0.22)), (1, inside.light(0.06))],
            ),
        )
        return inner

    def lid(self, cx: float, y: float, radius: float, tone: Tone, tilt: float, gloss: float = 0.5) -> None:
        """A flat round top."""
        self.path(
            disc(cx, y, radius, radius * tilt),
            self.linear(
                (cx - radius, y - radius * tilt),
                (cx + radius, y + radius * tilt),
                [(0, tone.light(0.2 + 0.35 * gloss)), (0.5, tone.light(0.08)), (1, tone.dark(0.12))],
            ),
        )

    def wood(
        self, d: str, tone: Tone, area: tuple[float, float, float, float], along_x: bool = True, seed: int = 3
    ) -> None:
        """The shape ``d`` as wood, its grain along x or y. ``area`` is (left, top, right, bottom) of the shape."""
        left, top, right, bottom = area
        self.path(
            d, self.linear((left, top), (right, bottom), [(0, tone.light(0.2)), (0.5, tone.base), (1, tone.dark(0.16))])
        )
        for fine, strength, step in ((0.05, 1.5, 0), (0.22, 0.8, 5)):
            slow = fine * 0.045
            grain = (
                self.grain(slow, fine, strength, tone.dark(0.55), seed + step)
                if along_x
                else self.grain(fine, slow, strength, tone.dark(0.55), seed + step)
            )
            self.speckle(d, grain, 0.6)

    def cloth(self, d: str, tone: Tone, strength: float = 0.7, seed: int = 2) -> None:
        """A plain weave over the shape ``d``: threads both ways, some thicker, as linen and canvas have them."""
        self.speckle(d, self.grain(0.02, 0.42, strength, tone.dark(0.5), seed), 0.55)
        self.speckle(d, self.grain(0.42, 0.02, strength, tone.light(0.6), seed + 7), 0.55)

    def glass(self, outline: str, left: float, right: float, tint: Tone) -> None:
        """The shape as clear glass: one sees through the middle, the edges gather the light."""
        self.path(
            outline,
            self.linear(
                (left, 0),
                (right, 0),
                [
                    (0, tint.dark(0.4), 0.55),
                    (0.05, "#ffffff", 0.5),
                    (0.14, tint.light(0.5), 0.22),
                    (0.5, "#ffffff", 0.10),
                    (0.86, tint.base, 0.24),
                    (0.95, "#ffffff", 0.34),
                    (1, tint.dark(0.45), 0.5),
                ],
            ),
            stroke=tint.dark(0.3),
            stroke_width=1.5,
            stroke_opacity="0.35",
        )
