"""Which fault comes when, drawn from the seed of a plan: pure, so that a run can be repeated."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from bodega.platform.system import Instance
from bodega.proof.torture.plan import Fault, Plan

FREEZE_EVERY_SECONDS: Final = 20.0
LIE_EVERY_SECONDS: Final = 3.0
REDELIVER_EVERY_SECONDS: Final = 10.0

_LOST = ("timeout_before", "timeout_after", "error_500", "error_500_after", "drop_before", "drop_after", "slow")
_PROCESSOR = ("create", "confirm", "capture", "cancel", "refund", "update", "retrieve", "list")
_CARRIER = ("carrier.labels", "carrier.labels.find", "carrier.rates", "carrier.track")
LIES: Final[tuple[tuple[str, str], ...]] = (
    *((target, kind) for target in (*_PROCESSOR, *_CARRIER) for kind in _LOST),
    *(("smtp", kind) for kind in ("timeout_before", "timeout_after", "drop_before", "drop_after", "slow")),
    *(("webhooks", kind) for kind in ("slow", "duplicate", "refuse")),
)
"""What the sandbox can do wrong, but for refusals, which are decisions: (target, kind)."""


@dataclass(frozen=True)
class Planned:
    """A fault that is to come `at` so many seconds after the beginning. `seconds`: how long it lasts, if it does."""

    at: float
    fault: Fault
    target: str
    seconds: float = 0.0
    how: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        how = " ".join(f"{name}={value}" for name, value in self.how.items())
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.fault} {self.target}{lasting} {how}".rstrip()


@dataclass(frozen=True)
class Targets:
    """What there is to break: processes by the names that `bodega status` shows, and topics."""

    killed: Sequence[str]
    frozen: Sequence[str]
    topics: Sequence[str]

    @classmethod
    def of(cls, instance: Instance) -> "Targets":
        system, suffixes = instance.system, ("", *(f"-{n + 2}" for n in range(instance.spec.replicas - 1)))
        services = [f"{name}{suffix}" for name in system.services for suffix in suffixes]
        parents = [f"services{suffix}" for suffix in suffixes]
        engines = [name for name in system.engines if name != "docs"]
        return cls(
            killed=[*services, *parents, *engines, "supervisor"],
            frozen=[*services, "purger", "sandbox", "storefront"],
            topics=sorted({service.publishes for service in system.services.values() if service.publishes}),
        )


def schedule(plan: Plan, targets: Targets, lease_seconds: float) -> list[Planned]:
    """All faults of a run, in their order. Each kind is drawn by itself: leaving one out changes no other."""
    drawn = {
        Fault.KILL: _kills(plan, targets),
        Fault.FREEZE: _freezes(plan, targets, lease_seconds),
        Fault.LIE: _lies(plan),
        Fault.REDELIVER: _redeliveries(plan, targets),
    }
    return sorted((one for kind in plan.faults for one in drawn[kind]), key=lambda one: one.at)


def _kills(plan: Plan, targets: Targets) -> Iterator[Planned]:
    """Everything once before anything twice."""
    rng, left = _rng(plan, Fault.KILL), list[str]()
    for at in _every(plan, plan.kill_every, rng):
        if not left:
            left = rng.sample(targets.killed, len(targets.killed))
        yield Planned(at, Fault.KILL, left.pop())


def _freezes(plan: Plan, targets: Targets, lease_seconds: float) -> Iterator[Planned]:
    rng = _rng(plan, Fault.FREEZE)
    for at in _every(plan, FREEZE_EVERY_SECONDS, rng):
        yield Planned(at, Fault.FREEZE, rng.choice(targets.frozen), lease_seconds * rng.uniform(1.2, 2.5))


def _lies(plan: Plan) -> Iterator[Planned]:
    rng = _rng(plan, Fault.LIE)
    for at in _every(plan, LIE_EVERY_SECONDS, rng):
        target, kind = rng.choice(LIES)
        yield Planned(
            at, Fault.LIE, target, how={"kind": kind, "times": rng.randint(1, 4), "seconds": rng.choice((0.5, 2, 8))}
        )


def _redeliveries(plan: Plan, targets: Targets) -> Iterator[Planned]:
    rng = _rng(plan, Fault.REDELIVER)
    for at in _every(plan, REDELIVER_EVERY_SECONDS, rng):
        how = {"events": rng.randint(1, 20), "back": rng.randint(0, 200)}
        yield Planned(at, Fault.REDELIVER, rng.choice(targets.topics), how=how)


def _every(plan: Plan, seconds: float, rng: Random) -> Iterator[float]:
    """A moment in each of the stretches of so many seconds that the run has."""
    for number in range(int(plan.seconds / seconds)):
        yield (number + rng.random()) * seconds


def _rng(plan: Plan, fault: Fault) -> Random:
    return Random(f"{plan.seed}/{fault}")  # noqa: S311 - repeatable is what it has to be
