"""`bodega search rebuild|audit`: the search index, made anew, or compared with catalog and inventory."""

import time
from typing import Annotated

import typer
from rich.table import Table

from bodega.cli.asking import ask
from bodega.cli.instances import InstanceName, instance_of
from bodega.cli.screen import err, out

app = typer.Typer(no_args_is_help=True, help="The search index: renewed, or compared with its sources.")

AUDIT_SECONDS = 3600
LOOK_SECONDS = 0.5


@app.command()
def rebuild(instance: InstanceName = "shop") -> None:
    """Build the index anew while the old one stays in use. Interrupting this command does not stop it."""
    chosen = instance_of(instance)
    before = ask(chosen, "search", "POST", "/internal/rebuild")["served"]
    with err.status("Filling a new index; shoppers search the old one ..."):
        while (now := ask(chosen, "search", "GET", "/internal/index")["served"]) == before:
            time.sleep(LOOK_SECONDS)
    typer.echo(f"Searches now use {now}.")


@app.command()
def audit(
    instance: InstanceName = "shop",
    mend: Annotated[bool, typer.Option("--mend", help="Mend what differs.")] = False,
) -> None:
    """Compare the index with catalog and inventory, thing by thing. 1 if anything differs and stays so."""
    chosen = instance_of(instance)
    with err.status("Reading catalog, inventory and index ..."):
        method = "POST" if mend else "GET"
        found = ask(chosen, "search", method, "/internal/audit", seconds=AUDIT_SECONDS)["differences"]
    if not found:
        out.print("The index agrees with catalog and inventory.")
        return
    table = Table("product or category", "was" if mend else "is", box=None, pad_edge=False, header_style="dim")
    for one in found:
        table.add_row(one["id"], one["what"])
    out.print(table)
    if mend:
        out.print(f"{len(found)} differed and have been mended.")
        return
    out.print(f"{len(found)} differ. `./bodega search audit --mend` mends them.")
    raise typer.Exit(1)
