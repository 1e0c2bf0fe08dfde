"""What is left of a run: its figures, and a page that shows them."""

import json
import statistics
import subprocess
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from bodega.platform.environment import inherited
from bodega.platform.system import ROOT
from bodega.proof import audit
from bodega.proof.torture.ledger import Ledger
from bodega.proof.torture.plan import Fault, Plan

_WIDTH: Final = 1000
_BARS: Final = 100
_ROWS: Final = {Fault.KILL: 20, Fault.FREEZE: 44, Fault.LIE: 68, Fault.REDELIVER: 92}


_TEMPLATES: Final = Environment(
    loader=PackageLoader("bodega.proof.torture", "."), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


@dataclass
class Report:
    """One run. `rest_seconds`: from the end of the load until nothing went on any more."""

    bodega: str
    began_at: datetime
    plan: Plan
    ledger: Ledger
    rest_seconds: float
    cpu_ms_per_order: float
    edits: int
    judged: audit.Report

    @property
    def violations(self) -> list[str]:
        """Each promise that was broken, in words."""
        return [
            *(f"{one.kind}: {one.what} (at {one.at:.1f} s)" for one in self.ledger.violations),
            *(finding.sentence for finding in self.judged.findings),
        ]

    @property
    def verdict(self) -> str:
        """In one line."""
        told = self.figures
        broken = "no promise was broken" if not self.violations else f"broken promises: {len(self.violations)}"
        return (
            f"{told['kills']} kills, {told['freezes']} freezes and {told['lies']} failures of the world outside in "
            f"{self.plan.minutes:g} minutes, {told['orders']} orders: {broken}"
        )

    @property
    def figures(self) -> dict[str, Any]:
        """What is told of the run, in the order in which it is told."""
        took = [seconds for _, seconds in self.ledger.latencies]
        return {
            "began": self.began_at.isoformat(),
            "bodega": self.bodega,
            "seed": self.plan.seed,
            "minutes": self.plan.minutes,
            "buyers": self.plan.buyers,
            **({"without": str(self.plan.without)} if self.plan.without else {}),
            **{f"{fault}s": self.ledger.count(fault) for fault in Fault},
            "edits": self.edits,
            "pages": self.ledger.pages,
            "oldest_price_seconds": round(self.ledger.stale_seconds, 1),
            "orders": len(self.ledger.orders),
            "checkout_p50_seconds": round(statistics.median(took), 2) if took else None,
            "checkout_longest_seconds": round(max(took), 2) if took else None,
            "cpu_ms_per_order": round(self.cpu_ms_per_order),
            "rest_seconds": round(self.rest_seconds, 1),
            "violations": len(self.violations),
        }

    def as_json(self) -> str:
        """Everything but what each buyer was told."""
        return json.dumps(
            {
                **self.figures,
                "ways": dict(Counter(one.kind for one in self.ledger.orders).most_common()),
                "looked_at": self.judged.looked_at,
                "unseen": self.judged.unseen,
                "findings": [finding.as_json() for finding in self.judged.findings],
                "found": self.violations,
                "log": self.ledger.as_json(),
            },
            indent=1,
        )

    def write_page(self, path: Path) -> None:
        """One HTML file that needs no other."""
        path.write_text(_TEMPLATES.get_template("report.html.j2").render(report=self, **self._timeline()))

    def write_picture(self, path: Path) -> None:
        """An SVG of the figures and the timeline, small enough for the top of a README."""
        picture = _TEMPLATES.get_template("picture.svg.j2")
        path.write_text(picture.render(figures=self.figures, commit=_commit(), **self._timeline()))

    def _timeline(self) -> dict[str, Any]:
        """A mark for each fault, a bar for the orders of each hundredth of the time."""
        length = max([self.plan.seconds, *(one.at for one in self.ledger.orders)])
        per_bar = Counter(min(_BARS - 1, int(one.at / length * _BARS)) for one in self.ledger.orders)
        most = max(per_bar.values(), default=1)
        slowest: dict[int, float] = {}
        for at, seconds in self.ledger.latencies:
            bar = min(_BARS - 1, int(at / length * _BARS))
            slowest[bar] = max(slowest.get(bar, 0.0), seconds)
        longest = max(slowest.values(), default=1.0)
        step = _WIDTH / _BARS
        return {
            "width": _WIDTH,
            "rows": {str(fault): y for fault, y in _ROWS.items()},
            "marks": [
                {"x": round(one.at / length * _WIDTH, 1), "y": _ROWS[Fault(one.kind)], "kind": one.kind, "at": one.at,
                 "what": one.what}
                for one in self.ledger.faults
            ],
            "bars": [
                {"x": round(bar * step, 1), "height": round(count / most * 80, 1), "count": count}
                for bar, count in sorted(per_bar.items())
            ],
            "bar_width": round(step * 0.8, 1),
            "slowest": " ".join(
                f"{bar * step + step / 2:.1f},{320 - seconds / longest * 80:.1f}"
                for bar, seconds in sorted(slowest.items())
            ),
            "longest": longest,
            "most": most,
            "length": length,
            "answers": self.ledger.answers.most_common(),
            "ways": Counter(one.kind for one in self.ledger.orders).most_common(),
            "broken": [
                {"x": round(min(one.at, length) / length * _WIDTH, 1), "what": one.what}
                for one in self.ledger.violations
            ],
        }  # fmt: skip


def _commit() -> str:
    """Of the code that ran; a plus, if it was changed since. "unknown", where there is no git."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--exclude=*", "--dirty=+"],
            cwd=ROOT, env=inherited(), capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
