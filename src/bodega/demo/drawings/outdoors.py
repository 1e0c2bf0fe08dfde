"""Pictures of what one takes along, beside those in `objects` and `textiles`."""

from __future__ import annotations

import math

from bodega.demo.drawings.studio import BRASS, STEEL, Studio, Tone, box, disc, n


def enamel_mug(s: Studio, tone: Tone) -> None:
    """An enamel mug with a dark rim and a mark of three peaks."""
    cx = 560
    s.floor_shadow(cx, 880, 214)
    s.tube("M770 500 C900 476 924 560 900 650 C880 740 810 770 756 756", 30, tone, 0.8)
    s.turned(cx, [(222, 420), (220, 600), (216, 800), (208, 866), (196, 876)], tone, tilt=0.17, gloss=0.85)
    s.path("M366 872 A196 33 0 0 0 754 872", stroke="#26282b", stroke_width=9, opacity="0.8")
    s.path(
        "M430 720 L516 580 L560 650 L610 566 L700 720 Z M516 580 L500 640 L530 626 Z", tone.dark(0.62), opacity="0.85"
    )
    s.path("M592 600 L610 566 L634 606 L614 620 Z M500 606 L516 580 L532 604 L516 616 Z", tone.light(0.6))
    s.glint("M404 480 C400 600 402 720 410 810", 22, 0.6, 8)
    s.mouth(cx, 420, 222, 8, Tone("#2b2d30"), Tone("#e9e6de"), 0.17)
    for x, y, r in ((690, 840, 9), (436, 850, 6)):
        s.path(disc(x, y, r, r * 0.7), "#2b2d30")


def tent(s: Studio, tone: Tone) -> None:
    """A ridge tent, its door tied back, pegged out."""
    s.floor_shadow(620, 900, 470, 52, 0.8)
    s.path(
        "M600 300 L1060 380 L1130 890 L820 930 Z",
        s.linear((600, 300), (1100, 900), [(0, tone.dark(0.06)), (1, tone.dark(0.42))]),
    )
    s.path("M600 300 L830 340 L1000 905 L820 930 Z", tone.base, opacity="0.25")
    s.path(
        "M600 300 L820 930 L210 930 Z",
        s.linear((300, 400), (800, 930), [(0, tone.light(0.34)), (0.6, tone.base), (1, tone.dark(0.16))]),
    )
    s.cloth("M600 300 L1060 380 L1130 890 L820 930 H210 Z", tone, 0.7, 5)
    s.path(
        "M596 370 C560 560 520 760 480 930 H724 C690 760 640 560 596 370 Z",
        s.linear((0, 370), (0, 930), [(0, "#2c2a26"), (1, "#4b453c")]),
    )
    s.path("M480 930 H724 L700 880 H510 Z", "#c9b48c")
    s.path(
        "M596 370 C560 560 520 700 440 780 C420 840 420 900 410 930 H480 C530 760 570 560 596 370 Z", tone.light(0.18)
    )
    s.path("M596 370 C640 560 690 700 752 780 C770 840 770 900 776 930 H724 C690 760 640 560 596 370 Z", tone.dark(0.1))
    for x, y in ((436, 782), (756, 782)):
        s.path(box(x - 18, y - 8, 36, 15, 6), "#9a5f35")
    s.path("M600 300 V262 M1060 380 V340", stroke="#c89f6c", stroke_width=13, stroke_linecap="round")
    for line in (
        "M600 290 L96 960",
        "M1060 370 L1176 860",
        "M210 930 L150 962",
        "M820 930 L850 972",
        "M1130 890 L1168 920",
    ):
        s.path(line, stroke="#efe6d2", stroke_width=5)
    for x, y in ((96, 960), (150, 962), (850, 972), (1168, 920)):
        s.path(f"M{x - 8} {y - 14} L{x + 6} {y + 22}", stroke="#5b5e60", stroke_width=9, stroke_linecap="round")
    s.path("M600 300 L1060 380", stroke=tone.light(0.5), stroke_width=6)


def compass(s: Studio, tone: Tone) -> None:
    """A brass pocket compass with its lid open, seen from above. The tone is the case's."""
    s.flat_shadow(disc(600, 690, 320, 320) + " " + disc(600, 200, 230, 150), 0.9)
    s.path(
        disc(600, 210, 262, 170),
        s.linear((340, 60), (860, 380), [(0, tone.light(0.6)), (0.5, tone.base), (1, tone.dark(0.4))]),
    )
    s.path(
        disc(600, 222, 226, 140),
        s.linear((380, 90), (820, 360), [(0, tone.dark(0.45)), (0.6, tone.dark(0.1)), (1, tone.light(0.4))]),
    )
    s.path(
        box(536, 352, 128, 44, 14),
        s.linear((0, 352), (0, 396), [(0, tone.light(0.6)), (0.5, tone.base), (1, tone.dark(0.5))]),
    )
    for r, stops in ((320, ((0, 0.6), (1, -0.5))), (290, ((0, -0.4), (1, 0.5)))):
        s.path(
            disc(600, 690, r, r),
            s.linear(
                (600 - r, 690 - r),
                (600 + r, 690 + r),
                [(o, tone.light(v) if v > 0 else tone.dark(-v)) for o, v in stops],
            ),
        )
    s.path(disc(600, 690, 270, 270), s.radial((540, 620), 400, [(0, "#fdf9f0"), (0.7, "#f0e8d8"), (1, "#cfc4ae")]))
    for i in range(72):
        a = math.radians(i * 5)
        long = 34 if i % 18 == 0 else 24 if i % 6 == 0 else 12
        sin, cos = math.sin(a), math.cos(a)
        s.path(
            f"M{n(600 + 252 * sin)} {n(690 - 252 * cos)} L{n(600 + (252 - long) * sin)} {n(690 - (252 - long) * cos)}",
            stroke="#2f2b27",
            stroke_width=6 if i % 18 == 0 else 3 if i % 6 == 0 else 2,
        )
    for i in range(8):
        a = math.radians(i * 45)
        r = 170 if i % 2 == 0 else 100
        tip = (600 + r * math.sin(a), 690 - r * math.cos(a))
        for side, ink in ((-0.4, "#8d8271"), (0.4, "#4a4339")):
            s.path(
                (
                    f"M{n(tip[0])} {n(tip[1])} L{n(600 + 34 * math.sin(a + side * 1.9))} "
                    f"{n(690 - 34 * math.cos(a + side * 1.9))} L600 690 Z"
                ),
                ink,
                opacity="0.75",
            )
    with s.group(turn="rotate(28 600 690)"):
        with s.group(blur=4, opacity=0.4):
            s.path("M600 480 L622 690 L600 900 L578 690 Z", "#1d1713", transform="translate(8 10)")
        s.path("M600 480 L622 690 H578 Z", "#b5402f")
        s.path("M600 900 L622 690 H578 Z", "#3d4347")
    s.path(disc(600, 690, 18, 18), BRASS.dark(0.3))
    s.path(disc(597, 687, 12, 12), BRASS.light(0.5))
    with s.group(clip=disc(600, 690, 270, 270)):
        s.path("M340 500 L520 430 L430 960 L340 900 Z", "#ffffff", opacity="0.22")


def pocket_knife(s: Studio, tone: Tone) -> None:
    """A folding knife, open, seen from above. The tone is the handle's wood."""
    turn = "rotate(-30 600 600)"
    blade = "M610 560 L1010 548 C1070 552 1110 580 1120 600 C1060 640 900 650 610 646 Z"
    grip = (
        "M140 560 C200 528 300 548 400 546 C500 544 600 540 660 552 C690 566 690 640 656 652 C560 664 450 650 "
        "350 660 C250 676 150 690 116 650 C96 620 110 576 140 560 Z"
    )
    s.flat_shadow(blade + " " + grip, 0.7, turn)
    with s.group(turn=turn):
        s.path(
            blade,
            s.linear(
                (0, 548),
                (0, 650),
                [(0, "#8f9496"), (0.12, "#d8dbdb"), (0.5, "#b3b8ba"), (0.62, "#eef0ef"), (1, "#c3c7c8")],
            ),
        )
        s.path("M760 570 H900 Q906 576 900 582 H760 Q754 576 760 570 Z", "#7e8486")
        s.wood(grip, tone, (100, 530, 690, 690), seed=8)
        s.shade(grip, [(0, "#ffffff", 0.32), (0.4, "#ffffff", 0.0), (1, "#1d1713", 0.42)], (0, 540), (0, 680))
        for left in (110, 600):
            with s.group(clip=grip):
                s.path(
                    box(left, 520, 96 if left > 500 else 80, 180),
                    s.linear((0, 540), (0, 680), [(0, BRASS.light(0.6)), (0.4, BRASS.base), (1, BRASS.dark(0.5))]),
                )
        for x, y in ((270, 610), (470, 602), (646, 600)):
            s.path(disc(x, y, 13, 13), BRASS.dark(0.4))
            s.path(disc(x - 1, y - 1, 10, 10), BRASS.light(0.4))
        s.tube("M128 630 C60 640 40 720 90 730 C130 736 140 690 136 640", 9, Tone("#9a5f35"), 0.2)


def flask(s: Studio, tone: Tone) -> None:
    """A vacuum flask for soup with its cup beside it."""
    s.floor_shadow(540, 940, 150, 30)
    s.floor_shadow(830, 950, 104, 22)
    body = s.turned(540, [(120, 380), (142, 420), (146, 520), (146, 890), (138, 930)], tone, tilt=0.16, gloss=0.5)
    s.speckle(body, s.grain(0.5, 0.5, 1.6, tone.dark(0.4), 5), 0.3)
    with s.group(clip=body):
        for y in (560, 830):
            s.path(
                f"M394 {y} A146 23 0 0 0 686 {y} V{y + 26} A146 23 0 0 1 394 {y + 26} Z", s.across(394, 686, STEEL, 1)
            )
    s.glint("M440 450 V880", 18, 0.36, 9)
    s.turned(540, [(112, 340), (120, 382)], STEEL, tilt=0.16, gloss=1, rounded=False)
    s.turned(540, [(74, 270), (84, 286), (90, 344)], Tone("#3a3936"), tilt=0.16, gloss=0.4)
    s.lid(540, 270, 74, Tone("#3a3936"), 0.16, 0.4)
    s.tube("M920 800 C980 800 984 880 916 884", 18, STEEL, 0.8)
    s.turned(830, [(104, 760), (100, 860), (92, 938)], STEEL, tilt=0.18, gloss=1)
    inner = s.mouth(830, 760, 104, 7, STEEL, Tone("#9a9d9e"), 0.18)
    with s.group(clip=inner):
        s.path(disc(832, 776, 92, 16), "#a5572c")
    with s.group(blur=14, opacity=0.5):
        s.path("M800 730 C770 660 840 630 806 550 M860 730 C840 680 890 650 862 590", stroke="#ffffff", stroke_width=18)
