"""The container files: a linter finds nothing, and nothing runs as root."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bodega import __version__
from bodega.platform.render import images
from bodega.platform.system import ROOT

FILES = sorted((ROOT / "deploy").glob("*Dockerfile"))
pytestmark = pytest.mark.unit


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_linter_finds_nothing(file: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = str(hadolint) if hadolint.exists() else shutil.which("hadolint")
    assert found, "hadolint is not installed: run `./bodega test`"
    done = subprocess.run([found, str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_runs_as_root(file: Path) -> None:
    last = file.read_text().rpartition("\nFROM ")[2]
    users = [line.split()[1] for line in last.splitlines() if line.startswith("USER ")]
    assert users
    assert not users[-1].startswith(("0", "root"))


def test_only_what_an_image_needs_is_sent_to_its_builder() -> None:
    for file in FILES:
        assert file.with_name(f"{file.name}.dockerignore").read_text().splitlines()[0] == "*"


def test_every_image_bears_a_version() -> None:
    for image in (*images.ENGINES.values(), images.TERMINATOR):
        assert image.rpartition(":")[2].lstrip("v")[0].isdigit(), image
    assert images.BODEGA.endswith(f":{__version__}")
