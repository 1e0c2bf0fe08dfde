"""Which shop can be brought to the next release while it is open, and why another cannot."""

import json
from pathlib import Path

import pytest

from bodega.platform import state, upgrades
from bodega.platform.state import Part, Report, Upgrade
from bodega.platform.system import Instance, System
from bodega.platform.upgrades import CannotUpgrade

pytestmark = pytest.mark.unit


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return System.load(local=False).instance("test", tmp_path)


def report(*parts: str, release: str | None, extent: str = "shop") -> Report:
    supervisor, began = state.itself()
    return Report(supervisor, began, extent, {name: Part(name) for name in parts}, release=release)


def test_engines_alone_have_nothing_to_replace(instance: Instance) -> None:
    with pytest.raises(CannotUpgrade, match="no services"):
        upgrades.check(instance, report("postgres", release="0.2.0", extent="engines"))


def test_a_shop_of_0_1_with_one_process_of_each_service_has_to_be_closed(instance: Instance) -> None:
    with pytest.raises(CannotUpgrade, match="one process of each"):
        upgrades.check(instance, report("services", "auth", release=None))


def test_a_release_that_brings_other_engines_wants_the_shop_closed(instance: Instance) -> None:
    """Of this home no engine has been fetched."""
    for open_shop in (report("services", release="0.2.0"), report("services", "services-2", release=None)):
        with pytest.raises(CannotUpgrade, match="other engines"):
            upgrades.check(instance, open_shop)


def test_the_report_of_a_supervisor_of_0_1_can_be_read(instance: Instance) -> None:
    instance.data.mkdir()
    part = {
        "name": "auth",
        "state": "ready",
        "pid": 3,
        "since": 4.0,
        "restarts": 0,
        "message": "",
        "port": 5,
        "needs": [],
    }
    written = {
        "supervisor": 1, "supervisor_started": 2.0, "extent": "shop", "topology": "eleven", "parts": {"auth": part},
    }  # fmt: skip
    state.state_file(instance).write_text(json.dumps(written))
    read = state.read(instance)
    assert read is not None
    assert (read.release, read.upgrade, read.parts["auth"].pid) == (None, None, 3)


def test_what_a_later_release_adds_to_the_report_is_passed_over(instance: Instance) -> None:
    written = report("auth", release="0.2.0")
    written.upgrade = Upgrade(1.0, "done", left=("kafka",))
    instance.data.mkdir()
    written.write(state.state_file(instance))
    text = state.state_file(instance).read_text()
    for field in ("extent", "restarts", "began"):
        assert f'"{field}"' in text
        text = text.replace(f'"{field}"', f'"later": 1, "{field}"')
    state.state_file(instance).write_text(text)
    assert state.read(instance) == written
