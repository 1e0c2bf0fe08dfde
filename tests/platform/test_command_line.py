"""What people see: failures say what, why and what to do; exit codes are right; nothing secret is shown."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from bodega.platform.secrets import Secrets
from bodega.platform.system import ROOT, System

pytestmark = pytest.mark.service  # they start processes: not for the quick stage


def bodega(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    import sys

    return subprocess.run(
        [sys.executable, "-m", "bodega.cli", *arguments],
        env={"PATH": os.environ["PATH"], "BODEGA_HOME": str(home), "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_status_of_what_does_not_run(tmp_path: Path) -> None:
    answer = bodega("status", home=tmp_path)
    assert answer.returncode == 1
    assert "`./bodega up` starts it" in answer.stdout


def test_down_of_what_does_not_run_is_no_failure(tmp_path: Path) -> None:
    assert bodega("down", home=tmp_path).returncode == 0


def test_an_unknown_instance_is_named(tmp_path: Path) -> None:
    answer = bodega("status", "--instance", "moon", home=tmp_path)
    assert answer.returncode == 1
    assert "there is no instance moon" in answer.stderr
    assert "What to do" in answer.stderr


def test_an_unknown_log_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "shop" / "logs").mkdir(parents=True)
    (tmp_path / "shop" / "logs" / "orders.log").write_text("one\ntwo\n")
    assert "Logs: orders." in bodega("logs", "orderz", home=tmp_path).stderr
    assert bodega("logs", "orders", "-n", "1", home=tmp_path).stdout == "two\n"


@pytest.mark.parametrize("arguments", [("unit", "--mutate"), ("races", "--mutate", "-x"), ("--mutate",)])
def test_guards_are_taken_out_of_all_races_and_of_nothing_else(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    answer = bodega("test", *arguments, home=tmp_path)
    assert answer.returncode == 1
    assert "./bodega test races --mutate" in answer.stderr


def test_reset_asks_first(tmp_path: Path) -> None:
    kept = tmp_path / "shop" / "kept"
    kept.parent.mkdir()
    kept.touch()
    assert bodega("reset", home=tmp_path).returncode == 1
    assert kept.exists()
    assert bodega("reset", "--yes", home=tmp_path).returncode == 0
    assert not kept.parent.exists()


def test_config_shows_no_secret(tmp_path: Path) -> None:
    answer = bodega("config", home=tmp_path)
    assert answer.returncode == 0
    assert "BODEGA_CHECKOUT_LEASE_SECONDS" in answer.stdout
    assert "the profile demo" in answer.stdout
    folder = Secrets.of(System.load().instance("shop", tmp_path)).folder
    values = [path.read_text()[:20] for path in folder.iterdir() if path.name != "internal-jwks.json"]
    assert not [value for value in values if value in answer.stdout]


def test_a_secret_from_outside_that_is_not_there_is_named(tmp_path: Path) -> None:
    answer = bodega("config", home=tmp_path, BODEGA_SECRET_VALKEY_FILE=str(tmp_path / "nowhere"))
    assert answer.returncode == 1
    assert "BODEGA_SECRET_VALKEY_FILE names" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_doctor_names_who_holds_a_port_and_how_to_end_it(tmp_path: Path) -> None:
    port = System.load().instance("test").port("sandbox", "smtp")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        answer = bodega("doctor", "--instance", "test", home=tmp_path)
    assert answer.returncode == 1
    assert f"{port} (sandbox.smtp) is taken by" in answer.stdout
    assert f"kill {os.getpid()}" in answer.stdout


def test_asking_a_shop_that_is_closed(tmp_path: Path) -> None:
    (tmp_path / "platform").mkdir()
    answer = bodega("seed", home=tmp_path)
    assert answer.returncode == 1
    assert "shop is not running" in answer.stderr
    assert "./bodega up" in answer.stderr


def test_without_a_python_the_script_says_what_to_install(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "readlink", "cmp", "mkdir", "rm", "cat"):
        (tools / name).symlink_to(shutil.which(name) or "")
    answer = subprocess.run(
        ["/bin/sh", str(ROOT / "bodega"), "version"],
        env={"PATH": str(tools), "BODEGA_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert answer.returncode == 1
    assert "Python 3.11 or newer is needed" in answer.stderr
    assert "apt install python3" in answer.stderr
    assert not (tmp_path / "home" / "venv.lock").exists()


@pytest.mark.parametrize("number", ["0", "-3", "1.5", "many", "1000000000"])
def test_a_number_of_products_that_cannot_be_is_refused_before_anything_is_done(tmp_path: Path, number: str) -> None:
    answer = bodega("seed", "--products", number, home=tmp_path)
    assert answer.returncode == 2
    assert "Invalid value for '--products'" in answer.stderr


def test_seeding_a_shop_that_does_not_run_says_how_to_start_it(tmp_path: Path) -> None:
    answer = bodega("seed", "--products", "1000", home=tmp_path)
    assert answer.returncode == 1
    assert "shop is not running" in answer.stderr
    assert "./bodega up" in answer.stderr
