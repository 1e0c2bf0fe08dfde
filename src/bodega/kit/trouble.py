"""Whose fault an error is, and how long to wait before the next try.

By default an error is ours: a store that is away, a failover, a full disk, a bug. What was being done is tried again,
later and later, and nothing is thrown away. The data is at fault only where the error says so: see `is_of_the_data`.
"""

import random
from typing import Final

import asyncpg
from pydantic import ValidationError

from bodega.kit.errors import Broken, Problem

_OF_THE_DATA: Final = {
    "22",  # data exception: a number out of range, a character that cannot be stored
    "23",  # a constraint: the named invariants of the tables; also of a trigger that raises `check_violation`
    "54",  # longer than an index or a statement takes
}
_OF_THE_STATEMENT: Final = _OF_THE_DATA | {
    "0A",  # not supported
    "21",  # cardinality
    "2F", "38", "39",  # a function's own error
    "42",  # syntax, or something that does not exist
    "44",  # WITH CHECK OPTION
    "P0",  # RAISE without a code, as of the triggers that keep ledgers from being changed: no event asks for that
}  # fmt: skip
"""Classes of SQLSTATE. https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_PASSING: Final = {408, 425, 429}
_NOT_LET_IN: Final = {401, 403}


def is_of_the_data(error: BaseException) -> bool:
    """Whether trying again cannot help, because of what the message or request says: it breaks its schema or an
    invariant, is refused by a rule of the domain, or cannot be stored."""
    if isinstance(error, Problem):
        return 400 <= error.status < 500 and error.status not in _PASSING | _NOT_LET_IN
    if isinstance(error, asyncpg.PostgresError):
        return _sqlstate_class(error) in _OF_THE_DATA
    return isinstance(error, Broken | ValidationError | asyncpg.DataError)


def is_of_the_store(error: BaseException) -> bool:
    """Whether PostgreSQL, or the way to it, has failed, and not the statement: nothing was decided."""
    if isinstance(error, asyncpg.PostgresError):
        return _sqlstate_class(error) not in _OF_THE_STATEMENT
    if isinstance(error, asyncpg.DataError):  # the driver's own word that an argument cannot be sent
        return False
    return isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError)


def _sqlstate_class(error: asyncpg.PostgresError) -> str:
    return (error.sqlstate or "")[:2]


def doubled(first_seconds: float, most_seconds: float, tries: int) -> float:
    """Seconds to wait after so many tries in vain before: twice as long each time, up to the most."""
    return min(first_seconds * 2.0 ** min(tries, 30), most_seconds)


def jittered(seconds: float) -> float:
    """Half of it to all of it, by chance: those who failed together do not come again together."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


class Backoff:
    """Seconds to wait before the next try: twice as long each time, with jitter, until `reset`."""

    def __init__(self, first_seconds: float, most_seconds: float) -> None:
        self._first = first_seconds
        self._most = most_seconds
        self._tries = 0

    def next(self) -> float:
        wait = jittered(doubled(self._first, self._most, self._tries))
        self._tries += 1
        return wait

    def reset(self) -> None:
        """It has worked: the next failure is a first one."""
        self._tries = 0
