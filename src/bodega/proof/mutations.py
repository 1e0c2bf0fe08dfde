"""Whether the tests of races fail without the guards of what they test: tried on a copy of the code, guard by guard.

A test that is green whatever the code does says nothing. `tests/races.toml` names for each race the guards, the edits
that take them out, and the words of the assertion that must fail then (`bodega.platform.races`).
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from bodega.platform.races import Edit, Race, Red

_COPIED = ("src", "tests")
_PATIENCE_SECONDS = 300.0
"""For one run of tests; each of them has a time limit of its own that is shorter."""
_ASSERTION = "AssertionError: "


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


class Copy:
    """A copy of the repository's code and tests, in which guards are taken out. Of the rest there are links."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.root = root
        # Nothing compiled is kept: it could be taken for that of a file that is changed back within the second.
        paths = f"{root / 'src'}:{root}"
        self._environment = {**environment, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}

    @contextmanager
    def without(self, edits: Sequence[Edit]) -> Iterator[None]:
        """These edits are made, and taken back afterwards. Raises ValueError, if one does not fit."""
        before = {edit.file: (self.root / edit.file).read_text() for edit in edits}
        changed = dict(before)
        for edit in edits:
            changed[edit.file] = edit.applied(changed[edit.file])
        try:
            for file, text in changed.items():
                (self.root / file).write_text(text)
            yield
        finally:
            for file, text in before.items():
                (self.root / file).write_text(text)

    def run(self, tests: Sequence[str]) -> Run:
        """Runs tests (pytest's ids) on the copy."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", f"--junitxml={report}", *tests],
                cwd=self.root, env=self._environment, capture_output=True, text=True, check=False,
                timeout=_PATIENCE_SECONDS,
            )  # fmt: skip
            if not report.exists():
                return Run(0, broken=(_last_line(done.stdout + done.stderr),))
            return _read(report)


@contextmanager
def copy_of(root: Path, environment: Mapping[str, str]) -> Iterator[Copy]:
    """A copy for as long as the context lasts. `environment`: of the tests."""
    with tempfile.TemporaryDirectory(prefix="bodega-races-") as folder:
        copy = Path(folder)
        for part in root.iterdir():
            if part.name in _COPIED:
                shutil.copytree(part, copy / part.name, symlinks=True)
            elif not part.name.startswith("."):
                (copy / part.name).symlink_to(part)
        yield Copy(copy, environment)


def judged(race: Race, red: Red, run: Run) -> Verdict:
    """What a run of the test without its guards shows."""
    if any(message.startswith(_ASSERTION) and red.seen in message for message in run.failed):
        return Verdict(race, red, "red", red.seen)
    if run.failed:
        return Verdict(race, red, "other", _first_line(run.failed[0]))
    if run.broken or not run.passed:
        return Verdict(race, red, "broken", _first_line(run.broken[0]) if run.broken else "no test was run")
    return Verdict(race, red, "green", "the test passed: nothing that it looks at depends on the guard")


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
