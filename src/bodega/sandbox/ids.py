"""Ids in the form that Stripe's have: a prefix and letters that nobody can guess."""

from __future__ import annotations

import secrets
import string

_LETTERS = string.digits + string.ascii_letters


def letters(count: int) -> str:
    """That many random letters and digits."""
    number, found = secrets.randbelow(len(_LETTERS) ** count), ""  # one question to the system, not one per letter
    for _ in range(count):
        number, place = divmod(number, len(_LETTERS))
        found += _LETTERS[place]
    return found


def new(prefix: str) -> str:
    """A new id, such as `pi_3Pz…`."""
    return f"{prefix}_{letters(24)}"
