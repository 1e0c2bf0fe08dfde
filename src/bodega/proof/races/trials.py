"""Whether the tests of races fail without the guards of what they test: tried on copies of the code, guard by guard.

A test that is green whatever the code does says nothing.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from bodega.platform.system import ROOT
from bodega.proof.mutations import Mutation, mutated_copy
from bodega.proof.races import Race, Red

_PATIENCE_SECONDS = 300.0
"""For one run of tests; each of them has a time limit of its own that is shorter."""
_ASSERTION = "AssertionError: "
ALL_GUARDS_IN = Mutation("nothing", ())


@dataclass(frozen=True, slots=True)
class Run:
    """What became of some tests. `failed`: the messages of those that failed by themselves, by an assertion or another
    error; `broken`: why others never came so far (a file that cannot be imported, a service that does not start)."""

    passed: int
    failed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    code: Path | None = None
    """Where the package `bodega` was imported from."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one mutation. `red`: the test failed as declared. `green`: it passed all the same, so it tests nothing.
    `other`: it failed, but not by the declared assertion. `broken`: the code without the guard does not even run."""

    race: Race
    red: Red
    kind: Literal["red", "green", "other", "broken"]
    said: str


class Trials:
    """Runs tests on copies of the code, one copy after the other in the same place."""

    def __init__(self, folder: Path, environment: Mapping[str, str], root: Path) -> None:
        self.copy = folder / "bodega"
        self._root = root
        self._report = folder / "report.xml"
        # What is compiled is kept from copy to copy: all but what a mutation has changed is the same.
        paths = f"{self.copy / 'src'}:{self.copy}"
        self._environment = {**environment, "PYTHONPATH": paths, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(self, mutation: Mutation, tests: Sequence[str]) -> Run:
        """Runs tests (pytest's ids) on the code with this mutation. Raises DoesNotApply."""
        mutated_copy(mutation, self.copy, self._root)
        self._report.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", f"--junitxml={self._report}", *tests],
            cwd=self.copy, env=self._environment, capture_output=True, text=True, check=False,
            timeout=_PATIENCE_SECONDS,
        )  # fmt: skip
        if not self._report.exists():
            return Run(0, broken=(_last_line(done.stdout + done.stderr),))
        return _read(self._report)

    def judge(self, race: Race, red: Red, mutation: Mutation) -> Verdict:
        """What the test shows without its guards. Raises DoesNotApply."""
        run = self.run(mutation, [red.test])
        if any(message.startswith(_ASSERTION) and red.seen in message for message in run.failed):
            return Verdict(race, red, "red", red.seen)
        if run.failed:
            return Verdict(race, red, "other", _first_line(run.failed[0]))
        if run.broken or not run.passed:
            return Verdict(race, red, "broken", _first_line(run.broken[0]) if run.broken else "no test was run")
        return Verdict(race, red, "green", "the test passed: nothing that it looks at depends on the guard")


@contextmanager
def trials(environment: Mapping[str, str], root: Path = ROOT) -> Iterator[Trials]:
    """Copies of the repository `root` are made in a folder that lives as long as the context. `environment`: of the
    tests."""
    with tempfile.TemporaryDirectory(prefix="bodega-races-") as folder:
        yield Trials(Path(folder), environment, root)


def _read(report: Path) -> Run:
    root = ElementTree.parse(report).getroot()  # noqa: S314 - written by pytest just now
    failed, broken, passed = list[str](), list[str](), 0
    for case in root.iter("testcase"):
        faults = [child for child in case if child.tag in ("failure", "error")]
        failed += [child.get("message", "") for child in faults if child.tag == "failure"]
        broken += [_with_its_cause(child) for child in faults if child.tag == "error"]
        passed += not faults
    code = next((Path(one.get("value", "")) for one in root.iter("property") if one.get("name") == "bodega"), None)
    return Run(passed, tuple(failed), tuple(broken), code)


def _with_its_cause(error: ElementTree.Element) -> str:
    """Of what could not be collected pytest says only that, and the cause in the text below."""
    return f"{error.get('message', '')}: {_last_line(error.text or '')}"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["pytest said nothing"])[-1].strip()
