"""What happened in a run: faults, answers, orders, and what must not have happened."""

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Happened:
    """Something at so many seconds after the beginning."""

    at: float
    kind: str
    what: str


@dataclass
class Told:
    """What a buyer was answered of a checkout, as `bodega audit --answers` reads it."""

    key: str
    """The Idempotency-Key."""
    status: int
    code: str | None
    order: str | None
    """Its number."""
    lines: list[dict[str, Any]]
    """`sku` and `quantity`, as the cart had acknowledged them."""


@dataclass
class Ledger:
    """Of one run. Seconds count from when it was made."""

    began: float = field(default_factory=time.monotonic)
    faults: list[Happened] = field(default_factory=list)
    violations: list[Happened] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    """By status and code, of all requests of buyers."""
    troubles: list[Happened] = field(default_factory=list)
    """5xx but `busy`, and no answer. kind: as in `answers`; what: the request, and what came instead of an answer."""
    told: list[Told] = field(default_factory=list)
    orders: list[Happened] = field(default_factory=list)
    """kind: how the buyer went about it; what: the order's number."""
    latencies: list[tuple[float, float]] = field(default_factory=list)
    """Of each order: when it was there, and how many seconds it took from Pay to the order."""
    pages: int = 0
    """Product pages that visitors have looked at."""
    stale_seconds: float = 0.0
    """The longest for which one of them showed a price that had been replaced."""
    memory_mb: list[tuple[float, float]] = field(default_factory=list)
    """Of all processes, and when."""
    transient_rows: list[tuple[float, int]] = field(default_factory=list)
    """Events that are not published and flows that have not ended, of all services, and when."""
    outbox_kb: list[tuple[float, float]] = field(default_factory=list)
    """What the outboxes take on the disk: they are filled and emptied all the time."""

    @property
    def now(self) -> float:
        return time.monotonic() - self.began

    def fault(self, kind: str, what: str) -> None:
        self.faults.append(Happened(self.now, kind, what))

    def violation(self, kind: str, what: str) -> None:
        """A promise that was broken, as whoever was told of it saw it."""
        self.violations.append(Happened(self.now, kind, what))

    def trouble(self, kind: str, what: str) -> None:
        """Counted as an answer, and kept."""
        self.answers[kind] += 1
        self.troubles.append(Happened(self.now, kind, what))

    def order(self, how: str, number: str, seconds: float) -> None:
        self.orders.append(Happened(self.now, how, number))
        self.latencies.append((self.now, seconds))

    def page(self, stale_seconds: float) -> None:
        self.pages += 1
        self.stale_seconds = max(self.stale_seconds, stale_seconds)

    def count(self, kind: str) -> int:
        """How many faults of a kind there were."""
        return sum(one.kind == kind for one in self.faults)

    def write_answers(self, path: Path) -> None:
        """JSON lines, in the order in which they were given."""
        path.write_text("".join(json.dumps(asdict(one)) + "\n" for one in self.told))

    def as_json(self) -> dict[str, Any]:
        """All but what each buyer was told, which has a file of its own."""
        return {
            "faults": [asdict(one) for one in self.faults],
            "answers": dict(self.answers.most_common()),
            "orders": [asdict(one) for one in self.orders],
            "latencies": self.latencies,
            "memory_mb": self.memory_mb,
            "transient_rows": self.transient_rows,
            "outbox_kb": self.outbox_kb,
        }
