"""Pictures of what is set on the table, and of what makes coffee and tea, beside those in `kitchen`."""

from __future__ import annotations

import itertools
import math

from bodega.demo.drawings.studio import BRASS, IRON, OAK, STEEL, WALNUT, Studio, Tone, box, disc, n

_GLASS = Tone("#b3c3c0")
_COFFEE = Tone("#3b2013")


def plate(s: Studio, tone: Tone) -> None:
    """Two stacked plates, seen from above."""
    for cx, cy, r in ((575, 570, 420), (625, 640, 330)):
        outer = disc(cx, cy, r, r)
        s.flat_shadow(outer, 0.8)
        s.path(
            outer,
            s.linear((cx - r, cy - r), (cx + r, cy + r), [(0, tone.light(0.5)), (0.5, tone.base), (1, tone.dark(0.2))]),
        )
        well = disc(cx, cy, r * 0.72, r * 0.72)
        s.path(
            well,
            s.linear(
                (cx - r, cy - r), (cx + r, cy + r), [(0, tone.dark(0.22)), (0.5, tone.dark(0.02)), (1, tone.light(0.4))]
            ),
        )
        s.path(
            disc(cx + 3, cy + 4, r * 0.69, r * 0.69),
            s.radial((cx - 60, cy - 80), r, [(0, tone.light(0.3)), (1, tone.dark(0.08))]),
        )
        s.speckle(outer, s.grain(0.11, 0.11, 7, "#4d3a2b", 8, 0.6), 0.34)
        s.path(outer, stroke="#b8957c", stroke_width=6, opacity="0.8")
        s.glint(
            (
                f"M{n(cx - r * 0.8)} {n(cy - r * 0.25)} C{n(cx - r * 0.7)} {n(cy - r * 0.6)} {n(cx - r * 0.4)} "
                f"{n(cy - r * 0.8)} {n(cx - r * 0.2)} {n(cy - r * 0.84)}"
            ),
            14,
            0.5,
            8,
        )


def carafe(s: Studio, tone: Tone) -> None:
    """A glass carafe of water with a wooden stopper, a tumbler beside it. The tone tints the glass."""
    s.floor_shadow(520, 920, 190, 34, 0.7)
    s.floor_shadow(860, 940, 96, 20, 0.7)
    s.path(
        "M382 640 C340 760 340 850 376 906 A146 24 0 0 0 668 906 C704 850 704 760 660 640 Z",
        s.linear((340, 0), (700, 0), [(0, tone.dark(0.2), 0.5), (0.3, tone.light(0.6), 0.5), (1, tone.dark(0.1), 0.6)]),
    )
    s.path(disc(521, 640, 140, 22), tone.light(0.75), opacity="0.7")
    s.glass(
        "M466 250 H576 V420 C600 520 704 640 704 800 C704 850 690 890 668 910 A146 24 0 0 1 376 910 "
        "C352 890 338 850 338 800 C338 640 442 520 466 420 Z",
        338,
        704,
        tone,
    )
    s.glint("M392 640 C364 720 360 800 376 866", 18, 0.75, 5)
    s.glint("M486 290 V420", 9, 0.6, 3)
    s.glint("M652 690 C672 750 674 810 664 860", 8, 0.45, 3)
    s.turned(521, [(66, 190), (70, 214), (52, 250)], OAK, tilt=0.2, gloss=0.3)
    s.lid(521, 190, 66, OAK, 0.2, 0.3)
    s.path("M784 800 L792 930 A70 13 0 0 0 928 930 L938 800 Z", tone.light(0.4), opacity="0.5")
    s.glass("M770 690 A90 16 0 0 1 950 690 L932 930 A72 13 0 0 1 788 930 Z", 770, 950, tone)
    s.path(disc(860, 690, 90, 16), stroke="#ffffff", stroke_width=5, opacity="0.7")
    s.glint("M796 730 L804 890", 10, 0.7, 4)


def mill(s: Studio, tone: Tone) -> None:
    """A turned wooden pepper mill with a steel knob, a few peppercorns at its foot."""
    s.floor_shadow(600, 960, 120, 24)
    profile: list[tuple[float, float]] = [
        (84, 500),
        (66, 560),
        (58, 640),
        (66, 730),
        (96, 800),
        (116, 870),
        (118, 930),
        (112, 950),
    ]
    outline = s.turned(600, profile, tone, tilt=0.16, gloss=0.4)
    s.speckle(outline, s.grain(0.16, 0.006, 1.3, tone.dark(0.55), 4), 0.5)
    s.turned(600, [(86, 478), (86, 500)], STEEL, tilt=0.16, gloss=0.9, rounded=False)
    head = s.turned(600, [(40, 280), (74, 306), (90, 356), (84, 410), (62, 446), (78, 476)], tone, tilt=0.16, gloss=0.5)
    s.speckle(head, s.grain(0.16, 0.006, 1.3, tone.dark(0.55), 6), 0.5)
    s.turned(600, [(14, 236), (28, 250), (26, 268), (16, 286)], STEEL, tilt=0.3, gloss=1)
    s.lid(600, 238, 18, STEEL, 0.3, 1)
    s.glint("M552 330 C542 360 544 390 552 416", 12, 0.45, 6)
    for x, y in ((352, 958), (404, 984), (446, 950), (806, 966), (862, 946)):
        s.floor_shadow(x, y + 12, 15, 5, 0.6)
        s.path(disc(x, y, 16, 16), s.radial((x - 5, y - 6), 22, [(0, "#6b5b4c"), (0.5, "#3d3128"), (1, "#1e1713")]))


def knife(s: Studio, tone: Tone) -> None:
    """A chef's knife, seen from above. The tone is the handle's wood."""
    turn = "rotate(-34 600 600)"
    blade = "M452 548 H1090 C1150 552 1170 566 1168 576 C1080 636 900 676 640 676 H470 C458 676 452 668 452 656 Z"
    handle = (
        "M86 556 C150 536 300 560 448 550 V626 C340 628 250 610 190 622 C130 634 84 640 74 610 C68 590 72 566 86 556 Z"
    )
    s.flat_shadow(blade + " " + handle, 0.7, turn)
    with s.group(turn=turn):
        s.path(
            blade,
            s.linear(
                (0, 548),
                (0, 676),
                [(0, "#8f9496"), (0.1, "#d8dbdb"), (0.5, "#b3b8ba"), (0.62, "#eef0ef"), (1, "#c3c7c8")],
            ),
        )
        s.path("M466 650 C700 656 960 636 1160 576 C1080 636 900 676 640 676 H470 Z", "#f4f6f5", opacity="0.7")
        for i in range(7):
            s.path(f"M480 {566 + i * 11} H{1080 - i * 60}", stroke="#6f7577", stroke_width=1.4, opacity="0.18")
        s.wood(handle, tone, (70, 540, 450, 640), seed=5)
        s.shade(handle, [(0, "#ffffff", 0.3), (0.4, "#ffffff", 0.0), (1, "#1d1713", 0.4)], (0, 546), (0, 634))
        s.path(
            box(424, 546, 44, 96, 8), s.linear((0, 546), (0, 642), [(0, "#e9ebea"), (0.5, "#a7acae"), (1, "#7e8486")])
        )
        for x in (170, 270, 370):
            s.path(disc(x, 590, 11, 11), BRASS.dark(0.3))
            s.path(disc(x - 1, 589, 9, 9), BRASS.light(0.35))


def skillet(s: Studio, tone: Tone) -> None:
    """A cast iron frying pan, seen from above."""
    turn = "rotate(-40 600 600) translate(-90 0)"
    grip = "M860 562 C960 548 1090 548 1186 566 C1222 576 1222 624 1186 634 C1090 652 960 652 860 638 Z"
    pan = disc(560, 600, 346, 346) + " M900 560 L930 600 L900 640 Z"
    s.flat_shadow(disc(560, 600, 346, 346) + " " + grip, 0.9, turn)
    with s.group(turn=turn):
        s.path(grip, s.linear((0, 550), (0, 650), [(0, tone.light(0.3)), (0.3, tone.light(0.08)), (1, tone.dark(0.5))]))
        s.speckle(grip, s.grain(0.4, 0.4, 1.5, tone.light(0.4), 4), 0.3)
        s.path("M1120 584 H1176 Q1192 600 1176 616 H1120 Q1104 600 1120 584 Z", "#8a7f74")
        s.path("M560 240 L520 262 L600 262 Z M560 960 L520 938 L600 938 Z", tone.dark(0.1))
        s.path(
            pan, s.linear((300, 340), (820, 860), [(0, tone.light(0.36)), (0.5, tone.light(0.06)), (1, tone.dark(0.5))])
        )
        s.path(
            disc(560, 600, 322, 322),
            s.linear((320, 360), (800, 840), [(0, tone.dark(0.66)), (0.5, tone.dark(0.3)), (1, tone.light(0.26))]),
        )
        base = disc(564, 604, 280, 280)
        s.path(base, s.radial((480, 500), 430, [(0, tone.light(0.26)), (0.6, tone.base), (1, tone.dark(0.4))]))
        s.speckle(base, s.grain(0.35, 0.35, 1.6, tone.light(0.5), 7), 0.3)
        s.glint("M330 500 C350 420 420 350 500 330", 26, 0.3, 14)
        s.glint("M790 700 C760 780 700 836 640 856", 12, 0.22, 8)


def jar(s: Studio, tone: Tone) -> None:
    """A storage jar of glass with a wooden lid, filled. The tone is that of what is in it."""
    s.floor_shadow(600, 930, 216, 38)
    s.path(
        "M398 560 V890 Q400 912 424 922 A190 30 0 0 0 776 922 Q800 912 802 890 V560 Z", s.across(398, 802, tone, 0.2)
    )
    fill = "M398 560 A202 34 0 0 1 802 560 V890 Q800 912 776 922 A190 30 0 0 1 424 922 Q400 912 398 890 Z"
    s.speckle(fill, s.grain(0.06, 0.06, 5, tone.dark(0.6), 3, 0.46), 0.6)
    s.speckle(fill, s.grain(0.07, 0.07, 5, tone.light(0.7), 9, 0.5), 0.5)
    s.path(disc(600, 560, 202, 32), tone.light(0.25))
    s.speckle(disc(600, 560, 202, 32), s.grain(0.06, 0.1, 5, tone.dark(0.5), 5, 0.5), 0.6)
    s.glass(
        "M384 410 A216 34 0 0 1 816 410 V892 Q814 922 784 934 A194 32 0 0 1 416 934 Q386 922 384 892 Z",
        384,
        816,
        _GLASS,
    )
    s.glint("M414 470 C412 600 412 760 418 880", 16, 0.7, 5)
    s.glint("M786 480 V850", 7, 0.4, 3)
    s.turned(600, [(206, 372), (206, 420)], Tone("#e8e2d6"), tilt=0.16, gloss=0.1, rounded=False)
    s.turned(600, [(226, 316), (230, 330), (230, 376), (226, 386)], OAK, tilt=0.16, gloss=0.3)
    top = disc(600, 316, 226, 36)
    s.path(top, s.linear((380, 290), (820, 340), [(0, OAK.light(0.45)), (1, OAK.base)]))
    s.speckle(top, s.grain(0.008, 0.2, 1.3, OAK.dark(0.5), 6), 0.5)
    s.turned(600, [(32, 276), (38, 290), (26, 314)], OAK, tilt=0.24, gloss=0.3)
    s.lid(600, 276, 32, OAK, 0.24, 0.3)


def press(s: Studio, tone: Tone) -> None:
    """A French press, half full. The tone is that of its frame."""
    s.floor_shadow(560, 930, 190, 34)
    s.tube("M744 470 C880 450 900 540 892 640 C884 760 850 830 748 836", 40, WALNUT, 0.4)
    s.turned(560, [(164, 620), (164, 900)], _COFFEE, tilt=0.17, gloss=0.3, rounded=False)
    s.lid(560, 620, 164, Tone("#6b4427"), 0.17, 0.3)
    s.path("M556 360 H564 V620 H556 Z", STEEL.dark(0.2))
    s.path(disc(560, 606, 160, 24), STEEL.light(0.2), opacity="0.75")
    s.path(
        disc(560, 606, 160, 24),
        s.stripes(9, 6, '<path d="M0 0H9M0 0V6" stroke="#3d3f3e" stroke-width="1.4" opacity="0.5"/>'),
    )
    s.glass("M390 400 L362 384 L392 372 H730 V904 A170 29 0 0 1 390 904 Z", 390, 730, _GLASS)
    s.glint("M414 430 V880", 15, 0.7, 5)
    s.glint("M704 440 V860", 7, 0.4, 3)
    for y in (470, 836):
        s.path(f"M388 {y} A172 29 0 0 0 732 {y} V{y + 30} A172 29 0 0 1 388 {y + 30} Z", s.across(388, 732, tone, 0.8))
    for x in (424, 696):
        s.path(
            box(x - 9, 480, 18, 460, 6),
            s.linear((x - 9, 0), (x + 9, 0), [(0, tone.light(0.4)), (0.5, tone.base), (1, tone.dark(0.4))]),
        )
        s.path(disc(x, 948, 15, 9), tone.dark(0.3))
    s.turned(560, [(60, 318), (150, 344), (182, 366), (184, 388)], tone, tilt=0.16, gloss=0.9)
    s.path(box(554, 208, 12, 112), s.linear((554, 0), (566, 0), [(0, "#f1f1ee"), (1, "#6d6f70")]))
    s.turned(560, [(26, 160), (36, 178), (34, 200), (16, 214)], WALNUT, tilt=0.26, gloss=0.4)
    s.lid(560, 162, 26, WALNUT, 0.26, 0.4)


def grinder(s: Studio, tone: Tone) -> None:
    """A hand grinder for coffee with its crank, a few beans in front."""
    s.floor_shadow(580, 950, 128, 26)
    s.turned(580, [(118, 720), (120, 760), (120, 920), (112, 942)], WALNUT, tilt=0.16, gloss=0.35)
    body = s.turned(580, [(116, 390), (118, 410), (118, 700), (116, 722)], tone, tilt=0.16, gloss=0.7)
    s.speckle(body, s.grain(0.4, 0.02, 0.8, tone.dark(0.5), 3), 0.35)
    for y in (470, 640):
        s.path(f"M462 {y} A118 19 0 0 0 698 {y}", stroke=tone.dark(0.45), stroke_width=5, opacity="0.5")
    s.glint("M500 430 V680", 14, 0.5, 7)
    s.turned(580, [(60, 340), (100, 362), (118, 392)], tone, tilt=0.16, gloss=0.8)
    s.turned(580, [(16, 286), (16, 344)], STEEL, tilt=0.3, gloss=0.9, rounded=False)
    s.tube("M580 286 C680 262 780 262 872 290", 22, STEEL, 0.9)
    s.turned(876, [(20, 190), (38, 214), (40, 250), (22, 286)], WALNUT, tilt=0.26, gloss=0.5)
    s.lid(876, 192, 20, WALNUT, 0.26, 0.4)
    for x, y, angle in ((330, 962, 24), (392, 992, -40), (806, 984, 60), (866, 958, 10)):
        s.floor_shadow(x, y + 16, 24, 7, 0.6)
        with s.group(turn=f"translate({x} {y}) rotate({angle})"):
            s.path(disc(0, 0, 28, 19), s.radial((-9, -8), 36, [(0, "#8a5e42"), (0.5, "#5c3821"), (1, "#2c180c")]))
            s.path("M-25 3 C-8 -9 8 9 25 -3", stroke="#241208", stroke_width=3)


def tea_tin(s: Studio, tone: Tone) -> None:
    """A tin of loose tea with its label, some leaves before it. The tone is the tin's."""
    s.floor_shadow(600, 910, 190, 32)
    body = s.turned(600, [(178, 380), (178, 880), (174, 900)], tone, tilt=0.16, gloss=0.6, rounded=False)
    s.glint("M470 430 V860", 18, 0.4, 9)
    s.turned(600, [(184, 286), (184, 386)], tone, tilt=0.16, gloss=0.7, rounded=False)
    s.path("M416 386 A184 29 0 0 0 784 386", stroke=tone.dark(0.5), stroke_width=5, opacity="0.6")
    s.lid(600, 286, 184, tone, 0.16, 0.6)
    s.path(disc(600, 285, 150, 22), stroke=tone.dark(0.3), stroke_width=4, opacity="0.5")
    with s.group(clip=body):
        s.path("M448 540 A178 28 0 0 0 752 540 V760 A178 28 0 0 1 448 760 Z", s.across(422, 778, Tone("#f1e8d6"), 0.3))
        s.path("M448 566 A178 28 0 0 0 752 566 M448 738 A178 28 0 0 0 752 738", stroke=tone.dark(0.1), stroke_width=5)
    for side in (-1, 1):
        s.path(
            (
                f"M600 716 C{600 + side * 10} 660 {600 + side * 66} 640 {600 + side * 74} 626 C{600 + side * 70} 690 "
                f"{600 + side * 40} 712 600 716 Z"
            ),
            tone.dark(0.05),
        )
    s.path("M600 740 C584 700 584 650 600 610 C616 650 616 700 600 740 Z", tone.light(0.2))
    for i in range(22):
        x, y = 250 + (i * 67) % 190, 934 + (i * 29) % 54
        s.path(
            f"M{x} {y} Q{x + 14} {y - 10 + i % 5 * 4} {x + 30} {y - 4}",
            stroke=("#3c2f20", "#54432c", "#5b6238")[i % 3],
            stroke_width=6,
            stroke_linecap="round",
        )


def espresso_cup(s: Studio, tone: Tone) -> None:
    """A small cup of espresso on its saucer."""
    s.floor_shadow(600, 900, 320, 60, 0.8)
    s.path(disc(600, 872, 340, 84), tone.dark(0.3))
    s.path(
        disc(600, 860, 340, 84),
        s.linear((260, 790), (940, 940), [(0, tone.light(0.45)), (0.5, tone.base), (1, tone.dark(0.22))]),
    )
    s.path(disc(600, 858, 220, 50), s.linear((380, 800), (820, 910), [(0, tone.dark(0.25)), (1, tone.light(0.25))]))
    with s.group(blur=12, opacity=0.5):
        s.path(disc(640, 872, 160, 36), "#1d1713")
    s.tube("M770 560 C880 540 890 620 862 670 C840 710 800 726 760 716", 34, tone, 0.6)
    s.turned(600, [(196, 510), (194, 580), (176, 700), (138, 800), (96, 850)], tone, tilt=0.24, gloss=0.7)
    s.glint("M438 570 C446 660 468 740 496 796", 18, 0.5, 8)
    inner = s.mouth(600, 510, 196, 14, tone, Tone(tone.light(0.3)), 0.24)
    with s.group(clip=inner):
        s.path(
            disc(604, 540, 172, 40), s.radial((570, 530), 190, [(0, "#c98d4e"), (0.6, "#a5662f"), (1, "#6d3d1b")], 0.24)
        )
        s.path("M500 540 C560 520 640 556 720 534", stroke="#e0b37a", stroke_width=9, opacity="0.6")


def whisk(s: Studio, tone: Tone) -> None:
    """A bamboo whisk for matcha, standing, with a bowl of the powder. The tone is the bamboo's."""
    s.floor_shadow(500, 930, 150, 28)
    for i in range(-16, 17):
        x = 500 + 168 * math.sin(i * math.pi / 34)
        top = 500 + 96 * math.sin(i * math.pi / 34)
        s.path(
            f"M{n(top)} 570 C{n(x * 1.02 - 10)} 660 {n(x)} 760 {n(500 + (x - 500) * 0.86)} 920",
            stroke=tone.dark(0.1 + 0.014 * abs(i)),
            stroke_width=9,
            stroke_linecap="round",
        )
        s.path(
            f"M{n(top - 2)} 570 C{n(x * 1.02 - 12)} 660 {n(x - 2)} 760 {n(500 + (x - 500) * 0.86 - 2)} 920",
            stroke=tone.light(0.4),
            stroke_width=2.5,
            opacity="0.8",
        )
    for i in range(-8, 9):
        x = 500 + 76 * math.sin(i * math.pi / 18)
        s.path(
            f"M{n(x)} 580 C{n(x)} 680 {n(500 + (x - 500) * 0.6)} 760 {n(500 + (x - 500) * 0.5)} 880",
            stroke=tone.dark(0.4),
            stroke_width=6,
            opacity="0.5",
        )
    s.turned(500, [(72, 250), (70, 300), (74, 470), (96, 590)], tone, tilt=0.2, gloss=0.4)
    s.path(disc(500, 250, 72, 15), tone.light(0.35))
    s.path(disc(500, 252, 50, 10), tone.dark(0.6))
    s.path("M426 420 A75 15 0 0 0 574 420", stroke=tone.dark(0.35), stroke_width=6, opacity="0.6")
    s.path("M408 566 A94 19 0 0 0 592 566 V584 A94 19 0 0 1 408 584 Z", "#3b3330")
    s.glint("M456 290 V460", 12, 0.5, 6)
    s.floor_shadow(850, 950, 110, 22)
    s.turned(850, [(140, 830), (130, 880), (90, 930), (70, 944)], Tone("#46423f"), tilt=0.26, gloss=0.5)
    inner = s.mouth(850, 830, 140, 10, Tone("#46423f"), Tone("#5a5552"), 0.26)
    with s.group(clip=inner):
        s.path(
            disc(850, 850, 118, 34), s.radial((820, 836), 130, [(0, "#a9bf5f"), (0.7, "#86a043"), (1, "#5e742a")], 0.3)
        )


def moka(s: Studio, tone: Tone) -> None:
    """An eight-sided stove-top espresso maker."""
    s.floor_shadow(580, 930, 196, 34)
    s.tube("M734 430 C830 420 900 440 902 500 C904 560 880 640 862 700", 42, IRON, 0.4)
    edges = (-1.0, -0.62, -0.1, 0.48, 1.0)
    shades = (-0.16, 0.34, 0.02, -0.34)

    def facets(top: float, top_r: float, low: float, low_r: float) -> None:
        for (a, b), share in zip(itertools.pairwise(edges), shades, strict=True):
            face = tone.light(share) if share > 0 else tone.dark(-share)
            d = (
                f"M{n(580 + a * top_r)} {n(top + 26 * (1 - abs(a)))} L{n(580 + b * top_r)} "
                f"{n(top + 26 * (1 - abs(b)))} "
                f"L{n(580 + b * low_r)} {n(low + 34 * (1 - abs(b)))} L{n(580 + a * low_r)} "
                f"{n(low + 34 * (1 - abs(a)))} Z"
            )
            s.path(d, face)
            s.shade(d, [(0, "#ffffff", 0.22), (0.5, "#ffffff", 0.0), (1, "#1d1713", 0.26)], (0, top), (0, low + 30))

    facets(660, 150, 896, 204)
    s.path(disc(700, 760, 24, 24), BRASS.dark(0.3))
    s.path(disc(697, 757, 16, 16), BRASS.light(0.4))
    s.turned(580, [(156, 606), (160, 622), (160, 664)], tone, tilt=0.16, gloss=0.9)
    s.path("M420 640 A160 26 0 0 0 740 640", stroke=tone.dark(0.55), stroke_width=5, opacity="0.6")
    s.path("M402 388 L336 396 L414 500 Z", tone.dark(0.12))
    facets(380, 186, 590, 146)
    lid = "M388 384 L440 330 L560 306 L690 326 L772 384 L700 404 L560 412 L450 404 Z"
    s.path(lid, s.linear((390, 310), (770, 410), [(0, tone.light(0.5)), (0.5, tone.light(0.1)), (1, tone.dark(0.3))]))
    s.path(
        "M560 306 L560 412 M440 330 L450 404 M690 326 L700 404", stroke=tone.dark(0.4), stroke_width=2.5, opacity="0.5"
    )
    s.turned(570, [(22, 244), (34, 260), (32, 286), (16, 308)], IRON, tilt=0.3, gloss=0.5)
    s.lid(570, 246, 24, IRON, 0.3, 0.4)
    s.glint("M470 430 L492 570", 12, 0.5, 6)
