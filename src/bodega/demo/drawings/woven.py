"""Pictures of more cloth and wool, beside those in `textiles`."""

from __future__ import annotations

from bodega.demo.drawings.studio import BRASS, LEATHER, OAK, PAPER, Studio, Tone, box, disc, n


def napkins(s: Studio, tone: Tone) -> None:
    """A stack of folded linen napkins tied with string, seen from above."""
    turn = "rotate(-12 600 600)"
    for i in range(4):
        d = box(300 + i * 10, 290 + i * 8, 580, 580, 10)
        s.flat_shadow(d, 0.5 + 0.1 * i, turn) if i == 0 else None
        with s.group(turn=turn):
            s.path(d, tone.dark(0.5), transform="translate(5 7)", opacity="0.5")
            s.path(d, s.linear((300, 290), (890, 880), [(0, tone.light(0.24)), (0.5, tone.base), (1, tone.dark(0.16))]))
            s.path(d, stroke=tone.dark(0.3), stroke_width=2, opacity="0.6")
    with s.group(turn=turn):
        top = box(330, 314, 580, 580, 10)
        s.cloth(top, tone, 1.0, 5)
        s.path(box(352, 336, 536, 536, 4), stroke=tone.dark(0.42), stroke_width=2.5, stroke_dasharray="10 7")
        with s.group(clip=top, blur=14, opacity=0.28):
            s.path(
                "M330 560 C500 540 700 590 910 560 M560 314 C580 500 560 700 590 894", stroke="#1d1713", stroke_width=18
            )
        for x, y, w, h in ((610, 306, 14, 600), (322, 596, 600, 14)):
            with s.group(blur=4, opacity=0.5):
                s.path(box(x + 4, y + 6, w, h), "#1d1713")
            s.path(box(x, y, w, h, 7), "#cdb894")
            s.path(box(x, y, w, h, 7), s.stripes(12, 12, '<path d="M0 12L12 0" stroke="#8d7750" stroke-width="3"/>'))
        s.path(
            (
                "M618 602 C540 520 500 560 540 610 C570 640 600 620 618 602 C690 520 740 560 700 612 C670 642 640 "
                "624 618 602"
            ),
            stroke="#b79f75",
            stroke_width=13,
        )
        s.path(
            "M618 602 C590 680 560 720 540 760 M618 602 C640 690 680 720 690 772",
            stroke="#b79f75",
            stroke_width=12,
            stroke_linecap="round",
        )


def rug(s: Studio, tone: Tone) -> None:
    """A striped wool rug with a fringe, seen from above."""
    turn = "rotate(14 600 600)"
    body = "M330 190 H870 V1010 H330 Z"
    s.flat_shadow(body, 0.7, turn)
    with s.group(turn=turn):
        for i in range(46):
            x = 334 + i * 11.8
            for y, to in ((190, 132), (1010, 1068)):
                s.path(
                    f"M{n(x)} {y} Q{n(x + (i % 3 - 1) * 5)} {(y + to) / 2:g} {n(x + (i % 5 - 2) * 3)} {to}",
                    stroke=PAPER.dark(0.12 + 0.05 * (i % 3)),
                    stroke_width=6,
                    stroke_linecap="round",
                )
        s.path(body, s.linear((330, 190), (870, 1010), [(0, tone.light(0.16)), (0.5, tone.base), (1, tone.dark(0.16))]))
        cream = Tone("#e9dfcb")
        for y, height, band in (
            (230, 70, cream),
            (330, 16, cream),
            (372, 16, cream),
            (540, 120, cream),
            (580, 40, Tone(tone.dark(0.4))),
            (812, 16, cream),
            (854, 16, cream),
            (900, 70, cream),
        ):
            s.path(box(330, y, 540, height), band.base, opacity="0.9")
        for row in (265, 935):
            for i in range(9):
                x = 360 + i * 60
                s.path(f"M{x} {row} L{x + 22} {row - 24} L{x + 44} {row} L{x + 22} {row + 24} Z", tone.dark(0.1))
        s.path(
            body,
            s.stripes(
                10,
                14,
                (
                    '<path d="M0 3H10M0 10H10" stroke="#1d1713" stroke-width="2" opacity="0.16"/><path d="M5 0V14" '
                    'stroke="#fffaf2" stroke-width="3" opacity="0.10"/>'
                ),
            ),
        )
        s.cloth(body, tone, 0.8, 4)


def tea_towel(s: Studio, tone: Tone) -> None:
    """A striped tea towel, folded lengthwise, on a hook."""
    s.floor_shadow(612, 214, 30, 24, 0.6)
    s.path("M600 240 C570 190 630 190 600 240", stroke=tone.dark(0.2), stroke_width=10)
    body = (
        "M600 236 C520 290 452 330 430 420 C440 640 420 820 414 1010 C470 1024 520 1010 596 1022 C680 1012 "
        "740 1026 790 1010 C782 820 762 640 772 420 C748 330 680 290 600 236 Z"
    )
    s.flat_shadow(body, 1.0)
    linen = Tone("#eee6d6")
    s.path(
        body,
        s.linear(
            (420, 0),
            (790, 0),
            [(0, linen.dark(0.12)), (0.3, linen.light(0.3)), (0.7, linen.base), (1, linen.dark(0.2))],
        ),
    )
    with s.group(clip=body):
        for x, width in ((452, 44), (512, 10), (534, 10), (648, 10), (670, 10), (702, 44)):
            mid = 600 + (x - 600) * 0.4
            s.path(
                (
                    f"M{n(mid)} 240 C{x} 420 {x} 600 {x - 6} 1030 H{x + width - 6} C{x + width} 600 {x + width} 420 "
                    f"{n(mid + width * 0.5)} 240 Z"
                ),
                tone.base,
            )
        s.path("M400 930 H800 V946 H400 Z M400 962 H800 V968 H400 Z", tone.base)
        s.path(body, s.stripes(6, 6, '<path d="M0 0H6M0 0V6" stroke="#1d1713" stroke-width="1" opacity="0.18"/>'))
        with s.group(blur=16):
            for x, ink, share in (
                (470, "#1d1713", 0.3),
                (540, "#ffffff", 0.4),
                (598, "#1d1713", 0.34),
                (660, "#ffffff", 0.3),
                (736, "#1d1713", 0.26),
            ):
                s.path(
                    f"M{n(600 + (x - 600) * 0.3)} 260 C{x} 420 {x + 8} 700 {x - 4} 1030",
                    stroke=ink,
                    stroke_width=26,
                    opacity=f"{share}",
                )
    s.path(
        "M418 1000 C470 1012 520 998 596 1010 C680 1000 740 1014 786 1000",
        stroke=tone.dark(0.2),
        stroke_width=2.5,
        stroke_dasharray="9 6",
    )
    s.path(disc(600, 196, 30, 30), OAK.dark(0.4))
    s.path(
        disc(598, 193, 28, 28), s.radial((588, 182), 44, [(0, OAK.light(0.45)), (0.6, OAK.base), (1, OAK.dark(0.3))])
    )


def oven_glove(s: Studio, tone: Tone) -> None:
    """A quilted oven glove with a leather loop, seen from above."""
    turn = "rotate(12 600 600)"
    body = (
        "M420 960 V470 C420 300 500 190 600 190 C700 190 764 290 764 430 V560 C800 480 850 440 900 452 "
        "C956 470 950 560 910 640 C870 720 800 770 770 830 V960 Z"
    )
    s.flat_shadow(body + " " + box(400, 930, 390, 110, 14), 1.0, turn)
    with s.group(turn=turn):
        s.path(body, s.radial((520, 420), 640, [(0, tone.light(0.3)), (0.5, tone.base), (1, tone.dark(0.35))]))
        s.cloth(body, tone, 0.9, 6)
        with s.group(clip=body):
            for i in range(-9, 18):
                x = i * 74
                s.path(
                    f"M{x} 1000 L{x + 860} 140 M{x} 140 L{x + 860} 1000",
                    stroke=tone.dark(0.5),
                    stroke_width=4,
                    opacity="0.45",
                )
                s.path(
                    f"M{x - 5} 1000 L{x + 855} 140 M{x - 5} 140 L{x + 855} 1000",
                    stroke=tone.light(0.6),
                    stroke_width=3,
                    opacity="0.3",
                )
            with s.group(blur=16, opacity=0.4):
                s.path(body, stroke="#1d1713", stroke_width=36)
        s.path("M768 570 C764 640 776 700 772 800", stroke=tone.dark(0.55), stroke_width=5, opacity="0.7")
        s.path(body, stroke=tone.dark(0.4), stroke_width=5, opacity="0.7")
        cuff = box(402, 930, 386, 108, 12)
        s.path(cuff, s.linear((402, 0), (788, 0), [(0, tone.dark(0.46)), (0.3, tone.dark(0.24)), (1, tone.dark(0.56))]))
        s.path(
            "M410 948 H780 M410 1020 H780",
            stroke=tone.light(0.4),
            stroke_width=2.5,
            stroke_dasharray="10 7",
            opacity="0.8",
        )
        s.tube("M760 1036 C800 1120 860 1100 790 1006", 15, LEATHER, 0.2)


def scarf(s: Studio, tone: Tone) -> None:
    """A checked wool scarf, folded over itself, with its fringe, seen from above."""
    check = s.stripes(
        120,
        120,
        f'<rect width="120" height="120" fill="{tone.base}"/>'
        f'<rect width="44" height="120" fill="{tone.dark(0.4)}" opacity="0.6"/>'
        f'<rect width="120" height="44" fill="{tone.dark(0.4)}" opacity="0.6"/>'
        f'<path d="M82 0V120M0 82H120" stroke="{tone.light(0.75)}" stroke-width="7" opacity="0.8"/>',
    )
    for turn, body in (
        ("rotate(52 600 600)", (500, 130, 210, 800)),
        ("rotate(-24 600 600)", (470, 170, 230, 800)),
    ):
        x, y, width, height = body
        d = box(x, y, width, height, 6)
        s.flat_shadow(d, 0.8, turn)
        with s.group(turn=turn):
            for i in range(20):
                fx = x + 6 + i * (width - 12) / 19
                s.path(
                    (
                        f"M{n(fx)} {y + height} Q{n(fx + (i % 3 - 1) * 7)} {y + height + 40} "
                        f"{n(fx + (i % 5 - 2) * 5)} {y + height + 84}"
                    ),
                    stroke=(tone.base, tone.dark(0.4), tone.light(0.5))[i % 3],
                    stroke_width=8,
                    stroke_linecap="round",
                )
            s.path(d, check)
            s.path(d, s.stripes(8, 8, '<path d="M0 8L8 0" stroke="#fffaf2" stroke-width="2" opacity="0.22"/>'))
            s.cloth(d, tone, 0.8, 7)
            s.shade(
                d,
                [
                    (0, "#1d1713", 0.34),
                    (0.12, "#ffffff", 0.12),
                    (0.4, "#ffffff", 0.04),
                    (0.6, "#1d1713", 0.14),
                    (0.7, "#ffffff", 0.1),
                    (1, "#1d1713", 0.36),
                ],
                (x, 0),
                (x + width, 0),
            )


def socks(s: Studio, tone: Tone) -> None:
    """A pair of ribbed wool socks, seen from above."""
    d = (
        "M430 200 H640 V610 C640 700 700 740 790 800 C870 856 880 960 800 980 C720 996 640 960 560 900 C470 830 "
        "430 760 430 640 Z"
    )
    cuff, heel, toe = box(424, 190, 222, 120, 14), disc(480, 690, 130, 120), disc(840, 920, 150, 150)
    for turn in ("translate(150 -50) rotate(-8 600 600)", "translate(-110 30)"):
        s.flat_shadow(d, 0.8, turn)
        with s.group(turn=turn):
            s.path(d, s.linear((430, 0), (860, 900), [(0, tone.light(0.24)), (0.5, tone.base), (1, tone.dark(0.24))]))
            with s.group(clip=d):
                s.path(heel, tone.dark(0.42))
                s.path(toe, tone.dark(0.42))
                s.path(
                    d,
                    s.stripes(
                        13,
                        18,
                        (
                            '<path d="M0 0L6.5 9L13 0M0 9L6.5 18L13 9" stroke="#1d1713" stroke-width="2.4" '
                            'fill="none" opacity="0.2"/>'
                        ),
                    ),
                )
                s.path(box(424, 310, 222, 22), PAPER.base, opacity="0.8")
                with s.group(blur=18, opacity=0.4):
                    s.path(d, stroke="#1d1713", stroke_width=34)
            s.cloth(d, tone, 0.6, 3)
            s.path(cuff, tone.dark(0.08))
            s.path(
                cuff,
                s.stripes(
                    20,
                    20,
                    (
                        f'<rect width="8" height="20" fill="{tone.dark(0.45)}" opacity="0.6"/><rect x="12" width="4" '
                        f'height="20" fill="{tone.light(0.5)}" opacity="0.5"/>'
                    ),
                ),
            )
            s.shade(cuff, [(0, "#1d1713", 0.3), (0.3, "#ffffff", 0.14), (1, "#1d1713", 0.34)], (424, 0), (646, 0))


def duffel(s: Studio, tone: Tone) -> None:
    """A weekend bag of canvas with leather handles."""
    s.floor_shadow(600, 900, 400, 44)
    body = (
        "M230 480 C300 440 900 440 970 480 C1010 600 1020 760 1000 860 C996 892 976 904 940 906 H260 C224 904 "
        "204 892 200 860 C180 760 190 600 230 480 Z"
    )
    for shift, share in ((-20, 0.36), (8, 0.0)):
        s.tube(
            (
                f"M420 {560 + shift} C400 {270 + shift} 500 {240 + shift} 600 {240 + shift} C700 {240 + shift} 800 "
                f"{270 + shift} 780 {560 + shift}"
            ),
            30,
            Tone(LEATHER.dark(share + 0.02)),
            0.3,
        )
        if shift < 0:
            s.path(body, s.linear((0, 440), (0, 910), [(0, tone.light(0.28)), (0.35, tone.base), (1, tone.dark(0.4))]))
            s.cloth(body, tone, 1.0, 5)
            with s.group(clip=body, blur=20, opacity=0.3):
                s.path(
                    (
                        "M230 500 C320 620 300 780 240 900 M970 500 C890 620 900 780 960 900 M440 470 C480 520 720 "
                        "520 780 470"
                    ),
                    stroke="#1d1713",
                    stroke_width=34,
                )
    base = "M204 790 C400 812 800 812 1000 790 L1000 862 C996 892 976 904 940 906 H260 C224 904 204 892 200 862 Z"
    s.path(base, s.linear((0, 790), (0, 906), [(0, LEATHER.light(0.1)), (1, LEATHER.dark(0.45))]))
    s.path("M208 806 C400 828 800 828 994 806", stroke=LEATHER.light(0.5), stroke_width=2.5, stroke_dasharray="9 6")
    s.path("M262 494 C400 470 800 470 938 494", stroke=BRASS.base, stroke_width=9, stroke_dasharray="5 4")
    for x in (404, 764):
        strap = box(x, 520, 34, 280, 6)
        with s.group(blur=5, opacity=0.5):
            s.path(strap, "#1d1713", transform="translate(4 6)")
        s.path(
            strap,
            s.linear(
                (x, 0), (x + 34, 0), [(0, LEATHER.light(0.15)), (0.4, LEATHER.light(0.25)), (1, LEATHER.dark(0.3))]
            ),
        )
        s.path(disc(x + 17, 562, 9, 9), BRASS.light(0.3))
        s.path(disc(x + 17, 770, 9, 9), BRASS.light(0.3))
    s.path(
        box(552, 610, 96, 62, 6), s.linear((552, 610), (648, 672), [(0, LEATHER.light(0.24)), (1, LEATHER.dark(0.2))])
    )


def beanie(s: Studio, tone: Tone) -> None:
    """A ribbed wool hat with a turned-up brim."""
    s.floor_shadow(600, 880, 330, 40)
    crown = "M290 720 C270 480 380 290 600 280 C820 290 930 480 910 720 Z"
    s.path(crown, s.radial((480, 440), 540, [(0, tone.light(0.34)), (0.45, tone.base), (1, tone.dark(0.48))]))
    with s.group(clip=crown):
        for i in range(-8, 9):
            x = 600 + i * 40
            s.path(
                f"M600 270 C{n(600 + i * 34)} 330 {n(600 + i * 46)} 520 {x} 740",
                stroke=tone.dark(0.55),
                stroke_width=9,
                opacity="0.42",
            )
            s.path(
                f"M590 270 C{n(590 + i * 34)} 330 {n(588 + i * 46)} 520 {x - 13} 740",
                stroke=tone.light(0.55),
                stroke_width=7,
                opacity="0.28",
            )
    brim = (
        "M266 690 C400 730 800 730 934 690 C948 750 946 820 930 868 C800 906 400 906 270 868 C254 820 252 750 266 690 Z"
    )
    with s.group(blur=10, opacity=0.5):
        s.path(brim, "#1d1713", transform="translate(0 -12)")
    s.path(brim, s.across(256, 944, tone, 0.4))
    with s.group(clip=brim):
        for i in range(-12, 13):
            x = 600 + i * 29
            s.path(f"M{x} 680 V910", stroke=tone.dark(0.55), stroke_width=9, opacity="0.42")
            s.path(f"M{x - 11} 680 V910", stroke=tone.light(0.5), stroke_width=6, opacity="0.28")
    s.speckle(crown, s.grain(0.2, 0.2, 1.4, tone.light(0.6), 3), 0.3)
    s.path(
        box(764, 772, 86, 58, 5), s.linear((764, 772), (850, 830), [(0, LEATHER.light(0.2)), (1, LEATHER.dark(0.2))])
    )


def picnic_blanket(s: Studio, tone: Tone) -> None:
    """A rolled blanket held by two leather straps with a handle."""
    s.floor_shadow(600, 836, 400, 44)
    s.tube("M440 500 C450 330 750 330 760 500", 28, LEATHER, 0.3)
    body = box(220, 460, 760, 380, 60)
    s.path(
        body,
        s.linear(
            (0, 460),
            (0, 840),
            [
                (0, tone.dark(0.1)),
                (0.22, tone.light(0.3)),
                (0.5, tone.base),
                (0.85, tone.dark(0.4)),
                (1, tone.dark(0.58)),
            ],
        ),
    )
    with s.group(clip=body):
        for x, width in ((250, 36), (300, 10), (560, 80), (540, 8), (652, 8), (870, 10), (900, 36)):
            s.path(box(x, 450, width, 400), PAPER.base, opacity="0.75")
        for y, height in ((520, 16), (640, 28), (770, 12)):
            s.path(box(200, y, 800, height), PAPER.base, opacity="0.38")
        s.path(body, s.stripes(8, 8, '<path d="M0 8L8 0" stroke="#1d1713" stroke-width="2" opacity="0.16"/>'))
        s.shade(body, [(0, "#1d1713", 0.0), (0.5, "#1d1713", 0.0), (1, "#1d1713", 0.45)], (0, 460), (0, 840))
    end = disc(952, 650, 62, 186)
    s.path(end, tone.dark(0.25))
    for i, share in ((0.82, 0.1), (0.64, 0.3), (0.46, 0.1), (0.28, 0.35)):
        s.path(disc(952, 650, 62 * i, 186 * i), tone.dark(share), stroke=PAPER.dark(0.2), stroke_width=4)
    for x in (420, 740):
        strap = f"M{x} 452 H{x + 44} C{x + 58} 560 {x + 58} 740 {x + 44} 848 H{x} C{x + 14} 740 {x + 14} 560 {x} 452 Z"
        s.path(
            strap,
            s.linear(
                (0, 452),
                (0, 848),
                [(0, LEATHER.dark(0.1)), (0.25, LEATHER.light(0.35)), (0.6, LEATHER.base), (1, LEATHER.dark(0.5))],
            ),
        )
        s.path(box(x - 2, 590, 66, 56, 8), stroke=BRASS.dark(0.35), stroke_width=11)
        s.path(box(x - 3, 589, 66, 56, 8), stroke=BRASS.light(0.3), stroke_width=6)
        s.path(f"M{x + 30} 584 V640", stroke=BRASS.light(0.2), stroke_width=6)
