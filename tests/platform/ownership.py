"""Which secrets of an instance are whose, and which of them somebody holds who is given a text.

What a part owns follows from the system's description where it can; what two parts share is named below. A part that is
not named owns nothing.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from bodega.platform import state
from bodega.platform.secrets import Secrets
from bodega.platform.settings import database_name
from bodega.platform.system import Instance

_SHARED = {
    "payments": {"stripe-key", "stripe-webhook"},
    "shipping": {"carrier-key"},
    "sandbox": {"stripe-key", "stripe-webhook", "carrier-key"},
    "auth": {"auth.secret"},
    "cart": {"cart.secret"},
    "orders": {"link.secret"},
    "notifications": {"link.secret"},
    "search": {"purge"},
    "purger": {"purge"},
    "storefront": {"edge", "purge"},
    "envoy": {"edge"},
    "varnish": {"edge", "purge", "varnish"},
    "postgres": {"postgres-admin"},
    "mongo": {"mongo"},
    "opensearch": {"opensearch"},
    "kafka": {"kafka-admin", "kafka-controller"},
}
_PUBLIC = {"internal-jwks.json"}
_SHORTEST = 16  # access keys are given as 20 characters of their secret, the sandbox's keys as 24 and 32


def owned_by(part: str, instance: Instance) -> set[str]:
    """The names of the secrets that a part may hold: a service, another process, or an engine."""
    services = instance.system.services.values()
    owned = set(_SHARED.get(part, ()))
    if part in instance.system.broker_users:
        owned.add(f"kafka-{part}")
    if part == "valkey":
        owned |= {"valkey"} | {f"valkey-{service.name}" for service in services if service.store == "valkey"}
    if part == "seaweedfs":
        owned |= {"seaweedfs.pem", "seaweedfs-filer", "seaweedfs-volume", "s3-access", "s3-secret"}
        owned |= {f"s3-{service.name}-{key}" for service in services if service.buckets for key in ("access", "secret")}
    if service := instance.system.services.get(part):
        owned.add(f"{part}.key.pem")
        owned |= {
            "postgres": {f"postgres-{database_name(part)}"},
            "valkey": {f"valkey-{part}"},
            "mongo": {"mongo"},
            "opensearch": {"opensearch"},
        }[service.store]
        if service.buckets:
            owned |= {f"s3-{part}-access", f"s3-{part}-secret"}
    return owned


def held(texts: Iterable[str], secrets: Secrets) -> set[str]:
    """The names of the secrets that stand in these texts, or in the files of the instance that they name."""
    told = list(texts)
    told += [file.read_text(errors="replace") for text in told for file in _files_in(text, secrets.folder.parent)]
    joined = "\n".join(told)
    return {
        path.name
        for path in secrets.folder.iterdir()
        if path.name not in _PUBLIC and _telling(path.read_text()) in joined
    }


def running(instance: Instance) -> Iterator[tuple[str, list[str]]]:
    """Of every process of the running parts, and of their own children: the part, and all of its environment and
    command line. Every service's process is also a child of the part `services`, which owns nothing."""
    report = state.running(instance)
    assert report is not None, f"{instance.name} does not run"
    for name, part in report.parts.items():
        if part.pid is None:  # a step that is done
            continue
        leading = psutil.Process(part.pid)
        for process in (leading, *leading.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # gone meanwhile
                yield name, [*process.environ().values(), *process.cmdline()]


def _files_in(text: str, folder: Path) -> list[Path]:
    named = re.findall(rf"{re.escape(str(folder))}/[\w./-]+", text)
    return [Path(one) for one in named if Path(one).is_file()]


def _telling(secret: str) -> str:
    """A piece of a secret that nothing else has in it: of a key in PEM, not its first line, which
    is that of all keys of its kind."""
    line = secret.splitlines()[2] if secret.startswith("-----") else secret
    return line.strip()[:_SHORTEST]
