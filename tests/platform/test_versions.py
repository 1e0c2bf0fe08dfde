"""Data is used by the engines that made it, or by newer ones of the same line."""

import json
from pathlib import Path

import pytest

from bodega.platform import versions
from bodega.platform.system import Instance, System

pytestmark = pytest.mark.unit


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setattr(versions, "current", lambda: {"kafka": "4.4.0"})
    return System.load(local=False).instance("test", tmp_path)


def remembered(instance: Instance, version: str | None = None) -> str:
    path = instance.data / "versions.json"
    if version is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"kafka": version}))
    found: str = json.loads(path.read_text())["kafka"]
    return found


def test_new_data_remembers_its_engines(instance: Instance) -> None:
    versions.check(instance)
    assert remembered(instance) == "4.4.0"


@pytest.mark.parametrize("before", ["4.4.0", "4.3.9", "4.0"])
def test_a_newer_engine_of_the_same_line_goes_on(instance: Instance, before: str) -> None:
    remembered(instance, before)
    versions.check(instance)
    assert remembered(instance) == "4.4.0"


@pytest.mark.parametrize("before", ["4.4.1", "4.10.0", "3.9.0", "5.0.0"])
def test_another_engine_is_refused_and_the_cure_named(instance: Instance, before: str) -> None:
    remembered(instance, before)
    with pytest.raises(versions.VersionMismatch, match=rf"kafka: the data is from {before}, this is 4\.4\.0.*reset"):
        versions.check(instance)
    assert remembered(instance) == before
