"""Ids in the form that Stripe's have: a prefix and letters that nobody can guess."""

from __future__ import annotations

import secrets
import string

_LETTERS = string.digits + string.ascii_letters


def letters(count: int) -> str:
    """That many random letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def new(prefix: str) -> str:
    """A new id, such as `pi_3Pz…`."""
    return f"{prefix}_{letters(24)}"
