"""The Java engines' jars: named, pinned and hashed in locks/jars/*/jgo.lock.toml, fetched by jgo's Maven client.

`BODEGA_MAVEN_REPOSITORY` names another repository (a mirror) than the client's own default.
To change an engine's version: edit its jgo.toml and run `jgo --class-path-only lock` beside it.
"""

import hashlib
import os
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bodega.platform.system import ROOT

LOCKS = ROOT / "locks" / "jars"
ENGINES = ("kafka", "opensearch", "mongo", "compiler")
"""And the compiler of the one class that is ours, in OpenSearch."""
TEST_ENGINES = ("elasticsearch",)
"""What tests run beside the shop's own engines."""


class JarError(Exception):
    """A jar could not be fetched, or is not the one that the lock names."""


@dataclass(frozen=True)
class Jar:
    """One locked jar."""

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str

    def path(self, home: Path) -> Path:
        """Where it lies: a Maven repository's layout below `maven/`."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        name = f"{self.artifact}-{self.version}{suffix}.jar"
        return _repository(home) / self.group.replace(".", "/") / self.artifact / self.version / name


def locked(engine: str) -> list[Jar]:
    """What an engine's lock names, in class path order."""
    lock = tomllib.loads((LOCKS / engine / "jgo.lock.toml").read_text())
    return [
        Jar(d["groupId"], d["artifactId"], d["version"], d.get("classifier", ""), d["sha256"])
        for d in lock["dependencies"]
    ]


def class_path(home: Path, engine: str) -> str:
    """The class path of an engine whose jars have been fetched."""
    return ":".join(str(jar.path(home)) for jar in locked(engine))


def missing(home: Path, engines: Sequence[str] = ENGINES) -> list[Jar]:
    """The jars still to be fetched. A stamp of the locks' hash makes the usual answer, none, immediate."""
    stamp = _stamp(home, engines)
    if stamp.exists() and stamp.read_text() == _locks_hash(engines):
        return []
    wanted = {jar: None for engine in engines for jar in locked(engine)}
    return [jar for jar in wanted if not _is_the_locked(jar, home)]


def fetch(home: Path, advance: Callable[[str], None] = lambda _: None, engines: Sequence[str] = ENGINES) -> None:
    """Fetch what is missing; `advance` is called with each jar's name when it is there. Raises JarError."""
    wanted = missing(home, engines)
    if wanted:
        from jgo.maven import MavenContext  # an engine package: not there before the first `up`

        mirror = os.environ.get("BODEGA_MAVEN_REPOSITORY")
        context = MavenContext(
            repo_cache=_repository(home),
            local_repos=[],
            remote_repos={"mirror": mirror} if mirror else None,
            timeout=60,
        )

        def fetch_one(jar: Jar) -> None:
            jar.path(home).unlink(missing_ok=True)  # half a jar, or another one
            component = context.project(jar.group, jar.artifact).at_version(jar.version)
            try:
                component.artifact(classifier=jar.classifier).resolve()
            except (OSError, RuntimeError) as error:
                raise JarError(
                    f"{jar.artifact} {jar.version} could not be fetched: {error}. "
                    "Is the machine on the network? A mirror can be named in BODEGA_MAVEN_REPOSITORY."
                ) from error
            if not _is_the_locked(jar, home):
                jar.path(home).unlink()
                raise JarError(f"{jar.artifact} {jar.version} does not have the hash that locks/jars lists; not used.")
            advance(jar.artifact)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(fetch_one, wanted))
    stamp = _stamp(home, engines)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(_locks_hash(engines))


def _is_the_locked(jar: Jar, home: Path) -> bool:
    path = jar.path(home)
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256


def _repository(home: Path) -> Path:
    return home / "maven"


def _stamp(home: Path, engines: Sequence[str]) -> Path:
    return _repository(home) / f"stamp-{'-'.join(engines)}"


def _locks_hash(engines: Sequence[str]) -> str:
    return hashlib.sha256(b"".join((LOCKS / e / "jgo.lock.toml").read_bytes() for e in engines)).hexdigest()
