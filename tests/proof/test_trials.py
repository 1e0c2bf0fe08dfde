"""A mutation is noticed only if the declared assertion fails: not if something else goes wrong, nor if nothing does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bodega.platform.environment import inherited
from bodega.proof.mutations import DoesNotApply, Edit, Mutation
from bodega.proof.races import Race, Red
from bodega.proof.races.trials import ALL_GUARDS_IN, Trials, trials

pytestmark = pytest.mark.unit

CODE = '''"""A shop that has one."""

LEFT = 1
NAME = "Mug"


def buy(wanted: int) -> int:
    if wanted > LEFT:
        return 0
    return wanted
'''
TEST = """
from bodega.shop import buy

def test_the_last_one_is_sold_once():
    assert buy(1) == 1, "what is there cannot be bought"
    assert buy(2) == 0, "the last one was sold twice"
"""
CONFTEST = """
from pathlib import Path
import bodega, pytest

@pytest.fixture(autouse=True, scope="session")
def where(record_testsuite_property):
    record_testsuite_property("bodega", Path(bodega.__file__).parent)
"""
RED = Red(
    without=("look",), test="tests/test_shop.py::test_the_last_one_is_sold_once", seen="the last one was sold twice"
)
RACE = Race(name="Last one", promise="It is sold once.", red=(RED,))


def without(guard: str, instead: str) -> Mutation:
    return Mutation("a line of the shop", (Edit("shop.py", guard, instead),))


@pytest.fixture
def trying(tmp_path: Path) -> Iterator[Trials]:
    files = {
        "src/bodega/shop.py": CODE, "src/bodega/__init__.py": "", "tests/test_shop.py": TEST,
        "tests/conftest.py": CONFTEST, "pyproject.toml": "[tool.pytest.ini_options]\n", "data/beside.txt": "as it is",
    }  # fmt: skip
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    with trials({**inherited(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("guard", "instead", "kind", "said"),
    [
        ("        return 0\n", "        return wanted\n", "red", "the last one was sold twice"),
        ('NAME = "Mug"', 'NAME = "Cup"', "green", "the test passed: nothing that it looks at depends on the guard"),
        ("return wanted", "return 7", "other", "AssertionError: what is there cannot be bought"),
        ("return wanted", "raise ValueError('the last one was sold twice')", "other",
         "ValueError: the last one was sold twice"),
        ("def buy", "def sell", "broken", "cannot import name 'buy'"),
        ("return wanted", "return (", "broken", "SyntaxError"),
    ],
    ids=["seen", "not seen", "another assertion", "another error", "not there", "no Python"],
)  # fmt: skip
def test_how_a_test_fails_without_a_guard_is_distinguished(
    trying: Trials, guard: str, instead: str, kind: str, said: str
) -> None:
    verdict = trying.judge(RACE, RED, without(guard, instead))
    assert verdict.kind == kind, verdict.said
    assert said in verdict.said


def test_each_trial_is_of_a_copy_that_is_whole_but_for_its_own_edits(trying: Trials, tmp_path: Path) -> None:
    more = Mutation("the look", (Edit("shop.py", "LEFT = 1", "LEFT = 2"), Edit("shop.py", "wanted > LEFT", "False")))
    assert trying.run(more, [RED.test]).failed
    assert "LEFT = 2" in (trying.copy / "src/bodega/shop.py").read_text()
    run = trying.run(ALL_GUARDS_IN, [RED.test])
    assert (run.passed, run.code) == (1, trying.copy / "src/bodega")
    assert (trying.copy / "src/bodega/shop.py").read_text() == CODE
    assert (tmp_path / "src/bodega/shop.py").read_text() == CODE
    assert (trying.copy / "data/beside.txt").read_text() == "as it is"


def test_a_test_that_is_not_there_is_no_failure(trying: Trials) -> None:
    renamed = RED.model_copy(update={"test": "tests/test_shop.py::test_renamed"})
    assert trying.judge(RACE, renamed, ALL_GUARDS_IN).kind == "broken"


def test_an_edit_that_does_not_fit_is_refused(trying: Trials) -> None:
    with pytest.raises(DoesNotApply, match="0 times, not once: gone"):
        trying.judge(RACE, RED, without("gone", ""))
