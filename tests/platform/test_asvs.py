"""The table of OWASP's standard names tests and files that exist, and is whole."""

from pathlib import Path

import pytest

from bodega.platform.asvs import chapters, faults

pytestmark = pytest.mark.unit

MOST_OPEN_OF_LEVEL_2 = 15


def test_whatever_the_table_names_exists_and_no_requirement_is_missing() -> None:
    assert faults() == []


def test_what_is_open_says_why_and_does_not_grow() -> None:
    still_open = [line for chapter in chapters() for line in chapter.lines if line.is_open]
    assert [line.id for line in still_open if not line.says.endswith(".")] == []
    assert [line.id for line in still_open if line.level == 1] == []
    assert len([line for line in still_open if line.level == 2]) <= MOST_OPEN_OF_LEVEL_2


def test_a_test_that_is_gone_and_a_number_of_another_chapter_are_faults(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "docs/asvs.toml").write_text(
        'level_1 = ["1.1.1", "1.1.2"]\n[V1]\ntitle = "x"\nrequirements = 3\nnot_applicable = 1\n'
        '[V1.met]\n"1.1.1" = ["x", "tests/gone.py::test_gone"]\n"2.1.1" = ["x", "nowhere.md"]\n'
    )
    assert faults(tmp_path) == [
        "1.1.1: there is no tests/gone.py::test_gone",
        "2.1.1 is no requirement of V1",
        "2.1.1: there is no nowhere.md",
        "1.1.2 of level 1 has no verdict",
    ]
