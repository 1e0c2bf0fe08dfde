"""What the gateway answers by itself: problem+json with a stable code, like every service (RFC 9457).

Envoy decides what went wrong; a mapper here gives it its status, code and words. The first that fits is taken, so the
particular ones (by Envoy's response code details) stand before the general ones (by status).
"""

from dataclasses import dataclass
from typing import Any, Final

from bodega.contracts.problems import TITLES

PROBLEM_JSON: Final = "application/problem+json"
PROBLEM_TYPE: Final = "https://bodega.example/problems/"  # as the services': followed by the code

# Names of RBAC policies: Envoy reports them in its details as `rbac_access_denied_matched_policy[<name>]`.
POLICY_ORIGIN: Final = "origin"
POLICY_EDGE: Final = "edge"
POLICY_TOO_LARGE: Final = "too-large"

_DENIED = "rbac_access_denied_matched_policy["
_JWT = "jwt_authn_access_denied{"
_DEPENDENCY_RETRY_SECONDS = 1
_BUSY_RETRY_SECONDS = 2


@dataclass(frozen=True)
class Reply:
    """One kind of refusal: `when` is a CEL expression over the response, `detail` is for people."""

    when: str
    status: int
    code: str
    detail: str
    retry_after_seconds: int | None = None

    def mapper(self) -> dict[str, Any]:
        """The mapper for `local_reply_config`. Nothing that the gateway says by itself may be kept by a cache."""
        headers = {"cache-control": "no-store"}
        if self.retry_after_seconds is not None:
            headers["retry-after"] = str(self.retry_after_seconds)
        return {
            "filter": _filter(self.when),
            "status_code": self.status,
            "headers_to_add": [
                {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
                for key, value in headers.items()
            ],
            "body_format_override": _document(self.status, self.code, self.detail),
        }


def local_reply_config(rate_retry_seconds: int) -> dict[str, Any]:
    """The connection manager's `local_reply_config`. `rate_retry_seconds`: when a client that asked too often may."""
    return {
        "mappers": [_health(), *(reply.mapper() for reply in _replies(rate_retry_seconds))],
        "body_format": _document("%RESPONSE_CODE%", "internal", "The gateway could not handle the request."),
    }


def _replies(rate_retry_seconds: int) -> tuple[Reply, ...]:
    return (
        # The keys of the tokens could not be had: nobody's fault but ours, and the token may be good.
        Reply(
            _details(_JWT + "Jwks_remote_fetch_is_failed"),
            503,
            "unavailable",
            "Tokens cannot be checked at the moment.",
            _DEPENDENCY_RETRY_SECONDS,
        ),
        Reply(_details(_JWT + "Jwt_is_missing"), 401, "unauthenticated", "This needs an access token."),
        Reply(_details(_JWT + "Jwt_is_expired"), 401, "unauthenticated", "The access token has expired. Refresh it."),
        # Envoy answers 403 to a token for another audience; to us it is simply not a token.
        Reply(_details(_JWT), 401, "unauthenticated", "The access token is not valid."),
        Reply(
            _details(f"{_DENIED}{POLICY_ORIGIN}]"),
            403,
            "origin_not_allowed",
            "A request that changes something and carries a cookie must come from the shop's own pages.",
        ),
        Reply(_details(f"{_DENIED}{POLICY_TOO_LARGE}]"), 413, "request_too_large", "The body is larger than 50 MB."),
        Reply(_details(f"{_DENIED}{POLICY_EDGE}]"), 403, "forbidden", "Only the edge may use this address."),
        Reply(_status(400), 400, "malformed_request", "The request is not well-formed HTTP."),
        Reply(_status(401), 401, "unauthenticated", "This needs an access token."),
        Reply(_status(403), 403, "forbidden", "Your role does not allow this."),
        Reply(_status(404), 404, "not_found", "There is nothing at this address."),
        Reply(_status(408), 408, "timeout", "The request did not arrive in time."),
        Reply(_status(413), 413, "request_too_large", "The body is larger than 1 MB."),
        Reply(_status(426), 426, "malformed_request", "Use HTTP/1.1 or HTTP/2."),
        Reply(_status(429), 429, "too_many_requests", "Too many requests from your address.", rate_retry_seconds),
        Reply(_status(431), 431, "request_too_large", "The header fields are too large."),
        # More at once than the gateway lets through to one service: nothing of it has been sent.
        Reply(
            _details("upstream_reset_before_response_started{overflow"),
            503,
            "busy",
            "Too many are asking for this at the moment. Nothing was changed; try again in a little while.",
            _BUSY_RETRY_SECONDS,
        ),
        Reply(
            "response.code == 502 || response.code == 503",
            503,
            "unavailable",
            "The service behind this address does not answer at the moment.",
            _DEPENDENCY_RETRY_SECONDS,
        ),
        Reply(
            _status(504),
            504,
            "timeout",
            "The service behind this address took too long. What was asked may have been done.",
            _DEPENDENCY_RETRY_SECONDS,
        ),
    )


def _health() -> dict[str, Any]:
    """The one thing that the gateway says by itself and that is no problem: its health, said as its route says it."""
    return {
        "filter": _filter(_status(200)),
        "body_format_override": {
            "content_type": "text/plain",
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
        },
    }


def _filter(expression: str) -> dict[str, Any]:
    package = "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3"
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {"@type": f"{package}.ExpressionFilter", "expression": expression},
        }
    }


def problem(status: int | str, code: str) -> dict[str, Any]:
    """What every problem document says of its code (RFC 9457)."""
    return {"type": PROBLEM_TYPE + code, "title": TITLES[code], "status": status, "code": code}


def _details(prefix: str) -> str:
    return f'response.code_details.startsWith("{prefix}")'


def _status(status: int) -> str:
    return f"response.code == {status}"


def _document(status: int | str, code: str, detail: str) -> dict[str, Any]:
    return {
        "content_type": PROBLEM_JSON,
        "json_format": {
            **problem(status, code),
            "detail": detail,
            "request_id": "%REQ(X-REQUEST-ID)%",
        },
    }
