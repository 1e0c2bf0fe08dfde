"""`bodega backup FILE`, `bodega restore FILE`, `bodega restore FILE --as INSTANCE`."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Annotated

import typer

from bodega.cli.audit import audit
from bodega.cli.instances import InstanceName, ensure_engines, instance_of
from bodega.cli.lifecycle import show_start, stop_and_say
from bodega.cli.restoring import bring_up_beside, make_index_whole, put_back
from bodega.cli.screen import err, fail, out
from bodega.platform import processes, state
from bodega.platform.backups import archive
from bodega.platform.backups.archive import BackupError
from bodega.platform.backups.points import Points
from bodega.platform.system import Instance
from bodega.platform.versions import VersionMismatch


def backup(
    file: Annotated[
        Path, typer.Argument(help="The file to write; an existing one is replaced. It will hold keys: keep it safe.")
    ],
    instance: InstanceName = "shop",
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop a running shop for it, copy it as it stands, and start it again.")
    ] = False,
) -> None:
    """Copy everything the shop keeps into one file. A running shop goes on selling meanwhile."""
    chosen = instance_of(instance)
    ensure_engines(chosen)
    began = time.monotonic()
    report = state.running(chosen)
    if report is not None and not stop:
        size, points = _of_running(chosen, file.absolute())
        out.print(f"This is {chosen.name} as of {points.postgres_at.isoformat(timespec='milliseconds')}.")
    else:
        size = _of_stopped(chosen, file.absolute(), restart=report is not None)
    out.print(f"{file}: {size / 1e6:.0f} MB, {time.monotonic() - began:.0f} s.")


def _of_running(chosen: Instance, file: Path) -> tuple[int, Points]:
    from bodega.platform.backups import running

    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # it warns of passwords without TLS, on the loopback too
    try:
        with err.status("Copying ...") as status:
            return asyncio.run(running.make_running(chosen, file, status.update))
    except (*running.UNREADABLE, BackupError, VersionMismatch) as error:
        fail("The backup was not made; the shop runs on.", str(error) or type(error).__name__)


def _of_stopped(chosen: Instance, file: Path, *, restart: bool) -> int:
    extent = processes.read_extent(chosen) if restart else None
    if restart:
        stop_and_say(chosen)
    failure: Exception | None = None
    size = 0
    try:
        with err.status(f"Copying {chosen.data} ..."):
            size = archive.make(chosen, file)
    except (BackupError, VersionMismatch, OSError) as error:
        failure = error
    if extent is not None:
        show_start(chosen, extent)
    if failure is not None:
        fail("The backup was not made.", str(failure))
    return size


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.", exists=True, dir_okay=False)],
    instance: InstanceName = "shop",
    yes: Annotated[bool, typer.Option("--yes", help="Replace the data that is there.")] = False,
    beside: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="Bring it up beside the shop as this instance (platform.toml has `restored`), which speaks to the "
            "sandbox alone, and compare both.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --as: print JSON, for programs.")] = False,
) -> None:
    """Make the instance what it was when the backup was made, start it, and audit it. With --as, leave it as it is."""
    chosen = instance_of(instance)
    if beside is not None:
        bring_up_beside(file, chosen, instance_of(beside), yes=yes, as_json=as_json)
        return
    put_back(chosen, file, yes=yes)
    show_start(chosen, "shop")
    make_index_whole(chosen)
    audit(instance)
