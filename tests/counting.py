"""What a piece of work costs its database, counted as docs/cost.toml counts it."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable

from bodega.kit import telemetry
from bodega.kit.telemetry import COST

COUNTED = "counted"
"""Under this name the work is counted: a flow in a test's hands is given it as its service."""


async def cost_of(work: Callable[[], Awaitable[object]]) -> Counter[str]:
    """By kind of work: `sql` (round trips, those of BEGIN and COMMIT too), `commit` (of what was written), `notify`,
    `event`, `call`. It has a trace of its own, so what runs beside it is not counted."""
    telemetry.setup(COUNTED)
    traced = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}

    async def counting() -> None:
        with telemetry.span(COUNTED, traced, cause="request", service=COUNTED):
            await work()

    before = _so_far()
    await asyncio.create_task(counting())
    return _so_far() - before


def _so_far() -> Counter[str]:
    found = Counter[str]()
    for family in COST.collect():
        for sample in family.samples:
            if sample.name == "traced_cost_total" and sample.labels["service"] == COUNTED:
                found[sample.labels["work"]] += int(sample.value)
    return found
