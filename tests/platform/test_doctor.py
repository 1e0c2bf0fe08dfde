"""Doctor says on which machines the engines run, and where else to go; no cure of its is to ask it again."""

import platform
from pathlib import Path

import pytest

from bodega.cli import doctor
from bodega.platform import packages
from bodega.platform.system import System

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("system", "machine", "libc", "well"),
    [
        ("Linux", "x86_64", ("glibc", "2.36"), True),  # Debian 12
        ("Linux", "x86_64", ("glibc", "2.31"), True),  # Ubuntu 20.04
        ("Linux", "x86_64", ("glibc", "2.17"), False),
        ("Linux", "x86_64", ("", ""), False),  # musl
        ("Linux", "aarch64", ("glibc", "2.36"), False),
        ("Darwin", "arm64", ("", ""), False),
    ],
)
def test_where_the_engines_do_not_run_doctor_says_so_and_points_to_containers(
    system: str, machine: str, libc: tuple[str, str], well: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    finding = doctor._platform()
    assert finding.well is well
    assert machine in finding.detail
    assert "container" in finding.cure


def test_on_a_bare_machine_every_finding_has_a_cure_that_is_not_doctor_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "are_installed", lambda _: False)
    findings = list(doctor._examine(System.load(local=False).instance("shop", tmp_path)))
    lacking = {finding.what: finding.cure for finding in findings if not finding.well}
    assert {"Packages", "Engines", "Java libraries", "Varnish"} <= lacking.keys()
    assert all(cure and "doctor" not in cure for cure in lacking.values()), lacking
