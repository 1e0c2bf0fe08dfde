"""Guards that can be taken out, in a copy of Bodega, to see that the tests which watch them can fail."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from bodega.platform.system import ROOT

_NOT_COPIED = {"src", ".git", ".bodega"}


class DoesNotApply(Exception):
    """The guard is not where the mutation says; the message says what is missing."""


@dataclass(frozen=True)
class Edit:
    """A text that stands exactly once in a file below `src/bodega`, and what stands there instead without the guard."""

    file: str
    guard: str
    without: str


@dataclass(frozen=True)
class Mutation:
    """A guard, in words, and the edits that take it out."""

    guard: str
    edits: tuple[Edit, ...]

    def check(self, source: Path = ROOT / "src") -> None:
        """Raises DoesNotApply."""
        for edit in self.edits:
            _mutated(source, edit)


def mutated_copy(mutation: Mutation, folder: Path) -> Path:
    """Make `folder` a Bodega without the guard: its own `src`, links to all else. Gives the `src`, for PYTHONPATH.

    Raises DoesNotApply.
    """
    mutation.check()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for entry in ROOT.iterdir():
        if entry.name not in _NOT_COPIED:
            (folder / entry.name).symlink_to(entry)
    for edit in mutation.edits:
        (folder / "src" / "bodega" / edit.file).write_text(_mutated(folder / "src", edit))
    return folder / "src"


def _mutated(source: Path, edit: Edit) -> str:
    text = (source / "bodega" / edit.file).read_text()
    if (times := text.count(edit.guard)) != 1:
        raise DoesNotApply(f"{edit.file} has {times} times, not once: {edit.guard}")
    return text.replace(edit.guard, edit.without)
