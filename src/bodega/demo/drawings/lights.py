"""Pictures of more lamps, beside those in `objects`."""

from __future__ import annotations

from bodega.demo.drawings.studio import BRASS, IRON, OAK, Studio, Tone, box, disc, n

_GLASS = Tone("#c8c6ba")


def _glow(s: Studio, x: float, y: float, radius: float, share: float) -> None:
    """Lamplight on the backdrop around (x, y)."""
    s.path(
        disc(x, y, radius, radius),
        s.radial((x, y), radius, [(0, "#fff1cf", share), (0.4, "#ffe2a8", share * 0.45), (1, "#ffd890", 0.0)]),
    )


def floor_lamp(s: Studio, tone: Tone) -> None:
    """A floor lamp on three wooden legs, lit. The tone is that of the shade."""
    _glow(s, 600, 340, 520, 0.8)
    for x in (410, 620, 790):
        s.floor_shadow(x, 1060, 30, 9, 0.8)
    for x, from_x in ((620, 604), (410, 590), (790, 612)):
        s.tube(f"M{from_x} 500 L{x} 1056", 22, OAK, 0.3)
    s.path(box(470, 800, 250, 10, 5), OAK.dark(0.35))
    s.turned(600, [(36, 470), (40, 500), (34, 540)], BRASS, tilt=0.2, gloss=0.8)
    shade = "M430 170 A170 24 0 0 1 770 170 L850 480 A250 34 0 0 1 350 480 Z"
    s.path(shade, s.across(350, 850, tone, 0.2))
    s.path(shade, s.radial((600, 360), 300, [(0, "#fff3d0", 0.8), (0.6, "#ffe3ab", 0.35), (1, "#ffd890", 0.0)]))
    s.cloth(shade, tone, 0.7, 5)
    s.path("M350 480 A250 34 0 0 0 850 480", stroke=tone.dark(0.3), stroke_width=9)
    s.path(disc(600, 170, 170, 24), s.radial((600, 172), 170, [(0, "#fffdf4"), (0.6, "#ffeec2"), (1, "#eec987")], 0.16))
    s.path(disc(600, 170, 170, 24), stroke=tone.dark(0.2), stroke_width=6)


def task_lamp(s: Studio, tone: Tone) -> None:
    """A jointed desk lamp, lit."""
    _glow(s, 380, 640, 430, 0.75)
    s.floor_shadow(740, 944, 170, 30)
    with s.group(blur=26, opacity=0.6):
        s.path(
            "M250 500 L110 960 H600 L470 520 Z",
            s.linear((0, 480), (0, 960), [(0, "#fff3d2", 0.75), (1, "#fff3d2", 0.0)]),
        )
    s.turned(740, [(166, 906), (172, 924), (172, 940)], tone, tilt=0.17, gloss=0.6)
    s.lid(740, 906, 166, tone, 0.17, 0.5)
    s.tube("M740 900 L850 540", 24, tone, 0.7)
    s.tube("M850 540 L450 340", 24, tone, 0.7)
    for x, y, r in ((740, 890, 26), (850, 540, 36), (452, 342, 30)):
        s.path(disc(x, y, r, r), BRASS.dark(0.35))
        s.path(
            disc(x - 2, y - 2, r * 0.84, r * 0.84),
            s.radial((x - 8, y - 9), r * 1.3, [(0, BRASS.light(0.6)), (0.6, BRASS.base), (1, BRASS.dark(0.3))]),
        )
    with s.group(turn="rotate(24 420 400)"):
        s.path(
            disc(400, 568, 176, 42), s.radial((400, 568), 176, [(0, "#fffef6"), (0.4, "#fff0c8"), (1, "#dcb36e")], 0.24)
        )
        cone = (
            "M224 568 C240 450 320 380 352 352 C356 316 444 316 448 352 C480 380 560 450 576 568 A176 42 0 0 "
            "0 224 568 Z"
        )
        s.path(cone, s.across(224, 576, tone, 0.7))
        s.shade(cone, [(0, "#ffffff", 0.16), (0.5, "#ffffff", 0.0), (1, "#1d1713", 0.2)], (0, 330), (0, 600))
        s.path("M224 568 A176 42 0 0 1 576 568", stroke=tone.light(0.5), stroke_width=5)
        s.glint("M276 520 C290 460 330 420 352 400", 16, 0.5, 7)


def wall_light(s: Studio, tone: Tone) -> None:
    """A half-moon wall light, lit from behind, on a wall."""
    _glow(s, 600, 560, 560, 0.95)
    with s.group(blur=50, opacity=0.8):
        s.path(
            "M360 560 L120 40 H1080 L840 560 Z", s.linear((0, 0), (0, 560), [(0, "#fff3d2", 0.0), (1, "#fff3d2", 0.85)])
        )
    bowl = "M300 540 H900 C900 720 770 850 600 850 C430 850 300 720 300 540 Z"
    s.flat_shadow(bowl, 1.1)
    s.path(disc(600, 540, 300, 38), s.radial((600, 540), 300, [(0, "#fffef8"), (0.5, "#fff0c8"), (1, "#e3bd7c")], 0.13))
    s.path(
        "M300 540 A300 38 0 0 0 900 540 C900 720 770 850 600 850 C430 850 300 720 300 540 Z",
        s.radial(
            (480, 620), 460, [(0, tone.light(0.42)), (0.4, tone.base), (0.8, tone.dark(0.26)), (1, tone.dark(0.46))]
        ),
    )
    s.speckle(bowl, s.grain(0.2, 0.2, 2, tone.dark(0.4), 5, 0.5), 0.3)
    s.path("M300 540 A300 38 0 0 0 900 540", stroke="#fff0cc", stroke_width=6, opacity="0.9")
    s.glint("M352 640 C380 720 440 780 510 806", 18, 0.4, 9)
    s.path(disc(600, 806, 15, 15), BRASS.dark(0.3))
    s.path(disc(598, 804, 12, 12), BRASS.light(0.4))


def string_lights(s: Studio, tone: Tone) -> None:
    """Lights on a cord hung in two arcs, lit. The tone is that of the cord."""
    arcs = (((-40, 260), (320, 640), (760, 600), (1240, 180)), ((-40, 640), (320, 1010), (820, 960), (1240, 560)))
    for p0, p1, p2, p3 in arcs:
        line = f"M{p0[0]} {p0[1]} C{p1[0]} {p1[1]} {p2[0]} {p2[1]} {p3[0]} {p3[1]}"
        with s.group(turn="translate(20 30)", blur=14, opacity=0.35):
            s.path(line, stroke="#3a2c20", stroke_width=14)
        s.path(line, stroke=tone.dark(0.1), stroke_width=11)
        s.path(line, stroke=tone.light(0.35), stroke_width=3, transform="translate(-1 -2)")
        for t in (0.14, 0.34, 0.54, 0.74, 0.92):
            u = 1 - t
            x, y = (
                u**3 * a + 3 * u * u * t * b + 3 * u * t * t * c + t**3 * d
                for a, b, c, d in zip(p0, p1, p2, p3, strict=True)
            )
            _glow(s, x, y + 120, 190, 0.95)
            s.path(
                box(x - 22, y, 44, 62, 8),
                s.linear((x - 22, 0), (x + 22, 0), [(0, tone.light(0.3)), (0.4, tone.base), (1, tone.dark(0.4))]),
            )
            bulb = disc(x, y + 116, 58, 62)
            s.path(
                bulb, s.radial((x, y + 112), 62, [(0, "#fffdf0"), (0.45, "#ffe9b0"), (0.85, "#f3bd66"), (1, "#d69a45")])
            )
            s.path(
                f"M{n(x - 10)} {n(y + 62)} C{n(x - 34)} {n(y + 150)} {n(x + 34)} {n(y + 150)} {n(x + 10)} {n(y + 62)}",
                stroke="#c9762a",
                stroke_width=4,
            )
            s.glint(f"M{n(x - 36)} {n(y + 96)} Q{n(x - 40)} {n(y + 120)} {n(x - 30)} {n(y + 144)}", 8, 0.8, 2)


def bulb(s: Studio, tone: Tone) -> None:
    """A large filament bulb hanging from its cord, lit. The tone is that of the glass."""
    _glow(s, 600, 660, 560, 0.9)
    s.path("M600 0 V220", stroke=IRON.base, stroke_width=10)
    s.turned(600, [(50, 210), (62, 236), (62, 330)], IRON, tilt=0.18, gloss=0.5)
    s.turned(600, [(58, 330), (60, 400)], BRASS, tilt=0.18, gloss=0.9, rounded=False)
    for y in (346, 364, 382):
        s.path(f"M541 {y} A60 11 0 0 0 659 {y}", stroke=BRASS.dark(0.45), stroke_width=4, opacity="0.6")
    glass = (
        "M546 400 C540 490 372 560 372 730 C372 860 474 950 600 950 C726 950 828 860 828 730 C828 560 660 "
        "490 654 400 A56 10 0 0 1 546 400 Z"
    )
    s.path(
        glass, s.radial((600, 700), 300, [(0, "#ffe9b4", 0.85), (0.6, tone.light(0.2), 0.5), (1, tone.dark(0.2), 0.6)])
    )
    s.glass(glass, 372, 828, tone)
    s.path("M572 410 L556 580 M628 410 L644 580", stroke=BRASS.dark(0.2), stroke_width=5)
    loops = "M500 800 L540 590 L570 810 L600 580 L630 810 L660 590 L700 800"
    with s.group(blur=12):
        s.path(loops, stroke="#ffb84d", stroke_width=18, stroke_linejoin="round")
    s.path(loops, stroke="#fff3cc", stroke_width=6, stroke_linejoin="round", stroke_linecap="round")
    s.glint("M430 660 C404 720 410 800 448 860", 20, 0.7, 6)
    s.glint("M768 640 C796 700 796 790 764 850", 9, 0.45, 4)


def candlestick(s: Studio, tone: Tone) -> None:
    """A slim candlestick with a burning candle."""
    _glow(s, 600, 190, 380, 0.85)
    s.floor_shadow(600, 990, 150, 28)
    wax = Tone("#efe3cb")
    s.turned(
        600,
        [(30, 260), (36, 660)],
        wax,
        tilt=0.2,
        gloss=0.3,
        rounded=False,
        fill=s.linear((0, 250), (0, 660), [(0, "#fff4d6"), (0.2, "#f3e4c4"), (1, "#d6c19a")]),
    )
    s.path(disc(600, 260, 30, 7), "#fffbe6")
    s.path("M600 258 V226", stroke="#3a2a1c", stroke_width=5, stroke_linecap="round")
    with s.group(blur=12, opacity=0.8):
        s.path("M600 246 C564 212 584 170 600 130 C616 170 636 212 600 246 Z", "#ffb84d")
    s.path(
        "M600 242 C576 218 588 184 600 148 C612 184 624 218 600 242 Z",
        s.linear((0, 148), (0, 242), [(0, "#fff6cf"), (0.6, "#ffdc7a"), (1, "#ff9d3a")]),
    )
    s.turned(600, [(150, 940), (158, 958), (158, 974)], tone, tilt=0.17, gloss=0.8)
    s.lid(600, 940, 150, tone, 0.17, 0.7)
    s.turned(600, [(30, 690), (20, 720), (20, 860), (28, 900), (60, 940)], tone, tilt=0.17, gloss=0.9)
    s.turned(600, [(26, 770), (38, 786), (26, 804)], tone, tilt=0.2, gloss=0.9)
    s.turned(600, [(70, 640), (76, 652), (50, 676), (28, 692)], tone, tilt=0.22, gloss=0.9)
    s.path(disc(600, 640, 70, 15), s.linear((530, 0), (670, 0), [(0, tone.light(0.5)), (1, tone.dark(0.15))]))
    s.path("M562 600 L564 640 A36 7 0 0 0 636 640 L635 600 Z", "#dbc7a1")
