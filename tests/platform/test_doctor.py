"""Doctor says on which machines the engines run, and where else to go."""

import platform

import pytest

from bodega.cli import doctor

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
