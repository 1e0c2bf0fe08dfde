"""The second replicas of an instance may have a clock that is ahead."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bodega.platform import debs
from bodega.platform.programs import environment_of, programs
from bodega.platform.secrets import Secrets
from bodega.platform.system import System, state_home

pytestmark = pytest.mark.service


async def test_the_clock_of_the_second_is_ahead_and_time_passes_there_as_here(tmp_path: Path) -> None:
    instance = System.load(local=False).instance("torture", tmp_path)
    first, second = (one for one in programs(instance, Secrets.of(instance)) if one.children)
    assert "LD_PRELOAD" not in environment_of(first)
    await asyncio.to_thread(debs.fetch, state_home())
    ahead = debs.another_clock(state_home(), instance.spec.clock_ahead_seconds)
    assert {name: environment_of(second)[name] for name in ahead if name != "LD_PRELOAD"} == {
        name: value for name, value in ahead.items() if name != "LD_PRELOAD"
    }
    shown = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time(), time.monotonic())"],
        env={**os.environ, **ahead}, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    wall, monotonic = map(float, shown)
    assert wall - time.time() == pytest.approx(instance.spec.clock_ahead_seconds, abs=5)
    assert monotonic == pytest.approx(time.monotonic(), abs=5)
