"""`bodega events parked|replay`: the messages that a service could not take."""

from typing import Annotated

import typer
from rich.table import Table

from bodega.cli.asking import ask
from bodega.cli.instances import InstanceName, instance_of
from bodega.cli.screen import fail, out
from bodega.platform.system import Instance

app = typer.Typer(no_args_is_help=True, help="Messages that a service could not handle and has set aside.")

ServiceName = Annotated[str, typer.Argument(help="The service that set them aside.")]


@app.command()
def parked(
    name: Annotated[str | None, typer.Argument(help="One service; all that receive events if left out.")] = None,
    instance: InstanceName = "shop",
) -> None:
    """List them, oldest first, with the reason."""
    chosen = instance_of(instance)
    names = [_hearer(chosen, name)] if name else [s.name for s in chosen.system.services.values() if s.hears]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("service", "topic", "key", "event", "parked", "reason"):
        table.add_column(column)
    for service in names:
        for item in ask(chosen, service, "GET", "/internal/parked")["items"]:
            table.add_row(
                service, *(str(item.get(field, "")) for field in ("topic", "key", "event_id", "parked_at", "reason"))
            )
    out.print(table if table.row_count else "Nothing is parked.")


@app.command()
def replay(
    name: ServiceName,
    key: Annotated[str | None, typer.Option(help="Only the messages of this key (an order, a product).")] = None,
    instance: InstanceName = "shop",
) -> None:
    """Handle them again, in their order; what fails again stays parked."""
    chosen = instance_of(instance)
    path = "/internal/parked/replay" + (f"?key={key}" if key else "")
    answer = ask(chosen, _hearer(chosen, name), "POST", path)
    out.print(", ".join(f"{what}: {count}" for what, count in answer.items()))


def _hearer(instance: Instance, name: str) -> str:
    if name not in instance.system.services:
        fail(f"There is no service {name}.", f"There are {', '.join(instance.system.services)}.")
    return name
