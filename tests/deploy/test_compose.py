"""compose.yaml: what is committed is what is rendered, is a Compose file, and does not contradict itself."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bodega.platform.gotools import COMPOSE, GoToolError, go_tool
from bodega.platform.render import compose, images, inside
from bodega.platform.system import ROOT, System

DEPLOY = ROOT / "deploy"


@pytest.fixture
def described() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


@pytest.mark.unit
def test_what_is_committed_is_what_is_rendered(tmp_path: Path) -> None:
    shutil.copy(ROOT / "platform.toml", tmp_path)  # without what this machine alone changes
    system = System.load(tmp_path / "platform.toml")
    again = "run `./bodega render compose`"
    assert (DEPLOY / "compose.yaml").read_text() == compose.compose(system), again
    assert (DEPLOY / "Caddyfile").read_text() == compose.caddyfile(system), again


@pytest.mark.unit
def test_every_part_of_the_system_is_there(described: dict[str, Any]) -> None:
    system = System.load()
    jobs = {"configure", "prepare", "tls", "tools"}
    assert set(described["services"]) == {*system.services, *system.engines, *jobs}


@pytest.mark.unit
def test_whatever_is_named_exists(described: dict[str, Any]) -> None:
    for name, service in described["services"].items():
        assert set(service.get("networks", ())) <= set(described["networks"]), name
        assert set(service.get("depends_on", ())) <= set(described["services"]), name
        assert {config["source"] for config in service.get("configs", ())} <= set(described["configs"]), name
        for volume in service.get("volumes", ()):
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            assert source in described["volumes"] or (DEPLOY / source).exists(), (name, source)


@pytest.mark.unit
def test_the_terminator_alone_can_be_reached_from_outside(described: dict[str, Any]) -> None:
    assert [name for name, service in described["services"].items() if service.get("ports")] == ["tls"]
    assert described["networks"]["stores"]["internal"] is True
    front = {name for name, service in described["services"].items() if "front" in service.get("networks", ())}
    assert front == {"tls", "varnish", "sandbox"}


@pytest.mark.unit
def test_each_part_is_given_its_own_files_and_only_jobs_see_the_secrets(described: dict[str, Any]) -> None:
    mounted = {
        name: [volume["volume"]["subpath"] for volume in service.get("volumes", ()) if isinstance(volume, dict)]
        for name, service in described["services"].items()
    }
    for part in inside.configured_parts(System.load()):
        assert mounted.pop(part) == [part]
    assert not any(mounted.values())
    with_secrets = {
        name
        for name, service in described["services"].items()
        if any(isinstance(volume, str) and volume.startswith("secrets:") for volume in service.get("volumes", ()))
    }
    assert with_secrets == {"configure", "prepare", "tools"}


@pytest.mark.unit
def test_nothing_is_put_into_a_read_only_container(described: dict[str, Any]) -> None:
    # Compose would copy it there, and fail (docker/compose, issue 12031).
    for name, service in described["services"].items():
        assert not (service.get("read_only") and service.get("configs")), name


@pytest.mark.unit
def test_one_service_builds_each_image(described: dict[str, Any]) -> None:
    built = [service["image"] for service in described["services"].values() if "build" in service]
    assert sorted(built) == sorted([images.BODEGA, images.STOREFRONT])


@pytest.mark.unit
def test_what_runs_has_a_limit_and_comes_back(described: dict[str, Any]) -> None:
    for name, service in described["services"].items():
        assert service["mem_limit"], name
        if name not in ("configure", "prepare", "tools"):
            assert service["restart"] == "unless-stopped", name
            assert name == "tls" or service["healthcheck"], name


@pytest.mark.service
def test_it_is_a_compose_file_by_the_specifications_own_schema(tmp_path: Path) -> None:
    try:
        validator = go_tool(*COMPOSE)
    except GoToolError as error:
        pytest.fail(f"the Compose specification's validator could not be built.\n{error}")
    # Variables stay as they are: the program does not look into its environment.
    command = [validator, "-no-interpolation", "compose.yaml"]
    done = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    wrong = (DEPLOY / "compose.yaml").read_text().replace("mem_limit", "memory_limit")
    (tmp_path / "compose.yaml").write_text(wrong)
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False).returncode != 0
