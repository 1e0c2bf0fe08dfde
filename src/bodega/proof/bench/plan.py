"""What is to be measured. The command line reads this at each start, so it imports nothing heavy."""

from dataclasses import dataclass
from enum import StrEnum


class What(StrEnum):
    """What can be measured."""

    ORDERS = "orders"
    READS = "reads"
    RUSH = "rush"
    FRESHNESS = "freshness"
    IDLE = "idle"


@dataclass(frozen=True)
class Plan:
    """What to measure, and how much of it. Seconds are of each load."""

    what: tuple[What, ...] = tuple(What)
    guests: tuple[int, ...] = (1, 16, 64)
    seconds: float = 20.0
    buyers: int = 200
    units: int = 50
    at_once: int = 64
    changes: int = 20
    orders: int = 0
    """How many of the last hour an idle shop has in its tables."""
