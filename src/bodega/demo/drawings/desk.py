"""Pictures of more paper, pens and tools, beside those in `objects`."""

from __future__ import annotations

import math

from bodega.demo.drawings.studio import BRASS, OAK, PAPER, WALNUT, Studio, Tone, box, disc, n

_GLASS = Tone("#b3c3c0")
_LEADS = ("#33302d", "#a8432f", "#c6923f", "#48605a", "#34435c", "#8a5a76")


def _pencil(s: Studio, x: float, top: float, bottom: float, paint: Tone) -> None:
    """A pencil standing on its end at (x, bottom), its point at ``top``."""
    s.path(
        f"M{n(x - 15)} {n(top + 62)} L{n(x)} {n(top)} L{n(x + 15)} {n(top + 62)} Z",
        s.linear((x - 15, 0), (x + 15, 0), [(0, "#ecd2a4"), (1, "#b08b5b")]),
    )
    s.path(f"M{n(x - 5)} {n(top + 20)} L{n(x)} {n(top)} L{n(x + 5)} {n(top + 20)} Z", paint.dark(0.3))
    for left, right, face in ((-15, -6, paint.light(0.34)), (-6, 7, paint.base), (7, 15, paint.dark(0.35))):
        s.path(f"M{n(x + left)} {n(top + 62)} H{n(x + right)} V{n(bottom)} H{n(x + left)} Z", face)


def pencils(s: Studio, tone: Tone) -> None:
    """Six pencils in a row beside their open tin, seen from above. The tone is the tin's."""
    turn = "rotate(-16 600 600)"
    tin = box(236, 250, 330, 700, 30)
    s.flat_shadow(tin, 0.9, turn)
    with s.group(turn=turn):
        s.path(tin, s.linear((236, 250), (566, 950), [(0, tone.light(0.4)), (0.5, tone.base), (1, tone.dark(0.3))]))
        inside = box(258, 272, 286, 656, 20)
        s.path(
            inside, s.linear((258, 272), (544, 928), [(0, tone.dark(0.5)), (0.5, tone.dark(0.3)), (1, tone.dark(0.1))])
        )
        s.path(inside, stroke=tone.light(0.5), stroke_width=3, opacity="0.5")
        for i in range(3):
            _pencil(s, 306 + i * 48, 300, 900, Tone(_LEADS[i]))
        for i, x in enumerate((650, 760, 870)):
            with s.group(turn=f"rotate({(-3, 4, 9)[i]} {x} 600)"):
                body = box(x - 15, 300, 30, 610)
                s.flat_shadow(body, 0.5)
                _pencil(s, x, 262, 910, Tone(_LEADS[i + 3]))
                s.path(box(x - 15, 880, 30, 34, 6), BRASS.light(0.2))


def ink(s: Studio, tone: Tone) -> None:
    """A square bottle of ink with a stroke of it on paper. The tone is the ink's."""
    sheet = "M130 820 L900 780 L1120 1010 L250 1080 Z"
    s.path(sheet, PAPER.light(0.3))
    s.path(
        "M420 1010 C520 960 560 1030 640 990 S800 960 860 990",
        stroke=tone.base,
        stroke_width=13,
        stroke_linecap="round",
    )
    s.floor_shadow(570, 900, 240, 36)
    s.path(
        "M380 600 H760 L768 880 Q766 900 744 902 H396 Q374 900 372 880 Z",
        s.linear(
            (372, 0), (768, 0), [(0, tone.dark(0.5)), (0.2, tone.light(0.2)), (0.5, tone.base), (1, tone.dark(0.6))]
        ),
    )
    s.glass(
        "M352 500 Q352 470 400 462 H740 Q788 470 788 500 L800 890 Q798 922 766 924 H374 Q342 922 340 890 Z",
        340,
        800,
        _GLASS,
    )
    s.path("M372 604 H768", stroke=tone.light(0.4), stroke_width=7, opacity="0.7")
    s.glint("M374 520 L366 880", 18, 0.75, 5)
    s.glint("M764 520 L772 860", 8, 0.45, 3)
    s.turned(570, [(96, 420), (98, 470)], _GLASS, tilt=0.18, gloss=0.8, rounded=False)
    s.turned(570, [(112, 296), (116, 308), (116, 420)], Tone("#35332f"), tilt=0.18, gloss=0.4)
    for i in range(-8, 9):
        x = 570 + 114 * math.sin(i * math.pi / 18)
        s.path(f"M{n(x)} 330 V424", stroke="#17150f", stroke_width=4, opacity="0.5")
    s.lid(570, 296, 112, Tone("#35332f"), 0.18, 0.4)
    label = box(450, 680, 240, 150, 8)
    s.path(label, s.linear((450, 680), (690, 830), [(0, "#fbf6ea"), (1, "#e2d8c4")]))
    s.path(box(462, 692, 216, 126, 4), stroke=tone.base, stroke_width=3)
    s.path("M570 708 C536 756 530 780 570 794 C610 780 604 756 570 708 Z", tone.base)


def scissors(s: Studio, tone: Tone) -> None:
    """Long paper scissors, a little open, seen from above. The tone is that of the grips."""
    blade = "M-22 20 C-26 -160 -16 -330 4 -490 C22 -330 28 -150 26 20 Z"
    arm = "M-22 0 C-20 90 20 130 44 190 L100 150 C60 110 34 70 26 0 Z"
    # The hole runs the other way round, so that it stays one in the shadow too.
    ring = disc(92, 268, 88, 124) + disc(94, 270, 56, 90).replace(" 0 1 0 ", " 0 1 1 ")
    with s.group(turn="translate(30 40) rotate(38 600 600)"):
        for side in (1, -1):
            turn = f"translate(600 620) scale({side} 1) rotate(-8)"
            s.flat_shadow(f"{blade} {arm} {ring}", 0.55, turn)
            with s.group(turn=turn):
                s.path(
                    blade,
                    s.linear(
                        (-22, 0),
                        (26, 0),
                        [(0, "#7e8486"), (0.3, "#eef0ef"), (0.55, "#aeb3b5"), (0.6, "#f2f4f3"), (1, "#8f9496")],
                    ),
                )
                paint = s.linear((-20, 20), (180, 380), [(0, tone.light(0.45)), (0.4, tone.base), (1, tone.dark(0.4))])
                s.path(arm, paint)
                s.path(ring, paint)
                s.path(disc(94, 270, 56, 90), stroke=tone.dark(0.5), stroke_width=5, opacity="0.6")
        s.path(disc(600, 612, 24, 24), BRASS.dark(0.4))
        s.path(
            disc(598, 610, 20, 20),
            s.radial((592, 602), 30, [(0, BRASS.light(0.7)), (0.6, BRASS.base), (1, BRASS.dark(0.3))]),
        )
        s.path("M586 616 L610 604", stroke=BRASS.dark(0.6), stroke_width=4)


def letter_set(s: Studio, tone: Tone) -> None:
    """Sheets of letter paper and two envelopes, one sealed with wax, seen from above. The tone is the envelopes'."""
    sheet = box(470, 180, 480, 680, 4)
    s.flat_shadow(sheet, 0.6, "rotate(7 600 600)")
    with s.group(turn="rotate(7 600 600)"):
        for i in range(3):
            s.path(
                box(470 - i * 4, 180 + i * 4, 480, 680, 4),
                PAPER.light(0.5 - 0.12 * (2 - i)),
                stroke=PAPER.dark(0.2),
                stroke_width=1.5,
            )
    for turn, back in (
        ("rotate(-14 560 720) translate(-50 -60)", False),
        ("rotate(-5 560 720) translate(-20 60)", True),
    ):
        d = box(220, 540, 660, 420, 8)
        s.flat_shadow(d, 0.6, turn)
        with s.group(turn=turn):
            s.path(d, s.linear((220, 540), (880, 960), [(0, tone.light(0.24)), (0.6, tone.base), (1, tone.dark(0.16))]))
            s.speckle(d, s.grain(0.3, 0.3, 1.2, tone.dark(0.5), 4), 0.3)
            if back:
                s.path("M222 958 L520 730 M878 958 L580 730", stroke=tone.dark(0.35), stroke_width=3)
                flap = "M222 542 H878 L570 786 Q550 800 530 786 Z"
                with s.group(blur=7, opacity=0.4):
                    s.path(flap, "#1d1713", transform="translate(0 9)")
                s.path(flap, s.linear((0, 540), (0, 800), [(0, tone.light(0.1)), (1, tone.light(0.34))]))
                s.path(disc(550, 770, 58, 54), "#5e1a18")
                s.path(
                    disc(548, 767, 56, 52), s.radial((528, 746), 90, [(0, "#d2594f"), (0.5, "#a23028"), (1, "#7a1f1b")])
                )
                s.path(disc(548, 767, 34, 32), stroke="#6d1b17", stroke_width=4)
                s.path("M548 744 C534 760 534 776 548 790 C562 776 562 760 548 744 Z", stroke="#6d1b17", stroke_width=4)
            else:
                s.path(box(780, 566, 70, 84, 2), "#48605a", stroke="#fbf6ea", stroke_width=7, stroke_dasharray="6 5")


def pen_cup(s: Studio, tone: Tone) -> None:
    """A stoneware cup with pencils, a ruler and a brush in it."""
    s.floor_shadow(600, 930, 176, 32)
    inner_y = 540
    s.path(disc(600, inner_y, 170, 29), tone.dark(0.6))
    with s.group(turn="rotate(12 640 560)"):
        s.path(box(690, 210, 62, 420, 4), s.linear((690, 0), (752, 0), [(0, OAK.light(0.4)), (1, OAK.dark(0.1))]))
        for i in range(12):
            s.path(
                f"M690 {226 + i * 26} h{26 if i % 5 == 0 else 15}",
                stroke="#4d3a2b",
                stroke_width=2.5,
            )
    for x, angle, top, lead in ((520, -14, 230, 1), (585, -4, 190, 4), (632, 5, 250, 2)):
        with s.group(turn=f"rotate({angle} {x} 560)"):
            _pencil(s, x, top, 620, Tone(_LEADS[lead]))
    s.turned(600, [(176, 540), (176, 700), (174, 860), (166, 916)], tone, tilt=0.17, gloss=0.4)
    outline = "M424 540 A176 30 0 0 0 776 540 V700 L774 860 L766 916 A166 28 0 0 1 434 916 L426 860 L424 700 Z"
    s.path(outline, s.across(424, 776, tone, 0.45))
    s.speckle(outline, s.grain(0.11, 0.11, 7, "#4d3a2b", 3, 0.6), 0.34)
    for y in (640, 664):
        s.path(f"M424 {y} A176 30 0 0 0 776 {y}", stroke=tone.dark(0.35), stroke_width=4, opacity="0.5")
    s.path("M424 540 A176 30 0 0 0 776 540", stroke=tone.light(0.5), stroke_width=10)
    s.glint("M466 600 V880", 18, 0.4, 9)


def magnifier(s: Studio, tone: Tone) -> None:
    """A reading glass with a wooden handle over a printed page, seen from above. The tone is the handle's wood."""
    turn = "rotate(-36 600 600)"
    page = box(250, 170, 560, 780, 6)
    s.flat_shadow(page, 0.4, "rotate(6 600 600)")
    with s.group(turn="rotate(6 600 600)"):
        s.path(page, PAPER.light(0.4))
        for i in range(19):
            s.path(box(310, 240 + i * 36, 440 - (i * 53) % 130, 9, 4), "#8a8174", opacity="0.75")
    ring, grip = disc(600, 420, 250, 250), "M566 700 H634 L646 1060 Q644 1100 600 1104 Q556 1100 554 1060 Z"
    s.flat_shadow(ring + " " + grip, 0.9, turn)
    with s.group(turn=turn):
        s.path(ring, s.radial((540, 350), 300, [(0, "#ffffff", 0.75), (0.6, "#f2f5f2", 0.55), (1, "#b9c6c3", 0.55)]))
        with s.group(clip=ring):
            for i in range(6):
                s.path(
                    f"M380 {262 + i * 66} L860 {262 + i * 66}",
                    stroke="#6f675c",
                    stroke_width=19,
                    opacity="0.42",
                    transform="rotate(42 600 420)",
                )
        s.path(ring, stroke=BRASS.dark(0.4), stroke_width=34)
        s.path(ring, stroke=BRASS.base, stroke_width=26)
        s.path(ring, stroke=BRASS.light(0.6), stroke_width=7, transform="translate(-3 -3)")
        s.path(
            box(572, 672, 56, 48, 6),
            s.linear((572, 0), (628, 0), [(0, BRASS.dark(0.2)), (0.3, BRASS.light(0.6)), (1, BRASS.dark(0.4))]),
        )
        s.wood(grip, tone, (554, 700, 646, 1104), along_x=False, seed=6)
        s.shade(
            grip,
            [(0, "#1d1713", 0.3), (0.3, "#ffffff", 0.3), (0.6, "#1d1713", 0.0), (1, "#1d1713", 0.42)],
            (554, 0),
            (646, 0),
        )
        s.glint("M420 380 C440 300 500 250 560 240", 22, 0.8, 8)


def bookends(s: Studio, tone: Tone) -> None:
    """A row of cloth-bound books between two wooden arcs. The tone is the wood's."""
    s.floor_shadow(600, 900, 430, 34)
    x = 330.0
    for width, height, color in (
        (74, 430, "#34435c"),
        (56, 380, "#a8432f"),
        (90, 460, "#e2d8c4"),
        (62, 400, "#48605a"),
        (84, 440, "#c6923f"),
        (66, 370, "#5b4a43"),
        (98, 450, "#7f9aa6"),
    ):
        cover = Tone(color)
        d = box(x, 890 - height, width, height, 5)
        s.path(
            d,
            s.linear(
                (x, 0),
                (x + width, 0),
                [(0, cover.dark(0.3)), (0.25, cover.light(0.25)), (0.6, cover.base), (1, cover.dark(0.42))],
            ),
        )
        s.cloth(d, cover, 0.8, 3)
        for y in (890 - height + 50, 890 - height + 66, 826):
            s.path(box(x + 8, y, width - 16, 5), BRASS.light(0.2), opacity="0.85")
        x += width
    for side in (-1, 1):
        edge = 330 if side < 0 else x
        arc = f"M{n(edge)} 890 V640 A250 250 0 0 {0 if side < 0 else 1} {n(edge + side * 225)} 890 Z"
        s.wood(arc, tone, (min(edge, edge + side * 225), 640, max(edge, edge + side * 225), 890), seed=4)
        s.shade(arc, [(0, "#ffffff", 0.24), (0.5, "#ffffff", 0.0), (1, "#1d1713", 0.3)], (0, 640), (0, 890))
        s.path(arc, stroke=(OAK if tone.base == WALNUT.base else tone).light(0.5), stroke_width=4, opacity="0.5")
