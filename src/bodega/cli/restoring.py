"""Putting a backup in place: in that of its instance, or beside it, where it is compared with the shop."""

import asyncio
import json
import logging
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from bodega.cli.asking import send
from bodega.cli.audit import in_json, judge, show
from bodega.cli.instances import ensure_engines, ensure_pages
from bodega.cli.lifecycle import show_start, stop_and_say
from bodega.cli.screen import err, fail, out
from bodega.platform import state
from bodega.platform.backups import archive
from bodega.platform.backups.archive import BackupError
from bodega.platform.backups.points import Points
from bodega.platform.system import Instance

if TYPE_CHECKING:
    from bodega.proof.comparison import Comparison

INDEX_SECONDS = 3600


def put_back(chosen: Instance, file: Path, *, yes: bool, as_copy: bool = False) -> dict[str, Any]:
    """The backup in the place of the instance's data, which is stopped. Gives its manifest."""
    if archive.holds_data(chosen) and not yes:
        fail(
            f"There is data in {chosen.data}.",
            "A restore replaces it: every order, customer and key.",
            "The same command with --yes, if that is what you want.",
        )
    ensure_engines(chosen)
    ensure_pages()
    stop_and_say(chosen, err)
    try:
        with err.status(f"Unpacking {file} ..."):
            manifest = archive.restore(chosen, file, as_copy=as_copy)
    except (BackupError, OSError) as error:
        fail("The backup was not restored; the data is as it was.", str(error))
    err.print(f"This is {manifest['instance']} as of {_point_of(manifest)}, made by Bodega {manifest['bodega']}.")
    return manifest


def _point_of(manifest: dict[str, Any]) -> str:
    points = Points.of(manifest)
    return str(manifest["made_at"] if points is None else points.postgres_at.isoformat(timespec="milliseconds"))


def make_index_whole(chosen: Instance) -> None:
    """A backup of a running shop holds no search index. Wait until search has made it from its sources."""

    async def ask() -> None:
        deadline = asyncio.get_running_loop().time() + INDEX_SECONDS
        while True:
            status, said = await send(chosen, "search", "POST", "/internal/audit", None, seconds=INDEX_SECONDS)
            if status < 400:
                return
            if asyncio.get_running_loop().time() > deadline:
                fail("The search index could not be made.", str(said), "`./bodega logs search` says more.")
            await asyncio.sleep(0.5)

    with err.status("Making the search index from its sources ..."):
        asyncio.run(ask())


def bring_up_beside(file: Path, shop: Instance, copy: Instance, *, yes: bool, as_json: bool) -> None:
    """The backup as another instance, compared with the running shop as of its point, then started and audited. It goes
    on running. Ends the command with 1, if something is wrong with either."""
    _must_be_of(file, shop, copy)
    manifest = put_back(copy, file, yes=yes, as_copy=True)
    show_start(copy, "engines")
    comparison = _compared(copy, shop, manifest)
    show_start(copy, "shop")
    make_index_whole(copy)
    report = judge(copy)
    if as_json:
        told = {**asdict(comparison), "point": _point_of(manifest), "audit": in_json(report)}
        typer.echo(json.dumps(told, indent=1))
    else:
        _show(comparison, shop, _point_of(manifest))
        out.print(f"The audit of {copy.name}:")
        show(report)
        out.print(f"{copy.name} runs at {copy.site_url}; `./bodega reset --instance {copy.name}` takes it away.")
    if comparison.differences or report.findings:
        raise typer.Exit(1)


def _must_be_of(file: Path, shop: Instance, copy: Instance) -> None:
    """Ends the command, unless the file is a backup of this shop, which runs, and the copy is another instance."""
    try:
        manifest = archive.read_manifest(file)
    except (BackupError, OSError) as error:
        fail("The backup was not restored.", str(error))
    if manifest["instance"] != shop.name:
        fail(f"{file} is a backup of {manifest['instance']}, not of {shop.name}.",
             do=f"Name the shop that it is of: --instance {manifest['instance']}")  # fmt: skip
    if copy.name == shop.name:
        fail(f"{copy.name} cannot be beside itself.", do="--as restored, or another instance of platform.toml.")
    if state.running(shop) is None:
        fail(f"{shop.name} does not run, so there is nothing to compare with.",
             do=f"Start it, or restore without --as: `./bodega restore {file} --instance {copy.name}`.")  # fmt: skip


def _compared(copy: Instance, shop: Instance, manifest: dict[str, Any]) -> "Comparison":
    from bodega.proof import comparison
    from bodega.proof.audit import UNREADABLE

    async def both() -> "Comparison":
        made_at = datetime.fromisoformat(manifest["made_at"])
        return await comparison.look(await comparison.read_copy(copy), shop, Points.of(manifest), made_at)

    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # it warns of passwords without TLS, on the loopback too
    try:
        with err.status(f"Comparing {copy.name} with {shop.name} ..."):
            return asyncio.run(both())
    except (*UNREADABLE, BackupError) as error:
        fail(f"{copy.name} and {shop.name} could not be compared.", str(error) or type(error).__name__)


def _show(comparison: "Comparison", shop: Instance, point: str) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in (f"at {point}", "in the backup", "unchanged", "moved on since", "erased since", "new since"):
        table.add_column(column, justify="left" if column.startswith("at ") else "right", overflow="fold")
    for kind, count in comparison.counts.items():
        table.add_row(kind, *map(str, asdict(count).values()))
    out.print(table)
    told = ", ".join(f"{count} {kind}" for kind, count in comparison.events.items())
    out.print(f"Events of {shop.name} since: {told or 'none'}.")
    new = [f"{count.new_since} {kind}" for kind, count in comparison.counts.items() if count.new_since]
    moved = [f"{count.moved_on} {kind}" for kind, count in comparison.counts.items() if count.moved_on]
    sold = ", ".join(f"{amount} {currency}" for currency, amount in comparison.sold_since.items())
    lost = f"{', '.join(new) or 'nothing new'}{f' (orders of {sold} in minor units)' if sold else ''}"
    out.print(f"Going back to it would lose {lost}, and what has happened since to {', '.join(moved) or 'nothing'}.")
    if not comparison.differences:
        out.print("[green]All that was there at the point is in the backup, and events tell of all that came since.[/]")
        return
    differences = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("kind", "which", "rule", "backup", shop.name):
        differences.add_column(column, overflow="fold")
    for one in comparison.differences:
        differences.add_row(*map(escape, (one.kind, one.thing, one.rule, one.backup, one.shop)))
    out.print(differences)
    out.print(f"[red]{len(comparison.differences)} differences that nothing explains.[/]")
