"""`bodega test races --mutate`: the guards of races are taken out of a copy of the code, and their tests must fail."""

from rich.text import Text

from bodega.cli.screen import err, fail, out
from bodega.platform.system import ROOT
from bodega.proof.races import Races, Red, page
from bodega.proof.races.trials import ALL_GUARDS_IN, Trials, Verdict, trials

_PAGE = ROOT / "docs/races.md"


def mutate(read: Races, environment: dict[str, str]) -> tuple[int, list[str]]:
    """Prints a table of all mutations (race, guards that were taken out, what the test said), and writes docs/races.md.

    Gives the exit status, 1 if a test does not fail as declared, and what is to be said at the end. Ends the command
    if a test fails with all guards in.
    """
    with trials(environment) as trying:
        with err.status("All guards in ..."):
            _must_be_green(trying, read)
        verdicts = list[Verdict]()
        names = max(len(race.name) for race in read.race)
        guards = max(len(_without(red)) for race in read.race for red in race.red)
        for race in read.race:
            for red in race.red:
                with err.status(f"{race.name}, without {_without(red)} ..."):
                    verdicts.append(trying.judge(race, red, read.mutation(red)))
                _print_row(verdicts[-1], names, guards)
    _PAGE.write_text(page().rstrip() + "\n")
    reds = [verdict for verdict in verdicts if verdict.kind == "red"]
    said = f"{len(reds)} of {len(verdicts)} mutations are noticed by a test; written: {_PAGE.relative_to(ROOT)}"
    return int(len(reds) < len(verdicts)), [said]


def _must_be_green(trying: Trials, read: Races) -> None:
    run = trying.run(ALL_GUARDS_IN, read.tests)
    if run.failed or run.broken or run.passed != len(read.tests):
        reasons = "\n".join([*run.failed, *run.broken]) or f"{run.passed} of {len(read.tests)} tests were run."
        fail("The tests of races must pass before a guard is taken out.", reasons, "Run ./bodega test races.")
    if run.code != trying.copy / "src/bodega":
        fail(f"The tests were run on {run.code}, not on the copy.", do="Is bodega installed in another place, too?")


def _print_row(verdict: Verdict, names: int, guards: int) -> None:
    """A row of the table: it grows while the next mutation is tried. `names`, `guards`: how wide these columns are."""
    is_red = verdict.kind == "red"
    mark = Text("✓", "green") if is_red else Text("✗", "red")
    what = f" {verdict.race.name:<{names}}  {_without(verdict.red):<{guards}}  "
    said = Text(verdict.said) if is_red else Text(f"{verdict.kind}: {verdict.said}", "red")
    out.print(Text.assemble(mark, what, said), soft_wrap=True)


def _without(red: Red) -> str:
    return " and ".join(red.without)
