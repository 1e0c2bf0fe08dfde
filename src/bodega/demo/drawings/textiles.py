"""Pictures of what is woven: throws, towels, cushions, aprons, bags of cloth."""

from __future__ import annotations

import itertools

from bodega.demo.drawings.studio import BRASS, LEATHER, OAK, WALNUT, Studio, Tone, box, curve, disc, n


def throw(s: Studio, tone: Tone) -> None:
    """A folded wool throw with a herringbone weave and a fringe."""
    s.floor_shadow(600, 880, 372, 34)
    herringbone = s.stripes(
        36,
        24,
        f'<path d="M0 24L18 0M9 36L27 12M-9 12L9 -12" stroke="{tone.dark(0.5)}" stroke-width="5" opacity="0.22"/>'
        f'<path d="M36 24L18 0M27 36L9 12M45 12L27 -12" stroke="{tone.light(0.7)}" stroke-width="5" opacity="0.22"/>',
    )
    layers = ((236, 780, 738, 108), (228, 676, 752, 112), (238, 572, 734, 112), (246, 472, 716, 108))
    for i, (x, y, width, height) in enumerate(layers):
        fold = box(x, y, width, height, 54)
        s.path(
            fold,
            s.linear(
                (0, y),
                (0, y + height),
                [
                    (0, tone.dark(0.06)),
                    (0.25, tone.light(0.22)),
                    (0.55, tone.base),
                    (0.85, tone.dark(0.34)),
                    (1, tone.dark(0.58)),
                ],
            ),
        )
        s.path(fold, herringbone, opacity="0.8")
        s.path(
            fold,
            s.linear(
                (x, 0),
                (x + width, 0),
                [
                    (0, "#1d1713", 0.40),
                    (0.08, "#1d1713", 0.0),
                    (0.5, "#ffffff", 0.06),
                    (0.9, "#1d1713", 0.05),
                    (1, "#1d1713", 0.42),
                ],
            ),
        )
        if i < len(layers) - 1:
            with s.group(clip=fold, blur=9, opacity=0.5):
                s.path(box(x + 10, y - 10, width - 20, 26), "#1d1713")
    top = "M262 494 C300 448 350 436 420 434 H800 C870 436 910 452 944 494 C920 520 280 520 262 494 Z"
    s.path(top, s.linear((250, 430), (950, 520), [(0, tone.light(0.34)), (0.5, tone.light(0.1)), (1, tone.dark(0.1))]))
    s.path(top, herringbone)
    with s.group(blur=7, opacity=0.4):
        s.path("M700 560 H900 V820 H700 Z", "#1d1713", transform="translate(10 8)")
    flap = "M690 476 H900 L904 806 H694 Z"
    s.path(
        flap,
        s.linear(
            (690, 0), (904, 0), [(0, tone.dark(0.12)), (0.2, tone.light(0.16)), (0.7, tone.base), (1, tone.dark(0.2))]
        ),
    )
    s.path(flap, herringbone)
    s.shade(
        flap,
        [(0, "#ffffff", 0.22), (0.3, "#ffffff", 0.0), (0.7, "#1d1713", 0.0), (1, "#1d1713", 0.22)],
        (0, 470),
        (0, 806),
    )
    for i in range(18):
        hem = 700 + i * 11.8
        sway = (i * 7 % 5 - 2) * 2.2
        d = f"M{n(hem)} 800 C{n(hem + sway)} 820 {n(hem - sway)} 842 {n(hem + sway)} {864 + i * 5 % 9}"
        s.path(d, stroke=tone.dark(0.4), stroke_width=8, stroke_linecap="round")
        s.path(d, stroke=tone.light(0.12) if i % 2 else tone.base, stroke_width=5, stroke_linecap="round")
    s.path("M692 802 H904", stroke=tone.dark(0.4), stroke_width=4, opacity="0.6")


def towel(s: Studio, tone: Tone) -> None:
    """A waffle towel over a rail."""
    body = (
        "M348 300 H852 C858 480 848 700 860 948 C780 958 700 944 600 952 C500 960 430 946 342 954 "
        "C354 720 340 500 348 300 Z"
    )
    s.flat_shadow(body, 1.1)
    s.path(body, tone.base)
    waffle = s.stripes(
        24,
        24,
        f'<rect width="24" height="24" fill="{tone.light(0.12)}"/>'
        f'<rect x="4" y="4" width="18" height="18" fill="{tone.dark(0.22)}"/>'
        f'<path d="M4 22L22 22L22 4Z" fill="{tone.base}"/>'
        f'<rect x="8" y="8" width="11" height="11" fill="{tone.dark(0.12)}"/>',
    )
    s.path(body, waffle, opacity="0.8")
    with s.group(clip=body):
        for y in (902, 914):
            s.path(
                f"M330 {y} C430 {y - 6} 520 {y + 8} 600 {y} S780 {y + 4} 870 {y - 4}",
                stroke=tone.dark(0.3),
                stroke_width=3,
            )
        s.path("M330 921 H870 V970 H330 Z", tone.light(0.05))
        with s.group(blur=16):
            for x, width, ink, share in (
                (382, 34, "#1d1713", 0.22),
                (436, 30, "#ffffff", 0.26),
                (520, 40, "#1d1713", 0.18),
                (590, 34, "#ffffff", 0.24),
                (668, 44, "#1d1713", 0.20),
                (742, 30, "#ffffff", 0.22),
                (816, 46, "#1d1713", 0.26),
            ):
                s.path(
                    f"M{x} 290 C{x + 10} 480 {x - 12} 720 {x + 4} 970",
                    stroke=ink,
                    stroke_width=width,
                    opacity=f"{share}",
                )
        s.shade(
            body,
            [
                (0, "#ffffff", 0.30),
                (0.06, "#ffffff", 0.05),
                (0.12, "#1d1713", 0.16),
                (0.3, "#1d1713", 0.0),
                (1, "#1d1713", 0.16),
            ],
            (0, 280),
            (0, 960),
        )
    s.flat_shadow(box(210, 262, 780, 26, 13), 0.9)
    for x in (236, 964):
        s.turned(x, [(26, 250), (26, 300)], BRASS, tilt=0.2, gloss=0.9)
    rail = box(210, 262, 780, 28, 14)
    s.path(
        rail,
        s.linear(
            (0, 262),
            (0, 290),
            [(0, BRASS.dark(0.1)), (0.25, BRASS.light(0.6)), (0.6, BRASS.base), (1, BRASS.dark(0.5))],
        ),
    )
    over = "M348 270 Q600 246 852 270 V322 Q600 330 348 322 Z"
    s.path(
        over,
        s.linear(
            (0, 250), (0, 326), [(0, tone.dark(0.05)), (0.3, tone.light(0.4)), (0.7, tone.base), (1, tone.dark(0.12))]
        ),
    )
    with s.group(clip=over, opacity=0.5):
        s.path(box(330, 240, 540, 90), waffle)


def cushion(s: Studio, tone: Tone) -> None:
    """A linen cushion, standing."""
    s.floor_shadow(600, 900, 330, 36)
    d = (
        "M262 268 C300 250 330 276 372 284 C520 304 690 304 832 282 C876 274 908 250 940 270 C956 300 932 336 926 378 "
        "C908 520 908 680 928 806 C934 848 958 880 942 908 C912 926 876 904 832 896 C690 876 520 876 370 898 "
        "C328 906 292 928 262 908 C244 880 268 846 274 804 C292 670 292 520 274 376 C268 334 244 298 262 268 Z"
    )
    s.path(
        d,
        s.radial(
            (500, 480), 560, [(0, tone.light(0.24)), (0.45, tone.base), (0.8, tone.dark(0.22)), (1, tone.dark(0.44))]
        ),
    )
    s.cloth(d, tone, 0.9)
    with s.group(clip=d):
        with s.group(blur=18, opacity=0.34):
            s.path(
                "M262 268 C330 360 380 400 430 440 M940 270 C880 350 830 390 780 430 M262 908 C330 820 390 780 440 750 "
                "M942 908 C880 820 820 790 770 750 M540 880 C560 810 550 770 570 720",
                stroke="#1d1713",
                stroke_width=26,
            )
        with s.group(blur=16, opacity=0.30):
            s.path(
                "M290 330 C350 400 400 420 470 450 M850 330 C800 390 770 410 730 430 M330 850 C380 800 420 770 460 760",
                stroke="#ffffff",
                stroke_width=20,
            )
        s.shade(d, [(0, "#1d1713", 0.0), (0.6, "#1d1713", 0.0), (1, "#1d1713", 0.36)], (300, 300), (860, 960))
    s.path(d, stroke=tone.dark(0.5), stroke_width=9, opacity="0.55")
    s.path(d, stroke=tone.light(0.25), stroke_width=4, opacity="0.6", transform="translate(-1.5 -2)")


def apron(s: Studio, tone: Tone) -> None:
    """A linen apron on a wooden peg."""
    loop = "M470 330 C480 200 540 150 600 150 C660 150 720 200 730 330"
    s.flat_shadow("M470 330 H730 C740 440 790 500 872 536 V950 Q600 980 328 950 V536 C410 500 460 440 470 330 Z", 1.1)
    for width, ink in ((26, tone.dark(0.4)), (20, tone.dark(0.08))):
        s.path(loop, stroke=ink, stroke_width=width)
    for shade, tie in ((0.06, "M330 548 C280 600 250 690 262 800"), (0.16, "M870 548 C922 610 946 700 930 810")):
        s.path(tie, stroke=tone.dark(0.36), stroke_width=20, stroke_linecap="round")
        s.path(tie, stroke=tone.dark(shade), stroke_width=14, stroke_linecap="round")
    body = (
        "M470 322 H730 C740 440 790 500 872 536 C866 680 884 820 872 950 C760 976 440 976 328 950 "
        "C316 820 336 680 328 536 C410 500 460 440 470 322 Z"
    )
    s.path(body, s.linear((330, 320), (880, 960), [(0, tone.light(0.16)), (0.5, tone.base), (1, tone.dark(0.18))]))
    s.cloth(body, tone, 0.9, 4)
    with s.group(clip=body, blur=18):
        for x, ink, share in (
            (400, "#1d1713", 0.26),
            (470, "#ffffff", 0.22),
            (690, "#1d1713", 0.20),
            (760, "#ffffff", 0.18),
            (830, "#1d1713", 0.24),
        ):
            s.path(
                f"M{n(600 + (x - 600) * 0.45)} 380 C{x} 560 {x - 14} 760 {x + 10} 980",
                stroke=ink,
                stroke_width=30,
                opacity=f"{share}",
            )
    s.path("M472 344 H728", stroke=tone.dark(0.4), stroke_width=2, stroke_dasharray="9 6")
    s.path("M338 936 C450 958 750 958 862 936", stroke=tone.dark(0.4), stroke_width=2, stroke_dasharray="9 6")
    pocket = "M440 620 H760 L752 806 Q750 820 736 820 H464 Q450 820 448 806 Z"
    with s.group(blur=6, opacity=0.42):
        s.path(pocket, "#1d1713", transform="translate(5 8)")
    s.path(pocket, s.linear((440, 620), (760, 820), [(0, tone.light(0.14)), (1, tone.dark(0.12))]))
    s.cloth(pocket, tone, 0.9, 9)
    s.path(
        "M450 636 H750 M600 624 V816 M456 640 L462 808 H738 L744 640",
        stroke=tone.dark(0.45),
        stroke_width=2,
        stroke_dasharray="9 6",
    )
    for x, y in ((486, 340), (714, 340)):
        s.path(disc(x, y, 12, 12), BRASS.dark(0.4))
        s.path(disc(x - 1, y - 1, 10, 10), s.radial((x - 4, y - 4), 16, [(0, BRASS.light(0.7)), (1, BRASS.dark(0.2))]))
    s.floor_shadow(612, 176, 34, 26, 0.6)
    s.path(disc(600, 160, 36, 36), OAK.dark(0.4))
    s.path(
        disc(598, 157, 34, 34), s.radial((586, 144), 52, [(0, OAK.light(0.45)), (0.6, OAK.base), (1, OAK.dark(0.3))])
    )


def tote(s: Studio, tone: Tone) -> None:
    """A canvas tote bag with leather-tipped handles."""
    s.floor_shadow(600, 926, 300, 34)
    for shift, share in ((-22, 0.42), (0, 0.1)):
        d = (
            f"M446 {484 + shift} C446 {232 + shift * 2} 500 {170 + shift * 2} 600 {170 + shift * 2} "
            f"C700 {170 + shift * 2} 754 {232 + shift * 2} 754 {484 + shift}"
        )
        s.path(d, stroke=tone.dark(share + 0.3), stroke_width=40)
        s.path(d, stroke=tone.dark(share), stroke_width=34)
        s.path(d, stroke=tone.dark(share + 0.26), stroke_width=24, opacity="0.25", stroke_dasharray="8 6")
    s.path("M300 436 C400 420 800 420 900 436 L896 470 H304 Z", tone.dark(0.52))
    body = (
        "M296 440 C420 456 780 456 904 440 C916 600 930 760 934 900 C936 926 922 934 900 936 "
        "C700 946 500 946 300 936 C278 934 264 926 266 900 C270 760 284 600 296 440 Z"
    )
    s.path(body, s.linear((270, 430), (940, 930), [(0, tone.light(0.22)), (0.45, tone.base), (1, tone.dark(0.24))]))
    s.cloth(body, tone, 1.0, 6)
    with s.group(clip=body):
        with s.group(blur=20, opacity=0.26):
            s.path(
                "M330 470 C400 640 370 780 330 930 M860 480 C800 620 830 800 880 920 M420 940 C520 840 700 850 780 940",
                stroke="#1d1713",
                stroke_width=32,
            )
        with s.group(blur=16, opacity=0.28):
            s.path(
                "M400 480 C460 640 440 740 420 860 M760 480 C730 580 740 660 760 720", stroke="#ffffff", stroke_width=26
            )
        s.path("M290 492 C420 508 780 508 910 492", stroke=tone.dark(0.42), stroke_width=2.5, stroke_dasharray="9 6")
    for x in (426, 734):
        patch = box(x, 462, 40, 84, 6)
        with s.group(blur=4, opacity=0.4):
            s.path(patch, "#1d1713", transform="translate(3 5)")
        s.path(patch, s.linear((x, 0), (x + 40, 0), [(0, LEATHER.light(0.2)), (1, LEATHER.dark(0.2))]))
        for y in (482, 524):
            s.path(disc(x + 20, y, 7, 7), BRASS.dark(0.3))
            s.path(disc(x + 19, y - 1, 5, 5), BRASS.light(0.4))
    label = box(548, 640, 104, 68, 6)
    s.path(label, s.linear((548, 640), (652, 708), [(0, LEATHER.light(0.2)), (1, LEATHER.dark(0.18))]))
    s.path(disc(600, 674, 17, 17), stroke=LEATHER.dark(0.55), stroke_width=4)
    s.path(f"M583 674 {curve([(583, 674), (600, 664), (617, 674)])}", stroke=LEATHER.dark(0.55), stroke_width=4)


def backpack(s: Studio, tone: Tone) -> None:
    """A roll-top canvas backpack with leather straps."""
    s.floor_shadow(600, 930, 286, 40)
    s.tube("M536 236 C536 168 664 168 664 236", 26, LEATHER, 0.2)
    for side in (-1, 1):
        s.tube(
            f"M{600 + side * 262} 420 C{600 + side * 330} 560 {600 + side * 330} 740 {600 + side * 268} 850",
            34,
            Tone(tone.dark(0.3)),
            0.1,
        )
    body = (
        "M352 300 C348 256 372 232 420 228 H780 C828 232 852 256 848 300 L876 820 C884 900 852 936 790 940 "
        "C660 952 540 952 410 940 C348 936 316 900 324 820 Z"
    )
    s.path(
        body,
        s.linear(
            (324, 0),
            (876, 0),
            [
                (0, tone.dark(0.44)),
                (0.1, tone.dark(0.1)),
                (0.3, tone.light(0.18)),
                (0.6, tone.base),
                (0.88, tone.dark(0.28)),
                (1, tone.dark(0.5)),
            ],
        ),
    )
    s.cloth(body, tone, 1.0, 8)
    s.shade(body, [(0, "#1d1713", 0.0), (0.7, "#1d1713", 0.0), (1, "#1d1713", 0.42)], (0, 300), (0, 950))
    pocket = (
        "M392 640 C460 624 740 624 808 640 L824 850 C828 892 806 908 770 910 C650 918 550 918 430 910 "
        "C394 908 372 892 376 850 Z"
    )
    with s.group(blur=9, opacity=0.5):
        s.path(pocket, "#1d1713", transform="translate(6 8)")
    s.path(pocket, s.linear((376, 620), (824, 910), [(0, tone.light(0.24)), (0.5, tone.base), (1, tone.dark(0.26))]))
    s.cloth(pocket, tone, 1.0, 12)
    s.path("M400 668 C470 652 730 652 800 668", stroke=tone.dark(0.5), stroke_width=2.5, stroke_dasharray="9 6")
    s.path("M398 652 C470 636 730 636 802 652", stroke=BRASS.dark(0.2), stroke_width=6, stroke_dasharray="5 3")
    flap = (
        "M344 262 C340 224 372 208 420 206 H780 C828 208 860 224 856 262 L868 530 C868 566 850 578 816 582 "
        "C680 594 520 594 384 582 C350 578 332 566 332 530 Z"
    )
    with s.group(blur=10, opacity=0.5):
        s.path(flap, "#1d1713", transform="translate(4 12)")
    s.path(
        flap,
        s.linear(
            (332, 0),
            (868, 0),
            [
                (0, tone.dark(0.36)),
                (0.1, tone.base),
                (0.3, tone.light(0.26)),
                (0.62, tone.light(0.04)),
                (0.9, tone.dark(0.22)),
                (1, tone.dark(0.42)),
            ],
        ),
    )
    s.cloth(flap, tone, 1.0, 14)
    s.shade(
        flap,
        [(0, "#ffffff", 0.26), (0.2, "#ffffff", 0.0), (0.8, "#1d1713", 0.0), (1, "#1d1713", 0.22)],
        (0, 206),
        (0, 590),
    )
    s.path("M350 560 C500 576 700 576 850 560", stroke=tone.dark(0.5), stroke_width=2.5, stroke_dasharray="9 6")
    for x in (442, 722):
        strap = box(x, 420, 36, 286, 8)
        with s.group(blur=5, opacity=0.5):
            s.path(strap, "#1d1713", transform="translate(4 6)")
        s.path(
            strap,
            s.linear(
                (x, 0), (x + 36, 0), [(0, LEATHER.light(0.1)), (0.35, LEATHER.light(0.28)), (1, LEATHER.dark(0.3))]
            ),
        )
        s.path(
            f"M{x + 6} 428 V700 M{x + 30} 428 V700",
            stroke=LEATHER.light(0.55),
            stroke_width=1.6,
            stroke_dasharray="6 5",
            opacity="0.7",
        )
        s.path(box(x - 7, 610, 50, 46, 6), stroke=BRASS.dark(0.35), stroke_width=9)
        s.path(box(x - 8, 609, 50, 46, 6), stroke=BRASS.light(0.3), stroke_width=5)
        s.path(f"M{x + 18} 604 V646", stroke=BRASS.light(0.2), stroke_width=5)
    label = box(548, 470, 104, 60, 6)
    s.path(label, s.linear((548, 470), (652, 530), [(0, LEATHER.light(0.24)), (1, LEATHER.dark(0.2))]))
    s.path(
        "M572 514 L592 488 L604 502 L614 492 L630 514 Z",
        stroke=LEATHER.dark(0.6),
        stroke_width=4,
        stroke_linejoin="round",
    )


def umbrella(s: Studio, tone: Tone) -> None:
    """An open umbrella with a wooden handle."""
    s.floor_shadow(640, 986, 190, 24, 0.55)
    with s.group(turn="rotate(14 600 560)"):
        s.path(box(594, 180, 12, 640), s.linear((594, 0), (606, 0), [(0, "#8d8f90"), (0.4, "#f1f1ee"), (1, "#4d4e4f")]))
        s.tube("M600 770 V900 C600 972 500 972 500 900 V884", 30, WALNUT, 0.5)
        s.path(box(588, 756, 24, 22, 4), BRASS.base)
        ribs = [186, 300, 440, 600, 760, 900, 1014]
        under = (
            "M186 574 "
            + " ".join(f"Q{n((a + b) / 2)} 540 {b} 574" for a, b in itertools.pairwise(ribs))
            + " C900 470 300 470 186 574 Z"
        )
        s.path(under, tone.dark(0.66))
        for i, (a, b) in enumerate(itertools.pairwise(ribs)):
            pull_a, pull_b = 600 + (a - 600) * 0.80, 600 + (b - 600) * 0.80
            panel = (
                f"M600 196 C{n(600 + (a - 600) * 0.42)} 220 {n(pull_a)} 330 {a} 574 Q{n((a + b) / 2)} 528 {b} 574 "
                f"C{n(pull_b)} 330 {n(600 + (b - 600) * 0.42)} 220 600 196 Z"
            )
            share = (0.16, 0.30, 0.20, 0.02, -0.12, -0.30)[i]
            face = tone.light(share) if share > 0 else tone.dark(-share)
            s.path(panel, face)
            s.shade(
                panel, [(0, "#ffffff", 0.22), (0.45, "#ffffff", 0.02), (1, "#1d1713", 0.26)], (560, 196), (640, 590)
            )
            s.shade(
                panel,
                [
                    (0, "#1d1713", 0.24),
                    (0.12, "#1d1713", 0.0),
                    (0.5, "#ffffff", 0.08),
                    (0.9, "#1d1713", 0.0),
                    (1, "#1d1713", 0.20),
                ],
                (a, 0),
                (b, 0),
            )
            s.path(
                f"M600 196 C{n(600 + (b - 600) * 0.42)} 220 {n(pull_b)} 330 {b} 574",
                stroke=tone.dark(0.5),
                stroke_width=2.5,
                opacity="0.6",
            )
        for x in ribs:
            s.path(box(x - 4, 570, 8, 18, 4), BRASS.base)
        s.path("M590 200 L597 136 H603 L610 200 Z", BRASS.dark(0.1))
        s.path(disc(600, 136, 7, 7), BRASS.light(0.3))
