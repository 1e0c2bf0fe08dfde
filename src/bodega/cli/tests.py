"""`bodega test`: everything that CI runs, in the order in which a failure is cheapest to learn of.

lint (ruff, mypy, import-linter), unit (no engines), service (on the test instance's engines), journey (the whole shop
on the test instance).
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from bodega.cli.engines import test_environment
from bodega.cli.instances import ensure_engines, ensure_packages, instance_of
from bodega.cli.lifecycle import show_start
from bodega.cli.screen import err, fail, out
from bodega.platform import control, state
from bodega.platform.system import ROOT, Instance

STAGES = ("lint", "unit", "service", "journey")
_JOURNEYS = "tests/journeys"
_NOTHING_COLLECTED = 5


@dataclass(frozen=True)
class Outcome:
    """How a stage went."""

    stage: str
    code: int
    seconds: float


def test(
    context: typer.Context,
    stage: Annotated[str | None, typer.Argument(help="lint, unit, service or journey; all of them if none.")] = None,
) -> None:
    """Run the tests. What follows the stage goes to pytest: `test unit -k money`, `test tests/orders -x`."""
    arguments = list(context.args)
    if stage is not None and stage not in STAGES:
        if not (stage.startswith("-") or Path(stage.split("::")[0]).exists()):
            fail(f"There is no stage {stage}.", f"There are {', '.join(STAGES)}.")
        arguments.insert(0, stage)
        stage = "chosen"
    ensure_packages("test", "Test packages")
    instance = instance_of("test")
    stages = STAGES if stage is None else (stage,)
    was_running = state.running(instance) is not None
    outcomes: list[Outcome] = []
    try:
        for each in stages:
            outcomes.append(_run(each, instance, arguments))
    finally:
        if not was_running and state.running(instance) is not None:
            with err.status("Stopping the test instance ..."):
                control.stop(instance)
    _summarise(outcomes)
    raise typer.Exit(max(outcome.code for outcome in outcomes))


def _run(stage: str, instance: Instance, arguments: list[str]) -> Outcome:
    out.rule(stage, align="left")
    began = time.monotonic()
    match stage:
        case "lint":
            code = _lint()
        case "unit":
            code = _pytest(["-m", "unit", *arguments], {})
        case "service":
            ensure_engines(instance)
            show_start(instance, "engines")
            code = _pytest(["-m", "not unit", f"--ignore={_JOURNEYS}", *arguments], test_environment(instance))
        case "journey":
            ensure_engines(instance)
            show_start(instance, "shop")
            code = _pytest([_JOURNEYS, *arguments], test_environment(instance))
        case _:
            ensure_engines(instance)
            show_start(instance, "shop" if any(_JOURNEYS in argument for argument in arguments) else "engines")
            code = _pytest(arguments, test_environment(instance))
    return Outcome(stage, code, time.monotonic() - began)


def _lint() -> int:
    scripts = Path(sys.prefix) / "bin"
    commands = [
        [str(scripts / "ruff"), "check", "."],
        [str(scripts / "ruff"), "format", "--check", "."],
        [str(scripts / "mypy")],
        [str(scripts / "lint-imports")],
    ]
    code = 0
    for command in commands:
        out.print(Text(f"$ {Path(command[0]).name} {' '.join(command[1:])}", "dim"))
        code = max(code, subprocess.run(command, cwd=ROOT, check=False).returncode)
    return code


def _pytest(arguments: list[str], environment: dict[str, str]) -> int:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("BODEGA_")}
    kept = {key: value for key, value in os.environ.items() if key in ("BODEGA_HOME", "BODEGA_INSTANCE")}
    code = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT,
        env={**inherited, **kept, **environment},
        check=False,
    ).returncode
    return 0 if code == _NOTHING_COLLECTED else code


def _summarise(outcomes: list[Outcome]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for outcome in outcomes:
        mark = Text("✓", "green") if outcome.code == 0 else Text("✗", "red")
        table.add_row(mark, outcome.stage, f"{outcome.seconds:.0f} s", "" if outcome.code == 0 else "failed")
    out.rule()
    out.print(table)
