"""The stand-in for the world outside: card processor, parcel carrier, mailbox."""

import sys

from bodega.platform.engines.program import Program, answers
from bodega.platform.system import Instance


def program(instance: Instance, settings: dict[str, str]) -> Program:
    """The sandbox on the instance's ports."""
    folder = instance.data / "sandbox"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Program(
        name="sandbox",
        command=(sys.executable, "-m", "bodega.sandbox"),
        folder=folder,
        environment=settings,
        ports=instance.ports["sandbox"],
        ready=answers(f"{instance.sandbox_url}/livez"),
    )
