"""Each running process holds its own secrets and no other's: whoever takes one over has not got them all."""

import json

import pytest

from bodega.platform.secrets import Secrets
from bodega.platform.system import Instance, System
from tests.conftest import engine
from tests.platform.ownership import held, owned_by, running

pytestmark = pytest.mark.journey


@pytest.fixture
def instance() -> Instance:
    return System.load().instance(engine("BODEGA_TEST_INSTANCE"))


def test_no_process_holds_a_secret_of_another_part(instance: Instance) -> None:
    secrets = Secrets.of(instance)
    found = [(part, held(texts, secrets)) for part, texts in running(instance)]
    parts = {part for part, _ in found}
    assert {*instance.system.services, "services", "storefront", "purger", "postgres", "varnish"} <= parts
    assert ("storefront", {"edge", "purge"}) in found, "or nothing would be found at all"
    assert not [(part, foreign) for part, its in found if (foreign := its - owned_by(part, instance))]


def test_the_settings_that_a_service_reads_are_its_own_and_for_its_owner_alone(instance: Instance) -> None:
    secrets, folder = Secrets.of(instance), instance.data / "settings"
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in instance.system.services:
        file = folder / f"{name}.json"
        assert file.stat().st_mode & 0o777 == 0o600
        told = json.loads(file.read_text())
        assert {key for key in told if not key.startswith(f"BODEGA_{name.upper()}_")} == set()
        assert held([file.read_text()], secrets) <= owned_by(name, instance)
