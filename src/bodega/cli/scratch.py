"""An instance beside the shop that a command starts anew, uses and stops: what the bench and torture run in."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from bodega.cli import data
from bodega.cli.instances import ensure_engines, ensure_pages
from bodega.cli.lifecycle import show_start
from bodega.cli.screen import err, fail
from bodega.platform import control, state
from bodega.platform.system import Instance, Topology


@contextmanager
def started_anew(
    instance: Instance, command: str, topology: Topology, *, times: str | None = None, keep: bool
) -> Iterator[None]:
    """The instance, empty and running. It is stopped at the end, or left running with `keep` if all went well. `times`:
    a profile of waiting times instead of its own. Ends the command if the instance runs already, or if a real card
    processor would charge what it sells."""
    if state.running(instance) is not None:
        fail(
            f"The instance {instance.name} is running already.",
            f"Another {command} is at work, or one was kept or killed.",
            f"`./bodega down --instance {instance.name}` stops it.",
        )
    ensure_engines(instance)
    ensure_pages()
    shutil.rmtree(instance.data, ignore_errors=True)
    if data.outside(instance) is None:
        fail(
            f"`{command}` would buy at your card processor.",
            "It places thousands of orders, and BODEGA_STRIPE_SECRET_KEY names a processor that is not the sandbox.",
            "Run it in a shell where that is not set.",
        )
    if times is not None:
        instance.choose_times(times)
    try:
        show_start(instance, "shop", topology)
        yield
    except BaseException:
        _stop(instance)
        raise
    if not keep:
        _stop(instance)


def _stop(instance: Instance) -> None:
    with err.status(f"Stopping {instance.name} ..."):
        control.stop(instance)
