"""A whole run: the floor, then what was asked for, in one instance."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import asyncpg
from aiokafka.errors import KafkaError

from bodega import __version__
from bodega.demo.api import SeedError
from bodega.platform.system import Instance
from bodega.proof.bench import floor, freshness, idle, meter, orders, reads, rush
from bodega.proof.bench.errors import BenchError, Refused
from bodega.proof.bench.ground import Ground, prepared
from bodega.proof.bench.plan import Plan, What
from bodega.proof.bench.report import ReadsOf, Report, Where
from bodega.proof.bench.waiting import Progress

MakeMerchant = Callable[[Instance], Awaitable[tuple[str, str]]]
"""Gives address and password."""

_FROM: Final[tuple[Where, ...]] = ("gateway", "edge")
_TROUBLE: Final = (
    SeedError,
    Refused,
    aiohttp.ClientError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    KafkaError,
    OSError,
)


async def measure(instance: Instance, merchant: MakeMerchant, plan: Plan, progress: Progress) -> Report:
    """All of a plan on an instance that runs and is new. `merchant` makes its merchant. Raises BenchError."""
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # it warns of passwords without TLS, on the loopback too
    try:
        async with prepared(instance, await merchant(instance), progress) as ground:
            return await _measure(ground, plan)
    except _TROUBLE as error:
        raise BenchError(str(error) or type(error).__name__) from error


async def _measure(ground: Ground, plan: Plan) -> Report:
    at_floor = await floor.measure(ground.instance, ground.progress)
    if {What.ORDERS, What.RUSH} & set(plan.what):
        await orders.warm_up(ground)
    guests = plan.guests if What.ORDERS in plan.what else ()
    measured: dict[str, Any] = {}
    if What.IDLE in plan.what and not plan.orders:
        measured["idle"] = await idle.measure(ground, plan.seconds)
    if What.READS in plan.what:
        measured["reads"] = await _reads(ground, plan)
    measured["orders"] = [await orders.measure(ground, at_once, plan.seconds) for at_once in guests]
    if What.RUSH in plan.what:
        measured["rush"] = await rush.measure(ground, plan.buyers, plan.units, plan.at_once)
    if What.FRESHNESS in plan.what:
        measured["freshness"] = await freshness.measure(ground, plan.changes)
    measured["memory_mb"] = meter.memory_mb(ground.instance)
    if What.IDLE in plan.what and plan.orders:  # last: some of them are under way for as long as the bench lasts
        measured["idle"] = await idle.measure(ground, plan.seconds, plan.orders)
    return Report(
        bodega=__version__,
        taken_at=datetime.now(UTC).replace(microsecond=0),
        topology=ground.instance.topology,
        machine=floor.machine(),
        floor=at_floor,
        **measured,
    )


async def _reads(ground: Ground, plan: Plan) -> list[ReadsOf]:
    seconds = plan.seconds / 4  # there are eight of them
    return [await reads.measure(ground, what, where, seconds) for what in reads.paths(ground) for where in _FROM]
