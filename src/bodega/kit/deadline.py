"""How much time is left of what the caller of a request has given."""

import contextvars
import time

_deadline: contextvars.ContextVar[float | None] = contextvars.ContextVar("deadline", default=None)


def set_deadline(seconds: float | None) -> "contextvars.Token[float | None]":
    """From now on so many seconds are left to this task, and to those that it starts; None: as many as it likes."""
    return _deadline.set(None if seconds is None else time.monotonic() + seconds)


def unset_deadline(token: "contextvars.Token[float | None]") -> None:
    _deadline.reset(token)


def remaining_seconds(default: float) -> float:
    """What is left of the budget that the caller gave, at most `default`."""
    deadline = _deadline.get()
    return default if deadline is None else min(default, deadline - time.monotonic())


def forget_deadline() -> None:
    """In a task that a request has started and that goes on without it: the caller's budget bounds the answer, not
    the work."""
    _deadline.set(None)
