"""Idle: what a shop uses while nobody is in it."""

import asyncio

from bodega.proof.bench.ground import Ground
from bodega.proof.bench.meter import Meter, memory_mb
from bodega.proof.bench.report import Idle
from bodega.proof.bench.waiting import showing


async def measure(ground: Ground, seconds: float) -> Idle:
    """So long, from rest."""
    await ground.rests("idle")
    meter = Meter(ground.instance)
    async with showing(ground.progress, "idle", seconds):
        await asyncio.sleep(seconds)
    length = meter.seconds
    percent = {name: used * 100 / length for name, used in meter.cpu_seconds().items()}
    return Idle(seconds=length, cpu_percent=percent, memory_mb=memory_mb(ground.instance))
