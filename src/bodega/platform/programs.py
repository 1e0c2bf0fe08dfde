"""Everything that runs natively, in the order of who needs whom."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Literal

from bodega.platform import debs, settings
from bodega.platform.backups import incoming
from bodega.platform.engines import (
    docs,
    envoy,
    kafka,
    mongo,
    opensearch,
    postgres,
    purger,
    sandbox,
    seaweedfs,
    storefront,
    valkey,
    varnish,
)
from bodega.platform.engines.program import Child, Program, answers
from bodega.platform.environment import TRACES, inherited
from bodega.platform.running import code, digest, sorted_settings
from bodega.platform.secrets import Secrets
from bodega.platform.system import Instance, Service

Extent = Literal["engines", "shop"]

_STORE_PROGRAM = {"postgres": "migrate", "mongo": "mongo", "valkey": "valkey", "opensearch": "opensearch"}


def programs(instance: Instance, extent: Extent) -> list[Program]:
    """What the supervisor keeps running: the engines alone, or the whole shop."""
    secrets = Secrets.of(instance)
    engines = [
        postgres.program(instance, secrets),
        valkey.program(instance, secrets),
        mongo.program(instance, secrets),
        kafka.program(instance, secrets),
        opensearch.program(instance, secrets),
        seaweedfs.program(instance, secrets),
        _step(instance, "provision", "provision", needs=("kafka", "seaweedfs", *_more_to_take_in(instance))),
    ]
    if extent == "engines":
        return engines
    rendered = settings.render(instance, secrets)
    return [
        *engines,
        _step(instance, "migrate", "migrations", needs=("postgres",)),
        sandbox.program(instance, rendered["sandbox"], needs=("provision",) if incoming.is_due(instance) else ()),
        *(_services(instance, rendered, replica) for replica in range(instance.spec.replicas)),
        docs.program(instance),
        envoy.program(instance, secrets, needs=("auth",)),
        storefront.program(instance, rendered["storefront"]),
        varnish.program(instance, secrets),
        purger.program(instance, rendered["purger"]),
    ]


def stopping_order(all_programs: list[Program]) -> list[list[str]]:
    """Waves in which programs are stopped, so that nobody loses what it needs while it finishes its work."""
    names = [p.name for p in all_programs]
    waves = [
        ["varnish", "purger"],
        ["storefront"],
        ["envoy"],
        [*(p.name for p in all_programs if p.children), "docs", "migrate", "provision"],
        ["sandbox"],
    ]
    first = {name for wave in waves for name in wave}
    return [*([n for n in wave if n in names] for wave in waves), [n for n in names if n not in first]]


def environment_of(program: Program) -> dict[str, str]:
    """The environment that a program is started with: its own settings, and what is named of the caller's."""
    return {**inherited(*program.inherits), "HOME": str(program.folder), **program.environment}


def _services(instance: Instance, rendered: dict[str, dict[str, str]], replica: int, side: int = 0) -> Program:
    """All services, once; `replica` counts from 0, and names the processes of the others. `side`: an upgrade starts
    the other one beside it."""
    services = instance.system.services.values()
    suffix = f"-{replica + 1}" if replica else ""
    names = tuple(f"{service.name}{suffix}" for service in services)
    folder = instance.data / f"settings{suffix}{'.b' if side else ''}"
    groups = (",".join(names),) if instance.topology == "one" else names
    told = {
        f"{service.name}{suffix}": rendered[service.name] | _as_replica(instance, service, replica, side)
        for service in services
    }
    return Program(
        name=f"services{suffix}",
        command=(sys.executable, "-m", "bodega.platform.services", str(instance.logs), str(folder), *groups),
        folder=instance.data,
        inherits=TRACES,
        environment=_clock_of(instance, replica),
        prepare=partial(_tell, folder, told),
        ready=partial(_at_once),
        grace_seconds=25,  # its children have 20 (`services.STOP_SECONDS`)
        children=tuple(
            Child(
                name=f"{service.name}{suffix}",
                port=instance.service_port(service.name),
                ready=answers(f"{instance.service_url(service.name)}/readyz"),
                needs=_needs(service),
                shares_port=instance.spec.replicas > 1,
            )
            for service in services
        ),
        made_of=partial(_made_of_services, groups, [rendered[service.name] for service in services]),
        side=side,
        other=partial(_services, instance, rendered, replica, 1 - side),
    )


def _more_to_take_in(instance: Instance) -> tuple[str, ...]:
    """What provision asks besides, if it has something to take in."""
    return ("mongo", "postgres") if incoming.is_due(instance) else ()


def _made_of_services(groups: tuple[str, ...], rendered: list[dict[str, str]]) -> str:
    return digest(
        code("kit", "contracts", "services", "platform/services.py", "platform/logs.py"), *groups,
        *(one for settings in rendered for one in sorted_settings(settings)),
    )  # fmt: skip


def _clock_of(instance: Instance, replica: int) -> dict[str, str]:
    ahead = instance.spec.clock_ahead_seconds
    return debs.another_clock(instance.home, ahead) if replica and ahead else {}


def _as_replica(instance: Instance, service: Service, replica: int, side: int) -> dict[str, str]:
    """Which of all processes of a service it is. Each lets others share its port: they, or the next release's."""
    prefix = f"BODEGA_{service.name.upper()}_"
    return {f"{prefix}REPLICA": str(replica + side * instance.spec.replicas), f"{prefix}REUSE_PORT": "true"}


async def _tell(folder: Path, rendered: dict[str, dict[str, str]]) -> None:
    """A file for each service, which it reads when it starts: its parent's environment would be everybody's."""
    folder.mkdir(exist_ok=True, mode=0o700)
    for name, told in rendered.items():
        draft = folder / f".{name}"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(told, indent=1))
        draft.replace(folder / f"{name}.json")


def _needs(service: Service) -> tuple[str, ...]:
    needs = [_STORE_PROGRAM[service.store], "provision"]
    if service.buckets:
        needs.append("seaweedfs")
    return tuple(needs)


def _step(instance: Instance, name: str, module: str, needs: tuple[str, ...]) -> Program:
    return Program(
        name=name,
        command=(sys.executable, "-m", f"bodega.platform.{module}", instance.name),
        folder=instance.data,
        ready=_at_once,
        needs=needs,
        once=True,
    )


async def _at_once() -> None:
    """Nothing to wait for."""
