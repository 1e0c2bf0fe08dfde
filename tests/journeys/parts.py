"""The shop's processes, as its supervisor reports them."""

import contextlib
from collections.abc import Iterable, Iterator

import psutil

from bodega.platform import state
from bodega.platform.system import System
from tests.journeys.conftest import INSTANCE

SYSTEM = System.load()


def parts() -> dict[str, state.Part]:
    report = state.read(SYSTEM.instance(INSTANCE))
    assert report is not None
    return report.parts


@contextlib.contextmanager
def standing_still(names: Iterable[str]) -> Iterator[None]:
    """The parts answer nobody, as on a machine that hangs: their ports stay open, and no supervisor sees them end."""
    still = [process for name in names if (pid := parts()[name].pid) for process in _with_children(pid)]
    for process in still:
        process.suspend()
    try:
        yield
    finally:
        for process in still:
            process.resume()


def _with_children(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


@contextlib.contextmanager
def nothing_is_packed() -> Iterator[None]:
    """However long a shopper takes to cancel meanwhile: shipping, which packs when the time to cancel is over, stands
    still. Where it shares its process with the other services, the shopper has that time and no more."""
    pids = [parts()[name].pid for name in SYSTEM.services]
    with standing_still(["shipping"] if len(set(pids)) == len(pids) else []):
        yield
