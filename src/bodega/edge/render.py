"""Varnish's configuration, rendered from platform.toml: `edge_vcl` is pure and gives the same for the same."""

import base64
import hashlib
import html
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bodega.gateway.replies import PROBLEM_TYPE
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
        "heartbeat_seconds": f"{heartbeat_seconds:.3f}",
        "probe_seconds": f"{probe_seconds:.3f}",
        "stale_seconds": str(STALE_SECONDS),
        "problem_type": PROBLEM_TYPE,
        "error_style": _ERROR_STYLE,
        "error_style_hash": base64.b64encode(hashlib.sha256(_ERROR_STYLE.encode()).digest()).decode(),
        "shop_name": html.escape(instance.system.shop.name),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values.get(found[1], found[0]), _TEMPLATE.read_text())


def _acl(networks: Iterable[str]) -> str:
    """`"a"; "b"/8;`: VCL wants the length outside the quotes."""
    return " ".join(f'"{address}"{slash}{length};' for address, slash, length in (n.partition("/") for n in networks))


def _paths(paths: Iterable[str]) -> str:
    return "|".join(re.escape(path) for path in sorted(set(paths)))
