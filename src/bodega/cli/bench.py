"""`bodega bench`: what a shop can do on this machine, and what it costs."""

import asyncio
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from bodega.cli import data
from bodega.cli.doctor import supported_or_fail
from bodega.cli.instances import instance_of
from bodega.cli.scratch import started_anew
from bodega.cli.screen import err, fail, out
from bodega.platform.system import Instance, Topology
from bodega.proof.bench.plan import Plan, What

if TYPE_CHECKING:
    from bodega.proof.bench.report import Compared, Cost, Latency, Report, Rush

INSTANCE = "bench"
_PROCESSES = 16
"""How many processes are shown by name; the others together."""
_MOST_WINDOW_SECONDS = 60
_SAME_FLOOR = 0.15
"""Two floors that differ by less may be those of one machine."""
_LATENCY = ("p50 ms", "p95 ms", "p99 ms")


def bench(
    what: Annotated[
        list[What] | None, typer.Argument(help="orders, reads, rush, freshness, idle; all if left out.")
    ] = None,
    guests: Annotated[
        list[int] | None,
        typer.Option(min=1, max=500, help="How many buy at once; can be repeated. If left out: 1, 16 and 64."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long each load of orders lasts.")] = Plan.seconds,
    buyers: Annotated[int, typer.Option(min=1, max=50_000, help="How many want to buy in the rush ...")] = Plan.buyers,
    units: Annotated[int, typer.Option(min=1, max=100_000, help="... how many units there are ...")] = Plan.units,
    at_once: Annotated[
        int, typer.Option(min=1, max=500, help="... and how many buyers are under way at a time.")
    ] = Plan.at_once,
    changes: Annotated[int, typer.Option(min=1, max=1000, help="How often a price is changed.")] = Plan.changes,
    orders: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="So many of the last hour are in the tables of the idle shop.")
    ] = Plan.orders,
    times: Annotated[
        str | None, typer.Option(help="Its waiting times: a profile of platform.toml. Its own, if left out.")
    ] = None,
    topology: Annotated[Topology, typer.Option(help="A process per service (eleven), or one for all.")] = "eleven",
    against: Annotated[
        Path | None, typer.Option(help="What --json has printed into a file: show both runs side by side.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the instance running, to look into it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs and for --against.")] = False,
) -> None:
    """Measure orders, reads, a rush, freshness and idling, in an instance of its own, beside the machine's own floor.

    It starts a new instance `bench` beside the shop, fills it, and deletes it at the end. The machine should have
    nothing else to do. 1 if the rush sold more or less than there was, or somebody was answered otherwise than with an
    order, sold out (409) or the request to come again.
    """
    from bodega.proof.bench.report import compare

    before = _read(against) if against is not None else None
    plan = Plan(
        what=tuple(what or What), guests=tuple(guests or Plan.guests), seconds=seconds, buyers=buyers, units=units,
        at_once=at_once, changes=changes, orders=orders,
    )  # fmt: skip
    report = _measured(plan, topology, times, keep)
    compared = compare(before, report) if before is not None else []
    if as_json:
        typer.echo(json.dumps(_as_json(report, compared), indent=1))
    elif before is not None:
        _show_compared(before, report, compared)
    else:
        _show(report)
    if report.rush is not None and report.rush.faults:
        raise typer.Exit(1)


def _read(path: Path) -> "Report":
    from bodega.proof.bench.report import ReportError, read

    try:
        return read(path)
    except ReportError as error:
        fail("There is nothing to compare with.", str(error), "Make such a file: `./bodega bench --json > FILE`.")


def _measured(plan: Plan, topology: Topology, times: str | None, keep: bool) -> "Report":
    from bodega.proof.bench.errors import BenchError
    from bodega.proof.bench.run import measure

    supported_or_fail()
    with _own_instance(plan, topology, times, keep) as instance, _Bars() as bars:
        try:
            return asyncio.run(measure(instance, data.make_merchant, plan, bars.show))
        except BenchError as error:
            fail(
                "The bench could not be finished.",
                str(error),
                f"Its logs are kept until the next one: `./bodega logs --instance {INSTANCE} orders`.",
            )


@contextmanager
def _own_instance(plan: Plan, topology: Topology, times: str | None, keep: bool) -> Iterator[Instance]:
    """A new one, running. It is stopped at the end, and deleted if all went well; with `keep`, it is left as it is."""
    instance = instance_of(INSTANCE)
    _can_measure_in(instance, times or instance.spec.times, plan)
    with started_anew(instance, "bench", topology, times=times, keep=keep):
        yield instance
    if not keep:
        shutil.rmtree(instance.data)


def _can_measure_in(instance: Instance, times: str, plan: Plan) -> None:
    """Ends the command, if the profile does not exist, or orders would be under way in it for longer than one waits."""
    profiles = instance.system.times
    if times not in profiles:
        fail(f"There is no profile {times}.", do=f"platform.toml has {', '.join(profiles)}.")
    window = {**profiles["standard"], **profiles[times]}["cancel_window_seconds"]
    if {What.ORDERS, What.RUSH} & set(plan.what) and window > _MOST_WINDOW_SECONDS:
        fail(
            f"Orders cannot be measured in the profile {times}.",
            f"All that follows from an order is measured with it, and there it is packed only after {window:.0f} s.",
            f"Measure that by itself: `./bodega bench idle --times {times}`.",
        )


class _Bars:
    """A bar for each thing that is being done; where nobody can see bars, a line."""

    def __init__(self) -> None:
        self._bars = Progress(TextColumn("{task.description:<42}"), BarColumn(32), TimeElapsedColumn(), console=err)
        self._stages: dict[str, TaskID] = {}

    def __enter__(self) -> "_Bars":
        if err.is_terminal:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if err.is_terminal:
            self._bars.stop()

    def show(self, stage: str, done: float, total: float) -> None:
        """As a measurement tells it."""
        if stage not in self._stages:
            self._stages[stage] = self._bars.add_task(stage, total=total)
            if not err.is_terminal:
                err.print(f"{stage} ...")
        self._bars.update(self._stages[stage], completed=done, total=total)


# --- showing ----------------------------------------------------------------------------------------


def _as_json(report: "Report", compared: "Sequence[Compared]") -> dict[str, object]:
    """A report, its figures by name, and what it was compared with."""
    from bodega.proof.bench.report import figures

    return {
        **report.model_dump(mode="json"),
        "figures": {figure.name: figure.value for figure in figures(report)},
        **({"against": [{**row._asdict(), "change": row.change} for row in compared]} if compared else {}),
    }


def _show(report: "Report") -> None:
    _show_machine(report)
    _show_orders(report)
    _show_reads(report)
    if report.rush is not None:
        _show_rush(report.rush)
    _show_freshness(report)
    _show_processes(report)
    _show_ratios(report)


def _show_machine(report: "Report") -> None:
    floor = report.floor
    out.print(_whereabouts(report))
    table = _table("The floor of this machine", "", "")
    table.add_row("commits/s of a single row", _number(floor.commits_per_second))
    table.add_row("bare HTTP requests/s", _number(floor.requests_per_second))
    table.add_row("CPU of a bare request, ms", _number(floor.request_cpu_ms))
    table.add_row("Kafka round trip, ms", _number(floor.kafka_round_trip_ms))
    out.print(table)


def _whereabouts(report: "Report") -> str:
    machine = report.machine
    return (
        f"Bodega {report.bodega}, topology {report.topology}, on {machine.cores} cores ({escape(machine.processor)}), "
        f"{machine.memory_mb / 1000:.0f} GB"
    )


def _show_orders(report: "Report") -> None:
    if not report.orders:
        return
    table = _table("Orders, from cart to order", "guests", "orders/s", *_LATENCY, "CPU ms/order", "idle", "client")
    for at in report.orders:
        idle = at.background_ms(report.idle) if report.idle is not None else None
        table.add_row(
            str(at.guests), _number(at.per_second), *_latency(at.latency), _number(at.cost.total_ms), _number(idle),
            _number(at.cost.client_ms),
        )  # fmt: skip
        for step, latency in at.steps.items():
            table.add_row(f"[dim]  {step}[/]", "", *_latency(latency))
    out.print(table)
    _show_refused({f"{at.guests} at once": at.refused for at in report.orders})
    for at in report.orders:
        if at.busy:
            out.print(f"{at.guests} at once: the shop was busy {at.busy} times, and asked again when it said.")
    _show_costs("CPU ms per order, by process", {f"{at.guests} at once": at.cost for at in report.orders})
    out.print(
        "CPU per order counts all that follows from it, until it is delivered. idle: what an idle shop would have used "
        "in that time, which is part of it. client: the bench itself, which is not."
    )


def _show_reads(report: "Report") -> None:
    if not report.reads:
        return
    table = _table("Reads", "16 readers", "requests/s", *_LATENCY, "CPU ms/request", "client", "from memory")
    for of in report.reads:
        table.add_row(
            f"{of.what}, {of.where}", _number(of.per_second), *_latency(of.latency), _number(of.cost.total_ms),
            _number(of.cost.client_ms), f"{of.kept_share:.0%}" if of.where == "edge" else "",
        )  # fmt: skip
    out.print(table)
    _show_refused({f"{of.what}, {of.where}": of.refused for of in report.reads})


def _show_rush(rush: "Rush") -> None:
    table = _table(
        f"Rush: {rush.buyers} buyers for {rush.units} units, {rush.at_once} at once", "", "buyers", *_LATENCY
    )
    table.add_row("bought", str(rush.told), *_latency(rush.sold_latency))
    table.add_row("did not", str(rush.buyers - rush.told), *_latency(rush.refused_latency))
    out.print(table)
    answers = ", ".join(f"{count} x {escape(answer)}" for answer, count in rush.refused.items()) or "none"
    out.print(
        f"All were answered after {rush.seconds:.2f} s; refusals: {answers}; {rush.busy} times busy, and "
        f"asked again; CPU per buyer {_number(rush.cost.total_ms)} ms; {rush.sold} orders, {rush.on_hand} units left."
    )
    for fault in rush.faults:
        out.print(f"[red]{escape(fault)}[/]")


def _show_freshness(report: "Report") -> None:
    if not report.freshness:
        return
    table = _table("Freshness: how long an old price was still shown", "", "median ms", "longest ms")
    for view in report.freshness:
        table.add_row(view.view, _number(view.median_ms), _number(view.most_ms))
    out.print(table)
    out.print(f"Of {report.freshness[0].changes} changes, from the catalog's answer to the last old one.")


def _show_processes(report: "Report") -> None:
    """Memory of each process, and what it does when there is nothing to do."""
    columns = {"MB after the loads": report.memory_mb}
    if report.idle is not None:
        columns |= {"MB idle": report.idle.memory_mb, "CPU % of a core, idle": report.idle.cpu_percent}
    table = _table("Memory (PSS)" + (" and CPU when idle" if report.idle is not None else ""), "", *columns)
    for name in report.memory_mb:
        table.add_row(name, *(_number(column.get(name)) for column in columns.values()))
    table.add_row("[bold]total[/]", *(_number(sum(column.values())) for column in columns.values()))
    out.print(table)
    if report.idle is not None:
        after = f", {report.idle.orders} orders of the last hour in its tables" if report.idle.orders else ""
        out.print(
            f"Idle (profile {report.idle.times}{after}): the services and PostgreSQL's work for them used "
            f"{_number(report.idle.services_percent)} % of a core."
        )


def _show_ratios(report: "Report") -> None:
    from bodega.proof.bench.report import figures

    table = _table("Ratios to the floor: what can be compared with other machines", "", "")
    for figure in figures(report):
        if figure.is_ratio:
            table.add_row(figure.name, _number(figure.value))
    out.print(table)


def _show_compared(before: "Report", now: "Report", compared: "Sequence[Compared]") -> None:
    out.print(f"then: {_whereabouts(before)}, {before.taken_at:%Y-%m-%d %H:%M}")
    out.print(f"now:  {_whereabouts(now)}, {now.taken_at:%Y-%m-%d %H:%M}")
    table = _table("Two runs", "", "then", "now", "change")
    for row in sorted(compared, key=lambda one: one.is_ratio):
        change = f"{row.change:+.0%}" if row.change is not None else ""
        name = f"[bold]{escape(row.name)}[/]" if row.is_ratio else escape(row.name)
        table.add_row(name, _number(row.then), _number(row.now), change)
    out.print(table)
    if any(abs(row.change or 0) > _SAME_FLOOR for row in compared if row.name.startswith("floor:")):
        out.print("The floors differ: another machine, or one that was busy. Compare only the ratios, in bold.")


def _show_costs(title: str, costs: "dict[str, Cost]") -> None:
    """A column for each load, a row for each process; the last load says which are the largest."""
    from bodega.proof.bench.report import largest

    shown = largest([cost.cpu_ms for cost in costs.values()], _PROCESSES)
    table = _table(title, "", *costs)
    for name, values in shown.items():
        table.add_row(name, *map(_number, values))
    out.print(table)


def _show_refused(by_load: dict[str, dict[str, int]]) -> None:
    for load, refused in by_load.items():
        for answer, count in refused.items():
            out.print(f"[red]{load}: {count} x {escape(answer)}[/]")


def _latency(latency: "Latency | None") -> tuple[str, str, str]:
    if latency is None:
        return "", "", ""
    return _number(latency.p50_ms), _number(latency.p95_ms), _number(latency.p99_ms)


def _table(title: str, first: str, *columns: str) -> Table:
    """A new one, below its title. Columns but the first are numbers."""
    out.print(f"\n[bold]{escape(title)}[/]")
    table = Table(box=None, pad_edge=False, header_style="dim", show_header=any((first, *columns)))
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _number(value: float | None) -> str:
    """With three digits, or with all that stand before the point. Nothing, if there is none."""
    if value is None:
        return ""
    digits = sum(abs(value) < limit for limit in (99.95, 9.995, 0.9995, 0.09995)) if value else 0
    return f"{value:,.{digits}f}"
