"""Sheets as programs save them: CSV with any of the usual separators, encodings and line ends.

The columns that a sheet may have decide how it is read: of the separators the one counts by which most of the first row
are such columns. Rows and columns in which nothing is written are passed over.
"""

import csv
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Final

from bodega.kit.upload import numbered_texts

CSV: Final = "text/csv"
TSV: Final = "text/tab-separated-values"
SEPARATORS: Final = (",", ";", "\t", "|")
LINE_BYTES: Final = 1_000_000

_WORKBOOKS: Final = {
    b"PK\x03\x04": "a workbook (XLSX or ODS)",
    b"\xd0\xcf\x11\xe0": "an Excel workbook (XLS)",
    b"%PDF": "a PDF",
}
_SAVE_AS: Final = "Save it as CSV in UTF-8."

Heading = Callable[[str], str | None]
"""A heading as it is written -> the column that it means; None: there is no such column."""


class SheetFault(Exception):
    """What keeps the rest of a sheet from being read, and in which line it is."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class SheetRow:
    line: int
    """Where it begins, counted from 1 as an editor counts: lines within quotes, too."""
    cells: dict[str, str] = field(default_factory=dict)
    """By column, without space around them; all columns of the sheet, empty ones as `""`."""
    fault: str | None = None


def heading(text: str) -> str:
    """`Compare at price`, `COMPARE-AT-PRICE ` -> `compare_at_price`."""
    return re.sub(r"[\s_-]+", "_", text.strip().casefold())


def whole_number(text: str) -> int | None:
    """`40`, and as some programs write it: `40.0`, `40,00`."""
    found = re.fullmatch(r"([0-9]{1,15})(?:[.,]0{1,2})?", text)
    return int(found[1]) if found else None


class Sheet:
    """`file` is read from its beginning. Raises SheetFault, if its first row is none of headings."""

    def __init__(self, file: IO[bytes], known: Heading) -> None:
        self._file = file
        self._known = known
        file.seek(0)
        start = file.read(4)
        for magic, what in _WORKBOOKS.items():
            if start.startswith(magic):
                raise SheetFault(1, f"The file is {what}, not CSV. {_SAVE_AS}")
        self._separator, line, headings = self._first_row()
        if not headings:
            raise SheetFault(1, "The sheet is empty; its first row names the columns.")
        self._columns = [known(cell) if cell else "" for cell in headings]
        if unknown := [cell for cell, column in zip(headings, self._columns, strict=True) if column is None]:
            raise SheetFault(line, f"There is no column named {', '.join(unknown)[:200]}.")
        self.columns = [column for column in self._columns if column]
        self.line = line
        if twice := sorted({one for one in self.columns if self.columns.count(one) > 1}):
            raise SheetFault(line, f"The column {twice[0]} appears more than once.")

    def rows(self) -> Iterator[SheetRow]:
        """Those below the headings in which something is written. Raises SheetFault at what cannot be read: what it
        means from there on nobody knows."""
        for line, cells in itertools.islice(self._records(self._separator), 1, None):
            found = dict.fromkeys(self.columns, "")
            fault = None
            for position, cell in enumerate(cells):
                column = self._columns[position] if position < len(self._columns) else ""
                if column:
                    found[column] = cell
                elif cell:
                    fault = f"{cell[:40]!r} is in cell {position + 1}, which has no heading above it."
            yield SheetRow(line, found, fault)

    def _separators(self) -> tuple[str, ...]:
        """The one that the file itself names, as Excel has it: `sep=;`. Else those that are usual."""
        named = next((re.fullmatch(r'"?sep=(.)"?\s*', text, re.I) for _, text in self._texts()), None)
        return (named[1],) if named else SEPARATORS

    def _first_row(self) -> tuple[str, int, list[str]]:
        """And the separator by which most of its cells are headings."""
        best: tuple[str, int, list[str]] = (SEPARATORS[0], 1, [])
        most, fault = -1, None
        for separator in self._separators():
            try:
                line, cells = next(self._records(separator), (1, []))
            except SheetFault as error:
                fault = fault or error
                continue
            count = sum(self._known(cell) is not None for cell in cells)
            if count > most:
                best, most = (separator, line, cells), count
        if fault is not None and most < 1:
            raise fault
        return best

    def _texts(self) -> Iterator[tuple[int, str]]:
        self._file.seek(0)
        for number, text in numbered_texts(self._file, most_bytes=LINE_BYTES):
            if text is None:
                raise SheetFault(number, f"The line is longer than {LINE_BYTES} bytes; what follows was not read.")
            if re.search("[\udc80-\udcff]", text):  # bytes that are not UTF-8
                raise SheetFault(number, f"The line is not text in UTF-8; what follows was not read. {_SAVE_AS}")
            yield number, text

    def _records(self, separator: str) -> Iterator[tuple[int, list[str]]]:
        """Each with the line in which it begins; those with nothing in them are left out."""
        texts = self._texts()
        last = 0

        def lines() -> Iterator[str]:
            nonlocal last
            for number, text in texts:
                last = number
                if number > 1 or not re.fullmatch(r'"?sep=.?"?\s*', text, re.I):
                    yield text
                else:
                    yield "\n"

        reader = csv.reader(lines(), delimiter=separator, strict=True)
        while True:
            begins = last + 1
            try:
                cells = [cell.strip("\ufeff \t\r\n\xa0\u202f") for cell in next(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                raise SheetFault(begins, f"{_in_words(error)} What follows was not read.") from error
            if any(cells):
                while not cells[-1]:
                    cells.pop()
                yield begins, cells


def _in_words(error: csv.Error) -> str:
    told = str(error)
    if "field larger" in told:
        return f"A cell is longer than {csv.field_size_limit()} characters, or a quotation mark is not closed."
    if "unexpected end" in told:
        return "A quotation mark is opened here and never closed."
    if "expected after" in told:
        return (
            "A cell begins with a quotation mark, and goes on after the one that closes it. "
            'Write a quotation mark within a cell twice: "5"" plate".'
        )
    return f"The row cannot be read as CSV ({told})."
