"""Old and new code run side by side while one replaces the other, so a step only adds; what takes away comes a release
later and says so. The rules: docs/guides/operating.md, "Upgrades".
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bodega.platform.system import ROOT

pytestmark = pytest.mark.unit

STEPS = sorted((ROOT / "src" / "bodega").glob("**/migrations/*.sql"))

_CONTRACT = re.compile(r"^-- contract: \d+\.\d+", re.MULTILINE)
_NOT_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'", re.DOTALL)
_MADE = re.compile(r"^CREATE (?:OR REPLACE )?(?:TABLE|VIEW|FUNCTION|TRIGGER|SEQUENCE|TYPE)(?: IF NOT EXISTS)? (\w+)")
_ALTER = re.compile(r"^ALTER TABLE(?: IF EXISTS)?(?: ONLY)? (\w+) (.*)$")
_DROP = re.compile(r"^DROP (?!INDEX)\w+(?: IF EXISTS)? (\w+)")

_OF_A_TABLE = {
    "takes a column away": re.compile(r"^DROP (?!CONSTRAINT)"),
    "gives another name": re.compile(r"^RENAME"),
    "changes a type": re.compile(r"^ALTER (?:COLUMN )?\w+ (?:SET DATA )?TYPE"),
    "takes a default away": re.compile(r"^ALTER (?:COLUMN )?\w+ DROP DEFAULT"),
    "asks for what old code does not write": re.compile(
        r"^ALTER (?:COLUMN )?\w+ SET NOT NULL|^ADD (?!CONSTRAINT)(?!.*\b(?:DEFAULT|GENERATED)\b).*\bNOT NULL"
    ),
}


def contractions(text: str) -> Iterator[str]:
    """What of a step would break code that does not know it yet."""
    if _CONTRACT.search(text):
        return
    code = _NOT_CODE.sub(" '' ", text)
    statements = [" ".join(statement.split()) for statement in code.split(";")]
    new = {made[1] for statement in statements if (made := _MADE.match(statement))}
    for statement in statements:
        if statement.startswith("TRUNCATE"):
            yield f"empties a table: {statement}"
        elif (dropped := _DROP.match(statement)) and dropped[1] not in new:
            yield f"takes {dropped[1]} away: {statement}"
        elif (altered := _ALTER.match(statement)) and altered[1] not in new:
            for clause in _clauses(altered[2]):
                for what, rule in _OF_A_TABLE.items():
                    if rule.search(clause):
                        yield f"{altered[1]}: {what}: {clause}"
        elif re.match(r"^ALTER (?!TABLE)\w+ .*\bRENAME\b", statement):
            yield f"gives another name: {statement}"


def _clauses(text: str) -> list[str]:
    """The parts between commas that are in no bracket."""
    flat, depth = [], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        flat.append("\n" if character == "," and depth == 0 else character)
    return [clause.strip() for clause in "".join(flat).split("\n")]


def test_there_are_steps() -> None:
    assert len(STEPS) > 8


@pytest.mark.parametrize("step", STEPS, ids=lambda path: path.stem)
def test_a_step_only_adds_or_names_the_release_since_which_nobody_needs_what_it_takes(step: Path) -> None:
    assert list(contractions(step.read_text())) == []


@pytest.mark.parametrize(
    "step",
    [
        "ALTER TABLE orders DROP COLUMN email",
        "ALTER TABLE orders\n  ADD a text,\n  DROP email",
        "ALTER TABLE orders RENAME COLUMN email TO mail",
        "ALTER TABLE orders RENAME TO purchases",
        "ALTER TABLE orders ALTER COLUMN total TYPE integer",
        "ALTER TABLE orders ALTER total SET NOT NULL",
        "ALTER TABLE orders ALTER COLUMN total DROP DEFAULT",
        "ALTER TABLE orders ADD COLUMN a numeric(6, 5) NOT NULL, ADD b text DEFAULT ''",
        "DROP TABLE orders",
        "DROP FUNCTION IF EXISTS reserve(text)",
        "ALTER INDEX orders_state RENAME TO x",
        "TRUNCATE orders",
    ],
)
def test_what_would_break_old_code_is_found(step: str) -> None:
    text = f"-- DROP is explained here; 'so'\nCREATE TABLE other (a text);\n{step};"
    assert len(list(contractions(text))) == 1
    assert list(contractions(f"-- contract: 0.3 (nothing reads it since 0.2)\n{text}")) == []


@pytest.mark.parametrize(
    "step",
    [
        "ALTER TABLE orders ADD COLUMN a numeric(6, 5) NOT NULL DEFAULT 0, ADD b text",
        "ALTER TABLE orders ALTER COLUMN total DROP NOT NULL, ALTER total SET DEFAULT 0",
        "ALTER TABLE orders DROP CONSTRAINT a, ADD CONSTRAINT a CHECK (state <> 'x' OR b IS NOT NULL)",
        "CREATE TABLE new (a text); ALTER TABLE new DROP COLUMN a; DROP TABLE new",
        "DROP INDEX orders_state",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE x; END $$",
    ],
)
def test_what_adds_is_left_alone(step: str) -> None:
    assert list(contractions(f"{step};")) == []
