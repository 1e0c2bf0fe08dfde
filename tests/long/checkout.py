"""A checkout of Bodega in a folder of its own, which begins at a release and is brought to the code under test as
`git pull` would, while its shop is open."""

import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from bodega.platform import state
from bodega.platform.environment import inherited
from bodega.platform.system import ROOT, Instance, System, state_home

INSTANCE = "upgrade"
_SHARED = ("maven", "debian", "zig")
"""What is fetched and compiled once for all: by a link."""
_COMMAND_SECONDS = 900.0
_DESCRIPTION = """
[times.upgrade]  # short waits as in `fast`, and patience with a machine that has other things to do
request_timeout_seconds = 14
step_deadline_seconds = 12
lease_seconds = 15
relay_poll_seconds = 0.2
retry_first_seconds = 0.2
retry_most_seconds = 2
cancel_window_seconds = 2
first_scan_seconds = 2
next_scan_seconds = 1
payment_failed_mail_seconds = 1
checkout_due_seconds = 30
declined_due_seconds = 30
unknown_due_seconds = 40
reconcile_seconds = 1
[instances.{name}]
offset = 5000
times = "upgrade"
replicas = {replicas}
[instances.{name}.ports]
opensearch = {{ http = 9296, transport = 14351 }}
seaweedfs = {{ admin = 17387, admin_grpc = 27387 }}
"""


class Checkout:
    """The folder, its environment of Python, and the commands in it. `replicas`: processes of each service."""

    def __init__(self, folder: Path, *, replicas: int) -> None:
        self.folder = folder
        self.home = folder / ".bodega"
        self._replicas = replicas
        self._files: set[str] = set()

    @property
    def instance(self) -> Instance:
        """Its shop, as its files describe it now."""
        return System.load(self.folder / "platform.toml").instance(INSTANCE, self.home)

    def at(self, release: str) -> None:
        """The files of a release."""
        archive = self.folder.with_suffix(".tar")
        git("archive", "--output", str(archive), release)
        with tarfile.open(archive) as packed:
            packed.extractall(self.folder, filter="tar")
        archive.unlink()
        self._files = set(git("ls-tree", "-r", "--name-only", release).splitlines())
        self._describe()

    def at_the_code_under_test(self) -> None:
        """The files of the repository as they lie there, committed or not; what it no longer has is gone."""
        present = {
            name for name in git("ls-files", "-co", "--exclude-standard").splitlines() if (ROOT / name).is_file()
        }
        for name in self._files - present:
            (self.folder / name).unlink()
        for name in present:
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_name(f".{target.name}.new")  # replaced whole, as git does: running code has the old one
            shutil.copy2(ROOT / name, draft)
            draft.replace(target)
        self._files = present
        self._describe()

    def change(self, file: str, text: str) -> None:
        """Another release, as far as this file goes: `text` is put at its end."""
        path = self.folder / file
        path.write_text(path.read_text() + text)

    def furnish(self) -> None:
        """Python's packages, engines and pages as the repository has them: nothing is fetched that is there."""
        self.home.mkdir(exist_ok=True)
        shutil.copytree(sys.prefix, self.home / "venv", symlinks=True, copy_function=_linked)
        for path in (self.home / "venv").glob("lib/python3*/site-packages/bodega.pth"):
            path.unlink()
            path.write_text(f"{self.folder / 'src'}\n")
        for name in _SHARED:
            if (state_home() / name).exists():
                (self.home / name).symlink_to(state_home() / name)
        pages = self.folder / "storefront"
        if (ROOT / "storefront" / "node_modules").exists():
            shutil.copytree(ROOT / "storefront" / "node_modules", pages / "node_modules", symlinks=True,
                            copy_function=_linked)  # fmt: skip
        if (ROOT / "storefront" / ".next").exists():
            shutil.copytree(ROOT / "storefront" / ".next", pages / ".next", symlinks=True)

    def bodega(self, *arguments: str) -> str:
        """Run its `./bodega` for its instance to the end; gives what it printed. Fails the test if that fails."""
        process = self.begin(*arguments)
        said, _ = process.communicate(timeout=_COMMAND_SECONDS)
        assert process.returncode == 0, f"{' '.join(arguments)} ended with {process.returncode}:\n{said}"
        return said

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        """The same, not waited for."""
        environment = {name: value for name, value in inherited().items() if name not in ("BODEGA_HOME", "PYTHONPATH")}
        return subprocess.Popen(
            [str(self.folder / "bodega"), *arguments, "--instance", INSTANCE],
            cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def close(self) -> None:
        """Nothing of it runs any more."""
        report = state.running(self.instance)
        if report is None:
            return
        os.kill(report.supervisor, 15)
        until = time.monotonic() + 120
        while report.is_alive():
            assert time.monotonic() < until, "its supervisor does not end"
            time.sleep(0.2)

    def _describe(self) -> None:
        text = _DESCRIPTION.format(name=INSTANCE, replicas=self._replicas)
        (self.folder / "platform.local.toml").write_text(text)


def git(*arguments: str) -> str:
    """What git says of the repository. Raises CalledProcessError."""
    return subprocess.run(
        ["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True, env=inherited()
    ).stdout


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
