"""`docs/races.md`: the races that Bodega survives, the guard of each, and what happens without it.

They are written down in `tests/races.toml`, with the edits that take a guard out of the code. Whether each test is red
then is tried by `trials`.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bodega.platform.coverage import suite_of
from bodega.platform.system import ROOT
from bodega.proof.mutations import DoesNotApply, Edit, Mutation

SOURCE = Path("tests/races.toml")
_HEAD = """# Races that can fail
<!-- Written by `python -m bodega.platform.maps` from tests/races.toml. Do not edit. -->

Two who want the same thing at the same moment: each test below forces the bad order of events, every time, by holding
one of them in its midst until the other has come as far as it can. `./bodega test races` runs them. Each is known to
fail: `./bodega test races --mutate` takes the guard out of a copy of the code, runs the test on that copy, and expects
it to be red, with the words in the last column.

Where two guards stand behind each other, the first is taken out alone, and then both. Without the first somebody gets
a bad answer and the second still holds the promise; without both it is broken.
"""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Guard(_Frozen):
    """What keeps a promise: a lock, a constraint, a fence. `is_`: in words that follow "without"."""

    is_: str = Field(alias="is")
    edits: tuple[Edit, ...] = Field(min_length=1)


class Red(_Frozen):
    """A test (pytest's id) that fails without some guards (their names), and what its assertion says then."""

    without: tuple[str, ...] = Field(min_length=1)
    test: str
    seen: str = Field(min_length=1)


class Race(_Frozen):
    name: str
    promise: str
    red: tuple[Red, ...] = Field(min_length=1)


class Races(_Frozen):
    """As they are written down."""

    guards: Mapping[str, Guard]
    race: tuple[Race, ...]

    @property
    def tests(self) -> list[str]:
        """Each once, those of a service together: they share what is made once for it."""
        return sorted({red.test for race in self.race for red in race.red})

    def mutation(self, red: Red) -> Mutation:
        """What takes its guards out."""
        edits = tuple(edit for name in red.without for edit in self.guards[name].edits)
        return Mutation(", and ".join(self.guards[name].is_ for name in red.without), edits)


def races(root: Path = ROOT) -> Races:
    """As written down. Raises `ValueError` naming all faults: a guard that no code or no race has, a test that is not
    there, a race that is there twice."""
    try:
        read = Races.model_validate(tomllib.loads((root / SOURCE).read_text()))
    except ValidationError as error:
        raise ValueError(f"{SOURCE}: {error}") from error
    suite = suite_of(root)
    faults = [f"there is no {test}" for test in read.tests if not suite.has(test)]
    names = [race.name for race in read.race]
    faults += [f"{name} is there twice" for name in sorted(set(names)) if names.count(name) > 1]
    used = {name for race in read.race for red in race.red for name in red.without}
    faults += [f"there is no guard {name}" for name in sorted(used - read.guards.keys())]
    faults += [f"no race is about the guard {name}" for name in sorted(read.guards.keys() - used)]
    faults += [fault for guard in read.guards.values() for fault in _misfits(root, guard)]
    if faults:
        raise ValueError("\n".join(f"{SOURCE}: {fault}" for fault in faults))
    return read


def _misfits(root: Path, guard: Guard) -> Iterator[str]:
    """Why the edits do not take it out."""
    for edit in guard.edits:
        try:
            Mutation(guard.is_, (edit,)).check(root / "src")
        except (DoesNotApply, OSError) as error:
            yield str(error)


def page(root: Path = ROOT) -> str:
    """`docs/races.md`."""
    read = races(root)
    lines = [_HEAD]
    for race in read.race:
        lines += [f"## {race.name}", "", race.promise, ""]
        lines += [_guard(name, read.guards[name]) for name in dict.fromkeys(n for red in race.red for n in red.without)]
        lines += ["", "| without | test | fails with |", "|---|---|---|"]
        lines += [f"| {' and '.join(red.without)} | {_test(red.test)} | {red.seen} |" for red in race.red]
        lines += [""]
    return "\n".join(lines)


def _guard(name: str, guard: Guard) -> str:
    """A line about it, with its code and where that is."""
    edit = guard.edits[0]
    code = " ".join(edit.guard.split())
    return f"- **{name}**: {guard.is_}. `{code}` in [{edit.file.removeprefix('services/')}](../src/bodega/{edit.file})"


def _test(test: str) -> str:
    file, _, name = test.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../{file})"
