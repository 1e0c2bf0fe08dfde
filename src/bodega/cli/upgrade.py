"""`bodega upgrade`: the shop that is open goes on with the code on disk."""

import asyncio
import logging
from typing import NoReturn

from bodega.cli.doctor import supported_or_fail
from bodega.cli.instances import InstanceName, ensure_pages, instance_of
from bodega.cli.screen import err, fail, out
from bodega.platform import control, pages, state, upgrades, versions
from bodega.platform.system import Instance

_CLOSE = "`./bodega down` and `./bodega up`: it is closed for as long as that takes, and keeps its data."
_OF_0_1 = (
    "Its supervisor, its gateway and its edge are still those of 0.1, which cannot be replaced while the shop is open: "
    "new routes and settings come with the next `./bodega down` and `./bodega up`."
)


def upgrade(instance: InstanceName = "shop") -> None:
    """Bring the open shop to the code on disk, without closing it: after `git pull`.

    The databases are migrated while the old code runs. Then each set of services is started beside the old one, which
    ends when the new one serves; last, and only if what they run has changed, gateway, pages and edge. If something
    does not come up, the old processes serve on.
    """
    chosen = instance_of(instance)
    supported_or_fail()
    report = state.running(chosen)
    if report is None:
        fail(f"{chosen.name} is not running.", do="`./bodega up` starts it, with the code on disk.")
    try:
        upgrades.check(chosen, report)
        versions.check(chosen)
    except (upgrades.CannotUpgrade, versions.VersionMismatch) as error:
        fail(f"{chosen.name} cannot be upgraded while it is open.", str(error), _CLOSE)
    _migrate(chosen)
    are_new = not pages.are_built()
    ensure_pages()
    try:
        if report.release is None:
            upgrades.replace_sets(chosen, err.print, pages_too=are_new)
        else:
            control.replace(chosen, err.print)
    except upgrades.UpgradeFailed as error:
        _failed(chosen, error)
    _show(chosen)


def _migrate(instance: Instance) -> None:
    from aiokafka.errors import KafkaError
    from botocore.exceptions import ClientError

    from bodega.platform import broker, migrations, provision

    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # it warns of a password that does not leave this machine
    try:
        applied = migrations.migrate(instance)
        asyncio.run(provision.provision(instance))
    except (migrations.MigrationError, broker.BrokerError, KafkaError, ClientError, OSError) as error:
        fail(
            "Databases, topics and buckets could not be brought to what this release needs.",
            str(error),
            "The shop is open with its old code. Fix what it names, or go back to the old release (`git checkout`): "
            "what was done stays, and does the old code no harm.",
        )
    for service, steps in applied.items():
        if steps:
            out.print(f"{service}: {', '.join(steps)}")


def _failed(instance: Instance, error: Exception) -> NoReturn:
    fail(
        "The upgrade has stopped; what serves, serves on.",
        str(error),
        f"`./bodega logs --instance {instance.name} services` and the log of the service say why. Mend it and run "
        "`./bodega upgrade` again; or go back to the old release (`git checkout`): the supervisor starts what is "
        "missing from the code on disk.",
    )


def _show(instance: Instance) -> None:
    report = state.running(instance)
    out.print(f"{instance.name} runs the code on disk.")
    if report is not None and report.release is None:
        out.print(_OF_0_1)
    elif report is not None and report.upgrade is not None and report.upgrade.left:
        engines = ", ".join(report.upgrade.left)
        out.print(f"With the options of the release before, until the next `down` and `up`: {engines}.")
