"""`bodega test`: everything that CI runs, in the order in which a failure is cheapest to learn of.

lint (ruff, mypy, import-linter; the storefront's types, style and API client), unit (no engines), service (on the test
instance's engines), journey (the whole shop on the test instance, a browser included), torture (two minutes of it, in
an instance of its own). `bodega test long` is what takes hours, and is run before a release; `bodega test races` is a
part of service by itself, and with `--mutate` the guards of those tests are taken out one by one.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from bodega.cli.engines import test_environment
from bodega.cli.instances import ensure_engines, ensure_packages, ensure_pages, instance_of
from bodega.cli.lifecycle import show_start
from bodega.cli.races import mutate as mutate_races
from bodega.cli.screen import err, fail, out
from bodega.platform import control, gotools, pages, state
from bodega.platform.environment import DOWNLOADS, inherited
from bodega.platform.system import ROOT, Instance
from bodega.proof.races import races

STAGES = ("lint", "unit", "service", "journey", "torture")
_LONG = "long"
_RACES = "races"
_JOURNEYS = "tests/journeys"
_NOTHING_CHOSEN = 5
"""pytest's exit status, if no test fits what was asked for."""
_TORTURE = ("--minutes", "2", "--buyers", "20", "--kill-every", "5", "--seed", "1")
_PASSED_ON = (*DOWNLOADS, "PYTEST_ADDOPTS", "BODEGA_TEST_MONGO_URL")
_SIDE_BY_SIDE = ("-n", "logical", "--maxprocesses", "4")
"""As many processes as the machine has CPUs; rooms are shared out among them (tests/rooms.py). `-n 0` turns it off."""


@dataclass(frozen=True)
class Outcome:
    """How a stage went; `said` are its runners' own last lines."""

    stage: str
    code: int
    seconds: float
    said: list[str]


def test(
    context: typer.Context,
    stage: Annotated[
        str | None,
        typer.Argument(help="lint, unit, service, journey or torture, all if left out; or races, a part of service."),
    ] = None,
    mutate: Annotated[
        bool, typer.Option("--mutate", help="With races: take out guard by guard, and expect each test to fail.")
    ] = False,
) -> None:
    """Run the tests. What follows the stage goes to pytest: `test unit -k money`, `test tests/orders -x`."""
    arguments = list(context.args)
    if mutate and (stage != _RACES or arguments):
        fail("Guards are taken out of all races at once, and of nothing else.", do="./bodega test races --mutate")
    if stage is not None and stage not in (*STAGES, _LONG, _RACES):
        if not (stage.startswith("-") or Path(stage.split("::")[0]).exists()):
            fail(f"There is no stage {stage}.", f"There are {', '.join(STAGES)}, {_LONG} and {_RACES}.")
        arguments.insert(0, stage)
        stage = "chosen"
    # Tests start Python hundreds of times: whoever wants no compiled files about still has them made here, and ignored.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    ensure_packages("test", "Test packages")
    ensure_packages("engines", "Engines")  # their versions are known to unit tests, and Node is one of them
    instance = instance_of("test")
    stages = STAGES if stage is None else ("mutations",) if mutate else (stage,)
    was_running = state.running(instance) is not None
    outcomes: list[Outcome] = []
    try:
        for each in stages:
            if each == "torture" and not was_running:
                _stop(instance)  # two shops at once would be slower than one after the other
            outcomes.append(_run(each, instance, arguments))
    finally:
        if not was_running:
            _stop(instance)
    _summarise(outcomes)
    raise typer.Exit(max(outcome.code for outcome in outcomes))


def _stop(instance: Instance) -> None:
    if state.running(instance) is not None:
        with err.status("Stopping the test instance ..."):
            control.stop(instance)


def _run(stage: str, instance: Instance, arguments: list[str]) -> Outcome:
    out.rule(stage, align="left")
    began = time.monotonic()
    match stage:
        case "lint":
            code, said = _lint()
        case "unit":
            code, said = _pytest(["-m", "unit", *_SIDE_BY_SIDE, *arguments], {})
        case "service":
            _ensure_stripe_mock()
            _open_engines(instance)
            code, said = _beside_then_alone([f"--ignore={_JOURNEYS}", *arguments], instance)
        case "races":
            _open_engines(instance)
            code, said = _pytest([*_SIDE_BY_SIDE, *races().tests, *arguments], test_environment(instance))
        case "mutations":
            _open_engines(instance)
            code, said = mutate_races(races(), {**inherited(), **test_environment(instance)})
        case "journey":
            _open_shop(instance)
            code, said = _beside_then_alone([_JOURNEYS, *arguments], instance)
        case "torture":
            code, said = _torture(instance)
        case "long":
            ensure_engines(instance, for_tests=True)
            ensure_pages(for_tests=True)
            code, said = _pytest(["-m", "long", *arguments], {})
        case _:
            if any(_JOURNEYS in argument for argument in arguments):
                _open_shop(instance)
            else:
                _open_engines(instance)
            code, said = _pytest(arguments, test_environment(instance))
    return Outcome(stage, code, time.monotonic() - began, said)


def _torture(instance: Instance) -> tuple[int, list[str]]:
    page = instance.home / "torture.html"
    code, verdict = _shown(
        [sys.executable, "-m", "bodega.cli", "torture", *_TORTURE, "--report", str(page)], inherited(*_PASSED_ON)
    )
    return code, [verdict]


def _ensure_stripe_mock() -> None:
    if gotools.is_built(*gotools.STRIPE_MOCK):
        return
    try:
        with err.status("Building stripe-mock from its source (a minute) ..."):
            gotools.go_tool(*gotools.STRIPE_MOCK)
    except gotools.GoToolError as error:
        fail(
            "stripe-mock, which checks what is asked of Stripe, could not be built.",
            str(error),
            "Is the machine on the network? A module proxy can be named in GOPROXY. Run the command again.",
        )


def _open_engines(instance: Instance) -> None:
    """Start the engines alone, with whatever service tests need of packages."""
    ensure_engines(instance, for_tests=True)
    ensure_pages(for_tests=True)
    show_start(instance, "engines")


def _open_shop(instance: Instance) -> None:
    """Start the whole shop, a process per service; one that was open is closed first: it may run yesterday's code."""
    report = state.running(instance)
    if report is not None and report.extent == "shop":
        control.stop(instance)
    ensure_engines(instance)
    ensure_pages(for_tests=True)
    show_start(instance, "shop", "eleven")


def _lint() -> tuple[int, list[str]]:
    ensure_pages(for_tests=True)
    scripts = Path(sys.prefix) / "bin"
    commands = [
        [str(scripts / "ruff"), "check", "."],
        [str(scripts / "ruff"), "format", "--check", "."],
        [str(scripts / "mypy")],
        [str(scripts / "lint-imports")],
    ]
    worst, said = 0, []
    with ThreadPoolExecutor(1) as beside:
        checking = beside.submit(pages.check)
        for command in commands:
            name = " ".join([Path(command[0]).name, *command[1:]])
            out.print(Text(f"$ {name}", "dim"))
            code, last = _shown(command, inherited())
            worst = max(worst, code)
            said.append(f"{name}: {last}")
        out.print(Text("$ npm run check", "dim"))
        try:
            checking.result()
            said.append("npm run check: the storefront's types, style and API client are as they should be")
        except pages.PagesError as error:
            out.print(Text(str(error)))
            worst = 1
            said.append("npm run check: failed")
    return worst, said


def _pytest(arguments: list[str], environment: dict[str, str]) -> tuple[int, list[str]]:
    colour = "--color=yes" if out.is_terminal else "--color=no"
    code, last = _shown(
        [sys.executable, "-m", "pytest", colour, "--durations=10", "--durations-min=1", *arguments],
        {**inherited(*_PASSED_ON), **environment},
    )
    return code, [last]


def _beside_then_alone(arguments: list[str], instance: Instance) -> tuple[int, list[str]]:
    """First what may run side by side, then, whatever became of it, what is marked `alone`.

    The exit status is of the first that failed. It is no failure that `arguments` choose nothing in one of them, if
    they do in the other.
    """
    environment = test_environment(instance)
    runs = [
        _pytest(["-m", "not unit and not long and not alone", *_SIDE_BY_SIDE, *arguments], environment),
        _pytest(["-m", "not unit and not long and alone", *arguments], environment),
    ]
    codes = [code for code, _ in runs if code != _NOTHING_CHOSEN] or [_NOTHING_CHOSEN]
    return next((code for code in codes if code), 0), [line for _, said in runs for line in said]


def _shown(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a command, its output passed on as it comes; gives its exit status and its last line."""
    tail = b""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        while block := os.read(process.stdout.fileno(), 65536):
            sys.stdout.buffer.write(block)
            sys.stdout.flush()
            tail = (tail + block)[-4096:]
    lines = tail.decode(errors="replace").rstrip().splitlines()
    return process.returncode, lines[-1].strip() if lines else ""


def _summarise(outcomes: list[Outcome]) -> None:
    out.rule()
    for outcome in outcomes:
        mark = Text("✓ ", "green") if outcome.code == 0 else Text("✗ ", "red")
        out.print(Text.assemble(mark, f"{outcome.stage}, {outcome.seconds:.0f} s"))
        for line in outcome.said:
            typer.echo(f"  {line}")
