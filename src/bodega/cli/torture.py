"""`bodega torture`: a shop that is sold from while it is killed, frozen and lied to."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from bodega.cli import data
from bodega.cli.doctor import supported_or_fail
from bodega.cli.instances import instance_of
from bodega.cli.scratch import started_anew
from bodega.cli.screen import err, fail, out
from bodega.platform.system import Instance
from bodega.proof.torture.plan import Fault, Guard, Plan

if TYPE_CHECKING:
    from bodega.proof.torture.report import Report

INSTANCE = "torture"


def torture(
    minutes: Annotated[float, typer.Option(min=0.1, max=600, help="How long the load lasts.")] = Plan.minutes,
    buyers: Annotated[int, typer.Option(min=1, max=1000, help="How many buy at the same time.")] = Plan.buyers,
    kill_every: Annotated[float, typer.Option(min=0.5, max=600, help="Seconds between two kills.")] = Plan.kill_every,
    seed: Annotated[int, typer.Option(help="Draws the faults; the same seed draws the same ones.")] = Plan.seed,
    faults: Annotated[
        list[Fault] | None, typer.Option(help="kill, freeze, lie, redeliver; can be repeated. All if left out.")
    ] = None,
    without: Annotated[
        Guard | None, typer.Option(help="Run a shop that lacks this guard, to see what it prevents.")
    ] = None,
    report: Annotated[Path, typer.Option(help="Where the page about the run is written.")] = Path("torture.html"),
    picture: Annotated[Path | None, typer.Option(help="Where a small picture of it (SVG) is written.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the instance running, to look into it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Sell under faults, in an instance of its own, and judge whether stock, money, orders and answers still agree.

    It starts a new instance `torture` beside the shop, with two processes of each service. Buyers buy, a merchant
    changes prices and stock; meanwhile processes are killed and frozen, the sandbox's processor, carrier and mail
    server misbehave, and old events come again. Then all may come to rest, and is audited. 1 if a promise was broken.
    """
    plan = Plan(minutes, buyers, kill_every, seed, tuple(faults or Fault), without)
    supported_or_fail()
    instance = instance_of(INSTANCE)
    with _shop_without(instance, without), started_anew(instance, "torture", "eleven", keep=keep):
        result = _run(instance, plan, report)
    result.write_page(report)
    if picture is not None:
        result.write_picture(picture)
    if as_json:
        typer.echo(result.as_json())
    else:
        _show(result, report)
    if result.violations:
        raise typer.Exit(1)


@contextmanager
def _shop_without(instance: Instance, guard: Guard | None) -> Iterator[None]:
    """What is started meanwhile runs a copy of Bodega that lacks the guard; we ourselves, and the audit, do not."""
    if guard is None:
        yield
        return
    from bodega.proof.mutations import DoesNotApply, mutated_copy
    from bodega.proof.torture.guards import GUARDS

    try:
        source = mutated_copy(GUARDS[guard], instance.home / "without" / guard)
    except DoesNotApply as error:
        fail(f"The guard {guard} could not be taken out.", str(error), "src/bodega/proof/torture/guards.py names it.")
    # Without this, whatever is started would find the code, and the home, of the installed package.
    theirs = {"PYTHONPATH": str(source), "BODEGA_HOME": str(instance.home)}
    ours = {name: os.environ.pop(name) for name in theirs if name in os.environ}
    os.environ.update(theirs)
    try:
        yield
    finally:
        for name in theirs:
            del os.environ[name]
        os.environ.update(ours)


def _run(instance: Instance, plan: Plan, report: Path) -> "Report":
    from bodega.proof.torture.run import TortureError, torture

    async def run() -> "Report":
        login = await data.make_merchant(instance)
        return await torture(instance, login, plan, report.with_suffix(".answers.jsonl"), err.print)

    try:
        return asyncio.run(run())
    except TortureError as error:
        fail(
            "The run could not be finished.",
            str(error),
            f"Its logs are kept until the next one: `./bodega logs --instance {INSTANCE} supervisor`.",
        )


def _show(result: "Report", page: Path) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in result.figures.items():
        table.add_row(name.replace("_", " "), str(value))
    out.print(table)
    out.print(f"The page about it: {escape(str(page))}")
    for one in result.violations:
        out.print(f"[red]{escape(one)}[/]")
    out.print(f"[{'red' if result.violations else 'green'}]{escape(result.verdict)}[/]", soft_wrap=True)
