"""One log file per process, rotated by copying and cutting, so that no process needs to know."""

import os
import shutil
from pathlib import Path

MOST_BYTES = 10_000_000
KEPT = 3


def path_of(folder: Path, name: str) -> Path:
    """The log file of a process."""
    return folder / f"{name}.log"


def open_for(folder: Path, name: str) -> int:
    """A descriptor that appends: several writers, and the rotation, do not overwrite each other."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(path_of(folder, name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def rotate(folder: Path, most_bytes: int = MOST_BYTES) -> None:
    """Copy each log that has grown too long to `.1` and cut it. Lines written in between may be lost.

    They name clients' addresses and customers' ids: folder and files are for their owner alone, also those that an
    earlier release has left open.
    """
    if folder.is_dir():
        folder.chmod(0o700)
    for old in folder.glob("*.log.*"):
        old.chmod(0o600)
    for path in folder.glob("*.log"):
        if path.stat().st_size < most_bytes:
            continue
        for number in range(KEPT - 1, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number + 1}"))
        _copy(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    with (
        source.open("rb") as log,
        os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy,
    ):
        shutil.copyfileobj(log, copy)


def last_lines(path: Path, lines: int) -> list[str]:
    """The end of a log, reading no more of it than needed."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        size = file.tell()
        block = b""
        while size > 0 and block.count(b"\n") <= lines:
            step = min(65536, size)
            size -= step
            file.seek(size)
            block = file.read(step) + block
    return block.decode(errors="replace").splitlines()[-lines:]
