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
    └── Timeout 504         timeout
Broken                      an event that breaks an invariant: parked, never answered
"""

from collections.abc import Mapping
from typing import Any, ClassVar


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


def in_words(fault: Mapping[str, Any]) -> str:
    """The message of a fault that pydantic has found: its own, but where that speaks of its insides."""
    of_no_object = fault["type"] in ("model_type", "model_attributes_type", "dict_type")
    return "Input should be an object" if of_no_object else str(fault["msg"])


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


class Timeout(Unavailable):
    status = 504
    code = "timeout"


class Broken(Exception):
    """An event contradicts what we hold to be true. Retrying cannot help: it is parked for people."""
