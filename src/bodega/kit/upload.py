"""A file that comes as a request's body and is read row by row: kept on disk, so that its size costs no memory."""

import codecs
import itertools
import re
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import IO, TypeVar

from fastapi import Request

from bodega.kit.errors import TooLarge, UnsupportedMedia

JSON_LINES = "application/x-ndjson"
Row = TypeVar("Row")


_CHUNK = 65_536
_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")
"""A carriage return that is last may be half of one."""


def media_type(request: Request, *known: str) -> str:
    """Of the body. Raises UnsupportedMedia, if it is none of these."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in known:
        raise UnsupportedMedia(f"send {' or '.join(known)}")
    return kind


@asynccontextmanager
async def spooled(request: Request, *, most_bytes: int) -> AsyncIterator[IO[bytes]]:
    """The whole body, gone at the end. The room's path must be one of its `raw_paths`. Raises TooLarge."""
    with tempfile.TemporaryFile() as file:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most_bytes:
                raise TooLarge(f"at most {most_bytes} bytes are accepted")
            file.write(chunk)
        yield file


def numbered_lines(file: IO[bytes], *, most_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Those that are not empty, in UTF-8, counted from 1. In the stead of one that is longer there is None, and nothing
    follows: nobody knows where it ends."""
    for number, text in numbered_texts(file, most_bytes=most_bytes):
        if text is None or text.strip():
            yield number, None if text is None else text.encode(errors="surrogateescape")


def numbered_texts(file: IO[bytes], *, most_bytes: int) -> Iterator[tuple[int, str | None]]:
    """All lines with their ends, as editors count them: whichever of the three line ends a program writes, in UTF-8 or,
    as spreadsheet programs write it, UTF-16; a byte order mark is no part of the text. What is not UTF-8 comes as lone
    surrogates. In the stead of a line that is longer there is None, and nothing follows."""
    start = file.read(_CHUNK)
    encoding, errors = _encoding(start)
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    numbers = itertools.count(1)
    rest = ""
    for chunk in itertools.chain([start], iter(lambda: file.read(_CHUNK), b""), [None]):
        text = rest + decoder.decode(chunk or b"", final=chunk is None)
        begins = 0
        for end in _LINE_END.finditer(text):
            line, begins = text[begins : end.end()], end.end()
            if _bytes(line) > most_bytes:
                yield next(numbers), None
                return
            yield next(numbers), line.removeprefix("\ufeff")
        rest = text[begins:]
        if _bytes(rest) > most_bytes:
            yield next(numbers), None
            return
    if rest:
        yield next(numbers), rest.removeprefix("\ufeff")


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _encoding(start: bytes) -> tuple[str, str]:
    """And how to take what does not fit."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "replace"
    if len(start) >= 2 and 0 in start[:2]:  # without a mark; no text begins with the character 0
        return ("utf-16-le" if start[1] == 0 else "utf-16-be"), "replace"
    return "utf-8", "surrogateescape"


def blocks(rows: Iterable[Row], size: int) -> Iterator[Sequence[Row]]:
    """So many at a time; the last may be smaller."""
    left = iter(rows)
    while block := list(itertools.islice(left, size)):
        yield block
