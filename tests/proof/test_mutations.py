"""A mutation is noticed only if the declared assertion fails: not if something else goes wrong, nor if nothing does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bodega.platform.environment import inherited
from bodega.platform.races import Edit, Race, Red
from bodega.proof.mutations import Copy, copy_of, judged

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
SHOP = Path("src/bodega/shop.py")
RED = Red(
    without=("look",), test="tests/test_shop.py::test_the_last_one_is_sold_once", seen="the last one was sold twice"
)
RACE = Race(name="Last one", promise="It is sold once.", red=(RED,))


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    files = {
        SHOP: CODE, "src/bodega/__init__.py": "", "tests/test_shop.py": TEST, "tests/conftest.py": CONFTEST,
        "pyproject.toml": "[tool.pytest.ini_options]\n", "data/beside.txt": "as it is",
    }  # fmt: skip
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    with copy_of(tmp_path, {**inherited(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}) as made:
        yield made


@pytest.mark.parametrize(
    ("text", "becomes", "kind", "said"),
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
def test_what_the_test_says_without_a_guard_is_told_apart(
    copy: Copy, text: str, becomes: str, kind: str, said: str
) -> None:
    with copy.without([Edit(file=SHOP, text=text, becomes=becomes)]):
        run = copy.run([RED.test])
    verdict = judged(RACE, RED, run)
    assert verdict.kind == kind, verdict.said
    assert said in verdict.said


def test_the_copy_is_what_is_tested_and_is_whole_again_afterwards(copy: Copy, tmp_path: Path) -> None:
    with copy.without([
        Edit(file=SHOP, text="LEFT = 1", becomes="LEFT = 2"), Edit(file=SHOP, text="wanted > LEFT", becomes="False")
    ]):  # fmt: skip
        assert "LEFT = 2" in (copy.root / SHOP).read_text()
        assert copy.run([RED.test]).failed
    run = copy.run([RED.test])
    assert (run.passed, run.code) == (1, copy.root / "src/bodega")
    assert (copy.root / SHOP).read_text() == (tmp_path / SHOP).read_text() == CODE
    assert (copy.root / "data/beside.txt").read_text() == "as it is"


def test_a_test_that_is_not_there_is_no_failure(copy: Copy) -> None:
    assert judged(RACE, RED, copy.run(["tests/test_shop.py::test_renamed"])).kind == "broken"


def test_an_edit_that_does_not_fit_is_refused_before_anything_is_changed(copy: Copy) -> None:
    fits, does_not = Edit(file=SHOP, text="LEFT = 1", becomes="LEFT = 2"), Edit(file=SHOP, text="gone", becomes="")
    with pytest.raises(ValueError, match="has 'gone' 0 times, not once"), copy.without([fits, does_not]):
        pass
    assert (copy.root / SHOP).read_text() == CODE
