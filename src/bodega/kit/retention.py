"""What is deleted when it has outlived its use: in slices, so that no table is too large to be tidied."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bodega.kit.db import Database, Transaction
from bodega.kit.loops import Periodic

SLICE: Final = 1000
"""Rows that one transaction deletes at most: it is done long before it is cut off, and hardly holds anybody up."""
HOUR: Final = 3_600.0
DAY: Final = 24 * HOUR

Prune = Callable[[Transaction, int], Awaitable[int]]
"""Deletes so many rows at most; how many it has deleted."""


def older_than(seconds: float, table: str, since: str, *, only: str = "true") -> Prune:
    """Rows whose column `since` lies further back. `only`: a condition in SQL. All but the seconds are constants."""

    async def prune(tx: Transaction, limit: int) -> int:
        return await tx.execute(
            f"""DELETE FROM {table} WHERE ctid = ANY (ARRAY (
                  SELECT ctid FROM {table} WHERE {since} < now() - make_interval(secs => $1) AND {only}
                   LIMIT $2 FOR UPDATE SKIP LOCKED))""",  # noqa: S608 - constants of the code
            float(seconds), limit,
        )  # fmt: skip

    return prune


def tidying(database: Database, prunes: Sequence[Prune], *, every_seconds: float = HOUR) -> Periodic:
    """Deletes what has outlived its use once an hour, slice after slice until nothing is left that has."""

    async def tidy() -> bool:
        full = False
        for prune in prunes:
            async with database.transaction() as tx:
                full |= await prune(tx, SLICE) >= SLICE
        return full

    return Periodic(tidy, every_seconds=every_seconds)
