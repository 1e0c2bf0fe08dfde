"""Who may come in: access tokens, roles, and where a request with a cookie comes from.

The token is verified here, and again by the service, which trusts no header (design, "Identity"). It comes as
`Authorization: Bearer …` or as the site's cookie; the cookie is made into the header, so that services read one place.
"""

from typing import Any, Final, Literal

from bodega.gateway.replies import POLICY_EDGE, POLICY_ORIGIN

Requirement = Literal["open", "optional", "customer", "staff", "merchant", "unjudged"]

ACCESS_COOKIE: Final = "bodega_access"
JWKS_CLUSTER: Final = "auth-jwks"
ISSUER: Final = "bodega"
AUDIENCE: Final = "bodega"
ROLES: Final = {"staff": ("merchant", "support"), "merchant": ("merchant",)}
"""Whom a route lets in, by its `access`. Which of them may do what there is the service's to say."""
CLOCK_SKEW_SECONDS: Final = 30
"""As the services allow (`bodega.kit.auth`)."""

# How long a new key of auth may stay unknown to the gateway: auth must publish it at least that long before it signs.
# Keys once had are kept while auth is down.
JWKS_CACHE_SECONDS: Final = 10

_JWT = "envoy.filters.http.jwt_authn"
_ORIGIN = "bodega.origin"
_ROLE = "bodega.role"
_RBAC = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"
_RBAC_PER_ROUTE = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute"
_CHANGING = "POST|PUT|PATCH|DELETE"

# The header wins over the cookie: who sends one means it. The scheme's name is case-insensitive (RFC 9110, 11.1),
# but the filter that reads the token takes only one spelling.
_COOKIE_TO_HEADER = """
function envoy_on_request(handle)
  local headers = handle:headers()
  local given = headers:get("authorization")
  if given ~= nil then
    local token = given:match("^[Bb][Ee][Aa][Rr][Ee][Rr] +(%S+)$")
    if token ~= nil then headers:replace("authorization", "Bearer " .. token) end
    return
  end
  local cookies = headers:get("cookie")
  if cookies == nil then return end
  local token = ("; " .. cookies):match("; *THE_COOKIE=([%w%._-]+)")
  if token ~= nil then headers:add("authorization", "Bearer " .. token) end
end
"""


def token_filters(jwks_url: str, *, tls: bool = False) -> list[dict[str, Any]]:
    """Reads and verifies the token, then looks at its roles; what each route requires is said by the route.
    `tls`: whether the site has it; then no other host can have set the cookie, since its name begins with `__Host-`."""
    cookie = f"__Host%-{ACCESS_COOKIE}" if tls else ACCESS_COOKIE  # a pattern of Lua's, to which `-` means something
    return [
        {
            "name": "envoy.filters.http.lua",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
                "default_source_code": {"inline_string": _COOKIE_TO_HEADER.replace("THE_COOKIE", cookie)},
            },
        },
        {
            "name": _JWT,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"bodega": _provider(jwks_url)},
                "requirement_map": {
                    "token": {"provider_name": "bodega"},
                    "optional": _either({"provider_name": "bodega"}, {"allow_missing": {}}),
                    "unjudged": _either({"provider_name": "bodega"}, {"allow_missing_or_failed": {}}),
                },
                "bypass_cors_preflight": True,
            },
        },
        {"name": _ROLE, "typed_config": {"@type": _RBAC}},
    ]


def origin_filter(origins: tuple[str, ...]) -> dict[str, Any]:
    """A browser sends our cookies along with anybody's form. What changes something must come from our own pages."""
    ours = {"or_ids": {"ids": [_header_is("origin", {"exact": origin}) for origin in origins]}}
    return {
        "name": _ORIGIN,
        "typed_config": {
            "@type": _RBAC,
            "rules": _deny(
                POLICY_ORIGIN,
                {"and_rules": {"rules": [_method(_CHANGING), {"header": {"name": "cookie", "present_match": True}}]}},
                {"not_id": ours},
            ),
        },
    }


def edge_filter(header: str, secret: str) -> dict[str, Any]:
    """The edge's listener believes what it is told about addresses, so it speaks with the edge alone."""
    return {
        "name": "bodega.edge",
        "typed_config": {
            "@type": _RBAC,
            "rules": _deny(POLICY_EDGE, {"any": True}, {"not_id": _header_is(header, {"exact": secret})}),
        },
    }


def requires(access: Requirement) -> dict[str, Any]:
    """What a route asks of the token, as its per-route configuration."""
    rule: dict[str, Any]
    match access:
        case "open":
            rule = {"disabled": True}
        case "customer" | "staff" | "merchant":
            rule = {"requirement_name": "token"}
        case "optional" | "unjudged":
            rule = {"requirement_name": access}
    return {_JWT: {"@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig", **rule}}


def role_rule(access: Requirement) -> dict[str, Any]:
    """The roles of which a route asks for one, as its per-route configuration."""
    if access not in ROLES:
        return {}
    policy = {"permissions": [{"any": True}], "principals": [_has_role(role) for role in ROLES[access]]}
    return {_ROLE: {"@type": _RBAC_PER_ROUTE, "rbac": {"rules": {"action": "ALLOW", "policies": {"role": policy}}}}}


def _has_role(role: str) -> dict[str, Any]:
    return {
        "sourced_metadata": {
            "metadata_matcher": {
                "filter": _JWT,
                "path": [{"key": "jwt"}, {"key": "roles"}],
                "value": {"list_match": {"one_of": {"string_match": {"exact": role}}}},
            }
        }
    }


def origin_unchecked() -> dict[str, Any]:
    """For routes that no browser calls."""
    return {_ORIGIN: {"@type": _RBAC_PER_ROUTE}}


def drops_credentials(access: Requirement) -> bool:
    """Whether the service behind a route is not to know who asks."""
    return access == "open"


def _provider(jwks_url: str) -> dict[str, Any]:
    return {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "forward": True,
        "payload_in_metadata": "jwt",
        "require_expiration": True,
        "clock_skew_seconds": CLOCK_SKEW_SECONDS,
        # ES256 costs 0.1 ms; a shopper's token comes again and again. A cached one is still looked at for its expiry.
        "jwt_cache_config": {"jwt_cache_size": 1000},
        "remote_jwks": {
            "http_uri": {"uri": jwks_url, "cluster": JWKS_CLUSTER, "timeout": "2s"},
            "cache_duration": f"{JWKS_CACHE_SECONDS}s",
            "async_fetch": {"fast_listener": True, "failed_refetch_duration": "1s"},
        },
    }


def _either(*requirements: dict[str, Any]) -> dict[str, Any]:
    return {"requires_any": {"requirements": list(requirements)}}


def _deny(name: str, permission: dict[str, Any], principal: dict[str, Any]) -> dict[str, Any]:
    return {"action": "DENY", "policies": {name: {"permissions": [permission], "principals": [principal]}}}


def _method(regex: str) -> dict[str, Any]:
    return {"header": {"name": ":method", "string_match": {"safe_regex": {"regex": regex}}}}


def _header_is(name: str, match: dict[str, Any]) -> dict[str, Any]:
    return {"header": {"name": name, "string_match": match}}
