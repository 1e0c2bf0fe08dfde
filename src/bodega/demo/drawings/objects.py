"""Pictures of lamps, of what lies on a desk, and of what one carries."""

from __future__ import annotations

import math

from bodega.demo.drawings.studio import BRASS, IRON, OAK, PAPER, STEEL, Studio, Tone, box, disc, n

_OPAL = Tone("#fbf1dd")
_FLAME = "#ffb84d"


def _glow(s: Studio, x: float, y: float, radius: float, share: float) -> None:
    """Lamplight on the backdrop around (x, y)."""
    s.path(
        disc(x, y, radius, radius),
        s.radial((x, y), radius, [(0, "#fff1cf", share), (0.4, "#ffe2a8", share * 0.45), (1, "#ffd890", 0.0)]),
    )


def table_lamp(s: Studio, tone: Tone) -> None:
    """A mushroom-shaped table lamp, lit."""
    _glow(s, 600, 520, 560, 0.75)
    s.floor_shadow(600, 900, 190, 34)
    with s.group(blur=30, opacity=0.5):
        s.path(disc(600, 912, 320, 40), "#fff0cc")
    s.floor_shadow(600, 900, 170, 26, 0.7)
    s.turned(600, [(160, 866), (178, 884), (180, 900)], tone, tilt=0.16, gloss=0.6)
    s.lid(600, 866, 160, tone, 0.16, 0.5)
    s.turned(600, [(46, 520), (44, 640), (52, 790), (96, 866)], tone, tilt=0.14, gloss=0.6)
    s.path("M548 530 H652 L648 640 H552 Z", s.linear((0, 520), (0, 650), [(0, "#fff0c4", 0.85), (1, "#fff0c4", 0.0)]))
    s.path(disc(600, 516, 300, 46), _OPAL.base)
    s.path(disc(600, 520, 270, 36), s.radial((600, 516), 280, [(0, "#fffdf4"), (0.5, "#ffeec2"), (1, "#eec987")], 0.2))
    dome = "M294 512 C290 360 420 240 600 240 C780 240 910 360 906 512 A306 46 0 0 0 294 512 Z"
    s.path(
        dome,
        s.radial(
            (470, 340),
            520,
            [(0, tone.light(0.5)), (0.35, tone.light(0.08)), (0.72, tone.dark(0.18)), (1, tone.dark(0.46))],
        ),
    )
    s.shade(dome, [(0, "#ffe2a8", 0.0), (0.7, "#ffe2a8", 0.0), (1, "#ffd98c", 0.42)], (0, 240), (0, 512))
    s.glint("M376 400 C400 340 450 300 510 284", 20, 0.55, 10)
    s.path("M294 512 A306 46 0 0 1 906 512", stroke=tone.light(0.5), stroke_width=5, opacity="0.6")


def pendant(s: Studio, tone: Tone) -> None:
    """A metal pendant lamp on its cord, lit."""
    _glow(s, 600, 720, 520, 0.9)
    s.path("M600 0 V250", stroke=IRON.base, stroke_width=9)
    s.path("M598 0 V250", stroke=IRON.light(0.4), stroke_width=2)
    s.turned(600, [(26, 230), (40, 252), (44, 312)], BRASS, tilt=0.2, gloss=0.9)
    under = disc(600, 640, 366, 70)
    s.path(under, s.radial((600, 640), 366, [(0, "#fffdf6"), (0.35, "#fff0c8"), (1, "#d8ac66")], 0.19))
    bulb = disc(600, 648, 92, 52)
    with s.group(blur=16):
        s.path(bulb, "#ffffff")
    s.path(disc(600, 650, 74, 44), "#fffef8")
    dome = "M234 640 C240 470 370 322 540 304 H660 C830 322 960 470 966 640 A366 70 0 0 0 234 640 Z"
    s.path(dome, s.across(234, 966, tone, 0.7))
    s.shade(dome, [(0, "#ffffff", 0.24), (0.4, "#ffffff", 0.0), (1, "#1d1713", 0.22)], (0, 304), (0, 640))
    s.glint("M330 540 C360 450 420 390 490 356", 22, 0.5, 10)
    s.path("M234 640 A366 70 0 0 1 966 640", stroke=tone.light(0.45), stroke_width=6)
    s.path("M234 640 A366 70 0 0 1 966 640", stroke=tone.dark(0.45), stroke_width=2, transform="translate(0 4)")
    with s.group(blur=40):
        s.path(
            "M290 670 L190 1180 H1010 L910 670 Z",
            s.linear((0, 660), (0, 1180), [(0, "#fff3d2", 0.30), (1, "#fff3d2", 0.0)]),
        )


def candle(s: Studio, tone: Tone) -> None:
    """A scented candle in a glass with a wooden lid beside it. The tone is the label's."""
    _glow(s, 560, 430, 430, 0.8)
    s.floor_shadow(560, 886, 204)
    s.floor_shadow(880, 930, 130, 24)
    wax = Tone("#f3e6cd")
    s.turned(
        560,
        [(204, 560), (204, 860), (196, 876)],
        wax,
        tilt=0.17,
        gloss=0.2,
        rounded=False,
        fill=s.linear((0, 540), (0, 880), [(0, "#fff0cb"), (0.3, "#f7e5c2"), (1, "#cdb58d")]),
    )
    s.path(disc(560, 560, 204, 35), s.radial((560, 556), 204, [(0, "#fffbe6"), (0.4, "#fff0c9"), (1, "#e8d3a8")], 0.17))
    s.path("M560 556 V516", stroke="#3a2a1c", stroke_width=6, stroke_linecap="round")
    with s.group(blur=14, opacity=0.8):
        s.path("M560 540 C516 500 540 450 560 400 C580 450 604 500 560 540 Z", _FLAME)
    s.path(
        "M560 534 C530 506 544 464 560 420 C576 464 590 506 560 534 Z",
        s.linear((0, 420), (0, 534), [(0, "#fff6cf"), (0.55, "#ffdc7a"), (0.9, "#ff9d3a"), (1, "#6f7fd0", 0.7)]),
    )
    jar = "M340 430 A220 37 0 0 0 780 430 V856 Q780 880 756 890 A220 37 0 0 1 364 890 Q340 880 340 856 Z"
    s.glass(jar, 340, 780, Tone("#c8c6ba"))
    label = "M404 664 C500 690 620 690 716 664 V800 C620 828 500 828 404 800 Z"
    s.path(label, s.across(360, 760, tone, 0.15))
    s.path(
        "M424 684 C510 704 610 704 696 684 V784 C610 806 510 806 424 784 Z",
        stroke=tone.light(0.7),
        stroke_width=2.5,
        opacity="0.8",
    )
    leaf = "M560 724 C530 740 530 766 560 788 C590 766 590 740 560 724 Z"
    s.path(leaf, tone.light(0.8))
    s.path("M560 730 V792", stroke=tone.dark(0.2), stroke_width=3)
    s.glint("M376 470 C374 600 374 740 378 850", 14, 0.7, 5)
    s.glint("M748 480 C750 600 750 700 746 830", 7, 0.4, 3)
    s.path(disc(560, 430, 220, 37), stroke="#ffffff", stroke_width=6, opacity="0.65")
    s.path(disc(560, 431, 214, 34), stroke="#8d8a7d", stroke_width=2, opacity="0.6")
    s.turned(880, [(130, 888), (130, 926)], OAK, tilt=0.18, gloss=0.25, rounded=False)
    s.path(disc(880, 888, 130, 23.4), s.linear((750, 0), (1010, 0), [(0, OAK.light(0.4)), (1, OAK.dark(0.05))]))
    for radius in (36, 66, 98):
        s.path(disc(886, 888, radius, radius * 0.18), stroke=OAK.dark(0.4), stroke_width=2, opacity="0.35")


def lantern(s: Studio, tone: Tone) -> None:
    """A portable lantern with a ribbed diffuser and a carrying loop, lit."""
    _glow(s, 600, 600, 520, 0.8)
    s.floor_shadow(600, 902, 176)
    s.tube("M470 372 C450 150 750 150 730 372", 20, STEEL, 0.8)
    s.turned(600, [(176, 760), (180, 880), (172, 898)], tone, tilt=0.17, gloss=0.5)
    s.path(
        "M428 800 A176 30 0 0 0 772 800",
        stroke=tone.dark(0.4),
        stroke_width=3,
        opacity="0.5",
        transform="translate(0 8)",
    )
    s.path(disc(600, 850, 26, 26), tone.dark(0.35))
    s.path(disc(599, 849, 22, 22), s.radial((592, 842), 34, [(0, tone.light(0.5)), (1, tone.dark(0.05))]))
    s.path(disc(600, 849, 6, 6), "#ffd27a")
    body = s.turned(
        600,
        [(160, 420), (166, 440), (166, 740), (162, 762)],
        _OPAL,
        tilt=0.17,
        gloss=0.4,
        fill=s.linear(
            (434, 0), (766, 0), [(0, "#d9b679"), (0.16, "#ffeabb"), (0.5, "#fffaf0"), (0.82, "#ffe6b0"), (1, "#cfa566")]
        ),
        foot=0.08,
    )
    with s.group(clip=body):
        for i in range(-7, 8):
            x = 600 + 166 * math.sin(i * math.pi / 15)
            s.path(f"M{n(x)} 400 V800", stroke="#b98f4f", stroke_width=2.5, opacity=f"{0.20 + 0.02 * abs(i):.2f}")
        with s.group(blur=24, opacity=0.9):
            s.path(disc(600, 600, 70, 130), "#ffffff")
    s.turned(600, [(150, 372), (172, 390), (172, 424)], tone, tilt=0.17, gloss=0.6)
    s.lid(600, 372, 150, tone, 0.17, 0.5)
    for x in (470, 730):
        s.path(disc(x, 380, 13, 13), STEEL.dark(0.4))
        s.path(disc(x - 2, 378, 9, 9), STEEL.light(0.5))


def notebook(s: Studio, tone: Tone) -> None:
    """A cloth-bound notebook with a ribbon and an elastic band, seen from above."""
    turn = "rotate(-11 600 600)"
    block = box(342, 222, 522, 762, 20)
    s.flat_shadow(block, 1.0, turn)
    with s.group(turn=turn):
        s.path("M842 980 L858 1052 L846 1044 L834 1056 L826 980 Z", "#b5532f")
        s.path(box(350, 232, 526, 762, 16), tone.dark(0.5))
        s.path(
            box(350, 230, 518, 756, 12), s.linear((840, 0), (872, 0), [(0, PAPER.dark(0.16)), (1, PAPER.light(0.3))])
        )
        for i in range(5):
            s.path(
                f"M862 {246} V972",
                stroke=PAPER.dark(0.3),
                stroke_width=1.2,
                opacity="0.5",
                transform=f"translate({-i * 3} {i})",
            )
        cover = box(336, 216, 516, 762, 18)
        s.path(cover, s.linear((336, 216), (852, 978), [(0, tone.light(0.26)), (0.45, tone.base), (1, tone.dark(0.2))]))
        s.cloth(cover, tone, 0.9, 3)
        with s.group(clip=cover):
            s.path(box(336, 216, 62, 762), tone.dark(0.4), opacity="0.34")
            s.path("M398 216 V978", stroke="#1d1713", stroke_width=5, opacity="0.4")
            s.path("M403 216 V978", stroke="#ffffff", stroke_width=3, opacity="0.25")
        s.path(cover, stroke=tone.light(0.5), stroke_width=3, opacity="0.4")
        with s.group(blur=4, opacity=0.5):
            s.path(box(778, 216, 20, 770), "#1d1713", transform="translate(4 3)")
        s.path(
            box(776, 212, 20, 778, 3),
            s.linear((776, 0), (796, 0), [(0, tone.dark(0.34)), (0.4, tone.dark(0.1)), (1, tone.dark(0.56))]),
        )
        s.path(disc(584, 430, 50, 50), stroke=BRASS.light(0.15), stroke_width=5, opacity="0.9")
        s.path("M560 448 L598 410 L608 420 L570 458 L556 462 Z", BRASS.light(0.15), opacity="0.9")


def pen(s: Studio, tone: Tone) -> None:
    """A fountain pen with its cap beside it, seen from above."""

    def barrel(outline: str, top: float, bottom: float, of: Tone) -> None:
        s.path(
            outline,
            s.linear(
                (0, top),
                (0, bottom),
                [
                    (0, of.dark(0.30)),
                    (0.14, of.light(0.14)),
                    (0.26, of.light(0.72)),
                    (0.36, of.light(0.18)),
                    (0.6, of.base),
                    (0.85, of.dark(0.44)),
                    (1, of.dark(0.3)),
                ],
            ),
        )

    gold = Tone("#d3ac5e")
    turn, cap_turn = "rotate(-38 600 600) translate(-10 -40)", "rotate(-38 600 600) translate(40 130)"
    body = "M420 566 H870 C960 568 1004 580 1012 600 C1004 620 960 632 870 634 H420 Z"
    nib = "M150 600 C210 578 270 566 306 562 V638 C270 634 210 622 150 600 Z"
    cap = "M430 560 H790 C830 562 846 576 848 600 C846 624 830 638 790 640 H430 Z"
    s.flat_shadow(body + " " + box(300, 570, 130, 60) + " " + nib, 0.75, turn)
    s.flat_shadow(cap, 0.75, cap_turn)
    with s.group(turn=turn):
        barrel(nib, 560, 640, gold)
        s.path("M160 600 H258", stroke="#4d3a14", stroke_width=2.5)
        s.path(disc(262, 600, 7, 7), "#4d3a14")
        s.path(
            "M230 586 C264 574 290 572 306 570 V630 C290 628 264 626 230 614",
            stroke=gold.dark(0.4),
            stroke_width=2,
            opacity="0.7",
        )
        barrel("M296 574 C340 566 390 566 424 568 V632 C390 634 340 634 296 626 Z", 566, 634, IRON)
        barrel(box(412, 563, 18, 74, 4), 563, 637, gold)
        barrel(body, 566, 634, tone)
        barrel(box(846, 566, 10, 68, 2), 566, 634, gold)
    with s.group(turn=cap_turn):
        barrel(cap, 560, 640, tone)
        barrel(box(430, 558, 26, 84, 4), 558, 642, gold)
        with s.group(blur=3, opacity=0.5):
            s.path(box(500, 596, 316, 16, 8), "#1d1713", transform="translate(2 7)")
        barrel("M496 600 C496 588 510 590 520 590 L812 588 V612 L520 608 C508 608 496 610 496 600 Z", 586, 614, gold)


def tray(s: Studio, tone: Tone) -> None:
    """A desk tray milled from one board, seen from above, with a pencil and a few clips in it."""
    turn = "rotate(-9 600 600)"
    outer = box(196, 338, 808, 524, 58)
    s.flat_shadow(outer, 0.9, turn)
    with s.group(turn=turn):
        s.path(outer, tone.dark(0.5), transform="translate(2 10)")
        s.wood(outer, tone, (196, 338, 1004, 862), seed=7)
        s.path(outer, stroke=tone.light(0.6), stroke_width=4, opacity="0.5", transform="translate(2 2)")
        for x, y, width, height in ((238, 380, 724, 150), (238, 570, 350, 250), (628, 570, 334, 250)):
            hollow = box(x, y, width, height, 40)
            s.path(
                hollow,
                s.linear(
                    (x, y),
                    (x + width, y + height),
                    [(0, tone.dark(0.42)), (0.5, tone.dark(0.18)), (1, tone.dark(0.04))],
                ),
            )
            s.speckle(hollow, s.grain(0.007, 0.16, 1.2, tone.dark(0.6), 9), 0.5)
            with s.group(clip=hollow, blur=12, opacity=0.6):
                s.path(hollow, stroke="#1d1713", stroke_width=26, transform="translate(6 8)")
            s.path(hollow, stroke=tone.light(0.5), stroke_width=3, opacity="0.5", transform="translate(2 3)")
        with s.group(blur=8, opacity=0.5):
            s.path(box(300, 470, 560, 20), "#1d1713")
        s.path(
            box(346, 440, 530, 30),
            s.linear(
                (0, 440),
                (0, 470),
                [
                    (0, "#2f4a44"),
                    (0.3, "#5f8378"),
                    (0.34, "#41635a"),
                    (0.66, "#3a5a51"),
                    (0.7, "#2a443d"),
                    (1, "#1e332e"),
                ],
            ),
        )
        s.path("M346 440 L284 452 V458 L346 470 Z", s.linear((0, 440), (0, 470), [(0, "#ecd2a4"), (1, "#a98455")]))
        s.path("M300 449 L276 455 L300 461 Z", "#2c2a28")
        s.path(box(876, 440, 22, 30), "#c9b27a")
        s.path(box(898, 440, 34, 30, 8), "#cf8b7c")
        for x, y, angle in ((330, 650, 20), (420, 720, -35), (480, 640, 60)):
            with s.group(turn=f"translate({x} {y}) rotate({angle})"):
                for shift, ink in ((4, "#1d1713"), (0, BRASS.light(0.25))):
                    s.path(
                        "M-34 -10 H30 A12 12 0 0 1 30 14 H-26 A8 8 0 0 1 -26 -2 H22",
                        stroke=ink,
                        stroke_width=5,
                        opacity="0.5" if shift else "1",
                        transform=f"translate({shift / 2} {shift})",
                    )
        s.path(disc(796, 708, 66, 66), "#1d1713", opacity="0.35")
        s.path(disc(790, 698, 66, 66), s.radial((766, 672), 110, [(0, "#f4efe5"), (0.6, "#c9c3b6"), (1, "#8b857a")]))
        s.path(disc(790, 698, 44, 44), stroke="#8b857a", stroke_width=3, opacity="0.7")


def clock(s: Studio, tone: Tone) -> None:
    """A small round desk clock."""
    cx, cy = 600, 580
    s.floor_shadow(600, 908, 190, 24)
    for side in (-1, 1):
        s.tube(f"M{cx + side * 150} {cy + 240} L{cx + side * 190} 902", 26, BRASS, 0.8)
    s.turned(600, [(36, 236), (40, 264), (40, 280)], BRASS, tilt=0.2, gloss=0.9)
    s.lid(600, 236, 36, BRASS, 0.2, 0.8)
    s.path(
        disc(cx, cy, 312, 312),
        s.linear(
            (cx - 220, cy - 220),
            (cx + 220, cy + 220),
            [(0, tone.light(0.5)), (0.3, tone.base), (0.7, tone.dark(0.3)), (1, tone.dark(0.5))],
        ),
    )
    s.path(
        disc(cx, cy, 284, 284),
        s.linear(
            (cx - 200, cy - 200),
            (cx + 200, cy + 200),
            [(0, tone.dark(0.5)), (0.5, tone.dark(0.1)), (1, tone.light(0.35))],
        ),
    )
    face = disc(cx, cy, 266, 266)
    s.path(face, s.radial((530, 500), 420, [(0, "#fdf9f0"), (0.7, "#efe7d8"), (1, "#d3c8b4")]))
    for i in range(60):
        angle = math.radians(i * 6)
        long = 34 if i % 15 == 0 else 24 if i % 5 == 0 else 10
        sin, cos = math.sin(angle), math.cos(angle)
        s.path(
            f"M{n(cx + 246 * sin)} {n(cy - 246 * cos)} L{n(cx + (246 - long) * sin)} {n(cy - (246 - long) * cos)}",
            stroke="#2f2b27",
            stroke_width=7 if i % 15 == 0 else 5 if i % 5 == 0 else 2,
        )
    for angle, length, width, ink in ((304.5, 140, 13, "#2f2b27"), (54, 206, 9, "#2f2b27"), (186, 214, 3.5, "#b5532f")):
        for shift, color, share in ((7, "#1d1713", "0.25"), (0, ink, "1")):
            sin, cos = math.sin(math.radians(angle)), math.cos(math.radians(angle))
            s.path(
                f"M{n(cx - 36 * sin)} {n(cy + 36 * cos)} L{n(cx + length * sin)} {n(cy - length * cos)}",
                stroke=color,
                stroke_width=width,
                stroke_linecap="round",
                opacity=share,
                transform=f"translate({shift} {shift})",
            )
    s.path(disc(cx, cy, 13, 13), BRASS.base)
    s.path(disc(cx - 2, cy - 2, 7, 7), BRASS.light(0.5))
    with s.group(clip=face):
        with s.group(blur=16, opacity=0.4):
            s.path(face, stroke="#1d1713", stroke_width=30, transform="translate(8 10)")
        s.path("M340 330 L560 300 L420 860 L300 800 Z", "#ffffff", opacity="0.16")


def bottle(s: Studio, tone: Tone) -> None:
    """An insulated steel bottle, powder-coated, with a screw cap and a loop."""
    s.floor_shadow(600, 948, 138)
    s.tube("M548 216 C540 120 660 120 652 216", 20, IRON, 0.4)
    body = s.turned(
        600,
        [(70, 330), (74, 350), (104, 396), (136, 452), (142, 520), (142, 900), (136, 932), (126, 944)],
        tone,
        tilt=0.16,
        gloss=0.35,
    )
    s.speckle(body, s.grain(0.5, 0.5, 1.6, tone.dark(0.4), 5), 0.30)
    s.glint("M504 500 C502 640 502 780 506 900", 16, 0.32, 8)
    with s.group(clip=body):
        s.path("M458 880 A142 23 0 0 0 742 880 V990 H458 Z", s.across(458, 742, STEEL, 1), transform="translate(0 30)")
    s.turned(600, [(74, 306), (74, 336)], STEEL, tilt=0.16, gloss=1, rounded=False)
    s.turned(600, [(80, 214), (84, 228), (84, 306)], IRON, tilt=0.16, gloss=0.4)
    for i in range(-6, 7):
        x = 600 + 82 * math.sin(i * math.pi / 13)
        s.path(f"M{n(x)} 240 V306", stroke="#1a1917", stroke_width=3, opacity="0.45")
    s.lid(600, 214, 80, IRON, 0.16, 0.4)
    s.path(
        "M580 620 L600 588 L612 606 L620 596 L636 620 Z",
        stroke=tone.light(0.75),
        stroke_width=5,
        stroke_linejoin="round",
        opacity="0.8",
        transform="translate(-8 60)",
    )
