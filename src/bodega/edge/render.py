"""Varnish's configuration, rendered from platform.toml: `edge_vcl` is pure and gives the same for the same."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bodega.contracts.catalog import OPTION_PARAMETER
from bodega.gateway.render import proxies_in_front
from bodega.gateway.replies import PROBLEM_TYPE
from bodega.gateway.routes import STREAMS
from bodega.platform.system import Instance

HEARTBEAT_SECONDS: Final = 5.0
"""How long the edge trusts its memory of prices without a word of the purger."""
STALE_SECONDS: Final = 7 * 24 * 3600
"""How long an answer whose time is over is kept, for when the backends do not answer."""
_MINIMUM_SECRET: Final = 16
_PURGERS: Final = ("127.0.0.1", "::1")
# Where each part has a host of its own, the purger's address is any private one (RFC 1918, RFC 4193): the secret alone
# guards the door. The terminator, too, calls from there.
_PURGERS_ELSEWHERE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_TEMPLATE: Final = Path(__file__).with_name("edge.vcl")
_PARAMETERS: Final = Path(__file__).with_name("parameters.json")
_ANY_OPTION: Final = {"/search": re.escape(OPTION_PARAMETER)}
"""Of an API path whose parameters are not all named: how the others begin (a regular expression)."""
_CLIENT: Final = {1: r"^.*?([^, ]+)$", 2: r"^(?:.*[, ])?([^, ]+), *[^, ]+$"}
"""Where the client stands in X-Forwarded-For (a regular expression), by the number of proxies, ourselves among them."""
_PERMISSIONS_POLICY: Final = ", ".join(
    [f"{feature}=()" for feature in ("accelerometer", "browsing-topics", "camera", "display-capture",
                                     "geolocation", "gyroscope", "magnetometer", "microphone", "midi", "serial", "usb")]
    + ["payment=(self)"]
)  # fmt: skip
_ERROR_STYLE: Final = (
    "body{margin:0;font:1.125rem/1.6 system-ui,sans-serif;color:#1c1917;background:#fafaf9}"
    "main{max-width:32rem;margin:20vh auto;padding:0 1.5rem}a{color:inherit}"
)


def edge_vcl(
    instance: Instance,
    *,
    gateway_secret: str,
    purge_secret: str,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
    probe_seconds: float = 1.0,
) -> str:
    """The whole VCL of one instance. Both secrets stand in the result, so keep the file from others.

    Raises ValueError if a secret is short or would not fit into a VCL string.
    """
    for secret in (gateway_secret, purge_secret):
        if not re.fullmatch(rf"[A-Za-z0-9._~-]{{{_MINIMUM_SECRET},}}", secret):
            raise ValueError(f"a secret of the edge is not {_MINIMUM_SECRET} or more letters, digits and ._~-")
    services = instance.system.services.values()
    site = urlsplit(instance.site_url)
    pages = instance.system.limits["pages"]
    values = {
        "purgers": _acl(_PURGERS if instance.spec.site is None else _PURGERS_ELSEWHERE),
        "storefront_host": instance.host("storefront"),
        "gateway_host": instance.host("envoy"),
        "media_host": instance.host("seaweedfs"),
        "storefront_port": str(instance.port("storefront", "http")),
        "gateway_port": str(instance.port("envoy", "edge")),
        "media_port": str(instance.port("seaweedfs", "s3")),
        "site_host": site.netloc,
        "site_scheme": site.scheme,
        "gateway_secret": gateway_secret,
        "purge_secret": purge_secret,
        # What anybody may read is the same for everybody: the gateway drops cookies and tokens there.
        "open_paths": _paths(route.path for service in services for route in service.routes if route.access == "open"),
        "personal_paths": _paths(instance.system.engines["storefront"].personal),
        "streams": "|".join(sorted(STREAMS.values())),
        "known_parameters": _known_parameters(instance),
        "client_in_forwarded": _CLIENT[proxies_in_front(instance)],
        "pages_burst": str(pages.burst),
        "pages_seconds": f"{pages.burst * pages.per_seconds / pages.requests:g}",  # until all of it is had again
        "permissions_policy": _PERMISSIONS_POLICY,
        "transport_security": (
            '    set resp.http.Strict-Transport-Security = "max-age=31536000; includeSubDomains";\n'
            if site.scheme == "https"
            else ""
        ),
        "heartbeat_seconds": f"{heartbeat_seconds:.3f}",
        "probe_seconds": f"{probe_seconds:.3f}",
        "stale_seconds": str(STALE_SECONDS),
        "problem_type": PROBLEM_TYPE,
        "error_style": _ERROR_STYLE,
        "error_style_hash": base64.b64encode(hashlib.sha256(_ERROR_STYLE.encode()).digest()).decode(),
        "shop_name": html.escape(instance.system.shop.name),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values.get(found[1], found[0]), _TEMPLATE.read_text())


def known_parameters() -> dict[str, list[str]]:
    """Of every path that anybody may read, as the API describes it: the parameters it has (bodega.platform.maps)."""
    known: dict[str, list[str]] = json.loads(_PARAMETERS.read_text())
    return known


def _known_parameters(instance: Instance) -> str:
    """The VCL that drops the others, path by path."""
    api = known_parameters()
    pages = instance.system.engines["storefront"].parameters
    return "\n".join(
        [
            '    if (req.http.X-Kind == "api") {',
            *_by_path({re.sub(r"\\\{\w+\\\}", "[^/?]+", re.escape(path)): path for path in api}, api),
            "    } else {",
            *_by_path({f"{re.escape(page)}(?:/[^?]*)?": path for page, path in pages.items()}, api),
            "    }",
        ]
    )


def _by_path(paths: Mapping[str, str], known: Mapping[str, list[str]]) -> Iterator[str]:
    """`paths`: a regular expression -> the path of the API whose parameters are known there."""
    word = "if"
    for pattern, path in sorted(paths.items()):
        if not known[path] and path not in _ANY_OPTION:
            continue
        beginnings = [rf"(?:{'|'.join(map(re.escape, known[path]))})(?:=|&|$)"] if known[path] else []
        beginnings += [_ANY_OPTION[path]] if path in _ANY_OPTION else []
        yield f'        {word} (req.url ~ "^{pattern}(\\?|$)") {{'
        yield f'            set req.url = regsuball(req.url, "(^[^?]*\\?|&)(?!{"|".join(beginnings)})[^&]*", "\\1");'
        word = "} elsif"
    yield "        } else {"
    yield r'            set req.url = regsub(req.url, "\?.*$", "");'
    yield "        }"


def _acl(networks: Iterable[str]) -> str:
    """`"a"; "b"/8;`: VCL wants the length outside the quotes."""
    return " ".join(f'"{address}"{slash}{length};' for address, slash, length in (n.partition("/") for n in networks))


def _paths(paths: Iterable[str]) -> str:
    return "|".join(re.escape(path) for path in sorted(set(paths)))
