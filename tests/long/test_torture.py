"""Torture at length: three seeds, half an hour, and runs that must find what a missing guard lets happen.

Each starts an instance of its own (`torture`), so they run one after the other.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bodega.proof.torture.plan import Guard

pytestmark = [pytest.mark.long]


async def torture(root: Path, folder: Path, *options: str) -> tuple[int, Any]:
    """The command's exit status and what it says of its run."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bodega.cli", "torture", "--json", "--report", str(folder / "torture.html"), *options,
        cwd=root, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await process.communicate()
    return process.returncode or 0, json.loads(told) if told else None


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_five_minutes_of_torture_break_no_promise(seed: int, root: Path, tmp_path: Path) -> None:
    code, report = await torture(
        root, tmp_path, "--minutes", "5", "--buyers", "50", "--kill-every", "5", "--seed", str(seed)
    )
    assert (code, report["found"]) == (0, [])
    assert report["kills"] >= 60
    assert report["rest_seconds"] < 60


@pytest.mark.timeout(3600)
async def test_half_an_hour_of_torture_neither_breaks_a_promise_nor_fills_memory_or_tables(
    root: Path, tmp_path: Path
) -> None:
    code, report = await torture(root, tmp_path, "--minutes", "30", "--buyers", "50", "--seed", "4")
    assert (code, report["found"]) == (0, [])
    assert grows(report["log"]["memory_mb"]) < 1.25
    assert grows(report["log"]["outbox_kb"]) < 1.25
    assert max(rows for _, rows in report["log"]["transient_rows"]) < 1000


@pytest.mark.timeout(1200)
async def test_a_shop_without_the_inboxs_key_is_found_to_break_promises(root: Path, tmp_path: Path) -> None:
    """Else the run above would say nothing. What the other guards prevent takes a race to show: tests/races.toml."""
    code, report = await torture(
        root, tmp_path, "--minutes", "3", "--buyers", "50", "--seed", "1", "--without", Guard.INBOX
    )
    assert code == 1
    assert report["found"]


def grows(samples: list[tuple[float, float]]) -> float:
    """By which factor the last third of the samples (seconds, size) lies above the middle third, on average."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    return (sum(size for _, size in last) / len(last)) / (sum(size for _, size in middle) / len(middle))
