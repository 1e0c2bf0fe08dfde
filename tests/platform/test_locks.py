"""Everything that is fetched is pinned and hashed, and no lock names an address."""

import re
from pathlib import Path

import pytest

from bodega.platform import jars
from bodega.platform.system import ROOT

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("lock", sorted((ROOT / "locks").rglob("*.*")), ids=str)
def test_no_lock_names_an_address(lock: Path) -> None:
    assert "://" not in lock.read_text()


@pytest.mark.parametrize("name", ["runtime", "engines", "test"])
def test_every_python_package_is_pinned_with_hashes(name: str) -> None:
    text = re.sub(r"\\\n\s*", " ", (ROOT / "locks" / f"{name}.txt").read_text())
    requirements = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert requirements
    assert not [line for line in requirements if not re.match(r"[\w.\[\],-]+==\S+.*--hash=sha256:", line)]


@pytest.mark.parametrize("engine", [*jars.ENGINES, *jars.TEST_ENGINES])
def test_every_jar_is_pinned_with_its_hash(engine: str) -> None:
    locked = jars.locked(engine)
    assert locked
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in locked)


def test_a_jar_with_another_hash_is_missing(tmp_path: Path) -> None:
    jar = jars.locked("mongo")[0]
    jar.path(tmp_path).parent.mkdir(parents=True)
    jar.path(tmp_path).write_bytes(b"not the jar")
    assert jar in jars.missing(tmp_path)
