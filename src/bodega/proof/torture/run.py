"""A whole run: goods, then load and faults at the same time, then rest, then the judgement."""

import asyncio
import itertools
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from random import Random
from typing import Final

import aiohttp
import asyncpg
from aiokafka.errors import KafkaError

from bodega import __version__
from bodega.demo.api import SeedError, ShopApi
from bodega.platform import control, state
from bodega.platform.secrets import Secrets
from bodega.platform.settings import admin_url, database_name
from bodega.platform.system import Instance
from bodega.proof import audit
from bodega.proof.audit import answers
from bodega.proof.bench import meter
from bodega.proof.bench.buyers import Addresses, one_error
from bodega.proof.bench.errors import BenchError
from bodega.proof.bench.ground import Merchant
from bodega.proof.bench.rest import Rest
from bodega.proof.torture.buyers import Buyer
from bodega.proof.torture.drop import Drop
from bodega.proof.torture.injector import Injector
from bodega.proof.torture.ledger import Ledger
from bodega.proof.torture.merchant import Shopkeeper
from bodega.proof.torture.plan import Plan
from bodega.proof.torture.report import Report
from bodega.proof.torture.schedule import Targets, schedule
from bodega.proof.torture.visitors import Prices, Visitor

Tell = Callable[[str], None]

PRODUCTS: Final = 40
HOT: Final = 8
"""How many of them run out now and then."""
PLENTY: Final = 100_000
VISITORS: Final = 8
REST_SECONDS: Final = 60.0
"""How long after the last fault all that goes on by itself may take."""
_BACK_SECONDS: Final = 180.0
_BUYERS_FROM: Final = IPv4Network("127.2.0.0/16")
_SAMPLE_SECONDS: Final = 1.0
_SIZE_SAMPLES: Final = 30
_LOOK_SECONDS: Final = 0.5
_TRANSIENT: Final = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM flow WHERE state <> 'ended')"
_AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, aiohttp.ClientError, TimeoutError)


class TortureError(Exception):
    """The run cannot go on; the message says why."""


@dataclass
class Usage:
    """CPU seconds of the shop, added up over the deaths of its processes."""

    seconds: float = 0.0


async def torture(instance: Instance, login: tuple[str, str], plan: Plan, told: Path, tell: Tell) -> Report:
    """All of a plan, on an instance that runs and is new. `login`: of its merchant. `told`: the file that keeps what
    buyers were told. Raises TortureError."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it says of brokers that we have killed
    try:
        async with ShopApi(instance.api_url, *login) as api:
            if not await api.log_in():
                raise TortureError("The merchant of the run is not known.")
            prices = Prices()
            skus = await stock_up(instance, api, prices, tell)
            return await _suffer(instance, api, skus, prices, plan, told, tell)
    except (SeedError, BenchError, *_AWAY) as error:
        raise TortureError(str(error) or repr(error)) from error


async def stock_up(instance: Instance, api: ShopApi, prices: Prices, tell: Tell) -> list[str]:
    """Makes the products of a run, and notes what they cost; gives their SKUs, of which the first `HOT` run out.
    Raises SeedError, BenchError."""
    tell(f"making {PRODUCTS} products")
    merchant, rng = Merchant(api, instance.system.shop.currency), Random(0)  # noqa: S311 - the same goods each time
    skus = []
    for number in range(PRODUCTS):
        slug, price, stock = f"torture-{number:02}", rng.randint(500, 5000), 20 if number < HOT else PLENTY
        skus.append(await merchant.makes(slug, price=price, stock=stock))
        prices.change(slug, price).acknowledge()
    return skus


async def _suffer(
    instance: Instance, api: ShopApi, skus: list[str], prices: Prices, plan: Plan, told: Path, tell: Tell
) -> Report:
    ledger, over, usage = Ledger(), asyncio.Event(), Usage()
    began = datetime.now(UTC)

    def say(what: str) -> None:
        tell(f"{ledger.now:6.1f} s  {len(ledger.orders):5} orders  {what}")

    addresses, drop = Addresses(_BUYERS_FROM), Drop(skus[0])
    buyers = [
        Buyer(instance.api_url, addresses.next(), instance.sandbox_url, skus, drop, ledger, _rng(plan, number), over)
        for number in range(plan.buyers)
    ]
    currency, slugs = instance.system.shop.currency, [sku.lower() for sku in skus]
    visitors = [
        Visitor(instance.site_url, addresses.next(), currency, slugs, prices, ledger, _rng(plan, f"visitor {number}"))
        for number in range(VISITORS)
    ]
    keeper = Shopkeeper(api, currency, slugs, skus[1:HOT], drop, prices, ledger, _rng(plan, "merchant"))
    injector = Injector(instance, ledger, say)
    faults = schedule(plan, Targets.of(instance), instance.times["lease_seconds"])
    with one_error():
        async with _metered(instance, ledger, usage), asyncio.TaskGroup() as group:
            for buyer in buyers:
                group.create_task(buyer.run())
            for visitor in visitors:
                group.create_task(visitor.run(over))
            group.create_task(keeper.run(over))
            injecting = group.create_task(injector.run(faults))
            await asyncio.sleep(plan.seconds)
            over.set()
            say("the load is over")
            await injector.close()
            await injecting
            await all_up(instance)
    say("every process runs, and every buyer is answered")
    rest_seconds = await rested(instance, ledger)
    say(f"at rest after {rest_seconds:.1f} s")
    ledger.write_answers(told)
    findings = await judged(instance, told)
    return Report(
        bodega=__version__,
        began_at=began.replace(microsecond=0),
        plan=plan,
        ledger=ledger,
        rest_seconds=rest_seconds,
        cpu_ms_per_order=usage.seconds * 1000 / max(1, len(ledger.orders)),
        edits=keeper.edits,
        judged=findings,
    )


async def judged(instance: Instance, told: Path) -> audit.Report:
    """What the audit says of the shop, and of the answers in the file `told`. Raises TortureError."""
    try:
        return await audit.audit(audit.Places.of(instance), told=answers.read(told))
    except audit.UNREADABLE as error:
        raise TortureError(f"The audit could not read every service: {error!r}.") from error


async def all_up(instance: Instance) -> None:
    """Every part is as `up` wants it. Raises TortureError."""
    until = time.monotonic() + _BACK_SECONDS
    while True:
        report = state.running(instance)
        if report is not None and report.parts and all(control.is_up(part) for part in report.parts.values()):
            return
        if time.monotonic() > until:
            late = [name for name, part in (report.parts if report else {}).items() if not control.is_up(part)]
            raise TortureError(f"Not all came back within {_BACK_SECONDS:.0f} s: {late or 'the supervisor'}.")
        await asyncio.sleep(_LOOK_SECONDS)


async def rested(instance: Instance, ledger: Ledger) -> float:
    """Seconds until nothing goes on by itself any more; more than is allowed is a violation."""
    began = time.monotonic()
    async with Rest(instance) as rest:
        while (left := await rest.left(within_seconds=1)) > 0:
            took = time.monotonic() - began
            if took > _BACK_SECONDS:
                ledger.violation("time", f"{left} things are under way {took:.0f} s after the last fault")
                return took
            await asyncio.sleep(_LOOK_SECONDS)
    took = time.monotonic() - began
    if took > REST_SECONDS:
        ledger.violation("time", f"at rest only {took:.0f} s after the last fault")
    return took


@asynccontextmanager
async def _metered(instance: Instance, ledger: Ledger, usage: Usage) -> AsyncIterator[None]:
    metering = asyncio.create_task(_meter(instance, ledger, usage))
    try:
        yield
    finally:
        metering.cancel()


async def _meter(instance: Instance, ledger: Ledger, usage: Usage) -> None:
    """Adds up what each process has used since the last look, so that little is lost with one that is killed."""
    before: meter.Snapshot = {}
    for number in itertools.count():
        try:
            now = await asyncio.to_thread(meter.snapshot, instance)
            usage.seconds += sum(meter.used(before, now).values()) if before else 0.0
            before = now
            if number % _SIZE_SAMPLES == 0:
                await _measure_sizes(instance, ledger)
        except BenchError:  # the supervisor is just being started again
            before = {}
        await asyncio.sleep(_SAMPLE_SECONDS)


async def _measure_sizes(instance: Instance, ledger: Ledger) -> None:
    """Whatever is dead in this moment is left out. Raises BenchError, if the supervisor is."""
    megabytes: Counter[str] = Counter(await asyncio.to_thread(meter.memory_mb, instance))
    ledger.memory_mb.append((ledger.now, megabytes.total()))
    rows, size, secrets = 0, 0, Secrets.of(instance)
    try:
        for service in instance.system.services.values():
            if service.store == "postgres":
                connection = await asyncpg.connect(admin_url(instance, secrets, database_name(service.name)))
                try:
                    rows += await connection.fetchval(_TRANSIENT)
                    size += await connection.fetchval("SELECT pg_total_relation_size('outbox')")
                finally:
                    await connection.close()
    except _AWAY:
        return
    ledger.transient_rows.append((ledger.now, rows))
    ledger.outbox_kb.append((ledger.now, size / 1024))


def _rng(plan: Plan, whose: object) -> Random:
    return Random(f"{plan.seed}/{whose}")  # noqa: S311 - repeatable is what it has to be
