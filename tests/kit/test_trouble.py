"""By default an error is ours, and is waited out; the data is at fault only where the error says so."""

import inspect

import asyncpg
import pytest
from pydantic import BaseModel, ValidationError

from bodega.kit.errors import Broken, Conflict, Forbidden, NotFound, Timeout, TooMany, Unauthenticated, Unavailable
from bodega.kit.trouble import Backoff, is_of_the_data, is_of_the_store

pytestmark = pytest.mark.unit

OF_POSTGRES = [
    kind for _, kind in inspect.getmembers(asyncpg.exceptions, inspect.isclass)
    if issubclass(kind, asyncpg.PostgresError) and kind.sqlstate and len(kind.sqlstate) == 5
]  # fmt: skip


def _fault() -> ValidationError:
    class Counted(BaseModel):
        by: int

    with pytest.raises(ValidationError) as found:
        Counted.model_validate({"by": "many"})
    return found.value


@pytest.mark.parametrize("kind", OF_POSTGRES, ids=lambda kind: kind.__name__)
def test_what_the_store_says_is_its_own_trouble_or_the_statements_and_never_both(
    kind: type[asyncpg.PostgresError],
) -> None:
    error = kind("x")
    assert not (is_of_the_store(error) and is_of_the_data(error))
    assert is_of_the_store(error) == (error.sqlstate[:2] not in {"0A", "21", "22", "23", "2F", "38", "39", "42", "44",
                                                                 "54", "P0"})  # fmt: skip


OUTAGES = [
    asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.CannotConnectNowError,
    asyncpg.QueryCanceledError, asyncpg.ReadOnlySQLTransactionError, asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError, asyncpg.TooManyConnectionsError, asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError,
    asyncpg.InvalidPasswordError, asyncpg.PostgresIOError, asyncpg.DataCorruptedError,
    asyncpg.InternalServerError, asyncpg.ConnectionDoesNotExistError, asyncpg.InterfaceError,
    asyncpg.InternalClientError, ConnectionResetError, TimeoutError, OSError,
]  # fmt: skip


@pytest.mark.parametrize("kind", OUTAGES, ids=lambda kind: kind.__name__)
def test_however_the_store_is_away_nothing_is_the_datas_fault(kind: type[Exception]) -> None:
    assert is_of_the_store(kind("x"))
    assert not is_of_the_data(kind("x"))


@pytest.mark.parametrize(
    "error",
    [KeyError("x"), RuntimeError("x"), TypeError("x"), AssertionError("x"), ValueError("x"), Unavailable(""),
     Timeout(""), TooMany(""), Unauthenticated(""), Forbidden(""), asyncpg.UndefinedTableError("x"),
     asyncpg.RaiseError("x")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_what_does_not_speak_of_the_data_is_ours(error: Exception) -> None:
    assert not is_of_the_data(error)


@pytest.mark.parametrize(
    "error",
    [Broken("x"), Conflict("x"), NotFound("x"), _fault(), asyncpg.CheckViolationError("x"),
     asyncpg.NumericValueOutOfRangeError("x"), asyncpg.ProgramLimitExceededError("x"), asyncpg.DataError("x")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_what_speaks_of_the_data_is_its_fault(error: Exception) -> None:
    assert is_of_the_data(error)
    assert not is_of_the_store(error)


def test_the_wait_doubles_up_to_the_longest_and_begins_anew_after_a_success() -> None:
    backoff = Backoff(1, 10)
    for usual in (1, 2, 4, 8, 10, 10):
        assert usual / 2 <= backoff.next() <= usual
    backoff.reset()
    assert backoff.next() <= 1
