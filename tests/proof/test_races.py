"""Races are written down with guards that the code has; and what is written down wrongly is named."""

import re
from pathlib import Path

import pytest

from bodega.proof.races import page, races

pytestmark = pytest.mark.unit

CODE = "def pay(row):\n    lock(row)\n    return row\n"
TESTS = "def test_two_pay_at_once(): ...\n"
WRITTEN = """
[guards.row-lock]
is = "the lock of the row"
[[guards.row-lock.edits]]
file = "pay.py"
guard = "    lock(row)\\n"
without = ""

[[race]]
name = "Double Pay"
promise = "It is paid once."
[[race.red]]
without = ["row-lock"]
test = "tests/test_pay.py::test_two_pay_at_once"
seen = "it was paid twice"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for file, text in {"src/bodega/pay.py": CODE, "tests/test_pay.py": TESTS, "tests/races.toml": WRITTEN}.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    return tmp_path


def test_each_race_of_a_shop_is_there_with_guards_that_stand_in_the_code_once() -> None:
    assert [race.name for race in races().race] == [
        "Last unit", "Double Pay", "Cancel and pay", "Webhook and browser", "Two tabs refreshing a token",
        "Cart merge from two devices", "Two merchants on one product", "Expiry and pay", "Refund and cancel",
        "Relabel and handover",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "text", "becomes", "fault"),
    [
        ("src/bodega/pay.py", "lock(row)", "keep(row)", "pay.py has 0 times, not once:     lock(row)"),
        ("src/bodega/pay.py", CODE, CODE * 2, "pay.py has 2 times, not once:     lock(row)"),
        ("tests/test_pay.py", "two_pay", "many_pay", "there is no tests/test_pay.py::test_two_pay_at_once"),
        ("tests/races.toml", 'file = "pay.py"', 'file = "gone.py"', "No such file or directory"),
        ("tests/races.toml", '["row-lock"]', '["lock"]', "there is no guard lock"),
        ("tests/races.toml", '["row-lock"]', '["lock"]', "no race is about the guard row-lock"),
        ("tests/races.toml", WRITTEN, WRITTEN + WRITTEN.partition('without = ""')[2], "Double Pay is there twice"),
        ("tests/races.toml", "seen = ", "sees = ", "race.0.red.0.sees"),
    ],
)
def test_what_is_written_down_wrongly_is_named(root: Path, file: str, text: str, becomes: str, fault: str) -> None:
    written = (root / file).read_text()
    assert text in written
    (root / file).write_text(written.replace(text, becomes))
    with pytest.raises(ValueError, match=re.escape(fault)):
        races(root)


def test_the_page_says_what_is_promised_by_which_guard_and_what_is_seen_without_it(root: Path) -> None:
    said = page(root)
    assert "## Double Pay\n\nIt is paid once.\n" in said
    assert "- **row-lock**: the lock of the row. `lock(row)` in [pay.py](../src/bodega/pay.py)" in said
    assert "| row-lock | [two pay at once](../tests/test_pay.py) | it was paid twice |" in said
