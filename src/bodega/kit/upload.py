"""A file that comes as a request's body and is read row by row: kept on disk, so that its size costs no memory."""

import itertools
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import IO, TypeVar

from fastapi import Request

from bodega.kit.errors import TooLarge, UnsupportedMedia

JSON_LINES = "application/x-ndjson"
Row = TypeVar("Row")


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
                raise TooLarge(f"at most {most_bytes} bytes are read")
            file.write(chunk)
        yield file


def numbered_lines(file: IO[bytes], *, most_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Those that are not empty, counted from 1. In the stead of one that is longer there is None, and nothing follows:
    nobody knows where it ends."""
    for number in itertools.count(1):
        line = file.readline(most_bytes + 1)
        if not line:
            return
        if len(line) > most_bytes:
            yield number, None
            return
        if line.strip():
            yield number, line


def blocks(rows: Iterable[Row], size: int) -> Iterator[Sequence[Row]]:
    """So many at a time; the last may be smaller."""
    left = iter(rows)
    while block := list(itertools.islice(left, size)):
        yield block
