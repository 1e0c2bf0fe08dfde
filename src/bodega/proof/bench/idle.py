"""Idle: what a shop uses while nobody is in it, after as many orders of the last hour as wanted."""

import asyncio

from bodega.proof.bench import history
from bodega.proof.bench.ground import Ground
from bodega.proof.bench.meter import Meter, memory_mb
from bodega.proof.bench.report import Idle
from bodega.proof.bench.waiting import showing


async def measure(ground: Ground, seconds: float, orders: int = 0) -> Idle:
    """So long, from rest."""
    await ground.rests("idle")
    if orders:
        await history.fill(ground, orders)
    meter = Meter(ground.instance)
    async with showing(ground.progress, "idle", seconds):
        await asyncio.sleep(seconds)
    length = meter.seconds
    percent = {name: used * 100 / length for name, used in meter.cpu_seconds().items()}
    services = ground.instance.system.services
    return Idle(
        seconds=length,
        orders=orders,
        times=ground.instance.profile,
        cpu_percent=percent,
        services_percent=sum(used for name, used in percent.items() if name.removeprefix("postgres ") in services),
        memory_mb=memory_mb(ground.instance),
    )
