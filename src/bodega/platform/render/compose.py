"""compose.yaml and the TLS terminator's Caddyfile: one server, all of the shop.

The files hold no secret. The job `configure` makes secrets at the first start and every container's files at each, the
job `prepare` databases, topics and buckets; only then do services start. Nothing but the terminator has a public port.
"""

from typing import Any, Final

import yaml

from bodega.platform.engines.varnish import MEMORY, PARAMETERS
from bodega.platform.render import images
from bodega.platform.render.inside import CONFIGURATION, INSTANCE, configured_parts
from bodega.platform.settings import MONGO_USER
from bodega.platform.system import Instance, Service, System

HOME: Final = "/var/lib/bodega"
FOLDER: Final = "deploy"

_SUBNETS: Final = {"shop": "172.30.81", "stores": "172.30.82"}
# The edge looks up a backend's address once, when it starts: those three never change theirs.
_FIXED: Final = {"envoy": ("shop", 10), "storefront": ("shop", 11), "seaweedfs": ("stores", 10)}
_STORES: Final = {"postgres": "postgres", "mongo": "mongo", "valkey": "valkey", "opensearch": "opensearch"}
ENGINES: Final = ("postgres", "valkey", "mongo", "kafka", "opensearch", "seaweedfs")
_STRIPE: Final = ("SECRET_KEY", "PUBLISHABLE_KEY", "WEBHOOK_SECRET")
# What of the sandbox a shopper's browser needs. All else (every mail!) is for whoever is on the server.
SANDBOX_PATHS: Final = ("/elements/*", "/static/*", "/v1/payment_methods", "/sandbox/challenges/*", "/parcels/*")
# For the jobs alone: into a container whose file system is read-only, Compose cannot put what stands in its own file.
_SITE: Final = {"source": "site", "target": "/bodega/platform.local.toml"}
_HEAD: Final = """\
# Bodega on one server, in containers. Rendered by `./bodega render compose`; how to use it: docs/guides/containers.md.
"""

Node = dict[str, Any]


def compose(system: System) -> str:
    """compose.yaml. The shop's name comes from the environment (BODEGA_SITE), as do a card processor's keys."""
    instance = system.instance(INSTANCE)
    services: Node = {
        "configure": _configure(system),
        **{name: _engine(instance, name) for name in ENGINES},
        "prepare": _prepare(),
        "sandbox": _sandbox(instance),
        **{service.name: _service(instance, service) for service in system.services.values()},
        "docs": _process("docs", instance.port("docs", "http"), networks=["shop"], path="/livez"),
        "envoy": _envoy(instance),
        "storefront": _storefront(instance),
        "varnish": _varnish(instance),
        "purger": _process(
            "purger", instance.port("purger", "http"), networks=["shop", "stores"], path="/livez",
            after={"prepare": "service_completed_successfully", "varnish": "service_started"},
        ),
        "tls": _terminator(),
        "tools": _tools(),
    }  # fmt: skip
    whole = {
        "name": "bodega",
        "services": services,
        "networks": {
            "front": {},
            **{
                name: {
                    **({"internal": True} if name == "stores" else {}),  # no store has business with the world outside
                    "ipam": {"config": [{"subnet": f"{net}.0/24", "ip_range": f"{net}.128/25"}]},
                }
                for name, net in _SUBNETS.items()
            },
        },
        "volumes": {name: {} for name in ("secrets", "configuration", "sandbox", *ENGINES, "tls")},
        "configs": {"site": {"content": f'[instances.{INSTANCE}]\nsite = "${{BODEGA_SITE:?name the shop in .env}}"\n'}},
    }
    return _HEAD + yaml.dump(
        whole, Dumper=_Plain, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True
    )


def caddyfile(system: System) -> str:
    """The terminator's configuration: certificates by ACME for a public name, by its own authority for localhost."""
    instance = system.instance(INSTANCE)
    return f"""\
# The TLS terminator. Rendered by `./bodega render compose`.
# Certificates of your own: add `tls /data/site.pem /data/site.key` to both names.
{{$BODEGA_SITE}} {{
	# The purger's words to the edge; it says them inside.
	@inside method PURGE HEARTBEAT
	respond @inside 405
	header ?Strict-Transport-Security "max-age=31536000; includeSubDomains"
	reverse_proxy varnish:{instance.port("varnish", "http")}
}}

# The stand-in for card processor and carrier: of it, what a shopper's browser needs.
sandbox.{{$BODEGA_SITE}} {{
	@shoppers path {" ".join(SANDBOX_PATHS)}
	handle @shoppers {{
		reverse_proxy sandbox:{instance.port("sandbox", "http")}
	}}
	respond 404
}}
"""


class _Plain(yaml.SafeDumper):
    """No anchors: what is said twice is written twice. Lists are indented below their key."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)


# --- Bodega's own image -------------------------------------------------------------------------------


def _own(command: list[str], *, memory: str, networks: list[str]) -> Node:
    """A container of Bodega's image that can do no more than it must."""
    return {
        "image": images.BODEGA,
        "pull_policy": "never",  # nobody else's image of that name; `configure` builds it
        "command": ["python", "-m", "bodega.platform.render.inside", *command],
        **({"networks": networks} if networks else {"network_mode": "none"}),
        "tmpfs": ["/tmp"],  # noqa: S108 (the container's)
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": memory,
    }


def _process(
    name: str, port: int, *, networks: list[str], path: str = "/readyz", memory: str = "256m",
    after: dict[str, str] | None = None,
) -> Node:  # fmt: skip
    return {
        **_own(["run", name], memory=memory, networks=networks),
        "read_only": True,
        "volumes": [_files_of(name)],
        "depends_on": _after({"configure": "service_completed_successfully", **(after or {})}),
        "healthcheck": _check(
            ["CMD", "python", "-c", f"from urllib.request import urlopen; urlopen('http://localhost:{port}{path}')"]
        ),
        "restart": "unless-stopped",
        "stop_grace_period": "20s",
    }


def _service(instance: Instance, service: Service) -> Node:
    after = {"prepare": "service_completed_successfully", _STORES[service.store]: "service_healthy"}
    return _process(
        service.name, instance.service_port(service.name), networks=["shop", "stores"],
        memory="512m" if service.buckets else "256m", after=after,
    )  # fmt: skip


def _configure(system: System) -> Node:
    return {
        **_own(["configure", *configured_parts(system)], memory="256m", networks=[]),
        "build": {"context": "..", "dockerfile": f"{FOLDER}/Dockerfile"},
        "configs": [_SITE],
        "environment": {f"BODEGA_STRIPE_{key}": f"${{BODEGA_STRIPE_{key}:-}}" for key in _STRIPE},
        "volumes": [f"secrets:{HOME}", f"configuration:{CONFIGURATION}"],
    }


def _prepare() -> Node:
    healthy = dict.fromkeys(("postgres", "kafka", "seaweedfs"), "service_healthy")
    return {
        **_own(["prepare"], memory="256m", networks=["stores"]),
        "configs": [_SITE],
        "volumes": [f"secrets:{HOME}"],
        "depends_on": _after({"configure": "service_completed_successfully", **healthy}),
    }


def _sandbox(instance: Instance) -> Node:
    node = _process("sandbox", instance.port("sandbox", "http"), networks=["front", "shop"], path="/livez")
    node["volumes"].append(f"sandbox:{HOME}/{INSTANCE}/sandbox")
    node["labels"] = {"bodega.sandbox": "takes test cards alone, ships nothing, keeps every mail: not for real trade"}
    return node


def _tools() -> Node:
    return {
        **_own([], memory="512m", networks=["shop", "stores"]),
        "configs": [_SITE],
        "command": ["--help"],
        "entrypoint": ["python", "-m", "bodega.cli"],
        "profiles": ["tools"],
        "environment": {"BODEGA_INSTANCE": INSTANCE},
        "volumes": [f"secrets:{HOME}"],
    }


# --- what stands before and beside it -----------------------------------------------------------------


def _storefront(instance: Instance) -> Node:
    return {
        "image": images.STOREFRONT,
        "pull_policy": "never",
        "build": {"context": "..", "dockerfile": f"{FOLDER}/storefront.Dockerfile"},
        "networks": _fixed("storefront"),
        "volumes": [_files_of("storefront")],
        "depends_on": _after({"configure": "service_completed_successfully"}),
        "healthcheck": _check(
            ["CMD", "node", "-e", f"fetch('http://localhost:{instance.port('storefront', 'http')}/livez')"
             ".then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
        ),
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": "512m",
        "restart": "unless-stopped",
    }  # fmt: skip


def _envoy(instance: Instance) -> Node:
    return {
        **_official("envoy", memory="768m"),
        "command": envoy_command(),
        "networks": _fixed("envoy"),
        "volumes": [_files_of("envoy")],
        "depends_on": _after({"configure": "service_completed_successfully", "auth": "service_started"}),
        "healthcheck": _check(["CMD", "bash", "-c", f": > /dev/tcp/localhost/{instance.port('envoy', 'public')}"]),
    }


def _varnish(instance: Instance) -> Node:
    port = instance.port("varnish", "http")
    return {
        **_official("varnish", memory="512m"),
        "command": varnish_command(instance),
        "networks": ["front", *_SUBNETS],
        "extra_hosts": [f"{name}={_address(name)}" for name in _FIXED],  # found although they do not run
        "volumes": [_files_of("varnish")],
        "depends_on": _after({"configure": "service_completed_successfully"}),
        "healthcheck": _check(["CMD", "bash", "-c", f": > /dev/tcp/localhost/{port}"]),
    }


def _terminator() -> Node:
    return {
        "image": images.TERMINATOR,
        "environment": {"BODEGA_SITE": "${BODEGA_SITE}"},
        "ports": ["80:80", "443:443", "443:443/udp"],
        "networks": ["front"],
        "volumes": ["./Caddyfile:/etc/caddy/Caddyfile:ro", "tls:/data"],
        "depends_on": ["varnish", "sandbox"],
        "cap_drop": ["ALL"],
        "cap_add": ["NET_BIND_SERVICE"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": "256m",
        "restart": "unless-stopped",
    }


def envoy_command() -> list[str]:
    """Of an Envoy that finds its configuration where `configure` has put it."""
    return [
        "envoy", "-c", f"{CONFIGURATION}/envoy.json", "--log-level", "warn", "--drain-time-s", "1",
        "--disable-hot-restart",
    ]  # fmt: skip


def varnish_command(instance: Instance) -> list[str]:
    """Of a Varnish that compiles with its image's own compiler, and takes no commands."""
    return [
        "varnishd", "-F", "-f", f"{CONFIGURATION}/edge.vcl", "-T", "none",
        "-a", f"http={instance.listen}:{instance.port('varnish', 'http')}",
        "-s", f"malloc,{MEMORY}", "-s", "Transient=malloc,32m",
        *(part for name, value in PARAMETERS.items() for part in ("-p", f"{name}={value}")),
    ]  # fmt: skip


# --- engines ------------------------------------------------------------------------------------------


def _engine(instance: Instance, name: str) -> Node:
    node = {**_official(name, memory="1g"), "networks": ["stores"], **_ENGINE[name](instance)}
    if name in configured_parts(instance.system):
        node["depends_on"] = _after({"configure": "service_completed_successfully"})
    return node


def _postgres(instance: Instance) -> Node:
    options = {
        "port": str(instance.port("postgres", "sql")),
        "max_connections": "200",  # as natively, and why: platform/engines/postgres.py
        "jit": "off",
        "random_page_cost": "1.1",
        "shared_preload_libraries": "pg_stat_statements",
        "idle_in_transaction_session_timeout": "60s",
    }
    return {
        "command": ["postgres", *(part for key, value in options.items() for part in ("-c", f"{key}={value}"))],
        "environment": {
            "POSTGRES_PASSWORD_FILE": f"{CONFIGURATION}/password",
            "POSTGRES_INITDB_ARGS": "-E UTF8 --locale=C.UTF-8 --locale-provider=builtin --builtin-locale=C.UTF-8",
        },
        "volumes": ["postgres:/var/lib/postgresql", _files_of("postgres")],
        "shm_size": "256m",
        "stop_signal": "SIGINT",
        "healthcheck": _check(["CMD", "pg_isready", "-h", "localhost", "-p", options["port"], "-U", "postgres"]),
    }


def _valkey(instance: Instance) -> Node:
    port = instance.port("valkey", "redis")
    return {
        "command": ["valkey-server", f"{CONFIGURATION}/valkey.conf"],
        "volumes": ["valkey:/data", _files_of("valkey")],
        # Without the password it is refused, by a server that is there.
        "healthcheck": _check(["CMD-SHELL", f"valkey-cli -p {port} ping | grep -E 'PONG|NOAUTH'"]),
        "mem_limit": "256m",
    }


def _mongo(instance: Instance) -> Node:
    port = instance.port("mongo", "mongo")
    return {
        "command": ["mongod", "--bind_ip_all", "--port", str(port), "--wiredTigerCacheSizeGB", "0.5"],
        "environment": {
            "MONGO_INITDB_ROOT_USERNAME": MONGO_USER,
            "MONGO_INITDB_ROOT_PASSWORD_FILE": f"{CONFIGURATION}/password",
        },
        "volumes": ["mongo:/data/db", _files_of("mongo")],
        "healthcheck": _check(["CMD", "mongosh", "--quiet", "--port", str(port), "--eval", "db.runCommand('ping').ok"]),
    }


def _kafka(instance: Instance) -> Node:
    port = instance.port("kafka", "kafka")
    return {
        "environment": {"KAFKA_HEAP_OPTS": "-Xms256m -Xmx512m"},
        # Its settings are a file, not variables: they hold passwords.
        "volumes": ["kafka:/var/lib/kafka/data", _files_of("kafka", "/mnt/shared/config")],
        "healthcheck": _check(["CMD", "bash", "-c", f": > /dev/tcp/localhost/{port}"]),
    }


def _opensearch(instance: Instance) -> Node:
    port = instance.port("opensearch", "http")
    return {
        "environment": {
            "discovery.type": "single-node",
            "http.port": str(port),
            "action.auto_create_index": "false",
            # The network of the stores is what guards it; no other container is on it.
            "DISABLE_SECURITY_PLUGIN": "true",
            "DISABLE_INSTALL_DEMO_CONFIG": "true",
            "OPENSEARCH_JAVA_OPTS": "-Xms512m -Xmx512m",
        },
        "volumes": ["opensearch:/usr/share/opensearch/data"],
        "healthcheck": _check(["CMD", "curl", "-fsS", f"http://localhost:{port}/_cluster/health"]),
        "mem_limit": "1536m",
    }


def _seaweedfs(instance: Instance) -> Node:
    port = instance.port("seaweedfs", "s3")
    return {
        "command": [
            "mini", "-dir=/data", f"-ip={instance.host('seaweedfs')}", f"-ip.bind={instance.listen}",
            f"-s3.port={port}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.config=/etc/seaweedfs/s3.json",
            "-webdav=false", "-admin.ui=false", "-master.telemetry=false",
        ],
        "networks": _fixed("seaweedfs"),
        "volumes": ["seaweedfs:/data", _files_of("seaweedfs", "/etc/seaweedfs")],
        "healthcheck": _check(["CMD", "wget", "-q", "-O", "/dev/null", f"http://localhost:{port}/healthz"]),
    }  # fmt: skip


_ENGINE: Final = {
    "postgres": _postgres,
    "valkey": _valkey,
    "mongo": _mongo,
    "kafka": _kafka,
    "opensearch": _opensearch,
    "seaweedfs": _seaweedfs,
}


# --- shorthand ----------------------------------------------------------------------------------------


def _official(name: str, *, memory: str) -> Node:
    return {
        "image": images.ENGINES[name],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": memory,
        "restart": "unless-stopped",
        "stop_grace_period": "60s",
    }


def _files_of(part: str, target: str = str(CONFIGURATION)) -> Node:
    """What `configure` has made for a part, and nothing of the others."""
    return {
        "type": "volume",
        "source": "configuration",
        "target": target,
        "read_only": True,
        "volume": {"subpath": part},
    }


def _after(conditions: dict[str, str]) -> Node:
    return {name: {"condition": condition} for name, condition in conditions.items()}


def _check(test: list[str]) -> Node:
    return {"test": test, "interval": "10s", "timeout": "5s", "retries": 6, "start_period": "60s"}


def _address(name: str) -> str:
    network, number = _FIXED[name]
    return f"{_SUBNETS[network]}.{number}"


def _fixed(name: str) -> Node:
    return {_FIXED[name][0]: {"ipv4_address": _address(name)}}
