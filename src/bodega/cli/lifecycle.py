"""`bodega up`, `down`, `reset`, `status`, `logs`."""

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from bodega.cli import data
from bodega.cli.doctor import supported_or_fail
from bodega.cli.instances import InstanceName, ensure_engines, ensure_pages, instance_of
from bodega.cli.screen import err, fail, out
from bodega.platform import control, logs, state, tree, versions
from bodega.platform.programs import Extent
from bodega.platform.state import Part, State
from bodega.platform.system import Instance, Topology

_LOOKS = {
    State.WAITING: ("·", "dim"),
    State.STARTING: ("◐", "yellow"),
    State.READY: ("●", "green"),
    State.DONE: ("✓", "green"),
    State.RESTARTING: ("↻", "red"),
    State.BLOCKED: ("✗", "red"),
    State.STOPPED: ("○", "dim"),
}
_TOPOLOGIES: dict[Topology, str] = {
    "eleven": "a process per service",
    "one": "one process for all services, calls between them in memory; it and its log are named `services`",
}


def up(
    instance: InstanceName = "shop",
    with_demo: Annotated[bool, typer.Option("--seed/--no-seed", help="Fill a new shop with the demo data.")] = True,
    topology: Annotated[
        Topology | None,
        typer.Option(help="A process per service (eleven), or one for all of them. Remembered; at first, eleven."),
    ] = None,
) -> None:
    """Start the shop: engines, services, gateway, demo data. Safe to run twice."""
    chosen = instance_of(instance)
    supported_or_fail()
    ensure_engines(chosen)
    ensure_pages()
    show_start(chosen, "shop", topology)
    if with_demo:
        data.seed_if_new(chosen)
    out.print(_welcome(chosen, data.demo_logins(chosen)))


def down(instance: InstanceName = "shop") -> None:
    """Stop everything; the data stays."""
    stop_and_say(instance_of(instance))


def reset(
    instance: InstanceName = "shop",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Stop everything and delete all data of the instance: orders, customers, keys."""
    chosen = instance_of(instance)
    if not chosen.data.exists():
        out.print(f"There is nothing to delete: {chosen.data} does not exist.")
        return
    if not yes and not typer.confirm(f"Delete {chosen.data} with every order, customer and key in it?"):
        raise typer.Exit(1)
    stop_and_say(chosen)
    shutil.rmtree(chosen.data)
    out.print(f"{chosen.data} is deleted. `./bodega up` starts from scratch.")


def status(instance: InstanceName = "shop") -> None:
    """Show every part: state, process, age, memory (PSS: shared memory counted once), port. 1 if one is not up."""
    chosen = instance_of(instance)
    report = state.read(chosen)
    if report is None or not report.is_alive():
        out.print(f"{chosen.name} is not running. `./bodega up` starts it.")
        raise typer.Exit(1)
    memory = _memory(report)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column, side in (("", "left"), ("part", "left"), ("state", "left"), ("pid", "right"), ("for", "right"),
                         ("PSS MB", "right"), ("port", "right"), ("restarts", "right"), ("", "left")):  # fmt: skip
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    for part in report.parts.values():
        symbol, colour = _LOOKS[part.state]
        table.add_row(
            Text(symbol, colour), part.name, str(part.state), str(part.pid or ""), _age(time.time() - part.since),
            _megabytes(memory.get(part.name)), str(part.port or ""), str(part.restarts or ""),
            Text(part.message.splitlines()[0] if part.message else "", "red"),
        )  # fmt: skip
    table.add_row("", "supervisor", "", str(report.supervisor), _age(time.time() - report.supervisor_started),
                  _megabytes(memory[tree.SUPERVISOR]))  # fmt: skip
    table.add_row("", Text("total", "bold"), "", "", "", Text(_megabytes(sum(memory.values())), "bold"))
    out.print(table)
    if report.extent == "shop":
        out.print(f"Topology {report.topology}: {_TOPOLOGIES[report.topology]}.")
    if not all(control.is_up(part) for part in report.parts.values()):
        raise typer.Exit(1)


def show_logs(
    name: Annotated[str, typer.Argument(help="A part, as named in `status`, or `supervisor`.")],
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Keep printing new lines as they come.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many lines, counted from the end.")] = 100,
    instance: InstanceName = "shop",
) -> None:
    """Show the end of a part's log."""
    chosen = instance_of(instance)
    path = chosen.log_of(name)
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in chosen.logs.glob("*.log"))) or "none yet"
        fail(f"There is no log of {name}.", f"Logs: {known}.")
    for line in logs.last_lines(path, lines):
        typer.echo(line)
    if follow:
        _follow(path)


def stop_and_say(instance: Instance, said: Console = out) -> None:
    """Stop an instance, with a word about it."""
    try:
        with err.status(f"Stopping {instance.name}: running requests are finished ..."):
            was_running = control.stop(instance)
    except TimeoutError as error:
        fail(f"{instance.name} did not stop.", str(error), "See `./bodega logs supervisor`.")
    said.print(f"{instance.name} is stopped; its data stays." if was_running else f"{instance.name} was not running.")


def show_start(instance: Instance, extent: Extent, topology: Topology | None = None) -> None:
    """Start what is not running yet and show each part come up; ends the command if one does not."""
    try:
        versions.check(instance)
        control.ensure_supervised(instance, extent, topology)
        if err.is_terminal:
            _show_live(instance, extent)
        else:
            _show_lines(instance, extent)
    except versions.VersionMismatch as error:
        fail("These engines cannot use that data.", str(error))
    except control.DidNotStart as error:
        fail(
            f"{error.part} did not start.",
            str(error),
            f"Fix that; it is retried automatically. `./bodega logs {error.part}` has more, `./bodega doctor` looks "
            "for the usual causes, `./bodega down` stops what did start.",
        )


def _show_live(instance: Instance, extent: Extent) -> None:
    progress = Progress(BarColumn(40), MofNCompleteColumn(), TextColumn("ready"), TimeElapsedColumn(), console=err)
    task = progress.add_task("", total=None)
    with Live(console=err, refresh_per_second=10, transient=True) as live:
        for parts in control.watch(instance, extent):
            ready = sum(control.is_up(part) for part in parts.values())
            progress.update(task, total=len(parts), completed=ready)
            live.update(Group(_board(parts), progress))


def _show_lines(instance: Instance, extent: Extent) -> None:
    seen: dict[str, State] = {}
    for parts in control.watch(instance, extent):
        for part in parts.values():
            if seen.get(part.name) != part.state and part.state not in (State.WAITING, State.STARTING):
                err.print(f"{part.name}: {part.state}" + (f" ({escape(part.message)})" if part.message else ""))
            seen[part.name] = part.state


def _board(parts: dict[str, Part]) -> Table:
    """All parts in four columns."""
    grid = Table.grid(padding=(0, 3))
    cells = []
    for part in parts.values():
        symbol, colour = _LOOKS[part.state]
        cells.append(Text.assemble((f"{symbol} ", colour), (f"{part.name:<13}", "dim" if colour == "dim" else "")))
    rows = (len(cells) + 3) // 4
    for row in range(rows):
        grid.add_row(*cells[row::rows])
    return grid


def _welcome(instance: Instance, logins: dict[str, str]) -> Panel:
    table = Table.grid(padding=(0, 2))
    rows = {
        "The shop": instance.site_url,
        "API": instance.api_url,
        "Its documentation": f"{instance.api_url}/docs",
        "Mails, charges, parcels": instance.sandbox_url,
        **{f"Demo {who}": login for who, login in logins.items()},
    }
    for label, value in rows.items():
        table.add_row(Text(label, "dim"), value)
    clocks = ""
    if instance.spec.times == "demo":
        minutes = "within a minute of being paid"
        cancel = f"{instance.times['cancel_window_seconds']:.0f} seconds"
        clocks = (
            f'\nThe clocks are short (times = "demo" in platform.toml): an order can be cancelled for {cancel}, and is '
            f"delivered {minutes}."
        )
    hints = Text(clocks + "\n./bodega status · logs -f orders · down · doctor", "dim")
    name = instance.system.shop.name
    return Panel(Group(table, hints), title=f"[green]{name} is open[/]", border_style="green", expand=False)


def _follow(path: Path) -> None:
    try:
        with path.open(errors="replace") as file:
            file.seek(0, 2)
            while True:
                if line := file.readline():
                    typer.echo(line, nl=False)
                    continue
                if file.tell() > path.stat().st_size:  # cut by the rotation
                    file.seek(0)
                time.sleep(0.2)
    except KeyboardInterrupt:
        return


def _memory(report: state.Report) -> dict[str, float]:
    """PSS in bytes by part."""
    memory = dict.fromkeys([*(p.name for p in report.parts.values() if p.pid), tree.SUPERVISOR], 0.0)
    for name, process in tree.processes(report):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            memory[name] += process.memory_full_info().pss
    return memory


def _megabytes(count: float | None) -> str:
    return f"{count / 1e6:.0f}" if count else ""


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
