"""`docs/cost.md`: what one order costs, counted, and what a large catalog costs, measured, from `docs/cost.toml`.

Counts are the same on every machine, and times are not: a change that makes an order dearer raises a count, and fails
`tests/journeys/test_cost.py` until the budget is raised with it.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bodega.platform.system import ROOT

SOURCE = Path("docs/cost.toml")

WORKS: Final[Mapping[str, str]] = {
    "sql": "SQL round trips",
    "commit": "commits that reach the disk",
    "notify": "NOTIFYs",
    "event": "events told",
    "delivery": "events delivered to a service that subscribes to them",
    "call": "calls from service to service",
    "processor": "calls to the card processor",
    "carrier": "calls to the carrier",
    "mongo": "calls to MongoDB",
    "valkey": "calls to Valkey",
    "search engine": "requests to the search engine",
    "object storage": "requests to object storage",
}
"""The kinds of work that are counted (`kit.telemetry.count`), in words."""

Counts = dict[str, int]


def _source(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / SOURCE).read_text())


def budgets(root: Path = ROOT) -> dict[str, dict[str, Counts]]:
    """`before_the_answer` and `in_all` -> service -> work -> how often at most."""
    return {part: counts for part, counts in _source(root).items() if part != "catalogue"}


def _catalogue(root: Path = ROOT) -> list[str]:
    """The table of a catalog that grows, measured by `tests/catalog/growth.py`."""
    found = _source(root)["catalogue"]
    head, *rows = found["table"]
    return [
        "# What a large catalog costs",
        "",
        f"Measured {found['date']} on {found['machine']}.",
        *found["words"].strip().splitlines(),
        "",
        f"| {' | '.join(head)} |",
        "|---" * len(head) + "|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def total(of_services: Mapping[str, Counts]) -> Counts:
    """All services together, by work."""
    return {work: sum(counts.get(work, 0) for counts in of_services.values()) for work in WORKS}


def cost() -> str:
    """`docs/cost.md`."""
    found = budgets()
    before, in_all = total(found["before_the_answer"]), total(found["in_all"])
    lines = [
        "# What an order costs",
        "<!-- Written by `python -m bodega.platform.maps` from docs/cost.toml. Do not edit. -->",
        "",
        "One guest, one line, a card without a challenge, captured with the order. Counted by the services themselves",
        "(`traced_cost_total` of `/metrics`, for requests that are traced) on the real engines by",
        "`tests/journeys/test_cost.py`, which fails when a count is above the one here. Looking for work that is not",
        "there, and what the card processor's webhooks cost, belongs to no order and is not in it.",
        "",
        "| | before the shopper is answered | in all, until the label and the mails are done |",
        "|---|---|---|",
        *(f"| {words} | {before[work]} | {in_all[work]} |" for work, words in WORKS.items()),
        "",
        "## By service, in all",
        "",
        "| | " + " | ".join(WORKS) + " |",
        "|---" * (len(WORKS) + 1) + "|",
        *(
            f"| {service} | " + " | ".join(str(counts.get(work, "")) for work in WORKS) + " |"
            for service, counts in sorted(found["in_all"].items())
        ),
        "",
        *_catalogue(),
    ]
    return "\n".join(lines)
