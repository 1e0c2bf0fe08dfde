"""Errors as answers: problem+json (RFC 9457) with a stable code.

Problem
├── BadRequest 400          malformed_request
├── Unauthenticated 401     unauthenticated
│   ├── AccessExpired       access_expired
│   └── SessionEnded        session_ended
├── Forbidden 403           forbidden
├── NotFound 404            not_found
├── Conflict 409            conflict
│   └── AlreadyEnded        already_ended
├── StaleVersion 412        stale_version
├── TooLarge 413            request_too_large
├── UnsupportedMedia 415    unsupported_media_type
├── Invalid 422             invalid_request
├── PreconditionRequired 428 precondition_required
├── TooMany 429             too_many_requests
└── Unavailable 503         unavailable
    ├── Busy                busy
    └── Timeout 504         timeout
Broken                      an event that breaks an invariant: parked, never answered (`kit.trouble`)
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final


class Problem(Exception):
    """An answer that says what went wrong. `extra` members go into the document as they are."""

    status: ClassVar[int] = 500
    code: str = "internal"
    retry_after_seconds: int | None = None

    def __init__(self, detail: str = "", *, code: str | None = None, **extra: Any) -> None:
        super().__init__(detail or code or self.code)
        self.detail = detail
        if code is not None:
            self.code = code
        self.extra: Mapping[str, Any] = extra


class BadRequest(Problem):
    status = 400
    code = "malformed_request"


class Unauthenticated(Problem):
    status = 401
    code = "unauthenticated"


class AccessExpired(Unauthenticated):
    """Somebody who is signed in shows no access token, as browsers do when it has run out. Renew the session
    (`POST /auth/refresh`) and send the request again; if the session has ended, without its cookies."""

    code = "access_expired"


class SessionEnded(Unauthenticated):
    """The session has ended: signed out, taken away, or not used for too long. Only signing in again helps."""

    code = "session_ended"


class Forbidden(Problem):
    status = 403
    code = "forbidden"


class NotFound(Problem):
    status = 404
    code = "not_found"


class Conflict(Problem):
    status = 409
    code = "conflict"


class AlreadyEnded(Conflict):
    code = "already_ended"


class StaleVersion(Problem):
    """Give the present version as `current_version`, so that the client can read and try again."""

    status = 412
    code = "stale_version"


class TooLarge(Problem):
    status = 413
    code = "request_too_large"


class UnsupportedMedia(Problem):
    status = 415
    code = "unsupported_media_type"


class Invalid(Problem):
    """`errors` is a list of {pointer, message}; pointers are RFC 6901 into the body."""

    status = 422
    code = "invalid_request"

    @classmethod
    def field(cls, pointer: str, message: str, **extra: Any) -> "Invalid":
        return cls(message, errors=[{"pointer": pointer, "message": message}], **extra)


_WORDS: Final[Mapping[str, str]] = {
    "missing": "This is required.",
    "extra_forbidden": "There is no such field.",
    "string_type": "This must be text.",
    "string_too_short": "This must have at least {min_length} characters.",
    "string_too_long": "This must have at most {max_length} characters.",
    "string_pattern_mismatch": "This is not in the expected format.",
    "string_unicode": "This contains characters that are not valid.",
    "bool_type": "This must be true or false.",
    "bool_parsing": "This must be true or false.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
    "int_parsing_size": "This number is too large.",
    "float_type": "This must be a number.",
    "float_parsing": "This must be a number.",
    "finite_number": "This must be a number.",
    "greater_than": "This must be more than {gt}.",
    "greater_than_equal": "This must be at least {ge}.",
    "less_than": "This must be less than {lt}.",
    "less_than_equal": "This must be at most {le}.",
    "multiple_of": "This must be a multiple of {multiple_of}.",
    "literal_error": "This must be {expected}.",
    "enum": "This must be {expected}.",
    "list_type": "This must be a list.",
    "tuple_type": "This must be a list.",
    "set_type": "This must be a list.",
    "too_short": "This must have at least {min_length} entries.",
    "too_long": "This must have at most {max_length} entries.",
    "dict_type": "This must be an object.",
    "model_type": "This must be an object.",
    "model_attributes_type": "This must be an object.",
    "datetime_type": "This must be a time, such as 2026-11-20T14:03:12Z.",
    "datetime_parsing": "This must be a time, such as 2026-11-20T14:03:12Z.",
    "datetime_from_date_parsing": "This must be a time, such as 2026-11-20T14:03:12Z.",
    "datetime_object_invalid": "This must be a time, such as 2026-11-20T14:03:12Z.",
    "timezone_aware": "This time needs its time zone, such as 2026-11-20T14:03:12Z.",
    "date_type": "This must be a date, such as 2026-11-20.",
    "date_parsing": "This must be a date, such as 2026-11-20.",
    "date_from_datetime_parsing": "This must be a date, such as 2026-11-20.",
    "date_from_datetime_inexact": "This must be a date, such as 2026-11-20.",
}
"""pydantic's type of a fault -> what people are told; `{names}` are of the fault's context."""


def in_words(fault: Mapping[str, Any]) -> str:
    """What a person is told of a fault that pydantic has found: a sentence. A validator's own words stay."""
    context = fault.get("ctx") or {}
    if fault["type"] == "string_too_short" and context.get("min_length") == 1:
        return "This must not be empty."
    words = _WORDS.get(fault["type"])
    return words.format(**context) if words else sentence(str(context.get("error") or fault["msg"]))


def sentence(text: str) -> str:
    """With a capital and a full stop, whoever wrote it."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", "…")) else ".")


def of_fields(errors: Sequence[Mapping[str, Any]]) -> "Invalid":
    """The refusal of a body or a query in which pydantic has found these faults: {pointer, message} each."""
    first = errors[0]
    names = [part for part in re.split("[/.]", first["pointer"]) if part and not part.isdigit()]
    name = names[-1].replace("_", " ") if names else "The request"
    return Invalid(f"{name[:1].upper()}{name[1:]}: {first['message']}", errors=list(errors))


class PreconditionRequired(Problem):
    status = 428
    code = "precondition_required"


class TooMany(Problem):
    status = 429
    code = "too_many_requests"

    def __init__(self, detail: str = "", *, retry_after_seconds: int = 1, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(Problem):
    """Something that we depend on is down or too slow. Nothing was decided: trying again is safe."""

    status = 503
    code = "unavailable"
    retry_after_seconds = 1


MANY_ASK: Final = "Many are asking for this at the moment. Try again in a little while."
"""Said where more may have been done than whoever says it knows of."""


class Busy(Unavailable):
    """More is asked than can be done in time. Whoever says so has changed nothing, and who comes again when told is
    served."""

    code = "busy"

    def __init__(self, detail: str = "", *, retry_after_seconds: int = 1, **extra: Any) -> None:
        super().__init__(
            detail or "Many are asking for this at the moment. Nothing was changed; try again in a little while.",
            **extra,
        )
        self.retry_after_seconds = retry_after_seconds


class Timeout(Unavailable):
    status = 504
    code = "timeout"


class Broken(Exception):
    """An event contradicts what we hold to be true. Retrying cannot help: it is parked for people."""
