"""The API's description in one document, and the page to browse it: a small process of the gateway's."""

import sys
from functools import partial

from bodega.platform.engines.program import Program, answers
from bodega.platform.running import python_of
from bodega.platform.system import LOOPBACK, Instance


def program(instance: Instance) -> Program:
    """Asks the services for their descriptions when it is asked; needs nobody to start."""
    from bodega.gateway.docs import environment

    settings = environment(instance)
    return Program(
        name="docs",
        command=(sys.executable, "-m", "bodega.gateway.docs"),
        folder=instance.data,
        environment=settings,
        ports=instance.ports["docs"],
        ready=answers(f"http://{LOOPBACK}:{instance.port('docs', 'http')}/livez"),
        made_of=partial(python_of, ("gateway", "kit", "contracts", "platform"), settings),
    )
