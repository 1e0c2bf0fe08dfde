"""No request of the whole run has ended as "unhandled": what the shop has written while all the other journeys ran.

Named so that it comes after the others.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bodega.platform.system import System
from tests.journeys.conftest import INSTANCE

pytestmark = pytest.mark.journey


def lines_of(log: Path) -> Iterator[dict[str, Any]]:
    """What is JSON in it; a process that is killed may leave half a line."""
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                continue


def logs() -> list[Path]:
    """Of this run's instance, with what was rotated away."""
    system = System.load()
    found = sorted(system.instance(INSTANCE).logs.glob("*.log*"))
    return [log for log in found if log.name.partition(".")[0] in (*system.services, "services", "purger")]


def test_no_request_of_the_run_has_ended_unhandled() -> None:
    read = logs()
    assert read, "the logs were looked for where they are not"
    unhandled = [
        {"log": log.name, **{key: line.get(key) for key in ("path", "error", "timestamp")}}
        for log in read
        for line in lines_of(log)
        if line.get("event") == "unhandled"
    ]
    assert unhandled == []


def test_no_background_loop_of_the_run_has_died() -> None:
    dead = [line for log in logs() for line in lines_of(log) if "background loop died" in str(line.get("event"))]
    assert dead == []
