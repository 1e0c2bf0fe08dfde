"""What the services of the tests' shop have written to their logs, also to those that were rotated away."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bodega.platform.system import System
from tests.journeys.conftest import INSTANCE


def unhandled(instance: str = INSTANCE) -> list[dict[str, Any]]:
    """Requests that ended in an error that nobody expected."""
    return [
        {"log": log.name, **{key: line.get(key) for key in ("path", "error", "timestamp")}}
        for log, line in _lines(instance)
        if line.get("event") == "unhandled"
    ]


def failed_loops(instance: str = INSTANCE) -> list[dict[str, Any]]:
    """Background loops that failed by something else than trouble that passes."""
    return [
        line for _, line in _lines(instance)
        if "background loop failed" in str(line.get("event")) and line.get("level") == "error"
    ]  # fmt: skip


def _lines(instance: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """What is JSON in them; a process that is killed may leave half a line."""
    system = System.load()
    found = sorted(system.instance(instance).logs.glob("*.log*"))
    logs = [log for log in found if log.name.partition(".")[0] in (*system.services, "services", "purger")]
    assert logs, "the logs were looked for where they are not"
    for log in logs:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                try:
                    yield log, json.loads(line)
                except ValueError:
                    continue
