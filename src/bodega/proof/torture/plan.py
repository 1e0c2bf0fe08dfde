"""What a run of torture is to do. The command line reads this at each start, so it imports nothing heavy."""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """A kind of trouble."""

    KILL = "kill"
    """SIGKILL of any process: service, engine, gateway, edge, storefront, supervisor."""
    FREEZE = "freeze"
    """SIGSTOP for longer than a lease, then SIGCONT: whoever comes back believes that no time has passed."""
    LIE = "lie"
    """Processor, carrier or mail server lose requests or answers, are slow, refuse, or repeat their webhooks."""
    REDELIVER = "redeliver"
    """Events that were published before come once more, late."""


class Guard(StrEnum):
    """What keeps a promise, and can be taken out to see what it prevents."""

    FENCE = "fence"
    INBOX = "inbox"
    STOCK = "stock"
    IDEMPOTENCY_KEY = "idempotency-key"
    PURGE = "purge"


@dataclass(frozen=True)
class Plan:
    """How long, how much, and which faults. The same seed draws the same faults at the same seconds."""

    minutes: float = 5.0
    buyers: int = 50
    kill_every: float = 5.0
    """Seconds between two kills."""
    seed: int = 1
    faults: tuple[Fault, ...] = tuple(Fault)
    without: Guard | None = None
    """The shop runs without this guard."""

    @property
    def seconds(self) -> float:
        return self.minutes * 60
