"""What runs inside the containers of Bodega's own image.

    python -m bodega.platform.render.inside configure [--secrets FOLDER] PART...
    python -m bodega.platform.render.inside prepare [--secrets FOLDER]
    python -m bodega.platform.render.inside run SERVICE

`configure` makes the files of each part (a service's settings and keys, an engine's configuration) in a folder of its
own below /configuration, so that a container sees its own secrets alone. `prepare` makes databases, topics and buckets.
`run` is the one process of a container: its settings are those that `configure` made, but a variable that the container
was given stays.

Secrets are made at the first start, and kept in BODEGA_HOME. With `--secrets` they come from a folder that somebody
else keeps (a Kubernetes Secret); then none is made, and one that is missing ends the command.
"""

import argparse
import asyncio
import json
import os
import runpy
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bodega.platform.secrets import Secrets
from bodega.platform.system import Instance, System

INSTANCE: Final = "containers"
CONFIGURATION: Final = Path("/configuration")
SETTINGS: Final = "settings.json"
SHELL_SETTINGS: Final = "settings.env"
MODULES: Final = {"sandbox": "bodega.sandbox", "purger": "bodega.edge", "docs": "bodega.gateway.docs"}
"""Processes that are no services, and what runs them."""
VALKEY_DATA: Final = Path("/data")
KAFKA_DATA: Final = Path("/var/lib/kafka/data")


class MissingSecret(Exception):
    """The given secrets are not all that is needed; the message names those that are missing."""


def files(instance: Instance, secrets: Secrets, outside: Mapping[str, str] = os.environ) -> dict[str, dict[str, str]]:
    """Part -> name -> text of every file that a part is given. A service's keys are copied to where it sees them."""
    from bodega.edge.render import edge_vcl
    from bodega.gateway import docs
    from bodega.gateway.render import OTLP_URL, envoy_config
    from bodega.platform import settings
    from bodega.platform.engines import kafka, seaweedfs, valkey

    collector = outside.get(OTLP_URL) or None
    gateway = envoy_config(instance.system, instance, edge_secret=secrets.read("edge"), otlp_url=collector)
    made = {
        "postgres": {"password": secrets.read("postgres-admin")},
        "mongo": {"password": secrets.read("mongo")},
        "valkey": {"valkey.conf": valkey.configured(instance, secrets, VALKEY_DATA)},
        "kafka": {"server.properties": kafka.properties(instance, secrets, KAFKA_DATA)},
        "seaweedfs": seaweedfs.files(instance, secrets, seaweedfs.CONTAINERS_FOLDER),
        "envoy": {"envoy.json": json.dumps(gateway, indent=1)},
        "varnish": {
            "edge.vcl": edge_vcl(instance, gateway_secret=secrets.read("edge"), purge_secret=secrets.read("purge"))
        },
        "docs": {SETTINGS: json.dumps(docs.environment(instance), indent=1)},
    }
    for name, rendered in settings.render(instance, secrets, outside).items():
        keys = {key: Path(value) for key, value in rendered.items() if key.endswith("_FILE")}
        told = rendered | {key: str(CONFIGURATION / path.name) for key, path in keys.items()}
        made[name] = {path.name: path.read_text() for path in keys.values()}
        if name == "storefront":  # whose image has no Python: its shell reads them
            made[name][SHELL_SETTINGS] = "".join(f"{key}={shlex.quote(value)}\n" for key, value in told.items())
        else:
            made[name][SETTINGS] = json.dumps(told, indent=1)
    return made


def configured_parts(system: System) -> tuple[str, ...]:
    """Every part that `configure` makes files for."""
    return (
        *("postgres", "mongo", "valkey", "kafka", "seaweedfs", "envoy", "varnish", "docs"),
        *system.services,
        *("sandbox", "purger", "storefront"),
    )


def configure(instance: Instance, secrets: Secrets, parts: list[str], root: Path = CONFIGURATION) -> None:
    """Write the files of the parts, each in its folder; whoever runs the part may read them there."""
    made = files(instance, secrets)
    for part in parts:
        folder = root / part
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in made[part].items():
            draft = folder / f".{name}"
            draft.write_text(text)
            draft.chmod(0o644)  # an engine's container has a user of its own; what keeps others away is the mount
            draft.replace(folder / name)


def given_secrets(instance: Instance, folder: Path) -> Secrets:
    """The secrets of a folder that is not ours, taken over. Raises MissingSecret if Bodega would have to make one."""
    ours = instance.data / "secrets"
    ours.mkdir(parents=True, exist_ok=True)
    for source in folder.iterdir():
        if source.is_file() and not source.name.startswith("."):
            shutil.copyfile(source, ours / source.name)
    before = {path.name for path in ours.iterdir()}
    secrets = make_secrets(instance)
    if missing := {path.name for path in ours.iterdir()} - before:
        raise MissingSecret(f"{folder} lacks {', '.join(sorted(missing))}")
    return secrets


def make_secrets(instance: Instance) -> Secrets:
    """Every secret that the containers need, made where it is missing."""
    from bodega.platform.settings import database_name, owner_role

    secrets = Secrets.of(instance)
    files(instance, secrets, {})
    secrets.file("kafka-admin")
    for service in instance.system.services.values():
        if service.store == "postgres":
            for role in (database_name(service.name), owner_role(service.name)):
                secrets.file(f"postgres-{role}")
    return secrets


def prepare(instance: Instance) -> None:
    """Databases, topics, buckets. Raises MigrationError, KafkaError, ClientError."""
    from bodega.platform import migrations, provision

    for service, steps in migrations.migrate(instance).items():
        if steps:
            sys.stdout.write(f"{service}: applied {', '.join(steps)}\n")
    asyncio.run(provision.provision(instance))


def run(part: str, folder: Path = CONFIGURATION) -> None:
    """Be the process of a part, until it is told to stop."""
    from bodega.platform.services import serve_here, take_settings

    take_settings(folder / SETTINGS)
    if part in MODULES:
        sys.argv = [MODULES[part]]
        runpy.run_module(MODULES[part], run_name="__main__", alter_sys=True)
        return
    serve_here({part: None})


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="bodega.platform.render.inside")
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("configure", "prepare"):
        actions.add_parser(name).add_argument("--secrets", type=Path)
    actions.choices["configure"].add_argument("parts", nargs="+")
    actions.add_parser("run").add_argument("part")
    asked = parser.parse_args()
    if asked.action == "run":
        run(asked.part)
        return
    instance = System.load().instance(INSTANCE)
    try:
        secrets = given_secrets(instance, asked.secrets) if asked.secrets else make_secrets(instance)
    except MissingSecret as error:
        sys.exit(str(error))
    if asked.action == "configure":
        configure(instance, secrets, asked.parts)
        return
    from aiokafka.errors import KafkaError
    from botocore.exceptions import BotoCoreError, ClientError

    from bodega.platform.broker import BrokerError
    from bodega.platform.migrations import MigrationError

    try:
        prepare(instance)
    except (MigrationError, KafkaError, BrokerError, ClientError, BotoCoreError, OSError) as error:
        sys.exit(f"databases, topics and buckets could not be made: {error}")


if __name__ == "__main__":
    main()
