"""Python packages beyond the runtime's, installed when first needed: the engines, and what tests need."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from bodega.platform.environment import DOWNLOADS, inherited
from bodega.platform.system import ROOT

Lock = Literal["runtime", "engines", "test"]


class PackageError(Exception):
    """pip could not install what a lock names; the message ends with what it said."""


def are_installed(lock: Lock) -> bool:
    """Whether the environment holds what the lock names now."""
    stamp = _stamp(lock)
    return stamp.exists() and stamp.read_bytes() == _lock(lock).read_bytes()


def how_many(lock: Lock) -> int:
    """How many packages a lock names."""
    return sum(1 for line in _lock(lock).read_text().splitlines() if "==" in line and not line.startswith((" ", "#")))


def install(lock: Lock, advance: Callable[[str], None] = lambda _: None) -> None:
    """Install a lock's packages, each with its hash; `advance` is called with the name of each. Raises PackageError."""
    command = [
        sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off",
        "--require-hashes", "-r", str(_lock(lock)),
    ]  # fmt: skip
    said: list[str] = []
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**inherited(*DOWNLOADS), "PYTHONUNBUFFERED": "1"},
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            said.append(line.rstrip())
            if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                advance(line.removeprefix("Collecting ").removeprefix("Requirement already satisfied: ").split("==")[0])
    if pip.returncode:
        raise PackageError("\n".join(said[-8:]))
    _stamp(lock).parent.mkdir(exist_ok=True)
    shutil.copyfile(_lock(lock), _stamp(lock))


def _lock(lock: Lock) -> Path:
    return ROOT / "locks" / f"{lock}.txt"


def _stamp(lock: Lock) -> Path:
    return Path(sys.prefix) / "installed" / f"{lock}.txt"
