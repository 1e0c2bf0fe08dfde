"""Envoy's configuration, rendered from platform.toml: `envoy_config` is pure and gives the same for the same.

Two listeners with the same routes. *public*: nobody in front, the peer's address is the client's. *edge*: Varnish in
front, one hop is trusted, so that shoppers behind it are not one client; it asks for a secret header.
"""

from typing import Any, Final
from urllib.parse import urlsplit

from bodega.gateway import access, replies, routes
from bodega.platform.system import LOOPBACK, Instance, System

EXPOSED_HEADERS: Final = ("Cart-Token", "Location", "ETag", "Idempotency-Replayed", "Retry-After", "X-Request-Id")
ACCEPTED_HEADERS: Final = (
    "Accept",
    "Authorization",
    "Cart-Token",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "Order-Token",
    "Traceparent",
    "Tracestate",
)
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
COMPRESSED: Final = (
    "application/json",
    "application/problem+json",
    "application/javascript",
    "text/css",
    "text/html",
    "text/javascript",
    "text/plain",
    "image/svg+xml",
)

# Headers by which somebody in front of us would say who asks, from where and how. Nobody is in front of us.
_SPOOFED_PREFIXES: Final = (
    "bodega-",
    "x-user",
    "x-auth",
    "x-role",
    "x-customer",
    "x-merchant",
    "x-service",
    "x-envoy",
    "x-real-",
)
_SPOOFED_NAMES: Final = (
    "forwarded",
    "via",
    "x-request-id",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-remote-user",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-client-trace-id",
    "true-client-ip",
    "cf-connecting-ip",
)

_HEADERS_LIMIT_KB = 32
_BUFFER_BYTES = 64 * 1024
_CONNECTIONS = 4096
_HEAP_BYTES = 512 * 1024 * 1024
_CLIENTS_REMEMBERED = 10_000
_LIMITED = "limited"  # the mark of clients whose requests are counted, where not all of them are
_STREAMS_AT_MOST = 1000  # of a kind: each holds a thread of the edge (bodega.platform.engines.varnish)
ADMIN_SOCKET = "admin.sock"
OTLP_URL = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""The variable that names the collector, to the gateway as to the services."""
_TRACED_PERCENT = 1.0
_MINIMUM_SECRET = 16

# uvicorn closes an idle connection after 5 s: a request sent at that very moment would be lost, so we close first.
_UPSTREAM_IDLE_SECONDS = 3


def envoy_config(
    system: System, instance: Instance, *, edge_secret: str, otlp_url: str | None = None
) -> dict[str, Any]:
    """The whole configuration of one instance's gateway, as Envoy takes it (JSON).

    `edge_secret` is what the edge sends in `X-Edge-Secret`; it stands in the result, so keep the file from others.
    `otlp_url` is an OpenTelemetry collector (`http://host:port`, OTLP over HTTP), to which one request in a hundred is
    told. Raises ValueError if the secret is shorter than 16 characters or the collector has no http address.
    """
    if len(edge_secret) < _MINIMUM_SECRET:
        raise ValueError(f"the edge's secret has fewer than {_MINIMUM_SECRET} characters")
    return {
        "node": {"id": f"bodega-{instance.name}", "cluster": "bodega"},
        "admin": {"address": _admin(instance)},
        "static_resources": {
            "listeners": [
                _listener(system, instance, None, otlp_url),
                _listener(system, instance, edge_secret, otlp_url),
            ],
            "clusters": [
                *_clusters(system, instance),
                *([] if otlp_url is None else [_collector(otlp_url)]),
            ],
        },
        "overload_manager": _overload(),
    }


def _admin(instance: Instance) -> dict[str, Any]:
    """Who reaches it may read the edge's secret and stop the gateway, so it is ours alone.

    On this machine a socket file of its owner's, in the folder that Envoy is started in; in a container a port of the
    container's own loopback address, where nobody else is.
    """
    if instance.spec.site is None:
        return {"pipe": {"path": ADMIN_SOCKET, "mode": 0o600}}
    return _address(LOOPBACK, instance.port("envoy", "admin"))


def _listener(system: System, instance: Instance, edge_secret: str | None, otlp_url: str | None) -> dict[str, Any]:
    name = "public" if edge_secret is None else "edge"
    return {
        "name": name,
        "address": _address(instance.listen, instance.port("envoy", name)),
        "per_connection_buffer_limit_bytes": _BUFFER_BYTES,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(system, instance, edge_secret, otlp_url),
                    }
                ]
            }
        ],
    }


def _connection_manager(
    system: System, instance: Instance, edge_secret: str | None, otlp_url: str | None
) -> dict[str, Any]:
    edge = edge_secret is not None
    request_seconds = instance.times["request_timeout_seconds"]
    return {
        "@type": "type.googleapis.com/"
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "edge" if edge else "public",
        "codec_type": "AUTO",
        "route_config": routes.route_config(system, instance, _cors(instance), edge=edge),
        "http_filters": _filters(system, instance, edge_secret),
        # Who the client is
        "use_remote_address": True,
        "xff_num_trusted_hops": proxies_in_front(instance) if edge else 0,
        # Nobody may steer Envoy with x-envoy headers: by default a loopback or private peer could.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        "early_header_mutation_extensions": [_unspoofed(edge=edge)],
        # One spelling of a path, for us and for the services
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
        "strip_any_host_port": False,
        # Limits
        "max_request_headers_kb": _HEADERS_LIMIT_KB,
        "request_headers_timeout": "10s",
        "request_timeout": f"{routes.IMPORT_SECONDS:g}s",
        # After this long without a byte either way. Routes where that is in order say so themselves.
        "stream_idle_timeout": f"{request_seconds + 2 * routes.GRACE_SECONDS:g}s",
        "common_http_protocol_options": {
            "idle_timeout": "60s",
            "headers_with_underscores_action": "DROP_HEADER",
            "max_headers_count": 100,
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65536,
            "initial_connection_window_size": 1048576,
        },
        # What is told and kept
        "server_header_transformation": "PASS_THROUGH",
        "always_set_request_id_in_response": True,
        "local_reply_config": replies.local_reply_config(routes.rate_retry_seconds(system)),
        "access_log": [_access_log("edge" if edge else "public")],
        # Without a collector the client's traceparent simply goes through, and the first service starts a trace if
        # there is none.
        **({} if otlp_url is None else {"tracing": _tracing(otlp_url)}),
    }


def _filters(system: System, instance: Instance, edge_secret: str | None) -> list[dict[str, Any]]:
    """In the order in which a request passes them; an answer passes them the other way round."""
    return [
        _response_headers(instance, edge=edge_secret is not None),
        *([] if edge_secret is None else [access.edge_filter(routes.EDGE_SECRET_HEADER, edge_secret)]),
        *_compressors(),
        {
            "name": "envoy.filters.http.cors",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors"},
        },
        *_who_is_limited(instance),
        _rate_limit(system, instance),
        access.origin_filter(_our_origins(instance)),
        *access.token_filters(
            f"{instance.service_url('auth')}/.well-known/jwks.json", tls=instance.site_url.startswith("https:")
        ),
        {
            "name": "bodega.size",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"},
        },
        {
            "name": "envoy.filters.http.buffer",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
                "max_request_bytes": routes.BODY_LIMIT_BYTES,
            },
        },
        {
            "name": "envoy.filters.http.router",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                "suppress_envoy_headers": True,
            },
        },
    ]


def _response_headers(instance: Instance, *, edge: bool) -> dict[str, Any]:
    """On every answer, ours and the services'. A page (the API's own description) brings its own policy."""
    # An answer to our site has CORS headers, the same to somebody else has none. Behind the edge all is one origin, and
    # its cache must not keep one answer per Origin.
    vary = (
        []
        if edge
        else [{"append": {"header": {"key": "vary", "value": "origin"}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}}]
    )
    headers = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "cross-origin-opener-policy": "same-origin",
    }
    if urlsplit(instance.api_url).scheme == "https":
        headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"
    return {
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {
                "response_mutations": [
                    {"remove": "server"},
                    {"remove": "x-powered-by"},
                    *vary,
                    *(
                        {"append": {"header": {"key": key, "value": value}, "append_action": "ADD_IF_ABSENT"}}
                        for key, value in headers.items()
                    ),
                ]
            },
        },
    }


def _unspoofed(*, edge: bool) -> dict[str, Any]:
    """Takes away, before anything else looks at the request, every header by which it could pass for another."""
    # The edge may say who its client is (-for) and how it came (-proto).
    forwarded = "x-forwarded-([^fp].*|p(ort|refix|referred).*)" if edge else "x-forwarded-.*"
    matchers: list[dict[str, Any]] = [
        *({"prefix": prefix} for prefix in _SPOOFED_PREFIXES),
        *({"exact": name} for name in _SPOOFED_NAMES),
        {"safe_regex": {"regex": forwarded}},
    ]
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/"
            "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"remove_on_match": {"key_matcher": matcher}} for matcher in matchers],
        },
    }


def _cors(instance: Instance) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": origin} for origin in _spellings(instance.site_url)],
        "allow_methods": ", ".join(METHODS),
        "allow_headers": ", ".join(ACCEPTED_HEADERS),
        "expose_headers": ", ".join(EXPOSED_HEADERS),
        "max_age": "600",
        "allow_credentials": True,
    }


def _our_origins(instance: Instance) -> tuple[str, ...]:
    """Whose forms may bear our cookies: the site's, and those of the API's own description page."""
    return (*_spellings(instance.site_url), *_spellings(instance.api_url))


def _spellings(url: str) -> tuple[str, ...]:
    """The origin of a URL. On a laptop the shop is also called localhost."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    if parts.hostname != LOOPBACK:
        return (origin,)
    return origin, origin.replace(LOOPBACK, "localhost")


def _compressors() -> list[dict[str, Any]]:
    package = "type.googleapis.com/envoy.extensions.compression"
    libraries = {
        "zstd": {"@type": f"{package}.zstd.compressor.v3.Zstd", "compression_level": 3},
        "brotli": {"@type": f"{package}.brotli.compressor.v3.Brotli", "quality": 4},
        "gzip": {"@type": f"{package}.gzip.compressor.v3.Gzip", "compression_level": "COMPRESSION_LEVEL_5"},
    }
    return [
        {
            "name": f"bodega.compress.{name}",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor",
                "choose_first": name == "zstd",
                "compressor_library": {"name": name, "typed_config": library},
                "response_direction_config": {
                    "common_config": {
                        "min_content_length": 860,
                        # Not text/event-stream: an event must not wait in a compressor for the next one.
                        "content_type_matcher": [{"exact": kind} for kind in COMPRESSED],
                    },
                    # An ETag names these very bytes. Compressed, it would be weakened, and If-Match refuses a weak one.
                    "disable_on_etag_header": True,
                    # The last one that reads it takes it away: services compress nothing.
                    "remove_accept_encoding_header": name == "gzip",
                },
            },
        }
        for name, library in libraries.items()
    ]


def _rate_limit(system: System, instance: Instance) -> dict[str, Any]:
    """One bucket per class and client over all routes; a route's metadata says in which class it counts."""
    classes = {**system.limits, routes.WEBHOOK_LIMIT: system.limits["normal"]}
    marked = {"metadata_key": {"key": "envoy.filters.http.rbac", "path": [{"key": "shadow_effective_policy_id"}]}}
    has_mark = [{"metadata": {"descriptor_key": "mark", **marked}}] if instance.spec.unlimited else []
    mark = [{"key": "mark", "value": _LIMITED}] if instance.spec.unlimited else []
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return {
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": "rate",
            "filter_enabled": always,
            "filter_enforced": always,
            "always_consume_default_token_bucket": False,
            "max_dynamic_descriptors": _CLIENTS_REMEMBERED,
            "rate_limits": [
                {
                    "actions": [
                        {
                            "metadata": {
                                "source": "ROUTE_ENTRY",
                                "descriptor_key": "class",
                                "metadata_key": {"key": routes.METADATA, "path": [{"key": routes.LIMIT_KEY}]},
                                "default_value": "normal",
                            }
                        },
                        *has_mark,
                        # A household has a whole /64 of IPv6 addresses: it is one client.
                        {"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}},
                    ]
                }
            ],
            # For what no class counts: every request has one, unless it comes from an unlimited network.
            "token_bucket": {"max_tokens": 1_000_000, "tokens_per_fill": 1_000_000, "fill_interval": "1s"},
            "descriptors": [
                {
                    "entries": [{"key": "class", "value": name}, *mark, {"key": "masked_remote_address"}],
                    "token_bucket": {
                        "max_tokens": limit.burst,
                        "tokens_per_fill": limit.requests,
                        "fill_interval": f"{limit.per_seconds:g}s",
                    },
                }
                for name, limit in classes.items()
            ],
        },
    }


def _who_is_limited(instance: Instance) -> list[dict[str, Any]]:
    """A filter that marks the requests of all clients outside the instance's unlimited networks, and refuses nobody.
    None where there are no such networks, as in every shop."""
    networks = [
        {"remote_ip": {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}}
        for network in instance.spec.unlimited
    ]
    policy = {"permissions": [{"any": True}], "principals": [{"not_id": {"or_ids": {"ids": networks}}}]}
    marking = {
        "name": "bodega.limited",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "shadow_rules": {"action": "ALLOW", "policies": {_LIMITED: policy}},
        },
    }
    return [marking] if networks else []


def _access_log(listener: str) -> dict[str, Any]:
    """One JSON line per request on standard output, which the supervisor keeps and rotates.

    No header that may bear a secret, and paths without their query: a signed link has its token there.
    """
    return {
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {
                "json_format": {
                    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
                    "listener": listener,
                    "method": "%REQ(:METHOD)%",
                    "path": "%PATH(NQ:ORIG_OR_PATH)%",
                    "protocol": "%PROTOCOL%",
                    "status": "%RESPONSE_CODE%",
                    "details": "%RESPONSE_CODE_DETAILS%",
                    "flags": "%RESPONSE_FLAGS%",
                    "route": "%ROUTE_NAME%",
                    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
                    "duration_ms": "%DURATION%",
                    "upstream_ms": "%RESPONSE_DURATION%",
                    "bytes_in": "%BYTES_RECEIVED%",
                    "bytes_out": "%BYTES_SENT%",
                    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                    "customer": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:jwt:sub)%",
                    "request_id": "%REQ(X-REQUEST-ID)%",
                    "traceparent": "%REQ(TRACEPARENT)%",
                    "user_agent": "%REQ(USER-AGENT):200%",
                }
            },
        },
    }


def _clusters(system: System, instance: Instance) -> list[dict[str, Any]]:
    return [
        *(_cluster(name, _of_service(instance, name)) for name in system.services),
        *(
            _cluster(routes.stream_cluster(name), _of_service(instance, name), requests=_STREAMS_AT_MOST)
            for name in routes.streaming_services(system)
        ),
        _cluster("docs", _address(instance.host("docs"), instance.port("docs", "http"))),
        # Keys are asked for even while auth is ejected for failing requests.
        _cluster(access.JWKS_CLUSTER, _of_service(instance, "auth"), ejecting=False),
    ]


def _cluster(name: str, address: dict[str, Any], *, requests: int = 1024, ejecting: bool = True) -> dict[str, Any]:
    cluster: dict[str, Any] = {
        "name": name,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",  # services listen on IPv4 alone
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": f"{_UPSTREAM_IDLE_SECONDS}s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": requests,
                    "max_pending_requests": 256,
                    "max_requests": requests,
                    "retry_budget": {"budget_percent": {"value": 20}, "min_retry_concurrency": 8},
                }
            ]
        },
    }
    if ejecting:
        # What the network shows (refused, reset, silent) ejects. A 503 is an answer: one dependency is down, and the
        # other routes of that service go on. So no answer counts as a failure, and any answer ends the row of failures.
        options = cluster["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
        options["outlier_detection"] = {"error_matcher": {"not_match": {"any_match": True}}}
        cluster |= {
            # As long as one replica is left, only those that are not ejected are asked.
            "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
            "outlier_detection": {
                "consecutive_gateway_failure": 5,
                "enforcing_consecutive_gateway_failure": 100,
                "enforcing_consecutive_5xx": 0,
                "enforcing_success_rate": 0,
                "interval": "0.5s",
                "base_ejection_time": "1s",
                "max_ejection_time": "5s",
                # Never the last one: who is slow because of many buyers would be taken from all of them.
                "max_ejection_percent": 99,
                "always_eject_one_host": False,
            },
        }
    return cluster


def _tracing(otlp_url: str) -> dict[str, Any]:
    """Envoy takes up the client's trace (W3C) or starts one, tells its own part, and passes it on."""
    return {
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "service_name": "gateway",
                "http_service": {
                    "http_uri": {"uri": f"{otlp_url.rstrip('/')}/v1/traces", "cluster": "collector", "timeout": "2s"}
                },
            },
        },
        "random_sampling": {"value": _TRACED_PERCENT},
        "client_sampling": {"value": 0},
    }


def _collector(otlp_url: str) -> dict[str, Any]:
    parts = urlsplit(otlp_url)
    if parts.scheme != "http" or parts.hostname is None:
        raise ValueError(f"a collector's address is http://host:port, not {otlp_url}")
    address = {"socket_address": {"address": parts.hostname, "port_value": parts.port or 4318}}
    return {
        "name": "collector",
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": "collector",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _overload() -> dict[str, Any]:
    package = "type.googleapis.com/envoy.extensions.resource_monitors"
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": f"{package}.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": _CONNECTIONS,
                },
            },
            {
                "name": "envoy.resource_monitors.fixed_heap",
                "typed_config": {
                    "@type": f"{package}.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": _HEAP_BYTES,
                },
            },
        ],
        "actions": [
            {
                "name": "envoy.overload_actions.stop_accepting_requests",
                "triggers": [{"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": 0.95}}],
            }
        ],
    }


def proxies_in_front(instance: Instance) -> int:
    """How many in front of us may say who their client is: the edge, and the TLS terminator where there is one."""
    return 1 if instance.spec.site is None else 2


def _of_service(instance: Instance, name: str) -> dict[str, Any]:
    return _address(instance.host(name), instance.service_port(name))


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
