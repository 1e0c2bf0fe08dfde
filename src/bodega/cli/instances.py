"""Which running copy a command is about, and making sure that its engines' packages are there."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bodega.cli.screen import err, fail
from bodega.platform import debs, jars, packages, pages
from bodega.platform.system import Instance, System, SystemDescriptionError

InstanceName = Annotated[
    str, typer.Option("--instance", envvar="BODEGA_INSTANCE", help="Which running copy: shop, test, bench or torture.")
]


def instance_of(name: str) -> Instance:
    """The instance of a name; ends the command, saying why, if platform.toml does not describe it."""
    try:
        return System.load().instance(name)
    except SystemDescriptionError as error:
        fail(str(error), do="Fix platform.toml (or platform.local.toml).")


def ensure_engines(instance: Instance, *, for_tests: bool = False) -> None:
    """Fetch the engines' packages, jars and Varnish, as far as they are missing; a second call fetches nothing.

    With `for_tests`, the jars of the engines that only tests run, too.
    """
    if instance.spec.site is not None:
        fail(f"{instance.name} does not run directly on this machine.", do="See deploy/ and docs/guides/containers.md.")
    try:
        ensure_packages("engines", "Engines")
        _ensure_jars(instance, "Java libraries", jars.ENGINES)
        if for_tests:
            _ensure_jars(instance, "Elasticsearch", jars.TEST_ENGINES)
        if not debs.are_fetched(instance.home):
            with _bar("Varnish", len(debs.PACKAGES)) as advance:
                debs.fetch(instance.home, advance)
    except debs.DebError as error:
        fail("Varnish could not be fetched.", str(error), "Is the machine on the network? Run the command again.")
    except jars.JarError as error:
        fail("The Java engines could not be fetched.", str(error), "Run it again: it continues where it stopped.")


def _ensure_jars(instance: Instance, title: str, engines: Sequence[str]) -> None:
    wanted = jars.missing(instance.home, engines)
    if wanted:
        with _bar(title, len(wanted)) as advance:
            jars.fetch(instance.home, advance, engines)
    else:
        jars.fetch(instance.home, engines=engines)


def ensure_pages(*, for_tests: bool = False) -> None:
    """Fetch the storefront's packages and build it, where that has not been done; with `for_tests`, theirs too."""
    try:
        if not pages.are_installed(for_tests=for_tests):
            with err.status("Fetching the storefront's packages ..."):
                pages.install(for_tests=for_tests)
        if not pages.are_built():
            with err.status("Building the pages ..."):
                pages.build()
    except pages.PagesError as error:
        fail("The storefront could not be built.", str(error), "Run the command again: it continues where it stopped.")


def ensure_packages(lock: packages.Lock, title: str) -> None:
    """Install a lock's Python packages if they are not there yet."""
    if packages.are_installed(lock):
        return
    try:
        with _bar(title, packages.how_many(lock)) as advance:
            packages.install(lock, advance)
    except packages.PackageError as error:
        fail(
            f"The packages named in locks/{lock}.txt could not be installed.",
            str(error),
            "Is the machine on the network? Run the command again: it continues where it stopped.",
        )


class _bar:
    """A progress bar that is told of each thing done."""

    def __init__(self, title: str, total: int) -> None:
        self._progress = Progress(
            TextColumn(f"{title:<16}"), BarColumn(32), TextColumn("{task.completed}/{task.total} {task.description}"),
            TimeElapsedColumn(), console=err,
        )  # fmt: skip
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> "_bar":
        self._progress.start()
        return self

    def __call__(self, name: str) -> None:
        self._progress.update(self._task, advance=1, description=name)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
