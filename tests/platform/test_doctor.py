"""Doctor says on which machines the engines run, and where else to go; no cure of its is to ask it again."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from bodega.cli import doctor
from bodega.platform import packages, ports
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
    monkeypatch.setattr(ports, "is_free", lambda _: True)
    findings = list(doctor._examine(System.load(local=False).instance("shop", tmp_path)))
    lacking = {finding.what: finding.cure for finding in findings if not finding.well}
    assert {"Packages", "Engines", "Java libraries", "Varnish"} <= lacking.keys()
    assert all(cure and "doctor" not in cure for cure in lacking.values()), lacking


def test_another_bodega_on_the_ports_is_one_finding_and_not_to_be_killed_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    monkeypatch.setattr(ports, "holder", lambda port: ports.Holder(port, "a part", supervisor=4242))
    (finding,) = doctor._ports(System.load(local=False).instance("shop", tmp_path))
    assert "another Bodega" in finding.detail
    assert "4242" in finding.detail
    assert "down" in finding.cure


_LISTENS = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
_KEEPS = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_LISTENS!r}])"


def test_who_is_kept_by_a_supervisor_is_known() -> None:
    command = [sys.executable, "-c", _KEEPS, "bodega.platform.processes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        holder = ports.holder(int(supervisor.stdout.readline()))
        supervisor.communicate(b"\n")
    assert holder is not None
    assert holder.supervisor == supervisor.pid


def _with_merchant(tmp_path: Path, **details: str) -> doctor.Finding:
    system = System.load(local=False)
    merchant = system.merchant.model_copy(update=details)
    return doctor._merchant(system.model_copy(update={"merchant": merchant}).instance("shop", tmp_path))


FILLED_IN = {
    "name": "Haverfold GmbH", "street": "Speicherstr. 1", "postal_code": "20457", "city": "Hamburg",
    "email": "shop@haverfold.example", "phone": "+49 40 123456",
}  # fmt: skip


@pytest.mark.parametrize(("field", "words"), [("name", "name"), ("phone", "phone number"), ("email", "e-mail address")])
def test_doctor_names_in_words_what_the_legal_pages_lack_and_lets_the_shop_run(
    field: str, words: str, tmp_path: Path
) -> None:
    finding = _with_merchant(tmp_path, **FILLED_IN | {field: "  "})
    assert (finding.well, finding.urgent) == (False, False)
    assert finding.detail.startswith(f"the merchant's {words} is not filled in")
    assert "[merchant]" in finding.cure


def test_doctor_is_content_with_a_merchant_that_is_filled_in(tmp_path: Path) -> None:
    assert _with_merchant(tmp_path, **FILLED_IN).well
    lacking = _with_merchant(tmp_path)
    assert not lacking.well
    assert "name, street, postal code, city, e-mail address, phone number are not" in lacking.detail


def test_a_merchant_in_one_line_has_only_what_is_filled_in() -> None:
    empty = System.load(local=False).merchant
    assert empty.line == ""
    known = empty.model_copy(update={"name": "Haverfold GmbH", "city": "Hamburg", "vat_id": "DE1"})
    assert known.line == "Haverfold GmbH, Hamburg, VAT ID DE1"
