"""The purger: takes from the edge what has changed."""

import sys
from functools import partial

from bodega.platform.engines.program import Program, answers
from bodega.platform.environment import TRACES
from bodega.platform.running import python_of
from bodega.platform.system import LOOPBACK, Instance


def program(instance: Instance, settings: dict[str, str]) -> Program:
    """It is alive without the broker and without the edge: then the edge keeps nothing that bears a price."""
    return Program(
        name="purger",
        command=(sys.executable, "-m", "bodega.edge"),
        folder=instance.data,
        environment=settings,
        inherits=TRACES,
        ports=instance.ports["purger"],
        ready=answers(f"http://{LOOPBACK}:{instance.port('purger', 'http')}/livez"),
        needs=("provision",),
        made_of=partial(python_of, ("edge", "kit", "contracts"), settings),
    )
