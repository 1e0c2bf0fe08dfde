"""Sheets as programs save them."""

import codecs
import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodega.kit.sheets import Sheet, SheetFault, SheetRow, heading, whole_number

pytestmark = pytest.mark.unit

COLUMNS = ("slug", "title", "price")


def known(text: str) -> str | None:
    return heading(text) if heading(text) in COLUMNS else None


def rows(content: bytes | str) -> list[SheetRow]:
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    once = list(Sheet(file, known).rows())
    assert once == list(Sheet(file, known).rows())  # an import reads its file twice
    return once


def fault(content: bytes | str) -> tuple[int, str]:
    with pytest.raises(SheetFault) as raised:
        rows(content)
    return raised.value.line, str(raised.value)


CELLS = {"slug": "mug", "title": "Mug, 350; ml", "price": "9.90"}
PLAIN = 'slug,title,price\nmug,"Mug, 350; ml",9.90\n'


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (PLAIN, 2),
        ("\ufeff" + PLAIN, 2),
        (PLAIN.replace("\n", "\r\n"), 2),
        (PLAIN.replace("\n", "\r"), 2),
        (PLAIN.rstrip("\n"), 2),
        ((PLAIN).encode("utf-16"), 2),
        (PLAIN.encode("utf-16-le"), 2),
        (PLAIN.encode("utf-16-be"), 2),
        (codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"), 2),
        ('slug;title;price\nmug;"Mug, 350; ml";9.90\n', 2),
        ("slug\ttitle\tprice\nmug\tMug, 350; ml\t9.90\n", 2),
        ("slug|title|price\nmug|Mug, 350; ml|9.90\n", 2),
        ('sep=;\nslug;title;price\nmug;"Mug, 350; ml";9.90\n', 3),
        ('"sep=;"\r\nslug;title;price\r\nmug;"Mug, 350; ml";9.90\r\n', 3),
        ('\n,,\nslug,title,price\n\nmug,"Mug, 350; ml",9.90\n,,\n , ,\n', 5),
        ('slug,title,price,,\nmug,"Mug, 350; ml",9.90,,\n,,,,\n', 2),
        (',slug,,title,price\n,mug,,"Mug, 350; ml",9.90\n', 2),
        ('Slug, TITLE ,"Price"\n mug ,"Mug, 350; ml "," 9.90"\n', 2),
        ('"slug\n",title,price\nmug,"Mug, 350; ml",9.90\n', 3),
    ],
)
def test_whatever_a_program_makes_of_a_sheet_it_is_the_same_sheet(content: bytes | str, line: int) -> None:
    assert rows(content) == [SheetRow(line, CELLS)]


def test_a_row_without_its_last_cells_has_them_empty() -> None:
    """Some programs leave the separators away behind the last cell that has something in it."""
    assert rows("slug,title,price\nmug\n")[0].cells == {"slug": "mug", "title": "", "price": ""}


def test_a_sheet_of_one_column_needs_no_separator() -> None:
    assert [row.cells for row in rows("slug\nmug\ncup\n")] == [{"slug": "mug"}, {"slug": "cup"}]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("", 1, "empty"),
        ("\n\n , \n", 1, "empty"),
        (b"\xff\xfe", 1, "empty"),
        ("slug,colour\na,b\n", 1, "no column named colour"),
        ("\n\nslug,colour\na,b\n", 3, "no column named colour"),
        ("slug,title,Slug\na,b,c\n", 1, "more than once"),
        ('slug,title\na,b\nc,"d" e\n', 3, "twice"),
        ('slug,title\n"a\nb",c\nd,"e\nf\n', 4, "never closed"),
        ("slug,title\na," + "x" * 200_000, 2, "longer"),
        ("slug,title\na,b\n" + "x" * 1_000_001, 3, "longer"),
        (b"slug,title\na,b\nc,M\xfcsli\n", 3, "UTF-8"),
        (b"PK\x03\x04 and so on", 1, "workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", 1, "workbook"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(content: bytes | str, line: int, words: str) -> None:
    told, message = fault(content)
    assert (told, words in message) == (line, True), message
    assert message[0].isupper()
    assert message.endswith(".")


def test_a_cell_without_a_heading_is_a_fault_of_its_row_alone() -> None:
    first, second = rows("slug,title\na,b,c\nd,e\n")
    assert (first.line, first.fault) == (2, "'c' is in cell 3, which has no heading above it.")
    assert (second.line, second.fault) == (3, None)


_CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cf", "Zs", "Zl", "Zp"], exclude_characters="\ufeff")
    | st.sampled_from(' ,;\t|"\n'),
    max_size=8,
).map(lambda text: text.strip(" \t\n"))


@given(
    cells=st.lists(st.tuples(_CELL, _CELL, _CELL), max_size=5),
    separator=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    headings=st.sampled_from([COLUMNS, ("SLUG", " Title", "price "), ("Slug", "Title", "Price")]),
    more=st.integers(0, 2),
)
def test_what_is_written_is_read_with_the_line_where_it_stands(
    cells: list[tuple[str, str, str]], separator: str, end: str, encoding: str, quoting: Any, headings: Any, more: int
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting)
    expected: list[SheetRow] = []
    writer.writerow([*headings, *[""] * more])
    for row in cells:
        if more and len(expected) % 2:
            writer.writerow([""] * (3 + more))
        # A program writes line ends within cells as it writes those of lines.
        line = 1 + len(text.getvalue().replace("\r\n", "\n").replace("\r", "\n").split("\n")) - 1
        written = [cell.replace("\n", end) for cell in row]
        writer.writerow([*written, *[""] * more])
        if any(row):
            expected.append(SheetRow(line, dict(zip(COLUMNS, written, strict=True))))
    assert rows(text.getvalue().encode(encoding)) == expected


def test_whole_numbers_as_programs_write_them() -> None:
    assert [whole_number(text) for text in ("40", "40.0", "40,00", "0")] == [40, 40, 40, 0]
    assert [whole_number(text) for text in ("", "4.5", "1.000", "-1", "1e3", "４")] == [None] * 6
