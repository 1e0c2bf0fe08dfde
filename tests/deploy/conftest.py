"""The system as its containers know it."""

from pathlib import Path

import pytest

from bodega.platform.render.inside import INSTANCE, files, make_secrets
from bodega.platform.secrets import Secrets
from bodega.platform.system import Instance, System


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return System.load().instance(INSTANCE, tmp_path)


@pytest.fixture
def secrets(instance: Instance) -> Secrets:
    return make_secrets(instance)


@pytest.fixture
def made(instance: Instance, secrets: Secrets) -> dict[str, dict[str, str]]:
    """Part -> file -> text, as `configure` makes them where no card processor's keys are given."""
    return files(instance, secrets, {})
