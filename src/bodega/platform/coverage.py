"""`docs/coverage.md`: every promise of Bodega, every operation and every event, and the tests that hold it to them.

The promises are written down in `tests/specification`, one file a section, each with the tests that fail when it is
broken. Who calls which operation and who names which event is read from the tests' source, which is not run.
"""

import ast
import gc
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from bodega.contracts.export import all_events
from bodega.platform.description import api
from bodega.platform.system import ROOT

_HEAD = """# What is promised, and what tests it
<!-- Written by `python -m bodega.platform.maps` from tests/specification and the tests. Do not edit. -->
"""
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_SHOWN = 3
"""How many tests of an operation or event are named: enough to find the others, few enough to seldom change."""
_HOLE = "\0"
"""Stands in a path for what is put in when the test runs."""

# These put the same question to everything, so they show of no single operation or event that anybody thought of it.
_OF_EVERYTHING = frozenset(
    Path(path)
    for path in (
        "tests/journeys/test_descriptions.py",
        "tests/journeys/test_topics.py",
        "tests/contracts/test_events.py",
        "tests/contracts/test_words.py",
    )
)
_JOURNEYS = Path("tests/journeys")


class Rule(NamedTuple):
    id: str
    says: str
    tests: tuple[str, ...]


class Section(NamedTuple):
    title: str
    rules: tuple[Rule, ...]


class Operation(NamedTuple):
    method: str
    path: str
    room: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the tests: itself a test, or what tests use."""

    file: Path
    name: str
    calls: frozenset[tuple[str, str]]
    words: frozenset[str]

    @property
    def is_test(self) -> bool:
        return self.file.name.startswith("test_") and self.name.rpartition("::")[2].startswith("test_")


class Suite:
    """The tests below `root/tests`, by their source."""

    def __init__(self, root: Path) -> None:
        self.functions: list[Function] = []
        self._names: set[str] = set()
        for path in sorted((root / "tests").rglob("*.py")):
            file = path.relative_to(root)
            self._names.add(file.as_posix())
            module = _tree(path.read_bytes())
            constants = ast.Module([node for node in module.body if isinstance(node, ast.Assign)], [])
            self._read(file, module.body, "", _assigned(constants, {}))

    def _read(self, file: Path, body: list[ast.stmt], prefix: str, known: Mapping[str, str]) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = prefix + node.name
                self.functions.append(Function(file, name, frozenset(_calls(node, known)), frozenset(_words(node))))
                self._names.add(f"{file.as_posix()}::{name}")
            elif isinstance(node, ast.ClassDef):
                self._names.add(f"{file.as_posix()}::{prefix}{node.name}")
                self._read(file, node.body, f"{prefix}{node.name}::", known)
            elif isinstance(node, ast.Assign):  # TestOrders = Orders.TestCase, of a state machine
                self._names |= {f"{file.as_posix()}::{it.id}" for it in node.targets if isinstance(it, ast.Name)}

    def has(self, test: str) -> bool:
        """Whether there is such a test, class of tests or file of tests (a pytest node id without parameters)."""
        file, _, name = test.partition("::")
        named_as_test = not name or name.rpartition("::")[2].startswith(("test_", "Test"))
        return test in self._names and named_as_test and Path(file).name.startswith("test_")

    def that(self, does: Callable[[Function], bool]) -> list[Function]:
        """The tests that do it themselves; if none does, those that do it by a function of their own folder."""
        doers = [function for function in self.functions if does(function)]
        if tests := [function for function in doers if function.is_test]:
            return tests
        found: dict[Function, None] = dict.fromkeys(doers)
        pending = list(doers)
        while pending:
            helper = pending.pop()
            short = helper.name.rpartition("::")[2]
            for function in self.functions:
                if short in function.words and function.file.parent == helper.file.parent and function not in found:
                    found[function] = None
                    if not function.is_test:
                        pending.append(function)
        return [function for function in self.functions if function in found and function.is_test]


def _calls(function: ast.AST, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What it may ask of an API: method and path, in calls (`get("/cart")`, `ask("GET", "/cart")`) and parameters."""
    known = {**known, **_assigned(function, known)}
    for node in ast.walk(function):
        items: list[ast.expr] = []
        match node:
            case ast.Call(func=ast.Attribute(attr=name), args=[first, *_]) if name.upper() in _METHODS:
                yield name.upper(), _as_path(_text(first, known) or "")
            case ast.Call(args=items) | ast.Tuple(elts=items):
                for method, path in pairwise(_text(item, known) or "" for item in items):
                    if method in _METHODS:
                        yield method, _as_path(path)


def _assigned(scope: ast.AST, known: Mapping[str, str]) -> dict[str, str]:
    """The names that stand for one text."""
    found: dict[str, str] = {}
    for node in ast.walk(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pairs = [(name, value)]
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                pairs = [(it.id, value) for it, value in zip(names, values, strict=False) if isinstance(it, ast.Name)]
            case _:
                continue
        for name, value in pairs:
            if text := _text(value, {**known, **found}):
                found[name] = text
    return found


def _text(node: ast.expr, known: Mapping[str, str]) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return known.get(name)
        case ast.FormattedValue(value=value):
            return _text(value, known) or _HOLE
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, known) or "" for part in parts)
    return None


def _as_path(text: str) -> str:
    return text.removeprefix(_HOLE).partition("?")[0].removeprefix("/api")


def _words(function: ast.AST) -> Iterator[str]:
    for node in ast.walk(function):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.Constant(value=str(word)):
                yield word


def sections(root: Path = ROOT) -> list[Section]:
    """The promises as written down. Raises `ValueError` naming all faults: an id twice, a test that is not there."""
    suite, faults, seen = suite_of(root), list[str](), set[str]()
    read = []
    for path in sorted((root / "tests/specification").glob("*.toml")):
        written = tomllib.loads(path.read_text())
        rules = tuple(Rule(rule["id"], rule["says"], tuple(rule["tests"])) for rule in written["rule"])
        for rule in rules:
            faults += [f"{path.name}: {rule.id} is there twice"] if rule.id in seen else []
            faults += [f"{path.name}: {rule.id}: there is no {test}" for test in rule.tests if not suite.has(test)]
            seen.add(rule.id)
        read.append(Section(written["title"], rules))
    if faults:
        raise ValueError("\n".join(faults))
    return read


def _tree(source: bytes) -> ast.Module:
    """Built without the garbage collector: in Python 3.11 it may run code in the midst of it that builds another tree,
    and the first then ends with a SystemError."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        if collects:
            gc.enable()


@cache
def suite_of(root: Path) -> Suite:
    """The tests of a repository, read once."""
    return Suite(root)


@cache
def _described() -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = json.loads(api())["paths"]
    return paths


@cache
def operations(root: Path = ROOT) -> dict[Operation, list[Function]]:
    """Every public operation with the tests that ask for it: those of its own room, and journeys of the whole shop."""
    found = {}
    for path, item in _described().items():
        pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
        for method, described in item.items():
            if method.upper() not in _METHODS:
                continue
            operation = Operation(method.upper(), path, described["tags"][0])
            found[operation] = suite_of(root).that(partial(_asks, operation, pattern))
    return found


def _asks(operation: Operation, pattern: re.Pattern[str], function: Function) -> bool:
    ours = Path("tests", operation.room) in function.file.parents or _JOURNEYS in function.file.parents
    return (
        ours
        and function.file not in _OF_EVERYTHING
        and any(method == operation.method and pattern.fullmatch(path) for method, path in function.calls)
    )


@cache
def events(root: Path = ROOT) -> dict[str, list[Function]]:
    """Every event with the tests that name it."""
    suite = suite_of(root)
    return {
        name: suite.that(partial(_names, name)) for name in sorted(event.type_name() for event in all_events().values())
    }


def _names(event: str, function: Function) -> bool:
    return event in function.words and function.file not in _OF_EVERYTHING


def gaps(root: Path = ROOT) -> list[str]:
    """What nothing tests: rules, operations and events."""
    return [
        *(f"rule {rule.id}" for section in sections(root) for rule in section.rules if not rule.tests),
        *(str(operation) for operation, tests in operations(root).items() if not tests),
        *(event for event, tests in events(root).items() if not tests),
    ]


def coverage(root: Path = ROOT) -> str:
    """`docs/coverage.md`."""
    missing = gaps(root)
    promised = sections(root)
    asked, said = operations(root), events(root)
    lines = [
        _HEAD,
        f"{sum(len(section.rules) for section in promised)} rules, {len(asked)} operations, {len(said)} events.",
        *(["", "**Without a test:**", "", *(f"- {gap}" for gap in missing)] if missing else []),
    ]
    for section in promised:
        lines += ["", f"## {section.title}", "", "| rule | says | tests |", "|---|---|---|"]
        lines += [
            f"| `{rule.id}` | {rule.says} | {'<br>'.join(_link(*test.partition('::')[::2]) for test in rule.tests)} |"
            for rule in section.rules
        ]
    lines += ["", "## Operations", "", "| operation | tests, among them |", "|---|---|"]
    lines += [f"| `{operation}` | {_some(tests)} |" for operation, tests in asked.items()]
    lines += ["", "## Events", "", "| event | tests, among them |", "|---|---|"]
    lines += [f"| `{event}` | {_some(tests)} |" for event, tests in said.items()]
    return "\n".join(lines)


def _some(tests: list[Function]) -> str:
    return "<br>".join(_link(test.file.as_posix(), test.name) for test in tests[:_SHOWN])


def _link(file: str, name: str) -> str:
    sentence = " ".join(part.removeprefix("test_").replace("_", " ") for part in name.split("::"))
    room = Path(file).relative_to("tests").with_suffix("").as_posix().replace("/test_", "/")
    return f"[{room}: {sentence}](../{file})" if name else f"[{room}](../{file})"
