"""`bodega migrate`, `bodega seed`."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from bodega.cli.instances import InstanceName, ensure_engines, instance_of
from bodega.cli.screen import err, fail, out
from bodega.demo.bulk.goods import MOST
from bodega.platform import control, state
from bodega.platform.secrets import Secrets
from bodega.platform.system import Instance

if TYPE_CHECKING:
    from bodega.demo.bulk.seeding import BulkReport
    from bodega.demo.people import Outside
    from bodega.demo.seed import SeedReport

Report = TypeVar("Report")
_MERCHANT = "merchant@bodega.example"
# Person of the demo -> whose password it is among the secrets.
_CUSTOMERS = {"mara": "customer", "jonas": "second-customer"}


def migrate(instance: InstanceName = "shop") -> None:
    """Bring databases, topics and buckets to what this version needs. The engines must run. Idempotent."""
    from bodega.platform import migrations, provision

    chosen = instance_of(instance)
    ensure_engines(chosen)
    _must_run(chosen)
    try:
        applied = migrations.migrate(chosen)
        asyncio.run(provision.provision(chosen))
    except (migrations.MigrationError, OSError) as error:
        fail("The databases could not be migrated.", str(error), "Fix the step it names; what was applied stays.")
    for service, steps in applied.items():
        out.print(f"{service}: {', '.join(steps) if steps else 'nothing to do'}")


def seed(
    instance: InstanceName = "shop",
    products: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST, help="Instead: a large catalogue of this many products, without pictures, for load tests."
        ),
    ] = None,
) -> None:  # fmt: skip
    """Fill the shop with the demo catalogue, its customers, their orders and a merchant. Idempotent."""
    chosen = instance_of(instance)
    _must_run(chosen)
    if products is not None:
        made = _filling(_fill_with_many(chosen, products), f"bodega seed --products {products}")
        out.print(
            f"{made.products_made} products made, {made.products_kept} kept; {made.skus_stocked} SKUs stocked; "
            f"search finds them all; {made.seconds:.0f} s."
        )
        return
    report = _seed(chosen)
    out.print(
        f"{report.products_made} products made, {report.products_repaired} repaired, {report.products_kept} kept; "
        f"{report.pictures_made} pictures; {report.skus_stocked} SKUs stocked; "
        f"{report.customers_made} customers, {report.orders_placed} orders; {report.seconds:.0f} s."
    )


def seed_if_new(instance: Instance) -> None:
    """Seed a shop that never was."""
    marker = instance.data / "seeded"
    if not marker.exists():
        _seed(instance)
        marker.touch()


def demo_logins(instance: Instance) -> dict[str, str]:
    """Whose demo login -> address and password. The passwords are made for this instance."""
    return {
        **{whose.replace("-", " "): "  ".join(_login(instance, key)) for key, whose in _CUSTOMERS.items()},
        "merchant": "  ".join(_merchant_login(instance)),
    }


def _seed(instance: Instance) -> "SeedReport":
    return _filling(_fill(instance), "bodega seed")


def _filling(work: Coroutine[Any, Any, Report], command: str) -> Report:
    import aiohttp

    from bodega.demo.api import SeedError

    try:
        return asyncio.run(work)
    except (SeedError, aiohttp.ClientError, TimeoutError) as error:
        fail(
            "The demo data could not be put in place.",
            str(error) or type(error).__name__,
            f"Run `./{command}`: it continues where it stopped. `./bodega logs catalog` may say more.",
        )


async def _fill_with_many(instance: Instance, products: int) -> "BulkReport":
    from bodega.demo.bulk.seeding import seed_bulk

    merchant = await make_merchant(instance)
    with Progress(
        TextColumn("Large catalogue"), BarColumn(32), TextColumn("{task.completed}/{task.total} {task.description}"),
        _PerSecond(), TextColumn("time left"), TimeRemainingColumn(compact=True), console=err,
        speed_estimate_period=60,
    ) as bar:  # fmt: skip
        stages: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bar.add_task(stage, total=total)
            bar.update(stages[stage], completed=done)

        return await seed_bulk(
            instance.api_url,
            merchant=merchant,
            products=products,
            currency=instance.system.shop.currency,
            progress=show,
        )


class _PerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f}/s" if task.speed is not None else "")


async def _fill(instance: Instance) -> "SeedReport":
    await make_merchant(instance)
    async with AsyncExitStack() as stack:
        sandbox = outside(instance)
        if sandbox is not None:
            await stack.enter_async_context(sandbox)
        return await _fill_with(instance, sandbox)


def outside(instance: Instance) -> "Outside | None":
    """The sandbox, if it is what charges the cards: with a real processor's keys nothing is bought."""
    from bodega.demo.people import Outside
    from bodega.platform import settings

    payments = settings.render(instance, Secrets.of(instance))["payments"]
    if payments.get("BODEGA_PAYMENTS_STRIPE_API_BASE") != instance.sandbox_url:
        return None
    return Outside(instance.sandbox_url, payments["BODEGA_PAYMENTS_STRIPE_SECRET_KEY"])


async def _fill_with(instance: Instance, sandbox: "Outside | None") -> "SeedReport":
    from bodega.demo.seed import seed as fill

    with Progress(
        TextColumn("Demo shop"), BarColumn(32), TextColumn("{task.completed}/{task.total} {task.description}"),
        TimeElapsedColumn(), console=err,
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=None)
        return await fill(
            instance.api_url,
            merchant=_merchant_login(instance),
            customers={key: _login(instance, key) for key in _CUSTOMERS},
            outside=sandbox,
            currency=instance.system.shop.currency,
            progress=lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total),
        )


async def make_merchant(instance: Instance) -> tuple[str, str]:
    """The demo's merchant, if there is none: address and password. Raises SeedError."""
    from bodega.cli.asking import send
    from bodega.demo.api import SeedError

    email, password = _merchant_login(instance)
    body = {"email": email, "password": password, "roles": ["customer", "merchant"]}
    status, answer = await send(instance, "auth", "POST", "/internal/users", body)
    if status >= 400 and status != 409:  # 409: there already
        raise SeedError("POST", "/internal/users", status, answer)
    return email, password


def _merchant_login(instance: Instance) -> tuple[str, str]:
    """Address and password of the demo's merchant."""
    return _MERCHANT, _password(instance, "merchant")


def _login(instance: Instance, key: str) -> tuple[str, str]:
    return f"{key}@bodega.example", _password(instance, _CUSTOMERS[key])


def _password(instance: Instance, whose: str) -> str:
    return Secrets.of(instance).read(f"demo-{whose}-password")[:16]


def _must_run(instance: Instance) -> None:
    report = state.running(instance)
    if report is None or not any(control.is_up(part) for part in report.parts.values()):
        start = "./bodega up" if instance.name == "shop" else f"./bodega engines up --instance {instance.name}"
        fail(f"{instance.name} is not running.", do=f"Start it: `{start}`.")
