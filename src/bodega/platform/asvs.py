"""`docs/asvs.md`: how Bodega stands to OWASP's Application Security Verification Standard, from `docs/asvs.toml`."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from bodega.platform.coverage import Suite
from bodega.platform.system import ROOT

SOURCE = Path("docs/asvs.toml")
_NUMBER = re.compile(r"(\d+)\.\d+\.\d+")


class Line(NamedTuple):
    """A requirement that applies. `where` is empty, if it is open; `says` is the reason then."""

    id: str
    level: int
    says: str
    where: str

    @property
    def is_open(self) -> bool:
        return not self.where


class Chapter(NamedTuple):
    id: str
    title: str
    requirements: int
    not_applicable: int
    why_not: str
    lines: tuple[Line, ...]


@cache
def chapters(root: Path = ROOT) -> tuple[Chapter, ...]:
    read = tomllib.loads((root / SOURCE).read_text())
    first = frozenset(read["level_1"])

    def lines(chapter: dict[str, Any]) -> Iterator[Line]:
        for number, (says, where) in chapter.get("met", {}).items():
            yield Line(number, 1 if number in first else 2, says, where)
        for number, why in chapter.get("open", {}).items():
            yield Line(number, 1 if number in first else 2, str(why), "")

    return tuple(
        Chapter(
            name, of["title"], of["requirements"], of["not_applicable"], of.get("why_not", ""),
            tuple(sorted(lines(of), key=lambda line: _order(line.id))),
        )
        for name, of in read.items() if name.startswith("V")
    )  # fmt: skip


def faults(root: Path = ROOT) -> list[str]:
    """What is wrong with the table: a test or file that is not there, a number twice or of another chapter."""
    suite, found = Suite(root), []
    for chapter in chapters(root):
        numbers = [line.id for line in chapter.lines]
        found += [f"{number} is there twice" for number in sorted({one for one in numbers if numbers.count(one) > 1})]
        if len(numbers) + chapter.not_applicable != chapter.requirements:
            found.append(f"{chapter.id} has {chapter.requirements} requirements, of which some are missing or too many")
        for line in chapter.lines:
            number = _NUMBER.fullmatch(line.id)
            if number is None or f"V{number[1]}" != chapter.id:
                found.append(f"{line.id} is no requirement of {chapter.id}")
            is_there = suite.has(line.where) if line.where.startswith("tests/") else (root / line.where).is_file()
            if not line.is_open and not is_there:
                found.append(f"{line.id}: there is no {line.where}")
    read = {line.id for chapter in chapters(root) for line in chapter.lines}
    missing = set(tomllib.loads((root / SOURCE).read_text())["level_1"]) - read
    return found + [f"{number} of level 1 has no verdict" for number in sorted(missing)]


def asvs() -> str:
    """`docs/asvs.md`."""
    every = [line for chapter in chapters() for line in chapter.lines]
    of_first = tomllib.loads((ROOT / SOURCE).read_text())["level_1_not_applicable"]
    return "\n".join(
        [
            "# OWASP ASVS 5.0.0",
            "<!-- Written by `python -m bodega.platform.maps` from docs/asvs.toml. Do not edit. -->",
            "",
            "Each requirement of levels 1 and 2 that applies, in our own short words, with the test that fails when it",
            "is broken, or the place where it is done; or why it is open. Chapters name what does not apply. Verdicts",
            "are our own, made by reading and trying; nobody else has certified them.",
            "",
            "| level | applies | met | open | does not apply |",
            "|---|---|---|---|---|",
            _sums("1", [line for line in every if line.level == 1], of_first),
            _sums("2 (without 1)", [line for line in every if line.level == 2],
                  sum(chapter.not_applicable for chapter in chapters()) - of_first),
            "",
            "## Open",
            "",
            *(f"- **{line.id}** (level {line.level}): {line.says}" for line in every if line.is_open),
            *(text for chapter in chapters() for text in _chapter(chapter)),
            "",
        ]
    )  # fmt: skip


def _sums(name: str, lines: list[Line], not_applicable: int) -> str:
    still_open = sum(line.is_open for line in lines)
    return f"| {name} | {len(lines)} | {len(lines) - still_open} | {still_open} | {not_applicable} |"


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"\n## {chapter.id} {chapter.title}\n"
    if chapter.not_applicable:
        why = f": {chapter.why_not}" if chapter.why_not else ""
        yield f"{chapter.not_applicable} of {chapter.requirements} do not apply{why}.\n"
    if chapter.lines:
        yield "| | level | | where |\n|---|---|---|---|"
    for line in chapter.lines:
        says, where = ("**open**, see above", "") if line.is_open else (line.says, f"`{line.where}`")
        yield f"| {line.id} | {line.level} | {says} | {where} |"


def _order(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number.split("."))
