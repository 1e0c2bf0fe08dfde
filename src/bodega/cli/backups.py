"""`bodega backup FILE`, `bodega restore FILE`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from bodega.cli.audit import audit
from bodega.cli.instances import InstanceName, ensure_engines, ensure_pages, instance_of
from bodega.cli.lifecycle import show_start, stop_and_say
from bodega.cli.screen import err, fail, out
from bodega.platform import backups, processes, state
from bodega.platform.versions import VersionMismatch


def backup(
    file: Annotated[
        Path, typer.Argument(help="The file to write; an existing one is replaced. It will hold keys: keep it safe.")
    ],
    instance: InstanceName = "shop",
) -> None:
    """Copy everything the shop keeps into one file. A running shop is stopped for it, then started again."""
    chosen = instance_of(instance)
    ensure_engines(chosen)
    extent = processes.read_extent(chosen) if state.running(chosen) is not None else None
    began = time.monotonic()
    if extent is not None:
        stop_and_say(chosen)
    try:
        with err.status(f"Copying {chosen.data} ..."):
            size = backups.make(chosen, file.absolute())
    except (backups.BackupError, VersionMismatch, OSError) as error:
        failure: Exception | None = error
    else:
        failure = None
    if extent is not None:
        show_start(chosen, extent)
    if failure is not None:
        fail("The backup was not made.", str(failure))
    out.print(f"{file}: {size / 1e6:.0f} MB, {time.monotonic() - began:.0f} s.")


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.", exists=True, dir_okay=False)],
    instance: InstanceName = "shop",
    yes: Annotated[bool, typer.Option("--yes", help="Replace the data that is there.")] = False,
) -> None:
    """Make the instance what it was when the backup was made, start it, and audit it."""
    chosen = instance_of(instance)
    if backups.holds_data(chosen) and not yes:
        fail(
            f"There is data in {chosen.data}.",
            "A restore replaces it: every order, customer and key.",
            f"`./bodega restore {file} --yes`, if that is what you want.",
        )
    ensure_engines(chosen)
    ensure_pages()
    stop_and_say(chosen)
    try:
        with err.status(f"Unpacking {file} ..."):
            manifest = backups.restore(chosen, file)
    except (backups.BackupError, OSError) as error:
        fail("The backup was not restored; the data is as it was.", str(error))
    out.print(f"This is {manifest['instance']} as of {manifest['made_at']}, made by Bodega {manifest['bodega']}.")
    show_start(chosen, "shop")
    audit(instance)
