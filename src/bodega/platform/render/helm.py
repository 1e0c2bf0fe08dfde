"""What the Helm chart knows of the system: its parts, and who may call whom.

The chart's templates are written by hand (deploy/chart/templates); this is what they go through.
"""

import json
from typing import Any, Final

from bodega import __version__
from bodega.platform.render import images
from bodega.platform.render.compose import SANDBOX_PATHS, envoy_command, varnish_command
from bodega.platform.render.inside import INSTANCE
from bodega.platform.system import Service, System

INGRESS: Final = "ingress"
"""Who calls from outside the shop: the ingress controller."""
TOOLS: Final = "tools"

_ENGINES: Final = {
    "postgres": "sql",
    "valkey": "redis",
    "mongo": "mongo",
    "kafka": "kafka",
    "opensearch": "http",
    "seaweedfs": "s3",
}
_CALLED_BY_THE_SANDBOX: Final = ("payments", "shipping")
_CALL_THE_SANDBOX: Final = ("payments", "shipping", "notifications")


def files(system: System) -> dict[str, str]:
    """Path in the chart -> text of every rendered file."""
    return {
        "Chart.yaml": _chart(),
        "files/parts.json": json.dumps(parts(system), indent=1) + "\n",
    }


def parts(system: System) -> dict[str, Any]:
    """Every part that runs in the cluster, with its port and its callers, and the engines that run elsewhere."""
    instance = system.instance(INSTANCE)
    services = [
        {"name": name, "port": instance.service_port(name), "callers": _callers(system, service)}
        for name, service in system.services.items()
    ]
    others = {
        "docs": (instance.port("docs", "http"), ["envoy"]),
        "sandbox": (instance.port("sandbox", "http"), [*_CALL_THE_SANDBOX, TOOLS, INGRESS]),
        "purger": (instance.port("purger", "http"), [TOOLS]),
        "storefront": (instance.port("storefront", "http"), ["varnish"]),
        "envoy": (instance.port("envoy", "edge"), ["varnish", "storefront"]),
        "varnish": (instance.port("varnish", "http"), ["purger", "search", "storefront", INGRESS]),
    }
    return {
        "services": services,
        "others": {name: {"port": port, "callers": callers} for name, (port, callers) in others.items()},
        "sandboxPaths": [path.removesuffix("/*") for path in SANDBOX_PATHS],
        "smtp": instance.port("sandbox", "smtp"),
        "engines": _ENGINES,
        "images": {name: images.ENGINES[name] for name in ("envoy", "varnish")},
        "commands": {"envoy": envoy_command(), "varnish": varnish_command(instance)},
    }


def _callers(system: System, service: Service) -> list[str]:
    everybody = [name for name in system.services if name != service.name]
    callers = everybody if service.name == "auth" else [name for name in everybody if _calls(system, name, service)]
    return [
        *callers,
        *(["envoy"] if service.routes else []),
        "docs",
        *(["sandbox"] if service.name in _CALLED_BY_THE_SANDBOX else []),
        TOOLS,
    ]


def _calls(system: System, caller: str, service: Service) -> bool:
    return service.name in system.services[caller].calls


def _chart() -> str:
    return f"""\
# Rendered by `./bodega render helm`, as are files/. The rest is written by hand.
apiVersion: v2
name: bodega
description: A shop of eleven services, its pages, its gateway and its edge. The engines run elsewhere.
type: application
version: {__version__}
appVersion: {__version__}
kubeVersion: ">=1.28.0-0"
"""
