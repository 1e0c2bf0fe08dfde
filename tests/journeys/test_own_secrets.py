"""Each running process holds its own secrets and no other's: whoever takes one over has not got them all."""

import json
from pathlib import Path

import pytest

from bodega.platform import state
from bodega.platform.secrets import Secrets
from bodega.platform.settings import database_name
from bodega.platform.system import Instance, System
from tests.conftest import engine

pytestmark = pytest.mark.journey


@pytest.fixture
def instance() -> Instance:
    return System.load().instance(engine("BODEGA_TEST_INSTANCE"))


def environment_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(line.decode(errors="replace").split("=", 1) for line in lines if b"=" in line)


def test_no_process_has_a_secret_of_another_service_in_its_environment(instance: Instance) -> None:
    report = state.running(instance)
    assert report is not None
    kept = {path.name: path.read_text().strip() for path in Secrets.of(instance).folder.iterdir() if path.is_file()}
    services = {
        name: part.pid for name, part in report.parts.items() if name in {*instance.system.services, "services"}
    }
    assert len(services) == len(instance.system.services) + 1
    for name, pid in services.items():
        assert pid is not None, name
        told = " ".join(environment_of(pid).values())
        assert not [secret for secret, text in kept.items() if text[:20] in told], name


def test_the_settings_that_a_service_reads_are_its_own_and_for_its_owner_alone(instance: Instance) -> None:
    secrets, folder = Secrets.of(instance), instance.data / "settings"
    assert folder.stat().st_mode & 0o777 == 0o700
    passwords = {
        name: secrets.read(f"postgres-{database_name(name)}")
        for name, service in instance.system.services.items()
        if service.store == "postgres"
    } | {f"{name} at the broker": secrets.read(f"kafka-{name}") for name in instance.system.broker_users}
    for name in instance.system.services:
        file = folder / f"{name}.json"
        assert file.stat().st_mode & 0o777 == 0o600
        told = json.loads(file.read_text())
        assert {key for key in told if not key.startswith(f"BODEGA_{name.upper()}_")} == set()
        held = {owner for owner, password in passwords.items() if password in file.read_text()}
        assert held <= {name, f"{name} at the broker"}
        assert (secrets.read("stripe-key")[:24] in file.read_text()) is (name == "payments")
