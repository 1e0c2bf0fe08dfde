"""`bodega migrate`, `bodega seed`."""

import asyncio
import importlib
import importlib.util
from typing import Annotated, Any

import typer

from bodega.cli.instances import InstanceName, ensure_engines, instance_of
from bodega.cli.screen import err, fail, out
from bodega.platform import control, migrations, provision, state
from bodega.platform.system import Instance

_SEED = "bodega.demo.seed"


def migrate(instance: InstanceName = "shop") -> None:
    """Bring databases, topics and buckets to what this version needs. The engines must run. Idempotent."""
    chosen = instance_of(instance)
    ensure_engines(chosen)
    _must_run(chosen)
    try:
        applied = migrations.migrate(chosen)
        asyncio.run(provision.provision(chosen))
    except (migrations.MigrationError, OSError) as error:
        fail("The databases could not be migrated.", str(error), "Mend the step it names; what was applied stays.")
    for service, steps in applied.items():
        out.print(f"{service}: {', '.join(steps) if steps else 'nothing to do'}")


def seed(
    instance: InstanceName = "shop",
    products: Annotated[int | None, typer.Option(min=1, help="Make a catalogue of this size, for load.")] = None,
) -> None:
    """Fill the shop with the demo catalogue, a customer and a merchant. Idempotent."""
    chosen = instance_of(instance)
    _must_run(chosen)
    _seed(chosen, products)
    out.print("The demo data is in place.")


def seed_if_empty(instance: Instance) -> dict[str, str]:
    """Seed a shop that has no products; gives the demo logins to show, by whose they are."""
    if not _seed_exists():
        return {}
    module = importlib.import_module(_SEED)
    marker = instance.data / "seeded"
    if not marker.exists():
        with err.status("Filling the shelves ..."):
            _seed(instance, None)
        marker.touch()
    logins: dict[str, str] = getattr(module, "LOGINS", {})
    return logins


def _seed(instance: Instance, products: int | None) -> None:
    if not _seed_exists():
        fail("This copy of Bodega has no demo data.")
    module = importlib.import_module(_SEED)
    options: dict[str, Any] = {} if products is None else {"products": products}
    try:
        result = module.seed(instance.api_url, instance=instance, **options)
        if asyncio.iscoroutine(result):
            asyncio.run(result)
    except (OSError, RuntimeError, ValueError) as error:
        fail("The demo data could not be put in place.", str(error), "Run `./bodega seed` again: it goes on.")


def _seed_exists() -> bool:
    try:
        return importlib.util.find_spec(_SEED) is not None
    except ModuleNotFoundError:
        return False


def _must_run(instance: Instance) -> None:
    report = state.running(instance)
    if report is None or not any(control.is_up(part) for part in report.parts.values()):
        start = "./bodega up" if instance.name == "shop" else f"./bodega engines up --instance {instance.name}"
        fail(f"{instance.name} does not run.", do=f"Start it: `{start}`.")
