"""The sandbox's one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = Path(__file__).with_name("schema.sql")


class Database:
    """One connection, used from the event loop's thread alone.

    No `await` happens inside a transaction, so transactions never overlap: that is the whole concurrency
    control of the sandbox. `synchronous=NORMAL` with WAL: a commit is in the operating system's hands when it
    returns, hence survives kill -9 of this process (a power cut may cost the last moments, never consistency).
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(_SCHEMA.read_text(encoding="utf-8"))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: commits at the end, rolls back if the block raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Run one statement; outside a transaction it commits by itself."""
        return self._connection.execute(sql, values)

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def find(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def version(self) -> int:
        """A number that grows with every row written: what a page compares to know that it is out of date."""
        row = self.find(
            "SELECT coalesce((SELECT sum(seq) FROM sqlite_sequence), 0)"
            " + (SELECT count(*) FROM deliveries WHERE delivered_at IS NOT NULL) AS n"
        )
        return int(row["n"]) if row else 0

    def close(self) -> None:
        """Fold the log into the file and close."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
