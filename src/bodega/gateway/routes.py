"""Which paths exist, who may use them, how much and for how long: platform.toml's routes as Envoy's.

Each path becomes two routes: one for reading (GET, HEAD: repeated when it fails) and one for everything else (repeated
only when it has surely not arrived). Paths match whole segments: `/cart` is `/cart` and `/cart/…`, never `/cartx`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from bodega.gateway.access import Requirement, drops_credentials, origin_unchecked, requires, role_rule
from bodega.gateway.replies import POLICY_TOO_LARGE
from bodega.platform.system import Instance, Route, System

EDGE_SECRET_HEADER: Final = "x-edge-secret"  # noqa: S105 (its name, not the secret)
DEADLINE_HEADER: Final = "bodega-deadline-ms"
BODY_LIMIT_BYTES: Final = 1_000_000
IMPORT_LIMIT_BYTES: Final = 50_000_000
IMPORT_SECONDS: Final = 120.0

# What share of a request's time the services are given: their last words (202, 503) must be out before it is over.
SERVICES_SHARE: Final = 0.95
# How much longer the gateway waits.
GRACE_SECONDS: Final = 1.0
WEBHOOK_LIMIT: Final = "webhooks"

# Where a route says in which class of [limits] it counts.
METADATA: Final = "bodega"
LIMIT_KEY: Final = "limit"

# How a checkout and an order go on, told until they end (spec, 7 and 8).
STREAMS: Final = {"/checkout": r"/checkout/[^/]+/events", "/orders": r"/orders/[^/]+/events"}
_IMPORTS: Final = ("/admin/products/import", "/admin/inventory/import")
_WEBHOOKS: Final = ("/payments/webhooks", "/shipping/webhooks")
_READING: Final = "GET|HEAD"
_COUNTED_WHEN_CHANGING: Final = ("checkout",)
_DOCS_PATHS: Final = ("/docs", "/openapi.json")


@dataclass(frozen=True)
class Door:
    """One path and all that holds for it. `seconds` None: as long as it lasts."""

    path: str
    cluster: str
    access: Requirement
    limit: str
    seconds: float | None
    regex: bool = False
    exact: bool = False
    methods: str | None = None
    webhook: bool = False
    large_body: bool = False

    @property
    def reads(self) -> bool:
        return self.methods == _READING


def route_config(system: System, instance: Instance, cors: dict[str, Any], *, edge: bool) -> dict[str, Any]:
    """The route table of one listener."""
    doors = sorted(_doors(system, instance), key=lambda d: (not d.regex, -len(d.path), d.path, not d.reads))
    return {
        "name": "edge" if edge else "public",
        "virtual_hosts": [
            {
                "name": "bodega",
                "domains": ["*"],
                "typed_per_filter_config": {"envoy.filters.http.cors": cors},
                "routes": [_healthz(), *(_route(door) for door in doors), _nothing_here()],
            }
        ],
        "request_headers_to_remove": [EDGE_SECRET_HEADER, "x-envoy-external-address"],
        # What stands there is what the listener trusts: the peer, or who the edge says it is. One address, no list.
        "request_headers_to_add": [_header("x-forwarded-for", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")],
        "most_specific_header_mutations_wins": True,
    }


def rate_retry_seconds(system: System) -> int:
    """When a client that asked too often may ask again: after the slowest bucket's next token, in whole seconds."""
    return max(1, *(math.ceil(limit.per_seconds / limit.requests) for limit in system.limits.values()))


def _doors(system: System, instance: Instance) -> Iterator[Door]:
    seconds = instance.times["request_timeout_seconds"]
    for service in system.services.values():
        for route in service.routes:
            for door in _doors_of(route, service.name, seconds):
                yield from _by_method(door)
    for path in _DOCS_PATHS:
        yield Door(path, "docs", "open", "normal", seconds, exact=path == "/openapi.json", methods=_READING)


def _doors_of(route: Route, cluster: str, seconds: float) -> Iterator[Door]:
    access: Requirement = route.access
    if route.access == "optional" and route.limit == "credentials":
        # Here new tokens are had. Whoever holds one that has run out must not be refused for it: the service judges.
        access = "unjudged"
    door = Door(route.path, cluster, access, route.limit, seconds, exact=route.exact)
    yield door
    if route.path in STREAMS:
        yield replace(
            door,
            path=STREAMS[route.path],
            cluster=stream_cluster(cluster),
            limit="normal",
            seconds=None,
            regex=True,
            methods="GET",
        )
    yield from (
        replace(door, path=path, seconds=IMPORT_SECONDS, large_body=True) for path in _IMPORTS if _below(path, route)
    )
    yield from (
        replace(door, path=path, limit=WEBHOOK_LIMIT, webhook=True) for path in _WEBHOOKS if _below(path, route)
    )


def stream_cluster(service: str) -> str:
    """The cluster of a service's streams: long ones must not use up the places of the short ones."""
    return f"{service}-streams"


def streaming_services(system: System) -> tuple[str, ...]:
    """The services that have streams."""
    return tuple(s.name for s in system.services.values() if any(r.path in STREAMS for r in s.routes))


def _below(path: str, route: Route) -> bool:
    return path.startswith(f"{route.path}/")


def _by_method(door: Door) -> Iterator[Door]:
    if door.methods is not None:
        yield door
        return
    reading = "normal" if door.limit in _COUNTED_WHEN_CHANGING else door.limit
    yield replace(door, methods=_READING, limit=reading)
    yield door


def _route(door: Door) -> dict[str, Any]:
    per_filter = {**requires(door.access), **role_rule(door.access)}
    if door.webhook:
        per_filter |= {**origin_unchecked(), "envoy.filters.http.cors": _no_cors()}
    if door.large_body:
        per_filter |= _large_body()
    route: dict[str, Any] = {
        "name": f"{door.cluster}:{door.path}:{'read' if door.reads else door.methods or 'any'}",
        "match": _match(door),
        "metadata": {"filter_metadata": {METADATA: {LIMIT_KEY: door.limit}}},
        "route": _action(door),
        "typed_per_filter_config": per_filter,
        "response_headers_to_add": _caching(door),
    }
    if door.seconds is not None:
        route["request_headers_to_add"] = [_header(DEADLINE_HEADER, str(round(door.seconds * SERVICES_SHARE * 1000)))]
    if drops_credentials(door.access):
        # An open answer is the same for everyone: whoever asks is not even known to the service.
        route["request_headers_to_remove"] = ["authorization", "cookie"]
    return route


def _match(door: Door) -> dict[str, Any]:
    match: dict[str, Any]
    if door.regex:
        match = {"safe_regex": {"regex": door.path}}
    elif door.exact:
        match = {"path": door.path}
    else:
        match = {"path_separated_prefix": door.path}
    if door.methods:
        match["headers"] = [{"name": ":method", "string_match": {"safe_regex": {"regex": door.methods}}}]
    return match


def _action(door: Door) -> dict[str, Any]:
    action: dict[str, Any] = {
        "cluster": door.cluster,
        "timeout": _duration(0 if door.seconds is None else door.seconds + GRACE_SECONDS),
    }
    if door.seconds is None:
        action["idle_timeout"] = "0s"
    elif door.large_body:
        action["idle_timeout"] = _duration(door.seconds + 2 * GRACE_SECONDS)
    else:
        action["retry_policy"] = _retries(door)
    return action


def _retries(door: Door) -> dict[str, Any]:
    """Reading is repeated twice. Changing is repeated only if the request has surely not been sent."""
    never_sent = "connect-failure,refused-stream,reset-before-request"
    policy: dict[str, Any] = {
        "retry_on": never_sent,
        "num_retries": 2,
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
    }
    if door.reads:
        policy |= {"retry_on": f"{never_sent},reset,retriable-status-codes", "retriable_status_codes": [502, 503]}
    return policy


def _large_body() -> dict[str, Any]:
    """Streamed, not kept; what says beforehand that it is too large is refused, the service counts the rest."""
    too_large = {"header": {"name": "content-length", "range_match": {"start": IMPORT_LIMIT_BYTES + 1, "end": 2**62}}}
    return {
        "envoy.filters.http.buffer": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
            "disabled": True,
        },
        "bodega.size": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute",
            "rbac": {
                "rules": {
                    "action": "DENY",
                    "policies": {POLICY_TOO_LARGE: {"permissions": [too_large], "principals": [{"any": True}]}},
                }
            },
        },
    }


def _no_cors() -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "filter_enabled": {"default_value": {"numerator": 0}},
    }


def _caching(door: Door) -> list[dict[str, Any]]:
    """What is somebody's own is kept by no cache, unless the service says otherwise."""
    return [] if door.access == "open" else [_header("cache-control", "private, no-store", only_if_absent=True)]


def _healthz() -> dict[str, Any]:
    """The gateway's own health: it answers, so it lives."""
    return {
        "name": "healthz",
        "match": {"path": "/healthz"},
        "direct_response": {"status": 200, "body": {"inline_string": "ok\n"}},
        "response_headers_to_add": [_header("cache-control", "no-store")],
    }


def _nothing_here() -> dict[str, Any]:
    return {"name": "nothing-here", "match": {"prefix": "/"}, "direct_response": {"status": 404}}


def _header(key: str, value: str, *, only_if_absent: bool = False) -> dict[str, Any]:
    action = "ADD_IF_ABSENT" if only_if_absent else "OVERWRITE_IF_EXISTS_OR_ADD"
    return {"header": {"key": key, "value": value}, "append_action": action}


def _duration(seconds: float) -> str:
    return f"{seconds:g}s"
