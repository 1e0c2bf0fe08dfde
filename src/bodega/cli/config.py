"""`bodega config`: what every process is told, secrets masked."""

from typing import Annotated

import typer
from rich.table import Table

from bodega.cli.instances import InstanceName, instance_of
from bodega.cli.screen import fail, out
from bodega.platform import settings
from bodega.platform.secrets import Secrets


def show(
    name: Annotated[
        str | None, typer.Argument(help="A service, sandbox, purger or storefront; all if left out.")
    ] = None,
    instance: InstanceName = "shop",
) -> None:
    """Print the effective settings, secrets masked."""
    chosen = instance_of(instance)
    rendered = settings.render(chosen, Secrets.of(chosen))
    if name is not None and name not in rendered:
        fail(f"There is no process {name}.", f"There are {', '.join(rendered)}.")
    out.print(
        f"From platform.toml, platform.local.toml and {chosen.data / 'secrets'}; "
        f"waiting times are those of the profile {chosen.spec.times}, the topology is {chosen.topology}.\n"
    )
    for process in [name] if name else rendered:
        table = Table(box=None, pad_edge=False, show_header=False, title=f"[bold]{process}[/]", title_justify="left")
        for key, value in rendered[process].items():
            table.add_row(key, settings.masked(key, value))
        out.print(table, "")
