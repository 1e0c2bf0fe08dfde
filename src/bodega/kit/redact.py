"""Keeps secrets and people out of the logs.

By type: a `pydantic.SecretStr` never prints. By name, for what arrives as plain text: any key that
says what it holds is masked, at any depth. By form: e-mail addresses, bearer tokens and long digit runs
(cards, phone numbers) inside messages.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, SecretBytes, SecretStr

MASK: Final = "[redacted]"
_NAMES: Final = re.compile(
    r"password|secret|token|authorization|cookie|card|cvc|email|address|phone|name$|postal|contact|api_key|private",
    re.IGNORECASE,
)
_HARMLESS: Final = frozenset({"event_name", "service_name", "file_name", "logger_name", "name"})
_FORMS: Final = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.-]+"  # e-mail
    r"|(?<![\w-])(?:\d[ -]?){13,19}(?![\w-])"  # card numbers
    r"|[Bb]earer\s+\S+"
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]+"  # JWT
    r"|(?:sk|rk|whsec|pm)_(?:live|test)?_?\w{8,}"  # processor's keys and tokens
)


def redact(value: Any, key: str = "") -> Any:  # noqa: PLR0911 - one form a line
    """A copy of `value` that may be written to a log."""
    if key and key not in _HARMLESS and _NAMES.search(key):
        return MASK
    match value:
        case SecretStr() | SecretBytes():
            return MASK
        case BaseModel():
            return redact(value.model_dump(mode="json"))
        case Mapping():
            return {str(name): redact(inner, str(name)) for name, inner in value.items()}
        case list() | tuple() | set():
            return [redact(inner) for inner in value]
        case str():
            return _FORMS.sub(MASK, value)
        case BaseException():
            return _FORMS.sub(MASK, f"{type(value).__name__}: {value}")
        case _:
            return value
