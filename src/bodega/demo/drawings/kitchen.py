"""Pictures of what stands in a kitchen: tableware, cookware, coffee and tea."""

from __future__ import annotations

from bodega.demo.drawings.studio import (
    BRASS,
    IRON,
    LEATHER,
    OAK,
    STEEL,
    WALNUT,
    Studio,
    Tone,
    box,
    curve,
    disc,
    mirrored,
    n,
)

_CLAY = Tone("#b8957c")
_GLASS = Tone("#aebfbc")
_COFFEE = Tone("#3b2013")
_TEA = Tone("#c5782a")


def mug(s: Studio, tone: Tone) -> None:
    """A stoneware mug, glazed to a hand above its foot."""
    tilt, cx = 0.17, 560
    s.floor_shadow(cx, 872, 205)
    s.tube("M745 520 C880 500 900 560 880 640 C862 720 800 770 728 762", 54, tone, 0.3)
    outline = s.turned(cx, [(222, 420), (222, 600), (220, 760), (208, 838), (186, 866)], tone, tilt=tilt, gloss=0.55)
    raw = f"M300 806 {curve([(300, 806), (400, 842), (520, 850), (650, 846), (790, 804)])} V960 H300 Z"
    with s.group(clip=outline):
        s.path(raw, s.across(340, 782, _CLAY, 0.1))
        s.shade(raw, [(0, "#1d1713", 0.0), (1, "#1d1713", 0.4)], (0, 800), (0, 905))
        s.path(
            f"M300 806 {curve([(300, 806), (400, 842), (520, 850), (650, 846), (790, 804)])}",
            stroke=tone.light(0.35),
            stroke_width=5,
            opacity="0.55",
        )
    s.speckle(outline, s.grain(0.11, 0.11, 7, "#4d3a2b", 11, 0.6), 0.34)
    s.glint("M410 490 C404 590 406 680 420 770", 20, 0.42, 9)
    s.mouth(cx, 420, 222, 15, tone, Tone(tone.light(0.35)), tilt)


def bowl(s: Studio, tone: Tone) -> None:
    """A wide, open serving bowl."""
    tilt, cx = 0.30, 600
    s.floor_shadow(cx, 846, 170, 44)
    s.turned(cx, [(150, 800), (146, 826), (150, 842)], _CLAY, tilt=0.26, gloss=0.1, foot=0.4)
    outline = s.turned(
        cx,
        [(392, 530), (386, 580), (352, 668), (286, 746), (206, 796), (150, 816)],
        tone,
        tilt=tilt,
        gloss=0.5,
        foot=0.5,
    )
    s.speckle(outline, s.grain(0.11, 0.11, 7, "#4d3a2b", 5, 0.6), 0.34)
    inner = s.mouth(cx, 530, 392, 16, tone, Tone(tone.light(0.3)), tilt)
    with s.group(clip=inner):
        pool = s.radial((640, 590), 300, [(0, "#ffffff", 0.32), (0.7, "#ffffff", 0.05), (1, "#ffffff", 0.0)], 0.4)
        s.path(disc(640, 590, 300, 120), pool)
        for radius in (120, 200, 285):
            s.path(disc(600, 600, radius, radius * 0.27), stroke=tone.dark(0.3), stroke_width=2, opacity="0.16")
        s.speckle(inner, s.grain(0.11, 0.11, 7, "#4d3a2b", 6, 0.6), 0.34)
    s.glint("M262 628 C290 690 340 740 400 772", 16, 0.35, 9)


def board(s: Studio, tone: Tone) -> None:
    """A cutting board with a handle and a leather loop, seen from above."""
    body = (
        "M330 250 Q330 205 375 205 H825 Q870 205 870 250 V800 Q870 850 822 858 C720 872 690 890 690 940 "
        "V1010 Q690 1050 650 1050 H550 Q510 1050 510 1010 V940 C510 890 480 872 378 858 Q330 850 330 800 Z"
    )
    turn = "rotate(28 600 600) translate(54 48) scale(0.91)"
    s.flat_shadow(body, 0.9, turn)
    with s.group(turn=turn):
        s.path(body, tone.dark(0.45), transform="translate(3 9)")
        s.wood(body, tone, (330, 205, 870, 1050), along_x=False, seed=3)
        for x, share in ((464, 0.16), (612, 0.05), (742, 0.22)):
            with s.group(clip=body, opacity=share):
                s.path(box(x, 150, 140, 950), tone.dark(0.6))
        s.path(body, stroke=tone.light(0.55), stroke_width=4, opacity="0.55", transform="translate(2 2)")
        s.path(disc(600, 985, 26, 26), tone.dark(0.75))
        s.path(disc(603, 988, 22, 22), "#8f8375")
        s.tube("M600 985 C560 1060 590 1120 622 1112 C656 1104 640 1040 606 988", 9, LEATHER, 0.2)
        s.shade(body, [(0, "#ffffff", 0.26), (0.5, "#ffffff", 0.0), (1, "#1d1713", 0.16)], (300, 200), (900, 1000))


def casserole(s: Studio, tone: Tone) -> None:
    """An enamelled casserole with its lid on."""
    tilt, cx = 0.15, 600
    s.floor_shadow(cx, 856, 318, 54)
    for side in (-1, 1):
        x = cx + side * 335
        s.tube(f"M{x} 606 C{x + side * 78} 592 {x + side * 84} 672 {x} 668", 34, tone, 0.6)
    s.turned(cx, [(352, 566), (352, 700), (346, 780), (322, 830), (290, 850)], tone, tilt=tilt, gloss=0.8)
    s.glint("M318 630 C316 700 322 760 346 806", 24, 0.5, 9)
    s.path("M248 560 A352 53 0 0 0 952 560 V572 A352 53 0 0 1 248 572 Z", IRON.base)
    lid = (
        f"M242 552 {curve([(242, 552), (262, 520), (370, 462), (600, 430), (830, 462), (938, 520), (958, 552)])} "
        "A358 54 0 0 1 242 552 Z"
    )
    s.path(lid, s.across(242, 958, tone, 0.7))
    s.shade(
        lid,
        [(0, "#ffffff", 0.30), (0.5, "#ffffff", 0.02), (0.6, "#1d1713", 0.0), (1, "#1d1713", 0.34)],
        (0, 420),
        (0, 612),
    )
    with s.group(clip=lid):
        s.path("M242 552 A358 54 0 0 0 958 552", stroke=tone.light(0.4), stroke_width=7, opacity="0.55")
        s.path(disc(600, 494, 236, 40), stroke=tone.dark(0.5), stroke_width=3, opacity="0.28")
    s.glint("M352 506 C420 474 500 458 560 454", 16, 0.55, 7)
    s.turned(cx, [(20, 404), (20, 440)], BRASS, tilt=0.3, gloss=0.9, rounded=False)
    s.turned(cx, [(58, 374), (62, 388), (50, 408), (24, 416)], BRASS, tilt=0.26, gloss=1)
    s.lid(cx, 374, 58, BRASS, 0.26, 0.9)


def dripper(s: Studio, tone: Tone) -> None:
    """A coffee dripper on its glass server."""
    tilt, cx = 0.17, 580
    s.floor_shadow(cx, 914, 208)
    s.tube("M764 690 C880 664 904 730 884 796 C866 858 812 884 760 874", 26, Tone("#d4dfdc"), 0.7)
    coffee = [(196, 770), (210, 812), (206, 868), (180, 904)]
    s.turned(cx, coffee, _COFFEE, tilt=tilt, gloss=0.25, foot=0.2)
    s.lid(cx, 770, 196, Tone("#5a3520"), tilt, 0.25)
    wall = [(696, 566), (704, 600), (740, 660), (782, 740), (796, 812), (788, 872), (764, 910)]
    jug = f"M696 566 {curve(wall)} A184 31 0 0 1 396 910 {curve(mirrored(wall, 580))} A116 20 0 0 0 696 566 Z"
    s.glass(jug, 364, 796, _GLASS)
    s.glint("M412 724 C394 780 394 840 416 884", 12, 0.7, 4)
    s.glint("M750 716 C768 770 772 830 758 878", 7, 0.4, 3)
    s.turned(cx, [(116, 552), (124, 572)], WALNUT, tilt=tilt, gloss=0.3)
    s.turned(cx, [(186, 528), (188, 540), (172, 552)], tone, tilt=tilt, gloss=0.7)
    s.tube("M740 352 C850 332 866 392 838 438 C816 474 770 490 716 474", 34, tone, 0.6)
    s.turned(cx, [(222, 304), (214, 340), (160, 440), (104, 526)], tone, tilt=tilt, gloss=0.75)
    s.glint("M434 360 C462 420 492 470 518 508", 16, 0.5, 7)
    inner = s.mouth(cx, 304, 222, 14, tone, Tone(tone.light(0.2)), tilt)
    with s.group(clip=inner, opacity=0.3):
        for x in range(380, 800, 40):
            s.path(f"M{x} 268 L{n(580 + (x - 580) * 0.55)} 352", stroke=tone.dark(0.6), stroke_width=5)


def kettle(s: Studio, tone: Tone) -> None:
    """A kettle with a gooseneck spout and a wooden grip."""
    tilt, cx = 0.15, 600
    s.floor_shadow(cx, 886, 250, 44)
    spout = "M404 792 C286 800 322 636 276 560 C256 528 232 500 190 492"
    s.tube(spout, 46, tone, 0.75)
    s.path(spout, stroke=tone.dark(0.2), stroke_width=3, opacity="0.25")
    s.tube("M742 560 C850 500 968 524 980 604", 24, STEEL if tone.base != STEEL.base else IRON, 0.7)
    s.tube("M976 596 C986 668 978 742 944 812", 54, WALNUT, 0.35)
    body = s.turned(
        cx, [(152, 536), (160, 552), (204, 690), (252, 836), (252, 868), (240, 880)], tone, tilt=tilt, gloss=0.8
    )
    s.glint("M462 600 C434 690 410 770 396 836", 24, 0.5, 9)
    with s.group(clip=body):
        s.path("M348 846 A252 38 0 0 0 852 846", stroke=tone.dark(0.5), stroke_width=4, opacity="0.45")
    s.turned(cx, [(150, 520), (158, 538)], tone, tilt=tilt, gloss=0.9)
    s.lid(cx, 520, 150, tone, tilt, 0.7)
    s.path(disc(cx, 519, 112, 16), stroke=tone.dark(0.4), stroke_width=3, opacity="0.4")
    s.turned(cx, [(16, 480), (18, 516)], STEEL, tilt=0.3, gloss=0.9, rounded=False)
    s.turned(cx, [(40, 446), (42, 462), (36, 480)], WALNUT, tilt=0.24, gloss=0.4)
    s.lid(cx, 446, 40, WALNUT, 0.24, 0.3)


def coffee_bag(s: Studio, tone: Tone) -> None:
    """A paper bag of coffee with a plain label, and some of its beans."""
    s.floor_shadow(600, 884, 268, 36)
    bag = (
        "M352 300 L848 300 L856 372 C872 500 880 700 872 870 Q868 892 846 894 L354 894 Q332 892 328 870 "
        "C320 700 328 500 344 372 Z"
    )
    s.path(
        bag,
        s.linear(
            (328, 0),
            (872, 0),
            [
                (0, tone.dark(0.42)),
                (0.07, tone.dark(0.10)),
                (0.15, tone.light(0.18)),
                (0.4, tone.light(0.08)),
                (0.8, tone.dark(0.08)),
                (0.9, tone.dark(0.22)),
                (1, tone.dark(0.5)),
            ],
        ),
    )
    s.speckle(bag, s.grain(0.3, 0.3, 1.1, tone.dark(0.6), 4), 0.32)
    with s.group(clip=bag):
        with s.group(blur=10, opacity=0.34):
            s.path(
                "M352 380 C420 470 400 560 372 720 M848 380 C790 460 800 560 838 700 M400 894 C470 850 740 850 800 894",
                stroke="#1d1713",
                stroke_width=20,
            )
        with s.group(blur=9, opacity=0.36):
            s.path(
                "M384 372 C470 440 450 540 420 660 M700 380 C760 410 776 470 776 540", stroke="#ffffff", stroke_width=16
            )
        s.shade(bag, [(0, "#1d1713", 0.0), (0.8, "#1d1713", 0.0), (1, "#1d1713", 0.36)], (0, 300), (0, 900))
    top = "M346 262 Q346 250 358 250 H842 Q854 250 854 262 L852 352 H348 Z"
    s.path(
        top,
        s.linear(
            (0, 250), (0, 352), [(0, tone.light(0.22)), (0.5, tone.base), (0.92, tone.dark(0.16)), (1, tone.dark(0.4))]
        ),
    )
    for y in (276, 292, 308):
        s.path(f"M348 {y} H852", stroke=tone.dark(0.45), stroke_width=2, opacity="0.4")
    s.path(box(330, 318, 540, 26, 8), s.linear((0, 318), (0, 344), [(0, "#3a3733"), (0.4, "#55514b"), (1, "#22201d")]))
    s.path(disc(600, 420, 20, 20), tone.dark(0.3))
    s.path(disc(598, 418, 16, 16), tone.light(0.1))
    for x, y in ((592, 412), (604, 412), (592, 424), (604, 424)):
        s.path(disc(x, y, 2.4, 2.4), tone.dark(0.6))
    label = box(424, 500, 352, 268, 6)
    s.path(label, s.linear((424, 500), (776, 768), [(0, "#fbf6ea"), (1, "#e2d8c4")]))
    s.path(box(424, 500, 352, 14), "#b5532f")
    _bean(s, 600, 604, 54, 28, Tone("#5a3520"))
    for y, half in ((682, 106), (706, 74), (736, 40)):
        s.path(box(600 - half, y, 2 * half, 8, 4), "#8a7b68")
    for x, y, turn in ((236, 936, 20), (318, 968, 110), (420, 950, -24), (962, 930, 62), (894, 974, -12)):
        s.floor_shadow(x, y + 16, 26, 8, 0.6)
        _bean(s, x, y, 30, turn, Tone("#5c3821"))


def _bean(s: Studio, x: float, y: float, size: float, turn: float, tone: Tone) -> None:
    """One coffee bean of half length ``size``, turned by ``turn`` degrees."""
    with s.group(turn=f"translate({n(x)} {n(y)}) rotate({n(turn)})"):
        s.path(
            disc(0, 0, size, size * 0.66),
            s.radial(
                (-size * 0.3, -size * 0.3), size * 1.3, [(0, tone.light(0.34)), (0.5, tone.base), (1, tone.dark(0.5))]
            ),
        )
        s.path(
            f"M{n(-size * 0.9)} {n(size * 0.1)} C{n(-size * 0.3)} {n(-size * 0.34)} {n(size * 0.3)} {n(size * 0.34)} "
            f"{n(size * 0.9)} {n(-size * 0.1)}",
            stroke=tone.dark(0.72),
            stroke_width=max(size * 0.11, 2),
        )


def teapot(s: Studio, tone: Tone) -> None:
    """A glass teapot with tea in it. The tone is the tea's."""
    cx, tilt = 590, 0.15
    s.floor_shadow(cx, 880, 200, 40, 0.8)
    with s.group(blur=26, opacity=0.45):
        s.path(disc(690, 916, 190, 30), tone.light(0.2))
    s.tube("M806 560 C930 520 962 620 934 706 C910 776 846 804 790 790", 30, Tone("#d4dfdc"), 0.8)
    spout = "M392 690 C318 668 300 580 262 520 L222 526 C240 620 262 740 376 778 Z"
    s.path("M384 690 C330 668 314 606 300 590 L262 606 C282 680 312 748 376 774 Z", tone.dark(0.1), opacity="0.85")
    s.glass(spout, 222, 392, _GLASS)
    s.turned(
        cx,
        [(232, 616), (250, 690), (236, 780), (196, 848), (150, 872)],
        tone,
        tilt=tilt,
        gloss=0.5,
        fill=s.radial((540, 760), 300, [(0, tone.light(0.36)), (0.55, tone.base), (1, tone.dark(0.36))]),
        foot=0.2,
    )
    s.lid(cx, 616, 232, Tone(tone.light(0.3)), tilt, 0.5)
    strainer = box(506, 500, 168, 250, 26)
    s.path(
        strainer,
        s.linear(
            (506, 0),
            (674, 0),
            [(0, "#8d8f8e", 0.5), (0.25, "#f4f4f2", 0.5), (0.6, "#b8bab8", 0.35), (1, "#6d6f6e", 0.55)],
        ),
    )
    mesh = s.stripes(9, 9, '<path d="M0 0H9M0 0V9" stroke="#3d3f3e" stroke-width="1.6" opacity="0.5"/>')
    s.path(strainer, mesh)
    s.path(box(512, 640, 156, 106, 24), "#4a2b12", opacity="0.55")
    wall = [(708, 498), (716, 520), (798, 574), (846, 680), (828, 788), (776, 856), (742, 876)]
    jar = f"M708 498 {curve(wall)} A152 23 0 0 1 438 876 {curve(mirrored(wall, cx))} A118 18 0 0 0 708 498 Z"
    s.glass(jar, 334, 846, _GLASS)
    s.glint("M396 620 C372 680 378 760 414 812", 18, 0.75, 5)
    s.glint("M784 616 C808 670 808 740 784 794", 8, 0.45, 4)
    s.turned(cx, [(120, 478), (124, 496)], STEEL, tilt=tilt, gloss=0.9)
    s.lid(cx, 478, 120, STEEL, tilt, 0.8)
    s.turned(cx, [(34, 426), (40, 444), (30, 472)], OAK, tilt=0.24, gloss=0.4)
    s.lid(cx, 426, 34, OAK, 0.24, 0.3)
