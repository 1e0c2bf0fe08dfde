"""What no Python package brings, Varnish and libfaketime: Debian or Ubuntu packages, unpacked and not installed.

apt verifies them by the distribution's own signatures; its state for that is a folder of ours, so that an ordinary user
can do it. What lies in `debian/` is shared by all instances.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from bodega.platform.environment import DOWNLOADS, inherited

PACKAGES = ("varnish", "libvarnishapi3", "varnish-modules", "libjemalloc2", "libfaketime")
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_TOOLS = ("apt-get", "dpkg-deb")


class DebError(Exception):
    """A package could not be fetched; the message ends with what apt said."""


def varnishd(home: Path) -> Path:
    """Varnish's program, where it has been unpacked."""
    return _root(home) / "usr" / "sbin" / "varnishd"


def modules(home: Path) -> Path:
    """The folder of its modules."""
    return _root(home) / _LIBRARIES / "varnish" / "vmods"


def libraries(home: Path) -> str:
    """The path (LD_LIBRARY_PATH) of the libraries that it needs."""
    return f"{_root(home) / _LIBRARIES}:{_root(home) / _LIBRARIES / 'varnish'}"


def another_clock(home: Path, ahead_seconds: int) -> dict[str, str]:
    """The environment in which a program, and all that it starts, has a wall clock that is so much ahead. Its monotonic
    clock stays as it is. (https://github.com/wolfcw/libfaketime)"""
    library = _root(home) / _LIBRARIES / "faketime" / "libfaketimeMT.so.1"
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{ahead_seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }


def are_fetched(home: Path) -> bool:
    """Whether all packages are there."""
    return _stamp(home).exists() and _stamp(home).read_text() == " ".join(PACKAGES)


def missing_tools() -> list[str]:
    """The distribution's programs that are needed for it and not there."""
    return [tool for tool in _TOOLS if shutil.which(tool) is None]


def fetch(home: Path, advance: Callable[[str], None] = lambda _: None) -> None:
    """Fetch and unpack; `advance` is called with each package's name when it is there. Raises DebError."""
    if are_fetched(home):
        return
    if lacking := missing_tools():
        raise DebError(f"{' and '.join(lacking)} is missing: Varnish comes as packages of Debian or Ubuntu.")
    home.mkdir(parents=True, exist_ok=True)
    _stamp(home).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="apt-", dir=home) as folder:
        apt = Path(folder)
        for needed in ("lists/partial", "cache/archives/partial"):
            (apt / needed).mkdir(parents=True)
        # The machine's own lists may be missing, old, or not ours to renew.
        options = [f"-oDir::State::lists={apt}/lists", f"-oDir::Cache={apt}/cache", "-oDebug::NoLocking=1",
                   "-oAPT::Sandbox::User=root", "-q"]  # fmt: skip
        # Its exit code may be that of a hook of the machine's: what counts is whether the packages can be had.
        _, said = _run(["apt-get", *options, "update"], apt)
        unpacked = apt / "root"
        for package in PACKAGES:
            code, said_now = _run(["apt-get", *options, "download", package], apt)
            archive = next(apt.glob(f"{package}_*.deb"), None)
            if code or archive is None:
                raise DebError(f"{package} could not be fetched. " + "\n".join((said + said_now).splitlines()[-6:]))
            code, said_now = _run(["dpkg-deb", "-x", str(archive), str(unpacked)], apt)
            if code:
                raise DebError(f"{package} could not be unpacked. {said_now}")
            advance(package)
        shutil.rmtree(_root(home), ignore_errors=True)
        unpacked.rename(_root(home))
    _stamp(home).write_text(" ".join(PACKAGES))


def _run(command: list[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        command, cwd=folder, env={**inherited(*DOWNLOADS), "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def _root(home: Path) -> Path:
    return home / "debian"


def _stamp(home: Path) -> Path:
    return _root(home) / "fetched"
